//! `spdm tdisp`: the states of a device interface (TDISP, PCIe 6.1 §11.3).

use spdm_codec::pci_sig::{LockFlags, LockInterface};
use spdm_pci_security::{
    Fault, GetCapabilities, GetState, GetVersion, Interface, Lock, ReportReader, Start, StartNonce,
    StopInterface,
};
use spdm_requester::{Negotiated, Requester};

use crate::args::{TdispArgs, TdispStep};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::live::LiveDevice;
use crate::pci_session::{PciSession, Trouble};
use crate::render::{self, ShownInterface, ShownTdispStep, TdispError, flag_names};
use crate::trust::Trust;
use crate::trusted_session::{Failed, TrustedPeer, converse};

/// The longest report, in bytes: OFFSET has 16 bits.
const REPORT_LEN: usize = 0xFFFF;
/// Bytes of a report that are asked for at once.
const PORTION: u16 = 0x1000;

/// Takes the steps in one session.
pub(crate) fn run(
    args: &TdispArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    check(args)?;
    let secrets_out = args.peer.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    trust.or_own(device.anchors());
    let peer = TrustedPeer::read(&args.peer.choice(), &trust, &mut device)?;
    device.settle()?;
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |inquiry, requester| {
        let Inquiry { line, .. } = inquiry;
        let asked = converse(Some(&peer), requester, line, |requester, place, line| {
            let session_id = place.session_id();
            let session = PciSession { requester, place, line };
            let (requester, taken) = Course::new(args).take(session)?;
            Ok((requester, (session_id, taken)))
        });
        asked.map(|(_, taken)| taken)
    });
    let target = device.name();
    device.finish()?;
    match inquired.result {
        Ok((session, taken)) => show(args, target, session, taken, console),
        Err(verdict) => render::not_done(&verdict, console),
    }
}

/// What cannot come to a good end is refused before anything is sent.
fn check(args: &TdispArgs) -> Result<(), Failure> {
    let has = |step| args.steps.contains(&step);
    let mut nonce = false;
    for step in &args.steps {
        match step {
            TdispStep::Lock => nonce = true,
            TdispStep::Start if !nonce => {
                let message = "start: the nonce that starts an interface comes with its lock";
                return Err(Failure::usage(message).with_hint(Some("lock before start")));
            }
            // A nonce starts it once.
            TdispStep::Start | TdispStep::Stop => nonce = false,
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
    let changes: Vec<&str> =
        args.steps.iter().filter(|step| step.changes()).map(|step| step.name()).collect();
    if changes.is_empty() || args.yes {
        return Ok(());
    }
    let (function, target) = (render::function(args.function), &args.device.target);
    let changes = changes.join(", ");
    Err(Failure::usage(format!("nothing was sent: {changes} would change {function} of {target}"))
        .with_hint(Some("--yes does it")))
}

/// What came of the steps.
struct Taken {
    steps: Vec<ShownTdispStep>,
    /// The step that was not done.
    failed: Option<(TdispStep, Trouble)>,
    /// What a person should know besides.
    note: Option<String>,
}

/// The steps, and what they leave for the next one.
struct Course<'t> {
    args: &'t TdispArgs,
    interface: Interface,
    /// Until it has started the interface.
    nonce: Option<StartNonce>,
    /// Whether a step has locked it, and none has unlocked it.
    is_locked: bool,
}

impl<'t> Course<'t> {
    const fn new(args: &'t TdispArgs) -> Self {
        let interface = Interface::new(args.function);
        Self { args, interface, nonce: None, is_locked: false }
    }

    /// Takes all steps. Where one cannot be taken, no further one is, and an interface that was locked before is unlocked.
    fn take<'a>(
        mut self,
        session: PciSession<'a, '_, '_>,
    ) -> Result<(Requester<'a, Negotiated>, Taken), Failed<'a>> {
        let mut session = session;
        let mut taken = Taken { steps: Vec::new(), failed: None, note: None };
        for step in &self.args.steps {
            let (next, result) = self.step(session, *step)?;
            session = next;
            match result {
                Ok(shown) => taken.steps.push(shown),
                Err(trouble) => {
                    taken.failed = Some((*step, trouble));
                    break;
                }
            }
        }
        if taken.failed.is_some() && self.is_locked {
            let (next, stopped) = session.ask(&self.interface.ask(StopInterface), drop)?;
            session = next;
            taken.note = Some(match stopped {
                Ok(()) => {
                    taken.steps.push(ShownTdispStep::Stop);
                    "the interface that was locked is unlocked again".to_owned()
                }
                Err(trouble) => format!("the interface is still locked: {trouble}"),
            });
        }
        Ok((session.requester, taken))
    }

    fn step<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        step: TdispStep,
    ) -> Result<(PciSession<'a, 's, 'l>, Result<ShownTdispStep, Trouble>), Failed<'a>> {
        let interface = self.interface;
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
                session.ask(&interface.ask(Start(nonce)), |()| ShownTdispStep::Start)
            }
            TdispStep::Stop => {
                let (session, stopped) =
                    session.ask(&interface.ask(StopInterface), |()| ShownTdispStep::Stop)?;
                if stopped.is_ok() {
                    (self.nonce, self.is_locked) = (None, false);
                }
                Ok((session, stopped))
            }
        }
    }

    /// Which flags the device knows is asked before.
    fn lock<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
    ) -> Result<(PciSession<'a, 's, 'l>, Result<ShownTdispStep, Trouble>), Failed<'a>> {
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
        let (session, locked) = session.ask(&self.interface.ask(lock), |nonce| nonce)?;
        Ok((
            session,
            locked.map(|nonce| {
                (self.nonce, self.is_locked) = (Some(nonce), true);
                ShownTdispStep::lock(&fields)
            }),
        ))
    }

    fn report<'a, 's, 'l>(
        &self,
        session: PciSession<'a, 's, 'l>,
    ) -> Result<(PciSession<'a, 's, 'l>, Result<ShownTdispStep, Trouble>), Failed<'a>> {
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

fn show(
    args: &TdispArgs,
    target: String,
    session: Option<String>,
    taken: Taken,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let Taken { steps, failed, note } = taken;
    let error = failed
        .as_ref()
        .map(|(step, trouble)| TdispError { step: step.name(), message: sentence(trouble) });
    let shown = ShownInterface::new(target, args.function, session, steps, error);
    if console.json() {
        console.object(&shown)?;
    } else {
        console.report(&render::interface(&shown, console.style()))?;
    }
    if let Some(note) = note {
        console.note(&format!("note: {note}"));
    }
    match failed {
        None => Ok(Exit::Done),
        Some((step, trouble)) => {
            let message = format!("{}: {}", step.name(), sentence(&trouble));
            let first_locks = !args.steps.contains(&TdispStep::Lock);
            let hint = (step == TdispStep::Report && first_locks)
                .then_some("a report is of a locked interface: lock before report");
            Err(Failure::new(trouble.exit(), message).with_hint(hint))
        }
    }
}

/// Why a step was not taken, in the words of the options.
fn sentence(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Answer(Fault::UnsupportedFlags(flags)) => {
            let flags = flag_names(LockFlags::from_bits_retain(*flags)).join(", ");
            format!("the device does not support {flags} of --lock-flags")
        }
        trouble => trouble.to_string(),
    }
}
