//! Sessions of the captures, without their secrets.

use std::fs;
use std::path::Path;

use spdm_codec::Code;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{AttestationCheck, CheckStatus, Evidence, RecordedExchange, Verifier};
use spdm_x509::Anchor;

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
        let basis = |report: &spdm_evidence::Report| report.basis().unwrap().to_string();
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
