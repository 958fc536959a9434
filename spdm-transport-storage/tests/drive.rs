//! The transport against a simulated drive with every fault.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;

use spdm_transport::MessageKind::{Plain, Secured};
use spdm_transport::{Allowed, Clock, Instant, MessageKind, Received, RecordBinding, Transport};
use spdm_transport_storage::{
    ConnectionId, DMTF, Discovery, PendingInfo, ProtocolList, SecurityProtocol, SpdmOperation,
    Specific, StorageError, StorageTransport,
};

const TIMEOUT: Duration = Duration::from_millis(100);

/// What a drive refuses a command with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Status(u16);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {:#x}", self.0)
    }
}

impl core::error::Error for Status {}

/// The answer that is there is not of the kind that is fetched.
const OTHER_KIND: Status = Status(0x4002);

/// A drive. It answers each request with the request's bytes, reversed.
#[derive(Debug)]
struct Drive {
    protocols: Vec<u8>,
    discovery: Vec<u8>,
    /// Sent instead of the true pending info.
    pending: VecDeque<Vec<u8>>,
    answer: Option<(MessageKind, Vec<u8>)>,
    /// How often it says that the answer is not there yet.
    busy: usize,
    /// It moves this many bytes less than it announced.
    short: usize,
    refuse: Option<Status>,
    /// Operations, IF-SEND with an exclamation mark.
    log: Vec<&'static str>,
}

impl Default for Drive {
    fn default() -> Self {
        Self {
            protocols: ProtocolList::encode(&[0, 1, DMTF]).to_vec(),
            discovery: Discovery::new(1).encode().to_vec(),
            pending: VecDeque::new(),
            answer: None,
            busy: 0,
            short: 0,
            refuse: None,
            log: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Shared(Rc<RefCell<Drive>>);

impl SecurityProtocol for Shared {
    type Error = Status;

    fn max_transfer(&self) -> usize {
        64
    }

    fn send(
        &mut self,
        protocol: u8,
        specific: u16,
        data: &[u8],
        _: Duration,
    ) -> Result<(), Status> {
        let mut drive = self.0.borrow_mut();
        let specific = Specific::decode(specific).unwrap();
        assert_eq!((protocol, specific.connection), (DMTF, ConnectionId::ZERO));
        let kind = specific.operation.kind().unwrap();
        drive.log.push(match kind {
            Plain => "message!",
            Secured => "secured!",
        });
        drive.answer = Some((kind, data.iter().rev().copied().collect()));
        drive.refuse.take().map_or(Ok(()), Err)
    }

    fn receive(
        &mut self,
        protocol: u8,
        specific: u16,
        buffer: &mut [u8],
        _: Duration,
    ) -> Result<usize, Status> {
        let mut drive = self.0.borrow_mut();
        if let Some(status) = drive.refuse.take() {
            return Err(status);
        }
        let answer = if (protocol, specific) == (0, 0) {
            drive.log.push("protocols");
            drive.protocols.clone()
        } else {
            assert_eq!(protocol, DMTF);
            match Specific::decode(specific).unwrap().operation {
                SpdmOperation::Discovery => {
                    drive.log.push("discovery");
                    drive.discovery.clone()
                }
                SpdmOperation::PendingInfo => {
                    drive.log.push("pending");
                    drive.pending_info()
                }
                operation => {
                    let asked = operation.kind().unwrap();
                    drive.log.push(match asked {
                        Plain => "message",
                        Secured => "secured",
                    });
                    let is_other = |answer: &(MessageKind, Vec<u8>)| answer.0 != asked;
                    if drive.answer.as_ref().is_some_and(is_other) {
                        return Err(OTHER_KIND);
                    }
                    let (_, mut answer) = drive.answer.take().unwrap();
                    answer.truncate(answer.len() - drive.short);
                    answer
                }
            }
        };
        let len = answer.len().min(buffer.len());
        buffer[..len].copy_from_slice(&answer[..len]);
        Ok(len)
    }
}

impl Drive {
    fn pending_info(&mut self) -> Vec<u8> {
        if let Some(instead) = self.pending.pop_front() {
            return instead;
        }
        if self.busy > 0 {
            self.busy -= 1;
            return PendingInfo { response: None }.encode().to_vec();
        }
        let response = self.answer.as_ref().map(|(_, answer)| u32::try_from(answer.len()).unwrap());
        PendingInfo { response }.encode().to_vec()
    }
}

/// A clock that nobody waits for.
#[derive(Clone, Debug, Default)]
struct Simulated(Rc<Cell<Instant>>);

impl Clock for Simulated {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn sleep_until(&self, until: Instant) {
        self.0.set(self.0.get().max(until));
    }
}

type Link = StorageTransport<Shared, Simulated>;
type Error = StorageError<Status>;

fn open(drive: Drive) -> (Result<Link, Error>, Shared, Simulated) {
    let (shared, clock) = (Shared(Rc::new(RefCell::new(drive))), Simulated::default());
    let link = StorageTransport::open(shared.clone(), clock.clone(), &mut [0; 64], TIMEOUT);
    (link, shared, clock)
}

/// A link that was opened, the drive, whose log is empty, and the clock.
fn link() -> (Link, Shared, Simulated) {
    let (link, drive, clock) = open(Drive::default());
    drive.0.borrow_mut().log.clear();
    (link.unwrap(), drive, clock)
}

/// Field, expectation, value.
fn field(error: Error) -> (&'static str, Allowed, u32) {
    let StorageError::Field(error) = error else { unreachable!("{error:?}") };
    (error.field, error.allowed, error.got)
}

#[test]
fn one_exchange_is_three_commands() {
    let (mut link, drive, clock) = link();
    let (max_send, max_receive) = (link.limits().max_send, link.limits().max_receive);
    assert_eq!((max_send, max_receive, link.limits().padding), (64, 64, 0));
    assert_eq!(link.limits().records, None);
    assert_eq!(link.discovery().connections(), 1);
    let mut buffer = [0xee; 64];
    for len in [1, 5, 64] {
        let request: Vec<u8> = (1..=len).collect();
        link.send(Plain, &request, TIMEOUT).unwrap();
        let received = link.receive(&mut buffer, TIMEOUT).unwrap().unwrap();
        assert_eq!(received, Received { kind: Plain, len: request.len() });
        assert!(buffer[..received.len].iter().eq(request.iter().rev()));
        assert_eq!(drive.0.borrow_mut().log.split_off(0), ["message!", "pending", "message"]);
    }
    assert_eq!(clock.now(), Instant::default());
}

#[test]
fn secured_messages_are_another_operation() {
    let discovery = Discovery::new(1).with_secured_messages().encode().to_vec();
    let (link, drive, _) = open(Drive { discovery, ..Drive::default() });
    let mut link = link.unwrap();
    assert_eq!(link.limits().records, Some(RecordBinding::Storage));
    drive.0.borrow_mut().log.clear();
    let mut exchange = |kind: MessageKind| {
        link.send(kind, &[1, 2], TIMEOUT).unwrap();
        let received = link.receive(&mut [0; 8], TIMEOUT).unwrap();
        (received, drive.0.borrow_mut().log.split_off(0))
    };
    let answer = |kind| Some(Received { kind, len: 2 });
    assert_eq!(exchange(Secured), (answer(Secured), vec!["secured!", "pending", "secured"]));
    assert_eq!(exchange(Plain), (answer(Plain), vec!["message!", "pending", "message"]));
    // The answer to a secured message that was given up is fetched as what it is.
    link.send(Secured, &[1, 2], TIMEOUT).unwrap();
    link.abandon();
    link.recover(&mut [0; 8], TIMEOUT).unwrap();
    assert_eq!(drive.0.borrow().log, ["secured!", "pending", "secured"]);
}

#[test]
fn a_slow_drive_is_asked_at_intervals() {
    let (link, drive, clock) = link();
    let mut link = link.with_poll_interval(Duration::from_millis(10)).with_round_trip(TIMEOUT);
    assert_eq!(link.limits().round_trip, TIMEOUT);
    drive.0.borrow_mut().busy = 4;
    link.send(Plain, &[1, 2], TIMEOUT).unwrap();
    assert!(link.receive(&mut [0; 8], TIMEOUT).unwrap().is_some());
    assert_eq!(clock.now(), Instant::from_micros(40_000));
    assert_eq!(drive.0.borrow_mut().log.split_off(0).len(), 1 + 5 + 1);

    // A timeout is no error: the answer may still come.
    drive.0.borrow_mut().busy = 1000;
    link.send(Plain, &[1, 2], TIMEOUT).unwrap();
    assert_eq!(link.receive(&mut [0; 8], Duration::from_millis(25)), Ok(None));
    assert_eq!(clock.now(), Instant::from_micros(65_000));
    assert_eq!(drive.0.borrow_mut().log.split_off(0).len(), 1 + 4);
    drive.0.borrow_mut().busy = 0;
    assert!(link.receive(&mut [0; 8], TIMEOUT).unwrap().is_some());
}

#[test]
fn drives_without_spdm() {
    let drive = Drive { protocols: ProtocolList::encode(&[0, 1]).to_vec(), ..Drive::default() };
    let (link, drive, _) = open(drive);
    assert_eq!(link.unwrap_err(), StorageError::NoSpdm);
    assert_eq!(drive.0.borrow().log, ["protocols"]);

    let mut discovery = Discovery::new(1).encode().to_vec();
    for operations in [0, 1 << 5, 1 << 2, 0xff ^ (1 << 5), 0xff ^ (1 << 2)] {
        discovery[8] = operations;
        let (link, drive, _) = open(Drive { discovery: discovery.clone(), ..Drive::default() });
        assert_eq!(link.unwrap_err(), StorageError::NoSpdm);
        assert_eq!(drive.0.borrow().log, ["protocols", "discovery"]);
    }
}

#[test]
fn wrong_payloads_while_opening() {
    let (link, ..) = open(Drive { protocols: vec![0; 7], ..Drive::default() });
    let error = ("Supported security protocol list", Allowed::AtLeast(8), 7);
    assert_eq!(field(link.unwrap_err()), error);
    let (link, ..) = open(Drive { discovery: vec![0; 31], ..Drive::default() });
    assert_eq!(field(link.unwrap_err()), ("Discovery data", Allowed::AtLeast(32), 31));
    let (link, ..) = open(Drive { pending: VecDeque::from([vec![0; 32]]), ..Drive::default() });
    assert_eq!(field(link.unwrap_err()), ("DataLength", Allowed::AtLeast(12), 0));
    let (link, ..) = open(Drive { refuse: Some(Status(2)), ..Drive::default() });
    assert_eq!(link.unwrap_err(), StorageError::Command(Status(2)));
}

#[test]
fn what_another_program_left_is_forgotten() {
    let (link, drive, _) =
        open(Drive { answer: Some((Plain, vec![0xdd; 64])), ..Drive::default() });
    let mut link = link.unwrap();
    assert_eq!(drive.0.borrow().log, ["protocols", "discovery", "pending", "message"]);
    link.send(Plain, &[1, 2], TIMEOUT).unwrap();
    let mut buffer = [0; 8];
    link.receive(&mut buffer, TIMEOUT).unwrap().unwrap();
    assert_eq!(buffer[..2], [2, 1]);

    let (link, ..) = open(Drive { answer: Some((Plain, vec![0xdd; 65])), ..Drive::default() });
    assert_eq!(link.unwrap_err(), StorageError::TooLong { room: 64, announced: 65 });

    // A secured one, which is fetched as such; a drive without secured messages is not asked for one.
    let answer = || Some((Secured, vec![0xdd; 40]));
    let discovery = Discovery::new(1).with_secured_messages().encode().to_vec();
    let (link, drive, _) = open(Drive { answer: answer(), discovery, ..Drive::default() });
    let mut link = link.unwrap();
    let log = drive.0.borrow_mut().log.split_off(0);
    assert_eq!(log, ["protocols", "discovery", "pending", "message", "secured"]);
    link.send(Plain, &[1, 2], TIMEOUT).unwrap();
    assert!(link.receive(&mut buffer, TIMEOUT).unwrap().is_some());
    let (link, drive, _) = open(Drive { answer: answer(), ..Drive::default() });
    assert_eq!(link.unwrap_err(), StorageError::Command(OTHER_KIND));
    assert_eq!(drive.0.borrow().log.last(), Some(&"message"));
}

#[test]
fn requests_that_cannot_be_sent() {
    let (mut link, drive, _) = link();
    for got in [0, 65] {
        let error = StorageError::MessageLength { max: 64, got };
        assert_eq!(link.send(Plain, &vec![0; got], TIMEOUT), Err(error));
    }
    assert_eq!(link.send(Secured, &[1], TIMEOUT), Err(StorageError::NoSecuredMessages));
    assert_eq!(link.receive(&mut [0; 8], TIMEOUT), Err(StorageError::NoRequest));
    assert!(drive.0.borrow().log.is_empty());
    link.send(Plain, &[1], TIMEOUT).unwrap();
}

/// What goes wrong in an exchange, and what it is called.
type Trouble = (fn(&mut Drive), fn(Error) -> bool);

const TROUBLES: [Trouble; 8] = [
    (|drive| drive.refuse = Some(Status(7)), |error| error == StorageError::Command(Status(7))),
    (
        |drive| drive.pending.push_back(vec![12, 0, 0, 0x10, 1, 0, 0, 0, 0, 0, 0, 0]),
        |error| field(error) == ("ResponseLength", Allowed::AtLeast(1), 0),
    ),
    (
        |drive| drive.pending.push_back(vec![12, 0, 0, 0x20, 1, 0, 0, 0, 4, 0, 0, 0]),
        |error| field(error) == ("StorageBindingVersion", Allowed::Range(0x1000, 0x1fff), 0x2000),
    ),
    (
        |drive| drive.pending.push_back(vec![12, 0, 0]),
        |error| field(error) == ("Pending info", Allowed::AtLeast(12), 3),
    ),
    (
        |drive| drive.pending.push_back(vec![]),
        |error| field(error) == ("Pending info", Allowed::AtLeast(12), 0),
    ),
    (
        |drive| drive.pending.push_back(PendingInfo { response: Some(9) }.encode().to_vec()),
        |error| error == StorageError::TooLong { room: 8, announced: 9 },
    ),
    (
        |drive| drive.pending.push_back(PendingInfo { response: Some(u32::MAX) }.encode().to_vec()),
        |error| error == StorageError::TooLong { room: 8, announced: u32::MAX },
    ),
    (|drive| drive.short = 1, |error| error == StorageError::Short { announced: 3, got: 2 }),
];

#[test]
fn after_a_fault_nothing_is_taken_for_the_answer_of_a_later_request() {
    for (index, (fault, is_expected)) in TROUBLES.into_iter().enumerate() {
        let (mut link, drive, _) = link();
        link.send(Plain, &[1, 2, 3], TIMEOUT).unwrap();
        fault(&mut drive.0.borrow_mut());
        let error = link.receive(&mut [0; 8], TIMEOUT).unwrap_err();
        assert!(is_expected(error), "{index}: {error}");
        // Out of step: nothing goes out, nothing is delivered.
        drive.0.borrow_mut().log.clear();
        assert_eq!(link.receive(&mut [0; 8], TIMEOUT), Err(StorageError::NoRequest));
        assert_eq!(link.send(Plain, &[4, 5], TIMEOUT), Err(StorageError::OutOfStep));
        assert!(drive.0.borrow().log.is_empty());
        // The answer to the first request is fetched, if the drive still has it.
        drive.0.borrow_mut().short = 0;
        let had_answer = drive.0.borrow().answer.is_some();
        let recovered = link.recover(&mut [0; 64], TIMEOUT);
        let expected = if had_answer { Ok(()) } else { Err(StorageError::Unanswered) };
        assert_eq!(recovered, expected, "{index}");
        if had_answer {
            link.send(Plain, &[4, 5], TIMEOUT).unwrap();
            let mut buffer = [0; 8];
            assert_eq!(link.receive(&mut buffer, TIMEOUT).unwrap().unwrap().len, 2);
            assert_eq!(buffer[..2], [5, 4], "{index}");
        }
    }
}

#[test]
fn given_up_requests() {
    let (mut link, drive, clock) = link();
    link.recover(&mut [], TIMEOUT).unwrap();
    link.abandon();
    link.send(Plain, &[1, 2], TIMEOUT).unwrap();
    link.abandon();
    assert_eq!(link.receive(&mut [0; 8], TIMEOUT), Err(StorageError::NoRequest));
    assert_eq!(link.send(Plain, &[3, 4], TIMEOUT), Err(StorageError::OutOfStep));

    drive.0.borrow_mut().busy = 1000;
    assert_eq!(link.recover(&mut [0; 8], TIMEOUT), Err(StorageError::Unanswered));
    assert_eq!(clock.now(), Instant::from_micros(100_000));
    assert_eq!(link.send(Plain, &[3, 4], TIMEOUT), Err(StorageError::OutOfStep));
    drive.0.borrow_mut().busy = 3;
    let too_long = StorageError::TooLong { room: 1, announced: 2 };
    assert_eq!(link.recover(&mut [0; 1], TIMEOUT), Err(too_long));
    link.recover(&mut [0; 8], TIMEOUT).unwrap();

    link.send(Plain, &[3, 4], TIMEOUT).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(link.receive(&mut buffer, TIMEOUT).unwrap().unwrap().len, 2);
    assert_eq!(buffer[..2], [4, 3]);
}

#[test]
fn a_drive_that_refuses_a_request_may_have_taken_it() {
    let (mut link, drive, _) = link();
    drive.0.borrow_mut().refuse = Some(Status(0x4002));
    let refused = StorageError::Command(Status(0x4002));
    assert_eq!(link.send(Plain, &[1, 2], TIMEOUT), Err(refused));
    assert_eq!(refused.to_string(), "status 0x4002");
    assert_eq!(link.receive(&mut [0; 8], TIMEOUT), Err(StorageError::NoRequest));
    assert_eq!(link.send(Plain, &[1, 2], TIMEOUT), Err(StorageError::OutOfStep));
    // A second request without an answer to the first one is the caller's mistake.
    link.recover(&mut [0; 8], TIMEOUT).unwrap();
    link.send(Plain, &[1], TIMEOUT).unwrap();
    assert_eq!(link.send(Plain, &[2], TIMEOUT), Err(StorageError::OutOfStep));
}

/// A driver that claims to have moved more than fits.
#[derive(Debug)]
struct Liar;

impl SecurityProtocol for Liar {
    type Error = Status;

    fn max_transfer(&self) -> usize {
        usize::MAX
    }

    fn send(&mut self, _: u8, _: u16, _: &[u8], _: Duration) -> Result<(), Status> {
        Ok(())
    }

    fn receive(&mut self, _: u8, _: u16, _: &mut [u8], _: Duration) -> Result<usize, Status> {
        Ok(usize::MAX)
    }
}

#[test]
fn a_driver_that_lies() {
    let link = StorageTransport::open(Liar, Simulated::default(), &mut [], TIMEOUT);
    let error = ("Supported security protocol list", Allowed::AtLeast(8), 0);
    assert_eq!(field(link.unwrap_err()), error);
}
