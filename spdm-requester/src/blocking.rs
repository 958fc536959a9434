//! Driving a flow over a blocking transport.

use spdm_transport::{Clock, Transport};

use crate::flow::{Flow, Step};
use crate::operation::Operation;
use crate::run_result::{RunResult, end};

/// Carries out a flow.
///
/// # Errors
/// [`Failure`](crate::Failure): the flow's error or the transport's, with the requester. Where an answer may still
/// come, the transport has abandoned the exchange.
#[expect(clippy::result_large_err, reason = "the requester itself: it holds the lent buffers")]
pub fn run<'a, O: Operation, T: Transport, C: Clock>(
    mut flow: Flow<'a, O>,
    transport: &mut T,
    clock: &C,
) -> RunResult<'a, O, T::Error> {
    let driven = drive(&mut flow, transport, clock);
    if driven.is_err() || flow.awaits_answer() {
        transport.abandon();
    }
    let ended = end(&mut flow, driven);
    flow.hand_back(ended)
}

/// Until the flow is done or has failed: it knows which.
#[inline(never)]
fn drive<O: Operation, T: Transport, C: Clock>(
    flow: &mut Flow<'_, O>,
    transport: &mut T,
    clock: &C,
) -> Result<(), T::Error> {
    while let Some(step) = flow.step(clock.now()) {
        match step {
            Step::Transmit(token) => {
                transport.send(token.kind(), token.bytes(), token.timeout())?;
                token.sent(clock.now());
            }
            Step::Receive(mut token) => {
                let timeout = token.deadline().since(clock.now());
                match transport.receive(token.buffer(), timeout)? {
                    Some(received) => token.take(clock.now(), received),
                    None => {
                        transport.abandon();
                        token.give_up();
                    }
                }
            }
            Step::Wait { until } => clock.sleep_until(until),
            Step::Done => break,
        }
    }
    Ok(())
}
