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
    self, Asked, Course, Ended, Left, PciSession, Reached, Taken, TakenBack, Trouble, end,
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
    let keys = args.keys.as_deref().map(|path| KeyRing::read(path, console)).transpose()?;
    if let Some(what) = unsure(args) {
        return Err(args.verb.files().withheld(&what, crypto, console));
    }
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
    let changes = changes(args);
    let of_keys = [
        ("--stream-id", args.stream_id.is_some()),
        ("--key-set", args.key_set.is_some()),
        ("--keys", args.keys.is_some()),
    ];
    if let Some((option, _)) = of_keys.iter().find(|(_, is_given)| *is_given && changes.is_empty())
    {
        return Err(Failure::usage(format!("{option}: no step is about keys")));
    }
    Ok(())
}

/// What would be done without `--yes`.
fn unsure(args: &IdeArgs) -> Option<String> {
    let changes = changes(args);
    if changes.is_empty() || args.yes {
        return None;
    }
    let (changes, target) = (changes.join(", "), &args.verb.device.target);
    let stream = args.stream_id.unwrap_or_default();
    Some(format!("{changes} would change stream {stream} of {target}"))
}

/// The steps that change the device.
fn changes(args: &IdeArgs) -> Vec<&'static str> {
    args.steps.iter().filter(|step| step.changes()).map(|step| step.name()).collect()
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

/// The keys, and what these steps have made of them.
struct KeyCourse<'k> {
    args: &'k IdeArgs,
    set: KeySet,
    keys: Option<&'k KeyRing>,
    /// The keys that the device has from these steps.
    programmed: Vec<KeyPlace>,
    /// The keys that came into use by them.
    in_use: Vec<KeyPlace>,
    /// What was done of the step that is under way.
    begun: Option<ShownIdeStep>,
    /// A change of a key, from its request on until the answer, and how many messages went out before.
    unanswered: Option<(IdeStep, KeyPlace, u32)>,
}

impl<'k> KeyCourse<'k> {
    fn new(args: &'k IdeArgs, keys: Option<&'k KeyRing>) -> Self {
        let set = KeySet {
            port_index: args.port.unwrap_or_default(),
            stream_id: args.stream_id.unwrap_or_default(),
            set: match args.key_set {
                Some(1) => IdeKeyFlags::KEY_SET_1,
                _ => IdeKeyFlags::empty(),
            },
        };
        let (programmed, in_use, begun, unanswered) = (Vec::new(), Vec::new(), None, None);
        Self { args, set, keys, programmed, in_use, begun, unanswered }
    }

    /// What go and stop concern.
    fn places(&self) -> Vec<KeyPlace> {
        match self.keys {
            Some(keys) => keys.places().collect(),
            None => KeyPlace::ALL.to_vec(),
        }
    }

    /// The port, or all of them.
    fn query<'a, 's, 'l>(&mut self, session: PciSession<'a, 's, 'l>) -> Asked<'a, 's, 'l, ()> {
        let mut session = session;
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
            self.begun.get_or_insert_with(|| ShownIdeStep::query(last)).port(port);
            let is_all = self.args.port.is_none();
            match port_index.checked_add(1).filter(|next| is_all && *next <= last) {
                Some(next) => port_index = next,
                None => return Ok((session, Ok(()))),
            }
        }
    }

    /// Asks one question for each key, up to the first that is refused.
    fn each<'a, 's, 'l, Q: for<'r> Question<Answer<'r> = ()>>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        step: IdeStep,
        questions: impl Iterator<Item = (KeyPlace, Q)>,
    ) -> Asked<'a, 's, 'l, ()> {
        let mut session = session;
        for (place, question) in questions {
            self.unanswered = Some((step, place, session.sent()));
            let (next, asked) = session.ask(&question, drop)?;
            self.unanswered = None;
            session = next;
            if let Err(trouble) = asked {
                let what = format!("port {}, {}", self.set.port_index, place.name());
                return Ok((session, Err(trouble.about(what))));
            }
            match step {
                IdeStep::Program => self.programmed.push(place),
                IdeStep::Go => self.in_use.push(place),
                IdeStep::Stop | IdeStep::Query => {
                    let others = |known: &KeyPlace| *known != place;
                    self.programmed.retain(others);
                    self.in_use.retain(others);
                }
            }
            self.begun.get_or_insert_with(|| ShownIdeStep::of_keys(step)).key(place);
        }
        Ok((session, Ok(())))
    }

    fn stop<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        places: Vec<KeyPlace>,
    ) -> Asked<'a, 's, 'l, ()> {
        let set = self.set;
        let keys = places.into_iter().map(|place| (place, Stop(set.slot(place))));
        self.each(session, IdeStep::Stop, keys)
    }
}

impl Course for KeyCourse<'_> {
    type Step = IdeStep;
    type Shown = ShownIdeStep;

    fn step<'a, 's, 'l>(
        &mut self,
        session: PciSession<'a, 's, 'l>,
        step: IdeStep,
    ) -> Asked<'a, 's, 'l, ShownIdeStep> {
        let set = self.set;
        let (session, done) = match step {
            IdeStep::Query => self.query(session)?,
            IdeStep::Program => {
                let keys = self.keys;
                let keys = keys.iter().flat_map(|keys| keys.iter());
                let questions =
                    keys.map(|(place, key)| (place, KeyProgram { slot: set.slot(place), key }));
                self.each(session, step, questions)?
            }
            IdeStep::Go => {
                let places = self.places().into_iter();
                self.each(session, step, places.map(|place| (place, Go(set.slot(place)))))?
            }
            IdeStep::Stop => {
                let places = self.places();
                self.stop(session, places)?
            }
        };
        let done = done.map(|()| self.begun.take().unwrap_or_else(|| ShownIdeStep::of_keys(step)));
        Ok((session, done))
    }

    fn part(&mut self) -> Option<ShownIdeStep> {
        self.begun.take()
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
            Ok(()) => "the keys that were programmed are stopped again".to_owned(),
            Err(trouble) => format!("the keys could not be stopped: {trouble}"),
        };
        Ok((session, Some(TakenBack { step: self.begun.take(), note })))
    }

    fn left(&self, sent: u32) -> Option<Left> {
        let names = |places: &[KeyPlace]| {
            places.iter().map(|place| place.name()).collect::<Vec<_>>().join(", ")
        };
        let unanswered = self.unanswered.filter(|(.., before)| *before < sent);
        let mut parts = Vec::new();
        if !self.programmed.is_empty() {
            parts.push(format!("has the programmed keys {}", names(&self.programmed)));
        }
        if !self.in_use.is_empty() {
            parts.push(format!("uses {}", names(&self.in_use)));
        }
        if let Some((step, place, _)) = unanswered {
            let name = step.name();
            parts
                .push(format!("may have done {name} for {}, which was not answered", place.name()));
        }
        if parts.is_empty() {
            return None;
        }
        let Self { args, .. } = self;
        let (port, stream) = (self.set.port_index, self.set.stream_id);
        let key_set = args.key_set.unwrap_or_default();
        let target = &args.verb.device.target;
        Some(Left {
            state: format!(
                "the device {} (port {port}, stream {stream}, key set {key_set})",
                parts.join(", and ")
            ),
            undo: format!(
                "spdm ide {target} stop --port {port} --stream-id {stream} --key-set {key_set} --yes stops them, with the \
                 same options for the way to the device and its trust; a reset of the device ends them, too"
            ),
        })
    }
}

fn show(
    target: String,
    args: &IdeArgs,
    taken: Taken<IdeStep, ShownIdeStep>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let Ended { version, session, steps, error, left, notes, failure } =
        taken.ended(IdeStep::name, |_, trouble| {
            let no_port = matches!(
                trouble.innermost(),
                Trouble::Answer(Fault::KeyRefused(KpAckStatus::UNSUPPORTED_PORT_INDEX))
            );
            let hint = no_port.then(|| "query without --port shows the ports".to_owned());
            (trouble.to_string(), hint)
        });
    let mut shown = ShownIde::new(target, args);
    (shown.version, shown.session) = (version, session);
    (shown.steps, shown.error, shown.left, shown.notes) = (steps, error, left, notes);
    if console.json() {
        console.object(&shown)?;
    } else {
        console.report(&shown.text(console.style()))?;
    }
    end(&shown.notes, failure, console)
}

#[cfg(test)]
mod tests {
    use super::{KeyCourse, KeyPlace};
    use crate::args::{Cli, IdeStep, Verb};
    use crate::pci_session::Course as _;
    use clap::Parser as _;

    #[test]
    fn keys_that_are_left_are_those_that_were_sent() {
        let Verb::Ide(args) = Cli::try_parse_from(["spdm", "ide", "emulated", "go"]).unwrap().verb
        else {
            panic!("ide")
        };
        let mut course = KeyCourse::new(&args, None);
        assert_eq!(course.left(9), None);
        let [first, second, ..] = KeyPlace::ALL;
        course.unanswered = Some((IdeStep::Go, second, 9));
        assert_eq!(course.left(9), None);
        course.in_use.push(first);
        let left = course.left(9).unwrap();
        assert!(left.state.starts_with("the device uses receive PR (port 0"), "{left:?}");
        let left = course.left(10).unwrap();
        assert!(left.state.contains("may have done go for receive NPR"), "{left:?}");
    }
}
