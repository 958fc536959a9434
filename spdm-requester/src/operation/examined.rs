//! The output of an examination.

use spdm_x509::{Identity, Trusted};

use super::measure::Measured;
use crate::error::Error;
use crate::possession::Possession;
use crate::summary::SummaryAgreement;
use crate::verified::Verified;

/// What an examination found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[must_use = "a device is authenticated only where `verified` says so"]
pub struct Examined<'c, 'm> {
    /// The authenticated device, where [`Requester::attest`](crate::Requester::attest) would have brought it: the
    /// policy trusts the key, and every required signature is by it. Else why it is not verified: the first thing
    /// that went wrong.
    pub verified: Result<Verified<'c>, Error>,
    /// Whose key signed, trusted or not; `None` where nothing was to be signed.
    pub identity: Option<Identity<'c>>,
    /// That identity, where the policy trusts it.
    pub trusted: Option<Trusted<'c>>,
    /// The proof by CHALLENGE.
    pub challenged: Option<Possession<'c>>,
    /// The proof by KEY_EXCHANGE, where a session was opened
    /// ([`Requester::examine_in_session`](crate::Requester::examine_in_session)).
    pub keyed: Option<Possession<'c>>,
    /// The measurements; signed ones have the proof with them.
    pub measured: Option<Measured<'m, 'c>>,
    /// Whether the summary hash of CHALLENGE_AUTH is that of these measurements.
    pub summary: SummaryAgreement,
}
