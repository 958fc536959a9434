//! Which message types endpoints take, asked of many at the same time.

use core::fmt;
use std::time::Instant;
use std::vec::Vec;

use mctp::{MsgIC, ReqChannel};
use spdm_transport::Duration;

use super::{LinuxChannel, LinuxEndpoint};
use crate::blocking::ReceiveTimeout;
use crate::endpoint::Endpoint;
use crate::error::MctpError;
use crate::message_types::{CONTROL, MessageTypes, MessageTypesError};

/// The longest answer in bytes, without the message type: a list of all types.
const LONGEST_ANSWER: usize = 4 + 255;

/// Why the message types of an endpoint are not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum InquiryError {
    /// It answered with what is no list.
    Answer(MessageTypesError),
    /// It could not be asked, or its answer not be received.
    Mctp(MctpError),
    /// It did not answer in time.
    Silent,
}

impl fmt::Display for InquiryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(error) => error.fmt(f),
            Self::Mctp(error) => error.fmt(f),
            Self::Silent => f.write_str("no answer to Get Message Type Support"),
        }
    }
}

impl core::error::Error for InquiryError {}

impl From<mctp::Error> for InquiryError {
    fn from(error: mctp::Error) -> Self {
        match MctpError::from(error) {
            MctpError::Timeout => Self::Silent,
            error => Self::Mctp(error),
        }
    }
}

/// Asks all endpoints which message types they take (Get Message Type Support, DSP0236), and waits no longer than `timeout`
/// for all of them together. Each takes a socket meanwhile. The result has one entry for each, in the same order.
#[must_use]
pub fn message_types(
    endpoints: &[LinuxEndpoint],
    timeout: Duration,
) -> Vec<Result<MessageTypes, InquiryError>> {
    let asked: Vec<_> = endpoints.iter().map(ask).collect();
    let started = Instant::now();
    let answer = |channel| listen(channel, timeout.saturating_sub(started.elapsed()));
    asked.into_iter().map(|channel| channel.and_then(answer)).collect()
}

fn ask(endpoint: &LinuxEndpoint) -> Result<LinuxChannel, InquiryError> {
    let mut endpoint = *endpoint;
    let mut channel = endpoint.open()?;
    channel.send_vectored(CONTROL, MsgIC(false), &[&MessageTypes::request()])?;
    Ok(channel)
}

fn listen(mut channel: LinuxChannel, left: Duration) -> Result<MessageTypes, InquiryError> {
    channel.set_receive_timeout(left)?;
    let mut buffer = [0; LONGEST_ANSWER];
    let (kind, check, answer) = channel.recv(&mut buffer)?;
    if kind != CONTROL {
        return Err(InquiryError::Mctp(MctpError::MessageType(kind.0)));
    }
    if check.0 {
        return Err(InquiryError::Mctp(MctpError::IntegrityCheck));
    }
    MessageTypes::read(answer).map_err(InquiryError::Answer)
}
