//! Exchanges that go well.

use spdm_transport::{Duration, MessageKind, Received, Transport};
use spdm_transport_doe::{DEFAULT_MAX_RECEIVE, DoeTransport, MAX_CONTENT};

use crate::function::{Bench, Quirk, mailbox};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_message_and_its_answer() {
    let mut bench = Bench::answering(&[0x0001_0001, 4, 0x0000_0410, 0x0012_0100]);
    bench.transport.send(MessageKind::Plain, &[0x10, 0x84, 0, 0], SECOND).unwrap();
    let mut buffer = [0xAA; 16];
    let received = bench.transport.receive(&mut buffer, SECOND).unwrap();
    assert_eq!(received, Some(Received { kind: MessageKind::Plain, len: 8 }));
    assert_eq!(buffer[..8], [0x10, 0x04, 0, 0, 0, 1, 0x12, 0]);
    assert_eq!(buffer[8..], [0xAA; 8], "nothing is written behind the object");
    assert_eq!(bench.function.0.borrow().objects, [vec![0x0001_0001, 3, 0x0000_8410]]);
    assert_eq!(bench.clock.elapsed(), Duration::ZERO, "the first look is at once");
}

#[test]
fn padding_is_zero_and_counts_as_length() {
    let mut bench = Bench::echo();
    for (len, content) in [(1, 0x01), (2, 0x0201), (3, 0x03_0201), (4, 0x0403_0201)] {
        bench.transport.send(MessageKind::Plain, &[1, 2, 3, 4][..len], SECOND).unwrap();
        let mut buffer = [0; 4];
        let received = bench.transport.receive(&mut buffer, SECOND).unwrap().unwrap();
        assert_eq!((received.len, u32::from_le_bytes(buffer)), (4, content));
    }
    let limits = bench.transport.limits();
    assert_eq!((limits.padding, limits.max_send), (3, MAX_CONTENT));
    assert_eq!(limits.max_receive, DEFAULT_MAX_RECEIVE);
    assert_eq!(limits.round_trip, SECOND);
}

#[test]
fn secured_messages_are_another_object() {
    let mut bench = Bench::echo();
    bench.transport.send(MessageKind::Secured, &[7; 8], SECOND).unwrap();
    let mut buffer = [0; 8];
    let received = bench.transport.receive(&mut buffer, SECOND).unwrap();
    assert_eq!(received, Some(Received { kind: MessageKind::Secured, len: 8 }));
    assert_eq!(bench.function.0.borrow().objects[0][0], 0x0002_0001);
    // A session is refused in the clear: the caller sees that.
    let mut bench = Bench::answering(&[0x0001_0001, 3, 0x0000_7F12]);
    bench.transport.send(MessageKind::Secured, &[7; 8], SECOND).unwrap();
    let received = bench.transport.receive(&mut buffer, SECOND).unwrap();
    assert_eq!(received, Some(Received { kind: MessageKind::Plain, len: 4 }));
}

#[test]
fn the_longest_object() {
    let mut bench = Bench::echo();
    let message = vec![0x5A; MAX_CONTENT];
    let mut buffer = vec![0; MAX_CONTENT];
    bench.transport.send(MessageKind::Plain, &message, SECOND).unwrap();
    let received = bench.transport.receive(&mut buffer, SECOND).unwrap().unwrap();
    assert_eq!(received.len, MAX_CONTENT);
    assert_eq!(buffer, message);
    assert_eq!(bench.function.0.borrow().objects[0][1], 0, "2^18 is written as 0");
}

#[test]
fn what_others_left_is_aborted_before_the_first_object() {
    let mut bench = Bench::echo();
    bench.function.0.borrow_mut().answer.extend([0x0001_0001, 3, 0xDEAD_BEEF]);
    bench.function.0.borrow_mut().error = true;
    bench.transport.send(MessageKind::Plain, &[1, 2, 3, 4], SECOND).unwrap();
    let mut buffer = [0; 4];
    bench.transport.receive(&mut buffer, SECOND).unwrap().unwrap();
    assert_eq!((buffer, bench.aborts()), ([1, 2, 3, 4], 1));
}

#[test]
fn a_mailbox_that_is_busy_is_waited_for_and_not_aborted() {
    let mut bench = Bench::with(&[Quirk::BusyFor(SECOND / 2)]);
    bench.transport.send(MessageKind::Plain, &[1, 2, 3, 4], 2 * SECOND).unwrap();
    assert!(bench.clock.elapsed() >= SECOND / 2 && bench.clock.elapsed() < SECOND);
    assert_eq!(bench.aborts(), 1, "only when it was not Busy any more");
}

#[test]
fn interrupt_enable_is_left_as_it_was() {
    for enabled in [false, true] {
        let mut bench = Bench::echo();
        bench.function.0.borrow_mut().interrupt_enable = enabled;
        bench.transport.send(MessageKind::Plain, &[1, 2, 3, 4], SECOND).unwrap();
        bench.transport.abandon();
        assert_eq!(bench.function.0.borrow().interrupt_enable, enabled);
    }
}

#[test]
fn looks_are_apart_by_the_interval() {
    let mut bench = Bench::with(&[Quirk::Late(SECOND / 4)]);
    bench.transport.send(MessageKind::Plain, &[1, 2, 3, 4], SECOND).unwrap();
    bench.function.0.borrow_mut().looks.clear();
    assert!(bench.transport.receive(&mut [0; 4], SECOND).unwrap().is_some());
    let looks = bench.function.0.borrow().looks.clone();
    // 32 intervals of 8 ms until it is ready, and two looks around the last DWORD.
    assert_eq!(looks.len(), 33 + 2);
    for pair in looks[..33].windows(2) {
        assert_eq!(pair[1] - pair[0], Duration::from_millis(8));
    }
}

#[test]
fn n31_a_late_answer_is_never_taken_for_a_later_one() {
    let mut bench = Bench::with(&[Quirk::Late(2 * SECOND)]);
    let mut buffer = [0; 4];
    bench.transport.send(MessageKind::Plain, b"old!", SECOND).unwrap();
    assert_eq!(bench.transport.receive(&mut buffer, SECOND), Ok(None));
    bench.transport.abandon();
    bench.clock.pass(5 * SECOND);
    bench.set(&[]);
    bench.transport.send(MessageKind::Plain, b"new!", SECOND).unwrap();
    assert!(bench.transport.receive(&mut buffer, SECOND).unwrap().is_some());
    assert_eq!(&buffer, b"new!");
    assert_eq!(bench.aborts(), 2);
}

#[test]
fn receive_goes_on_after_a_timeout() {
    let mut bench = Bench::with(&[Quirk::Late(2 * SECOND)]);
    bench.transport.send(MessageKind::Plain, b"slow", SECOND).unwrap();
    let mut buffer = [0; 4];
    assert_eq!(bench.transport.receive(&mut buffer, SECOND), Ok(None));
    assert!(bench.transport.receive(&mut buffer, 2 * SECOND).unwrap().is_some());
    assert_eq!(&buffer, b"slow");
}

#[test]
fn a_second_object_behind_the_answer_is_dropped() {
    let mut bench = Bench::with(&[Quirk::Twice]);
    let mut buffer = [0; 4];
    for message in [b"one.", b"two."] {
        bench.transport.send(MessageKind::Plain, message, SECOND).unwrap();
        bench.transport.receive(&mut buffer, SECOND).unwrap().unwrap();
        assert_eq!(&buffer, message);
    }
    assert_eq!(bench.aborts(), 2, "at the start, and of the second object");
}

#[test]
fn a_drop_in_the_middle_leaves_nothing() {
    let Bench { function, transport, clock } = Bench::echo();
    let mut transport = transport;
    transport.send(MessageKind::Plain, b"lost", SECOND).unwrap();
    drop(transport);
    assert_eq!(function.0.borrow().aborts, 2);
    assert!(function.0.borrow().answer.is_empty());
    // And one that is at rest is not aborted.
    let mut transport = DoeTransport::new(mailbox(&function), clock);
    transport.send(MessageKind::Plain, b"good", SECOND).unwrap();
    transport.receive(&mut [0; 4], SECOND).unwrap().unwrap();
    drop(transport);
    assert_eq!(function.0.borrow().aborts, 3);
}
