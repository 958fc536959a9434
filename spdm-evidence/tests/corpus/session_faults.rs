//! What is wrong in a session is named: each check of the judge has a row.

use std::fs;
use std::path::Path;

use spdm_codec::{Code, RecordBinding, RecordPrivacy, RequesterNonce};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AeadAlgorithm, RecordForm, RecordKey, RecordStream};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, ExitClass, Proof, ReadOptions, RecordedExchange,
    Records, Report, ReportErrorKind, Secrets, Signatures, Verifier,
};
use spdm_x509::Anchor;

use crate::{AT, folder, verify};

type Log = Vec<(String, String)>;

const IN_THE_CLEAR: &str = "asym_ECDSA_P256_SHA_256_v1.2_DOE_nomut";
const PSK: &str = "psk_only_v1.2_MCTP";

fn capture(folder: &Path, name: &str) -> (Evidence, Log) {
    let options = ReadOptions { records: Records::Kept, ..ReadOptions::default() };
    let file = fs::read(folder.join(format!("captures/{name}.pcap"))).unwrap();
    let log = fs::read(folder.join(format!("captures/{name}.secrets.json"))).unwrap();
    (Evidence::read(&file, &options).unwrap(), serde_json::from_slice(&log).unwrap())
}

fn judge(folder: &Path, evidence: &Evidence, log: &Log) -> Report {
    let roots = folder::roots(folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let secrets = Secrets::read(&serde_json::to_vec(log).unwrap()).unwrap();
    let verifier = Verifier { secrets: Some(&secrets), ..Verifier::new(&PROVIDER, &anchors, AT) };
    verify(&verifier, evidence).remove(0)
}

/// The message of the answer, or of the request, with its last byte flipped; behind it is what DOE appends.
fn flip(evidence: &mut Evidence, request: Code, is_answer: bool, padding: usize) {
    let exchanges = &mut evidence.recordings[0].exchanges;
    let exchange = exchanges.iter_mut().find(|e| e.request[1] == request.0).unwrap();
    let message = match is_answer {
        true => exchange.response.as_mut().unwrap(),
        false => &mut exchange.request,
    };
    let last = message.len() - 1 - padding;
    message[last] ^= 1;
}

/// The value of the log with this name and number, with its last digit changed.
fn change(log: &mut Log, name: &str, number: usize) {
    let (_, value) = log.iter_mut().filter(|(of, _)| of == name).nth(number).unwrap();
    let last = value.pop().unwrap();
    value.push(if last == '0' { '1' } else { '0' });
}

/// A key of the log as a stream of records.
fn stream(log: &Log, number: usize) -> RecordStream {
    let value = |name: &str| {
        let (_, value) = log.iter().filter(|(of, _)| of == name).nth(number).unwrap();
        hex::decode(value).unwrap()
    };
    let iv = value("iv").try_into().unwrap();
    let key = RecordKey::import(&PROVIDER, AeadAlgorithm::Aes256Gcm, &value("key"), &iv);
    RecordStream::new(key.unwrap())
}

fn sealed(stream: &mut RecordStream, session_id: u32, message: &[u8]) -> Vec<u8> {
    let (binding, privacy) = (RecordBinding::Mctp, RecordPrivacy::Encrypted);
    let form = RecordForm { binding, privacy, session_id };
    let mut record = vec![0; form.head_len() + message.len() + 16];
    record[form.head_len()..][..message.len()].copy_from_slice(message);
    let len = stream.seal(&form, &mut record, message.len(), &[]).unwrap();
    record.truncate(len);
    record
}

fn expect(folder: &Path, evidence: &Evidence, log: &Log, part: &str) {
    let report = judge(folder, evidence, log);
    let error = report.error().unwrap();
    assert_eq!(error.kind, ReportErrorKind::Session, "{part}: {error:?}");
    assert!(error.message.contains(part), "{part}: {error:?}");
    assert_eq!(report.exit_class(), ExitClass::Rejected, "{part}");
}

pub(crate) fn a_wrong_hmac_or_key_is_named() {
    let folder = test_corpus::folder();
    let (clear, clear_log) = capture(&folder, IN_THE_CLEAR);
    let (psk, psk_log) = capture(&folder, PSK);
    type Change = fn(&mut Evidence, &mut Log);
    let rows: [(bool, Change, &str); 7] = [
        (
            true,
            |evidence, _| flip(evidence, Code::PSK_EXCHANGE, true, 0),
            "ResponderVerifyData of the first answer is wrong",
        ),
        (
            false,
            |evidence, _| flip(evidence, Code::FINISH, false, 0),
            "RequesterVerifyData of its last handshake messages is wrong",
        ),
        (
            false,
            |evidence, _| flip(evidence, Code::FINISH, true, 0),
            "ResponderVerifyData of its last handshake messages is wrong",
        ),
        (false, |_, log| change(log, "key", 0), "the keys of the log are not those"),
        (false, |_, log| change(log, "key", 1), "the keys of the log are not those"),
        (false, |_, log| change(log, "key", 2), "the data keys of the log are not those"),
        (false, |_, log| change(log, "iv", 3), "the data keys of the log are not those"),
    ];
    for (is_psk, changed, part) in rows {
        let (mut evidence, mut log) = match is_psk {
            true => (psk.clone(), psk_log.clone()),
            false => (clear.clone(), clear_log.clone()),
        };
        changed(&mut evidence, &mut log);
        expect(&folder, &evidence, &log, part);
    }
    // A handshake is finished once.
    let mut again = clear.clone();
    let recording = &mut again.recordings[0];
    let exchanges = &mut recording.exchanges;
    let at = exchanges.iter().position(|e| e.request[1] == Code::FINISH.0).unwrap();
    exchanges.insert(at + 1, exchanges[at].clone());
    for record in recording.records.iter_mut().filter(|record| record.exchange > at) {
        record.exchange += 1;
    }
    expect(&folder, &again, &clear_log, "finished twice");
}

pub(crate) fn a_record_that_is_not_the_next_one_is_named() {
    let folder = test_corpus::folder();
    for name in [IN_THE_CLEAR, PSK] {
        let (evidence, log) = capture(&folder, name);
        let changed = |change: fn(&mut Vec<spdm_evidence::CapturedRecord>), part: &str| {
            let mut evidence = evidence.clone();
            change(&mut evidence.recordings[0].records);
            expect(&folder, &evidence, &log, part);
        };
        changed(|records| drop(records.remove(1)), "MAC is wrong");
        changed(|records| records.swap(0, 2), ": record 1: ");
        changed(|records| records.insert(1, records[0].clone()), ": record 2: ");
        changed(|records| records[0].bytes[0] ^= 1, "which is not open");
        changed(|records| records[0].bytes.truncate(9), "secured message");
        // Behind the end of its session.
        changed(
            |records| {
                let mut again = records[0].clone();
                again.exchange = usize::MAX;
                records.push(again);
            },
            "which is not open",
        );
    }
}

pub(crate) fn what_no_side_may_say_in_a_session_is_named() {
    let folder = test_corpus::folder();
    let (evidence, log) = capture(&folder, PSK);
    let records = &evidence.recordings[0].records;
    let id = u32::from_le_bytes(records[0].bytes[..4].try_into().unwrap());
    let (update, acknowledged) = ([0x12, 0xE9, 2, 5], [0x12, 0x69, 2, 5]);
    let asked = [0x12, 0x6A, 1, 0, 0x12, 0xE9, 1, 5];
    let delivered = [0x12, 0xEB, 1, 0, 0x12, 0x69, 1, 5];
    let rows: [(&[&[u8]], &str); 5] = [
        (&[&[0x10, 0x84, 0, 0]], "GET_VERSION inside a session"),
        (&[&[0x12, 0x01, 0, 0]], "the requester sent DIGESTS"),
        (&[&[0x12, 0x81, 0, 0], &[0x12, 0x81, 0, 0]], "the device sent GET_DIGESTS"),
        (&[&update, &acknowledged], "KEY_UPDATE_ACK came under the old key"),
        // An update that the device asks for.
        (
            &[&[0x12, 0xEA, 0, 0], &asked, &delivered, &[0x12, 0x6B, 0, 0, 1, 0, 0, 0]],
            "ENCAPSULATED_RESPONSE_ACK came under the old key",
        ),
    ];
    // Behind PSK_FINISH and its answer come the data keys.
    for (messages, part) in rows {
        let mut evidence = evidence.clone();
        let mut streams = [stream(&log, 2), stream(&log, 3)];
        for (place, message) in messages.iter().enumerate() {
            evidence.recordings[0].records[2 + place].bytes =
                sealed(&mut streams[place % 2], id, message);
        }
        expect(&folder, &evidence, &log, part);
    }
}

/// Another tag than that of the KEY_UPDATE of the device.
pub(crate) fn a_host_that_acknowledges_another_key_update_is_named() {
    let folder = test_corpus::folder();
    let (mut evidence, log) = capture(&folder, PSK);
    let records = &mut evidence.recordings[0].records;
    let id = u32::from_le_bytes(records[0].bytes[..4].try_into().unwrap());
    let messages: [&[u8]; 4] = [
        &[0x12, 0xEA, 0, 0],
        &[0x12, 0x6A, 1, 0, 0x12, 0xE9, 3, 5],
        &[0x12, 0xEB, 1, 0, 0x12, 0x69, 3, 6],
        &[0x12, 0x6B, 0, 0, 1, 0, 0, 0],
    ];
    let mut streams = [stream(&log, 2), stream(&log, 3)];
    for (place, message) in messages.iter().enumerate() {
        records[2 + place].bytes = sealed(&mut streams[place % 2], id, message);
    }
    records.truncate(6);
    let report = judge(&folder, &evidence, &log);
    let check = report.checks().iter().find(|c| c.check == AttestationCheck::HostFlow).unwrap();
    assert_eq!(check.status, CheckStatus::Fail);
    assert_eq!(check.detail, "KEY_UPDATE_ACK is not the echo of KEY_UPDATE");
}

/// A log of another run opens nothing, and says so; nothing is wrong then.
pub(crate) fn sessions_without_keys_are_counted() {
    let folder = test_corpus::folder();
    let (evidence, _) = capture(&folder, IN_THE_CLEAR);
    let report = judge(&folder, &evidence, &Log::new());
    assert!(report.verified(), "{:?}", report.error());
    let records = evidence.recordings[0].records.len();
    let note = format!("{records} secured messages were not opened");
    assert!(report.notes().iter().any(|of| of.to_string() == note), "{:?}", report.notes());
}

/// A KEY_EXCHANGE whose answer is missing is a signature that is missing; one that is required must be there; and its
/// RandomData is a nonce.
pub(crate) fn a_key_exchange_counts_like_other_signatures() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let (evidence, _) = capture(&folder, IN_THE_CLEAR);
    let judged =
        |evidence: &Evidence, verifier: &Verifier<'_>| verify(verifier, evidence).remove(0);
    let message = |report: &Report| report.error().map(|error| error.message.clone());
    let is = |code: Code| move |e: &RecordedExchange| e.request[1] == code.0;

    let mut unanswered = evidence.clone();
    let exchanges = &mut unanswered.recordings[0].exchanges;
    exchanges.iter_mut().find(|e| is(Code::KEY_EXCHANGE)(e)).unwrap().response = None;
    let why = "session.key_exchange was asked for: the answer to KEY_EXCHANGE is not on record";
    assert_eq!(message(&judged(&unanswered, &verifier)).as_deref(), Some(why));

    let required = Verifier { required: Signatures::Each(&[Proof::KeyExchange]), ..verifier };
    assert!(judged(&evidence, &required).verified());
    let mut without = evidence.clone();
    without.recordings[0].exchanges.retain(|e| !is(Code::KEY_EXCHANGE)(e) && !is(Code::FINISH)(e));
    assert!(judged(&without, &verifier).verified());
    let why = "session.key_exchange is required: no KEY_EXCHANGE_RSP";
    assert_eq!(message(&judged(&without, &required)).as_deref(), Some(why));

    // A device that was busy gets another KEY_EXCHANGE, and that one is answered.
    let mut busy = evidence.clone();
    let exchanges = &mut busy.recordings[0].exchanges;
    let at = exchanges.iter().position(|e| is(Code::KEY_EXCHANGE)(e)).unwrap();
    let mut first = exchanges[at].clone();
    first.request[8..40].fill(0x5A);
    first.response = Some(vec![first.request[0], Code::ERROR.0, 3, 0]);
    exchanges.insert(at, first);
    let report = judged(&busy, &verifier);
    assert!(report.verified(), "{:?}", report.error());

    // What names no slot is no KEY_EXCHANGE.
    let mut slotless = evidence.clone();
    let exchanges = &mut slotless.recordings[0].exchanges;
    exchanges.iter_mut().find(|e| is(Code::KEY_EXCHANGE)(e)).unwrap().request[3] = 0x40;
    assert!(!judged(&slotless, &verifier).verified());

    // The only signature of the connection.
    let mut alone = evidence.clone();
    alone.recordings[0]
        .exchanges
        .retain(|e| !is(Code::CHALLENGE)(e) && !is(Code::GET_MEASUREMENTS)(e));
    let report = judged(&alone, &verifier);
    assert_eq!(report.basis().unwrap().to_string(), "KEY_EXCHANGE alone");
    let nonce = hex::decode(report.nonces().key_exchange.as_ref().unwrap()).unwrap();
    let nonce = RequesterNonce(nonce.try_into().unwrap());
    assert_eq!(judged(&alone, &Verifier { nonce: Some(nonce), ..verifier }).fresh(), Some(true));
    let other = Verifier { nonce: Some(RequesterNonce([7; 32])), ..verifier };
    let report = judged(&alone, &other);
    assert_eq!((report.verified(), report.fresh()), (false, Some(false)));
}

/// Who has the key log can seal an old answer in a session of today: the nonce of KEY_EXCHANGE does not make the measurements
/// in it fresh, but their own does.
pub(crate) fn measurements_in_a_session_have_a_nonce_of_their_own() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let (mut evidence, log) = capture(&folder, IN_THE_CLEAR);
    let recording = &mut evidence.recordings[0];
    let is_left_out = |e: &RecordedExchange| {
        [Code::CHALLENGE.0, Code::GET_MEASUREMENTS.0].contains(&e.request[1])
    };
    for record in &mut recording.records {
        let before = &recording.exchanges[..record.exchange];
        record.exchange -= before.iter().filter(|e| is_left_out(e)).count();
    }
    recording.exchanges.retain(|e| !is_left_out(e));
    let secrets = Secrets::read(&serde_json::to_vec(&log).unwrap()).unwrap();
    let verifier = Verifier { secrets: Some(&secrets), ..Verifier::new(&PROVIDER, &anchors, AT) };
    let report = verify(&verifier, &evidence).remove(0);
    assert!(report.verified(), "{:?}", report.error());
    let nonce = |text: &Option<String>| {
        let bytes = hex::decode(text.as_ref().unwrap()).unwrap();
        Some(RequesterNonce(bytes.try_into().unwrap()))
    };
    let of_session = nonce(&report.nonces().key_exchange);
    let of_measurements = nonce(&report.nonces().measurements);
    for (nonce, fresh) in [(of_session, false), (of_measurements, true)] {
        let report = verify(&Verifier { nonce, ..verifier }, &evidence).remove(0);
        assert_eq!((report.verified(), report.fresh()), (fresh, Some(fresh)));
    }
}
