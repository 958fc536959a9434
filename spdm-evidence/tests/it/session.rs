//! Records of sessions, made here.

use spdm_codec::{
    AeadCipherSuite, AlgStructs, Algorithms, Message, Plaintext, SecuredMessage, Side, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AeadAlgorithm, RecordKey, SequenceOrder};
use spdm_evidence::{
    Content, Conversation, Error, FoundMessage, Layer, NotOpened, Origin, Secrets, SecuredRecord,
};

const SESSION: u32 = 0x0001_0002;
const HEARTBEAT: [u8; 4] = [0x12, 0xE8, 0, 0];
const HEARTBEAT_ACK: [u8; 4] = [0x12, 0x68, 0, 0];

/// The key whose bytes all have this value, with a like IV.
fn log(pairs: &[(&str, &str)]) -> Secrets {
    Secrets::read(serde_json::to_string(pairs).unwrap().as_bytes()).unwrap()
}

fn key_pair(value: u8) -> [(&'static str, String); 2] {
    [("key", hex::encode([value; 32])), ("iv", hex::encode([value; 12]))]
}

/// Handshake keys 1 and 2, data keys 3 and 4, updates 5 and 6.
fn secrets() -> Secrets {
    let group = |name: &str| [("#", format!("generate_session_{name}_key[10002]"))];
    let mut pairs = Vec::new();
    pairs.extend(group("handshake"));
    pairs.extend(key_pair(1));
    pairs.extend(key_pair(2));
    pairs.push(("<", "SPDM_FINISH_RSP@0".to_owned()));
    pairs.extend(group("data"));
    pairs.extend(key_pair(3));
    pairs.extend(key_pair(4));
    pairs.push((">", "SPDM_HEARTBEAT@10002".to_owned()));
    pairs.extend(key_pair(5));
    pairs.push((">", "SPDM_KEY_UPDATE@10002".to_owned()));
    pairs.extend(key_pair(6));
    let pairs: Vec<_> = pairs.iter().map(|(label, value)| (*label, value.as_str())).collect();
    log(&pairs)
}

/// A record as MCTP carries it.
fn record(key: u8, number: u16, message: &[u8]) -> Vec<u8> {
    let data = [&[5], message].concat();
    let mut plain = vec![0; 64];
    let len = Plaintext { data: &data, random: &[0xAA; 3] }.encode(&mut plain).unwrap();
    plain.truncate(len);
    let sequence = number.to_le_bytes();
    let header_len = SecuredMessage::header_len(sequence.len());
    let header = encode(&sequence, &plain, [0; 16]);
    let header = header.get(..header_len).unwrap();
    let key = RecordKey::import(&PROVIDER, AeadAlgorithm::Aes256Gcm, &[key; 32], &[key; 12]);
    let order = SequenceOrder::LittleEndian;
    let tag = key.unwrap().seal(u64::from(number), order, header, &mut plain).unwrap();
    encode(&sequence, &plain, tag)
}

fn encode(sequence: &[u8], data: &[u8], tag: [u8; 16]) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    let record = SecuredMessage { session_id: SESSION, sequence, data, tag };
    let len = record.encode(&mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

fn outcome(all: &[FoundMessage]) -> Result<Side, NotOpened> {
    match all.first().unwrap().content {
        Content::Record(SecuredRecord { opened, .. }) => opened,
        other => unreachable!("{other:?}"),
    }
}

fn follow(conversation: &mut Conversation, record: &[u8]) -> Result<Side, NotOpened> {
    outcome(&conversation.follow(Layer::Secured, record))
}

#[test]
fn keys_follow_each_other() {
    let mut conversation = Conversation::new(0).with_secrets(secrets(), &PROVIDER);
    let expected = [
        (1, 0, Side::Requester),
        (2, 0, Side::Responder),
        (3, 0, Side::Requester),
        (4, 0, Side::Responder),
        (3, 1, Side::Requester),
        (5, 0, Side::Responder),
        (6, 0, Side::Requester),
        (5, 1, Side::Responder),
    ];
    for (key, sequence, sender) in expected {
        let record = record(key, sequence, &HEARTBEAT);
        assert_eq!(follow(&mut conversation, &record), Ok(sender), "{key} {sequence}");
    }
}

#[test]
fn a_record_opens_once_and_in_order() {
    let mut conversation = Conversation::new(0).with_secrets(secrets(), &PROVIDER);
    let first = record(3, 0, &HEARTBEAT);
    assert_eq!(follow(&mut conversation, &first), Ok(Side::Requester));
    assert_eq!(follow(&mut conversation, &first), Err(NotOpened::Tag));
    assert_eq!(follow(&mut conversation, &record(3, 2, &HEARTBEAT)), Err(NotOpened::Tag));
    assert_eq!(follow(&mut conversation, &record(1, 0, &HEARTBEAT)), Err(NotOpened::Tag));
    // What did not open changed nothing.
    assert_eq!(follow(&mut conversation, &record(3, 1, &HEARTBEAT)), Ok(Side::Requester));
}

#[test]
fn every_bit_of_a_record_counts() {
    let good = record(3, 0, &HEARTBEAT);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            *bad.get_mut(at).unwrap() ^= 1 << bit;
            let mut conversation = Conversation::new(0).with_secrets(secrets(), &PROVIDER);
            assert!(follow(&mut conversation, &bad).is_err(), "{at} {bit}");
        }
    }
}

#[test]
fn inside_is_a_message_of_the_session() {
    let mut conversation = Conversation::new(0).with_secrets(secrets(), &PROVIDER);
    let all = conversation.follow(Layer::Secured, &record(3, 0, &HEARTBEAT_ACK));
    let inner = all.get(1).unwrap();
    assert_eq!((all.len(), inner.depth, inner.origin), (2, 1, Origin::Record));
    assert_eq!((inner.session_id, inner.bytes.as_slice()), (Some(SESSION), &HEARTBEAT_ACK[..]));
    assert!(matches!(inner.content, Content::Message(cx) if cx.version == SpdmVersion::V1_2));
}

#[test]
fn what_is_missing_is_named() {
    let sealed = record(3, 0, &HEARTBEAT);
    assert_eq!(follow(&mut Conversation::new(0), &sealed), Err(NotOpened::NoSecrets));
    let mut other = Conversation::new(0).with_secrets(log(&[]), &PROVIDER);
    assert_eq!(follow(&mut other, &sealed), Err(NotOpened::NoKeys));
    let short = follow(&mut other, &[2, 0, 1]);
    assert!(matches!(short, Err(NotOpened::Record(error)) if error.field == "SessionID"));

    let mut conversation = Conversation::new(0).with_secrets(secrets(), &PROVIDER);
    let aead = Some(AeadCipherSuite::SM4_GCM);
    let algorithms = Algorithms {
        alg_structs: AlgStructs { aead, ..AlgStructs::default() },
        ..Algorithms::default()
    };
    let mut bytes = [0; 64];
    let len = algorithms.encode(SpdmVersion::V1_2, &mut bytes).unwrap();
    conversation.follow(Layer::Plain, bytes.get(..len).unwrap());
    let refused = follow(&mut conversation, &sealed);
    assert_eq!(refused, Err(NotOpened::Cipher(AeadCipherSuite::SM4_GCM)));
    assert_eq!(refused.unwrap_err().to_string(), "SM4_GCM is not built in");
}

#[test]
fn secrets_of_another_form() {
    let read = |text: &str| Secrets::read(text.as_bytes());
    assert!(matches!(read("{}"), Err(Error::Json(_))));
    assert_eq!(read(r#"[["key", "xy"]]"#), Err(Error::Hex { field: "key" }));
    assert_eq!(read(r#"[["iv", "00"]]"#), Err(Error::Hex { field: "iv" }));
    let session = r##"[["#", "generate_session_data_key[]"]]"##;
    assert_eq!(read(session), Err(Error::Hex { field: "session ID" }));
    assert_eq!(read("[]").unwrap().session_count(), 0);
    assert_eq!(format!("{:?}", secrets()), "Secrets { session_count: 1 }");
}
