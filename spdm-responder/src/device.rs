//! What a responder needs of the device that it speaks for.

use core::fmt;

use spdm_codec::{
    CertificateModel, EncodeError, KeySlot, KeyUsage, MeasurementForm, MeasurementHashAlgo,
    OpaqueFormat, SlotId, SlotKey, SlotMask, SpdmVersion, VendorDefined,
};
use spdm_crypto::{PreSharedKey, RandomUnavailable, SignError, SignedMessage};

use crate::agreement::Suite;
#[cfg(feature = "events")]
use crate::events::EventSource;
#[cfg(feature = "information")]
use crate::information::Information;
#[cfg(feature = "mutual-auth")]
use crate::requester_authentication::{OwnRequests, RequesterAuthentication};

/// A device: its chains, keys, measurements and random numbers. What it can do stands in [`Config`](crate::Config).
pub trait Device: fmt::Debug {
    /// The slots that have a chain for this suite.
    fn provisioned(&self, suite: &Suite) -> SlotMask;

    /// The slots that could have one (1.3).
    fn supported(&self, suite: &Suite) -> SlotMask {
        self.provisioned(suite)
    }

    /// The certificate chain structure of a slot (DSP0274 §Certificates and certificate chains), for every hash the
    /// same certificates behind another root hash.
    fn chain(&self, slot: SlotId, suite: &Suite) -> Option<&[u8]>;

    /// What a connection with several keys says of a slot's key (1.3).
    fn slot_key(&self, slot: SlotId) -> SlotKey {
        let usage = KeyUsage::KEY_EX | KeyUsage::CHALLENGE | KeyUsage::MEASUREMENT;
        SlotKey { key_pair_id: slot.get() + 1, model: CertificateModel::DeviceCert, usage }
    }

    /// The DER SubjectPublicKeyInfo of the key that is provisioned to Requesters (PUB_KEY_ID_CAP): slot 0xFF.
    fn public_key(&self, suite: &Suite) -> Option<&[u8]> {
        let _ = suite;
        None
    }

    /// Signs with the leaf's key of a slot, or with the provisioned one, and returns the length in bytes.
    ///
    /// # Errors
    /// [`SignError`]; the Requester is told no more than that something failed.
    fn sign(
        &mut self,
        slot: KeySlot,
        suite: &Suite,
        message: &SignedMessage,
        out: &mut [u8],
    ) -> Result<usize, SignError>;

    /// Fills `out` with random bytes: nonces are made of them.
    ///
    /// # Errors
    /// [`RandomUnavailable`]; then nothing is answered that needs them.
    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomUnavailable>;

    /// How many measurements there are in this version.
    fn measurement_count(&self, version: SpdmVersion) -> u8 {
        let _ = version;
        0
    }

    /// Writes the block of a measurement into `out`; `nth` counts from 0, in the order of indices.
    ///
    /// # Errors
    /// [`EncodeError`], also where there is no such measurement.
    fn measurement(
        &self,
        nth: u8,
        wanted: &MeasurementWanted,
        out: &mut [u8],
    ) -> Result<MeasuredBlock, EncodeError> {
        let _ = (nth, wanted, out);
        Err(EncodeError::Missing { field: "MeasurementBlock" })
    }

    /// The pre-shared key that a hint of up to 32 bytes names (PSK_CAP).
    fn pre_shared_key(&self, hint: &[u8]) -> Option<&dyn PreSharedKey> {
        let _ = hint;
        None
    }

    /// Who answers vendor-defined messages; `None` where the device has none.
    fn vendor_messages(&mut self) -> Option<&mut dyn VendorMessages> {
        None
    }

    /// How the device authenticates its Requester; `None` where it does not.
    #[cfg(feature = "mutual-auth")]
    fn requester_authentication(&mut self) -> Option<&mut dyn RequesterAuthentication> {
        None
    }

    /// What the device asks its Requester on its own; `None` where that is nothing.
    #[cfg(feature = "mutual-auth")]
    fn own_requests(&mut self) -> Option<&mut dyn OwnRequests> {
        None
    }

    /// Who answers data of other protocols in sessions; `None` where the device has none.
    fn application_data(&mut self) -> Option<&mut dyn ApplicationData> {
        None
    }

    /// Who tells of the measurement extension log and the endpoint info; `None` where the device has neither.
    #[cfg(feature = "information")]
    fn information(&mut self) -> Option<&mut dyn Information> {
        None
    }

    /// Where events come from; `None` where the device has none.
    #[cfg(feature = "events")]
    fn event_source(&mut self) -> Option<&mut dyn EventSource> {
        None
    }

    /// Who makes certification requests and takes certificates; `None` where the device does not.
    #[cfg(feature = "provisioning")]
    fn provisioning(&mut self) -> Option<&mut dyn crate::Provisioning> {
        None
    }

    /// The banks that its slots are in, for SLOT_MANAGEMENT (1.4), which is announced where there are some and
    /// [`Self::provisioning`] is there, too.
    #[cfg(feature = "experimental")]
    fn slot_banks(&mut self) -> Option<&mut dyn crate::SlotBanks> {
        None
    }

    /// OpaqueData of CHALLENGE_AUTH and MEASUREMENTS in this format.
    fn opaque_data(&self, format: OpaqueFormat) -> &[u8] {
        let _ = format;
        &[]
    }
}

/// The vendor-defined messages of a device.
pub trait VendorMessages {
    /// Answers VENDOR_DEFINED_REQUEST, in the session with this `SessionID` or outside of sessions: writes the payload of
    /// the answer, which is of the same standards body and vendor, into `out`, and returns its length in bytes. `None`
    /// for a standards body or a vendor that the device has no messages of: the Requester is told that they are not
    /// supported.
    fn answer(
        &mut self,
        request: &VendorDefined<'_>,
        session_id: Option<u32>,
        out: &mut [u8],
    ) -> Option<usize>;
}

/// The protocols besides SPDM that a device speaks in sessions, such as PLDM over MCTP (DSP0277 §Application data).
pub trait ApplicationData {
    /// Answers data that came in the established session with this `SessionID`: writes the answer into `out` and returns
    /// its length in bytes. Both begin with what the transport puts in front of a message of that protocol: with MCTP, the
    /// message type. `None` where the device stays silent.
    fn answer(&mut self, data: &[u8], session_id: u32, out: &mut [u8]) -> Option<usize>;
}

/// How a measurement is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct MeasurementWanted {
    /// The version of the connection.
    pub version: SpdmVersion,
    /// The selected `MeasurementHashAlgo`.
    pub hash: MeasurementHashAlgo,
    /// The form, where a measurement has both.
    pub form: MeasurementForm,
}

/// A measurement block that was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "devices build it")]
pub struct MeasuredBlock {
    /// `Index`.
    pub index: u8,
    /// Bytes of the block.
    pub len: usize,
    /// Which summaries cover it.
    pub coverage: Coverage,
}

/// Which measurement summaries cover a measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these two summaries")]
pub enum Coverage {
    /// Only the one of all measurements.
    AllOnly,
    /// The one of the trusted computing base, too.
    TrustedComputingBase,
}
