//! `spdm decode`.

use std::io::Write;
use std::process::Stdio;

use crate::process::{Folder, Run, command, run};

fn decode(text: &str, more: &[&str]) -> Run {
    let mut child = command(&[&["decode", "-"], more].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn text_from_standard_input() {
    let run = decode("10840000\n10 04 00 00 00 01 00 12\n", &[]);
    assert_eq!(run.code, 0, "{run:?}");
    let expected = "   1  -> 1.0  GET_VERSION  4 bytes\n   2  <- 1.0  VERSION  8 bytes  1.2\n";
    assert_eq!(run.out, expected);
}

#[test]
fn fields_with_offsets_and_names() {
    let run = decode("127f4200 0a830502", &["-v"]);
    assert_eq!(run.code, 0);
    let fields = [
        "0 SPDMVersion 12 1.2",
        "1 RequestResponseCode 7f ERROR",
        "2 Param1 42 ResponseNotReady",
        "4 RDTExponent 0a 10, 1024 µs",
        "5 RequestCode 83 CHALLENGE",
    ];
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = run.out.lines().map(words).collect();
    for field in fields {
        assert!(lines.iter().any(|line| line == field), "{field}: {lines:?}");
    }
}

#[test]
fn an_error_names_field_and_offset_and_the_rest_is_shown() {
    let run = decode("10840000\n10040000000200\n12810000\n", &[]);
    assert_eq!(run.code, 2);
    assert!(run.out.contains("error: VERSION: VersionNumberEntry at offset 6 takes 4 bytes"));
    assert!(run.out.contains("GET_DIGESTS"));
    let json = decode("10040000000200\n", &["--json"]);
    let object = json.object();
    assert_eq!((json.code, &object["error"]["field"]), (2, &"VersionNumberEntry".into()));
    assert_eq!(object["error"]["offset"], 6);
}

#[test]
fn what_no_version_knows_is_no_message() {
    for (text, field, offset) in [
        ("00000000", "SPDMVersion", 0),
        ("ff000000", "SPDMVersion", 0),
        ("12000000", "RequestResponseCode", 1),
        ("12", "RequestResponseCode", 1),
    ] {
        let run = decode(text, &["--json"]);
        let error = &run.object()["error"];
        assert_eq!((run.code, &error["field"]), (2, &field.into()), "{text}");
        assert_eq!(error["offset"], offset, "{text}");
    }
}

#[test]
fn messages_back_to_back() {
    let folder = Folder::new();
    let bytes = [0x10, 0x84, 0, 0, 0x10, 0x04, 0, 0, 0, 1, 0, 0x12];
    let file = folder.write("messages.bin", bytes);
    let run = run(&format!("decode {file} --json"));
    let names: Vec<_> = run.objects().iter().map(|message| message["name"].clone()).collect();
    assert_eq!((run.code, names), (0, vec!["GET_VERSION".into(), "VERSION".into()]));
}

#[test]
fn encapsulated_messages_are_shown_inside() {
    let text = "116a0500 11810000\n11eb0500 117f0100\n";
    let run = decode(text, &[]);
    let expected = "   1  <- 1.1  ENCAPSULATED_REQUEST  8 bytes  request 5\n        \
                    <- 1.1  GET_DIGESTS (encapsulated)  4 bytes\n   2  -> 1.1  \
                    DELIVER_ENCAPSULATED_RESPONSE  8 bytes  to request 5\n        \
                    -> 1.1  ERROR (encapsulated)  4 bytes  InvalidRequest, data 0x00\n";
    assert_eq!((run.code, run.out.as_str()), (0, expected));
}

#[test]
fn fields_of_vendor_protocols() {
    let run =
        decode("12fe0000 0300 02 0100 0200 0003\n12fe0000 0300 02 0100 0400 00000001\n", &["-v"]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = run.out.lines().map(words).collect();
    for expected in ["4 StandardID 0300 PCI-SIG", "11 ProtocolID 00 IDE_KM", "12 ObjectID 00 QUERY"]
    {
        assert!(lines.iter().any(|line| line == expected), "{expected}: {lines:?}");
    }
}

#[test]
fn what_was_not_decoded_is_shown() {
    let run = decode("10040000 00020012", &["--json"]);
    let object = run.object();
    let last = object["fields"].as_array().unwrap().last().unwrap();
    assert_eq!((run.code, &last["name"], &last["offset"]), (2, &"not decoded".into(), &6.into()));
    assert_eq!((&last["bytes"], &object["error"]["offset"]), (&"0012".into(), &6.into()));
}

/// Packets of links, as Wireshark and logs of drivers show them.
#[test]
fn headers_in_front_of_pasted_bytes() {
    let version = "10 04 00 00 00 01 00 12";
    let cooked = "00 00 01 22 00 00 00 00 00 00 00 00 00 00 00 fa 01 08 09 c8 05";
    for text in [
        format!("05 10 84 00 00\n05 {version}\n"),
        format!("01 08 09 c8 05 10 84 00 00\n01 09 08 c0 05 {version}\n"),
        format!("01 00 01 00 03 00 00 00 10 84 00 00\n01 00 01 00 04 00 00 00 {version}\n"),
        format!("{cooked} 10 84 00 00\n{cooked} {version}\n"),
        format!("\u{feff}TX: 10 84 00 00\nRX: {version}\n"),
        format!("const uint8_t a[] = {{\n  0x10, 0x84,\n  0x00, 0x00\n}};\n\n{version}\n"),
    ] {
        let run = decode(&text, &[]);
        let expected = "   1  -> 1.0  GET_VERSION  4 bytes\n   2  <- 1.0  VERSION  8 bytes  1.2\n";
        assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, expected, ""), "{text}");
    }
    // A packet that is missing is missing here, too.
    let run = decode("01 08 09 88 05 10 84\n01 08 09 68 00 00\n", &[]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    assert!(run.err.contains("a packet is missing, as packet 2 shows"), "{run:?}");
}

#[test]
fn what_is_wrong_in_a_text_is_named_by_its_line() {
    let lost = "0000: 10 84 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n0020: 00\n";
    for (text, message) in [
        ("hello\n", "line 1 is not hexadecimal"),
        ("10840000\n1g\n", "line 2 is not hexadecimal"),
        (lost, "line 2 is not the one with the bytes from offset 0x10 on"),
    ] {
        let run = decode(text, &[]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{text}");
        assert_eq!(run.err, format!("error: -: {message}\n"));
    }
}

/// Results are written in large pieces where nobody waits for each of them.
#[test]
fn what_was_said_before_an_error_comes_before_it() {
    let folder = Folder::new();
    let out = folder.path("out");
    let file = std::fs::File::create(&out).unwrap();
    let mut child = command(&["decode", "-"])
        .stdin(Stdio::piped())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap();
    let text = "01 08 09 c8 05 10 84 00 00\n01 08 09 88 05\n01 08 09 68 00\n";
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    let said = std::fs::read_to_string(out).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines[0].contains("GET_VERSION") && lines[1].contains("a packet is missing"), "{said}");
}

/// Conversations side by side: each is decoded for itself, and said where another one goes on.
#[test]
fn conversations_side_by_side() {
    let text = "01 09 08 c8 05 10 84 00 00\n01 0a 08 c9 05 10 84 00 00\n\
                01 08 0a c1 05 10 04 00 00 00 01 00 11\n01 08 09 c0 05 10 04 00 00 00 01 00 12\n";
    let run = decode(text, &[]);
    let expected = "   1  -> 1.0  GET_VERSION  4 bytes\nMCTP endpoints 8 and 10:\n   2  -> 1.0  GET_VERSION  4 \
                    bytes\n   3  <- 1.0  VERSION  8 bytes  1.1\nMCTP endpoints 8 and 9:\n   4  <- 1.0  \
                    VERSION  8 bytes  1.2\n";
    assert_eq!((run.code, run.out.as_str()), (0, expected));
    let json = decode(text, &["--json"]);
    let channels: Vec<_> = json.objects().iter().map(|object| object["channel"].clone()).collect();
    assert_eq!(channels, [0, 1, 1, 0]);
}
