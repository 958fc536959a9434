//! FINISH in the clear names no session: it belongs to the latest KEY_EXCHANGE, whatever is known of that.

use spdm_codec::{CapabilityFlags, Code, SlotId, SpdmVersion};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_evidence::{
    AttestationCheck, CaptureBinding, CaptureForm, CaptureWriter, CheckStatus, Evidence,
    ReadOptions, Records, Report, Secrets, SecretsLog, Verifier,
};
use spdm_requester::{
    Connection, LoggedSessions, Offer, Requester, SessionPlan, Storage, blocking,
};
use spdm_transport::Transport as _;
use spdm_x509::{Anchor, Identity, ValidityCheck};

use crate::live_session::Line;
use crate::pcap::at;
use crate::recorder::{NOW, Waiting};

type F = CapabilityFlags;

/// Two sessions at once, opened in the clear: the capture, and the key log.
fn two_at_once() -> (Line, Evidence, Vec<[String; 2]>) {
    let clear = F::HANDSHAKE_IN_THE_CLEAR_CAP;
    let flags = F::ENCRYPT_CAP | F::HBEAT_CAP | F::CERT_CAP | clear;
    let mut line = Line::of(SpdmVersion::V1_2, flags, |_| ());
    let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 5>::new());
    let mut connection = Connection::default();
    let mut sessions = LoggedSessions::<SecretsLog, 2>::new(SecretsLog::new());
    let storage =
        Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_clear_handshake();
    let requester = Requester::new(PROVIDER, storage, line.limits()).with_offer(offer);
    let clock = Waiting::default();
    let (requester, ()) = blocking::run(requester.negotiate(), &mut line, &clock).unwrap();
    let (requester, _) = blocking::run(requester.get_digests(), &mut line, &clock).unwrap();
    let mut chain = vec![0; 0x2000];
    let flow = requester.fetch_chain(SlotId::ZERO, &mut chain);
    let (mut requester, chain) = blocking::run(flow, &mut line, &clock).unwrap();
    let mut opened = Vec::new();
    for _ in 0..2 {
        let flow = requester.open_session(SessionPlan::DEFAULT, Identity::Chain(chain));
        let (next, (session, _)) = blocking::run(flow, &mut line, &clock).unwrap();
        requester = next;
        opened.push(session.session);
    }
    for session in opened.iter().chain(&opened) {
        (requester, ()) = blocking::run(requester.heartbeat(*session), &mut line, &clock).unwrap();
    }
    let flow = requester.close_session(opened[0]);
    let (requester, ()) = blocking::run(flow, &mut line, &clock).unwrap();
    blocking::run(requester.close_session(opened[1]), &mut line, &clock).unwrap();
    let mut writer =
        CaptureWriter::new(Vec::new(), CaptureForm::Dmtf, CaptureBinding::Dsp0287).unwrap();
    for (direction, layer, message) in &line.messages {
        writer.write(at(0), *direction, *layer, message).unwrap();
    }
    let options = ReadOptions { records: Records::Kept, ..ReadOptions::default() };
    let evidence = Evidence::read(&writer.finish().unwrap(), &options).unwrap();
    let log = serde_json::from_slice(&sessions.log().to_json()).unwrap();
    (line, evidence, log)
}

fn judged(line: &Line, evidence: &Evidence, log: &[[String; 2]]) -> Report {
    let secrets = Secrets::read(&serde_json::to_vec(log).unwrap()).unwrap();
    let roots = line.device.trust_anchors();
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let verifier = Verifier { secrets: Some(&secrets), ..verifier };
    verifier.verify(&mut Bank::<Running, 8>::new(), evidence).remove(0)
}

fn finish(report: &Report) -> (CheckStatus, &str) {
    let check = AttestationCheck::SessionFinish;
    let row = report.checks().iter().find(|row| row.check == check).unwrap();
    (row.status, &row.detail)
}

#[test]
fn each_of_two_sessions_has_its_own() {
    let (line, evidence, log) = two_at_once();
    let report = judged(&line, &evidence, &log);
    assert!(report.verified(), "{:?}", report.error());
    let everything = "2 sessions, 4 HMACs, 12 records, 0 key updates";
    assert_eq!(finish(&report), (CheckStatus::Pass, everything));
}

/// The FINISH of a session that the log says nothing of is not taken for one of the session before.
#[test]
fn that_of_a_session_without_secrets_is_nobody_elses() {
    let (line, evidence, log) = two_at_once();
    let begins = |entry: &[String; 2]| entry[1].contains("handshake_key");
    let second = log.iter().rposition(begins).unwrap();
    for (log, sessions) in [(&log[..second], "the first"), (&log[second..], "the second")] {
        let report = judged(&line, &evidence, log);
        assert!(report.verified(), "{sessions}: {:?}", report.error());
        let one = "1 sessions, 2 HMACs, 6 records, 0 key updates";
        assert_eq!(finish(&report), (CheckStatus::Pass, one), "{sessions}");
    }
}

/// A device refuses the second FINISH of a session, which lives; one that answers it is not believed.
#[test]
fn the_second_one_of_a_session() {
    let (line, evidence, log) = two_at_once();
    let again = |response: Option<Vec<u8>>| {
        let mut evidence = evidence.clone();
        let recording = &mut evidence.recordings[0];
        let finishes =
            |exchange: &spdm_evidence::RecordedExchange| exchange.request[1] == Code::FINISH.0;
        let place = recording.exchanges.iter().rposition(finishes).unwrap();
        let mut exchange = recording.exchanges[place].clone();
        exchange.response = response.or(exchange.response);
        recording.exchanges.insert(place + 1, exchange);
        for record in recording.records.iter_mut().filter(|record| record.exchange > place) {
            record.exchange += 1;
        }
        judged(&line, &evidence, &log)
    };
    let refused = again(Some(vec![0x12, 0x7F, 4, 0]));
    assert_eq!(finish(&refused).0, CheckStatus::Pass, "{:?}", refused.error());
    let answered = again(None);
    let (status, detail) = finish(&answered);
    assert_eq!((status, detail.contains("finished twice")), (CheckStatus::Fail, true), "{detail}");
}
