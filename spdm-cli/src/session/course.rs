//! What happens in an open session, and its end.

use spdm_codec::SessionPolicy;
use spdm_evidence::ReportBuilder;
use spdm_requester::{
    Error, Failure, Negotiated, Recovered, Requester, RunError, SessionFate, SessionFault,
    SessionHandle, ToUntrusted, UpdatedKeys, blocking,
};

use crate::line::LineError;
use crate::tap::Tap;
use crate::vendor_message::VendorMessage;

/// What the options ask for in a session, behind the measurements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course<'t> {
    /// What is said to a device whose identity is not trusted.
    pub(crate) untrusted: ToUntrusted,
    pub(crate) updates: &'t [UpdatedKeys],
    pub(crate) heartbeats: u32,
    pub(crate) polls: u32,
    pub(crate) messages: &'t [VendorMessage],
    pub(crate) policy: SessionPolicy,
}

/// One thing that happens in a session.
enum CourseStep<'t> {
    Update(UpdatedKeys),
    Heartbeat,
    Poll,
    Send(&'t VendorMessage),
}

impl Course<'_> {
    /// Nothing but the measurements.
    pub(crate) const MEASUREMENTS: Self = Self {
        untrusted: ToUntrusted::Nothing,
        updates: &[],
        heartbeats: 0,
        polls: 0,
        messages: &[],
        policy: SessionPolicy::empty(),
    };
}

impl Course<'_> {
    /// Bytes of the longest message of a person's own.
    pub(super) fn longest_request(&self) -> usize {
        self.messages.iter().map(VendorMessage::request_len).max().unwrap_or(0)
    }
}

/// What went wrong in a session, where the connection is well.
pub(crate) trait Complaints {
    /// The report.
    fn report(&mut self) -> &mut ReportBuilder;

    /// An error of the protocol.
    fn failed(&mut self, error: Error);
}

/// Does what the options ask for in the session, and closes it. What the device refuses ends the one, but not the other.
///
/// # Errors
/// The line's.
pub(crate) fn run(
    requester: Requester<'_, Negotiated>,
    session: SessionHandle,
    course: Course<'_>,
    line: &mut Tap<'_>,
    complaints: &mut impl Complaints,
) -> Result<(), LineError> {
    let clock = line.clock();
    let mut requester = requester;
    let updates = course.updates.iter().map(|keys| CourseStep::Update(*keys));
    let heartbeats = (0..course.heartbeats).map(|_| CourseStep::Heartbeat);
    let polls = (0..course.polls).map(|_| CourseStep::Poll);
    let messages = course.messages.iter().map(CourseStep::Send);
    let mut steps = updates.chain(heartbeats).chain(polls).chain(messages);
    while let Some(step) = steps.next() {
        let result = match step {
            CourseStep::Update(keys) => {
                let done = blocking::run(requester.update_keys(session, keys), line, &clock);
                done.map(|(requester, ())| {
                    complaints.report().session_keys_updated(keys);
                    requester
                })
            }
            CourseStep::Heartbeat => {
                let done = blocking::run(requester.heartbeat(session), line, &clock);
                done.map(|(requester, ())| {
                    complaints.report().session_heartbeat();
                    requester
                })
            }
            CourseStep::Poll => {
                let flow = requester.in_session(session).serve_device();
                match blocking::run(flow, line, &clock) {
                    Ok((requester, served)) => {
                        complaints.report().session_polled(served.requests, served.refused);
                        if served.session == SessionFate::Ended {
                            complaints.report().session_closed();
                            if steps.next().is_some() {
                                complaints.failed(SessionFault::Over.into());
                            }
                            return Ok(());
                        }
                        Ok(requester)
                    }
                    Err(failure) => Err(failure),
                }
            }
            CourseStep::Send(message) => {
                let done = message.send(requester.in_session(session), line);
                done.map(|(requester, exchange)| {
                    complaints.report().session_answered(exchange);
                    requester
                })
            }
        };
        match result {
            Ok(next) => requester = next,
            Err(failure) => match left(failure, line, complaints)? {
                Some(next) => {
                    requester = next;
                    break;
                }
                None => return Ok(()),
            },
        }
    }
    match blocking::run(requester.close_session(session), line, &clock) {
        Ok(_) => {
            complaints.report().session_closed();
        }
        Err(failure) => {
            left(failure, line, complaints)?;
        }
    }
    Ok(())
}

/// The requester, where the device merely refused something.
pub(super) fn left<'a>(
    failure: Failure<'a, Negotiated, RunError<LineError>>,
    line: &Tap<'_>,
    complaints: &mut impl Complaints,
) -> Result<Option<Requester<'a, Negotiated>>, LineError> {
    match line.failure(failure.error) {
        Ok(error) => return Err(error),
        Err(RunError::Requester(error)) => complaints.failed(error),
        // `Tap::failure` takes those of the line.
        Err(_) => {}
    }
    Ok(match failure.requester {
        Recovered::Kept(requester) => Some(requester),
        _ => None,
    })
}
