//! What became of every exchange of a recording.

use core::fmt;

use std::collections::BTreeSet;

use spdm_codec::{Code, ContentChanged, ErrorCode, KeySlot, RequesterNonce, SlotId};
use spdm_crypto::Digest;
use spdm_requester::{Error, Negotiated, Possession, Proof};

use super::request::slot_of;
use crate::host::HostJudge;
use crate::report::MeasuredValue;
use crate::session_judge::SessionFindings;

#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorAnswer {
    pub(crate) request: Code,
    pub(crate) code: ErrorCode,
}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the device answered {} with ERROR {}", self.request, self.code)
    }
}

/// A signature that was asked for, and what became of it.
#[derive(Debug)]
pub(crate) struct Attempt<'c> {
    pub(crate) proof: Proof,
    pub(crate) slot: KeySlot,
    pub(crate) nonce: RequesterNonce,
    pub(crate) outcome: AttemptOutcome<'c>,
    /// What a signature over measurements covers.
    pub(crate) values: Vec<MeasuredValue>,
    /// OpaqueData of the MEASUREMENTS that carries the signature.
    pub(crate) opaque: Vec<u8>,
    /// Whether they changed while they were read.
    pub(crate) content_changed: ContentChanged,
    /// The summary hash of the record that carries the signature, where it has one.
    pub(crate) summary: Option<Digest>,
}

impl Attempt<'_> {
    /// Whether the device was too busy to answer.
    pub(crate) const fn was_busy(&self) -> bool {
        matches!(
            &self.outcome,
            AttemptOutcome::Refused(ErrorAnswer {
                code: ErrorCode::BUSY | ErrorCode::REQUEST_IN_FLIGHT,
                ..
            })
        )
    }
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few values per connection")]
pub(crate) enum AttemptOutcome<'c> {
    Verified(Possession<'c>),
    /// No key to check it with.
    NotChecked,
    Failed,
    Refused(ErrorAnswer),
    /// The answer is not in the recording.
    Unanswered,
}

/// What [`Connection`] said about every exchange of a recording.
#[derive(Debug, Default)]
pub(crate) struct Judgement<'c> {
    pub(crate) negotiated: Option<Negotiated>,
    pub(crate) attempts: Vec<Attempt<'c>>,
    /// Measurements that no signature covers, per exchange.
    pub(crate) unsigned: Vec<Vec<MeasuredValue>>,
    /// Chains whose digest is the one in DIGESTS. Mismatches are in `failures`.
    pub(crate) digests_checked: BTreeSet<(SlotId, Vec<u8>)>,
    /// Every digest that a DIGESTS stated for a slot.
    pub(crate) stated: BTreeSet<(SlotId, Vec<u8>)>,
    /// What went wrong, in the order of the exchanges.
    pub(crate) failures: Vec<Failure>,
    /// What was found about sessions, where there are secrets.
    pub(crate) sessions: Option<SessionFindings>,
    /// What the host proves of itself.
    pub(crate) host: HostJudge<'c>,
}

/// What went wrong in an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The slot that the exchange is about; `None` where it concerns all of them.
    pub(crate) slot: Option<KeySlot>,
}

impl Judgement<'_> {
    /// Notes what went wrong, and says whether the replay goes on.
    pub(super) fn goes_on(&mut self, result: Result<(), Error>, request: &[u8]) -> bool {
        let Err(error) = result else { return true };
        let slot = self.negotiated.and_then(|n| slot_of(request, n.version));
        self.failures.push(Failure { error, slot });
        // After these errors a live connection goes on as well.
        matches!(
            error,
            Error::Signature { .. } | Error::SignatureOrder { .. } | Error::Incompatible(_)
        )
    }
}
