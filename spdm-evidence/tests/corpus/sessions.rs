//! Sessions of the captures, without and with their secrets.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use spdm_codec::Code;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, ReadOptions, RecordedExchange, Records, Report,
    ReportErrorKind, Secrets, Verifier,
};
use spdm_x509::{Anchor, LinkTable};

use crate::folder::{self, Capture};
use crate::{AT, read, verify};

fn is_answered(exchange: &RecordedExchange, request: Code, response: Code) -> bool {
    let answer = exchange.response.as_deref().unwrap_or_default();
    exchange.request[1] == request.0 && answer.get(1) == Some(&response.0)
}

fn key_exchanges(evidence: &Evidence) -> usize {
    let exchanges = evidence.recordings.iter().flat_map(|recording| &recording.exchanges);
    exchanges.filter(|e| is_answered(e, Code::KEY_EXCHANGE, Code::KEY_EXCHANGE_RSP)).count()
}

/// How many values of these names the requester's log has.
fn logged(folder: &Path, capture: &Capture, names: &[&str]) -> usize {
    let log = fs::read(folder.join(format!("captures/{}.secrets.json", capture.name))).unwrap();
    let log: Vec<(String, String)> = serde_json::from_slice(&log).unwrap();
    log.iter().filter(|(name, _)| names.contains(&name.as_str())).count()
}

/// Captures with a chain whose algorithms are implemented, and that hold a KEY_EXCHANGE_RSP.
fn captures(folder: &Path) -> Vec<(Capture, Evidence)> {
    let wanted = |capture: &Capture| {
        capture.is_supported() && !capture.is("pubkey") && !capture.is("fails") && !capture.cut
    };
    let captures = folder::captures(folder).into_iter().filter(wanted);
    let read = captures.map(|capture| {
        let evidence = read(&capture.read(folder));
        (capture, evidence)
    });
    read.filter(|(_, evidence)| key_exchanges(evidence) > 0).collect()
}

pub(crate) fn every_key_exchange_is_signed() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let mut count = 0;
    for (capture, evidence) in captures(&folder) {
        let name = &capture.name;
        let exchanges = key_exchanges(&evidence);
        let said = logged(&folder, &capture, &["DHE Secret", "KEM Secret"]);
        assert_eq!(exchanges, said, "{name}");
        count += exchanges;
        // What is not signed, or by another key, is not verified: every one of them counts.
        let reports = verify(&verifier, &evidence);
        let keyed = |status| {
            let check = AttestationCheck::SessionKeyExchange;
            reports.iter().filter(move |report| report.status(check) == status).count()
        };
        assert!(reports.iter().all(|report| report.verified()), "{name}: {reports:?}");
        assert!(keyed(CheckStatus::Pass) > 0, "{name}");
        assert_eq!(keyed(CheckStatus::Fail), 0, "{name}");
        let basis = |report: &Report| report.basis().unwrap().to_string();
        assert!(reports.iter().any(|report| basis(report).contains("KEY_EXCHANGE")), "{name}");
    }
    assert_eq!(count, KEY_EXCHANGES);
}

/// Of all the captures above.
const KEY_EXCHANGES: usize = 280;

/// One byte of each message that the signature covers, in every capture, and the signature.
pub(crate) fn nothing_that_a_key_exchange_signs_can_be_changed() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let required = spdm_evidence::Signatures::Each(&[spdm_evidence::Proof::KeyExchange]);
    let verifier = Verifier { required, ..Verifier::new(&PROVIDER, &anchors, AT) };
    let mut seed = 1_u64;
    let mut changes = 0;
    for (capture, mut evidence) in captures(&folder) {
        let name = &capture.name;
        for recording in 0..evidence.recordings.len() {
            let exchanges = &evidence.recordings[recording].exchanges;
            let is_keyed =
                |e: &&RecordedExchange| is_answered(e, Code::KEY_EXCHANGE, Code::KEY_EXCHANGE_RSP);
            if exchanges.iter().find(is_keyed).is_none() {
                continue;
            }
            for index in 0..exchanges.len() {
                let code = Code(evidence.recordings[recording].exchanges[index].request[1]);
                let signed =
                    [Code::GET_CAPABILITIES, Code::NEGOTIATE_ALGORITHMS, Code::KEY_EXCHANGE];
                if !signed.contains(&code) {
                    continue;
                }
                for side in [0, 1] {
                    let exchange = &mut evidence.recordings[recording].exchanges[index];
                    let message = match side {
                        0 => &mut exchange.request,
                        _ => exchange.response.as_mut().unwrap(),
                    };
                    // What DOE appends is no part of the message.
                    let len = message.len().saturating_sub(3);
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let at = usize::try_from(seed >> 33).unwrap() % len;
                    let mask = 1 << (seed >> 29 & 7);
                    message[at] ^= mask;
                    changes += 1;
                    let reports = verify(&verifier, &evidence);
                    // A flipped slot makes it another slot's, which is not verified then.
                    assert!(
                        reports.iter().any(|report| !report.verified()),
                        "{name}: exchange {index}, side {side}, byte {at}, mask {mask}"
                    );
                    let exchange = &mut evidence.recordings[recording].exchanges[index];
                    let message = match side {
                        0 => &mut exchange.request,
                        _ => exchange.response.as_mut().unwrap(),
                    };
                    message[at] ^= mask;
                }
            }
        }
    }
    assert!(changes > 500, "{changes}");
}

/// What a report says of sessions: sessions, HMACs, records, key updates.
fn counted(report: &Report, check: AttestationCheck) -> [usize; 4] {
    let Some(result) = report.checks().iter().find(|result| result.check == check) else {
        return [0; 4];
    };
    let numbers = result.detail.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
    numbers.collect::<Vec<usize>>().try_into().unwrap_or([0; 4])
}

/// A capture with the records of its sessions.
pub(crate) fn with_records(bytes: &[u8]) -> Evidence {
    let options = ReadOptions { records: Records::Kept, ..ReadOptions::default() };
    Evidence::read(bytes, &options).unwrap()
}

/// Names and values, in order.
type Log = Vec<(String, String)>;

/// Captures of sessions whose algorithms are implemented, and what their requester logged.
pub(crate) fn opened(folder: &Path) -> Vec<(Capture, Evidence, Log)> {
    let wanted = |capture: &Capture| {
        capture.is_supported() && !capture.is("pubkey") && !capture.is("fails") && !capture.cut
    };
    let captures = folder::captures(folder).into_iter().filter(wanted);
    let read = captures.map(|capture| {
        let evidence = with_records(&capture.read(folder));
        let log = fs::read(folder.join(format!("captures/{}.secrets.json", capture.name))).unwrap();
        (capture, evidence, serde_json::from_slice(&log).unwrap())
    });
    read.filter(|(_, evidence, _)| evidence.recordings.iter().any(|r| !r.records.is_empty()))
        .collect()
}

pub(crate) fn secrets_of(log: &[(String, String)]) -> Secrets {
    Secrets::read(&serde_json::to_vec(log).unwrap()).unwrap()
}

/// Sessions, HMACs, records and key updates: of KEY_EXCHANGE, whose sessions with a host that is not known are not among the
/// first two numbers, and of PSK_EXCHANGE.
const COUNTED: [[usize; 4]; 2] = [[274, 548, 6280, 290], [72, 142, 2686, 136]];

pub(crate) fn every_session_is_judged_with_its_secrets() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let mut total = [[0; 4]; 2];
    let (mut captures, mut mutual) = (0, 0);
    for (capture, evidence, log) in opened(&folder) {
        let name = &capture.name;
        captures += 1;
        let secrets = secrets_of(&log);
        let verifier =
            Verifier { secrets: Some(&secrets), ..Verifier::new(&PROVIDER, &anchors, AT) };
        let reports = verify(&verifier, &evidence);
        let first = &reports[0];
        for report in &reports {
            assert_ne!(
                report.error().map(|error| error.kind),
                Some(ReportErrorKind::Session),
                "{name}: {report:?}"
            );
            assert!(
                report.checks().iter().all(|c| c.status != CheckStatus::Fail),
                "{name}: {report:?}"
            );
        }
        let checks = [AttestationCheck::SessionFinish, AttestationCheck::SessionPsk];
        let found = checks.map(|check| counted(first, check));
        for (total, found) in total.iter_mut().zip(found) {
            total.iter_mut().zip(found).for_each(|(total, found)| *total += found);
        }
        // What the log and the capture say, counted without the judge.
        let count =
            |names: &[&str]| log.iter().filter(|(l, _)| names.contains(&l.as_str())).count();
        let handshakes =
            log.iter().filter(|(_, is)| is.contains("generate_session_handshake_key")).count();
        let exchanged = count(&["DHE Secret", "KEM Secret"]);
        // Two keys for the handshake and two for the data; the others are updates.
        let updates = count(&["key"]) - 4 * handshakes;
        let records: usize = evidence.recordings.iter().map(|r| r.records.len()).sum();
        let [finish, psk] = found;
        let of_mutual = first.notes().iter().find_map(|note| {
            let note = note.to_string();
            note.contains("mutual").then(|| note.split(' ').next().unwrap().parse().unwrap())
        });
        let of_mutual: usize = of_mutual.unwrap_or(0);
        mutual += of_mutual;
        assert_eq!(finish[0] + of_mutual, exchanged, "{name}");
        assert_eq!(psk[0], handshakes - exchanged, "{name}");
        assert_eq!(finish[2] + psk[2], records, "{name}");
        assert_eq!(finish[3] + psk[3], updates, "{name}");
    }
    // Their chain is not in the captures.
    assert_eq!((captures, total, mutual), (145, COUNTED, 6));
}

/// Short ones of every kind: with and without mutual authentication, encrypted and authenticated, handshakes in the clear and secured, both kinds of PSK_EXCHANGE,
/// key updates, each transport.
const CHANGED: [&str; 12] = [
    "asym_ECDSA_P256_SHA_256_v1.2_DOE_nomut",
    "asym_ECDSA_P256_SHA_256_v1.2_MCTP_mut",
    "maconly_v1.2_MCTP",
    "secver1.1_v1.4_MCTP",
    "keyupd_REQ_v1.2_MCTP",
    "keyupd_RSP_v1.2_MCTP",
    "psk_only_v1.2_MCTP",
    "psk_only_v1.4_DOE",
    "caps_nohsclear_pskctx_v1.3_MCTP",
    "caps_nohsclear_psknoctx_v1.2_MCTP",
    "chunk_dts256_v1.3_MCTP",
    "chunk_dts256_v1.2_TCP",
];

/// Changes in the gate; `SPDM_SESSION_MUTANTS` says another number.
const MUTANTS: usize = 2000;

/// A byte of a recording that a session protects: of a message or a record.
#[derive(Clone, Copy, Debug)]
enum Protected {
    Request { recording: usize, exchange: usize },
    Response { recording: usize, exchange: usize },
    Record { recording: usize, record: usize },
}

impl Protected {
    fn all(evidence: &Evidence) -> Vec<Self> {
        let handshake = [Code::KEY_EXCHANGE, Code::FINISH, Code::PSK_EXCHANGE].map(|code| code.0);
        let mut all = Vec::new();
        for (recording, of) in evidence.recordings.iter().enumerate() {
            all.extend((0..of.records.len()).map(|record| Self::Record { recording, record }));
            for (exchange, of) in of.exchanges.iter().enumerate() {
                if handshake.contains(&of.request[1]) {
                    all.push(Self::Request { recording, exchange });
                    all.push(Self::Response { recording, exchange });
                }
            }
        }
        all
    }

    fn bytes<'e>(&self, evidence: &'e mut Evidence) -> &'e mut Vec<u8> {
        match *self {
            Self::Request { recording, exchange } => {
                &mut evidence.recordings[recording].exchanges[exchange].request
            }
            Self::Response { recording, exchange } => {
                evidence.recordings[recording].exchanges[exchange].response.as_mut().unwrap()
            }
            Self::Record { recording, record } => {
                &mut evidence.recordings[recording].records[record].bytes
            }
        }
    }
}

pub(crate) fn nothing_in_a_session_can_be_changed() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let links = Mutex::new(LinkTable::<64>::new());
    let mutants = env::var("SPDM_SESSION_MUTANTS").ok();
    let mutants = mutants.map_or(MUTANTS, |number| number.parse().unwrap());
    let mut seed = 7_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % below
    };
    let captures: Vec<_> = opened(&folder)
        .into_iter()
        .filter(|(capture, ..)| CHANGED.contains(&capture.name.as_str()))
        .collect();
    assert_eq!(captures.len(), CHANGED.len());
    for (place, (capture, mut evidence, log)) in captures.into_iter().enumerate() {
        let secrets = secrets_of(&log);
        let verifier = Verifier {
            secrets: Some(&secrets),
            link_cache: Some(&links),
            ..Verifier::new(&PROVIDER, &anchors, AT)
        };
        let fails = |evidence: &Evidence| {
            let reports = verify(&verifier, evidence);
            let failed = |report: &Report| {
                report.checks().iter().any(|result| result.status == CheckStatus::Fail)
                    || report.error().is_some_and(|e| e.kind != ReportErrorKind::Unproven)
            };
            reports.iter().any(failed)
        };
        assert!(!fails(&evidence), "{}", capture.name);
        let all = Protected::all(&evidence);
        let own = mutants / CHANGED.len() + usize::from(place < mutants % CHANGED.len());
        for _ in 0..own {
            let protected = all[random(all.len())];
            let padding = evidence.recordings[0].padding;
            let bytes = protected.bytes(&mut evidence);
            // What DOE appends is no part of a message.
            let end = bytes.len() - padding;
            let (at, mask) = (random(end), 1 << random(8));
            bytes[at] ^= mask;
            assert!(fails(&evidence), "{}: {protected:?}, byte {at}, mask {mask}", capture.name);
            protected.bytes(&mut evidence)[at] ^= mask;
        }
    }
}
