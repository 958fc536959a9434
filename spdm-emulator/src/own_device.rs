//! What the responder asks the emulated device for.

use spdm_codec::pci_sig::PCI_SIG_VENDOR_ID;
use spdm_codec::{
    CapabilityExtFlags, CapabilityFlags, CertificateModel, EncodeError, KeySlot, OpaqueFormat,
    RecordBinding, SlotId, SlotKey, SlotMask, SpdmVersion, StandardsBody, VendorDefined,
};
use spdm_crypto::{PreSharedKey, RandomUnavailable, SignError, SignedMessage};
use spdm_responder::{
    ApplicationData, Coverage, Device, EventSource, Information, MeasuredBlock, MeasurementWanted,
    OwnRequests, Provisioning, RequesterAuthentication, SlotBanks, Suite, VendorMessages,
};

use crate::chains::Chains;
use crate::config::{DeviceConfig, DeviceModel};
use crate::device_events::ToldSessions;
use crate::entropy::Entropy;
use crate::key_kind::KeyKind;
use crate::key_ring::KeyRing;
use crate::mutual_authentication::KnownRequester;
use crate::pci_device::PciDevice;
use crate::provisioned::Provisioned;
use crate::state_file::StateFile;
use crate::{measurement_blocks, pldm};

/// A vendor of PCI-SIG's registry.
pub(crate) const OPAQUE_VENDOR: [u8; 2] = 0x1B36_u16.to_le_bytes();
pub(crate) const OPAQUE_TEXT: &[u8] = b"spdm-emulator";
/// One element: PCI-SIG's registry, the vendor, 13 bytes of text, and padding to a multiple of 4.
const OPAQUE_TABLE: &[u8] = b"\x01\0\0\0\x03\x02\x36\x1B\x0D\0spdm-emulator\0";

/// Keys, chains, measurements and nonces during one exchange.
#[derive(Debug)]
pub(crate) struct OwnDevice<'d> {
    pub(crate) config: &'d DeviceConfig,
    pub(crate) keys: &'d mut KeyRing,
    pub(crate) chains: &'d Chains,
    pub(crate) entropy: &'d Entropy,
    /// How often random bytes were asked for.
    pub(crate) draws: &'d mut u64,
    /// What it is on PCIe.
    pub(crate) pci: &'d mut PciDevice,
    /// What the device has of its Requester.
    pub(crate) requester: &'d mut KnownRequester,
    /// Whom it told of events.
    pub(crate) told: &'d mut ToldSessions,
    /// The version of the connection.
    pub(crate) version: SpdmVersion,
    /// What it was given since it was made.
    pub(crate) provisioned: &'d mut Provisioned,
    /// Where it is kept.
    pub(crate) state: Option<&'d StateFile>,
    /// Whether chains are others now.
    pub(crate) changed: &'d mut bool,
    /// The chain of a bank that was looked at last.
    pub(crate) shown: Vec<u8>,
}

impl OwnDevice<'_> {
    /// What is said of the key of this kind in a slot.
    pub(crate) fn key_of(&self, kind: Option<KeyKind>, slot: SlotId) -> SlotKey {
        let model = match self.config.model {
            _ if self.config.generic_slots.contains(&slot) => CertificateModel::GenericCert,
            DeviceModel::DeviceCert => CertificateModel::DeviceCert,
            DeviceModel::AliasCert => CertificateModel::AliasCert,
        };
        let pairs = &self.provisioned.pairs;
        let id = kind.and_then(|kind| pairs.of_slot(kind, slot));
        let usage = id.and_then(|id| pairs.get(id)).map(|pair| pair.usage);
        let (key_pair_id, usage) = (id.unwrap_or_default(), usage.unwrap_or_default());
        SlotKey { key_pair_id, model, usage }
    }
}

impl Device for OwnDevice<'_> {
    fn provisioned(&self, _: &Suite) -> SlotMask {
        mask(self.chains.slots())
    }

    fn supported(&self, suite: &Suite) -> SlotMask {
        if self.config.flags().contains(CapabilityFlags::SET_CERT_CAP) {
            return SlotMask(0xFF);
        }
        let more = mask(self.config.empty_slots.iter().copied());
        SlotMask(self.provisioned(suite).0 | more.0)
    }

    fn chain(&self, slot: SlotId, _: &Suite) -> Option<&[u8]> {
        self.chains.get(slot)
    }

    fn slot_key(&self, slot: SlotId) -> SlotKey {
        self.key_of(self.chains.suite().map(|suite| KeyKind::of(suite.asym)), slot)
    }

    fn public_key(&self, _: &Suite) -> Option<&[u8]> {
        self.chains.public_key()
    }

    fn sign(
        &mut self,
        slot: KeySlot,
        suite: &Suite,
        message: &SignedMessage,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        let identity = match slot {
            KeySlot::Slot(slot) => self.keys.slot(suite.asym, slot),
            KeySlot::PublicKey => self.keys.first(suite.asym),
        };
        message.sign(identity.ok_or(SignError::Unsupported)?.signer(), suite.hash, out)
    }

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        for chunk in out.chunks_mut(32) {
            *self.draws += 1;
            let nonce = self.entropy.nonce(*self.draws);
            chunk.iter_mut().zip(nonce).for_each(|(place, byte)| *place = byte);
        }
        Ok(())
    }

    fn pre_shared_key(&self, hint: &[u8]) -> Option<&dyn PreSharedKey> {
        let key = self.config.pre_shared_keys.iter().find(|key| key.hint == hint)?;
        Some(key)
    }

    fn measurement_count(&self, version: SpdmVersion) -> u8 {
        measurement_blocks::count(version)
    }

    fn measurement(
        &self,
        nth: u8,
        wanted: &MeasurementWanted,
        out: &mut [u8],
    ) -> Result<MeasuredBlock, EncodeError> {
        let block = measurement_blocks::nth(nth, wanted.version, wanted.hash, wanted.form)?;
        let needed = block.bytes.len();
        let place = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
        place.copy_from_slice(&block.bytes);
        let coverage =
            if block.is_tcb() { Coverage::TrustedComputingBase } else { Coverage::AllOnly };
        Ok(MeasuredBlock { index: block.index, len: needed, coverage })
    }

    fn provisioning(&mut self) -> Option<&mut dyn Provisioning> {
        Some(self)
    }

    fn slot_banks(&mut self) -> Option<&mut dyn SlotBanks> {
        if !self.config.ext_capabilities.contains(CapabilityExtFlags::SLOT_MGMT_CAP) {
            return None;
        }
        Some(self)
    }

    fn vendor_messages(&mut self) -> Option<&mut dyn VendorMessages> {
        Some(self)
    }

    fn application_data(&mut self) -> Option<&mut dyn ApplicationData> {
        match self.config.records {
            RecordBinding::Mctp => Some(self),
            _ => None,
        }
    }

    fn requester_authentication(&mut self) -> Option<&mut dyn RequesterAuthentication> {
        Some(self)
    }

    fn own_requests(&mut self) -> Option<&mut dyn OwnRequests> {
        Some(self)
    }

    fn information(&mut self) -> Option<&mut dyn Information> {
        Some(self)
    }

    fn event_source(&mut self) -> Option<&mut dyn EventSource> {
        Some(self)
    }

    /// One vendor's element where the format is a table, the vendor's bytes where it is free.
    fn opaque_data(&self, format: OpaqueFormat) -> &[u8] {
        match format {
            OpaqueFormat::Table => OPAQUE_TABLE,
            OpaqueFormat::FreeForm => &self.config.free_opaque_data,
            _ => &[],
        }
    }
}

/// PCI-SIG's protocols are answered in sessions alone, where they belong; every other vendor's messages are sent back as they
/// came.
impl VendorMessages for OwnDevice<'_> {
    fn answer(
        &mut self,
        request: &VendorDefined<'_>,
        session: Option<u32>,
        out: &mut [u8],
    ) -> Option<usize> {
        if request.standard_id == StandardsBody::PCI_SIG && request.vendor_id == PCI_SIG_VENDOR_ID {
            let session = session?;
            let mut nonce = [0; 32];
            self.random(&mut nonce).ok()?;
            return self.pci.answer(request.payload, session, nonce, out);
        }
        let len = request.payload.len();
        out.get_mut(..len)?.copy_from_slice(request.payload);
        Some(len)
    }
}

/// PLDM over MCTP.
impl ApplicationData for OwnDevice<'_> {
    fn answer(&mut self, data: &[u8], _: u32, out: &mut [u8]) -> Option<usize> {
        pldm::answer(data, out)
    }
}

fn mask(slots: impl Iterator<Item = SlotId>) -> SlotMask {
    SlotMask(slots.fold(0, |mask, slot| mask | 1 << slot.get()))
}

#[cfg(test)]
mod tests {
    use spdm_codec::{OpaqueData, OpaqueElement, OpaqueFormat};

    use super::{OPAQUE_TABLE, OPAQUE_TEXT, OPAQUE_VENDOR};

    #[test]
    fn the_table_has_one_element_of_a_vendor() {
        let element = OpaqueElement { id: 3, vendor_id: &OPAQUE_VENDOR, data: OPAQUE_TEXT };
        let mut out = [0; 64];
        let len = OpaqueData::encode_table(OpaqueFormat::Table, &[element], &mut out).unwrap();
        assert_eq!(out[..len], *OPAQUE_TABLE);
    }
}
