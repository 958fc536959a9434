//! The verbs that ask in a session, too: `csr`, `keys`, `mel`, `endpoint`, `set-cert` with `--session`.

use serde_json::Value;

use crate::process::{Emulator, Folder, run};
use crate::schema::{check, schema};

const P256: &str = "--base-asym ECDSA_P256 --base-hash SHA_256";
const VERBS: [&str; 4] = ["csr", "keys", "mel", "endpoint"];

#[test]
fn what_is_told_in_a_session_is_what_is_told_outside() {
    for verb in VERBS {
        let outside = run(&format!("{verb} emulated --json")).object();
        let inside = run(&format!("{verb} emulated --session --json"));
        assert_eq!(inside.code, 0, "{verb}: {inside:?}");
        let inside = inside.object();
        check(&schema(verb), &inside);
        check(&schema(verb), &outside);
        let session = inside["session"].as_str().unwrap();
        assert!(session.starts_with("0x") && session.len() == 10, "{verb}: {session}");
        assert!(outside["session"].is_null(), "{verb}: {outside}");
        for part in ["entries", "classes"] {
            assert_eq!(inside[part], outside[part], "{verb}");
        }
        assert_eq!(run(&format!("{verb} emulated --session")).code, 0, "{verb}");
    }
    let log = run("mel emulated --session");
    assert!(log.out.contains("not signed; in a session with the device"), "{log:?}");
    let unsigned = run("endpoint emulated --session --unsigned --json").object();
    check(&schema("endpoint"), &unsigned);
    assert!(unsigned["session"].is_string() && unsigned["signature"].is_null(), "{unsigned}");
}

/// The messages are in the records: the device says so, and nothing of them is asked outside.
#[test]
fn the_request_is_in_a_record() {
    for (verb, message) in [
        ("csr", "GET_CSR"),
        ("keys", "GET_KEY_PAIR_INFO"),
        ("mel", "GET_MEASUREMENT_EXTENSION_LOG"),
        ("endpoint", "GET_ENDPOINT_INFO"),
    ] {
        let device = Emulator::start(&format!("{P256} -v --once"));
        let (target, root) = (&device.target, device.root());
        let told = run(&format!("{verb} {target} --session --trust {root}"));
        assert_eq!(told.code, 0, "{verb}: {told:?}");
        let told = device.told();
        let lines: Vec<_> =
            told.lines().filter(|line| line.contains(&format!(" {message} ("))).collect();
        assert!(!lines.is_empty(), "{verb}: {told}");
        assert!(lines.iter().all(|line| line.contains("in a record of session")), "{told}");
        assert!(told.contains("END_SESSION_ACK"), "{verb}: {told}");
    }
}

#[test]
fn a_device_that_is_not_trusted_is_asked_nothing() {
    let folder = Folder::new();
    let device = Emulator::start(P256);
    let other = Emulator::start(P256);
    let (target, root) = (&device.target, other.root());
    let chain = folder.write("chain.pem", std::fs::read(&root).unwrap());
    let set = format!("set-cert {target} {chain} --slot 1 --yes");
    let lines = VERBS.map(|verb| format!("{verb} {target}"));
    for line in lines.iter().chain([&set]) {
        let refused = run(&format!("{line} --session --trust {root} --json"));
        assert_eq!(refused.code, 1, "{refused:?}");
        // Without anybody who is trusted, too.
        assert_eq!(run(&format!("{line} --session")).code, 1, "{line}");
        let usage = run(&format!("{line} --peer-key {root}"));
        // Only the key of endpoint info is asked for outside of sessions.
        let is_endpoint = line.starts_with("endpoint");
        assert_eq!(usage.code, if is_endpoint { 1 } else { 2 }, "{usage:?}");
    }
    for verb in ["csr", "keys", "mel"] {
        let usage = run(&format!("{verb} {target} --trust {root}"));
        assert_eq!(usage.code, 2, "{usage:?}");
        assert!(usage.err.contains("without --session: leave out --trust"), "{usage:?}");
        let slot = run(&format!("{verb} {target} --session-slot 1"));
        assert_eq!(slot.code, 2, "{slot:?}");
    }
}

#[test]
fn key_pairs_are_changed_in_a_session() {
    let device = Emulator::start(&format!("{P256} --slots 0,1 -v"));
    let (target, root) = (&device.target, device.root());
    let line = format!("keys {target} --set 2 --slots none --session --trust {root} --json");
    assert_eq!(run(&line).code, 2, "without --yes");
    let changed = run(&format!("{line} --yes"));
    assert_eq!(changed.code, 0, "{changed:?}");
    assert_eq!(changed.object()["changed"]["id"], 2);
}

/// A device outside of its factory refuses key pairs everywhere (DSP0274 1.3): the session is closed all the same.
#[test]
fn what_is_refused_in_a_session_ends_it_in_good_order() {
    let device = Emulator::start(&format!("{P256} --provisioning in-sessions -v --once"));
    let (target, root) = (&device.target, device.root());
    let refused = run(&format!("keys {target} --erase 1 --yes --session --trust {root}"));
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("SET_KEY_PAIR_INFO"), "{refused:?}");
    let told = device.told();
    assert!(told.contains("END_SESSION_ACK"), "{told}");
}

#[test]
fn the_records_can_be_read_with_the_secrets() {
    let folder = Folder::new();
    let (pcap, keys) = (folder.path("s.pcap"), folder.path("keys.json"));
    let line = format!("mel emulated --session --pcap {pcap} --secrets-out {keys}");
    assert_eq!(run(&line).code, 0);
    let decoded = run(&format!("decode {pcap} --secrets {keys}"));
    assert_eq!(decoded.code, 0, "{decoded:?}");
    assert!(decoded.out.contains("MEASUREMENT_EXTENSION_LOG"), "{decoded:?}");
}

#[test]
fn a_device_with_a_raw_key() {
    let folder = Folder::new();
    let (key, other) = (folder.path("key.der"), folder.path("other.der"));
    let start =
        |key: &str| Emulator::listen(Folder::new(), &format!("{P256} --peer-key-out {key}"));
    let (device, _stranger) = (start(&key), start(&other));
    let target = &device.target;
    for (verb, session) in [("mel", "--session"), ("endpoint", "--session"), ("endpoint", "")] {
        let line = format!("{verb} {target} {session}");
        let right = run(&format!("{line} --peer-key {key} --json"));
        assert_eq!(right.code, 0, "{line}: {right:?}");
        let wrong = run(&format!("{line} --peer-key {other}"));
        assert_eq!(wrong.code, 1, "{line}: {wrong:?}");
        assert!(wrong.err.contains("other.der (--peer-key)"), "{wrong:?}");
    }
    let info = run(&format!("endpoint {target} --peer-key {key} --json")).object();
    check(&schema("endpoint"), &info);
    let signature = &info["signature"];
    assert_eq!((&signature["slot"], &signature["trusted"]), (&Value::Null, &true.into()));
    let shown = run(&format!("endpoint {target} --peer-key {key}"));
    assert!(shown.out.contains("by the key of --peer-key"), "{shown:?}");
    // Without a key the hint names the option.
    let without = run(&format!("endpoint {target}"));
    assert_eq!(without.code, 1, "{without:?}");
    assert!(without.err.contains("its public key: --peer-key FILE"), "{without:?}");
    let usage = run(&format!("endpoint {target} --unsigned --peer-key {key}"));
    assert_eq!(usage.code, 2, "{usage:?}");
    // A device with certificates has no such key.
    let certified = Emulator::start(P256);
    let other = run(&format!("mel {} --session --peer-key {key}", certified.target));
    assert_eq!(other.code, 1, "{other:?}");
    assert!(other.err.contains("leave out --peer-key"), "{other:?}");
    // A revoked key is trusted by nobody.
    let hash = spki_digest(&key);
    let revoked = run(&format!("endpoint {target} --peer-key {key} --revoked-key {hash} --json"));
    assert_eq!(revoked.code, 1, "{revoked:?}");
    assert_eq!(revoked.object()["signature"]["trusted"], false);
}

fn spki_digest(path: &str) -> String {
    use spdm_crypto::HashAlgorithm;
    let provider = spdm_crypto::rustcrypto::PROVIDER;
    let bytes = std::fs::read(path).unwrap();
    let digest = provider.hash.digest(HashAlgorithm::Sha256, &[&bytes]).unwrap();
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A device that authenticates the host, too, and serves nobody whom it does not know.
#[test]
fn the_host_proves_who_it_is() {
    for kind in ["session", "encapsulated", "digests"] {
        let folder = Folder::new();
        let own = folder.path("host");
        std::fs::create_dir(&own).unwrap();
        let line =
            format!("{P256} --mutual-auth {kind} --require-mutual-auth --requester-out {own}");
        let device = Emulator::start(&line);
        let (target, root) = (&device.target, device.root());
        let identity = format!("--identity {own}/chain.pem --identity-key {own}/key.pem");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let key = std::fs::metadata(format!("{own}/key.pem")).unwrap();
            assert_eq!(key.permissions().mode() & 0o777, 0o600, "nobody else reads the key");
        }
        for (verb, more) in [
            ("mel", "--session"),
            ("keys", "--session"),
            ("csr", "--session"),
            ("endpoint", "--session"),
            ("events", ""),
            ("tdisp", "--function be:1d.7 state"),
            ("ide", "query"),
            ("send", "--standard DMTF 01 --session"),
        ] {
            let line = format!("{verb} {target} {more} --trust {root}");
            let known = run(&format!("{line} {identity}"));
            assert_eq!(known.code, 0, "{kind} {verb}: {known:?}");
            let unknown = run(&line);
            assert_eq!(unknown.code, 1, "{kind} {verb}: {unknown:?}");
        }
        let without = run(&format!("mel {target} {identity}"));
        assert_eq!(without.code, 2, "{without:?}");
        assert!(without.err.contains("leave out --identity-key"), "{without:?}");
    }
}

#[test]
fn verbs_of_sessions_name_the_root_that_nobody_vouches_for() {
    let device = Emulator::start(P256);
    let target = &device.target;
    for line in [
        format!("tdisp {target} --function be:1d.7 state"),
        format!("ide {target} query"),
        format!("events {target}"),
        format!("keys {target} --session"),
    ] {
        let unknown = run(&line);
        assert_eq!(unknown.code, 1, "{unknown:?}");
        let told = unknown.err.lines().collect::<Vec<_>>().join(" ");
        let (_, root) = told.split_once("--trust-root-hash ").unwrap_or_else(|| panic!("{told}"));
        let root: String = root.chars().take(64).collect();
        let json = run(&format!("{line} --json"));
        assert_eq!(json.object()["identity"]["root_sha256"], root.as_str());
        assert!(json.err.contains("--trust-root-hash"), "{json:?}");
        assert_eq!(run(&format!("{line} --trust-root-hash {root} -q")).code, 0, "{line}");
    }
}

#[test]
fn the_slot_of_a_session_is_named_by_its_option() {
    let device = Emulator::start(&format!("{P256} --slots 1,3"));
    let line = |verb: &str| format!("{verb} {} --trust {}", device.target, device.root());
    for (verb, hint) in [
        ("csr --session", "slots 1, 3 have one: --session-slot 1"),
        ("endpoint --slot 3 --session", "slots 1, 3 have one: --session-slot 1"),
        (
            "endpoint --slot 0 --session --session-slot 1",
            "slots 1, 3 have one: --slot 1, or --slot any",
        ),
        ("events", "slots 1, 3 have one: --slot 1"),
    ] {
        let empty = run(&line(verb));
        assert_eq!(empty.code, 1, "{empty:?}");
        let told = empty.err.lines().find_map(|line| line.strip_prefix("hint: "));
        assert_eq!(told, Some(hint), "{verb}: {empty:?}");
    }
    assert_eq!(run(&line("csr --session --session-slot 1 --slot 1")).code, 0);
}
