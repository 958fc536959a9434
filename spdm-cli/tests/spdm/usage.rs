//! What is wrong with the arguments or with a file: exit code 2, and a word why.

use crate::process::{Folder, run, spdm};

#[test]
fn usage_errors() {
    for (line, word) in [
        ("", "Usage"),
        ("atest emulated", "atest"),
        ("attest", "TARGET"),
        ("attest pci:01:00.0", "pci:DDDD:BB:DD.F"),
        ("attest mctp:7", "mctp:[NET,]EID"),
        ("attest nvme:0", "nvme:/dev/nvmeN"),
        ("attest scsi:sg0", "scsi:/dev/sgN"),
        ("attest ata:sda", "ata:/dev/sdX"),
        ("attest tcp:localhost:x", "tcp:HOST[:PORT]"),
        ("attest emulated --nonce 00", "a nonce has 32"),
        ("attest emulated --nonce @/does/not/exist", "/does/not/exist"),
        ("attest emulated --slot 8", "0 to 7"),
        ("attest emulated --measurements 0", "1 to 254"),
        ("attest emulated --base-asym SLH_DSA_SHA2_128S", "not implemented"),
        ("attest emulated --transfer-size 41", "at least 42"),
        ("emulate --transfer-size 0", "at least 42"),
        ("attest emulated --backend openssl", "possible values: rustcrypto"),
        ("attest tcp:127.0.0.1:1 --binding doe", "--framing dmtf-emu"),
        ("attest emulated --binding doe", "belong to tcp: targets"),
        ("attest emulated --binding usb --framing dmtf-emu", "nvme, scsi or ata"),
        ("emulate --listen mctp --framing dmtf-emu", "sockets"),
        ("emulate --listen mctp --once", "sockets"),
        ("emulate --listen mctp:x", "mctp:NET"),
        ("attest emulated --san pci-cma", "--pci-id"),
        ("attest emulated --pci-id 1b36:0010:010802:02", "--san pci-cma"),
        ("attest emulated --pci-id 1b36 --san pci-cma", "VVVV"),
        ("attest emulated --at tomorrow", "unix:N"),
        ("attest emulated --trust /does/not/exist", "/does/not/exist"),
        ("attest emulated --trust-root-hash 00", "32, 48 or 64"),
        ("attest emulated --revoked-key 00", "32, 48 or 64"),
        ("measure emulated --revoked-key zz", "hexadecimal"),
        ("verify x --revoked-key 0x", "32, 48 or 64"),
        ("chain x --revoked-key :", "32, 48 or 64"),
        ("attest emulated --min-version 1.3 --max-version 1.2", "--min-version"),
        ("attest emulated --min-version 2.0", "1.4 is expected"),
        ("attest emulated --repeat 0", "0"),
        ("attest emulated --timeout 0", "seconds"),
        ("attest emulated -q -v", "cannot be used"),
        ("session emulated --psk /does/not/exist", "/does/not/exist"),
        ("session emulated --psk /dev/null", "/dev/null: a pre-shared key cannot be empty"),
        ("session emulated --psk-hint 00", "--psk <FILE>"),
        ("session emulated --psk x --psk-hint 0", "hexadecimal"),
        ("session emulated --psk x --trust y", "cannot be used"),
        ("session emulated --psk x --at unchecked", "cannot be used"),
        ("session emulated --psk x --allow-untrusted", "cannot be used"),
        ("session emulated --update-keys all", "possible values: requests, both"),
        ("session emulated --heartbeat x", "--heartbeat"),
        ("session emulated --measurements none --reference x", "x: "),
        ("attest emulated --secrets-out keys.json", "--session"),
        ("measure emulated --secrets-out keys.json", "--session"),
        ("attest emulated --session --evidence - --secrets-out -", "standard output"),
        ("measure emulated --session --unsigned", "cannot be used"),
        ("verify /does/not/exist", "/does/not/exist"),
        ("verify x --nonce random", "--nonce HEX"),
        ("emulate --fault nonsense", "nonsense"),
        ("emulate --listen nowhere", "nowhere: expected HOST:PORT of this machine"),
        ("emulate --capabilities MEAS_CAP", "there are MEAS_CAP_NO_SIG, MEAS_CAP_SIG"),
        ("emulate --slots 9", "0 to 7"),
    ] {
        let run = run(line);
        assert_eq!(run.code, 2, "{line}: {run:?}");
        assert!(run.err.contains(word), "{line}: {}", run.err);
        assert_eq!(run.out, "", "{line}");
    }
    let unused = format!("session emulated --measurements none --nonce {}", "00".repeat(32));
    assert!(run(&unused).err.contains("--nonce is that of GET_MEASUREMENTS"));
    let repeated = format!("attest emulated --repeat 2 --nonce {}", "00".repeat(32));
    assert_eq!(run(&repeated).code, 2, "no nonce is used twice");
}

/// What stands behind a name is looked at before a command is sent to it.
#[cfg(target_os = "linux")]
#[test]
fn what_is_no_drive() {
    for scheme in ["nvme", "scsi", "ata"] {
        for (node, code, sentence) in [
            ("/dev/there-is-no-such-drive", 3, "there is no such device"),
            ("/proc/self/status", 2, "this is no device"),
            ("/", 2, "this is no device"),
            ("/dev/null", 2, "this is a device of another kind (mem)"),
        ] {
            for verb in ["attest", "info", "certs", "measure"] {
                let run = run(&format!("{verb} {scheme}:{node}"));
                assert_eq!((run.code, run.out.as_str()), (code, ""), "{run:?}");
                let expected = format!("{scheme}:{node}: {sentence}");
                assert!(run.err.contains(&expected), "{}", run.err);
            }
        }
    }
    let listed = run("list");
    assert_eq!(listed.code, 0, "{listed:?}");
    assert!(listed.out.contains("Drives with SPDM in their security commands"), "{}", listed.out);
}

/// A digest of no hash function would match nothing, and a revocation that is left out would be trust.
#[test]
fn revocations_that_could_never_match() {
    let folder = Folder::new();
    let file = folder.path("evidence.json");
    let certs = folder.path("certs");
    let live = format!("attest emulated --evidence {file} -q");
    assert_eq!((run(&live).code, run(&format!("certs emulated --out {certs} -q")).code), (0, 0));
    let chain = format!("{certs}/slot0.bin");
    for verb in ["attest emulated", "measure emulated", "certs emulated"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("verify {file}"), format!("chain {chain}")])
    {
        for len in [0, 1, 20, 28, 31, 33, 47, 49, 63, 65] {
            let mut args: Vec<&str> = verb.split_whitespace().collect();
            let digest = "5a".repeat(len);
            args.extend(["--revoked-key", &digest]);
            let run = spdm(&args);
            assert_eq!((run.code, run.out.as_str()), (2, ""), "{verb} {len}: {run:?}");
            assert!(run.err.contains("32, 48 or 64"), "{verb} {len}: {}", run.err);
        }
        let odd = run(&format!("{verb} --revoked-key {}5", "5a".repeat(31)));
        assert_eq!((odd.code, odd.out.as_str()), (2, ""), "{odd:?}");
        // One that cannot be read does not leave the others.
        let mixed = folder.path("mixed");
        std::fs::create_dir_all(&mixed).unwrap();
        std::fs::copy(format!("{certs}/slot0.pem"), format!("{mixed}/good.pem")).unwrap();
        std::fs::write(format!("{mixed}/bad.der"), [0x30, 3, 2, 1, 1]).unwrap();
        let run = run(&format!("{verb} --revoked {mixed}"));
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{verb}: {run:?}");
        assert!(run.err.contains("bad.der: there is no certificate in it"), "{}", run.err);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_pci_function_that_is_not_there() {
    for verb in ["attest", "info", "certs", "measure", "collect"] {
        let run = run(&format!("{verb} pci:ffffffff:00:00.0"));
        assert_eq!(run.code, 3, "{verb}: {run:?}");
        let message = "error: pci:ffffffff:00:00.0: there is no such PCI function\n";
        assert_eq!((run.err.as_str(), run.out.as_str()), (message, ""), "{verb}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn list_is_for_a_person() {
    let run = run("list");
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.starts_with("PCI functions with a mailbox (DOE)\n  "), "{run:?}");
}

#[test]
fn help_is_no_error() {
    for line in ["--help", "--version", "attest --help", "help verify"] {
        let run = run(line);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{line}");
        assert!(!run.out.is_empty(), "{line}");
    }
}

/// What stands behind the part that is read could be a connection that fails.
#[test]
fn a_file_that_is_too_large_is_not_judged_by_its_beginning() {
    let folder = Folder::new();
    let file = folder.path("evidence.json");
    assert_eq!(run(&format!("attest emulated --evidence {file} -q")).code, 0);
    // The file grows by zeros that take no place on the disk.
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len((1 << 30) + 1).unwrap();
    for line in ["verify FILE", "decode FILE", "chain FILE", "verify x --trust FILE"] {
        let run = run(&line.replace("FILE", &file));
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{line}: {run:?}");
        let message = format!("{file}: larger than 1073741824 bytes, the most that is read");
        assert!(run.err.contains(&message), "{line}: {}", run.err);
    }
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let folder = Folder::new();
    let junk = folder.write("junk", [0xFF_u8; 64]);
    let empty = folder.write("empty", "");
    let words = folder.write("words.txt", "hello\n");
    for file in [&junk, &empty, &words] {
        for verb in ["verify", "decode"] {
            let run = run(&format!("{verb} {file}"));
            assert_eq!(run.code, 2, "{verb} {file}: {run:?}");
        }
        for option in [
            "--trust",
            "--trust-intermediate",
            "--revoked",
            "--peer-key",
            "--reference",
            "--nonce @",
        ] {
            let space = if option.ends_with('@') { "" } else { " " };
            let run = run(&format!("attest emulated {option}{space}{file}"));
            assert_eq!(run.code, 2, "{option} {file}: {run:?}");
        }
    }
    for file in [&empty, &words] {
        assert_eq!(run(&format!("chain {file}")).code, 2, "{file}");
    }
    let reference = folder.write("reference.json", r#"{"measurements":[]}"#);
    assert_eq!(run(&format!("attest emulated --reference {reference}")).code, 2);
}
