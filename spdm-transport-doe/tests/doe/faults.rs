//! Exchanges that go wrong: the exact error, and after each of them the next exchange gets its own answer.

use spdm_transport::{Allowed, FieldError};
use spdm_transport::{Duration, MessageKind, Transport};
use spdm_transport_doe::{DoeStatus, MAX_CONTENT, MailboxTiming, Register};

use crate::exchange::SECOND;
use crate::function::{BUSY, Bench, ERROR, Error, Quirk, READY, Refused};

const MS: Duration = Duration::from_millis(1);

/// One exchange of 8 bytes.
fn exchange(bench: &mut Bench, message: &[u8; 8]) -> Result<Option<[u8; 8]>, Error> {
    bench.transport.send(MessageKind::Plain, message, 3 * SECOND)?;
    let mut buffer = [0; 8];
    let received = bench.transport.receive(&mut buffer, 3 * SECOND)?;
    Ok(received.map(|received| {
        assert_eq!(received.len, 8);
        buffer
    }))
}

/// The fault leads to this error; once it is gone, the next exchange gets its own answer.
fn fails_once(faults: &[Quirk], expected: Result<Option<[u8; 8]>, Error>) -> Bench {
    let mut bench = Bench::with(faults);
    assert_eq!(exchange(&mut bench, b"request1"), expected, "{faults:?}");
    bench.transport.abandon();
    bench.set(&[]);
    bench.function.0.borrow_mut().gone = false;
    assert_eq!(exchange(&mut bench, b"request2"), Ok(Some(*b"request2")), "{faults:?}");
    bench
}

#[test]
fn errors_of_the_device() {
    let failed = |bits| Err(Error::Failed { status: DoeStatus(bits) });
    fails_once(&[Quirk::ErrorAfterGo], failed(ERROR));
    fails_once(&[Quirk::ErrorAfterLast], failed(ERROR));
    fails_once(&[Quirk::ErrorWhileWriting], failed(ERROR | READY));
    // The error shows after the object's last DWORD at the latest.
    for at in 1..=4 {
        fails_once(&[Quirk::ErrorAt(at)], failed(ERROR));
    }
}

#[test]
fn objects_that_end_early() {
    for at in 1..=3 {
        let error = Error::Truncated { status: DoeStatus(0), length: 4 };
        fails_once(&[Quirk::UnreadyAt(at)], Err(error));
    }
}

#[test]
fn functions_that_vanish() {
    fails_once(&[Quirk::GoneAfterGo], Err(Error::Gone));
    for at in 1..=4 {
        fails_once(&[Quirk::GoneAt(at)], Err(Error::Gone));
    }
    let mut bench = Bench::echo();
    bench.function.0.borrow_mut().gone = true;
    assert_eq!(exchange(&mut bench, b"request1"), Err(Error::Gone));
    assert_eq!(bench.accesses(), (1, 0), "nothing is written to a function that is gone");
}

#[test]
fn no_answer() {
    let bench = fails_once(&[Quirk::Silent], Ok(None));
    assert_eq!(bench.clock.elapsed(), 3 * SECOND, "no longer than the caller's time");
    assert_eq!(bench.aborts(), 2);
}

#[test]
fn a_mailbox_that_stays_busy() {
    let mut bench = Bench::with(&[Quirk::Busy]);
    let busy = Error::Busy { status: DoeStatus(BUSY), waited: SECOND };
    assert_eq!(exchange(&mut bench, b"request1"), Err(busy));
    assert_eq!((bench.aborts(), bench.accesses().1), (0, 0), "nobody's exchange is aborted");
    bench.set(&[]);
    assert_eq!(exchange(&mut bench, b"request2"), Ok(Some(*b"request2")));
    // Also between two exchanges.
    bench.set(&[Quirk::Busy]);
    assert_eq!(exchange(&mut bench, b"request3"), Err(busy));
    assert_eq!(bench.aborts(), 1);
    // The caller's time may end before that.
    let sent = bench.transport.send(MessageKind::Plain, b"request4", 10 * MS);
    let timeout = Error::Timeout { status: DoeStatus(BUSY), waited: 10 * MS };
    assert_eq!(sent, Err(timeout));
}

#[test]
fn aborts_without_effect() {
    let mut bench = Bench::with(&[Quirk::Silent]);
    assert_eq!(exchange(&mut bench, b"request1"), Ok(None));
    bench.function.0.borrow_mut().error = true;
    bench.set(&[Quirk::AbortIgnored]);
    let stuck = Error::AbortFailed { status: DoeStatus(ERROR), waited: SECOND };
    assert_eq!(exchange(&mut bench, b"request2"), Err(stuck));
    // The mailbox is not used any more.
    bench.set(&[]);
    let before = bench.accesses();
    assert_eq!(exchange(&mut bench, b"request3"), Err(stuck));
    assert_eq!(bench.accesses(), before);
    assert_eq!(bench.function.0.borrow().objects.len(), 1);
}

#[test]
fn n31_an_abort_that_leaves_an_object_is_no_abort() {
    let mut bench = Bench::with(&[Quirk::Twice, Quirk::AbortKeepsObject]);
    assert_eq!(exchange(&mut bench, b"request1"), Ok(Some(*b"request1")));
    let stuck = Error::AbortFailed { status: DoeStatus(READY), waited: SECOND };
    assert_eq!(exchange(&mut bench, b"request2"), Err(stuck));
    assert_eq!(bench.function.0.borrow().objects.len(), 1, "the second one is never sent");
}

#[test]
fn aborts_take_their_time() {
    let mut bench = Bench::with(&[Quirk::AbortTakes(SECOND / 2)]);
    assert_eq!(exchange(&mut bench, b"request1"), Ok(Some(*b"request1")));
    assert!(bench.clock.elapsed() >= SECOND / 2);
    let mut bench = Bench::with(&[Quirk::AbortTakes(2 * SECOND)]);
    let stuck = Error::AbortFailed { status: DoeStatus(BUSY), waited: SECOND };
    assert_eq!(exchange(&mut bench, b"request1"), Err(stuck));
    // With more patience it works.
    let mut bench = Bench::with(&[Quirk::AbortTakes(2 * SECOND)]);
    let mut policy = MailboxTiming::default();
    policy.abort = 3 * SECOND;
    bench.transport = bench.transport.with_timing(policy);
    assert_eq!(exchange(&mut bench, b"request1"), Ok(Some(*b"request1")));
}

#[test]
fn refused_accesses() {
    for register in
        [Register::Control, Register::Status, Register::WriteMailbox, Register::ReadMailbox]
    {
        let error = Error::Access { register, error: Refused };
        fails_once(&[Quirk::Refuses(register)], Err(error));
    }
    // Kernel lockdown: reads work, writes do not.
    let error = Error::Access { register: Register::Control, error: Refused };
    fails_once(&[Quirk::ReadOnly], Err(error));
}

#[test]
fn a_request_whose_abort_is_refused_is_aborted_later() {
    let mut bench = Bench::with(&[Quirk::Late(SECOND)]);
    bench.transport.send(MessageKind::Plain, b"request1", SECOND).unwrap();
    bench.set(&[Quirk::ReadOnly]);
    bench.transport.abandon();
    bench.set(&[]);
    bench.clock.pass(2 * SECOND);
    assert_eq!(exchange(&mut bench, b"request2"), Ok(Some(*b"request2")));
}

#[test]
fn slow_accesses_are_bounded_by_the_callers_time() {
    let mut bench = Bench::with(&[]);
    bench.transport.send(MessageKind::Plain, &[0; 4096], SECOND).unwrap();
    bench.set(&[Quirk::Slow(50 * MS)]);
    let started = bench.clock.elapsed();
    assert_eq!(bench.transport.receive(&mut [0; 4096], SECOND), Ok(None));
    let took = bench.clock.elapsed() - started;
    assert!(took < SECOND + 6 * 50 * MS, "{took:?}");
    let started = bench.clock.elapsed();
    let sent = bench.transport.send(MessageKind::Plain, &[0; 4096], SECOND);
    let timeout = Error::Timeout { status: DoeStatus(0), waited: SECOND };
    assert_eq!(sent, Err(timeout));
    let took = bench.clock.elapsed() - started;
    assert!(took < SECOND + 6 * 50 * MS, "{took:?}");
    // A half-written object is not continued by the next one.
    bench.set(&[]);
    assert_eq!(exchange(&mut bench, b"request3"), Ok(Some(*b"request3")));
}

#[test]
fn n31_wrong_vendor_type_and_length() {
    let exactly = |field, allowed, got| (field, Allowed::Exactly(allowed), got);
    let length = |allowed, got| ("Length", allowed, got);
    for (first, second, error) in [
        (0x0001_8086, 4, exactly("Vendor ID", 1, 0x8086)),
        (0x0001_FFFF, 4, exactly("Vendor ID", 1, 0xFFFF)),
        (0x0000_0001, 3, exactly("Data Object Type", 1, 0)),
        (0x0002_0001, 4, exactly("Data Object Type", 1, 2)),
        (0x0401_0001, 4, exactly("Reserved", 0, 4)),
        (0x0001_0001, 1, length(Allowed::Range(3, 1 << 18), 1)),
        (0x0001_0001, 2, length(Allowed::Range(3, 1 << 18), 2)),
        (0x0001_0001, 5, length(Allowed::AtMost(4), 5)),
        (0x0001_0001, 0, length(Allowed::AtMost(4), 1 << 18)),
        (0x0001_0001, 0x3_FFFF, length(Allowed::AtMost(4), 0x3_FFFF)),
    ] {
        let mut lie = Some(vec![first, second, 1, 2, 3, 4]);
        let mut bench = Bench::new(move |object| lie.take().or_else(|| Some(object.to_vec())));
        match exchange(&mut bench, b"request1") {
            Err(Error::Object(FieldError { field, allowed, got })) => {
                assert_eq!((field, allowed, got), error);
            }
            other => panic!("{first:#x} {second:#x}: {other:?}"),
        }
        // Nothing was read behind the header, and nothing of it is left.
        let reads = bench.accesses().0;
        assert!(reads <= 3 + 2 + 3, "{reads} reads");
        assert_eq!(exchange(&mut bench, b"request2"), Ok(Some(*b"request2")));
    }
}

#[test]
fn n31_an_object_shorter_than_its_length() {
    let mut lie = Some(vec![0x0001_0001, 4, 7]);
    let mut bench = Bench::new(move |object| lie.take().or_else(|| Some(object.to_vec())));
    let error = Error::Truncated { status: DoeStatus(0), length: 4 };
    assert_eq!(exchange(&mut bench, b"request1"), Err(error));
    assert_eq!(exchange(&mut bench, b"request2"), Ok(Some(*b"request2")));
}

#[test]
fn messages_that_no_object_carries() {
    let mut bench = Bench::echo();
    for len in [0, MAX_CONTENT + 1] {
        let sent = bench.transport.send(MessageKind::Plain, &vec![0; len], SECOND);
        assert_eq!(sent, Err(Error::MessageLength { len }));
    }
    assert_eq!(bench.accesses(), (0, 0));
}

#[test]
fn an_answer_to_nothing() {
    let mut bench = Bench::echo();
    assert_eq!(bench.transport.receive(&mut [0; 4], SECOND), Err(Error::NoRequest));
    bench.transport.abandon();
    assert_eq!(bench.accesses(), (0, 0), "nothing of ours is aborted");
    assert_eq!(exchange(&mut bench, b"request1"), Ok(Some(*b"request1")));
    // There was one answer, and there is no other.
    assert_eq!(bench.transport.receive(&mut [0; 4], SECOND), Ok(None));
}

/// Whatever DOE Status reads as, a call ends in its time, and never with an answer that was not read whole.
#[test]
fn every_status() {
    for bits in 0..8_u32 {
        let status = ((bits & 1) * BUSY) | ((bits >> 1 & 1) * ERROR) | ((bits >> 2 & 1) * READY);
        for reserved in [0, 2, 8, 0x7FFF_FFF0, 0x0001_0000] {
            let mut bench = Bench::echo();
            bench.transport.send(MessageKind::Plain, b"request1", SECOND).unwrap();
            let faults = [(BUSY, Quirk::Busy), (ERROR, Quirk::ErrorAfterLast)];
            let set = faults.iter().filter(|(bit, _)| status & bit != 0).map(|(_, fault)| *fault);
            bench.set(&set.collect::<Vec<_>>());
            bench.function.0.borrow_mut().reserved = reserved;
            bench.function.0.borrow_mut().error = status & ERROR != 0;
            if status & READY == 0 {
                bench.function.0.borrow_mut().answer.clear();
            }
            let result = bench.transport.receive(&mut [0; 8], SECOND);
            match (status & ERROR != 0, status & READY != 0) {
                (true, _) => assert!(matches!(result, Err(Error::Failed { .. })), "{result:?}"),
                (false, true) => assert_eq!(result.unwrap().unwrap().len, 8),
                (false, false) => assert_eq!(result, Ok(None)),
            }
            assert!(bench.clock.elapsed() <= SECOND);
        }
    }
}
