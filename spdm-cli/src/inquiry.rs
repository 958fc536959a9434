//! Asking a device something that needs no verdict.

use spdm_codec::{AlgorithmsBlock, Code};
use spdm_evidence::{Freshness, ReportBuilder};
use spdm_requester::{
    Error, Fresh, Incompatible, Negotiated, Refusal, Requester, RunError, blocking,
};
use spdm_transport::Transport;

use crate::advice::Waivable;
use crate::line::LineError;
use crate::live::{LiveDevice, Memory, PeerKeyOption, offer, requester};
use crate::overheard::{Overheard, SlotOption};
use crate::run_time::RunTime;
use crate::tap::Tap;
use crate::verdict::Verdict;

/// A connection that has been negotiated.
pub(crate) struct Inquiry<'q, 'l> {
    pub(crate) line: &'q mut Tap<'l>,
    pub(crate) clock: RunTime,
    pub(crate) report: &'q mut ReportBuilder,
    /// The option that names the slot whose chain is asked for.
    pub(crate) slot_option: &'q mut SlotOption,
}

/// What is asked where nothing can be agreed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum WithoutAgreement {
    /// Nothing.
    GiveUp,
    /// Which algorithms the device supports (1.3).
    AskForAlgorithms,
}

/// What came of it, and what the connection told on the way.
#[derive(Debug)]
pub(crate) struct Inquired<T> {
    pub(crate) result: Result<T, Box<Verdict>>,
    pub(crate) heard: Overheard,
}

/// Negotiates over a new connection, lets `ask` ask, and hangs up.
pub(crate) fn inquire<T>(
    device: &mut LiveDevice<'_>,
    otherwise: WithoutAgreement,
    ask: impl FnOnce(Inquiry<'_, '_>, Requester<'_, Negotiated>) -> Result<T, RunError<LineError>>,
) -> Inquired<T> {
    let mut report = ReportBuilder::new(&device.name(), Freshness::Own, device.crypto.provider);
    let (args, crypto, peer_key) = (device.args, device.crypto, device.peer_key());
    let mut memory = Memory::new(device);
    let mut line = match device.connect() {
        Ok(line) => line,
        Err(error) => {
            let result = Err(Box::new(Verdict::failed(report.build(), error)));
            return Inquired { result, heard: Overheard::new(0, None) };
        }
    };
    let mut heard = Overheard::new(line.limits().padding, line.records());
    let requester = requester(args, &line, &mut memory, &mut heard);
    let clock = line.clock();
    let mut slot_option = SlotOption::default();
    let result = match blocking::run(requester.negotiate(), &mut line, &clock) {
        Ok((requester, ())) => {
            report.negotiated(requester.negotiated());
            let (line, report, slot_option) = (&mut line, &mut report, &mut slot_option);
            ask(Inquiry { line, clock, report, slot_option }, requester)
        }
        Err(failure) => {
            if otherwise == WithoutAgreement::AskForAlgorithms
                && has_nothing_in_common(&failure.error)
            {
                let mut offer = offer(args, crypto.provider);
                offer.algorithms_block = AlgorithmsBlock::Requested;
                ask_for_algorithms(failure.requester.restart().with_offer(offer), &mut line);
            }
            Err(failure.error)
        }
    };
    let result = result.map_err(|error| line.failure(error));
    let silence = line.hang_up();
    heard.slot_option = slot_option;
    let result = result.map_err(|error| {
        let (verdict, errors) = lost(report, error);
        let verdict = verdict.explained(silence);
        Box::new(match peer_key {
            PeerKeyOption::Lacking => verdict.advised(&errors, &heard, Waivable::NoVerdict),
            PeerKeyOption::Unused => verdict.advised(&errors, &heard, Waivable::Nothing),
            PeerKeyOption::Given(path) => {
                verdict.advised(&errors, &heard, Waivable::Nothing).of_key(&errors, path)
            }
        })
    });
    Inquired { result, heard }
}

/// Whether the negotiation may have failed because of the algorithms.
const fn has_nothing_in_common(error: &RunError<LineError>) -> bool {
    matches!(
        error,
        RunError::Requester(
            Error::Refused(Refusal { request: Code::NEGOTIATE_ALGORITHMS, .. })
                | Error::Incompatible(Incompatible::NoAlgorithm { .. })
                | Error::Misbehaved(_)
        )
    )
}

/// The negotiation once more, which ends as before: CAPABILITIES has more to tell this time.
fn ask_for_algorithms(requester: Requester<'_, Fresh>, line: &mut Tap<'_>) {
    let clock = line.clock();
    let again = blocking::run(requester.negotiate(), line, &clock);
    // Whatever comes of it: why nothing was agreed on is known already.
    drop(again);
}

/// The verdict over a connection that ended early, and the error of the protocol, where it was one.
fn lost(
    mut report: ReportBuilder,
    error: Result<LineError, RunError<LineError>>,
) -> (Verdict, Vec<Error>) {
    match error {
        Ok(error) => (Verdict::failed(report.build(), error), Vec::new()),
        Err(RunError::Requester(error)) => {
            report.failed(&error);
            (Verdict::new(report.build()), vec![error])
        }
        Err(_) => (Verdict::new(report.build()), Vec::new()),
    }
}
