//! Which slot's key must sign.

use spdm_codec::{KeyUsage, SlotId};
use spdm_x509::CertModel;

use crate::connection::Connection;
use crate::negotiated::Negotiated;

/// Which slot an attestation is about. The signatures are always checked with the key of the slot that was
/// asked.
///
/// With every choice but [`Self::Slot`], slots are tried in the order of their numbers until the policy trusts a
/// chain; a chain that cannot be read is passed over. Slots that are not provisioned are left out, as are, on a
/// multi-key connection, those whose key may not be used for what is required. To choose by trust anchor, take
/// [`Self::FirstTrusted`] with a policy that has this anchor only.
///
/// Where no chain is trusted, [`Requester::examine`](crate::Requester::examine) takes the first one that can be read.
/// So it does without a policy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SlotChoice {
    /// This one.
    Slot(SlotId),
    /// The first one whose chain the policy trusts.
    FirstTrusted,
    /// The first trusted one with this `KeyPairID` (1.3, multi-key connections).
    KeyPair(u8),
    /// The first trusted one of this certificate model.
    Model(CertModel),
}

impl From<SlotId> for SlotChoice {
    fn from(slot: SlotId) -> Self {
        Self::Slot(slot)
    }
}

impl SlotChoice {
    /// The lowest slot from `first` on that comes into question.
    pub(super) fn next(
        self,
        first: u8,
        uses: KeyUsage,
        connection: &Connection,
        agreed: &Negotiated,
    ) -> Option<SlotId> {
        if let Self::Slot(slot) = self {
            return Some(slot).filter(|slot| slot.get() >= first);
        }
        connection.provisioned_slots().find(|slot| {
            let key = connection.slot_key(*slot);
            let usable = key.is_none_or(|key| key.usage.contains(uses));
            let chosen = match self {
                Self::Slot(_) | Self::FirstTrusted => true,
                Self::KeyPair(id) => key.is_some_and(|key| key.key_pair_id == id),
                Self::Model(model) => {
                    let announced = key.map(|key| key.model).unwrap_or_default();
                    agreed.cert_model(announced) == model
                }
            };
            slot.get() >= first && usable && chosen
        })
    }
}
