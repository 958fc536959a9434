//! Captures of sessions, judged with the secrets that the requester logged.

use spdm_codec::{
    CapabilityFlags, CertificateModel, Code, ErrorCode, KeyUsage, RequesterNonce, SlotId, SlotKey,
    SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{AsymAlgorithm, Bank, EcCurve, PskBytes};
use spdm_emulator::{AuthenticationDemand, MutualAuthentication, RequesterIdentity};
use spdm_evidence::{
    AttestationCheck, CaptureBinding, CaptureForm, CaptureWriter, CheckStatus, Evidence,
    ReadOptions, RecordedExchange, Records, Report, ReportErrorKind, Secrets, SecretsLog, Verifier,
};
use spdm_requester::{
    Connection, LocalChain, LocalIdentity, LoggedSessions, Negotiated, Offer, Requester, Selection,
    SessionHandle, SessionPlan, Storage, UpdatedKeys, blocking,
};
use spdm_transport::Transport as _;
use spdm_x509::{Anchor, Identity, ValidityCheck};

use crate::forged::indices;
use crate::live_session::{HINT, Line, PSK};
use crate::pcap::at;
use crate::recorder::{NOW, Waiting};

type F = CapabilityFlags;

const ONE: SlotId = SlotId::new(1).unwrap();

/// A capture of a connection and the log of its sessions.
struct Recorded {
    line: Line,
    /// The log of secrets.
    log: Vec<u8>,
}

impl Recorded {
    fn evidence(&self) -> Evidence {
        let binding = CaptureBinding::Dsp0287;
        let mut writer = CaptureWriter::new(Vec::new(), CaptureForm::Dmtf, binding).unwrap();
        for (direction, layer, message) in &self.line.messages {
            writer.write(at(0), *direction, *layer, message).unwrap();
        }
        let options = ReadOptions { records: Records::Kept, ..ReadOptions::default() };
        Evidence::read(&writer.finish().unwrap(), &options).unwrap()
    }

    /// The report on what was recorded, with these secrets.
    fn judged(&self, evidence: &Evidence, log: Option<&[u8]>) -> Report {
        self.judged_over(evidence, log, None)
    }

    fn judged_over(
        &self,
        evidence: &Evidence,
        log: Option<&[u8]>,
        nonce: Option<RequesterNonce>,
    ) -> Report {
        let secrets = log.map(|log| Secrets::read(log).unwrap());
        let roots = self.line.device.trust_anchors();
        let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
        let verifier = Verifier::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
        let verifier = Verifier { secrets: secrets.as_ref(), nonce, ..verifier };
        let mut reports = verifier.verify(&mut Bank::<Running, 8>::new(), evidence);
        assert_eq!(reports.len(), 1);
        reports.remove(0)
    }
}

const COMMON: F = F::ENCRYPT_CAP.union(F::HBEAT_CAP).union(F::KEY_UPD_CAP).union(F::CERT_CAP);

/// What opens a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Opens {
    KeyExchange,
    Psk,
}

/// A connection with these sessions, one behind the other; all of the device is measured in each: a part without a
/// signature, and then everything, signed where there is an identity.
fn recorded(version: SpdmVersion, capabilities: F, offered: F, sessions: &[Opens]) -> Recorded {
    recorded_of(Line::of(version, COMMON | capabilities, |_| ()), offered, sessions)
}

fn recorded_of(line: Line, offered: F, sessions: &[Opens]) -> Recorded {
    recorded_by(None, line, offered, sessions)
}

/// The same by a host that proves who it is, where it has an identity.
fn recorded_by(
    host: Option<&LocalIdentity<'_>>,
    mut line: Line,
    offered: F,
    sessions: &[Opens],
) -> Recorded {
    let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 4>::new());
    let mut connection = Connection::default();
    let mut bank = LoggedSessions::<SecretsLog, 1>::new(SecretsLog::new().with_psk(PSK));
    let mut storage =
        Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut bank);
    let mut offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_psk();
    offer.capabilities |= offered;
    if let Some(host) = host {
        offer = offer.with_identity(host);
        storage = storage.with_identity(host);
    }
    let requester = Requester::new(PROVIDER, storage, line.limits()).with_offer(offer);
    let clock = Waiting::default();
    let (requester, ()) = blocking::run(requester.negotiate(), &mut line, &clock).unwrap();
    let (requester, _) = blocking::run(requester.get_digests(), &mut line, &clock).unwrap();
    let mut chain = vec![0; 0x2000];
    let flow = requester.fetch_chain(SlotId::ZERO, &mut chain);
    let (mut requester, chain) = blocking::run(flow, &mut line, &clock).unwrap();
    let identity = Identity::Chain(chain);
    for opens in sessions {
        let (next, session) = match opens {
            Opens::KeyExchange => {
                let flow = requester.open_session(SessionPlan::DEFAULT, identity);
                let (next, (opened, _)) = blocking::run(flow, &mut line, &clock).unwrap();
                (next, opened.session)
            }
            Opens::Psk => {
                let psk = PskBytes(PSK);
                let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
                let (next, (opened, _)) = blocking::run(flow, &mut line, &clock).unwrap();
                (next, opened.session)
            }
        };
        let signs = (*opens == Opens::KeyExchange).then_some(identity);
        requester = used(next, &mut line, session, signs);
    }
    Recorded { line, log: bank.log().to_json().to_vec() }
}

/// Measures, and so on, and closes the session; a chain of slot 1 is fetched there.
fn used<'a>(
    requester: Requester<'a, Negotiated>,
    line: &mut Line,
    session: SessionHandle,
    identity: Option<Identity<'_>>,
) -> Requester<'a, Negotiated> {
    let (clock, mut record) = (Waiting::default(), vec![0; 0x1000]);
    let flow = requester.in_session(session).measure_unsigned(
        Selection::Indices(&[1]),
        Default::default(),
        &mut record,
    );
    let (requester, _) = blocking::run(flow, line, &clock).unwrap();
    let requester = requester.in_session(session);
    let (requester, _) = match identity {
        Some(identity) => {
            let nonce = requester.nonce().unwrap();
            let flow = requester.measure_signed(
                Selection::Indices(&[2]),
                Default::default(),
                identity,
                nonce,
                &mut record,
            );
            blocking::run(flow, line, &clock).unwrap()
        }
        None => {
            let flow = requester.measure_unsigned(
                Selection::Indices(&[2]),
                Default::default(),
                &mut record,
            );
            blocking::run(flow, line, &clock).unwrap()
        }
    };
    let (mut requester, ()) = blocking::run(requester.heartbeat(session), line, &clock).unwrap();
    if line.device.config().slots.contains(&ONE) {
        let mut chain = vec![0; 0x2000];
        let flow = requester.in_session(session).fetch_chain(ONE, &mut chain);
        requester = blocking::run(flow, line, &clock).unwrap().0;
    }
    let flow = requester.update_keys(session, UpdatedKeys::Both);
    let (requester, ()) = blocking::run(flow, line, &clock).unwrap();
    blocking::run(requester.close_session(session), line, &clock).unwrap().0
}

fn row(report: &Report, check: AttestationCheck) -> Option<(CheckStatus, &str)> {
    let row = report.checks().iter().find(|row| row.check == check)?;
    Some((row.status, &row.detail))
}

const VERSIONS: [SpdmVersion; 4] =
    [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4];
const EVERYTHING: &str = "1 sessions, 2 HMACs, 14 records, 2 key updates";

fn passes(report: &Report, check: AttestationCheck, detail: &str) {
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(row(report, check), Some((CheckStatus::Pass, detail)));
}

fn notes(report: &Report) -> Vec<String> {
    report.notes().iter().map(ToString::to_string).collect()
}

#[test]
fn a_session_is_judged_with_its_secrets() {
    for version in VERSIONS {
        let recorded = recorded(version, F::empty(), F::empty(), &[Opens::KeyExchange]);
        let evidence = recorded.evidence();
        let report = recorded.judged(&evidence, Some(&recorded.log));
        passes(&report, AttestationCheck::SessionFinish, EVERYTHING);
        passes(&report, AttestationCheck::SessionKeyExchange, "signed by the device's key");
        assert_eq!((indices(&report), notes(&report)), (vec![1, 2], vec![]), "{version}");
        assert_eq!(report.basis().unwrap().to_string(), "signed MEASUREMENTS and KEY_EXCHANGE");

        // Without them the signature of KEY_EXCHANGE counts all the same.
        let report = recorded.judged(&evidence, None);
        assert!(report.verified(), "{:?}", report.error());
        assert_eq!(report.basis().unwrap().to_string(), "KEY_EXCHANGE alone");
        assert_eq!(row(&report, AttestationCheck::SessionFinish), None);
        assert!(indices(&report).is_empty());
        assert_eq!(notes(&report), ["14 secured messages were not opened"], "{version}");
    }
}

#[test]
fn sessions_of_both_kinds_follow_each_other() {
    let clear = F::HANDSHAKE_IN_THE_CLEAR_CAP;
    // FINISH and its answer are no records where the handshake is in the clear, and there is no PSK_FINISH where the device
    // has no context.
    let short = "1 sessions, 2 HMACs, 12 records, 2 key updates";
    let shorter = "1 sessions, 1 HMACs, 12 records, 2 key updates";
    for (flags, offered, of_identity, of_psk) in [
        (F::PSK_CAP_CONTEXT, F::empty(), EVERYTHING, EVERYTHING),
        (F::PSK_CAP, F::empty(), EVERYTHING, shorter),
        (F::PSK_CAP_CONTEXT | clear, clear, short, EVERYTHING),
    ] {
        use Opens::{KeyExchange, Psk};
        for sessions in [&[KeyExchange, Psk], &[Psk, KeyExchange]] {
            let recorded = recorded(SpdmVersion::V1_2, flags, offered, sessions);
            let report = recorded.judged(&recorded.evidence(), Some(&recorded.log));
            passes(&report, AttestationCheck::SessionFinish, of_identity);
            passes(&report, AttestationCheck::SessionPsk, of_psk);
            assert_eq!(indices(&report), [1, 2]);
        }
        // Alone it proves no identity.
        let recorded = recorded(SpdmVersion::V1_2, flags, offered, &[Psk]);
        let report = recorded.judged(&recorded.evidence(), Some(&recorded.log));
        assert_eq!(report.error().unwrap().kind, ReportErrorKind::Unproven);
        assert_eq!(row(&report, AttestationCheck::SessionPsk), Some((CheckStatus::Pass, of_psk)));
        assert_eq!(indices(&report), [1, 2]);
    }
}

fn is(request: Code) -> impl Fn(&RecordedExchange) -> bool {
    move |exchange| exchange.request[1] == request.0
}

/// The first exchange with this request, a second time before itself, with an ERROR of this code for an answer. A
/// KEY_EXCHANGE has a nonce of its own.
fn refused_before(evidence: &mut Evidence, request: Code, code: ErrorCode) {
    let recording = &mut evidence.recordings[0];
    let at = recording.exchanges.iter().position(is(request)).unwrap();
    let mut refused = recording.exchanges[at].clone();
    if request == Code::KEY_EXCHANGE {
        refused.request[8..40].fill(0x5A);
    }
    refused.response = Some(vec![refused.request[0], Code::ERROR.0, code.0, 0]);
    recording.exchanges.insert(at, refused);
    let later = recording.records.iter_mut().filter(|record| record.exchange > at);
    later.for_each(|record| record.exchange += 1);
}

/// What the device had no time for was asked for again; what it refused is missing.
#[test]
fn a_key_exchange_that_is_refused() {
    let recorded = recorded(SpdmVersion::V1_2, F::empty(), F::empty(), &[Opens::KeyExchange]);
    let mut busy = recorded.evidence();
    refused_before(&mut busy, Code::KEY_EXCHANGE, ErrorCode::BUSY);
    let report = recorded.judged(&busy, Some(&recorded.log));
    passes(&report, AttestationCheck::SessionFinish, EVERYTHING);

    let mut refused = recorded.evidence();
    refused_before(&mut refused, Code::KEY_EXCHANGE, ErrorCode::INVALID_REQUEST);
    let report = recorded.judged(&refused, Some(&recorded.log));
    let message = "the device answered KEY_EXCHANGE with ERROR InvalidRequest";
    is_missing(&report, "session.key_exchange", message);

    let mut unanswered = recorded.evidence();
    let recording = &mut unanswered.recordings[0];
    let keyed = recording.exchanges.iter_mut().find(|exchange| is(Code::KEY_EXCHANGE)(exchange));
    keyed.unwrap().response = None;
    recording.records.clear();
    let report = recorded.judged(&unanswered, Some(&recorded.log));
    let error = report.error().unwrap();
    let message = "no signature of the device could be verified: \
                   the answer to KEY_EXCHANGE is not on record";
    assert_eq!((error.kind, error.message.as_str()), (ReportErrorKind::Unproven, message));

    // It never had time.
    let mut busy = recorded.evidence();
    refused_before(&mut busy, Code::KEY_EXCHANGE, ErrorCode::BUSY);
    let recording = &mut busy.recordings[0];
    let last = recording.exchanges.iter().rposition(is(Code::KEY_EXCHANGE)).unwrap();
    recording.exchanges.truncate(last);
    recording.records.clear();
    let report = recorded.judged(&busy, Some(&recorded.log));
    let error = report.error().unwrap();
    let message = "no signature of the device could be verified: \
                   the device answered KEY_EXCHANGE with ERROR Busy";
    assert_eq!((error.kind, error.message.as_str()), (ReportErrorKind::Unproven, message));
}

fn is_missing(report: &Report, check: &str, why: &str) {
    let error = report.error().unwrap();
    let message = format!("{check} was asked for: {why}");
    assert_eq!((error.kind, &error.message), (ReportErrorKind::Required, &message));
}

#[test]
fn a_psk_exchange_that_is_refused() {
    let recorded = recorded(SpdmVersion::V1_2, F::PSK_CAP_CONTEXT, F::empty(), &[Opens::Psk]);
    let mut refused = recorded.evidence();
    refused_before(&mut refused, Code::PSK_EXCHANGE, ErrorCode::INVALID_REQUEST);
    let report = recorded.judged(&refused, Some(&recorded.log));
    let opened = Some((CheckStatus::Pass, EVERYTHING));
    assert_eq!(row(&report, AttestationCheck::SessionPsk), opened, "{:?}", report.error());
}

/// Without the chain nothing is known of the session's transcript: its records are counted, and are no failure.
#[test]
fn a_session_with_a_device_whose_chain_is_not_on_record() {
    let recorded = recorded(SpdmVersion::V1_2, F::empty(), F::empty(), &[Opens::KeyExchange]);
    let mut evidence = recorded.evidence();
    let recording = &mut evidence.recordings[0];
    recording.exchanges.retain(|exchange| !is(Code::GET_CERTIFICATE)(exchange));
    recording.records.iter_mut().for_each(|record| record.exchange -= 1);
    let report = recorded.judged(&evidence, Some(&recorded.log));
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Unproven);
    assert_eq!(notes(&report), ["14 secured messages were not opened"]);
    assert!(report.checks().iter().all(|row| row.status != CheckStatus::Fail));
}

#[test]
fn a_key_exchange_of_no_slot() {
    let recorded = recorded(SpdmVersion::V1_2, F::empty(), F::empty(), &[Opens::KeyExchange]);
    let mut evidence = recorded.evidence();
    let exchanges = &mut evidence.recordings[0].exchanges;
    exchanges.iter_mut().find(|exchange| is(Code::KEY_EXCHANGE)(exchange)).unwrap().request[3] =
        0x40;
    let report = recorded.judged(&evidence, Some(&recorded.log));
    let error = report.error().unwrap();
    assert_eq!(error.kind, ReportErrorKind::Request);
    assert_eq!(error.field.as_deref(), Some("KEY_EXCHANGE.SlotID"));
}

/// The recording ends inside the session.
#[test]
fn a_request_in_a_session_without_its_answer() {
    let recorded = recorded(SpdmVersion::V1_2, F::empty(), F::empty(), &[Opens::KeyExchange]);
    let mut evidence = recorded.evidence();
    // FINISH, the measurement without a signature, and the request for one with it.
    evidence.recordings[0].records.truncate(5);
    let report = recorded.judged(&evidence, Some(&recorded.log));
    let message = "the answer to GET_MEASUREMENTS is not on record";
    is_missing(&report, "measurements.signature", message);
    let opened = "1 sessions, 2 HMACs, 5 records, 0 key updates";
    let finish = row(&report, AttestationCheck::SessionFinish);
    assert_eq!(finish, Some((CheckStatus::Pass, opened)));
}

/// Where the measurements of the session cannot be seen, the expected nonce is that of CHALLENGE, or else of KEY_EXCHANGE.
#[test]
fn the_nonce_of_a_connection_with_a_session() {
    let mut recorded = recorded(SpdmVersion::V1_2, F::empty(), F::empty(), &[Opens::KeyExchange]);
    let alone = recorded.evidence();
    let challenge = [&[0x12, 0x83, 0, 0][..], &[7; 32]].concat();
    let answer = recorded.line.device.respond(&challenge);
    let mut both = alone.clone();
    let exchanges = &mut both.recordings[0].exchanges;
    exchanges.push(RecordedExchange { request: challenge, interim: Vec::new(), response: answer });
    let keyed = exchanges.iter().find(|exchange| is(Code::KEY_EXCHANGE)(exchange)).unwrap();
    let keyed = RequesterNonce(keyed.request[8..40].try_into().unwrap());
    let challenged = RequesterNonce([7; 32]);
    for (evidence, right, wrong) in [(&alone, keyed, challenged), (&both, challenged, keyed)] {
        for (nonce, expected) in [(right, true), (wrong, false)] {
            let report = recorded.judged_over(evidence, None, Some(nonce));
            assert_eq!((report.verified(), report.fresh()), (expected, Some(expected)));
        }
    }
}

/// A chain that was fetched in the session is not compared with that of another slot, which comes next.
#[test]
fn a_chain_that_was_fetched_in_a_session() {
    let slots = vec![SlotId::ZERO, ONE];
    let line = Line::of(SpdmVersion::V1_2, COMMON, |config| config.slots = slots);
    let mut recorded = recorded_of(line, F::empty(), &[Opens::KeyExchange]);
    let mut evidence = recorded.evidence();
    let request = vec![0x12, 0x82, 0, 0, 0, 0, 0, 0x10];
    let response = recorded.line.device.respond(&request);
    let again = RecordedExchange { request, interim: Vec::new(), response };
    evidence.recordings[0].exchanges.push(again);
    let report = recorded.judged(&evidence, Some(&recorded.log));
    let fetched = "1 sessions, 2 HMACs, 16 records, 2 key updates";
    passes(&report, AttestationCheck::SessionFinish, fetched);
}

#[test]
fn a_session_that_is_not_complete() {
    let recorded = recorded(SpdmVersion::V1_2, F::empty(), F::empty(), &[Opens::KeyExchange]);
    let mut evidence = recorded.evidence();
    // Only its FINISH.
    evidence.recordings[0].records.truncate(1);
    let report = recorded.judged(&evidence, Some(&recorded.log));
    let incomplete = Some((CheckStatus::Skipped, "no handshake is complete"));
    assert_eq!(row(&report, AttestationCheck::SessionFinish), incomplete);
    // Of a session that the log does not have nothing is said but how much was not opened.
    let report = recorded.judged(&recorded.evidence(), Some(b"[]"));
    assert_eq!(row(&report, AttestationCheck::SessionFinish), None);
    assert_eq!(notes(&report), ["14 secured messages were not opened"]);
}

/// A session of a device that authenticates its host by the chain that it reads.
fn mutual(offered: F) -> Recorded {
    mutual_of(SpdmVersion::V1_2, F::empty(), offered, None)
}

/// The same with this version and device, and with what is said of the host's key.
fn mutual_of(version: SpdmVersion, device: F, offered: F, said: Option<SlotKey>) -> Recorded {
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    let host = RequesterIdentity::new(asym, Some(7), 0, 4_000_000_000).unwrap();
    let certificates = host.certificates.concat();
    let root = &host.certificates[0];
    let chain = LocalChain { root, certificates: &certificates, key: &host.key };
    let mut identity = LocalIdentity::with_chain(SlotId::ZERO, chain);
    if let Some(said) = said {
        identity = identity.and_key(SlotId::ZERO, said);
    }
    let line = Line::of(version, COMMON | device | offered, |config| {
        config.mutual_authentication = MutualAuthentication {
            in_session: AuthenticationDemand::Required,
            anchors: vec![root.clone()],
            ..MutualAuthentication::default()
        };
    });
    recorded_by(Some(&identity), line, offered, &[Opens::KeyExchange])
}

#[test]
fn a_session_with_mutual_authentication() {
    for offered in [F::empty(), F::HANDSHAKE_IN_THE_CLEAR_CAP] {
        let recorded = mutual(offered);
        let report = recorded.judged(&recorded.evidence(), Some(&recorded.log));
        assert!(report.verified(), "{:?}", report.error());
        for check in [AttestationCheck::HostFinish, AttestationCheck::SessionFinish] {
            assert_eq!(row(&report, check).map(|row| row.0), Some(CheckStatus::Pass), "{check:?}");
        }
    }
}

#[test]
fn s42_a_host_with_several_keys() {
    let (key_pair_id, model) = (7, CertificateModel::DeviceCert);
    let said = SlotKey { key_pair_id, model, usage: KeyUsage::KEY_EX };
    for version in [SpdmVersion::V1_3, SpdmVersion::V1_4] {
        for several in [F::MULTI_KEY_CAP_ONLY, F::MULTI_KEY_CAP_NEG] {
            let device = several | F::GET_KEY_PAIR_INFO_CAP;
            let recorded = mutual_of(version, device, F::HANDSHAKE_IN_THE_CLEAR_CAP, Some(said));
            let evidence = recorded.evidence();
            let exchanges = &evidence.recordings[0].exchanges;
            let delivers = is(Code::DELIVER_ENCAPSULATED_RESPONSE);
            let digests = exchanges.iter().find(|exchange| delivers(exchange)).unwrap();
            // One digest, and the lists about its key.
            assert_eq!(digests.request[digests.request.len() - 4..], [7, 1, 1, 0]);
            let report = recorded.judged(&evidence, Some(&recorded.log));
            assert!(report.verified(), "{:?}", report.error());
            for check in [AttestationCheck::HostFinish, AttestationCheck::SessionFinish] {
                let status = row(&report, check).map(|row| row.0);
                assert_eq!(status, Some(CheckStatus::Pass), "{check:?}");
            }
        }
    }
}

/// The host's signature is judged apart from the device, and is nothing that the device has proven.
#[test]
fn a_host_whose_signature_of_finish_is_changed() {
    let recorded = mutual(F::HANDSHAKE_IN_THE_CLEAR_CAP);
    let mut evidence = recorded.evidence();
    let exchanges = &mut evidence.recordings[0].exchanges;
    let finish = exchanges.iter().position(is(Code::FINISH)).unwrap();
    // Behind the header.
    exchanges[finish].request[4] ^= 1;
    let report = recorded.judged(&evidence, Some(&recorded.log));
    assert!(!report.verified());
    let host = row(&report, AttestationCheck::HostFinish).map(|row| row.0);
    assert_eq!(host, Some(CheckStatus::Fail));
    let device = row(&report, AttestationCheck::SessionKeyExchange).map(|row| row.0);
    assert_eq!(device, Some(CheckStatus::Pass));
}

/// Records are judged in their place among the exchanges: before one that ends the recording.
#[test]
fn a_message_behind_a_session_that_breaks_the_protocol() {
    let recorded = recorded(SpdmVersion::V1_2, F::empty(), F::empty(), &[Opens::KeyExchange]);
    let mut evidence = recorded.evidence();
    let (request, response) = (vec![0x12, 0x81, 0, 0], Some(vec![0x12, 0x01]));
    let broken = RecordedExchange { request, interim: Vec::new(), response };
    evidence.recordings[0].exchanges.push(broken);
    let report = recorded.judged(&evidence, Some(&recorded.log));
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Decode);
    let finish = row(&report, AttestationCheck::SessionFinish);
    assert_eq!(finish, Some((CheckStatus::Pass, EVERYTHING)));
}

/// FINISH in the clear is of the KEY_EXCHANGE before it, though a session with a pre-shared key was opened in between.
#[test]
fn a_psk_exchange_between_key_exchange_and_finish() {
    let clear = F::HANDSHAKE_IN_THE_CLEAR_CAP;
    let sessions = [Opens::Psk, Opens::KeyExchange];
    let recorded = recorded(SpdmVersion::V1_2, F::PSK_CAP_CONTEXT | clear, clear, &sessions);
    let mut evidence = recorded.evidence();
    let recording = &mut evidence.recordings[0];
    let place = |code| recording.exchanges.iter().position(is(code)).unwrap();
    let (psk, keyed) = (place(Code::PSK_EXCHANGE), place(Code::KEY_EXCHANGE));
    assert!(psk < keyed);
    recording.exchanges[psk..=keyed].rotate_left(1);
    let end = recording.exchanges.len();
    recording.records.iter_mut().for_each(|record| record.exchange = end);
    let report = recorded.judged(&evidence, Some(&recorded.log));
    let keyed = "1 sessions, 2 HMACs, 12 records, 2 key updates";
    passes(&report, AttestationCheck::SessionFinish, keyed);
    passes(&report, AttestationCheck::SessionPsk, EVERYTHING);
}
