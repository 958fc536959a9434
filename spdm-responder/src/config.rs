//! What a device offers, as plain data.

use spdm_codec::{
    AeadCipherSuite, AlgStructs, BaseHashAlgo, CapabilityFlags, DheNamedGroup, ExtAlgorithms,
    ExternalAlgStructs, KemAlgo, KeyScheduleAlgo, MeasurementHashAlgo, MeasurementSpecification,
    MelSpecification, NegotiateAlgorithms, OtherParams, PqcAsymAlgo, RecordBinding, SpdmVersion,
    SupportedAlgorithms, TransferSizes,
};
use spdm_crypto::{AeadAlgorithm, AsymAlgorithm, HashAlgorithm, KeyExchangeAlgorithm};

/// Bytes that a transport appends where messages come in doublewords.
pub const DOUBLEWORD_PADDING: usize = 3;

/// What a device offers in the negotiation, and what its transport does.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Config<'c> {
    /// Versions, in the order in which VERSION lists them.
    pub versions: &'c [SpdmVersion],
    /// Capabilities. Bits that the negotiated version does not define are left out.
    pub capabilities: CapabilityFlags,
    /// `CTExponent`: answers that need cryptography take up to 2^n microseconds.
    pub ct_exponent: u8,
    /// DataTransferSize and MaxSPDMmsgSize in bytes. Without CHUNK_CAP the second is not announced: it equals the first.
    pub sizes: TransferSizes,
    /// Signature algorithms that the device has keys for, the preferred one first.
    pub asyms: &'c [AsymAlgorithm],
    /// Hash algorithms that every chain can be had with, the preferred one first.
    pub hashes: &'c [HashAlgorithm],
    /// The one `MeasurementHashAlgo`.
    pub measurement_hash: MeasurementHashAlgo,
    /// The formats of OpaqueData that can be selected from 1.2 on: of these two bits, OpaqueDataFmt1 is preferred.
    pub opaque_formats: OtherParams,
    /// Key exchanges for sessions (KEY_EX_CAP), the preferred one first.
    pub key_exchanges: &'c [KeyExchangeAlgorithm],
    /// What sessions are encrypted with, the preferred one first.
    pub aeads: &'c [AeadAlgorithm],
    /// After how many seconds without a message HEARTBEAT is due (HBEAT_CAP); 0 for never.
    pub heartbeat_period: u8,
    /// How the transport carries the records of sessions.
    pub records: RecordBinding,
    /// How many bytes a transport may have appended to a request, which are no part of it. More than
    /// [`DOUBLEWORD_PADDING`] have to be zeros.
    pub padding: usize,
}

impl Config<'_> {
    /// What the device can do, in this version.
    pub(crate) fn flags(&self, version: SpdmVersion) -> CapabilityFlags {
        self.capabilities & CapabilityFlags::defined_for_responder(version)
    }

    /// The `SupportedAlgorithms` block of CAPABILITIES (1.3).
    #[must_use]
    pub fn supported_algorithms(&self, version: SpdmVersion) -> SupportedAlgorithms<'static> {
        let base_hash = self.hashes.iter().map(|hash| hash.base_hash());
        let asyms = || self.asyms.iter().copied();
        SupportedAlgorithms(NegotiateAlgorithms {
            measurement_specification: MeasurementSpecification::DMTF,
            other_params: self.opaque_formats,
            base_asym: asyms().filter_map(AsymAlgorithm::base_asym).collect(),
            base_hash: base_hash.fold(BaseHashAlgo::empty(), |set, hash| set | hash),
            pqc_asym: match version {
                SpdmVersion::V1_4 => asyms().filter_map(AsymAlgorithm::pqc_asym).collect(),
                _ => PqcAsymAlgo::empty(),
            },
            mel_specification: self.mel_specification(version),
            ext_asym: ExtAlgorithms::default(),
            ext_hash: ExtAlgorithms::default(),
            alg_structs: self.alg_structs(version),
            external: ExternalAlgStructs::default(),
        })
    }

    /// The formats of the measurement extension log.
    fn mel_specification(&self, version: SpdmVersion) -> MelSpecification {
        if self.flags(version).contains(CapabilityFlags::MEL_CAP) {
            MelSpecification::DMTF
        } else {
            MelSpecification::empty()
        }
    }

    /// The tables for sessions, as far as the device has such.
    fn alg_structs(&self, version: SpdmVersion) -> AlgStructs {
        let exchanges = || self.key_exchanges.iter().copied();
        let dhe: DheNamedGroup = exchanges().filter_map(KeyExchangeAlgorithm::dhe_group).collect();
        let kem: KemAlgo = exchanges().filter_map(KeyExchangeAlgorithm::kem).collect();
        let aead: AeadCipherSuite = self.aeads.iter().map(|aead| aead.cipher_suite()).collect();
        let has = |flag| self.flags(version).contains(flag);
        let (exchanges, records) =
            (has(CapabilityFlags::KEY_EX_CAP), has(CapabilityFlags::MAC_CAP));
        AlgStructs {
            dhe: Some(dhe).filter(|set| exchanges && !set.is_empty()),
            aead: Some(aead).filter(|set| records && !set.is_empty()),
            key_schedule: Some(KeyScheduleAlgo::SPDM).filter(|_| records && !aead.is_empty()),
            kem: Some(kem)
                .filter(|set| exchanges && !set.is_empty() && version >= SpdmVersion::V1_4),
            ..AlgStructs::default()
        }
    }
}
