//! `spdm csr`, `spdm set-cert`, `spdm keys` and `spdm slots`: from a request to a device that is verified with what it was given.

use crate::process::{Emulator, Folder, run, status};
use crate::schema::{check, schema};
use crate::small_ca::SmallCa;

const P256: &str = "--base-asym ECDSA_P256 --base-hash SHA_256";
/// What the device announces with a reset for every certificate.
const RESETS: &str = "--capabilities CERT_CAP,CHAL_CAP,MEAS_CAP_SIG,CHUNK_CAP,SET_CERT_CAP,CSR_CAP,CERT_INSTALL_RESET_CAP";

#[test]
fn a_device_is_verified_with_the_chain_it_was_given_also_after_a_restart() {
    let folder = Folder::new();
    let [csr, chain, root, state] =
        ["d.csr", "chain.pem", "ca.pem", "state"].map(|n| folder.path(n));
    let ca = SmallCa::new("Small CA");
    let start = || Emulator::start(&format!("{P256} --state {state}"));
    let device = start();
    let target = &device.target;
    let asked = run(&format!("csr {target} --out {csr}"));
    assert_eq!(asked.code, 0, "{asked:?}");
    assert!(asked.out.starts_with("CSR  tcp:") && asked.out.contains("ACME:WIDGET"), "{asked:?}");
    folder.write("chain.pem", ca.sign(&std::fs::read_to_string(&csr).unwrap()));
    folder.write("ca.pem", &ca.root);
    for version in ["1.2", "1.3", "1.4"] {
        let line = format!("set-cert {target} {chain} --slot 1 --max-version {version}");
        let unsure = run(&line);
        assert_eq!(unsure.code, 2, "{unsure:?}");
        assert!(unsure.err.contains("nothing was sent") && unsure.err.contains("--yes"));
        let done = run(&format!("{line} --yes --json"));
        assert_eq!(done.code, 0, "{version}: {done:?}");
        let object = done.object();
        assert_eq!((&object["effect"], &object["shown"]), (&"now".into(), &true.into()));
    }
    let shown = run(&format!("set-cert {target} {chain} --slot 1 --yes"));
    assert!(shown.out.starts_with("INSTALLED"), "{shown:?}");
    assert!(shown.out.lines().skip(1).all(|line| line.len() <= 80), "{shown:?}");
    let verified = |target: &str| {
        let attested = run(&format!("attest {target} --slot 1 --trust {root}"));
        assert_eq!(attested.code, 0, "{attested:?}");
        assert!(attested.out.starts_with("VERIFIED"), "{attested:?}");
        // The root of the others does not vouch for it, nor this one for them.
        let other = run(&format!("attest {target} --trust {root} --json"));
        assert_eq!((other.code, status(&other.object(), "chain.anchor")), (1, "fail"));
    };
    verified(target);
    let session = run(&format!("session {target} --slot 1 --trust {root}"));
    assert_eq!(session.code, 0, "{session:?}");
    drop(device);
    let again = start();
    verified(&again.target);
    let erased = run(&format!("set-cert {} --erase --slot 1 --yes", again.target));
    assert_eq!(erased.code, 0, "{erased:?}");
    assert!(erased.out.starts_with("ERASED"), "{erased:?}");
    let nothing = run(&format!("set-cert {} --erase --slot 1 --yes", again.target));
    assert_eq!((nothing.code, nothing.out.as_str()), (1, ""), "{nothing:?}");
    assert!(nothing.err.contains("slot 1 has no chain: nothing was erased"), "{nothing:?}");
    assert!(nothing.err.contains("slots with a chain: 0"), "{nothing:?}");
    let empty = run(&format!("attest {} --slot 1 --trust {root}", again.target));
    assert_eq!(empty.code, 1, "{empty:?}");
}

#[test]
fn a_device_that_has_to_be_reset() {
    let folder = Folder::new();
    let [csr, chain, root] = ["d.csr", "chain.pem", "ca.pem"].map(|name| folder.path(name));
    let ca = SmallCa::new("Small CA");
    let device = Emulator::start(&format!("{P256} {RESETS}"));
    let target = &device.target;
    let first = run(&format!("csr {target} --out {csr} --json"));
    assert_eq!(first.code, 1, "{first:?}");
    let object = first.object();
    assert_eq!((&object["reset_required"], &object["tracking_tag"]), (&true.into(), &1.into()));
    assert!(first.err.contains("--tag 1"), "{first:?}");
    assert!(!std::path::Path::new(&csr).exists(), "nothing half-done stays");
    // Each connection begins with a reset of this device.
    let second = run(&format!("csr {target} --tag 1 --out {csr}"));
    assert_eq!(second.code, 0, "{second:?}");
    folder.write("chain.pem", ca.sign(&std::fs::read_to_string(&csr).unwrap()));
    folder.write("ca.pem", &ca.root);
    let set = run(&format!("set-cert {target} {chain} --slot 2 --yes --json"));
    assert_eq!(set.code, 0, "{set:?}");
    assert_eq!(set.object()["effect"], "after_reset");
    let attested = run(&format!("attest {target} --slot 2 --trust {root}"));
    assert_eq!(attested.code, 0, "{attested:?}");
}

#[test]
fn what_is_wrong_with_a_chain_is_said_before_it_is_sent() {
    let folder = Folder::new();
    let chain = folder.path("chain.pem");
    let device = Emulator::start(P256);
    let target = &device.target;
    let asked = run(&format!("csr {target}"));
    assert_eq!(asked.code, 0, "{asked:?}");
    assert!(asked.out.starts_with("-----BEGIN CERTIFICATE REQUEST-----"), "{asked:?}");
    let ca = SmallCa::new("Small CA");
    let good = ca.sign(&asked.out);
    let set = |more: &str| run(&format!("set-cert {target} {chain} --slot 1 --yes {more}"));
    // The last certificate is an authority.
    folder.write("chain.pem", ca.root.clone() + &ca.root);
    let authority = set("");
    assert_eq!(authority.code, 1, "{authority:?}");
    assert!(
        authority.err.contains("chain.pem") && authority.err.contains("cA TRUE"),
        "{authority:?}"
    );
    folder.write("chain.pem", &good);
    // A leaf without its issuer.
    let leaf = good.rsplit_once("-----BEGIN").unwrap().1;
    folder.write("chain.pem", format!("-----BEGIN{leaf}"));
    let alone = set("");
    assert_eq!(alone.code, 1, "{alone:?}");
    let told = alone.err.lines().collect::<Vec<_>>().join(" ");
    let why = "the leaf alone: its issuer CN=Small CA is not in the file";
    assert!(told.contains(why) && told.contains("--trust"), "{alone:?}");
    folder.write("chain.pem", &good);
    // Somebody else is trusted.
    let other = set(&format!("--trust {}", device.root()));
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.err.contains("trust anchors"), "{other:?}");
    // The key of another device: its own refuses it.
    let another = Emulator::start(P256);
    let refused = run(&format!("set-cert {} {chain} --slot 1 --yes", another.target));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("SET_CERTIFICATE"), "{refused:?}");
    let nothing = set("--slot 9");
    assert_eq!(nothing.code, 2, "{nothing:?}");
    assert_eq!(set("").code, 0);
    let none = Emulator::start(&format!("{P256} --provisioning nobody"));
    let lacks = run(&format!("csr {}", none.target));
    assert_eq!(lacks.code, 1, "{lacks:?}");
    assert!(lacks.err.contains("the device lacks CSR_CAP"), "{lacks:?}");
    let guarded = Emulator::start(&format!("{P256} --provisioning in-sessions"));
    let plain = run(&format!("set-cert {} {chain} --slot 1 --yes", guarded.target));
    assert_eq!(plain.code, 1, "{plain:?}");
    assert!(plain.err.contains("UnexpectedRequest"), "{plain:?}");
    // In a session with a device that is trusted it takes slot 1, but not slot 0.
    let own = ca.sign(&run(&format!("csr {}", guarded.target)).out);
    folder.write("chain.pem", own);
    let line = |slot: u8, root: &str| {
        let target = &guarded.target;
        run(&format!("set-cert {target} {chain} --slot {slot} --session --trust {root} --yes"))
    };
    let stranger = line(1, &device.root());
    assert_eq!(stranger.code, 1, "{stranger:?}");
    let zero = line(0, &guarded.root());
    assert_eq!(zero.code, 1, "{zero:?}");
    assert!(zero.err.contains("UnexpectedRequest"), "{zero:?}");
    let done = line(1, &guarded.root());
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn key_pairs_are_listed_and_changed() {
    let device = Emulator::start(&format!("{P256} --slots 0,1"));
    let target = &device.target;
    let listed = run(&format!("keys {target} --json"));
    assert_eq!(listed.code, 0, "{listed:?}");
    let object = listed.object();
    let pairs = object["key_pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 2);
    assert_eq!((&pairs[1]["algorithm"], &pairs[1]["slots"][0]), (&"ECC_256".into(), &1.into()));
    assert!(object["changed"].is_null());
    let unsure = run(&format!("keys {target} --set 2 --slots none"));
    assert_eq!(unsure.code, 2, "{unsure:?}");
    let freed = run(&format!("keys {target} --set 2 --slots none --yes"));
    assert_eq!(freed.code, 0, "{freed:?}");
    assert!(freed.out.starts_with("CHANGED"), "{freed:?}");
    assert_eq!(run(&format!("keys {target} --erase 2 --yes")).code, 0);
    let new = format!("keys {target} --generate 2 --algorithm ECC_256 --slots 1 --yes --json");
    let new = run(&new).object();
    assert_eq!(new["key_pairs"][1]["slots"][0], 1);
    assert!(new["key_pairs"][1]["public_key_info"].is_string());
    let busy = run(&format!("keys {target} --erase 1 --yes"));
    assert_eq!(busy.code, 1, "{busy:?}");
    assert!(busy.err.contains("OperationFailed"), "{busy:?}");
    let refused = run(&format!("keys {target} --usage KEY_EX"));
    assert_eq!(refused.code, 2, "{refused:?}");
}

#[test]
fn banks_are_listed_and_changed() {
    let folder = Folder::new();
    let chain = folder.path("chain.pem");
    let ca = SmallCa::new("Small CA");
    let emulate = format!("{P256} --experimental --versions 1.4");
    let device = Emulator::start(&emulate);
    let target = &device.target;
    let listed = run(&format!("slots {target} --json"));
    assert_eq!(listed.code, 0, "{listed:?}");
    let object = listed.object();
    check(&schema("slots"), &object);
    let banks = object["banks"].as_array().unwrap();
    assert_eq!((banks.len(), &banks[0]["algorithm"]), (1, &"ECC_256".into()));
    assert_eq!(banks[0]["slots"].as_array().unwrap().len(), 8);
    assert_eq!(banks[0]["slots"][0]["provisioned"], true);
    assert!(object["changed"].is_null() && banks[0]["slots"][1]["digest"].is_null());
    let words = run(&format!("slots {target}"));
    assert!(words.out.contains("ECC_256, selected") && words.out.contains("empty"), "{words:?}");

    folder.write("chain.pem", ca.sign(&run(&format!("csr {target}")).out));
    let line = format!("slots {target} --bank 0 --slot 1 --install {chain}");
    let unsure = run(&line);
    assert_eq!(unsure.code, 2, "{unsure:?}");
    assert!(unsure.err.contains("nothing was sent") && unsure.err.contains("--yes"), "{unsure:?}");
    let done = run(&format!("{line} --yes"));
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.starts_with("CHANGED") && done.out.contains("bank 0, slot 1"), "{done:?}");
    let own = format!("{target} --bank 0 --slot 1 --erase --yes --json");
    let erased = run(&format!("slots {own}")).object();
    assert_eq!(
        (&erased["changed"]["slot"], &erased["changed"]["effect"]),
        (&1.into(), &"now".into())
    );
    assert_eq!(erased["banks"][0]["slots"][1]["provisioned"], false);
    // There is nothing to erase any more, and no such bank.
    for what in [format!("slots {own}"), format!("slots {target} --bank 7 --slot 1 --erase --yes")]
    {
        let refused = run(&what);
        assert_eq!(refused.code, 1, "{refused:?}");
    }
    let provisioned = run(&format!("slots {target} --bank 0 --algorithm ECC_256 --yes"));
    assert_eq!(provisioned.code, 1, "{provisioned:?}");
    assert!(provisioned.err.contains("InvalidState"), "{provisioned:?}");
    for wrong in ["--erase --yes", "--bank 0 --yes", "--bank 240 --slot 1 --erase --yes"] {
        assert_eq!(run(&format!("slots {target} {wrong}")).code, 2, "{wrong}");
    }

    let guarded = Emulator::start(&format!("{emulate} --provisioning in-sessions"));
    folder.write("chain.pem", ca.sign(&run(&format!("csr {}", guarded.target)).out));
    let line = format!("slots {} --bank 0 --slot 1 --install {chain} --yes", guarded.target);
    let plain = run(&line);
    assert_eq!(plain.code, 1, "{plain:?}");
    assert!(plain.err.contains("UnexpectedRequest"), "{plain:?}");
    let inside = run(&format!("{line} --session --trust {} --json", guarded.root()));
    assert_eq!(inside.code, 0, "{inside:?}");
    let object = inside.object();
    assert!(object["session"].is_string(), "{object}");
    assert_eq!(object["banks"][0]["slots"][1]["provisioned"], true);

    let without = Emulator::start(P256);
    let lacks = run(&format!("slots {}", without.target));
    assert_eq!(lacks.code, 1, "{lacks:?}");
    assert!(lacks.err.contains("the device lacks SLOT_MGMT_CAP"), "{lacks:?}");
}
