//! Every message of every capture, inside of records and of other messages, too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use spdm_codec::{AnyMessage, Code, Header, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{Content, Conversation, FoundMessage, Origin, Secrets};
use spdm_untrusted::Untrusted;

use crate::folder::{self, Capture};
use crate::{flow, reencode};

/// No capture has a message of these types.
const ABSENT: [&str; 11] = [
    "EVENT_ACK",
    "GET_SUPPORTED_EVENT_TYPES",
    "RESPOND_IF_READY",
    "SEND_EVENT",
    "SET_CERTIFICATE",
    "SET_CERTIFICATE_RSP",
    "SLOT_MANAGEMENT",
    "SLOT_MANAGEMENT_RESP",
    "SUBSCRIBE_EVENT_TYPES",
    "SUBSCRIBE_EVENT_TYPES_ACK",
    "SUPPORTED_EVENT_TYPES",
];

/// The log of the endpoint that recorded a capture: it holds the keys and the names of the messages.
fn log(folder: &Path, capture: &Capture) -> Vec<u8> {
    fs::read(folder.join(format!("captures/{}.secrets.json", capture.name))).unwrap()
}

/// All that is in a capture.
pub(crate) fn followed(folder: &Path, capture: &Capture) -> Vec<FoundMessage> {
    let file = spdm_evidence::Capture::read(&capture.read(folder)).unwrap();
    let secrets = Secrets::read(&log(folder, capture)).unwrap();
    let mut conversation =
        Conversation::new(file.messages.first().map_or(0, |message| message.padding))
            .with_secrets(secrets, &PROVIDER);
    let messages = file.messages.iter();
    messages.flat_map(|message| conversation.follow(message.layer, &message.bytes)).collect()
}

pub(crate) fn code(found: &FoundMessage) -> Code {
    Header::peek(Untrusted::new(&found.bytes)).unwrap().code
}

pub(crate) fn every_message_decodes_and_encodes_to_the_same_bytes() {
    let folder = test_corpus::folder();
    let mut absent: BTreeSet<&str> = (0..=u8::MAX).filter_map(|code| Code(code).name()).collect();
    for capture in folder::captures(&folder) {
        for found in followed(&folder, &capture) {
            let Content::Message(cx) = found.content else { continue };
            let name = code(&found).to_string();
            let message = AnyMessage::decode(Untrusted::new(&found.bytes), &cx);
            let message = message.unwrap_or_else(|error| panic!("{}: {error}", capture.name));
            let version = SpdmVersion::from_byte(found.bytes[0]).unwrap();
            let again = reencode::again(&message, version);
            if !again.reserved_nonzero {
                assert_eq!(again.result.as_deref(), Ok(message.bytes()), "{} {name}", capture.name);
            }
            absent.remove(name.as_str());
        }
    }
    assert_eq!(absent, BTreeSet::from(ABSENT));
}

pub(crate) fn flows_are_those_of_the_manifest() {
    let folder = test_corpus::folder();
    for capture in folder::captures(&folder) {
        let flow = flow::of(&followed(&folder, &capture));
        let mut expected = flow::expand(&capture.flow);
        if capture.cut {
            // The manifest has the last packet, of which the capture lacks a part.
            expected.pop();
        }
        assert_eq!(flow, expected, "{}", capture.name);
    }
}

/// All records open, and what is in them is what the endpoint logged: name, direction and session.
pub(crate) fn records_hold_the_messages_of_the_log() {
    let folder = test_corpus::folder();
    for capture in folder::captures(&folder) {
        let log: Vec<(String, String)> = serde_json::from_slice(&log(&folder, &capture)).unwrap();
        let marks = log.into_iter().filter(|(label, _)| label == ">" || label == "<");
        let expected: Vec<String> = marks
            .filter(|(_, message)| !message.ends_with("@0"))
            .map(|(label, message)| format!("{label} {}", message.trim_start_matches("SPDM_")))
            .collect();
        let mut inside = Vec::new();
        for found in followed(&folder, &capture) {
            match found.content {
                Content::Record(record) => assert!(record.opened.is_ok(), "{}", capture.name),
                Content::Message(_) if found.origin == Origin::Record => {
                    let label = if code(&found).is_request() { ">" } else { "<" };
                    let id = found.session_id.unwrap();
                    inside.push(format!("{label} {}@{id:x}", code(&found)));
                }
                _ => {}
            }
        }
        assert_eq!(inside, expected, "{}", capture.name);
    }
}

/// A key of another recording opens nothing, and neither does a damaged record.
pub(crate) fn strangers_open_no_record() {
    let folder = test_corpus::folder();
    let captures = folder::captures(&folder);
    let named = |name: &str| captures.iter().find(|capture| capture.name == name).unwrap();
    let (capture, other) =
        (named("ver1.1_MCTP_p384_sha384_full"), named("ver1.1_PCI_DOE_p384_sha384_full"));
    let file = spdm_evidence::Capture::read(&capture.read(&folder)).unwrap();
    let opened = |secrets: &Capture, damage: u8| {
        let secrets = Secrets::read(&log(&folder, secrets)).unwrap();
        let mut conversation =
            Conversation::new(file.messages.first().map_or(0, |message| message.padding))
                .with_secrets(secrets, &PROVIDER);
        let mut opened = 0;
        for message in &file.messages {
            let mut bytes = message.bytes.clone();
            *bytes.last_mut().unwrap() ^= damage;
            let damaged = match message.layer {
                spdm_evidence::Layer::Secured => &bytes,
                _ => &message.bytes,
            };
            let all = conversation.follow(message.layer, damaged);
            let is_opened = |found: &&FoundMessage| match found.content {
                Content::Record(record) => record.opened.is_ok(),
                _ => false,
            };
            opened += all.iter().filter(is_opened).count();
        }
        opened
    };
    assert_eq!((opened(capture, 0), opened(capture, 1), opened(other, 0)), (32, 0, 0));
}
