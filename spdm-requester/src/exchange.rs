//! One request and everything until its answer: Busy, ResponseNotReady, deadlines. The same for every
//! operation.

use core::time::Duration;

use spdm_codec::{
    Code, ErrorCode, ErrorResponse, ExtendedErrorData, Message, RespondIfReady, SpdmVersion,
};
use spdm_transport::Instant;

use crate::config::{Bounds, Timing};
use crate::error::{Bound, Error, Misuse, Refusal};

/// What is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outgoing {
    /// The request at the start of the message buffer.
    Request,
    /// RESPOND_IF_READY.
    RespondIfReady([u8; 4]),
}

/// Where an exchange is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// A request is to be made.
    Idle,
    /// Something is to be sent.
    Send(Outgoing),
    /// The answer is awaited.
    Receive { deadline: Instant },
    /// Nothing is to be done until then.
    Wait { until: Instant, then: Outgoing },
    /// The operation is complete.
    Done,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) stage: Stage,
    /// Length of the request in bytes.
    pub(crate) request_len: usize,
    code: Code,
    started: Option<Instant>,
    round_trips: u16,
    busy: u8,
    not_ready: u8,
}

impl Exchange {
    pub(crate) const fn new() -> Self {
        Self {
            stage: Stage::Idle,
            request_len: 0,
            code: Code::GET_VERSION,
            started: None,
            round_trips: 0,
            busy: 0,
            not_ready: 0,
        }
    }

    /// The request that is under way.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// A new request is ready at the start of the message buffer.
    pub(crate) const fn begin(&mut self, code: Code, len: usize) {
        self.code = code;
        self.request_len = len;
        self.busy = 0;
        self.not_ready = 0;
        self.stage = Stage::Send(Outgoing::Request);
    }

    /// Time passed: ends waits, and operations that take too long.
    pub(crate) fn advance(&mut self, now: Instant, bounds: &Bounds) -> Result<(), Error> {
        let end = self.started.get_or_insert(now).after(bounds.time);
        if self.stage == Stage::Done {
            return Ok(());
        }
        if now > end {
            return Err(out_of_time(bounds));
        }
        if let Stage::Wait { until, then } = self.stage {
            if until > end {
                return Err(out_of_time(bounds));
            }
            if until <= now {
                self.stage = Stage::Send(then);
            }
        }
        match self.stage {
            Stage::Send(_) if self.round_trips >= bounds.round_trips => {
                Err(Error::Bound(Bound::RoundTrips(bounds.round_trips)))
            }
            _ => Ok(()),
        }
    }

    /// The message was handed to the transport.
    pub(crate) fn sent(&mut self, now: Instant, timeout: Duration, bounds: &Bounds) {
        self.round_trips = self.round_trips.saturating_add(1);
        let end = self.started.unwrap_or(now).after(bounds.time);
        self.stage = Stage::Receive { deadline: now.after(timeout).min(end) };
    }

    /// What an accepted ERROR leads to.
    pub(crate) fn refused(
        &mut self,
        now: Instant,
        version: SpdmVersion,
        error: &ErrorResponse<'_>,
        timing: &Timing,
        bounds: &Bounds,
    ) -> Result<(), Error> {
        let (until, then) = match (error.code, error.extended) {
            (ErrorCode::BUSY | ErrorCode::REQUEST_IN_FLIGHT, _) => {
                if self.busy >= bounds.busy {
                    return Err(Error::Bound(Bound::Busy(bounds.busy)));
                }
                self.busy = self.busy.saturating_add(1);
                (now.after(timing.busy_delay), Outgoing::Request)
            }
            (_, ExtendedErrorData::ResponseNotReady(data)) => {
                if self.not_ready >= bounds.not_ready {
                    return Err(Error::Bound(Bound::NotReady(bounds.not_ready)));
                }
                self.not_ready = self.not_ready.saturating_add(1);
                let mut message = [0; 4];
                RespondIfReady { request_code: self.code, token: data.token }
                    .encode(version, &mut message)?;
                (now.after(exponential(data.rdt_exponent)), Outgoing::RespondIfReady(message))
            }
            (code, _) => {
                return Err(Error::Refused(Refusal { request: self.code, code, data: error.data }));
            }
        };
        self.stage = Stage::Wait { until, then };
        Ok(())
    }

    pub(crate) const fn timed_out(&self) -> Error {
        Error::Timeout { request: self.code }
    }

    /// The operation took the answer.
    pub(crate) const fn answered(&mut self, next: Stage) {
        self.stage = next;
    }

    pub(crate) fn finish(&self) -> Result<(), Error> {
        match self.stage {
            Stage::Done => Ok(()),
            _ => Err(Error::Misuse(Misuse::Unfinished)),
        }
    }
}

fn out_of_time(bounds: &Bounds) -> Error {
    Error::Bound(Bound::Time(u32::try_from(bounds.time.as_millis()).unwrap_or(u32::MAX)))
}

/// 2^`exponent` microseconds; the judge lets at most 31 pass.
pub(crate) fn exponential(exponent: u8) -> Duration {
    Duration::from_micros(1_u64.checked_shl(exponent.into()).unwrap_or(u64::MAX))
}
