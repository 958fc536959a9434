//! Watching a connection: how evidence and logs are made.

use spdm_untrusted::Untrusted;

use crate::accepted::Accepted;
use crate::connection::Connection;
use crate::error::Error;
use crate::session::SessionHandle;

/// One request with its answer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange<'x> {
    /// The request as it was sent.
    pub request: &'x [u8],
    /// The response as it was received, transport padding included.
    pub response: Untrusted<&'x [u8]>,
    /// The session that both travelled in, as records.
    pub session: Option<SessionHandle>,
}

/// Sees every exchange after the connection accepted or rejected it. The requester itself never needs the bytes
/// again.
pub trait Sink {
    /// The exchange was accepted; ERROR is an answer like any other.
    fn accepted(&mut self, exchange: Exchange<'_>, verdict: &Accepted<'_, '_>, to: &Connection);

    /// The response was refused.
    fn rejected(&mut self, exchange: Exchange<'_>, error: &Error);
}
