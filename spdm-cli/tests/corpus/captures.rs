//! Captures as people have them.

use serde_json::Value;

use crate::process::{Run, run, status};

/// A file of `inputs`.
pub(crate) fn input(name: &str) -> String {
    test_corpus::folder().join("inputs").join(name).display().to_string()
}

fn verify(name: &str) -> Run {
    let (file, root) = (input(name), input("root12.pem"));
    run(&format!("verify {file} --trust {root} --at 2026-12-01T00:00:00Z --json"))
}

/// What is decoded, by name.
pub(crate) fn decoded(name: &str) -> (i32, Vec<String>) {
    let run = run(&format!("decode {} --json", input(name)));
    let objects = run.objects();
    let name = |object: &Value| object["name"].as_str().unwrap().to_owned();
    assert!(objects.iter().all(|object| object["error"].is_null()), "{run:?}");
    (run.code, objects.iter().map(name).collect())
}

pub(crate) const ATTESTATION: [&str; 14] = [
    "GET_VERSION",
    "VERSION",
    "GET_CAPABILITIES",
    "CAPABILITIES",
    "NEGOTIATE_ALGORITHMS",
    "ALGORITHMS",
    "GET_DIGESTS",
    "DIGESTS",
    "GET_CERTIFICATE",
    "CERTIFICATE",
    "CHALLENGE",
    "CHALLENGE_AUTH",
    "GET_MEASUREMENTS",
    "MEASUREMENTS",
];

/// TCP, another interface beside, packets of messages, gzip: the same attestation each time.
pub(crate) fn every_form_of_the_same_attestation() {
    for name in [
        "b14_tcp_dmtf_emu.pcap",
        "b14_tcp_dsp0287.pcap",
        "b16_two_interfaces.pcapng",
        "b17_all_fragments.pcap",
        "b30_capture.pcap.gz",
    ] {
        assert_eq!(decoded(name), (0, ATTESTATION.map(str::to_owned).to_vec()), "{name}");
        let run = verify(name);
        let report = run.object();
        assert_eq!((run.code, &report["verified"]), (0, &true.into()), "{name}: {run:?}");
        assert_eq!(status(&report, "measurements.signature"), "pass", "{name}");
        let note = "a packet that is not SPDM was left out (14 times)";
        let block = "a pcapng block of unknown type 0xbad was left out";
        let expected = match name {
            "b16_two_interfaces.pcapng" => format!("note: {block}\nnote: {note}\n"),
            _ => String::new(),
        };
        assert_eq!(run.err, expected, "{name}");
    }
}

pub(crate) fn a_packet_that_is_missing_is_named() {
    let name = "b17_lost_fragment.pcap";
    let shown = run(&format!("decode {}", input(name)));
    let note = "a packet is missing, as packet 21 shows: an MCTP message is not complete";
    let told = format!("error: {}: not all of it can be decoded: {note}\n", input(name));
    assert_eq!((shown.code, shown.err), (2, told));
    assert_eq!(shown.out.lines().count(), 13);
    let judged = verify(name);
    assert_eq!(judged.code, 2, "{judged:?}");
    let expected = format!("{}: the capture cannot be judged: {note}", input(name));
    assert!(judged.err.contains(&expected) || judged.out.contains(&expected), "{judged:?}");
}

pub(crate) fn a_capture_that_begins_after_the_negotiation() {
    let name = "b18_begins_late.pcap";
    let (code, names) = decoded(name);
    assert_eq!((code, &names[..]), (0, &ATTESTATION.map(str::to_owned)[6..]));
    let judged = verify(name);
    let expected =
        "the negotiation is not in the file: no GET_VERSION comes before the messages in it";
    assert_eq!(judged.code, 2, "{judged:?}");
    assert!(judged.err.contains(expected) || judged.out.contains(expected), "{judged:?}");
}

/// Hexadecimal of a dump tool with its words, of packets with the message type of MCTP, and evidence.
pub(crate) fn messages_in_text() {
    let words = format!(
        "{}: lines without bytes of a message, passed over: 18\n",
        input("b20_dump_text.txt")
    );
    for (name, notes) in [("b20_dump_text.txt", words), ("b20_mctp_type_hex.txt", String::new())] {
        assert_eq!(decoded(name), (0, ATTESTATION.map(str::to_owned)[..8].to_vec()), "{name}");
        assert_eq!(run(&format!("decode {}", input(name))).err, notes);
    }
    let evidence = "b31_evidence.json";
    assert_eq!(decoded(evidence), (0, ATTESTATION.map(str::to_owned).to_vec()));
    assert_eq!(run(&format!("decode {}", input(evidence))).err, "");
}

pub(crate) fn a_finish_rsp_alone() {
    let run = run(&format!("decode {} --json", input("b32_finish_rsp.bin")));
    let message = run.object();
    assert_eq!((run.code, &message["name"]), (0, &"FINISH_RSP".into()));
    let fields = message["fields"].as_array().unwrap();
    let verify_data = fields.iter().find(|field| field["name"] == "ResponderVerifyData").unwrap();
    assert_eq!((&verify_data["offset"], message["error"].is_null()), (&4.into(), true));
    assert_eq!(verify_data["bytes"].as_str().unwrap().len(), 2 * 48);
}
