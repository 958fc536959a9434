//! What was found about the host of a recording.

use std::collections::BTreeSet;

use spdm_codec::KeySlot;
use spdm_requester::AttestationCheck;

use super::signer::Signature;

/// What was found about the host.
#[derive(Debug, Default)]
pub(crate) struct HostFindings {
    /// Encapsulated requests that it answered.
    pub(crate) answers: usize,
    /// Signatures of CHALLENGE_AUTH.
    pub(crate) challenge: HostProof,
    /// Signatures of FINISH.
    pub(crate) finish: HostProof,
    /// Signatures of ENDPOINT_INFO.
    pub(crate) endpoint_info: HostProof,
    pub(crate) failures: Vec<(AttestationCheck, String)>,
}

/// Signatures of the host over one kind of message.
#[derive(Debug, Default)]
pub(crate) struct HostProof {
    pub(crate) verified: usize,
    /// Whose keys made them.
    pub(crate) slots: BTreeSet<u8>,
    pub(crate) unchecked: usize,
    /// Why the first of those is not checked.
    pub(crate) why: Option<String>,
}

impl HostFindings {
    pub(super) fn fail(&mut self, check: AttestationCheck, why: String) {
        self.failures.push((check, why));
    }
}

impl HostProof {
    /// Counts a signature with the key of this slot; `false` where it is wrong.
    pub(super) fn count(&mut self, slot: KeySlot, signature: Signature) -> bool {
        match signature {
            Signature::Verified => {
                self.verified += 1;
                self.slots.insert(slot.to_byte());
            }
            Signature::Wrong => return false,
            Signature::NotChecked(why) => self.unchecked(why),
        }
        true
    }

    pub(super) fn unchecked(&mut self, why: String) {
        self.unchecked += 1;
        self.why.get_or_insert(why);
    }
}
