//! The asynchronous transport: the same procedure, awaited.

use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use spdm_transport::{AsyncClock, AsyncTransport, Clock, Duration, Instant, MessageKind};
use spdm_transport_doe::{ConfigSpace, DoeTransport, ExtendedCapability, Mailbox};

use crate::exchange::SECOND;
use crate::function::{Bench, Quirk, SimClock, mailbox};

/// Pends once for each wait, so that a test can drop the future there.
#[derive(Clone, Debug)]
struct Pending(SimClock);

impl AsyncClock for Pending {
    fn now(&self) -> Instant {
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        let mut waited = false;
        core::future::poll_fn(|_| {
            if core::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        self.0.sleep_until(until);
    }
}

/// Polls to the end, or `most` times.
fn poll<F: Future>(future: F, most: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..most).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

#[test]
fn waits_are_awaited() {
    let bench = Bench::with(&[Quirk::Late(SECOND / 2), Quirk::BusyFor(SECOND / 4)]);
    let clock = Pending(bench.clock.clone());
    let mut transport = DoeTransport::new(mailbox(&bench.function), clock);
    poll(transport.send(MessageKind::Plain, b"data", SECOND), 100).unwrap().unwrap();
    let mut buffer = [0; 4];
    let received = poll(transport.receive(&mut buffer, SECOND), 100).unwrap().unwrap();
    assert_eq!((received.map(|it| it.len), &buffer), (Some(4), b"data"));
    // There was one answer, and there is no other.
    assert_eq!(poll(transport.receive(&mut buffer, SECOND), 1).unwrap().unwrap(), None);
}

#[test]
fn dropped_futures() {
    let bench = Bench::with(&[Quirk::Late(SECOND / 2), Quirk::BusyFor(SECOND / 4)]);
    let clock = Pending(bench.clock.clone());
    let mut transport = DoeTransport::new(mailbox(&bench.function), clock);
    // A send that is dropped while it waits has handed nothing over.
    assert!(poll(transport.send(MessageKind::Plain, b"lost", SECOND), 3).is_none());
    assert!(bench.function.0.borrow().objects.is_empty());
    poll(transport.send(MessageKind::Plain, b"data", SECOND), 100).unwrap().unwrap();
    // A receive that is dropped loses nothing.
    let mut buffer = [0; 4];
    assert!(poll(transport.receive(&mut buffer, SECOND), 3).is_none());
    assert!(poll(transport.receive(&mut buffer, SECOND), 100).unwrap().unwrap().is_some());
    assert_eq!(&buffer, b"data");
    assert!(bench.clock.elapsed() > Duration::ZERO);
}

/// A clock and a configuration space that move between threads, as those of a program on several of them do.
#[derive(Debug)]
struct Elsewhere;

impl AsyncClock for Elsewhere {
    fn now(&self) -> Instant {
        Instant::default()
    }

    async fn sleep_until(&self, _: Instant) {}
}

impl ConfigSpace for Elsewhere {
    type Error = core::convert::Infallible;

    fn read(&mut self, _: u16) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn write(&mut self, _: u16, _: u32) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn an_exchange_moves_between_threads() {
    fn is_send(exchange: impl Future<Output = ()> + Send) {
        drop(exchange);
    }
    let capability = ExtendedCapability { id: ExtendedCapability::DOE, version: 1, offset: 0x100 };
    let mut transport = DoeTransport::new(Mailbox::new(Elsewhere, capability).unwrap(), Elsewhere);
    is_send(async move {
        transport.send(MessageKind::Plain, b"data", SECOND).await.unwrap();
        transport.receive(&mut [0; 4], SECOND).await.unwrap();
    });
}
