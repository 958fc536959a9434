//! Asking a device something that needs no verdict.

use spdm_evidence::{Freshness, Recorder, ReportBuilder};
use spdm_requester::{Negotiated, Requester, RunError, blocking};
use spdm_transport::Transport;

use crate::line::LineError;
use crate::live::{LiveDevice, Memory, requester};
use crate::run_time::RunTime;
use crate::tap::Tap;
use crate::verdict::Verdict;

/// A connection that has been negotiated.
pub(crate) struct Inquiry<'q, 'l> {
    pub(crate) line: &'q mut Tap<'l>,
    pub(crate) clock: RunTime,
    pub(crate) report: &'q mut ReportBuilder,
}

/// Negotiates over a new connection, lets `ask` ask, and hangs up.
pub(crate) fn inquire<T>(
    device: &mut LiveDevice<'_>,
    ask: impl FnOnce(Inquiry<'_, '_>, Requester<'_, Negotiated>) -> Result<T, RunError<LineError>>,
) -> Result<T, Box<Verdict>> {
    let mut report = ReportBuilder::new(&device.name(), Freshness::Own, device.crypto.provider);
    let (args, crypto) = (device.args, device.crypto);
    let mut line = match device.connect() {
        Ok(line) => line,
        Err(error) => return Err(Box::new(Verdict::failed(report.build(), error))),
    };
    let mut recorder = Recorder::new(line.limits().padding);
    let mut memory = Memory::new(crypto);
    let requester = requester(args, &line, &mut memory, &mut recorder);
    let clock = line.clock();
    let result = match blocking::run(requester.negotiate(), &mut line, &clock) {
        Ok((requester, ())) => {
            report.negotiated(requester.negotiated());
            ask(Inquiry { line: &mut line, clock, report: &mut report }, requester)
        }
        Err(failure) => Err(failure.error),
    };
    let result = result.map_err(|error| line.failure(error));
    let silence = line.hang_up();
    result.map_err(|error| Box::new(lost(report, error).explained(silence)))
}

/// The verdict over a connection that ended early.
fn lost(mut report: ReportBuilder, error: Result<LineError, RunError<LineError>>) -> Verdict {
    match error {
        Ok(error) => Verdict::failed(report.build(), error),
        Err(RunError::Requester(error)) => {
            report.failed(&error);
            Verdict::new(report.build())
        }
        Err(_) => Verdict::new(report.build()),
    }
}
