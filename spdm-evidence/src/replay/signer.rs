//! Whose key must have signed an answer.

use spdm_codec::{Cx, GetEndpointInfo, HEADER_LEN, KeySlot, Message};
use spdm_requester::{Connection, Error, Proof};
use spdm_untrusted::Untrusted;
use spdm_x509::{Identity, ProvisionedKey};

use super::Replay;
use crate::chain_library::ParsedChain;

impl<'c> Replay<'_, 'c> {
    /// The identity whose key must have signed the answer.
    pub(super) fn identity(
        &self,
        proof: Proof,
        slot: KeySlot,
        index: usize,
        response: &[u8],
        connection: &Connection,
    ) -> Result<Option<Identity<'c>>, Error> {
        let KeySlot::Slot(slot) = slot else {
            let (Some(der), Some(negotiated)) = (self.peer_key, connection.negotiated()) else {
                return Ok(None);
            };
            let (asym, hash) = (negotiated.asym()?, negotiated.hash()?);
            let key = ProvisionedKey::parse(Untrusted::new(der), asym, hash, self.provider)?;
            return Ok(Some(Identity::Key(key)));
        };
        let Some(negotiated) = connection.negotiated() else { return Ok(None) };
        let stated = connection.slot_digest(slot);
        let fits = |chain: &&ParsedChain<'_>| stated.is_none_or(|stated| *stated == chain.digest);
        // CertChainHash of CHALLENGE_AUTH is all that names a chain that was not fetched in this connection.
        let hash = response.get(HEADER_LEN..HEADER_LEN + negotiated.hash_len());
        let named = |chain: &&ParsedChain<'_>| {
            proof == Proof::Challenge && hash == Some(chain.digest.as_bytes())
        };
        let chains = self.held.at(index, slot, negotiated);
        let fitting = || chains.iter().filter(fits);
        let chosen = fitting().find(named).or_else(|| fitting().find(|c| c.parsed.is_ok()));
        match (chosen.or_else(|| fitting().next()), chains.first()) {
            (Some(chain), _) => Ok(chain.parsed.as_ref().ok().copied().map(Identity::Chain)),
            (None, Some(other)) => {
                connection.check_chain_digest(slot, &other.digest).map(|()| None)
            }
            (None, None) => Ok(None),
        }
    }

    /// The identity whose key must have signed ENDPOINT_INFO.
    pub(super) fn endpoint_signer(
        &self,
        request: &[u8],
        index: usize,
        connection: &Connection,
    ) -> Result<Option<Identity<'c>>, Error> {
        let Some(negotiated) = connection.negotiated() else { return Ok(None) };
        let cx = Cx::new(negotiated.version).with_padding(usize::MAX);
        match GetEndpointInfo::decode(Untrusted::new(request), &cx) {
            Ok(asked) if asked.message.nonce.is_some() => {
                self.identity(Proof::Measurements, asked.message.slot, index, &[], connection)
            }
            _ => Ok(None),
        }
    }
}
