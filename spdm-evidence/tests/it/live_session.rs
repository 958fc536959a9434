//! What a report says of a session with a device, live.

use core::convert::Infallible;

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, DheNamedGroup, KemAlgo, RecordBinding, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, PskBytes};
use spdm_emulator::{Device, DeviceConfig, SharedKey};
use spdm_evidence::{
    AttestationCheck, CaptureDirection, CheckStatus, ExitClass, Freshness, HandshakeProtection,
    Layer, RecordProtection, Report, ReportBuilder, ReportErrorKind, SessionEnd, SessionKeys,
    SessionKind,
};
use spdm_requester::{
    AttestationPlan, ChainCache, Connection, KeySource, Negotiated, Observation, Observer as _,
    Offer, Requester, Requirement, Selection, SessionHandle, SessionPlan, Sessions, Storage,
    ToUntrusted, UpdatedKeys, blocking,
};
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};
use spdm_x509::{Anchor, Policy, ValidityCheck};

use crate::recorder::{NOW, Waiting};

type F = CapabilityFlags;

pub(crate) const HINT: &[u8] = b"its name";
pub(crate) const PSK: &[u8] = b"a key that both sides have";

/// A device with sessions, without a wire.
pub(crate) struct Line {
    pub(crate) device: Device,
    answer: Option<(MessageKind, Vec<u8>)>,
    /// What was sent and received.
    pub(crate) messages: Vec<(CaptureDirection, Layer, Vec<u8>)>,
}

impl Line {
    pub(crate) fn of(
        version: SpdmVersion,
        capabilities: F,
        change: impl FnOnce(&mut DeviceConfig),
    ) -> Self {
        let mut config = DeviceConfig {
            seed: Some(1),
            versions: vec![version],
            base_asym: BaseAsymAlgo::ECDSA_P256,
            base_hash: BaseHashAlgo::SHA_256,
            more_capabilities: F::KEY_EX_CAP | F::MAC_CAP | capabilities,
            pre_shared_keys: vec![SharedKey { hint: HINT.to_vec(), key: PSK.to_vec() }],
            heartbeat_period: 20,
            records: RecordBinding::Tcp,
            ..DeviceConfig::default()
        };
        change(&mut config);
        Self { device: Device::new(config).unwrap(), answer: None, messages: Vec::new() }
    }
}

impl Transport for Line {
    type Error = Infallible;

    fn limits(&self) -> Limits {
        Limits::new(0x1200, 0x1200).with_records(RecordBinding::Tcp)
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), Infallible> {
        let answer = match kind {
            MessageKind::Plain => self.device.respond(message),
            MessageKind::Secured => self.device.respond_secured(message),
        };
        let layer = match kind {
            MessageKind::Plain => Layer::Plain,
            MessageKind::Secured => Layer::Secured,
        };
        self.messages.push((CaptureDirection::Sent, layer, message.to_vec()));
        let received = |answer: &Vec<u8>| (CaptureDirection::Received, layer, answer.clone());
        self.messages.extend(answer.as_ref().map(received));
        self.answer = answer.map(|answer| (kind, answer));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> Result<Option<Received>, Infallible> {
        let Some((kind, answer)) = self.answer.take() else { return Ok(None) };
        buffer[..answer.len()].copy_from_slice(&answer);
        Ok(Some(Received { kind, len: answer.len() }))
    }

    fn abandon(&mut self) {
        self.answer = None;
    }
}

/// What happens in an open session.
type Course<'t> = &'t [Option<UpdatedKeys>];

/// A heartbeat for each `None`, and then the end.
fn use_and_close(
    mut requester: Requester<'_, Negotiated>,
    line: &mut Line,
    session: SessionHandle,
    course: Course<'_>,
    report: &mut ReportBuilder,
) {
    for step in course {
        let flow = match step {
            Some(keys) => {
                blocking::run(requester.update_keys(session, *keys), line, &Waiting::default())
            }
            None => blocking::run(requester.heartbeat(session), line, &Waiting::default()),
        };
        requester = flow.map_err(|failure| failure.error).unwrap().0;
        match step {
            Some(keys) => report.session_keys_updated(*keys),
            None => report.session_heartbeat(),
        };
    }
    let flow = requester.close_session(session);
    blocking::run(flow, line, &Waiting::default()).unwrap();
    report.session_closed();
}

/// The report on a session of KEY_EXCHANGE, under these roots. Of what happens in it, `None` says nothing.
fn under(
    roots: &[Vec<u8>],
    line: &mut Line,
    offered: F,
    requirement: Requirement,
    course: Option<Course<'_>>,
) -> Report {
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let mut plan = AttestationPlan::new(&policy);
    plan.requirement = requirement;
    let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 4>::new());
    let (mut chain, mut record) = (vec![0; 0x2000], vec![0; 0x1000]);
    let (mut connection, mut sessions) = (Connection::default(), Sessions::<1>::new());
    let storage =
        Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
    let mut offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
    offer.capabilities |= offered;
    let requester = Requester::new(PROVIDER, storage, line.limits()).with_offer(offer);
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    let source = KeySource::Chain { known: ChainCache::EMPTY, buffer: &mut chain };
    let flow = requester
        .examine_in_session(plan, SessionPlan::DEFAULT, ToUntrusted::Nothing, source, &mut record)
        .observed_by(&mut report);
    let opened = blocking::run(flow, line, &Waiting::default());
    let (requester, (opened, _)) = opened.map_err(|failure| failure.error).unwrap();
    if let Some(course) = course {
        use_and_close(requester, line, opened.session, course, &mut report);
    }
    report.build()
}

/// The report on a session of KEY_EXCHANGE with a trusted device, in which nothing is measured.
fn with_identity(line: &mut Line, offered: F, course: Course<'_>) -> Report {
    let roots = line.device.trust_anchors();
    under(&roots, line, offered, Requirement::Session, Some(course))
}

/// The report on a session with the pre-shared key, in which everything is measured without a signature.
fn with_psk(line: &mut Line, key: &[u8]) -> Report {
    let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 4>::new());
    let (mut connection, mut sessions) = (Connection::default(), Sessions::<1>::new());
    let storage =
        Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_psk();
    let requester = Requester::new(PROVIDER, storage, line.limits()).with_offer(offer);
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    report.psk_session_asked();
    let (requester, ()) = blocking::run(requester.negotiate(), line, &Waiting::default()).unwrap();
    report.negotiated(requester.negotiated());
    let psk = PskBytes(key);
    let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
    let Ok((requester, (opened, _))) = blocking::run(flow, line, &Waiting::default()) else {
        return report.build();
    };
    report.psk_session_opened(&opened);
    let mut record = vec![0; 0x1000];
    let session = requester.in_session(opened.session);
    let flow = session.measure_unsigned(Selection::All, Default::default(), &mut record);
    let (requester, measured) = blocking::run(flow, line, &Waiting::default()).unwrap();
    report.observe(&Observation::Measured {
        record: &measured.record,
        possession: None,
        content_changed: measured.content_changed,
        summary: None,
    });
    use_and_close(requester, line, opened.session, &[None], &mut report);
    report.build()
}

fn row(report: &Report, check: AttestationCheck) -> (CheckStatus, &str) {
    let row = report.checks().iter().find(|row| row.check == check).unwrap();
    (row.status, &row.detail)
}

#[test]
fn what_was_agreed_and_done_in_a_session() {
    use SessionKeys::{Both, Requests};
    let everything = F::ENCRYPT_CAP | F::HBEAT_CAP | F::KEY_UPD_CAP;
    let mut line = Line::of(SpdmVersion::V1_2, everything, |config| {
        config.dhe_groups = DheNamedGroup::SECP_384_R1;
    });
    let course = [None, Some(UpdatedKeys::Requests), None, Some(UpdatedKeys::Both)];
    let report = with_identity(&mut line, F::empty(), &course);
    assert!(report.verified(), "{:?}", report.error());
    assert_eq!(report.fresh(), Some(true));
    assert_eq!(report.basis().unwrap().to_string(), "KEY_EXCHANGE alone");
    let signed = (CheckStatus::Pass, "signed by the device's key");
    assert_eq!(row(&report, AttestationCheck::SessionKeyExchange), signed);
    let both = (CheckStatus::Pass, "both sides have the keys of the session");
    assert_eq!(row(&report, AttestationCheck::SessionFinish), both);
    let session = report.session().unwrap();
    assert_eq!((session.kind, session.end), (SessionKind::KeyExchange, SessionEnd::Closed));
    assert_eq!(session.secured_messages.as_deref(), Some("1.3"));
    assert_eq!(session.key_exchange.as_deref(), Some("SECP_384_R1"));
    assert_eq!(session.aead.as_deref(), Some("AES_256_GCM"));
    assert_eq!(session.records, RecordProtection::Encrypted);
    assert_eq!(session.handshake, HandshakeProtection::Secured);
    assert_eq!((session.heartbeat_period, session.heartbeats), (20, 2));
    assert_eq!(session.key_updates, [Requests, Both]);
    assert!(session.id.starts_with("0x") && session.id.len() == 10, "{}", session.id);
}

#[test]
fn records_and_a_handshake_that_everybody_can_read() {
    let mut line = Line::of(SpdmVersion::V1_2, F::HANDSHAKE_IN_THE_CLEAR_CAP, |_| ());
    let report = with_identity(&mut line, F::HANDSHAKE_IN_THE_CLEAR_CAP, &[]);
    assert!(report.verified(), "{:?}", report.error());
    let session = report.session().unwrap();
    assert_eq!(session.records, RecordProtection::Authenticated);
    assert_eq!(session.handshake, HandshakeProtection::InTheClear);
    assert_eq!((session.heartbeat_period, session.heartbeats), (0, 0));
    assert_eq!(session.key_updates, []);
}

#[test]
fn a_session_by_a_kem() {
    let mut line = Line::of(SpdmVersion::V1_4, F::ENCRYPT_CAP, |config| {
        config.dhe_groups = DheNamedGroup::empty();
        config.kems = KemAlgo::ML_KEM_768;
    });
    let report = with_identity(&mut line, F::empty(), &[]);
    assert!(report.verified(), "{:?}", report.error());
    let session = report.session().unwrap();
    assert_eq!(session.key_exchange.as_deref(), Some("ML_KEM_768"));
}

/// Nothing is asked in it, and nobody said how it ended.
#[test]
fn a_session_with_who_is_not_trusted() {
    let mut line = Line::of(SpdmVersion::V1_2, F::ENCRYPT_CAP, |_| ());
    let report = under(&[], &mut line, F::empty(), Requirement::Measurements, None);
    assert_eq!((report.verified(), report.exit_class()), (false, ExitClass::Rejected));
    assert_eq!(report.error().unwrap().kind, ReportErrorKind::Chain);
    let withheld = (CheckStatus::Skipped, "nothing is asked in a session with who is not trusted");
    assert_eq!(row(&report, AttestationCheck::MeasurementsSignature), withheld);
    assert_eq!(report.session().unwrap().end, SessionEnd::Lost);
}

#[test]
fn a_session_that_is_asked_for_is_required() {
    let mut report = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    report.observe(&Observation::SessionAsked);
    let report = report.build();
    let missing = [
        (AttestationCheck::SessionKeyExchange, "no KEY_EXCHANGE_RSP"),
        (AttestationCheck::SessionFinish, "no FINISH_RSP"),
    ];
    for (check, detail) in missing {
        assert_eq!(row(&report, check), (CheckStatus::Skipped, detail));
    }
    let message = "session.key_exchange is required: no KEY_EXCHANGE_RSP";
    assert_eq!(report.error().unwrap().message, message);
}

#[test]
fn what_a_pre_shared_key_proves() {
    let why = "a pre-shared key proves no identity, only that the device holds the key";
    let unused = (CheckStatus::Skipped, "a pre-shared key is used instead of an identity");
    for (flag, detail) in [
        (F::PSK_CAP_CONTEXT, "the device holds the pre-shared key"),
        (
            F::PSK_CAP,
            "held by the device, or by who plays an old session back: it adds nothing random",
        ),
    ] {
        let capabilities = F::ENCRYPT_CAP | F::HBEAT_CAP | flag;
        let mut line = Line::of(SpdmVersion::V1_2, capabilities, |_| ());
        let report = with_psk(&mut line, PSK);
        assert!(!report.verified());
        let error = report.error().unwrap();
        assert_eq!((error.kind, error.message.as_str()), (ReportErrorKind::Unproven, why));
        assert_eq!(row(&report, AttestationCheck::SessionPsk), (CheckStatus::Pass, detail));
        assert_eq!(row(&report, AttestationCheck::ChainAnchor), unused);
        // Nobody signed what is shown.
        assert!(!report.measurements().is_empty());
        let session = report.session().unwrap();
        assert_eq!((session.kind, session.end), (SessionKind::Psk, SessionEnd::Closed));
        assert_eq!(session.handshake, HandshakeProtection::Secured);
        assert_eq!((&session.key_exchange, session.heartbeats), (&None, 1));
    }
    // With another key there is no session.
    let mut line = Line::of(SpdmVersion::V1_2, F::ENCRYPT_CAP | F::PSK_CAP_CONTEXT, |_| ());
    let report = with_psk(&mut line, b"another one");
    let message = "session.psk is required: no PSK_EXCHANGE_RSP";
    let error = report.error().unwrap();
    assert_eq!((error.kind, error.message.as_str()), (ReportErrorKind::Required, message));
    assert!(report.session().is_none());
}
