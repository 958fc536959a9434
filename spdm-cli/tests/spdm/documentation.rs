//! docs/appraisal.md and docs/fleet.md: every command in them is run, and what it shows has to be what is written there.
//!
//! A block of `console` has commands behind `$ ` and what they show; `...` stands for lines that are left out. Values that are
//! others in each run count by their length only.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::build::{
    array, bytes, class, corim, digests, measurement, meta, negative, sign1, tag, text, triple,
    uint,
};
use crate::process::{Emulator, Folder, run};
use crate::testing;

/// Where the device of the text listens.
const WRITTEN: &str = "127.0.0.1:2323";

/// A file of the vendor: signed by a key below `rim-root.pem`, about the firmware of the emulated device.
fn vendor_files(folder: &Folder, measured: &[Value]) {
    let certificates = testing::certificates(1);
    let pem = |der: &[u8]| {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    folder.write("rim-root.pem", pem(&certificates[0]));
    let chain = array(&certificates[1..].iter().rev().map(|der| bytes(der)).collect::<Vec<_>>());
    let write = |name: &str, firmware: &[Vec<u8>]| {
        let value = |index: u64, digest: &[u8]| measurement(index, &[(2, digests(&[(7, digest)]))]);
        let digest = |index: u64| {
            let row = measured.iter().find(|row| row["index"] == index).unwrap();
            hex::decode(row["value"].as_str().unwrap()).unwrap()
        };
        let of_widget = |values: &[Vec<u8>]| triple(class("ACME", "WIDGET"), values);
        let mut states = vec![of_widget(&[value(1, &digest(1))])];
        states.extend(firmware.iter().map(|digest| of_widget(&[value(2, digest)])));
        states.push(of_widget(&[measurement(16, &[(1, tag(553, uint(5)))])]));
        let protected =
            [(1, negative(6)), (3, text("application/rim+cbor")), (8, meta("ACME RIM signing"))];
        let file =
            sign1(&testing::key("Leaf"), &protected, &[(33, chain.clone())], &corim(&states));
        folder.write(name, file);
    };
    let firmware = measured.iter().find(|row| row["index"] == 2).unwrap();
    let firmware = hex::decode(firmware["value"].as_str().unwrap()).unwrap();
    let mut next = firmware.clone();
    next[..8].fill(0x5A);
    write("rim.cbor", &[next.clone(), firmware]);
    write("rim-next.cbor", &[next]);
}

/// The commands of the text, each with what it shows.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut is_console = false;
    let mut goes_on = false;
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            (is_console, goes_on) = (language == "console", false);
            continue;
        }
        if !is_console {
            continue;
        }
        let command = match line.strip_prefix("$ ") {
            Some(command) => {
                found.push((String::new(), Vec::new()));
                Some(command)
            }
            None => goes_on.then(|| line.strip_prefix("> ").unwrap_or(line)),
        };
        let (last, shown) = found.last_mut().unwrap();
        match command {
            Some(command) => {
                goes_on = command.ends_with('\\');
                last.push_str(command.trim_end_matches('\\'));
            }
            None => shown.push(line.to_owned()),
        }
    }
    found
}

/// The one script of the text.
fn script(text: &str) -> &str {
    let (_, rest) = text.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0
}

/// Hexadecimal values of eight digits and more, without their digits.
fn masked(line: &str) -> String {
    let mut out = String::new();
    for part in line.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let is_hex = word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let shown = if is_hex { "x".repeat(word.len()) } else { word.to_owned() };
        out.push_str(&shown);
        out.push_str(&part[word.len()..]);
    }
    out
}

/// Whether what is shown is what is written, where `...` stands for any lines.
fn fits(written: &[String], shown: &[String]) -> bool {
    match written {
        [] => shown.is_empty(),
        [first, rest @ ..] if first.trim() == "..." => {
            (0..=shown.len()).any(|from| fits(rest, &shown[from..]))
        }
        [first, rest @ ..] => match shown {
            [line, others @ ..] => masked(first) == masked(line) && fits(rest, others),
            [] => false,
        },
    }
}

/// Runs every command of a text in this folder.
#[cfg(unix)]
fn shows_what_is_written(name: &str, text: &str, folder: &Folder) {
    let commands = commands(text);
    assert!(commands.len() > 10, "{commands:?}");
    let program = env!("CARGO_BIN_EXE_spdm");
    let bin = std::path::Path::new(program).parent().unwrap();
    let mut device: Option<Emulator> = None;
    for (command, written) in &commands {
        let options =
            command.strip_prefix("spdm emulate ").and_then(|rest| rest.strip_suffix(" &"));
        if let Some(options) = options {
            let root = folder.path("root.pem");
            let options = options.replace("root.pem", &root);
            device = Some(Emulator::listen(Folder::new(), &options));
            assert_eq!(written, &[format!("listening on {WRITTEN} (dsp0287)")]);
            continue;
        }
        let target = device.as_ref().map(|device| device.target.trim_start_matches("tcp:"));
        let target = target.unwrap_or(WRITTEN);
        let path = std::env::join_paths(
            [bin.to_owned()]
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        let ran = Command::new("bash")
            .args(["-c", &format!("exec 2>&1; {}", command.replace(WRITTEN, target))])
            .current_dir(folder.path("."))
            .env("PATH", path.unwrap())
            .output()
            .unwrap();
        let shown = String::from_utf8(ran.stdout).unwrap().replace(target, WRITTEN);
        let shown: Vec<_> = shown.lines().map(|line| line.trim_end().to_owned()).collect();
        assert!(
            fits(written, &shown),
            "docs/{name}: $ {command}\nis written to show\n{}\nand shows\n{}",
            written.join("\n"),
            shown.join("\n")
        );
    }
}

fn text_of(name: &str) -> String {
    fs::read_to_string(format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
#[cfg(unix)]
fn the_commands_of_appraisal_show_what_is_written() {
    let text = text_of("appraisal.md");
    let folder = Folder::new();
    vendor_files(
        &folder,
        run("attest emulated --json").object()["measurements"].as_array().unwrap(),
    );
    folder.write("gate.sh", script(&text));
    shows_what_is_written("appraisal.md", &text, &folder);
}

#[test]
#[cfg(unix)]
fn the_commands_of_fleet_show_what_is_written() {
    let text = text_of("fleet.md");
    shows_what_is_written("fleet.md", &text, &Folder::new());
}
