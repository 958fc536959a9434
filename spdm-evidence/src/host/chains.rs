//! The certificate chains that encapsulated GET_CERTIFICATE read from the host.

use std::collections::BTreeMap;

use spdm_codec::{Certificate, CertificateRequest, Digests, GetCertificate, SlotId};

/// The chains of a host, and what its DIGESTS say of them.
#[derive(Debug, Default)]
pub(super) struct HostChains {
    portions: BTreeMap<SlotId, Vec<u8>>,
    whole: BTreeMap<SlotId, Vec<u8>>,
    /// Of the last DIGESTS.
    stated: BTreeMap<SlotId, Vec<u8>>,
}

impl HostChains {
    /// The chain that was read last.
    pub(super) fn of_slot(&self, slot: SlotId) -> Option<&[u8]> {
        self.whole.get(&slot).map(Vec::as_slice)
    }

    /// The hash of a chain, as the last DIGESTS states it.
    pub(super) fn stated(&self, slot: SlotId) -> Option<&[u8]> {
        self.stated.get(&slot).map(Vec::as_slice)
    }

    pub(super) fn state(&mut self, digests: &Digests<'_>) {
        let digests = digests.iter().map(|entry| (entry.slot, entry.digest.to_vec()));
        self.stated = digests.collect();
    }

    /// Takes a portion, and says whether the chain is whole.
    ///
    /// # Errors
    /// What the answer has that was not asked for.
    pub(super) fn take(
        &mut self,
        asked: &GetCertificate,
        answer: &Certificate<'_>,
    ) -> Result<bool, String> {
        if answer.slot != asked.slot {
            let (slot, asked) = (answer.slot, asked.slot);
            return Err(format!("CERTIFICATE is of slot {slot}, but slot {asked} was asked for"));
        }
        if asked.request == CertificateRequest::SlotSize {
            return Ok(false);
        }
        let len = answer.portion.len();
        let at = usize::try_from(asked.offset).unwrap_or(usize::MAX);
        if u32::try_from(len).is_ok_and(|len| len > asked.length) {
            return Err("CERTIFICATE is longer than what was asked for".to_owned());
        }
        let portions = self.portions.entry(answer.slot).or_default();
        // What lies between is nowhere.
        if at > portions.len() {
            return Ok(false);
        }
        portions.truncate(at);
        portions.extend_from_slice(answer.portion);
        if answer.remainder > 0 {
            return Ok(false);
        }
        let whole = core::mem::take(portions);
        self.whole.insert(answer.slot, whole);
        Ok(true)
    }
}
