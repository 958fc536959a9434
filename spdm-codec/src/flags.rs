//! `Flags` of GET_CAPABILITIES and CAPABILITIES.

use bitflags::bitflags;

use crate::spdm_version::SpdmVersion;

bitflags! {
    /// Capability flags (DSP0274 §GET_CAPABILITIES, table of flag fields). Unknown bits survive.
    ///
    /// Two-bit fields have a flag per bit here and an accessor for the value.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct CapabilityFlags: u32 {
        /// The Responder keeps negotiated state over a reset.
        const CACHE_CAP = 1 << 0;
        /// GET_DIGESTS and GET_CERTIFICATE.
        const CERT_CAP = 1 << 1;
        /// CHALLENGE.
        const CHAL_CAP = 1 << 2;
        /// MEAS_CAP = 1: measurements without signature.
        const MEAS_CAP_NO_SIG = 1 << 3;
        /// MEAS_CAP = 2: measurements with signature.
        const MEAS_CAP_SIG = 1 << 4;
        /// Measurements are recomputed for each request.
        const MEAS_FRESH_CAP = 1 << 5;
        /// Encrypted messages in a session.
        const ENCRYPT_CAP = 1 << 6;
        /// Authenticated messages in a session.
        const MAC_CAP = 1 << 7;
        /// Mutual authentication.
        const MUT_AUTH_CAP = 1 << 8;
        /// KEY_EXCHANGE.
        const KEY_EX_CAP = 1 << 9;
        /// PSK_CAP = 1.
        const PSK_CAP = 1 << 10;
        /// PSK_CAP = 2: with Responder context.
        const PSK_CAP_CONTEXT = 1 << 11;
        /// Encapsulated requests.
        const ENCAP_CAP = 1 << 12;
        /// HEARTBEAT.
        const HBEAT_CAP = 1 << 13;
        /// KEY_UPDATE.
        const KEY_UPD_CAP = 1 << 14;
        /// The handshake is in the clear.
        const HANDSHAKE_IN_THE_CLEAR_CAP = 1 << 15;
        /// The public key was provisioned to the other side.
        const PUB_KEY_ID_CAP = 1 << 16;
        /// Chunking (1.2).
        const CHUNK_CAP = 1 << 17;
        /// The alias certificate model (1.2).
        const ALIAS_CERT_CAP = 1 << 18;
        /// SET_CERTIFICATE (1.2.1).
        const SET_CERT_CAP = 1 << 19;
        /// GET_CSR (1.2.1).
        const CSR_CAP = 1 << 20;
        /// Installing a certificate needs a reset (1.2.1).
        const CERT_INSTALL_RESET_CAP = 1 << 21;
        /// EP_INFO_CAP = 1 (1.3).
        const EP_INFO_CAP_NO_SIG = 1 << 22;
        /// EP_INFO_CAP = 2 (1.3).
        const EP_INFO_CAP_SIG = 1 << 23;
        /// Measurement extension log (1.3).
        const MEL_CAP = 1 << 24;
        /// Events (1.3).
        const EVENT_CAP = 1 << 25;
        /// MULTI_KEY_CAP = 1: only multi-key (1.3).
        const MULTI_KEY_CAP_ONLY = 1 << 26;
        /// MULTI_KEY_CAP = 2: negotiable (1.3).
        const MULTI_KEY_CAP_NEG = 1 << 27;
        /// GET_KEY_PAIR_INFO (1.3).
        const GET_KEY_PAIR_INFO_CAP = 1 << 28;
        /// SET_KEY_PAIR_INFO (1.3).
        const SET_KEY_PAIR_INFO_CAP = 1 << 29;
        /// SET_KEY_PAIR_INFO needs a reset (1.4).
        const SET_KEY_PAIR_RESET_CAP = 1 << 30;
        /// Large responses (1.4).
        const LARGE_RESP_CAP = 1 << 31;
        const _ = !0;
    }
}

bitflags! {
    /// `ExtFlags` (1.4). Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct CapabilityExtFlags: u16 {
        /// SLOT_MANAGEMENT.
        const SLOT_MGMT_CAP = 1 << 0;
        const _ = !0;
    }
}

/// Value of `MEAS_CAP`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "two bits have four values")]
pub enum MeasCap {
    /// 0: no measurements.
    None,
    /// 1: measurements, but no signatures.
    NoSignature,
    /// 2: measurements with signatures.
    Signature,
    /// 3.
    Reserved,
}

impl CapabilityFlags {
    /// `MEAS_CAP`.
    #[must_use]
    pub const fn meas_cap(self) -> MeasCap {
        match (self.contains(Self::MEAS_CAP_NO_SIG), self.contains(Self::MEAS_CAP_SIG)) {
            (false, false) => MeasCap::None,
            (true, false) => MeasCap::NoSignature,
            (false, true) => MeasCap::Signature,
            (true, true) => MeasCap::Reserved,
        }
    }

    /// `PSK_CAP`, 0 to 3.
    #[must_use]
    pub const fn psk_cap(self) -> u8 {
        Self::two_bits(self.contains(Self::PSK_CAP), self.contains(Self::PSK_CAP_CONTEXT))
    }

    /// `EP_INFO_CAP`, 0 to 3.
    #[must_use]
    pub const fn ep_info_cap(self) -> u8 {
        Self::two_bits(
            self.contains(Self::EP_INFO_CAP_NO_SIG),
            self.contains(Self::EP_INFO_CAP_SIG),
        )
    }

    /// `MULTI_KEY_CAP`, 0 to 3.
    #[must_use]
    pub const fn multi_key_cap(self) -> u8 {
        Self::two_bits(
            self.contains(Self::MULTI_KEY_CAP_ONLY),
            self.contains(Self::MULTI_KEY_CAP_NEG),
        )
    }

    const fn two_bits(low: bool, high: bool) -> u8 {
        match (high, low) {
            (false, false) => 0,
            (false, true) => 1,
            (true, false) => 2,
            (true, true) => 3,
        }
    }

    /// The bits that have a meaning in a Responder's CAPABILITIES of `version`. Others are to be ignored.
    #[must_use]
    pub const fn defined_for_responder(version: SpdmVersion) -> Self {
        Self::from_bits_retain(match version {
            SpdmVersion::V1_0 => 0x0000_003F,
            SpdmVersion::V1_1 => 0x0001_FFFF,
            SpdmVersion::V1_2 => 0x003F_FFFF,
            SpdmVersion::V1_3 => 0x3FFF_FFFF,
            SpdmVersion::V1_4 => 0xFFFF_FFFF,
        })
    }

    /// The bits that have a meaning in a Requester's GET_CAPABILITIES of `version`.
    #[must_use]
    pub const fn defined_for_requester(version: SpdmVersion) -> Self {
        Self::from_bits_retain(match version {
            SpdmVersion::V1_0 => 0,
            SpdmVersion::V1_1 => 0x0001_F7C6,
            SpdmVersion::V1_2 => 0x0003_F7C6,
            SpdmVersion::V1_3 => 0x0EC3_F7C6,
            SpdmVersion::V1_4 => 0x8EC3_F7C6,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{CapabilityFlags, MeasCap};

    #[test]
    fn two_bit_fields() {
        let f = CapabilityFlags::from_bits_retain;
        assert_eq!(f(0).meas_cap(), MeasCap::None);
        assert_eq!(f(1 << 3).meas_cap(), MeasCap::NoSignature);
        assert_eq!(f(2 << 3).meas_cap(), MeasCap::Signature);
        assert_eq!(f(3 << 3).meas_cap(), MeasCap::Reserved);
        for v in 0..4_u8 {
            assert_eq!(f(u32::from(v) << 10).psk_cap(), v);
            assert_eq!(f(u32::from(v) << 22).ep_info_cap(), v);
            assert_eq!(f(u32::from(v) << 26).multi_key_cap(), v);
        }
    }
}
