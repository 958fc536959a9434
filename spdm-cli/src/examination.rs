//! One examination of a device over one connection: the library's, with a report that observes it.

use core::time::Duration;
use std::path::Path;
use std::time::Instant;

use spdm_codec::{
    ErrorCode, KeySlot, MeasurementAttributes, MeasurementSummary, RequesterNonce, SlotId,
};
use spdm_evidence::{
    AttestationCheck, Freshness, KnownChains, KnownDevice, Note, Recording, Reference,
    ReportBuilder, ReportErrorKind, TokenOptions, VerdictPolicy,
};
use spdm_fleet::WantedMeasurements;
use spdm_requester::{
    AttestationPlan, ChainCache, ChainOrigin, Connection, Error, Examined, KeySource, KnownChain,
    NegotiationSigning, Observation, Observer, Refusal, Requirement, Selection, SessionPlan,
    ToUntrusted, blocking,
};
use spdm_transport::Transport;
use spdm_x509::Policy;

use crate::advice::Waivable;
use crate::args::{ChallengeChoice, DeviceArgs, SlotChoice};
use crate::exit::Failure;
use crate::known::KnownFile;
use crate::line::LineError;
use crate::live::{LiveDevice, Memory, requester};
use crate::overheard::Overheard;
use crate::session::{self, Complaints, Course};
use crate::tap::Tap;
use crate::verdict::Verdict;

/// The longest chain that is taken, in bytes.
const CHAIN_LEN: usize = 0x1_0000;
/// The largest measurement record that is taken, in bytes.
pub(crate) const RECORD_LEN: usize = 0x10_0000;

/// Whose key must sign.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signer<'t> {
    /// That of the slot's chain.
    Chain,
    /// `--peer-key`: a DER SubjectPublicKeyInfo.
    Key(&'t [u8]),
    /// `--unsigned`: nobody's.
    Nobody,
}

impl<'t> Signer<'t> {
    /// That of a key that may be given.
    pub(crate) fn of(peer_key: Option<&'t [u8]>) -> Self {
        peer_key.map_or(Self::Chain, Self::Key)
    }
}

/// Signatures that the options waive, with the words that reports show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waived {
    pub(crate) requirement: Requirement,
    pub(crate) challenge: &'static str,
}

impl Waived {
    /// Not both signatures may be waived: nothing would be left that a device proves.
    pub(crate) fn new(
        challenge: ChallengeChoice,
        measurements: &WantedMeasurements,
    ) -> Result<Self, Failure> {
        let requirement = match (challenge, measurements) {
            (ChallengeChoice::None, WantedMeasurements::None) => {
                return Err(Failure::usage(
                    "--challenge none and --measurements none together leave nothing that the device signs",
                ));
            }
            (ChallengeChoice::None, _) => Requirement::Measurements,
            (ChallengeChoice::Required, WantedMeasurements::None) => Requirement::Challenge,
            (ChallengeChoice::Required, _) => Requirement::ChallengeAndMeasurements,
        };
        Ok(Self { requirement, challenge: "waived: --challenge none" })
    }

    /// What could be waived besides: nothing where one of the two signatures is waived already.
    pub(crate) const fn waivable(self) -> Waivable {
        match self.requirement {
            Requirement::ChallengeAndMeasurements => Waivable::OneOfTwo,
            _ => Waivable::Nothing,
        }
    }
}

/// What is to be found out about a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'t> {
    /// What the chain must fulfil; `None` where nobody judges it.
    pub(crate) policy: Option<&'t Policy<'t>>,
    pub(crate) slot: SlotChoice,
    pub(crate) signer: Signer<'t>,
    /// The file of `--peer-key`.
    pub(crate) peer_key_path: Option<&'t Path>,
    pub(crate) waived: Waived,
    /// Whether what was negotiated must be signed.
    pub(crate) negotiation: NegotiationSigning,
    /// What the options could waive further.
    pub(crate) waivable: Waivable,
    pub(crate) measurements: &'t WantedMeasurements,
    /// Of GET_MEASUREMENTS.
    pub(crate) attributes: MeasurementAttributes,
    /// The nonce of the last signature; random where `None`.
    pub(crate) nonce: Option<RequesterNonce>,
    pub(crate) reference: Option<&'t Reference<'t>>,
    /// What is known of tokens in measurement manifests.
    pub(crate) tokens: TokenOptions<'t>,
    /// What the verdict needs beyond its checks, where somebody judges the chain.
    pub(crate) verdict_policy: Option<&'t VerdictPolicy>,
    /// Which device it should be, where `--known` asks.
    pub(crate) expected: Option<Expected<'t>>,
    /// What happens in a session, where one is to be opened.
    pub(crate) session: Option<Course<'t>>,
}

/// Which device the target should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expected<'t> {
    /// This one.
    Known(&'t KnownDevice),
    /// None is known, and none is learned.
    Unknown,
    /// None is known; the device is learned where it is verified.
    Learned,
}

impl<'t> Expected<'t> {
    /// What the file says of a target.
    pub(crate) fn of(file: &'t KnownFile<'_>, target: &str) -> Self {
        match (file.devices.find(target), file.learns()) {
            (Some(device), _) => Self::Known(device),
            (None, true) => Self::Learned,
            (None, false) => Self::Unknown,
        }
    }

    /// `trusted` is what would be learned.
    fn judge(self, trusted: Option<&KnownDevice>, report: &mut ReportBuilder) {
        match self {
            Self::Known(device) => report.known_device(device),
            Self::Unknown => {
                report.not_known("no device is known for this target; --learn adds a verified one")
            }
            Self::Learned if !report.clone().build().verified() => {
                report.skip(AttestationCheck::KnownDevice, "only a verified device is learned")
            }
            Self::Learned if trusted.is_none() => {
                report.not_known("a device is known by its certificates, and this one showed none")
            }
            Self::Learned => report.learned(),
        };
    }
}

/// What an examination brought.
#[derive(Debug)]
pub(crate) struct Examination {
    pub(crate) verdict: Verdict,
    pub(crate) recordings: Vec<Recording>,
    /// The device, where it was to be learned and is verified.
    pub(crate) learned: Option<KnownDevice>,
    /// Requests that were answered.
    pub(crate) round_trips: u32,
    /// How long the exchange took; what is judged behind it comes on top.
    pub(crate) exchange: Duration,
}

impl<'t> Task<'t> {
    fn plan(&self) -> AttestationPlan<'t> {
        let mut plan = AttestationPlan::without_policy();
        plan.policy = self.policy;
        plan.slot = match self.slot {
            SlotChoice::Slot(slot) => slot.into(),
            SlotChoice::Any => spdm_requester::SlotChoice::FirstTrusted,
        };
        plan.requirement = self.waived.requirement;
        plan.negotiation = self.negotiation;
        plan.nonce = self.nonce;
        plan.attributes = self.attributes;
        plan.selection = match self.measurements {
            WantedMeasurements::Indices(indices) => Selection::Indices(indices),
            WantedMeasurements::All | WantedMeasurements::None => Selection::All,
        };
        // A summary hash is asked for where it can be compared with the measurements that follow.
        let raw = self.attributes.contains(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED);
        if *self.measurements == WantedMeasurements::All && !raw {
            plan.summary = MeasurementSummary::All;
        }
        plan
    }

    /// What the options waive, in their words.
    fn explain_waived(&self, report: &mut ReportBuilder) {
        if !self.waived.requirement.has_challenge() {
            for check in AttestationCheck::CHALLENGE {
                report.skip(check, self.waived.challenge);
            }
        }
        let unsigned =
            [AttestationCheck::MeasurementsNonce, AttestationCheck::MeasurementsSignature];
        match (self.signer, self.waived.requirement) {
            (Signer::Nobody, _) => {
                for check in unsigned {
                    report.skip(check, "waived: --unsigned");
                }
            }
            (_, Requirement::Challenge | Requirement::Session) => {
                let reference = AttestationCheck::MeasurementsReference;
                for check in AttestationCheck::MEASUREMENTS.into_iter().chain([reference]) {
                    report.skip(check, "waived: --measurements none");
                }
            }
            _ => {}
        }
    }
}

/// The report, and what evidence of the connection needs besides its messages.
struct Witness<'w> {
    report: &'w mut ReportBuilder,
    /// A chain that this connection did not bring.
    recalled: Option<(SlotId, Vec<u8>)>,
    /// What went wrong.
    errors: Vec<Error>,
}

/// Whether the host was given an identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HasIdentity {
    Yes,
    No,
}

impl Witness<'_> {
    /// What became of the host's identity.
    fn authenticated(&mut self, has_identity: HasIdentity, connection: &Connection) {
        match (has_identity, connection.authenticated_as()) {
            (_, Some(KeySlot::Slot(slot))) => {
                self.report.note(Note::HostAuthenticated { slot: Some(slot) })
            }
            (_, Some(KeySlot::PublicKey)) => {
                self.report.note(Note::HostAuthenticated { slot: None })
            }
            (HasIdentity::Yes, None) => self.report.note(Note::HostNotAsked),
            (HasIdentity::No, None) => return,
        };
    }
}

impl Observer for Witness<'_> {
    fn observe(&mut self, observation: &Observation<'_>) {
        if let Observation::Chain { chain, origin: ChainOrigin::Known } = observation {
            self.recalled = Some((chain.slot(), chain.bytes().to_vec()));
        }
        if let Observation::Failed(error) = observation {
            self.errors.push(**error);
        }
        self.report.observe(observation);
    }
}

/// What one attempt brought, while the line is open.
struct Attempt {
    report: ReportBuilder,
    heard: Overheard,
    /// What went wrong.
    errors: Vec<Error>,
    /// The connection failed.
    failed: Option<LineError>,
    device: Option<KnownDevice>,
}

impl Attempt {
    /// The device has forgotten what was agreed on, and says so.
    fn is_to_start_over(&self) -> bool {
        matches!(
            self.errors.last(),
            Some(Error::Refused(Refusal { code: ErrorCode::REQUEST_RESYNCH, .. }))
        )
    }
}

/// Examines the device over a new connection. A chain that is trusted comes to the known ones, which are not
/// fetched. A device that asks to start over is asked once more.
pub(crate) fn examine(
    device: &mut LiveDevice<'_>,
    task: &Task<'_>,
    known: &mut KnownChains,
) -> Examination {
    let (args, crypto) = (device.args, device.crypto);
    let name = device.name();
    let mut memory = Memory::new(device);
    let begin = || {
        let mut report = ReportBuilder::new(&name, Freshness::Own, crypto.provider);
        task.explain_waived(&mut report);
        if let (Some(policy), Some(judged)) = (task.verdict_policy, task.policy) {
            report.policy(policy, judged.validity);
        }
        report
    };
    let begun = Instant::now();
    let mut line = match device.connect() {
        Ok(line) => line,
        Err(error) => {
            let verdict = Verdict::failed(begin().build(), error);
            return Examination {
                verdict,
                recordings: Vec::new(),
                learned: None,
                round_trips: 0,
                exchange: begun.elapsed(),
            };
        }
    };
    let mut attempt = attempt(args, &mut memory, &mut line, task, known, begin());
    if attempt.is_to_start_over() {
        let mut report = begin();
        report.note(Note::StartedOver);
        attempt = self::attempt(args, &mut memory, &mut line, task, known, report);
    }
    let Attempt { mut report, mut heard, errors, failed, device } = attempt;
    let (round_trips, exchange) = (line.answers(), begun.elapsed());
    // Where nobody judges, a manifest is only collected.
    if task.policy.is_some() {
        report.claims(&task.tokens);
    }
    if let Some(reference) = task.reference {
        report.recorded(&heard.recorder).reference(reference);
    } else {
        report.skip(AttestationCheck::MeasurementsReference, "no reference values are given");
    }
    if let Some(expected) = task.expected {
        expected.judge(device.as_ref(), &mut report);
    }
    if !line.last_request().is_empty() {
        heard.recorder.sent(line.last_request());
    }
    let silence = line.hang_up();
    // A device that refuses a signature may hang up at the next request: the refusal is what went wrong.
    let refused = errors.iter().any(|error| matches!(error, Error::Refused(_)));
    let verdict = match failed {
        Some(error) if !refused || error.kind != ReportErrorKind::Transport => {
            Verdict::failed(report.build(), error)
        }
        _ => Verdict::new(report.build()).explained(silence),
    };
    let verdict = verdict.advised(&errors, &heard, task.waivable);
    let verdict = match task.peer_key_path {
        Some(path) => verdict.of_key(&errors, path),
        None => verdict,
    };
    let learns = matches!(task.expected, Some(Expected::Learned)) && verdict.verified();
    let learned = device.filter(|_| learns);
    let recordings = heard.recorder.into_recordings();
    Examination { verdict, recordings, learned, round_trips, exchange }
}

fn attempt(
    args: &DeviceArgs,
    memory: &mut Memory<'_>,
    line: &mut Tap<'_>,
    task: &Task<'_>,
    known: &mut KnownChains,
    mut report: ReportBuilder,
) -> Attempt {
    let mut heard = Overheard::new(line.limits().padding, line.records());
    let (mut chain, mut record) = (vec![0; CHAIN_LEN], vec![0; RECORD_LEN]);
    let mut witness = Witness { report: &mut report, recalled: None, errors: Vec::new() };
    let earlier = known.clone();
    let recalled = earlier.recall(memory.provider());
    let source = match task.signer {
        Signer::Chain => KeySource::Chain { known: ChainCache::new(&recalled), buffer: &mut chain },
        Signer::Key(spki_der) => KeySource::Provisioned { spki_der },
        Signer::Nobody => KeySource::Nothing,
    };
    let has_identity = memory.has_identity();
    let requester = requester(args, line, memory, &mut heard);
    let clock = line.clock();
    let mut device = None;
    let mut examined = |examined: &Examined<'_, '_>| {
        if let Some(chain) = examined.trusted.as_ref().and_then(KnownChain::new) {
            known.add(&chain);
            device = Some(KnownDevice::new(&args.target.to_string(), chain.chain()));
        }
    };
    // The report has observed every error that is not the line's.
    let failed = match task.session {
        None => {
            let flow = requester.examine(task.plan(), source, &mut record);
            match blocking::run(flow.observed_by(&mut witness), line, &clock) {
                Ok((requester, output)) => {
                    examined(&output);
                    witness.authenticated(has_identity, requester.connection());
                    None
                }
                Err(failure) => line.failure(failure.error).ok(),
            }
        }
        Some(course) => {
            let (plan, mut session) = (task.plan(), SessionPlan::DEFAULT);
            (session.summary, session.policy) = (plan.summary, course.policy);
            let flow =
                requester.examine_in_session(plan, session, course.untrusted, source, &mut record);
            match blocking::run(flow.observed_by(&mut witness), line, &clock) {
                Ok((requester, (opened, output))) => {
                    examined(&output);
                    witness.authenticated(has_identity, requester.connection());
                    let quiet =
                        output.trusted.is_none() && course.untrusted == ToUntrusted::Nothing;
                    let course = if quiet { Course::MEASUREMENTS } else { course };
                    session::run_course(requester, opened.session, course, line, &mut witness).err()
                }
                Err(failure) => line.failure(failure.error).ok(),
            }
        }
    };
    let Witness { recalled, errors, .. } = witness;
    if let Some((slot, bytes)) = recalled {
        heard.recorder.chain(slot, &bytes);
    }
    Attempt { report, heard, errors, failed, device }
}

impl Complaints for Witness<'_> {
    fn report(&mut self) -> &mut ReportBuilder {
        self.report
    }

    fn failed(&mut self, error: Error) {
        self.report.failed(&error);
        self.errors.push(error);
    }
}
