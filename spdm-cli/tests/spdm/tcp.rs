//! The device in another process.

use std::io::Read;
use std::process::Stdio;

use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;

use crate::process::{Emulator, Folder, command, run, status};

#[test]
fn every_framing_and_binding() {
    for framing in [
        "--framing dsp0287",
        "--framing dmtf-emu --binding none",
        "--framing dmtf-emu --binding mctp",
        "--framing dmtf-emu --binding doe",
        "--framing dmtf-emu --binding tcp",
        "--framing dmtf-emu --binding nvme",
        "--framing dmtf-emu --binding scsi",
        "--framing dmtf-emu --binding ata",
    ] {
        let device = Emulator::start(framing);
        let (target, root) = (&device.target, device.root());
        let pcap = device.folder.path("exchange.pcap");
        let live = run(&format!("attest {target} {framing} --trust {root} --json --pcap {pcap}"));
        assert_eq!(live.code, 0, "{framing}: {live:?}");
        let report = live.object();
        assert_eq!(
            (&report["verified"], &report["target"]),
            (&true.into(), &target.as_str().into())
        );
        // The device goes on with the next connection, and the capture says the same.
        assert_eq!(
            run(&format!("attest {target} {framing} --trust {root} -q")).code,
            0,
            "{framing}"
        );
        let offline = run(&format!("verify {pcap} --trust {root} --json"));
        assert_eq!(offline.code, 0, "{framing}: {offline:?}");
        assert_eq!(run(&format!("decode {pcap}")).code, 0, "{framing}");
    }
}

#[test]
fn without_an_anchor_the_root_is_named() {
    let device = Emulator::start("--seed 1");
    let target = &device.target;
    let unknown = run(&format!("attest {target}"));
    assert_eq!(unknown.code, 1);
    assert!(unknown.out.starts_with(&format!("NOT VERIFIED  {target}: no trust anchor\n")));
    let pin = unknown.out.lines().find(|line| line.trim_start().starts_with("--trust-root-hash "));
    let pinned = run(&format!("attest {target} {}", pin.unwrap()));
    assert_eq!(pinned.code, 0, "{pinned:?}");
    // Measurements were asked for, and came signed: nobody asked whom to trust.
    let measured = run(&format!("measure {target} --json"));
    assert_eq!((measured.code, &measured.object()["verified"]), (0, &false.into()));
}

#[test]
fn one_connection_only() {
    let device = Emulator::start("--once");
    assert_eq!(run(&format!("info {}", device.target)).code, 0);
    assert_eq!(device.wait(), 0);
}

#[test]
fn a_seed_makes_the_same_keys() {
    let roots = [Emulator::start("--seed 7"), Emulator::start("--seed 7")]
        .map(|device| std::fs::read(device.root()).unwrap());
    assert_eq!(roots[0], roots[1]);
}

#[test]
fn a_device_with_a_provisioned_key() {
    let folder = Folder::new();
    let key = folder.path("key.der");
    let device = Emulator::listen(folder, &format!("--base-asym ECDSA_P384 --peer-key-out {key}"));
    let target = &device.target;
    let given = run(&format!("attest {target} --peer-key {key} --json"));
    let report = given.object();
    assert_eq!((given.code, &report["slot"]), (0, &255.into()), "{report}");
    let missing = run(&format!("attest {target} --json"));
    assert_eq!((missing.code, &missing.object()["verified"]), (1, &false.into()));
    assert!(missing.err.contains("--peer-key"), "{}", missing.err);
    let named = run(&format!("attest {target} --peer-key {key} --san dmtf --json"));
    assert_eq!(named.code, 1, "a key carries no name");
}

#[test]
fn a_provisioned_key_that_is_revoked() {
    let folder = Folder::new();
    let (key, pcap) = (folder.path("key.der"), folder.path("exchange.pcap"));
    let device = Emulator::listen(folder, &format!("--base-asym ECDSA_P384 --peer-key-out {key}"));
    let target = &device.target;
    let trusted = run(&format!("attest {target} --peer-key {key} --pcap {pcap} --json"));
    assert_eq!(trusted.code, 0, "{trusted:?}");
    let spki = std::fs::read(&key).unwrap();
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&spki]).unwrap();
    let revoked = hex::encode(digest.as_bytes());
    let other = "00".repeat(32);
    for verb in [format!("attest {target}"), format!("measure {target}"), format!("verify {pcap}")]
    {
        let judge =
            |revoked: &str| run(&format!("{verb} --peer-key {key} --revoked-key {revoked} --json"));
        assert_eq!(judge(&other).code, 0, "{verb}");
        let refused = judge(&revoked);
        let report = refused.object();
        assert_eq!((refused.code, &report["verified"]), (1, &false.into()), "{verb}: {report}");
        assert_eq!(report["error"]["kind"], "chain", "{verb}");
        assert_eq!(status(&report, "chain.certificates"), "fail", "{verb}");
        assert_eq!(status(&report, "measurements.signature"), "pass", "{verb}");
    }
}

#[test]
fn slots() {
    let device = Emulator::start("--slots 1,3");
    let (target, root) = (&device.target, device.root());
    let any = run(&format!("attest {target} --trust {root} --slot any --json"));
    assert_eq!((any.code, &any.object()["slot"]), (0, &1.into()));
    let third = run(&format!("attest {target} --trust {root} --slot 3 --json"));
    assert_eq!((third.code, &third.object()["slot"]), (0, &3.into()));
    let empty = run(&format!("attest {target} --trust {root} --json"));
    let report = empty.object();
    assert_eq!((empty.code, status(&report, "chain.format")), (1, "fail"));
    assert_eq!(run(&format!("certs {target} --json")).objects().len(), 2);
}

#[test]
fn the_name_of_a_pci_function() {
    let id = "--san pci-cma --pci-id 1b36:0010:010802:02:1af4:1100";
    let device = Emulator::start(id);
    let (target, root) = (&device.target, device.root());
    assert_eq!(run(&format!("attest {target} --trust {root} {id} -q")).code, 0);
    let other = "--san pci-cma --pci-id 1b36:0011:010802:02:1af4:1100";
    assert_eq!(run(&format!("attest {target} --trust {root} {other} -q")).code, 1);
}

#[test]
fn capabilities_that_a_device_lacks() {
    let device = Emulator::start("--capabilities CERT_CAP,MEAS_CAP_SIG");
    let (target, root) = (&device.target, device.root());
    let lacking = run(&format!("attest {target} --trust {root} --json"));
    let report = lacking.object();
    assert_eq!((lacking.code, status(&report, "challenge.signature")), (1, "fail"));
    assert_eq!(status(&report, "measurements.signature"), "pass");
    assert!(lacking.err.contains("--challenge none"), "{}", lacking.err);
    let waived = run(&format!("attest {target} --trust {root} --challenge none --json"));
    assert_eq!(waived.code, 0);
}

#[test]
fn nobody_listens() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for verb in ["attest", "info", "certs", "measure", "collect"] {
        let run = run(&format!("{verb} tcp:127.0.0.1:{port} --timeout 2"));
        assert_eq!(run.code, 3, "{verb}: {run:?}");
    }
    let run = run(&format!("attest tcp:127.0.0.1:{port} --timeout 2 --json"));
    let report = run.object();
    assert_eq!((run.code, &report["error"]["kind"]), (3, &"transport".into()));
    assert_eq!(report["checks"].as_array().unwrap().len(), 15);
}

#[test]
fn a_reader_that_goes_away() {
    for (line, code) in [("attest emulated", 0), ("emulate --fault help", 0), ("--help", 0)] {
        let args: Vec<_> = line.split_whitespace().collect();
        let mut child =
            command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(code), ""), "{line}");
    }
}
