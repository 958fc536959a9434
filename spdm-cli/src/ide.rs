//! `spdm ide`: keys of link and stream encryption (IDE_KM, PCIe 6.1 §6.33.3).

mod keys;
mod shown;

use spdm_codec::pci_sig::{IdeKeyFlags, IdeKeySlot, KpAckStatus};
use spdm_pci_security::{Fault, Go, KeyProgram, QueryPort, Question, Stop};

use crate::args::{IdeArgs, IdeStep};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::pci_session::{
    self, Asked, Course, PciSession, Reached, StepError, Taken, TakenBack, Trouble,
};
use crate::render;
#[cfg(test)]
pub(crate) use keys::KeyFile;
use keys::{KeyPlace, KeyRing};
pub(crate) use shown::ShownIde;
use shown::{ShownIdeStep, ShownPort};

/// Takes the steps in one session.
pub(crate) fn run(args: &IdeArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    check(args)?;
    let keys = args.keys.as_deref().map(KeyRing::read).transpose()?;
    let course = KeyCourse::new(args, keys.as_ref());
    let (target, result) = pci_session::run(course, &args.steps, &args.verb, crypto, console)?;
    match result {
        Ok(taken) => show(target, args, taken, console),
        Err(verdict) => render::not_done(&verdict, console),
    }
}

/// What cannot come to a good end is refused before anything is sent.
fn check(args: &IdeArgs) -> Result<(), Failure> {
    let has = |step| args.steps.contains(&step);
    if has(IdeStep::Program) && args.keys.is_none() {
        return Err(Failure::usage("program: no keys are given").with_hint(Some("--keys FILE")));
    }
    let changes: Vec<&str> =
        args.steps.iter().filter(|step| step.changes()).map(|step| step.name()).collect();
    let of_keys = [
        ("--stream-id", args.stream_id.is_some()),
        ("--key-set", args.key_set.is_some()),
        ("--keys", args.keys.is_some()),
    ];
    if let Some((option, _)) = of_keys.iter().find(|(_, is_given)| *is_given && changes.is_empty())
    {
        return Err(Failure::usage(format!("{option}: no step is about keys")));
    }
    if changes.is_empty() || args.yes {
        return Ok(());
    }
    let (changes, target) = (changes.join(", "), &args.verb.device.target);
    let stream = args.stream_id.unwrap_or_default();
    let message = format!("nothing was sent: {changes} would change stream {stream} of {target}");
    Err(Failure::usage(message).with_hint(Some("--yes does it")))
}

/// A key set of a stream at a port.
#[derive(Clone, Copy, Debug)]
struct KeySet {
    port_index: u8,
    stream_id: u8,
    set: IdeKeyFlags,
}

impl KeySet {
    fn slot(self, place: KeyPlace) -> IdeKeySlot {
        let Self { port_index, stream_id, set } = self;
        IdeKeySlot { stream_id, flags: set | place.flags(), port_index }
    }
}

/// The keys, and which of them these steps have programmed.
struct KeyCourse<'k> {
    port: Option<u8>,
    set: KeySet,
    keys: Option<&'k KeyRing>,
    programmed: Vec<KeyPlace>,
}

impl<'k> KeyCourse<'k> {
    fn new(args: &IdeArgs, keys: Option<&'k KeyRing>) -> Self {
        let set = KeySet {
            port_index: args.port.unwrap_or_default(),
            stream_id: args.stream_id.unwrap_or_default(),
            set: match args.key_set {
                Some(1) => IdeKeyFlags::KEY_SET_1,
                _ => IdeKeyFlags::empty(),
            },
        };
        Self { port: args.port, set, keys, programmed: Vec::new() }
    }

    /// What go and stop concern.
    fn places(&self) -> Vec<KeyPlace> {
        match self.keys {
            Some(keys) => keys.places().collect(),
            None => KeyPlace::ALL.to_vec(),
        }
    }

    /// The port, or all of them.
    fn query<'a, 's, 'l>(
        &self,
        session: PciSession<'a, 's, 'l>,
    ) -> Asked<'a, 's, 'l, ShownIdeStep> {
        let mut session = session;
        let mut ports = Vec::new();
        let mut port_index = self.set.port_index;
        loop {
            let (next, asked) = session.ask(&QueryPort { port_index }, |port| {
                (ShownPort::new(&port), port.max_port_index)
            })?;
            session = next;
            let (port, last) = match asked {
                Ok(asked) => asked,
                Err(trouble) => {
                    return Ok((session, Err(trouble.about(format!("port {port_index}")))));
                }
            };
            ports.push(port);
            match port_index.checked_add(1).filter(|next| self.port.is_none() && *next <= last) {
                Some(next) => port_index = next,
                None => return Ok((session, Ok(ShownIdeStep::Query { ports, last_port: last }))),
            }
        }
    }

    fn stop<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        places: Vec<KeyPlace>,
    ) -> Asked<'a, 's, 'l, ShownIdeStep> {
        let (set, programmed) = (self.set, &mut self.programmed);
        let keys = places.into_iter().map(|place| (place, Stop(set.slot(place))));
        let (session, stopped) =
            each(session, set, keys, |place| programmed.retain(|known| *known != place))?;
        Ok((session, stopped.map(|keys| ShownIdeStep::Stop { keys })))
    }
}

/// Asks one question for each key, up to the first that is refused.
fn each<'a, 's, 'l, Q: for<'r> Question<Answer<'r> = ()>>(
    session: PciSession<'a, 's, 'l>,
    set: KeySet,
    questions: impl Iterator<Item = (KeyPlace, Q)>,
    mut done: impl FnMut(KeyPlace),
) -> Asked<'a, 's, 'l, Vec<KeyPlace>> {
    let mut session = session;
    let mut keys = Vec::new();
    for (place, question) in questions {
        let (next, asked) = session.ask(&question, drop)?;
        session = next;
        if let Err(trouble) = asked {
            let what = format!("port {}, {}", set.port_index, place.name());
            return Ok((session, Err(trouble.about(what))));
        }
        done(place);
        keys.push(place);
    }
    Ok((session, Ok(keys)))
}

impl Course for KeyCourse<'_> {
    type Step = IdeStep;
    type Shown = ShownIdeStep;

    fn step<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        step: IdeStep,
    ) -> Asked<'a, 's, 'l, ShownIdeStep> {
        match step {
            IdeStep::Query => self.query(session),
            IdeStep::Program => {
                let (set, programmed) = (self.set, &mut self.programmed);
                let keys = self.keys.iter().flat_map(|keys| keys.iter());
                let questions =
                    keys.map(|(place, key)| (place, KeyProgram { slot: set.slot(place), key }));
                let (session, done) =
                    each(session, set, questions, |place| programmed.push(place))?;
                Ok((session, done.map(|keys| ShownIdeStep::Program { keys })))
            }
            IdeStep::Go => {
                let set = self.set;
                let places = self.places().into_iter();
                let questions = places.map(|place| (place, Go(set.slot(place))));
                let (session, done) = each(session, set, questions, drop)?;
                Ok((session, done.map(|keys| ShownIdeStep::Go { keys })))
            }
            IdeStep::Stop => {
                let places = self.places();
                self.stop(session, places)
            }
        }
    }

    fn take_back<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
    ) -> Reached<'a, 's, 'l, Option<TakenBack<ShownIdeStep>>> {
        if self.programmed.is_empty() {
            return Ok((session, None));
        }
        let (session, stopped) = self.stop(session, self.programmed.clone())?;
        let note = match &stopped {
            Ok(_) => "the keys that were programmed are stopped again".to_owned(),
            Err(trouble) => format!("the device still has the keys: {trouble}"),
        };
        Ok((session, Some(TakenBack { step: stopped.ok(), note })))
    }
}

fn show(
    target: String,
    args: &IdeArgs,
    taken: Taken<IdeStep, ShownIdeStep>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let Taken { session, steps, failed, note } = taken;
    let error = failed
        .as_ref()
        .map(|(step, trouble)| StepError { step: step.name(), message: trouble.to_string() });
    let shown = ShownIde::new(target, args, session, steps, error);
    if console.json() {
        console.object(&shown)?;
    } else {
        console.report(&shown.text(console.style()))?;
    }
    if let Some(note) = note {
        console.note(&format!("note: {note}"));
    }
    match failed {
        None => Ok(Exit::Done),
        Some((step, trouble)) => {
            let no_port = matches!(
                trouble.innermost(),
                Trouble::Answer(Fault::KeyRefused(KpAckStatus::UNSUPPORTED_PORT_INDEX))
            );
            let hint = no_port.then_some("query without --port shows the ports");
            let message = format!("{}: {trouble}", step.name());
            Err(Failure::new(trouble.exit(), message).with_hint(hint))
        }
    }
}
