//! The transcript that the requester's own CHALLENGE_AUTH signs (DSP0274 §Mutual authentication).

use spdm_codec::{KeySlot, SpdmVersion};
use spdm_crypto::{Digest, HashAlgorithm, HashBank};

use super::Connection;
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::transcript::RunningTranscript;

/// B and C are empty once CHALLENGE was answered: this transcript takes their place.
const PLACE: usize = RunningTranscript::M1.place();

impl Connection {
    /// Whose key has proven to the device who the requester is, on this connection: by CHALLENGE_AUTH or by FINISH.
    #[must_use]
    pub const fn authenticated_as(&self) -> Option<KeySlot> {
        self.authenticated_as
    }

    /// A: what was said in the negotiation.
    pub(crate) fn negotiation(&self) -> &[u8] {
        self.vca.as_bytes()
    }

    /// It begins: with A, from 1.2 on.
    pub(crate) fn begin_mutual<'f>(
        &mut self,
        errors: &'f ErrorCell,
        hashes: &mut dyn HashBank,
        hash: HashAlgorithm,
    ) -> Result<(), &'f Error> {
        self.m1.reset();
        let head = match self.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => &[],
            SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => self.vca.as_bytes(),
        };
        hashes
            .start(PLACE, hash)
            .and_then(|()| hashes.update(PLACE, head))
            .map_err(|error| errors.stop(error))
    }

    /// Adds an encapsulated request or the answer to it.
    pub(crate) fn add_to_mutual<'f>(
        &self,
        errors: &'f ErrorCell,
        hashes: &mut dyn HashBank,
        message: &[u8],
    ) -> Result<(), &'f Error> {
        hashes.update(PLACE, message).map_err(|error| errors.stop(error))
    }

    /// It ends with CHALLENGE_AUTH without its signature.
    pub(crate) fn sign_off_mutual<'f>(
        &self,
        errors: &'f ErrorCell,
        hashes: &mut dyn HashBank,
        unsigned: &[u8],
    ) -> Result<Digest, &'f Error> {
        self.add_to_mutual(errors, hashes, unsigned)?;
        hashes.snapshot(PLACE).map_err(|error| errors.stop(error))
    }
}
