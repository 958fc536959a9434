//! A simulated PCIe function with one DOE instance, which can be told to misbehave.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::VecDeque;
use std::rc::Rc;

use spdm_transport::{Clock, Duration, Instant};
use spdm_transport_doe::{
    ConfigSpace, DoeError, DoeTransport, ExtendedCapabilities, Mailbox, Register,
};

/// Where the DOE instance is.
pub(crate) const DOE: u16 = 0x150;

pub(crate) const BUSY: u32 = 1;
pub(crate) const ERROR: u32 = 1 << 2;
pub(crate) const READY: u32 = 1 << 31;

/// Time that passes only when somebody waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimClock(Rc<Cell<u64>>);

impl SimClock {
    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_micros(self.0.get())
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.sleep_until(self.now().after(time));
    }
}

impl Clock for SimClock {
    fn now(&self) -> Instant {
        Instant::from_micros(self.0.get())
    }

    fn sleep_until(&self, until: Instant) {
        self.0.set(self.0.get().max(until.as_micros()));
    }
}

/// The platform refuses an access.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl core::error::Error for Refused {}

pub(crate) type Error = DoeError<Refused>;

/// How the mailbox misbehaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Quirk {
    /// Busy for this long after the start, then not.
    BusyFor(Duration),
    /// Busy for good.
    Busy,
    /// Error once the object was handed over.
    ErrorAfterGo,
    /// Error as soon as the given DWORD of an object was written.
    ErrorWhileWriting,
    /// Error once the last DWORD was acknowledged.
    ErrorAfterLast,
    /// Error once this many DWORDs of the answer were acknowledged; the rest stays.
    ErrorAt(usize),
    /// Data Object Ready falls once this many DWORDs of the answer were acknowledged.
    UnreadyAt(usize),
    /// The function vanishes once this many DWORDs of the answer were acknowledged.
    GoneAt(usize),
    /// The function vanishes after Go.
    GoneAfterGo,
    /// No answer at all.
    Silent,
    /// The answer comes this long after Go.
    Late(Duration),
    /// After the object another one is ready: the same again.
    Twice,
    /// Abort has no effect.
    AbortIgnored,
    /// Abort takes this long.
    AbortTakes(Duration),
    /// Abort clears Busy and Error, but an object stays.
    AbortKeepsObject,
    /// Every write to configuration space is refused.
    ReadOnly,
    /// Accesses to this register are refused.
    Refuses(Register),
    /// Each access takes this long.
    Slow(Duration),
}

/// What answers objects: DWORDs in, DWORDs out.
pub(crate) type Responder = Box<dyn FnMut(&[u32]) -> Option<Vec<u32>>>;

/// The function's side.
pub(crate) struct Function {
    pub(crate) clock: SimClock,
    pub(crate) faults: Vec<Quirk>,
    pub(crate) responder: Responder,
    /// Configuration space besides the DOE registers.
    pub(crate) config: Box<[u32; 1024]>,
    /// Objects as they were handed over.
    pub(crate) objects: Vec<Vec<u32>>,
    /// DWORDs of all answers.
    pub(crate) answered: usize,
    /// Times of the reads of DOE Status.
    pub(crate) looks: Vec<Duration>,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
    pub(crate) aborts: usize,
    writing: Vec<u32>,
    pub(crate) answer: VecDeque<u32>,
    acknowledged: usize,
    ready_at: Duration,
    pub(crate) error: bool,
    aborted_until: Option<Duration>,
    pub(crate) gone: bool,
    pub(crate) interrupt_enable: bool,
    /// More bits of DOE Status.
    pub(crate) reserved: u32,
}

/// The requester's side: the same function, shared with the test.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Rc<RefCell<Function>>);

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Function {
    pub(crate) fn new(responder: Responder) -> Self {
        let mut config = Box::new([0; 1024]);
        config[0x00] = 0x0010_1B36;
        config[0x08 / 4] = 0x0108_0202;
        config[0x2C / 4] = 0x1100_1AF4;
        // Advanced Error Reporting, then DOE.
        config[0x100 / 4] = 0x1501_0001;
        config[usize::from(DOE) / 4] = 0x0001_002E;
        Self {
            clock: SimClock::default(),
            faults: Vec::new(),
            responder,
            config,
            objects: Vec::new(),
            answered: 0,
            looks: Vec::new(),
            reads: 0,
            writes: 0,
            aborts: 0,
            writing: Vec::new(),
            answer: VecDeque::new(),
            acknowledged: 0,
            ready_at: Duration::ZERO,
            error: false,
            aborted_until: None,
            gone: false,
            interrupt_enable: false,
            reserved: 0,
        }
    }

    fn find<T>(&self, what: impl Fn(Quirk) -> Option<T>) -> Option<T> {
        self.faults.iter().copied().find_map(what)
    }

    fn has(&self, fault: Quirk) -> bool {
        self.faults.contains(&fault)
    }

    fn status(&mut self) -> u32 {
        let now = self.clock.elapsed();
        if let Some(until) = self.aborted_until {
            if now < until {
                return BUSY;
            }
            self.aborted_until = None;
        }
        let for_a_while = self.find(|fault| match fault {
            Quirk::BusyFor(time) => Some(now < time),
            _ => None,
        });
        let busy = self.has(Quirk::Busy) || for_a_while == Some(true);
        let ready = !self.answer.is_empty() && now >= self.ready_at;
        let cut = self.find(|fault| match fault {
            Quirk::UnreadyAt(at) => Some(self.acknowledged >= at),
            _ => None,
        });
        let ready = ready && cut != Some(true);
        let bits = [(busy, BUSY), (self.error, ERROR), (ready, READY)];
        bits.into_iter().filter(|(set, _)| *set).fold(self.reserved, |all, (_, bit)| all | bit)
    }

    fn control(&mut self, value: u32) {
        self.interrupt_enable = value & 2 != 0;
        if value & 1 != 0 {
            self.aborts += 1;
            self.writing.clear();
            if !self.has(Quirk::AbortIgnored) {
                self.error = false;
                self.acknowledged = 0;
                if !self.has(Quirk::AbortKeepsObject) {
                    self.answer.clear();
                }
            }
            let takes = self.find(|fault| match fault {
                Quirk::AbortTakes(time) => Some(time),
                _ => None,
            });
            self.aborted_until = takes.map(|time| self.clock.elapsed() + time);
        }
        if value & 1 << 31 != 0 {
            self.go();
        }
    }

    fn go(&mut self) {
        let object = core::mem::take(&mut self.writing);
        self.objects.push(object.clone());
        self.acknowledged = 0;
        if self.has(Quirk::GoneAfterGo) {
            self.gone = true;
        }
        if self.has(Quirk::ErrorAfterGo) {
            self.error = true;
            return;
        }
        if self.has(Quirk::Silent) {
            return;
        }
        let late = self.find(|fault| match fault {
            Quirk::Late(time) => Some(time),
            _ => None,
        });
        self.ready_at = self.clock.elapsed() + late.unwrap_or_default();
        if let Some(answer) = (self.responder)(&object) {
            self.answered += answer.len();
            let times = 1 + usize::from(self.has(Quirk::Twice));
            self.answer = answer.iter().copied().cycle().take(answer.len() * times).collect();
        }
    }

    fn acknowledge(&mut self) {
        self.answer.pop_front();
        self.acknowledged += 1;
        let acknowledged = self.acknowledged;
        let at = |fault| match fault {
            Quirk::ErrorAt(at) => Some(acknowledged == at),
            _ => None,
        };
        let last = self.answer.is_empty() && self.has(Quirk::ErrorAfterLast);
        if last || self.find(at) == Some(true) {
            self.error = true;
        }
        let gone = |fault| match fault {
            Quirk::GoneAt(at) => Some(acknowledged >= at),
            _ => None,
        };
        if self.find(gone) == Some(true) {
            self.gone = true;
        }
    }

    fn access(&self, offset: u16) -> Result<(), Refused> {
        let slow = |fault| match fault {
            Quirk::Slow(time) => Some(time),
            _ => None,
        };
        if let Some(time) = self.find(slow) {
            self.clock.pass(time);
        }
        let refused = |fault| match fault {
            Quirk::Refuses(register) => Some(DOE + register.offset() == offset),
            _ => None,
        };
        if self.find(refused) == Some(true) { Err(Refused) } else { Ok(()) }
    }
}

impl ConfigSpace for Shared {
    type Error = Refused;

    fn read(&mut self, offset: u16) -> Result<u32, Refused> {
        assert_eq!(offset % 4, 0, "accesses are aligned");
        let mut function = self.0.borrow_mut();
        function.reads += 1;
        function.access(offset)?;
        if function.gone {
            return Ok(u32::MAX);
        }
        Ok(match offset.checked_sub(DOE) {
            Some(0x08) => u32::from(function.interrupt_enable) << 1,
            Some(0x0C) => {
                let now = function.clock.elapsed();
                function.looks.push(now);
                function.status()
            }
            Some(0x10) => 0,
            Some(0x14) => function.answer.front().copied().unwrap_or(0),
            _ => function.config[usize::from(offset) / 4],
        })
    }

    fn write(&mut self, offset: u16, value: u32) -> Result<(), Refused> {
        assert_eq!(offset % 4, 0, "accesses are aligned");
        let mut function = self.0.borrow_mut();
        function.writes += 1;
        function.access(offset)?;
        if function.has(Quirk::ReadOnly) {
            return Err(Refused);
        }
        match offset.checked_sub(DOE) {
            Some(0x08) => function.control(value),
            Some(0x10) => {
                function.writing.push(value);
                if function.has(Quirk::ErrorWhileWriting) {
                    function.error = true;
                }
            }
            Some(0x14) => {
                assert_eq!(value, 0, "an acknowledgement is a write of 0");
                function.acknowledge();
            }
            _ => panic!("a write to {offset:#x}"),
        }
        Ok(())
    }
}

/// A function, and a transport to it.
pub(crate) struct Bench {
    pub(crate) function: Shared,
    pub(crate) clock: SimClock,
    pub(crate) transport: DoeTransport<Shared, SimClock>,
}

impl Bench {
    pub(crate) fn new(responder: impl FnMut(&[u32]) -> Option<Vec<u32>> + 'static) -> Self {
        Self::of(Function::new(Box::new(responder)))
    }

    /// A function that answers each object with itself.
    pub(crate) fn echo() -> Self {
        Self::new(|object| Some(object.to_vec()))
    }

    /// [`Self::echo`] that misbehaves.
    pub(crate) fn with(faults: &[Quirk]) -> Self {
        let bench = Self::echo();
        bench.set(faults);
        bench
    }

    /// A function that answers each message with these DWORDs.
    pub(crate) fn answering(answer: &[u32]) -> Self {
        let answer = answer.to_vec();
        Self::new(move |_| Some(answer.clone()))
    }

    pub(crate) fn of(function: Function) -> Self {
        let clock = function.clock.clone();
        let function = Shared(Rc::new(RefCell::new(function)));
        let transport = DoeTransport::new(mailbox(&function), clock.clone());
        Self { function, clock, transport }
    }

    pub(crate) fn set(&self, faults: &[Quirk]) {
        self.function.0.borrow_mut().faults = faults.to_vec();
    }

    /// How often the register was read and written.
    pub(crate) fn accesses(&self) -> (usize, usize) {
        let function = self.function.0.borrow();
        (function.reads, function.writes)
    }

    pub(crate) fn aborts(&self) -> usize {
        self.function.0.borrow().aborts
    }
}

/// The mailbox that the function lists.
pub(crate) fn mailbox(function: &Shared) -> Mailbox<Shared> {
    let capability = ExtendedCapabilities::new(function.clone())
        .map(|found| found.unwrap())
        .find(|found| found.id == 0x2E)
        .unwrap();
    let mut shared = function.0.borrow_mut();
    (shared.reads, shared.writes) = (0, 0);
    Mailbox::new(function.clone(), capability).unwrap()
}
