//! Commands in a text, and what they show.
//!
//! A block of `console` has commands behind `$ ` and what they show; `...` stands for lines that are left out. Values that are
//! others in each run count by their length only.

use std::fs;
use std::process::Command;

use crate::process::{Emulator, Folder};

/// Where the device of a text listens.
const WRITTEN: &str = "127.0.0.1:2323";

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

/// Runs every command of a text in this folder. What stands for something else is read and written as that.
#[cfg(unix)]
pub(crate) fn shows_what_is_written(
    name: &str,
    text: &str,
    folder: &Folder,
    stands_for: Option<(&str, &str)>,
) {
    let commands = commands(text);
    assert!(commands.len() > 4, "{commands:?}");
    let (written_for, real) = stands_for.unwrap_or((WRITTEN, WRITTEN));
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
            .args([
                "-c",
                &format!(
                    "exec 2>&1; {}",
                    command.replace(WRITTEN, target).replace(written_for, real)
                ),
            ])
            .current_dir(folder.path("."))
            .env("PATH", path.unwrap())
            .output()
            .unwrap();
        let shown = String::from_utf8(ran.stdout).unwrap().replace(target, WRITTEN);
        let shown = shown.replace(real, written_for);
        let shown: Vec<_> = shown.lines().map(|line| line.trim_end().to_owned()).collect();
        assert!(
            fits(written, &shown),
            "docs/{name}: $ {command}\nis written to show\n{}\nand shows\n{}",
            written.join("\n"),
            shown.join("\n")
        );
    }
}

/// A file of docs.
pub(crate) fn text_of(name: &str) -> String {
    fs::read_to_string(format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}
