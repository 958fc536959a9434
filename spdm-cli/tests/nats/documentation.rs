//! docs/fleet.md: what it says of several machines.

use crate::console::{shows_what_is_written, text_of};
use crate::process::{Folder, spdm};
use crate::server::Server;

#[test]
fn the_commands_of_across_machines_show_what_is_written() {
    let Some(server) = Server::start("cli-docs") else { return };
    let text = text_of("fleet.md");
    // The device of the page, and then what is said of several machines.
    let (device, _) = text.split_once("## A list").unwrap();
    let (_, rest) = text.split_once("## Across machines").unwrap();
    let (section, _) = rest.split_once("\n## ").unwrap();
    let address = server.address().trim_start_matches("nats://");
    let stands_for = Some(("127.0.0.1:4222", address));
    shows_what_is_written("fleet.md", &format!("{device}{section}"), &Folder::new(), stands_for);
}

/// A file of examples/fleet.
pub(crate) fn example(name: &str) -> String {
    let path = format!("{}/../examples/fleet/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The commands of workers in a file of examples/fleet.
fn workers(name: &str) -> Vec<Vec<String>> {
    let text = example(name);
    let lines = text.lines().filter(|line| {
        let line = line.trim_start();
        line.starts_with("command: [")
    });
    let words = |line: &str| {
        let words = line.split([' ', ',', '[', ']', '"']).filter(|word| !word.is_empty());
        words.skip_while(|word| *word != "fleet").map(str::to_owned).collect::<Vec<_>>()
    };
    lines.map(words).collect()
}

#[test]
fn commands_of_manifests_are_understood() {
    let commands = workers("worker.yaml");
    assert_eq!(commands.len(), 2);
    for command in commands {
        let place = command.iter().position(|word| word == "--queue").unwrap();
        let mut command = command;
        command[place + 1] = "nats://127.0.0.1:1".to_owned();
        let ran = spdm(&command);
        // The first file that it needs is not here.
        assert_eq!(ran.code, 2, "{command:?}: {ran:?}");
        assert!(ran.err.contains("No such file"), "{command:?}: {}", ran.err);
    }
}
