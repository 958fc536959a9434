//! A session with a pre-shared key: nobody is verified by it.

use std::path::Path;

use spdm_codec::MeasurementSummary;
use spdm_crypto::PskBytes;
use spdm_evidence::{
    AttestationCheck, CheckStatus, ReportBuilder, ReportErrorKind, SecretsLog, SessionEnd,
};
use spdm_fleet::WantedMeasurements;
use spdm_requester::{
    Error, Observation, Observer as _, RunError, Selection, SessionPlan, blocking,
};

use super::course::{self, Complaints, Course};
use crate::advice::Waivable;
use crate::args::SessionArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::examination::RECORD_LEN;
use crate::exit::{Exit, Failure};
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::live::{LiveDevice, SessionOffer, Telling};
use crate::verdict::Verdict;
use crate::{file, render};

/// Opens the session with the key in this file.
pub(super) fn run(
    args: &SessionArgs,
    path: &Path,
    course: Course<'_>,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let key = file::read_secret(path, console)?;
    if key.is_empty() {
        return Err(Failure::usage(format!(
            "{}: a pre-shared key cannot be empty",
            path.display()
        )));
    }
    let hint = args.course.psk_hint.as_ref().map(|hint| hint.0.as_slice()).unwrap_or_default();
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.offer_sessions(SessionOffer::Psk);
    if course.polls > 0 {
        device.serves_device();
    }
    device.sends(course.longest_request());
    device.log_secrets(args.course.secrets_out.as_deref(), SecretsLog::new().with_psk(&key))?;
    device.settle()?;
    let otherwise = WithoutAgreement::GiveUp;
    let inquired = inquire(&mut device, otherwise, |inquiry, requester| {
        let Inquiry { line, clock, report, .. } = inquiry;
        let mut said = Said { report, errors: Vec::new() };
        said.report.psk_session_asked();
        let mut plan = SessionPlan::DEFAULT;
        plan.policy = course.policy;
        if args.measurements != WantedMeasurements::None {
            plan.summary = MeasurementSummary::All;
        }
        let psk = PskBytes(&key);
        let flow = requester.open_psk_session(plan, hint, &psk);
        let (requester, (opened, _)) =
            blocking::run(flow, line, &clock).map_err(|failure| failure.error)?;
        said.report.psk_session_opened(&opened);
        let mut record = vec![0; RECORD_LEN];
        let selection = match &args.measurements {
            WantedMeasurements::None => None,
            WantedMeasurements::All => Some(Selection::All),
            WantedMeasurements::Indices(indices) => Some(Selection::Indices(indices)),
        };
        let requester = match selection {
            None => Some(requester),
            Some(selection) => {
                let session = requester.in_session(opened.session);
                let attributes = args.attributes.attributes();
                let flow = session.measure_unsigned(selection, attributes, &mut record);
                match blocking::run(flow, line, &clock) {
                    Ok((requester, measured)) => {
                        said.report.observe(&Observation::Measured {
                            record: &measured.record,
                            possession: None,
                            content_changed: measured.content_changed,
                            summary: None,
                        });
                        Some(requester)
                    }
                    Err(failure) => {
                        course::left(failure, line, &mut said).map_err(RunError::Transport)?
                    }
                }
            }
        };
        if let Some(requester) = requester {
            course::run(requester, opened.session, course, line, &mut said)
                .map_err(RunError::Transport)?;
        }
        Ok((said.report.clone(), said.errors))
    });
    device.finish()?;
    let verdict = match inquired.result {
        Ok((report, errors)) => {
            Verdict::new(report.build()).advised(&errors, &inquired.heard, Waivable::Measurements)
        }
        Err(verdict) => *verdict,
    };
    render::show(&verdict, console)?;
    console.hint(verdict.hint());
    Ok(exit(&verdict))
}

/// Who uses a pre-shared key asks for no identity: a session that was closed in good order is what was asked for.
fn exit(verdict: &Verdict) -> Exit {
    let report = &verdict.report;
    let held = report.status(AttestationCheck::SessionPsk) == CheckStatus::Pass;
    let closed = report.session().is_some_and(|session| session.end == SessionEnd::Closed);
    match verdict.error() {
        Some((ReportErrorKind::Unproven, _)) if held && closed => Exit::Done,
        _ => verdict.exit,
    }
}

/// The report, and what went wrong.
struct Said<'r> {
    report: &'r mut ReportBuilder,
    errors: Vec<Error>,
}

impl Complaints for Said<'_> {
    fn report(&mut self) -> &mut ReportBuilder {
        self.report
    }

    fn failed(&mut self, error: Error) {
        self.report.failed(&error);
        self.errors.push(error);
    }
}
