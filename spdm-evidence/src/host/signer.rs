//! The key that the host signs with, and how its messages are read.

use spdm_codec::{Cx, KeySlot};
use spdm_crypto::{AsymAlgorithm, Digest, SignedMessage, SigningContext};
use spdm_requester::{Crypto, Negotiated};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, Identity, ProvisionedKey};

use super::chains::HostChains;
use super::{Agreed, HostIdentity};

/// The signature algorithm of the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum HostAsym {
    Known(AsymAlgorithm),
    /// None was selected, or it is not implemented.
    Missing,
}

impl HostAsym {
    pub(super) fn of(negotiated: &Negotiated) -> Self {
        negotiated.requester_asym().map_or(Self::Missing, Self::Known)
    }
}

/// Bytes of a signature of the host; 0 where it has none.
fn signature_len(negotiated: &Negotiated) -> usize {
    let structs = &negotiated.selected.alg_structs;
    let pqc = structs.req_pqc_asym.and_then(|asym| asym.signature_len());
    let base = || structs.req_base_asym.and_then(|asym| asym.signature_len());
    pqc.or_else(base).unwrap_or(0)
}

/// To decode what the host answers with, as a Responder would: signatures and digests are those of its keys.
pub(super) fn host_cx(negotiated: &Negotiated, padding: usize) -> Cx {
    negotiated
        .cx(padding)
        .with_signature_len(signature_len(negotiated))
        .with_connection_keys(negotiated.requester_keys())
}

/// To decode FINISH and FINISH_RSP with.
pub(crate) fn finish_cx(negotiated: &Negotiated, padding: usize) -> Cx {
    negotiated
        .cx(padding)
        .with_handshake(negotiated.handshake())
        .with_requester_signature_len(signature_len(negotiated))
}

/// A key of the host, as far as the recording tells.
pub(super) enum HostKey<'h> {
    Known(Identity<'h>),
    /// Its digest is known, but it cannot be used: why.
    Unusable {
        digest: Digest,
        why: String,
    },
    /// It is not in the recording.
    Absent(String),
}

impl HostKey<'_> {
    /// CMt: the hash of the chain or of the key.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Known(identity) => Some(*identity.digest()),
            Self::Unusable { digest, .. } => Some(*digest),
            Self::Absent(_) => None,
        }
    }
}

/// The key of a slot of the host.
pub(super) fn host_key<'h>(
    crypto: &Crypto<'_>,
    agreed: &Agreed<'_>,
    chains: &'h HostChains,
    given: &HostIdentity<'h>,
    slot: KeySlot,
) -> HostKey<'h> {
    let negotiated = agreed.negotiated;
    let Ok(hash) = negotiated.hash() else {
        return HostKey::Absent("the base hash is not implemented".to_owned());
    };
    let (bytes, absent) = match slot {
        KeySlot::Slot(slot) => {
            let absent = format!("the host's certificate chain of slot {slot} is not on record");
            (chains.of_slot(slot).or(given.chain), absent)
        }
        KeySlot::PublicKey => (given.key, "the host's public key is not given".to_owned()),
    };
    let Some(bytes) = bytes else { return HostKey::Absent(absent) };
    let Ok(digest) = crypto.provider.hash.digest(hash, &[bytes]) else {
        return HostKey::Absent("the base hash is not implemented".to_owned());
    };
    let HostAsym::Known(asym) = HostAsym::of(negotiated) else {
        let why = "the host's signature algorithm is not implemented".to_owned();
        return HostKey::Unusable { digest, why };
    };
    let raw = Untrusted::new(bytes);
    let read = match slot {
        KeySlot::Slot(slot) => {
            let context =
                ChainContext::new(slot, negotiated.version, CertModel::Unknown, asym, hash);
            Chain::parse(raw, context, crypto.provider).map(Identity::Chain)
        }
        KeySlot::PublicKey => {
            ProvisionedKey::parse(raw, asym, hash, crypto.provider).map(Identity::Key)
        }
    };
    match read {
        Ok(identity) => HostKey::Known(identity),
        Err(error) => HostKey::Unusable { digest, why: format!("the host's key: {error}") },
    }
}

/// A signature of the host over a transcript.
pub(super) struct HostSigned<'s> {
    pub(super) context: SigningContext,
    /// `None` where it cannot be hashed.
    pub(super) transcript: Option<Digest>,
    pub(super) signature: &'s [u8],
}

/// What became of a signature.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Signature {
    Verified,
    Wrong,
    /// Why nothing can be said.
    NotChecked(String),
}

impl HostSigned<'_> {
    /// Verifies it with the key of the host.
    pub(super) fn judge(
        &self,
        crypto: &Crypto<'_>,
        negotiated: &Negotiated,
        key: &HostKey<'_>,
    ) -> Signature {
        let identity = match key {
            HostKey::Known(identity) => identity,
            HostKey::Unusable { why, .. } | HostKey::Absent(why) => {
                return Signature::NotChecked(why.clone());
            }
        };
        let (Ok(hash), Some(transcript)) = (negotiated.hash(), self.transcript) else {
            return Signature::NotChecked("the base hash is not implemented".to_owned());
        };
        let (asym, key) = (identity.asym(), identity.key());
        let signed = SignedMessage::new(negotiated.version, self.context, transcript);
        match signed.verify(crypto.provider, asym, hash, key, self.signature) {
            Ok(()) => Signature::Verified,
            Err(_) => Signature::Wrong,
        }
    }
}

/// The base hash of a transcript.
pub(super) fn digest_of(
    crypto: &Crypto<'_>,
    negotiated: &Negotiated,
    parts: &[&[u8]],
) -> Option<Digest> {
    crypto.provider.hash.digest(negotiated.hash().ok()?, parts).ok()
}

/// A message without the signature at its end.
pub(super) fn unsigned<'m>(message: &'m [u8], signature: &[u8]) -> &'m [u8] {
    let len = message.len().saturating_sub(signature.len());
    message.get(..len).unwrap_or_default()
}
