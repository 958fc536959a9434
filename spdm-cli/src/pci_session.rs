//! Questions of PCI-SIG's protocols, one after the other in a session with a device that is trusted.

use core::fmt;

use serde::Serialize;
use spdm_codec::{EncodeError, VendorDefinedResponse};
use spdm_pci_security::{Fault, Payload, Question};
use spdm_requester::{Error, Negotiated, Recovered, Refusal, Requester, RunError, blocking};

use crate::args::SessionVerbArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::live::LiveDevice;
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

    /// Takes back what the device would be left with: a step could not be taken, and none behind it is. `None` where there is
    /// nothing to take back.
    fn take_back<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
    ) -> Reached<'a, 's, 'l, Option<TakenBack<Self::Shown>>>;
}

/// What became of what was done before.
pub(crate) struct TakenBack<T> {
    /// The step that took it back.
    pub(crate) step: Option<T>,
    /// A sentence for people.
    pub(crate) note: String,
}

/// What came of the steps.
pub(crate) struct Taken<S, T> {
    /// `SessionID`.
    pub(crate) session: String,
    pub(crate) steps: Vec<T>,
    /// The step that was not taken.
    pub(crate) failed: Option<(S, Trouble)>,
    /// What a person should know besides.
    pub(crate) note: Option<String>,
}

/// Why a step could not be taken, for programs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
pub(crate) struct StepError {
    /// The step.
    pub(crate) step: &'static str,
    /// A sentence for people.
    pub(crate) message: String,
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

/// Opens a session with the device, takes the steps, closes it. The name of the target, and what came of it.
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
    let host = Host::read(&args.peer.identity)?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    device.identify(host.as_ref());
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    trust.or_own(device.anchors());
    let peer = TrustedPeer::read(&args.peer.choice(), &trust, &mut device)?;
    device.settle()?;
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |inquiry, requester| {
        let Inquiry { line, .. } = inquiry;
        let asked = meet(&peer, requester, line, |requester, meeting, line| {
            take(&mut course, steps, PciSession { requester, meeting, line })
        });
        asked.map(|(_, taken)| taken)
    });
    let target = device.name();
    device.finish()?;
    Ok((target, inquired.result))
}

/// Takes all steps. Where one cannot be taken, no further one is.
#[expect(clippy::type_complexity, reason = "the requester, and what came of the steps")]
fn take<'a, C: Course>(
    course: &mut C,
    steps: &[C::Step],
    session: PciSession<'a, '_, '_>,
) -> Result<(Requester<'a, Negotiated>, Taken<C::Step, C::Shown>), Failed<'a>> {
    let mut taken =
        Taken { session: session.meeting.id(), steps: Vec::new(), failed: None, note: None };
    let mut session = session;
    for step in steps {
        let (next, result) = course.step(session, *step)?;
        session = next;
        match result {
            Ok(shown) => taken.steps.push(shown),
            Err(trouble) => {
                taken.failed = Some((*step, trouble));
                break;
            }
        }
    }
    if taken.failed.is_some() {
        let (next, back) = course.take_back(session)?;
        session = next;
        if let Some(TakenBack { step, note }) = back {
            taken.steps.extend(step);
            taken.note = Some(note);
        }
    }
    Ok((session.requester, taken))
}

impl<'a, 's, 'l> PciSession<'a, 's, 'l> {
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
