//! What a person reads before the first run: help, versions, completions, manual pages.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::process::{Folder, command, run};
use crate::schema::{check, schema};

const VERBS: [&str; 25] = [
    "attest",
    "info",
    "certs",
    "measure",
    "collect",
    "session",
    "send",
    "mel",
    "endpoint",
    "csr",
    "set-cert",
    "keys",
    "slots",
    "events",
    "tdisp",
    "ide",
    "recognize",
    "verify",
    "chain",
    "decode",
    "fleet",
    "emulate",
    "list",
    "completions",
    "man",
];

#[test]
fn help_fits_80_columns_and_shows_examples() {
    for verb in VERBS {
        let help = run(&format!("{verb} --help"));
        assert_eq!(help.code, 0);
        for line in help.out.lines() {
            assert!(line.chars().count() <= 80, "{verb}: {line}");
        }
        let (_, examples) = help.out.split_once("Examples:\n").unwrap_or_else(|| panic!("{verb}"));
        assert!(examples.contains(&format!("spdm {verb}")), "{verb}: {examples}");
    }
    for verb in ["attest", "collect", "verify", "report", "submit", "work", "watch"] {
        let help = run(&format!("fleet {verb} --help"));
        assert_eq!(help.code, 0);
        assert!(help.out.lines().all(|line| line.chars().count() <= 80), "{}", help.out);
    }
    let whole = run("--help");
    assert!(whole.out.lines().all(|line| line.chars().count() <= 80), "{}", whole.out);
    for verb in VERBS {
        assert!(whole.out.contains(&format!("\n  {verb} ")), "{verb} is not in {}", whole.out);
    }
}

#[test]
fn version_says_what_was_built() {
    let package = env!("CARGO_PKG_VERSION");
    assert_eq!(run("-V").out, format!("spdm {package}\n"));
    let long = run("--version").out;
    let lines: Vec<_> = long.lines().collect();
    assert_eq!(lines[0], format!("spdm {package}"));
    let commit = lines[1].strip_prefix("commit: ").unwrap();
    assert!(commit == "unknown" || commit.len() == 12, "{commit}");
    let backends = if cfg!(feature = "aws-lc-rs") {
        "backends: aws-lc-rs (default), rustcrypto"
    } else {
        "backends: rustcrypto"
    };
    assert_eq!(lines[2..], [backends]);
}

#[test]
fn completions_and_manual_pages_name_every_verb() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(&format!("completions {shell}"));
        assert_eq!(script.code, 0);
        assert!(VERBS.iter().all(|verb| script.out.contains(verb)), "{shell}");
    }
    assert_eq!(run("completions dos").code, 2);

    let folder = Folder::new();
    let pages = folder.path("man1");
    let missing = run(&format!("man {pages}"));
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains(&pages), "{}", missing.err);
    std::fs::create_dir(&pages).unwrap();
    assert_eq!(run(&format!("man {pages}")).code, 0);
    for verb in VERBS {
        let page = std::fs::read_to_string(format!("{pages}/spdm-{verb}.1")).unwrap();
        assert!(page.contains("Examples:"), "{verb}");
    }
    assert!(std::fs::read_to_string(format!("{pages}/spdm.1")).unwrap().contains("Exit codes"));
}

#[test]
fn long_digests_are_shown_in_groups() {
    let run = run("attest emulated --base-asym ECDSA_P384 --base-hash SHA_384");
    assert_eq!(run.code, 0);
    let line = run.out.lines().find(|line| line.contains("immutable_rom")).unwrap();
    let groups: Vec<&str> = line.split_whitespace().skip(3).collect();
    assert_eq!(groups.len(), 4);
    assert!(groups.iter().all(|group| group.len() == 8), "{line}");
    let breaks = |line: &&str| line.split(' ').any(|word| word.len() > 64);
    assert_eq!(run.out.lines().find(breaks), None, "a hash is wider than 80 columns");
}

#[test]
fn the_emulated_device_says_where_it_listens_and_what_it_is_asked() {
    let args = ["emulate", "--listen", "127.0.0.1:0", "--seed", "1", "--once", "--json", "-v"];
    let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let object: Value = serde_json::from_str(&first).unwrap();
    check(&schema("emulate"), &object);
    assert_eq!(object["framing"], "dsp0287");
    let info = run(&format!("info tcp:{}", object["listening"].as_str().unwrap()));
    assert_eq!(info.code, 0, "{info:?}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let err = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = err.lines().collect();
    assert_eq!(lines[0], "-> GET_VERSION (4 bytes)");
    assert!(lines[1].starts_with("<- VERSION (16 bytes, "), "{err}");
}
