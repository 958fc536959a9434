//! Connections with sessions, as a capture and a key log give them.
//!
//! An input is the padding of the transport and messages: a byte that tells whether it is secured, the length in two bytes,
//! the bytes. Encryption changes nothing here, so that a mutation reaches what is inside of a record; a tag that begins
//! with 0xFF is a wrong one.

use spdm_codec::{AnyMessage, Plaintext, SecuredMessage};
use spdm_crypto::{
    Aead, AeadAlgorithm, AeadError, Invalid, NONCE_LEN, Provider, Secret, TAG_LEN, rustcrypto,
};
use spdm_evidence::{Content, Conversation, FoundMessage, Layer, Secrets};
use spdm_untrusted::Untrusted;

const PROVIDER: Provider = Provider { aeads: &[&Transparent], ..rustcrypto::PROVIDER };
/// Messages inside of messages end somewhere.
const MOST_OF_ONE: usize = 8;

#[derive(Debug)]
struct Transparent;

impl Aead for Transparent {
    fn supports(&self, algorithm: AeadAlgorithm) -> bool {
        rustcrypto::PROVIDER.aead(algorithm).is_some()
    }

    fn seal(
        &self,
        _: AeadAlgorithm,
        _: &Secret,
        _: &[u8; NONCE_LEN],
        _: &[u8],
        _: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        Ok([0; TAG_LEN])
    }

    fn open(
        &self,
        _: AeadAlgorithm,
        _: &Secret,
        _: &[u8; NONCE_LEN],
        _: &[u8],
        _: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Invalid> {
        if tag[0] == 0xFF { Err(Invalid) } else { Ok(()) }
    }
}

/// Keys of sessions with the identifiers that DMTF's emulator gives first.
fn secrets() -> Secrets {
    let session = |id: &str| {
        let keys = r#"["key","00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"],["iv","000102030405060708090a0b"]"#;
        format!(
            r##"["#","generate_session_handshake_key[{id}]"],{keys},{keys},["#","generate_session_data_key[{id}]"],{keys},{keys}"##
        )
    };
    let log = format!("[{},{}]", session("ffffffff"), session("fffefffe"));
    Secrets::read(log.as_bytes()).expect("a key log")
}

/// Follows the connection. Every message that is found shows its fields, and only an opened record has something inside.
pub fn follow(data: &[u8]) {
    let [padding, rest @ ..] = data else { return };
    let padding = usize::from(padding & 3);
    let mut conversation = Conversation::new(padding).with_secrets(secrets(), &PROVIDER);
    let mut rest = rest;
    while let [kind, low, high, bytes @ ..] = rest {
        let len = usize::from(u16::from_le_bytes([*low, *high])).min(bytes.len());
        let (bytes, behind) = bytes.split_at(len);
        rest = behind;
        let layer = if kind & 1 == 0 { Layer::Plain } else { Layer::Secured };
        let found = conversation.follow(layer, bytes);
        assert!((1..=MOST_OF_ONE).contains(&found.len()));
        assert_eq!(found[0].bytes, bytes, "the first is what was captured");
        for message in &found {
            show(message);
        }
        if let Content::Record(record) = &found[0].content {
            assert_eq!(found.len() > 1, record.opened.is_ok());
        }
    }
}

fn show(message: &FoundMessage) {
    match &message.content {
        Content::Message(cx) => {
            let decoded = AnyMessage::decode(Untrusted::new(&message.bytes), cx);
            core::hint::black_box(format!("{decoded:?}"));
        }
        other => drop(core::hint::black_box(format!("{other:?}"))),
    }
}

/// A message as part of an input.
pub fn part(layer: Layer, bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_le_bytes();
    [&[u8::from(layer == Layer::Secured)][..], &len, bytes].concat()
}

/// The record with this data in place of what is encrypted in it.
pub fn opened(record: &[u8], sequence_len: usize, padding: usize, data: &[u8]) -> Option<Vec<u8>> {
    let sealed = SecuredMessage::decode(Untrusted::new(record), sequence_len, padding).ok()?;
    let mut plain = vec![0; data.len() + 2];
    let len = Plaintext { data, random: &[] }.encode(&mut plain).ok()?;
    let mut out = vec![0; record.len() + plain.len()];
    let open = SecuredMessage { data: plain.get(..len)?, tag: [0; TAG_LEN], ..sealed };
    let len = open.encode(&mut out).ok()?;
    out.truncate(len);
    Some(out)
}
