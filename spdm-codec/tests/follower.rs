//! A follower knows the context of each message from those before it.
#![expect(clippy::unwrap_used, reason = "tests say what they expect with a panic")]

use spdm_codec::{
    AnyMessage, CapabilityFlags, Code, ConnectionKeys, Cx, DecodeError, Follower, Handshake,
    OpaqueFormat, RecordPrivacy, Side, SpdmVersion, Strand,
};
use spdm_untrusted::Untrusted;

type F = CapabilityFlags;

const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 1, 0, 0x13];
/// DHE secp384r1, AEAD AES-256-GCM, ReqBaseAsymAlg ECDSA P-256, KeySchedule.
const TABLES: [[u8; 4]; 4] =
    [[2, 0x20, 0x10, 0], [3, 0x20, 2, 0], [4, 0x20, 0x10, 0], [5, 0x20, 1, 0]];
const RESPONDER: F = F::CERT_CAP
    .union(F::CHAL_CAP)
    .union(F::MEAS_CAP_SIG)
    .union(F::KEY_EX_CAP)
    .union(F::MAC_CAP)
    .union(F::ENCRYPT_CAP);
const REQUESTER: F = F::KEY_EX_CAP.union(F::MAC_CAP).union(F::ENCRYPT_CAP);

/// GET_CAPABILITIES or CAPABILITIES.
fn capabilities(version: u8, code: Code, flags: F) -> Vec<u8> {
    let flags = flags.bits().to_le_bytes();
    let sizes = [0, 0x10, 0, 0, 0, 0x20, 0, 0];
    let tail = if version >= 0x12 { &sizes[..] } else { &[] };
    [&[version, code.0, 0, 0, 0, 10, 0, 0][..], &flags, tail].concat()
}

fn negotiate_algorithms(version: u8, other_params: u8) -> Vec<u8> {
    let mut bytes = vec![version, 0xE3, 4, 0, 48, 0, 1, other_params];
    bytes.extend([0x80, 0, 0, 0, 2, 0, 0, 0]);
    bytes.resize(32, 0);
    [bytes, TABLES.concat()].concat()
}

/// ECDSA P-384 and SHA-384.
fn algorithms(version: u8, other_params: u8) -> Vec<u8> {
    let mut bytes = vec![version, 0x63, 4, 0, 52, 0, 1, other_params];
    bytes.extend([4, 0, 0, 0, 0x80, 0, 0, 0, 2, 0, 0, 0]);
    bytes.resize(36, 0);
    [bytes, TABLES.concat()].concat()
}

fn decode<'a>(follower: &mut Follower, bytes: &'a [u8]) -> Result<AnyMessage<'a>, DecodeError> {
    follower.decode(Untrusted::new(bytes))
}

fn cx(follower: &Follower, bytes: &[u8]) -> Cx {
    follower.next_cx(Untrusted::new(bytes))
}

/// A follower behind a negotiation with these capabilities and other parameters: offered, selected.
fn negotiated(version: u8, requester: F, responder: F, params: [u8; 2]) -> Follower {
    let mut follower = Follower::new(0);
    let [offered, selected] = params;
    for bytes in [
        GET_VERSION.to_vec(),
        VERSION.to_vec(),
        capabilities(version, Code::GET_CAPABILITIES, requester),
        capabilities(version, Code::CAPABILITIES, responder),
        negotiate_algorithms(version, offered),
        algorithms(version, selected),
    ] {
        assert_eq!(decode(&mut follower, &bytes).unwrap().bytes(), bytes);
    }
    follower
}

fn challenge(version: u8, summary: u8) -> Vec<u8> {
    let mut bytes = [&[version, 0x83, 0, summary][..], &[9; 32]].concat();
    if version >= 0x13 {
        bytes.extend([0; 8]);
    }
    bytes
}

#[test]
fn the_negotiation_gives_the_sizes() {
    let follower = negotiated(0x12, REQUESTER, RESPONDER, [2, 2]);
    assert_eq!(follower.version(), SpdmVersion::V1_2);
    let expected = Cx::new(SpdmVersion::V1_2)
        .with_hash_len(48)
        .with_signature_len(96)
        .with_requester_signature_len(64)
        .with_exchange_lens(96, 96)
        .with_opaque_format(OpaqueFormat::Table);
    assert_eq!(cx(&follower, &[0x12, 0x03, 0, 0]), expected);
    // Where there is no header, or no version that is known, it is that of the connection.
    assert_eq!(cx(&follower, &[]), expected);
    assert_eq!(cx(&follower, &[0x77, 0x03, 0, 0]), expected);
    // A message's own version shows.
    assert_eq!(cx(&follower, &[0x11, 0x03, 0, 0]).version, SpdmVersion::V1_1);
}

#[test]
fn the_transport_may_append_bytes() {
    let mut follower = Follower::new(3);
    let padded = [GET_VERSION, &[0; 3]].concat();
    assert_eq!(decode(&mut follower, &padded).unwrap().bytes(), GET_VERSION);
    assert_eq!(cx(&follower, &[]).padding, 3);
    assert!(decode(&mut Follower::new(2), &padded).is_err());
}

#[test]
fn a_request_tells_what_its_response_carries() {
    let mut follower = negotiated(0x12, REQUESTER, RESPONDER, [2, 2]);
    let mut after = |request: &[u8]| {
        decode(&mut follower, request).unwrap();
        let cx = cx(&follower, &[0x12, 0x7F, 0, 0]);
        (cx.summary_len, cx.signature_len)
    };
    assert_eq!(after(&challenge(0x12, 0)), (0, 96));
    assert_eq!(after(&challenge(0x12, 0xFF)), (48, 96));
    // What fetches a response asks for nothing itself.
    assert_eq!(after(&[0x12, 0xFF, 0x83, 1]), (48, 96));
    assert_eq!(after(&[0x12, 0xE0, 0, 1]), (0, 0));
    assert_eq!(after(&[&[0x12, 0xE0, 1, 1][..], &[7; 32], &[0]].concat()), (0, 96));
}

#[test]
fn both_sides_announce_how_a_handshake_travels() {
    let clear = F::HANDSHAKE_IN_THE_CLEAR_CAP;
    for (requester, responder, handshake) in [
        (REQUESTER, RESPONDER, Handshake::Secured),
        (REQUESTER | clear, RESPONDER, Handshake::Secured),
        (REQUESTER, RESPONDER | clear, Handshake::Secured),
        (REQUESTER | clear, RESPONDER | clear, Handshake::InTheClear),
    ] {
        let follower = negotiated(0x12, requester, responder, [2, 2]);
        assert_eq!(cx(&follower, &[]).handshake, handshake);
    }
}

#[test]
fn several_keys_are_offered_and_possible() {
    let multi = RESPONDER | F::MULTI_KEY_CAP_NEG | F::GET_KEY_PAIR_INFO_CAP;
    for (responder, params, keys) in [
        (multi, [0x12, 0x02], ConnectionKeys::Multi),
        (multi, [0x02, 0x02], ConnectionKeys::Single),
        (RESPONDER, [0x12, 0x02], ConnectionKeys::Single),
    ] {
        let follower = negotiated(0x13, REQUESTER, responder, params);
        assert_eq!(cx(&follower, &[]).connection_keys, keys);
    }
}

#[test]
fn opaque_data_has_the_selected_format() {
    for (version, selected, format) in [
        (0x11, 0, OpaqueFormat::FreeForm),
        (0x12, 0, OpaqueFormat::None),
        (0x12, 1, OpaqueFormat::FreeForm),
        (0x12, 2, OpaqueFormat::Table),
    ] {
        let follower = negotiated(version, REQUESTER, RESPONDER, [selected, selected]);
        assert_eq!(cx(&follower, &[]).opaque_format, format, "{version:#x} {selected}");
    }
}

#[test]
fn records_are_protected_as_both_sides_can() {
    let mac = |flags: F| flags.difference(F::ENCRYPT_CAP);
    for (requester, privacy) in
        [(REQUESTER, RecordPrivacy::Encrypted), (mac(REQUESTER), RecordPrivacy::Authenticated)]
    {
        let protection = negotiated(0x12, requester, RESPONDER, [2, 2]).record_protection();
        assert_eq!((protection.privacy, protection.suite.bits()), (privacy, 2));
    }
    assert_eq!(Follower::new(0).record_protection(), spdm_codec::RecordProtection::default());
}

#[test]
fn encapsulated_requests_come_from_the_responder() {
    let mut follower = negotiated(0x12, REQUESTER, RESPONDER, [2, 2]);
    let mut strand = Strand::new(Side::Responder);
    let request = challenge(0x12, 0xFF);
    let message = AnyMessage::decode(Untrusted::new(&request), &Cx::new(SpdmVersion::V1_2));
    follower.learn(&mut strand, &message.unwrap());
    let cx = follower.cx(&strand, 0, Untrusted::new(&[0x12, 0x03, 0, 0]));
    assert_eq!((cx.signature_len, cx.requester_signature_len, cx.summary_len), (64, 96, 48));
    // The Requester's own requests are another strand.
    assert_eq!(follower.next_cx(Untrusted::new(&[])).summary_len, 0);
}

#[test]
fn get_version_begins_a_new_connection() {
    let mut follower = negotiated(0x12, REQUESTER, RESPONDER, [2, 2]);
    decode(&mut follower, &challenge(0x12, 0xFF)).unwrap();
    decode(&mut follower, GET_VERSION).unwrap();
    assert_eq!(follower.version(), SpdmVersion::V1_0);
    assert_eq!(cx(&follower, &[]), Cx::new(SpdmVersion::V1_0));
}

#[test]
fn what_cannot_be_decoded_teaches_nothing() {
    let mut follower = negotiated(0x12, REQUESTER, RESPONDER, [2, 2]);
    let before = cx(&follower, &[]);
    for bytes in [&[0x10, 0x84, 0, 0, 0][..], &[0x13, 0xE1, 0, 0], &[0x12], &[]] {
        assert!(decode(&mut follower, bytes).is_err());
        assert_eq!(cx(&follower, &[]), before);
    }
}

#[test]
fn sizes_are_guessed_without_a_negotiation() {
    // H, Nonce, MSH, OpaqueDataLength, S.
    let answer = |hash_len: usize, summary_len: usize, signature_len: usize| {
        let len = hash_len + 32 + summary_len + 2 + signature_len;
        [&[0x11, 0x03, 0, 1][..], &vec![0; len]].concat()
    };
    let mut follower = Follower::new(0);
    for (summary, hash_len, summary_len, signature_len) in
        [(0xFF, 48, 48, 96), (0, 48, 0, 96), (0, 32, 0, 64), (1, 64, 64, 512)]
    {
        decode(&mut follower, &challenge(0x11, summary)).unwrap();
        let bytes = answer(hash_len, summary_len, signature_len);
        let cx = cx(&follower, &bytes);
        let sizes = (cx.hash_len, cx.summary_len, cx.signature_len);
        assert_eq!(sizes, (hash_len, summary_len, signature_len));
        assert_eq!(decode(&mut follower, &bytes).unwrap().code(), Code::CHALLENGE_AUTH);
    }
    // FINISH_RSP has ResponderVerifyData only where the handshake is in the clear.
    for len in [0, 32, 48, 64] {
        let bytes = [&[0x11, 0x65, 0, 0][..], &vec![7; len]].concat();
        assert_eq!(decode(&mut Follower::new(0), &bytes).unwrap().code(), Code::FINISH_RSP);
    }
    // After the negotiation nothing is guessed.
    let follower = negotiated(0x11, REQUESTER, RESPONDER, [0, 0]);
    let cx = cx(&follower, &answer(32, 0, 64));
    assert_eq!((cx.hash_len, cx.signature_len), (48, 96));
}

#[test]
fn messages_that_follow_each_other_are_told_apart() {
    let (follower, strand) = (Follower::new(0), Strand::new(Side::Requester));
    let extent = |bytes: &[u8]| follower.extent(&strand, 0, Untrusted::new(bytes));
    assert_eq!(extent(&[VERSION, GET_VERSION].concat()), VERSION.len());
    assert_eq!(extent(VERSION), VERSION.len());
    // Nothing that looks like a message follows.
    assert_eq!(extent(&[VERSION, &[0; 4]].concat()), VERSION.len() + 4);
    assert_eq!(extent(&[]), 0);
}
