//! `spdm tdisp`: the states of a device interface (TDISP, PCIe 6.1 §11.3).

use spdm_codec::pci_sig::{LockFlags, LockInterface};
use spdm_pci_security::{
    Fault, GetCapabilities, GetState, GetVersion, Interface, Lock, Question, ReportReader, Start,
    StartNonce, StopInterface,
};

use crate::args::{TdispArgs, TdispStep};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::pci_session::{
    self, Asked, Course, Ended, Left, PciSession, Reached, Taken, TakenBack, Trouble, end,
};
use crate::render::{self, ShownInterface, ShownTdispStep, flag_names};
use crate::target::Address;

/// The longest report, in bytes: OFFSET has 16 bits.
const REPORT_LEN: usize = 0xFFFF;
/// `ERROR_CODE` of TDISP_ERROR for a function that is no interface.
const INVALID_INTERFACE: u32 = 0x101;
/// Bytes of a report that are asked for at once.
const PORTION: u16 = 0x1000;

/// `ERROR_CODE` INVALID_INTERFACE_STATE.
const INVALID_STATE: u32 = 4;

/// Takes the steps in one session.
pub(crate) fn run(
    args: &TdispArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    check(args)?;
    if let Some(what) = unsure(args) {
        return Err(args.verb.files().withheld(&what, crypto, console));
    }
    let course = InterfaceCourse::new(args);
    let (target, result) = pci_session::run(course, &args.steps, &args.verb, crypto, console)?;
    match result {
        Ok(taken) => show(args, target, taken, console),
        Err(verdict) => render::not_done(&verdict, console),
    }
}

/// What the steps so far leave to start the interface with.
#[derive(Clone, Copy)]
enum Nonce {
    None,
    /// That of a lock.
    Fresh,
    /// It has started the interface.
    Used,
}

/// What cannot come to a good end is refused before anything is sent.
fn check(args: &TdispArgs) -> Result<(), Failure> {
    let has = |step| args.steps.contains(&step);
    let mut lock = Nonce::None;
    for (nth, step) in (1_usize..).zip(&args.steps) {
        match (step, lock) {
            (TdispStep::Lock, _) => lock = Nonce::Fresh,
            (TdispStep::Start, Nonce::Fresh) => lock = Nonce::Used,
            (TdispStep::Start, Nonce::Used) => {
                let message = format!("step {nth}, start: a lock starts an interface once");
                return Err(Failure::usage(message).with_hint(Some("stop and lock before it")));
            }
            (TdispStep::Start, Nonce::None) => {
                let message =
                    format!("step {nth}, start: what starts an interface comes with its lock");
                return Err(Failure::usage(message).with_hint(Some("lock before start")));
            }
            (TdispStep::Stop, _) => lock = Nonce::None,
            _ => {}
        }
    }
    let of_lock = [
        ("--lock-flags", args.lock_flags.is_some()),
        ("--stream-id", args.stream_id.is_some()),
        ("--mmio-offset", args.mmio_offset.is_some()),
        ("--p2p-mask", args.p2p_mask.is_some()),
    ];
    if let Some((option, _)) =
        of_lock.iter().find(|(_, is_given)| *is_given && !has(TdispStep::Lock))
    {
        return Err(Failure::usage(format!("{option}: no step is a lock")));
    }
    Ok(())
}

/// What would be done without `--yes`.
fn unsure(args: &TdispArgs) -> Option<String> {
    let changes: Vec<&str> =
        args.steps.iter().filter(|step| step.changes()).map(|step| step.name()).collect();
    if changes.is_empty() || args.yes {
        return None;
    }
    let (function, target) = (render::function(args.function), &args.verb.device.target);
    Some(format!("{} would change {function} of {target}", changes.join(", ")))
}

/// The interface, and what the steps leave for the next one.
struct InterfaceCourse<'t> {
    args: &'t TdispArgs,
    interface: Interface,
    /// Whether the device has said that it speaks the version that is spoken here.
    is_agreed: bool,
    /// Until it has started the interface.
    nonce: Option<StartNonce>,
    known: KnownState,
    /// A step that changes the interface, from its request on until the answer, and how many messages went out before.
    unanswered: Option<(TdispStep, u32)>,
}

/// What these steps have made of the interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum KnownState {
    /// Nothing, or it is unlocked again.
    AsBefore,
    Locked,
    Running,
}

impl<'t> InterfaceCourse<'t> {
    const fn new(args: &'t TdispArgs) -> Self {
        let interface = Interface::new(args.function);
        Self {
            args,
            interface,
            is_agreed: false,
            nonce: None,
            known: KnownState::AsBefore,
            unanswered: None,
        }
    }

    /// Asks for a change; where an answer came, it is known what became of it.
    fn change<'a, 's, 'l, Q: Question, R>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        step: TdispStep,
        question: &Q,
        look: impl FnOnce(Q::Answer<'_>) -> R,
    ) -> Asked<'a, 's, 'l, R> {
        self.unanswered = Some((step, session.sent()));
        let (session, asked) = session.ask(question, look)?;
        self.unanswered = None;
        if asked.is_ok() {
            self.known = match step {
                TdispStep::Lock => KnownState::Locked,
                TdispStep::Start => KnownState::Running,
                _ => KnownState::AsBefore,
            };
        }
        Ok((session, asked))
    }

    /// Which flags the device knows is asked before.
    fn lock<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
    ) -> Asked<'a, 's, 'l, ShownTdispStep> {
        let args = self.args;
        let fields = LockInterface {
            flags: args.lock_flags.unwrap_or_default(),
            default_stream_id: args.stream_id.unwrap_or_default(),
            mmio_reporting_offset: args.mmio_offset.unwrap_or_default(),
            bind_p2p_addr_mask: args.p2p_mask.unwrap_or_default(),
        };
        let question = self.interface.ask(GetCapabilities::default());
        let (session, supported) = session.ask(&question, |answer| answer.lock_flags)?;
        let lock = supported.and_then(|flags| Ok(Lock::new(fields, flags)?));
        let lock = match lock {
            Ok(lock) => lock,
            Err(trouble) => return Ok((session, Err(trouble))),
        };
        let question = self.interface.ask(lock);
        let (session, locked) = self.change(session, TdispStep::Lock, &question, |nonce| nonce)?;
        Ok((
            session,
            locked.map(|nonce| {
                self.nonce = Some(nonce);
                ShownTdispStep::lock(&fields)
            }),
        ))
    }

    fn report<'a, 's, 'l>(
        &self,
        session: PciSession<'a, 's, 'l>,
    ) -> Asked<'a, 's, 'l, ShownTdispStep> {
        let mut session = session;
        let mut memory = vec![0; REPORT_LEN];
        let mut reader = ReportReader::new(&mut memory, PORTION);
        while let Some(question) = reader.next() {
            let (next, took) = session
                .ask(&self.interface.ask(question), |(portion, left)| reader.take(portion, left))?;
            session = next;
            if let Err(trouble) = took.and_then(|took| Ok(took?)) {
                return Ok((session, Err(trouble)));
            }
        }
        let shown = ShownTdispStep::report(reader.report()).map_err(Trouble::Answer);
        Ok((session, shown))
    }
}

impl Course for InterfaceCourse<'_> {
    type Step = TdispStep;
    type Shown = ShownTdispStep;

    fn step<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        step: TdispStep,
    ) -> Asked<'a, 's, 'l, ShownTdispStep> {
        let interface = self.interface;
        let mut session = session;
        if !self.is_agreed {
            let (next, versions) =
                session.ask(&interface.ask(GetVersion), ShownTdispStep::version)?;
            self.is_agreed = versions.is_ok();
            if step == TdispStep::Version || versions.is_err() {
                return Ok((next, versions));
            }
            session = next;
        }
        match step {
            TdispStep::Version => session.ask(&interface.ask(GetVersion), ShownTdispStep::version),
            TdispStep::Capabilities => {
                let question = interface.ask(GetCapabilities::default());
                session.ask(&question, |answer| ShownTdispStep::capabilities(&answer))
            }
            TdispStep::Lock => self.lock(session),
            TdispStep::Report => self.report(session),
            TdispStep::State => session.ask(&interface.ask(GetState), ShownTdispStep::state),
            TdispStep::Start => {
                // `check` sees to a lock before it, and where that failed, no step follows.
                let nonce = self.nonce.take().unwrap_or(StartNonce([0; 32]));
                self.change(session, step, &interface.ask(Start(nonce)), |()| ShownTdispStep::Start)
            }
            TdispStep::Stop => {
                let question = interface.ask(StopInterface);
                self.change(session, step, &question, |()| ShownTdispStep::Stop)
            }
        }
    }

    /// A step is one change, or none.
    fn part(&mut self) -> Option<ShownTdispStep> {
        None
    }

    fn take_back<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
    ) -> Reached<'a, 's, 'l, Option<TakenBack<ShownTdispStep>>> {
        if self.known == KnownState::AsBefore {
            return Ok((session, None));
        }
        let (session, stopped) = self.step(session, TdispStep::Stop)?;
        let note = match &stopped {
            Ok(_) => "the interface that was locked is unlocked again".to_owned(),
            Err(trouble) => format!("the interface could not be unlocked: {trouble}"),
        };
        Ok((session, Some(TakenBack { step: stopped.ok(), note })))
    }

    fn left(&self, sent: u32) -> Option<Left> {
        let function = render::function(self.args.function);
        let unanswered = self.unanswered.filter(|(_, before)| *before < sent);
        let state = match (unanswered, self.known) {
            (None, KnownState::AsBefore) => return None,
            (None, KnownState::Locked) => "is left locked".to_owned(),
            (None, KnownState::Running) => "is left running".to_owned(),
            (Some((step, _)), known) => {
                let before = match known {
                    KnownState::AsBefore => "as it was before",
                    KnownState::Locked => "locked",
                    KnownState::Running => "running",
                };
                let after = match step {
                    TdispStep::Lock => "locked",
                    TdispStep::Start => "running",
                    _ => "unlocked",
                };
                format!("is {before} or {after}: {} was not answered", step.name())
            }
        };
        let Self { args, .. } = self;
        let (target, option) = (&args.verb.device.target, render::function_value(args.function));
        Some(Left {
            state: format!("{function} {state}"),
            undo: format!(
                "spdm tdisp {target} --function {option} stop --yes unlocks it, with the same options for the way to the \
                 device and its trust; so does a reset of the device"
            ),
        })
    }
}

fn show(
    args: &TdispArgs,
    target: String,
    taken: Taken<TdispStep, ShownTdispStep>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let Ended { version, session, steps, error, left, notes, failure } = taken
        .ended(TdispStep::name, |step, trouble| {
            (sentence(args, trouble), hint(args, step, trouble).map(str::to_owned))
        });
    let mut shown = ShownInterface::new(target, args.function);
    (shown.version, shown.session) = (version, session);
    (shown.steps, shown.error, shown.left, shown.notes) = (steps, error, left, notes);
    if console.json() {
        console.object(&shown)?;
    } else {
        console.report(&render::interface(&shown, console.style()))?;
    }
    end(&shown.notes, failure, console)
}

/// What a person can try behind a step that was refused.
fn hint(args: &TdispArgs, step: TdispStep, trouble: &Trouble) -> Option<&'static str> {
    let is_state = matches!(trouble, Trouble::Answer(Fault::Refused { code: INVALID_STATE, .. }));
    let is_interface =
        matches!(trouble, Trouble::Answer(Fault::Refused { code: INVALID_INTERFACE, .. }));
    match step {
        _ if is_interface && matches!(args.verb.device.target.address(), Address::Emulated) => {
            Some("the emulated device has one interface: --function be:1d.7")
        }
        _ if is_interface => {
            Some("--function names an interface of the device, as its driver or spdm list shows it")
        }
        TdispStep::Report if !args.steps.contains(&TdispStep::Lock) => {
            Some("a report is of a locked interface: lock before report")
        }
        TdispStep::Lock if is_state => {
            Some("it is locked, or was left in ERROR: stop before lock frees it")
        }
        _ => None,
    }
}

/// Why a step was not taken, in the words of the options.
fn sentence(args: &TdispArgs, trouble: &Trouble) -> String {
    match trouble {
        Trouble::Answer(fault @ Fault::Refused { code: INVALID_INTERFACE, .. }) => {
            format!("{} of --function: {fault}", render::function(args.function))
        }
        Trouble::Answer(Fault::UnsupportedFlags(flags)) => {
            let flags = flag_names(LockFlags::from_bits_retain(*flags)).join(", ");
            format!("the device does not support {flags} of --lock-flags")
        }
        trouble => trouble.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{InterfaceCourse, KnownState};
    use crate::args::{Cli, TdispStep, Verb};
    use crate::pci_session::Course as _;
    use clap::Parser as _;

    #[test]
    fn what_is_left_is_what_was_answered_and_what_was_sent() {
        let line = ["spdm", "tdisp", "emulated", "--function", "be:1d.7", "lock"];
        let Verb::Tdisp(args) = Cli::try_parse_from(line).unwrap().verb else { panic!("tdisp") };
        let mut course = InterfaceCourse::new(&args);
        assert_eq!(course.left(9), None);
        // The ninth message was never sent: a signal came before.
        course.unanswered = Some((TdispStep::Lock, 8));
        assert_eq!(course.left(8), None);
        let left = course.left(9).unwrap();
        assert!(left.state.contains("as it was before or locked"), "{left:?}");
        course.known = KnownState::Locked;
        course.unanswered = Some((TdispStep::Stop, 9));
        assert_eq!(course.left(9).unwrap().state, "function be:1d.7 is left locked");
        assert!(
            course.left(10).unwrap().state.contains("locked or unlocked: stop was not answered")
        );
        assert!(
            left.undo.starts_with("spdm tdisp emulated --function be:1d.7 stop --yes"),
            "{left:?}"
        );
    }
}
