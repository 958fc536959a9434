//! What the hosts of the captures prove of themselves in mutual authentication.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use spdm_codec::Code;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Content, Evidence, ExitClass, FoundMessage, Origin,
    RecordedExchange, Report, ReportErrorKind, Signatures, Verifier,
};
use spdm_x509::{Anchor, LinkTable};

use crate::conversation::{code, followed};
use crate::sessions::{opened, secrets_of, with_records};
use crate::{AT, folder, verify};

/// Captures of sessions whose host signs FINISH, without its chain in them: it was known to the device before.
const CHAINLESS: [&str; 3] = [
    "mut_WO_ENCAP_basicNO_v1.2_DOE",
    "mut_WO_ENCAP_basicNO_v1.3_DOE",
    "mut_WO_ENCAP_basicNO_v1.4_DOE",
];

/// Answers to encapsulated requests, and signatures of CHALLENGE_AUTH, FINISH and ENDPOINT_INFO.
const OF_HOST: [AttestationCheck; 4] = [
    AttestationCheck::HostFlow,
    AttestationCheck::HostChallenge,
    AttestationCheck::HostFinish,
    AttestationCheck::HostEndpointInfo,
];

/// The numbers in the details of these checks, where they pass.
fn counted(report: &Report) -> [usize; 4] {
    OF_HOST.map(|check| {
        let result = report.checks().iter().find(|result| result.check == check);
        let passed = result.filter(|result| result.status == CheckStatus::Pass);
        passed.map_or(0, |result| {
            let mut words = result.detail.split(' ');
            words.find_map(|word| word.parse().ok()).unwrap()
        })
    })
}

/// The same, counted in the messages.
fn said(messages: &[FoundMessage]) -> [usize; 4] {
    let encapsulated = |of: Code| {
        let all = messages.iter().filter(|m| m.origin == Origin::Encapsulated);
        all.filter(|message| code(message) == of).count()
    };
    let all = |of: Code, is_counted: fn(&FoundMessage) -> bool| {
        let messages = messages.iter().filter(|m| !matches!(m.content, Content::Record(_)));
        messages.filter(|m| code(m) == of).filter(|m| is_counted(m)).count()
    };
    [
        all(Code::DELIVER_ENCAPSULATED_RESPONSE, |_| true),
        encapsulated(Code::CHALLENGE_AUTH),
        all(Code::FINISH, |finish| finish.bytes[2] & 1 != 0),
        encapsulated(Code::ENDPOINT_INFO),
    ]
}

/// All of the captures: answers, and signatures of CHALLENGE_AUTH, FINISH and ENDPOINT_INFO.
const COUNTED: [usize; 4] = [578, 80, 176, 6];

pub(crate) fn what_hosts_sign_verifies() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let mut total = [0; 4];
    let mut known = Vec::new();
    for (capture, evidence, log) in opened(&folder) {
        let name = capture.name.clone();
        let secrets = secrets_of(&log);
        let verifier =
            Verifier { secrets: Some(&secrets), ..Verifier::new(&PROVIDER, &anchors, AT) };
        let report = verify(&verifier, &evidence).remove(0);
        let messages = followed(&folder, &capture);
        let mut expected = said(&messages);
        if CHAINLESS.contains(&name.as_str()) {
            assert_eq!(core::mem::take(&mut expected[2]), 2, "{name}");
            known.push((capture, evidence, log));
        } else {
            total[2] += expected[2];
        }
        assert_eq!(counted(&report), expected, "{name}");
        for at in [0, 1, 3] {
            total[at] += expected[at];
        }
    }
    // With the chain that the devices knew: that of the same host in another capture.
    let chain = chain_of_host(&folder);
    assert_eq!(known.len(), CHAINLESS.len());
    for (capture, evidence, log) in known {
        let secrets = secrets_of(&log);
        let verifier = Verifier {
            secrets: Some(&secrets),
            host_chain: Some(&chain),
            ..Verifier::new(&PROVIDER, &anchors, AT)
        };
        let report = verify(&verifier, &evidence).remove(0);
        assert_eq!(counted(&report), [0, 0, 2, 0], "{}", capture.name);
        assert!(report.notes().iter().all(|note| !note.to_string().contains("mutual")));
        assert!(report.verified(), "{}", capture.name);
        total[2] += 2;
        // Another one made no such signature.
        let verifier = Verifier { host_chain: Some(&chain[..chain.len() - 1]), ..verifier };
        let report = verify(&verifier, &evidence).remove(0);
        assert!(!report.verified(), "{}", capture.name);
    }
    assert_eq!(total, COUNTED);
}

/// The chain of the host of P-384.
fn chain_of_host(folder: &Path) -> Vec<u8> {
    let captures = folder::captures(folder);
    let capture = captures.iter().find(|c| c.name == "mut_WO_ENCAP_basicBASIC_v1.2_DOE").unwrap();
    let messages = followed(folder, capture);
    let certificate = messages
        .iter()
        .find(|m| m.origin == Origin::Encapsulated && code(m) == Code::CERTIFICATE)
        .unwrap();
    let len = usize::from(u16::from_le_bytes([certificate.bytes[4], certificate.bytes[5]]));
    assert_eq!(certificate.bytes[6..8], [0, 0]);
    certificate.bytes[8..8 + len].to_vec()
}

/// Short ones with mutual authentication of each kind.
const CHANGED: [&str; 3] = [
    "mut_W_ENCAP_basicBASIC_v1.1_DOE",
    "asym_ECDSA_P256_SHA_256_v1.2_MCTP_mut",
    "mut_DIGESTS_basicBASIC_v1.3_DOE",
];

fn named(folder: &Path, name: &str) -> Evidence {
    with_records(&fs::read(folder.join(format!("captures/{name}.pcap"))).unwrap())
}

/// The bytes of a message: of the request, or of the answer.
fn bytes(exchange: &mut RecordedExchange, is_answer: bool) -> &mut Vec<u8> {
    match is_answer {
        true => exchange.response.as_mut().unwrap(),
        false => &mut exchange.request,
    }
}

/// Whether a byte may change where the secrets of the sessions are not given: no signature covers it, and nothing else in
/// the recording says the same.
fn may_change(message: &[u8], at: usize, is_signed: bool, hash_len: usize) -> bool {
    // The inner message, where there is one; that of an acknowledgement of 1.2 is behind AckRequestID.
    let code = Code(message[1]);
    let inner_at = match code {
        Code::ENCAPSULATED_RESPONSE_ACK if message[0] >= 0x12 => 8,
        _ => 4,
    };
    let inner = message.get(inner_at + 1).copied().map(Code);
    let of_inner = at.checked_sub(inner_at);
    let param = matches!(of_inner, Some(2 | 3));
    match (code, inner) {
        // Reserved.
        (Code::GET_ENCAPSULATED_REQUEST, _) => at >= 2,
        (Code::ENCAPSULATED_REQUEST | Code::DELIVER_ENCAPSULATED_RESPONSE, _) if at == 3 => true,
        (Code::ENCAPSULATED_RESPONSE_ACK, _) if (5..inner_at).contains(&at) => true,
        // RequestID without a request.
        (Code::ENCAPSULATED_RESPONSE_ACK, None) => at == 2,
        // The HMACs.
        (Code::FINISH, _) => at + hash_len >= message.len(),
        (Code::FINISH_RSP, _) => true,
        _ if is_signed => false,
        (_, Some(Code::GET_DIGESTS)) => param,
        (_, Some(Code::GET_CERTIFICATE)) => of_inner >= Some(2),
        // Of slots whose chain is not read.
        (_, Some(Code::DIGESTS)) => param || of_inner >= Some(4 + hash_len),
        (_, Some(Code::CERTIFICATE)) => {
            let head = if message[inner_at + 2] & 0x80 == 0 { 8 } else { 16 };
            param || of_inner.is_some_and(|at| at >= 4 && at < head)
        }
        _ => false,
    }
}

/// Without any secret: what is in the clear is judged.
pub(crate) fn nothing_that_a_host_signs_can_be_changed() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let links = Mutex::new(LinkTable::<64>::new());
    let verifier = Verifier { link_cache: Some(&links), ..Verifier::new(&PROVIDER, &anchors, AT) };
    let mut changes = 0;
    for name in CHANGED {
        let mut evidence = named(&folder, name);
        assert!(verify(&verifier, &evidence).remove(0).verified(), "{name}");
        let padding = evidence.recordings[0].padding;
        let exchanges = &evidence.recordings[0].exchanges;
        let hash_len = if name.contains("SHA_256") { 32 } else { 48 };
        // The second session is like the first.
        let first = exchanges.iter().position(|e| e.request[1] == Code::FINISH.0).unwrap();
        let exchanged = exchanges.iter().position(|e| e.request[1] == Code::KEY_EXCHANGE.0);
        let host =
            [Code::GET_ENCAPSULATED_REQUEST, Code::DELIVER_ENCAPSULATED_RESPONSE, Code::FINISH];
        for index in 0..=first {
            let code = Code(evidence.recordings[0].exchanges[index].request[1]);
            if !host.contains(&code) {
                continue;
            }
            for is_answer in [false, true] {
                let message = bytes(&mut evidence.recordings[0].exchanges[index], is_answer);
                // What DOE appends is no part of a message.
                let len = message.len() - padding;
                for at in (0..len).filter(|at| *at < 20 || at % 211 == 0 || at + 1 == len) {
                    let original =
                        bytes(&mut evidence.recordings[0].exchanges[index], is_answer).clone();
                    let is_signed = Some(index) < exchanged;
                    let message = bytes(&mut evidence.recordings[0].exchanges[index], is_answer);
                    message[at] ^= 1 << (at % 8);
                    let report = verify(&verifier, &evidence).remove(0);
                    // A chain that is not read whole proves nothing, and nothing is wrong then.
                    let proved = counted(&report)[1] == 1;
                    let verified = report.verified() && (proved || !is_signed);
                    let expected = may_change(&original, at, is_signed, hash_len + padding);
                    assert!(
                        !verified || expected,
                        "{name}: exchange {index}, {is_answer}, byte {at}"
                    );
                    *bytes(&mut evidence.recordings[0].exchanges[index], is_answer) = original;
                    changes += 1;
                }
            }
        }
    }
    assert!(changes > 400, "{changes}");
}

/// What a change does to the exchanges of a recording.
type Change = fn(&mut Vec<RecordedExchange>);

fn position(exchanges: &[RecordedExchange], request: Code, inner: Code) -> usize {
    let is = |e: &RecordedExchange| {
        e.request[1] == request.0 && (inner == request || e.request[5] == inner.0)
    };
    exchanges.iter().position(is).unwrap()
}

/// DELIVER_ENCAPSULATED_RESPONSE with the last such answer.
fn delivered(exchanges: &mut [RecordedExchange], inner: Code) -> &mut RecordedExchange {
    let deliver = Code::DELIVER_ENCAPSULATED_RESPONSE.0;
    let mut all = exchanges.iter_mut().rev();
    all.find(|e| e.request[1] == deliver && e.request[5] == inner.0).unwrap()
}

/// The place of the exchange whose acknowledgement carries such a request.
fn inner_request(exchanges: &[RecordedExchange], inner: Code) -> usize {
    let ack = Code::ENCAPSULATED_RESPONSE_ACK.0;
    let mut answers = exchanges.iter().map(|e| e.response.as_deref().unwrap_or_default());
    answers.position(|a| a.get(1) == Some(&ack) && a.get(9) == Some(&inner.0)).unwrap()
}

fn finish(exchanges: &mut [RecordedExchange]) -> &mut RecordedExchange {
    exchanges.iter_mut().find(|e| e.request[1] == Code::FINISH.0).unwrap()
}

/// With endpoint info, without padding.
const OF_1_4: &str = "misc_csr_mel_mel_kpi_ep_v1.4_MCTP";
/// The host of that signs with RSA of 3072 bits.
const SIGNATURE_LEN: usize = 384;

pub(crate) fn each_broken_rule_of_a_host_is_named() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let (flow, challenge, finished, endpoint_info) = (
        AttestationCheck::HostFlow,
        AttestationCheck::HostChallenge,
        AttestationCheck::HostFinish,
        AttestationCheck::HostEndpointInfo,
    );
    let rows: [(Change, AttestationCheck, &str); 24] = [
        (
            |all| delivered(all, Code::CHALLENGE_AUTH).request[2] ^= 8,
            flow,
            "answers encapsulated request 11 instead of 3",
        ),
        (
            |all| delivered(all, Code::CHALLENGE_AUTH).response.as_mut().unwrap()[4] ^= 8,
            flow,
            "AckRequestID is 11 for encapsulated request 3",
        ),
        (
            |all| {
                drop(all.remove(position(
                    all,
                    Code::GET_ENCAPSULATED_REQUEST,
                    Code::GET_ENCAPSULATED_REQUEST,
                )))
            },
            flow,
            "answers an encapsulated request that is none",
        ),
        (
            |all| drop(all.remove(position(all, Code::CHALLENGE, Code::CHALLENGE))),
            flow,
            "a CHALLENGE came where the device had not asked for it",
        ),
        (
            |all| delivered(all, Code::CERTIFICATE).request[6] ^= 1,
            flow,
            "CERTIFICATE is of slot 1, but slot 0 was asked for",
        ),
        (
            |all| delivered(all, Code::DIGESTS).request[8] ^= 1,
            flow,
            "another hash than its chain's",
        ),
        (|all| delivered(all, Code::DIGESTS).request[5] = Code::CERTIFICATE.0, flow, "DIGESTS"),
        (
            |all| {
                let ack = delivered(all, Code::CERTIFICATE).response.as_mut().unwrap();
                ack[3] = 2;
                ack.push(8);
            },
            flow,
            "ReqSlotNumber is 8",
        ),
        (
            |all| {
                let ack = delivered(all, Code::CERTIFICATE).response.as_mut().unwrap();
                ack[3] = 2;
                ack.push(1);
            },
            finished,
            "FINISH is signed by slot 0, and the device asked for slot 1",
        ),
        (
            |all| finish(all).request[3] = 0xFF,
            finished,
            "signed by the raw public key, and the device asked for slot 0",
        ),
        (
            |all| {
                let finish = &mut finish(all).request;
                finish[2] = 0;
                finish.drain(6..6 + SIGNATURE_LEN);
            },
            finished,
            "FINISH is not signed, and the device asked for it",
        ),
        (
            |all| finish(all).request[6 + SIGNATURE_LEN - 1] ^= 1,
            finished,
            "the signature of the host in FINISH does not verify",
        ),
        (|all| finish(all).request.truncate(40), finished, "FINISH"),
        (
            |all| *delivered(all, Code::CHALLENGE_AUTH).request.last_mut().unwrap() ^= 1,
            challenge,
            "the signature of the host's CHALLENGE_AUTH does not verify",
        ),
        (
            |all| delivered(all, Code::CHALLENGE_AUTH).request[6] ^= 1,
            challenge,
            "of another slot than was asked for",
        ),
        (
            |all| delivered(all, Code::CHALLENGE_AUTH).request[7] ^= 1,
            challenge,
            "of another slot than was asked for",
        ),
        (
            |all| delivered(all, Code::CHALLENGE_AUTH).request[6] ^= 0x80,
            challenge,
            "asks for mutual authentication",
        ),
        (
            |all| delivered(all, Code::CHALLENGE_AUTH).request[8] ^= 1,
            challenge,
            "CertChainHash is not the hash",
        ),
        (
            |all| {
                let message = &mut delivered(all, Code::CHALLENGE_AUTH).request;
                let at = message.len() - SIGNATURE_LEN - 8;
                message[at] ^= 1;
            },
            challenge,
            "RequesterContext of the host's CHALLENGE_AUTH is not the request's",
        ),
        (
            |all| *delivered(all, Code::ENDPOINT_INFO).request.last_mut().unwrap() ^= 1,
            endpoint_info,
            "the signature of the host's ENDPOINT_INFO does not verify",
        ),
        (
            |all| {
                let asked = inner_request(all, Code::CHALLENGE);
                let nonce = all[asked].response.as_ref().unwrap()[8 + 4..][..32].to_vec();
                delivered(all, Code::CHALLENGE_AUTH).request[8 + 48..][..32]
                    .copy_from_slice(&nonce);
            },
            challenge,
            "Nonce of the host's CHALLENGE_AUTH is the request's",
        ),
        (
            |all| {
                let asked = inner_request(all, Code::CHALLENGE);
                let start = Code::GET_ENCAPSULATED_REQUEST;
                let mut again = all[position(all, start, start)].clone();
                let ack = all[asked].response.as_ref().unwrap();
                let mut question = vec![0x14, Code::ENCAPSULATED_REQUEST.0, ack[2], 0];
                question.extend_from_slice(&ack[8..]);
                again.response = Some(question);
                all.splice(asked + 2..asked + 2, [again, all[asked + 1].clone()]);
            },
            flow,
            "a CHALLENGE came where the device had not asked for it",
        ),
        (
            |all| delivered(all, Code::ENDPOINT_INFO).request[4 + 3] ^= 1,
            endpoint_info,
            "ENDPOINT_INFO of the host is of another slot than was asked for",
        ),
        (
            |all| {
                let at = position(all, Code::DELIVER_ENCAPSULATED_RESPONSE, Code::ENDPOINT_INFO);
                let mut asked = all[..at].iter().rev().filter_map(|e| e.response.as_ref());
                let asked = asked.find(|answer| {
                    answer[1] == Code::ENCAPSULATED_REQUEST.0
                        && answer[5] == Code::GET_ENDPOINT_INFO.0
                });
                let nonce = asked.unwrap()[4 + 8..][..32].to_vec();
                all[at].request[4 + 8..][..32].copy_from_slice(&nonce);
            },
            endpoint_info,
            "Nonce of the host's ENDPOINT_INFO is the request's",
        ),
    ];
    let rows = rows.map(|(change, check, part)| (OF_1_4, change, check, part));
    let not_asked = "answers an encapsulated request that is none";
    let of_others: [(&str, Change, AttestationCheck, &str); 3] = [
        (
            CHANGED[1],
            |all| {
                let asked = inner_request(all, Code::GET_CERTIFICATE);
                all[asked].response.as_mut().unwrap()[8 + 6..][..2].copy_from_slice(&[16, 0]);
            },
            flow,
            "CERTIFICATE is longer than what was asked for",
        ),
        (
            CHANGED[0],
            |all| {
                let exchanged = position(all, Code::KEY_EXCHANGE, Code::KEY_EXCHANGE);
                assert_eq!(all[exchanged + 1].request[1], Code::GET_ENCAPSULATED_REQUEST.0);
                all.remove(exchanged + 1);
            },
            flow,
            not_asked,
        ),
        (
            CHANGED[2],
            |all| {
                // The implied GET_DIGESTS is answered; nothing is asked behind it.
                let exchanged = position(all, Code::KEY_EXCHANGE, Code::KEY_EXCHANGE);
                let ack = all[exchanged + 1].response.as_mut().unwrap();
                assert_eq!(ack[9], Code::GET_CERTIFICATE.0);
                ack[3] = 0;
                ack.truncate(8);
            },
            flow,
            not_asked,
        ),
    ];
    for (name, change, check, part) in rows.into_iter().chain(of_others) {
        let mut evidence = named(&folder, name);
        change(&mut evidence.recordings[0].exchanges);
        let report = verify(&verifier, &evidence).remove(0);
        let result = report.checks().iter().find(|result| result.check == check);
        let result = result.unwrap_or_else(|| panic!("{part}: {report:?}"));
        assert_eq!(result.status, CheckStatus::Fail, "{part}: {result:?}");
        assert!(result.detail.contains(part), "{part}: {result:?}");
        assert!(!report.verified(), "{part}");
        assert_eq!(report.exit_class(), ExitClass::Rejected, "{part}");
        // What the device proved is what it was.
        let of_device =
            [AttestationCheck::MeasurementsSignature, AttestationCheck::SessionKeyExchange];
        for check in of_device {
            let result = report.checks().iter().find(|result| result.check == check).unwrap();
            assert_eq!(result.status, CheckStatus::Pass, "{part}: {result:?}");
        }
    }
}

/// Nothing that the host said there is wrong, and it proves nothing.
pub(crate) fn what_a_host_proves_needs_its_whole_chain_and_an_answer() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    let rows: [(&str, Change, AttestationCheck); 2] = [
        // A portion whose beginning nobody read.
        (
            CHANGED[1],
            |all| {
                let asked = inner_request(all, Code::GET_CERTIFICATE);
                all[asked].response.as_mut().unwrap()[8 + 4] = 1;
            },
            AttestationCheck::HostChallenge,
        ),
        // The device refused FINISH, as it has to.
        (
            OF_1_4,
            |all| {
                let finish = finish(all);
                finish.request[6 + SIGNATURE_LEN - 1] ^= 1;
                finish.response = Some(vec![0x14, Code::ERROR.0, 6, 0]);
            },
            AttestationCheck::HostFinish,
        ),
    ];
    for (name, change, check) in rows {
        let mut evidence = named(&folder, name);
        change(&mut evidence.recordings[0].exchanges);
        let report = verify(&verifier, &evidence).remove(0);
        let result = report.checks().iter().find(|result| result.check == check);
        assert!(
            result.is_none_or(|result| result.status != CheckStatus::Fail),
            "{check:?}: {result:?}"
        );
    }
}

/// A host that signs everything, beside a device that signs nothing: nobody is verified.
pub(crate) fn a_host_verifies_no_device() {
    let folder = test_corpus::folder();
    let roots = folder::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier { required: Signatures::Any, ..Verifier::new(&PROVIDER, &anchors, AT) };
    let mut evidence = named(&folder, OF_1_4);
    let signed_by_device =
        [Code::CHALLENGE, Code::GET_MEASUREMENTS, Code::KEY_EXCHANGE, Code::FINISH];
    let exchanges = &mut evidence.recordings[0].exchanges;
    let last = position(exchanges, Code::KEY_EXCHANGE, Code::KEY_EXCHANGE);
    exchanges.truncate(last);
    exchanges.retain(|e| !signed_by_device.contains(&Code(e.request[1])));
    // Nor is its CHALLENGE among what is left.
    exchanges.retain(|e| e.request.get(5) != Some(&Code::CHALLENGE_AUTH.0));
    evidence.recordings[0].records.clear();
    let report = verify(&verifier, &evidence).remove(0);
    let proved = report.checks().iter().find(|c| c.check == AttestationCheck::HostEndpointInfo);
    assert_eq!(proved.unwrap().status, CheckStatus::Pass);
    assert!(!report.verified());
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Unproven);
}
