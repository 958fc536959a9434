//! The key schedule: what it refuses, and what it never shows.
#![expect(clippy::unwrap_used, reason = "the inputs are part of the test")]

use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AeadAlgorithm, AeadError, Digest, Direction, HandshakeSecrets, HashAlgorithm, Invalid,
    KdfError, KeySchedule, KeyScheduleError, Provider, PskBytes, RecordKey, SequenceOrder,
    SharedSecret, TAG_LEN, Unsupported,
};

/// Keys are compared by what they seal.
const PROBE: [u8; 5] = *b"probe";

fn digest(bytes: &[u8]) -> Digest {
    Digest::new(bytes).unwrap()
}

const TH: [u8; 32] = [0x11; 32];
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
const AEAD: AeadAlgorithm = AeadAlgorithm::Aes256Gcm;

fn schedule(version: SpdmVersion) -> KeySchedule {
    KeySchedule::new(&PROVIDER, version, HASH, AEAD).unwrap()
}

fn shared(bytes: &[u8]) -> SharedSecret {
    let mut shared = SharedSecret::new();
    shared.place(bytes.len()).unwrap().copy_from_slice(bytes);
    shared
}

fn handshake(version: SpdmVersion) -> HandshakeSecrets {
    schedule(version).from_key_exchange(&shared(&[0x22; 32]), &digest(&TH)).unwrap()
}

#[test]
fn nothing_of_a_stage_is_shown() {
    let handshake = handshake(SpdmVersion::V1_3);
    assert_eq!(format!("{handshake:?}"), "HandshakeSecrets { .. }");
    let key = handshake.record_key(Direction::Request).unwrap();
    assert_eq!(format!("{key:?}"), "RecordKey { algorithm: Aes256Gcm, .. }");
    let data = handshake.data(&digest(&TH)).unwrap();
    let shown = "DataSecrets { request: DataSecret { .. }, response: DataSecret { .. }, \
                 export: ExportSecret { .. } }";
    assert_eq!(format!("{data:?}"), shown);
    assert_eq!(format!("{:?}", PskBytes(b"secret")), "PskBytes { .. }");
}

#[test]
fn a_changed_bit_or_length_of_verify_data_is_refused() {
    let handshake = handshake(SpdmVersion::V1_2);
    let th = digest(&TH);
    let good = handshake.verify_data(Direction::Response, &th).unwrap();
    let check = |received: &[u8]| handshake.check_verify_data(Direction::Response, &th, received);
    assert_eq!(check(good.as_bytes()), Ok(()));
    for bit in 0..8 * good.as_bytes().len() {
        let mut bad = good.as_bytes().to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(check(&bad), Err(Invalid), "bit {bit}");
    }
    for len in 0..good.as_bytes().len() {
        assert_eq!(check(&good.as_bytes()[..len]), Err(Invalid), "{len} bytes");
    }
    assert_eq!(check(&[good.as_bytes(), &[0]].concat()), Err(Invalid));
    // The key of one direction is not that of the other.
    let reflected = handshake.check_verify_data(Direction::Request, &th, good.as_bytes());
    assert_eq!(reflected, Err(Invalid));
    // A transcript of another hash.
    let long = digest(&[0x11; 48]);
    let wrong = KeyScheduleError::TranscriptLength;
    assert_eq!(handshake.verify_data(Direction::Response, &long), Err(wrong));
    let checked = handshake.check_verify_data(Direction::Response, &long, good.as_bytes());
    assert_eq!(checked, Err(Invalid));
    assert_eq!(handshake.data(&long).err(), Some(wrong));
}

#[test]
fn every_version_direction_stage_and_leading_zero_gives_another_key() {
    let mut seen: Vec<([u8; TAG_LEN], [u8; 5])> = Vec::new();
    let mut add = |key: RecordKey| {
        let mut probe = PROBE;
        let tag = key.seal(0, SequenceOrder::LittleEndian, b"", &mut probe).unwrap();
        assert!(!seen.contains(&(tag, probe)));
        seen.push((tag, probe));
    };
    for version in SpdmVersion::ALL {
        let th = digest(&TH);
        // Three secrets that are the same number, and one of a PSK with the same bytes (from 1.3 on: before,
        // the two are derived alike).
        for secret in [&[0x22; 32][..], &[&[0][..], &[0x22; 32]].concat(), &[0x22; 31]] {
            let handshake = schedule(version).from_key_exchange(&shared(secret), &th).unwrap();
            add(handshake.record_key(Direction::Request).unwrap());
            add(handshake.record_key(Direction::Response).unwrap());
            let data = handshake.data(&th).unwrap();
            for secret in [&data.request, &data.response] {
                add(secret.record_key().unwrap());
                add(secret.updated().unwrap().record_key().unwrap());
                add(secret.updated().unwrap().updated().unwrap().record_key().unwrap());
            }
        }
        if version >= SpdmVersion::V1_3 {
            let psk = schedule(version).from_psk(&PskBytes(&[0x22; 32]), &th).unwrap();
            add(psk.record_key(Direction::Request).unwrap());
        }
    }
    assert_eq!(seen.len(), 5 * 3 * 8 + 2);
}

#[test]
fn without_a_shared_secret_or_a_backend_there_are_no_keys() {
    let th = digest(&TH);
    let none = schedule(SpdmVersion::V1_2).from_key_exchange(&SharedSecret::new(), &th);
    assert_eq!(none.err(), Some(KeyScheduleError::NoSharedSecret));
    let long = schedule(SpdmVersion::V1_2).from_psk(&PskBytes(b"psk"), &digest(&[1; 48]));
    assert_eq!(long.err(), Some(KeyScheduleError::TranscriptLength));

    let new = |provider: &Provider| KeySchedule::new(provider, SpdmVersion::V1_2, HASH, AEAD).err();
    let no_kdf = KdfError::Unsupported(Unsupported::new(HASH));
    assert_eq!(new(&Provider { kdfs: &[], ..PROVIDER }), Some(KeyScheduleError::Kdf(no_kdf)));
    let no_aead = KeyScheduleError::UnsupportedAead(AEAD);
    assert_eq!(new(&Provider { aeads: &[], ..PROVIDER }), Some(no_aead));
    assert_eq!(
        RecordKey::import(&PROVIDER, AEAD, &[0; 31], &[0; 12]).err(),
        Some(AeadError::InvalidKey)
    );
}

#[test]
fn the_two_orders_of_the_sequence_number_agree_on_zero_only() {
    let key = RecordKey::import(&PROVIDER, AEAD, &[7; 32], &[9; 12]).unwrap();
    for sequence in [0, 1, 0x0100, u64::MAX] {
        let mut data = PROBE;
        let little = SequenceOrder::LittleEndian;
        let tag = key.seal(sequence, little, b"header", &mut data).unwrap();
        let sealed = data;
        let opened = key.open(sequence, SequenceOrder::BigEndian, b"header", &mut data, &tag);
        assert_eq!(opened.is_ok(), sequence == 0, "{sequence}");
        if opened.is_err() {
            // Nothing changed: the next try starts from the same bytes.
            assert_eq!(data, sealed);
            assert_eq!(key.open(sequence, little, b"header", &mut data, &tag), Ok(()));
        }
        assert_eq!(data, PROBE);
    }
}
