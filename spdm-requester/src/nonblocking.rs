//! Driving a flow over an asynchronous transport.

use spdm_transport::{AsyncClock, AsyncTransport};

use crate::blocking::{Outcome, end};
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
    if driven.is_err() || flow.awaits_answer() {
        transport.abandon();
    }
    end(flow, driven)
}

/// Until the flow is done or has failed: it knows which.
async fn drive<O: Operation, T: AsyncTransport, C: AsyncClock>(
    flow: &mut Flow<'_, O>,
    transport: &mut T,
    clock: &C,
) -> Result<(), T::Error> {
    use spdm_transport::MessageKind::Plain;
    while let Ok(()) = flow.prepare(clock.now()) {
        match flow.step() {
            Step::Transmit(token) => {
                transport.send(Plain, token.bytes(), token.timeout()).await?;
                token.sent(clock.now());
            }
            Step::Receive(mut token) => {
                let timeout = token.deadline().since(clock.now());
                let taken = match transport.receive(token.buffer(), timeout).await? {
                    Some(received) => token.arrived(clock.now(), received),
                    None => {
                        transport.abandon();
                        token.timed_out()
                    }
                };
                if taken.is_err() {
                    break;
                }
            }
            Step::Wait { until } => clock.sleep_until(until).await,
            Step::Done => break,
        }
    }
    Ok(())
}
