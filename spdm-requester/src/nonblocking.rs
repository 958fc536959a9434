//! Driving a flow over an asynchronous transport.

use spdm_transport::{AsyncClock, AsyncTransport};

use crate::blocking::{Outcome, RunError, end};
use crate::flow::{Flow, Step};
use crate::operation::Operation;

/// Carries out a flow. A future that is dropped drops the flow; where that must not cost the connection,
/// poll the [`Flow`] yourself.
///
/// # Errors
/// [`Failure`](crate::Failure): the flow's error or the transport's, with the requester. Where an answer
/// may still come, the transport has abandoned the exchange.
pub async fn run<'a, O: Operation, T: AsyncTransport, C: AsyncClock>(
    mut flow: Flow<'a, O>,
    transport: &mut T,
    clock: &C,
) -> Outcome<'a, O, T::Error> {
    let driven = drive(&mut flow, transport, clock).await;
    if matches!(driven, Err(RunError::Transport(_))) || flow.awaits_answer() {
        transport.abandon();
    }
    end(flow, driven)
}

async fn drive<O: Operation, T: AsyncTransport, C: AsyncClock>(
    flow: &mut Flow<'_, O>,
    transport: &mut T,
    clock: &C,
) -> Result<(), RunError<T::Error>> {
    use spdm_transport::MessageKind::Plain;
    loop {
        match flow.poll(clock.now())? {
            Step::Transmit(token) => {
                let timeout = token.timeout();
                let sent = transport.send(Plain, token.bytes(), timeout).await;
                sent.map_err(RunError::Transport)?;
                token.sent(clock.now());
            }
            Step::Receive(mut token) => {
                let timeout = token.deadline().since(clock.now());
                let received = transport.receive(token.buffer(), timeout).await;
                match received.map_err(RunError::Transport)? {
                    Some(received) => token.received(clock.now(), received)?,
                    None => {
                        transport.abandon();
                        token.expired()?;
                    }
                }
            }
            Step::Wait { until } => clock.sleep_until(until).await,
            Step::Done => return Ok(()),
        }
    }
}
