//! docs/appraisal.md and docs/fleet.md: every command in them is run, and what it shows has to be what is written there.

use serde_json::Value;

use crate::build::{
    array, bytes, class, corim, digests, measurement, meta, negative, sign1, tag, text, triple,
    uint,
};
use crate::console::{shows_what_is_written, text_of};
use crate::process::{Folder, run};
use crate::testing;

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

/// The one script of the text.
fn script(text: &str) -> &str {
    let (_, rest) = text.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0
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
    shows_what_is_written("appraisal.md", &text, &folder, None);
}

#[test]
#[cfg(unix)]
fn the_commands_of_fleet_show_what_is_written() {
    let text = text_of("fleet.md");
    // What needs a server is run where there is one: tests/nats.
    let (before, rest) = text.split_once("## Across machines").unwrap();
    let (_, behind) = rest.split_once("\n## ").unwrap();
    shows_what_is_written("fleet.md", &format!("{before}{behind}"), &Folder::new(), None);
}
