//! Questions of PCI-SIG's protocols, one after the other in a session with a device that is trusted.

use core::fmt;

use serde::Serialize;
use spdm_codec::{EncodeError, VendorDefinedResponse};
use spdm_pci_security::{Fault, Payload, Question};
use spdm_requester::{Error, Negotiated, Recovered, Refusal, Requester, RunError, blocking};

use crate::args::SessionVerbArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{ErrorObject, Exit, Failure};
use crate::host::Host;
use crate::inquiry::{WithoutAgreement, inquire};
use crate::live::{LiveDevice, Telling};
use crate::render;
use crate::tap::Tap;
use crate::trust::Trust;
use crate::trusted_session::{Failed, Meeting, TrustedPeer, meet};
use crate::verdict::Verdict;

/// The longest answer that is taken, in bytes.
const ANSWER_LEN: usize = 0x1_0100;

/// A session in which a device is asked.
pub(crate) struct PciSession<'a, 's, 'l> {
    requester: Requester<'a, Negotiated>,
    meeting: Meeting,
    line: &'s mut Tap<'l>,
}

/// The session, where it goes on, and what came of something.
pub(crate) type Reached<'a, 's, 'l, T> = Result<(PciSession<'a, 's, 'l>, T), Failed<'a>>;

/// What came of a question: trouble where the device refuses it.
pub(crate) type Asked<'a, 's, 'l, T> = Reached<'a, 's, 'l, Result<T, Trouble>>;

/// What the steps of a verb leave for the next one.
pub(crate) trait Course {
    /// A step.
    type Step: Copy;
    /// What is shown of a step that was taken.
    type Shown;

    /// Takes a step.
    fn step<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        step: Self::Step,
    ) -> Asked<'a, 's, 'l, Self::Shown>;

    /// What was done of a step that could not be taken as a whole.
    fn part(&mut self) -> Option<Self::Shown>;

    /// Takes back what the device would be left with: a step could not be taken, and none behind it is. `None` where there is
    /// nothing to take back.
    fn take_back<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
    ) -> Reached<'a, 's, 'l, Option<TakenBack<Self::Shown>>>;

    /// What the device is left with, where nothing takes it back; `sent` messages went out in all.
    fn left(&self, sent: u32) -> Option<Left>;
}

/// What became of what was done before.
pub(crate) struct TakenBack<T> {
    /// The step that took it back.
    pub(crate) step: Option<T>,
    /// A sentence for people.
    pub(crate) note: String,
}

/// What a device is left with behind steps that did not come to their end.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct Left {
    /// As far as it is known here.
    pub(crate) state: String,
    /// What undoes it.
    pub(crate) undo: String,
}

/// What came of the steps.
pub(crate) struct Taken<S, T> {
    /// The version that was negotiated.
    version: &'static str,
    /// `SessionID`; empty where no session was opened.
    session: String,
    /// Those that were taken; of the last one maybe a part.
    steps: Vec<T>,
    /// The step that the device refused.
    failed: Option<(S, Trouble)>,
    /// What a person should know besides.
    note: Option<String>,
    /// The step that was begun last, until it is taken.
    begun: Option<S>,
    /// Why the session ended early.
    lost: Option<Box<Verdict>>,
    left: Option<Left>,
}

impl<S, T> Default for Taken<S, T> {
    fn default() -> Self {
        Self {
            version: "",
            session: String::new(),
            steps: Vec::new(),
            failed: None,
            note: None,
            begun: None,
            lost: None,
            left: None,
        }
    }
}

/// What came of the steps, to be shown.
pub(crate) struct Ended<T> {
    /// The version that was negotiated.
    pub(crate) version: &'static str,
    /// `SessionID`.
    pub(crate) session: String,
    pub(crate) steps: Vec<T>,
    /// Why they did not come to their end, for programs.
    pub(crate) error: Option<StepError>,
    pub(crate) left: Option<Left>,
    /// What a reader should know besides.
    pub(crate) notes: Vec<String>,
    /// Why they did not come to their end, for people.
    pub(crate) failure: Option<Failure>,
}

/// Says what came besides the steps that were shown: the exit code.
pub(crate) fn end(
    notes: &[String],
    failure: Option<Failure>,
    console: &Console,
) -> Result<Exit, Failure> {
    for note in notes {
        console.note(&format!("note: {note}"));
    }
    failure.map_or(Ok(Exit::Done), Err)
}

/// Why a step could not be taken, for programs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StepError {
    /// The step; null where the session could not be closed behind them.
    step: Option<&'static str>,
    #[serde(flatten)]
    error: ErrorObject,
}

impl<S: Copy, T> Taken<S, T> {
    /// What is to be shown: `name` names a step, `refused` says in the words of the options why the device refused it, and
    /// what a person can try.
    pub(crate) fn ended(
        self,
        name: fn(S) -> &'static str,
        refused: impl FnOnce(S, &Trouble) -> (String, Option<String>),
    ) -> Ended<T> {
        let Self { version, session, steps, failed, note, begun, lost, left } = self;
        let refused = failed.map(|(step, trouble)| {
            let (message, hint) = refused(step, &trouble);
            let failure = Failure::new(trouble.exit(), message);
            (Some(name(step)), failure.with_hint(hint.as_deref()))
        });
        let lost = lost.map(|verdict| render::failure(&verdict));
        let ending = match (refused, lost) {
            (Some((step, failure)), Some(lost)) => {
                let message = format!("{}; then {}", failure.message, lost.message);
                Some((step, Failure { message, ..failure }))
            }
            (Some(refused), None) => Some(refused),
            (None, lost) => lost.map(|lost| (begun.map(name), lost)),
        };
        let error = ending.as_ref().map(|(step, failure)| {
            let error = ErrorObject::of(failure);
            StepError { step: *step, error }
        });
        let failure = ending.map(|(step, failure)| {
            let of_step = step.map_or_else(String::new, |step| format!("{step}: "));
            let state = left.as_ref().map(|left| format!("; {}", left.state)).unwrap_or_default();
            let message = format!("{of_step}{}{state}", failure.message);
            let hint = left.as_ref().map(|left| left.undo.clone()).or(failure.hint);
            Failure { message, hint, ..failure }
        });
        let notes = note.into_iter().collect();
        Ended { version, session, steps, error, left, notes, failure }
    }
}

/// Why a step was not done, where the session is well.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The question has no place in a message.
    Question(EncodeError),
    /// The answer is a refusal, or does not fit the question.
    Answer(Fault),
    /// ERROR of SPDM.
    Refused(Refusal),
    /// One of several questions of a step.
    Of(String, Box<Self>),
}

impl Trouble {
    /// A refusal is the device's right; an answer that does not fit is none.
    pub(crate) const fn exit(&self) -> Exit {
        match self.innermost() {
            Self::Refused(_)
            | Self::Answer(
                Fault::Refused { .. }
                | Fault::KeyRefused(_)
                | Fault::NoVersion
                | Fault::UnsupportedFlags(_)
                | Fault::ReportTooLarge { .. },
            ) => Exit::Rejected,
            Self::Question(_) => Exit::Usage,
            Self::Answer(_) | Self::Of(..) => Exit::Protocol,
        }
    }

    /// It is about one of several questions of a step.
    pub(crate) fn about(self, what: String) -> Self {
        Self::Of(what, Box::new(self))
    }

    /// It without what it is about.
    pub(crate) const fn innermost(&self) -> &Self {
        let mut inner = self;
        while let Self::Of(_, trouble) = inner {
            inner = trouble;
        }
        inner
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Question(error) => error.fmt(f),
            Self::Answer(fault) => fault.fmt(f),
            Self::Of(what, trouble) => write!(f, "{what}: {trouble}"),
            Self::Refused(refusal) => Error::Refused(*refusal).fmt(f),
        }
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Answer(fault)
    }
}

/// Opens a session with the device, takes the steps, closes it. The name of the target, and what came of it: a verdict where
/// no session was opened.
#[expect(clippy::type_complexity, reason = "what came of it, or why nothing did")]
pub(crate) fn run<C: Course>(
    mut course: C,
    steps: &[C::Step],
    args: &SessionVerbArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<(String, Result<Taken<C::Step, C::Shown>, Box<Verdict>>), Failure> {
    let secrets_out = args.peer.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&args.peer.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    trust.or_own(device.anchors());
    let peer = TrustedPeer::read(&args.peer.choice(), &trust, &mut device)?;
    device.settle()?;
    let mut taken = Taken::default();
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |mut inquiry, requester| {
        let asked = meet(&peer, requester, &mut inquiry, |requester, meeting, line| {
            (taken.version, taken.session) =
                (requester.negotiated().version.as_str(), meeting.id());
            take(&mut course, steps, &mut taken, PciSession { requester, meeting, line })
        });
        if asked.is_err() || taken.failed.is_some() {
            taken.left = course.left(inquiry.line.sent());
        }
        asked.map(drop)
    });
    let target = device.name();
    device.finish()?;
    Ok(match inquired.result {
        Err(verdict) if taken.session.is_empty() => (target, Err(verdict)),
        result => {
            taken.lost = result.err();
            (target, Ok(taken))
        }
    })
}

/// Takes all steps. Where one cannot be taken, no further one is.
fn take<'a, C: Course>(
    course: &mut C,
    steps: &[C::Step],
    taken: &mut Taken<C::Step, C::Shown>,
    session: PciSession<'a, '_, '_>,
) -> Result<(Requester<'a, Negotiated>, ()), Failed<'a>> {
    let mut session = session;
    for step in steps {
        taken.begun = Some(*step);
        let asked = course.step(session, *step);
        if !matches!(asked, Ok((_, Ok(_)))) {
            taken.steps.extend(course.part());
        }
        let (next, result) = asked?;
        session = next;
        match result {
            Ok(shown) => taken.steps.push(shown),
            Err(trouble) => {
                taken.failed = Some((*step, trouble));
                break;
            }
        }
        taken.begun = None;
    }
    if taken.failed.is_some() {
        let (next, back) = course.take_back(session)?;
        session = next;
        if let Some(TakenBack { step, note }) = back {
            taken.steps.extend(step);
            taken.note = Some(note);
        }
    }
    Ok((session.requester, ()))
}

impl<'a, 's, 'l> PciSession<'a, 's, 'l> {
    /// How many messages went out on the connection.
    pub(crate) const fn sent(&self) -> u32 {
        self.line.sent()
    }

    /// The answer as the question takes it, read by `look`.
    pub(crate) fn ask<Q: Question, R>(
        self,
        question: &Q,
        look: impl FnOnce(Q::Answer<'_>) -> R,
    ) -> Asked<'a, 's, 'l, R> {
        let payload = match Payload::of(question) {
            Ok(payload) => payload,
            Err(error) => return Ok((self, Err(Trouble::Question(error)))),
        };
        let Self { requester, meeting, line } = self;
        let clock = line.clock();
        let mut buffer = vec![0; ANSWER_LEN];
        let requester = requester.in_session(meeting.session);
        let flow =
            requester.exchange::<_, VendorDefinedResponse<'_>>(payload.request(), &mut buffer);
        let (requester, asked) = match blocking::run(flow, line, &clock) {
            Ok((requester, answer)) => {
                (requester, question.judge(&answer).map(look).map_err(Trouble::Answer))
            }
            Err(spdm_requester::Failure {
                error: RunError::Requester(Error::Refused(refusal)),
                requester: Recovered::Kept(requester),
                ..
            }) => (requester, Err(Trouble::Refused(refusal))),
            Err(failure) => return Err(failure.into()),
        };
        Ok((Self { requester, meeting, line }, asked))
    }
}
