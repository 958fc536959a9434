//! Driving a flow over an asynchronous transport.

use spdm_transport::{AsyncClock, AsyncTransport};

use crate::flow::{Flow, Step};
use crate::operation::Operation;
use crate::run_result::{RunResult, end};

/// Carries out a flow. A future that is dropped drops the flow; where that must not cost the connection,
/// poll the [`Flow`] yourself.
///
/// The future is `Send` where those of the transport and the clock are.
///
/// # Errors
/// [`Failure`](crate::Failure): the flow's error or the transport's, with the requester. Where an answer
/// may still come, the transport has abandoned the exchange.
#[expect(clippy::manual_async_fn, reason = "keeps the flow twice: as argument and as variable")]
pub fn run<'a, O: Operation, T: AsyncTransport, C: AsyncClock>(
    mut flow: Flow<'a, O>,
    transport: &mut T,
    clock: &C,
) -> impl Future<Output = RunResult<'a, O, T::Error>> {
    async move {
        let driven = drive(&mut flow, transport, clock).await;
        if driven.is_err() || flow.awaits_answer() {
            transport.abandon();
        }
        let ended = end(&mut flow, driven);
        flow.hand_back(ended)
    }
}

/// Until the flow is done or has failed: it knows which.
async fn drive<O: Operation, T: AsyncTransport, C: AsyncClock>(
    flow: &mut Flow<'_, O>,
    transport: &mut T,
    clock: &C,
) -> Result<(), T::Error> {
    while let Some(step) = flow.step(clock.now()) {
        match step {
            Step::Transmit(token) => {
                transport.send(token.kind(), token.bytes(), token.timeout()).await?;
                token.sent(clock.now());
            }
            Step::Receive(mut token) => {
                let timeout = token.deadline().since(clock.now());
                match transport.receive(token.buffer(), timeout).await? {
                    Some(received) => token.take(clock.now(), received),
                    None => {
                        transport.abandon();
                        token.give_up();
                    }
                }
            }
            Step::Wait { until } => clock.sleep_until(until).await,
            Step::Done => break,
        }
    }
    Ok(())
}
