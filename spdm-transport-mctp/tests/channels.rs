//! The transports over channels that do as they are told.

use core::cell::RefCell;
use core::future::{pending, ready};
use core::time::Duration;
use std::collections::VecDeque;
use std::rc::Rc;

use embassy_futures::block_on;
use mctp::{AsyncReqChannel, Eid, Error, MsgIC, MsgType, ReqChannel};
use spdm_transport::MessageKind::{Plain, Secured};
use spdm_transport::{AsyncClock, AsyncTransport, Instant, Received, Transport};
use spdm_transport_mctp::{
    AsyncMctpTransport, MctpError, MctpTransport, ReceiveTimeout, StackError,
};

const TIMEOUT: Duration = Duration::from_millis(100);
const SPDM: u8 = 5;
const SECURED: u8 = 6;

/// What a channel receives: message type, integrity check bit, message.
type Answer = (u8, bool, Vec<u8>);

/// A stack that records what happens.
#[derive(Debug, Default)]
struct Stack {
    /// The channel's number, message type and message.
    sent: Vec<(usize, u8, Vec<u8>)>,
    /// By number of channel: what it will receive; nothing is a timeout.
    answers: VecDeque<Result<Answer, Error>>,
    opened: usize,
    open: usize,
    eid: Option<u8>,
    refuse: Option<Error>,
}

#[derive(Clone, Debug, Default)]
struct Shared(Rc<RefCell<Stack>>);

#[derive(Debug)]
struct Channel {
    stack: Shared,
    number: usize,
    timeout: Option<Duration>,
}

impl Shared {
    fn open(&self) -> mctp::Result<Channel> {
        let mut stack = self.0.borrow_mut();
        if let Some(error) = stack.refuse.take() {
            return Err(error);
        }
        stack.opened += 1;
        stack.open += 1;
        Ok(Channel { stack: self.clone(), number: stack.opened, timeout: None })
    }

    fn answer(&self, message_type: u8, check: bool, message: &[u8]) {
        self.0.borrow_mut().answers.push_back(Ok((message_type, check, message.to_vec())));
    }

    fn blocking(&self) -> MctpTransport<impl FnMut() -> mctp::Result<Channel>> {
        let stack = self.clone();
        MctpTransport::new(move || stack.open(), 64)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.stack.0.borrow_mut().open -= 1;
    }
}

impl Channel {
    fn put(&self, message_type: MsgType, check: MsgIC, buffers: &[&[u8]]) -> mctp::Result<()> {
        assert!(!check.0, "SPDM messages have no integrity check");
        let mut stack = self.stack.0.borrow_mut();
        stack.sent.push((self.number, message_type.0, buffers.concat()));
        stack.refuse.take().map_or(Ok(()), Err)
    }

    fn take<'f>(&self, buffer: &'f mut [u8]) -> mctp::Result<(MsgType, MsgIC, &'f mut [u8])> {
        let answer = self.stack.0.borrow_mut().answers.pop_front();
        let (message_type, check, message) = answer.unwrap_or(Err(Error::TimedOut))?;
        let place = buffer.get_mut(..message.len()).ok_or(Error::NoSpace)?;
        place.copy_from_slice(&message);
        Ok((MsgType(message_type), MsgIC(check), place))
    }
}

impl ReqChannel for Channel {
    fn send_vectored(&mut self, typ: MsgType, ic: MsgIC, bufs: &[&[u8]]) -> mctp::Result<()> {
        self.put(typ, ic, bufs)
    }

    fn recv<'f>(&mut self, buffer: &'f mut [u8]) -> mctp::Result<(MsgType, MsgIC, &'f mut [u8])> {
        assert_eq!(self.timeout.take(), Some(TIMEOUT));
        self.take(buffer)
    }

    fn remote_eid(&self) -> Eid {
        Eid(self.stack.0.borrow().eid.unwrap_or(9))
    }
}

impl ReceiveTimeout for Channel {
    fn set_receive_timeout(&mut self, timeout: Duration) -> mctp::Result<()> {
        self.timeout = Some(timeout);
        Ok(())
    }
}

#[test]
fn one_channel_for_each_request() {
    let stack = Shared::default();
    let mut transport = stack.blocking().with_round_trip(TIMEOUT);
    assert_eq!((transport.limits().max_send, transport.limits().max_receive), (64, 64));
    assert_eq!((transport.limits().padding, transport.limits().round_trip), (0, TIMEOUT));
    let mut buffer = [0xee; 64];
    for (kind, message_type) in [(Plain, SPDM), (Secured, SECURED)] {
        transport.send(kind, &[0x10, message_type], TIMEOUT).unwrap();
        stack.answer(message_type, false, &[1, 2, 3]);
        let received = transport.receive(&mut buffer, TIMEOUT);
        assert_eq!(received, Ok(Some(Received { kind, len: 3 })));
        assert_eq!(buffer[..4], [1, 2, 3, 0xee]);
        // There was one answer, and there is no other.
        assert_eq!(transport.receive(&mut buffer, TIMEOUT), Ok(None));
    }
    let sent = [(1, SPDM, vec![0x10, 5]), (2, SECURED, vec![0x10, 6])];
    assert_eq!(stack.0.borrow().sent, sent);
    // What was answered is closed.
    assert_eq!(stack.0.borrow().open, 0);
}

#[test]
fn a_timeout_is_no_error_and_the_answer_may_still_come() {
    let stack = Shared::default();
    let mut transport = stack.blocking();
    transport.send(Plain, &[1], TIMEOUT).unwrap();
    assert_eq!(transport.receive(&mut [0; 8], TIMEOUT), Ok(None));
    stack.answer(SPDM, false, &[7]);
    let received = transport.receive(&mut [0; 8], TIMEOUT);
    assert_eq!(received, Ok(Some(Received { kind: Plain, len: 1 })));
}

#[test]
fn n31_integrity_check_type_and_length() {
    let long = vec![0; 65];
    for (message_type, check, message, room, error) in [
        (SPDM, true, &[1, 2][..], 64, MctpError::IntegrityCheck),
        (SECURED, true, &[1, 2], 64, MctpError::IntegrityCheck),
        (0, false, &[1, 2], 64, MctpError::MessageType(0)),
        (1, false, &[1, 2], 64, MctpError::MessageType(1)),
        (4, false, &[1, 2], 64, MctpError::MessageType(4)),
        (7, false, &[1, 2], 64, MctpError::MessageType(7)),
        (0x7f, false, &[1, 2], 64, MctpError::MessageType(0x7f)),
        (SPDM, false, &[], 64, MctpError::Empty),
        (SPDM, false, &[1, 2], 1, MctpError::TooLong { room: 1 }),
        (SPDM, false, &long, 65, MctpError::TooLong { room: 64 }),
    ] {
        let stack = Shared::default();
        let mut transport = stack.blocking();
        transport.send(Plain, &[1], TIMEOUT).unwrap();
        stack.answer(message_type, check, message);
        let mut buffer = vec![0; room];
        assert_eq!(transport.receive(&mut buffer, TIMEOUT), Err(error));
        // The exchange is over, whatever else comes on that channel.
        stack.answer(SPDM, false, &[3]);
        assert_eq!(transport.receive(&mut buffer, TIMEOUT), Err(MctpError::NoRequest));
        assert_eq!(stack.0.borrow().answers.len(), 1);
    }
}

#[test]
fn requests_that_cannot_be_sent() {
    let stack = Shared::default();
    let mut transport = stack.blocking();
    for got in [0, 65] {
        let error = MctpError::MessageLength { max: 64, got };
        assert_eq!(transport.send(Plain, &vec![0; got], TIMEOUT), Err(error));
    }
    assert_eq!(stack.0.borrow().opened, 0);
    assert_eq!(transport.receive(&mut [0; 8], TIMEOUT), Err(MctpError::NoRequest));
    for (error, is) in [
        (Error::TagUnavailable, MctpError::Stack(StackError::Tag)),
        (Error::Unreachable, MctpError::Stack(StackError::Unreachable)),
        (Error::TimedOut, MctpError::Timeout),
        (Error::InternalError, MctpError::Stack(StackError::Other)),
    ] {
        stack.0.borrow_mut().refuse = Some(error);
        assert_eq!(transport.send(Plain, &[1], TIMEOUT), Err(is));
    }
    assert_eq!(stack.0.borrow().sent, []);
    // The channel is there, but sending fails: nothing is awaited.
    let half_sent = stack.clone();
    let mut transport = MctpTransport::new(
        move || {
            let channel = half_sent.open();
            half_sent.0.borrow_mut().refuse = Some(Error::TxFailure);
            channel
        },
        64,
    );
    let failed = MctpError::Stack(StackError::Transmit);
    assert_eq!(transport.send(Plain, &[1], TIMEOUT), Err(failed));
    stack.answer(SPDM, false, &[1]);
    assert_eq!(transport.receive(&mut [0; 8], TIMEOUT), Err(MctpError::NoRequest));
}

#[test]
fn endpoints_that_cannot_be_meant() {
    for eid in [0, 1, 7, 0xff] {
        let stack = Shared::default();
        stack.0.borrow_mut().eid = Some(eid);
        let mut transport = stack.blocking();
        assert_eq!(transport.send(Plain, &[1], TIMEOUT), Err(MctpError::EndpointId(eid)));
        assert_eq!(transport.receive(&mut [0; 8], TIMEOUT), Err(MctpError::NoRequest));
        assert_eq!(stack.0.borrow().sent, []);
    }
}

#[test]
fn what_was_given_up_keeps_its_tag_and_is_never_delivered() {
    let stack = Shared::default();
    let mut transport = stack.blocking();
    for given_up in 1..=20 {
        transport.send(Plain, &[1], TIMEOUT).unwrap();
        transport.abandon();
        assert_eq!(transport.receive(&mut [0; 8], TIMEOUT), Err(MctpError::NoRequest));
        // Seven of the eight tags of an endpoint, and no more.
        assert_eq!(stack.0.borrow().open, given_up.min(7));
    }
    // Sending again without an answer gives up as well.
    transport.send(Plain, &[1], TIMEOUT).unwrap();
    transport.send(Plain, &[2], TIMEOUT).unwrap();
    assert_eq!(stack.0.borrow().open, 8);
    stack.answer(SPDM, false, &[2]);
    assert!(transport.receive(&mut [0; 8], TIMEOUT).is_ok_and(|received| received.is_some()));
    assert_eq!(stack.0.borrow().open, 7);
    drop(transport);
    assert_eq!(stack.0.borrow().open, 0);
}

/// A channel of which nothing ends.
struct Stuck;

impl AsyncReqChannel for Stuck {
    async fn send_vectored(&mut self, _: MsgType, _: MsgIC, _: &[&[u8]]) -> mctp::Result<()> {
        pending().await
    }

    async fn recv<'f>(&mut self, _: &'f mut [u8]) -> mctp::Result<(MsgType, MsgIC, &'f mut [u8])> {
        pending().await
    }

    fn remote_eid(&self) -> Eid {
        Eid(9)
    }
}

/// A clock that is as late as anybody waits for.
#[derive(Debug)]
struct Leap;

impl AsyncClock for Leap {
    fn now(&self) -> Instant {
        Instant::default()
    }

    fn sleep_until(&self, _: Instant) -> impl Future<Output = ()> {
        ready(())
    }
}

#[test]
fn a_stack_that_takes_nothing_times_out() {
    let mut transport = AsyncMctpTransport::new(|| Ok(Stuck), 64, Leap).with_round_trip(TIMEOUT);
    assert_eq!(transport.limits().round_trip, TIMEOUT);
    assert_eq!(block_on(transport.send(Plain, &[1], TIMEOUT)), Err(MctpError::Timeout));
    let nothing = block_on(transport.receive(&mut [0; 8], TIMEOUT));
    assert_eq!(nothing, Err(MctpError::NoRequest));
}
