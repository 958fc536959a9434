//! What a caller decides: what to offer, how long to wait, and the limits of an operation.

use core::time::Duration;

use spdm_codec::{
    AeadCipherSuite, AlgStructs, AlgorithmsBlock, BaseAsymAlgo, BaseHashAlgo, CapabilityFlags,
    ConnectionKeys, DheNamedGroup, KeyScheduleAlgo, MeasurementSpecification, MelSpecification,
    OtherParams, PqcAsymAlgo, SpdmVersion,
};
use spdm_crypto::{KeyExchangeAlgorithm, Provider};

use crate::connection::Connection;

/// What is offered to the Responder. What the negotiated version does not know is left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Offer {
    /// The lowest version that is accepted.
    pub min_version: SpdmVersion,
    /// The highest version that is used.
    pub max_version: SpdmVersion,
    /// Whether a version that the Responder has only as an alpha is used.
    pub alpha_versions: AlphaVersions,
    /// `Flags` of GET_CAPABILITIES. An attestation needs none; with `CHUNK_CAP` (1.2) messages may be larger
    /// than one transfer, and with `LARGE_RESP_CAP` (1.4) chains longer than 64 KiB.
    pub capabilities: CapabilityFlags,
    /// `CTExponent`: what the Requester takes for cryptography when it answers encapsulated requests.
    pub ct_exponent: u8,
    /// A bound on `DataTransferSize` in bytes, at least 42, where transport and buffer would allow more (1.2).
    pub data_transfer_size: u32,
    /// Bytes of the longest request that leaves room for the largest announced response: what
    /// `DataTransferSize` and `MaxSPDMmsgSize` say is the message buffer without them. The 64 of the default
    /// suffice for everything that an attestation sends; [`Requester::exchange`](crate::Requester::exchange)
    /// may need more.
    pub longest_request: usize,
    /// The most that GET_CERTIFICATE asks for at once, in bytes: there are devices that refuse to be asked for
    /// more than 1024, whatever the transport carries.
    pub certificate_length: u32,
    /// Whether the Responder is asked for all algorithms that it supports (1.3, with `CHUNK_CAP`): see
    /// [`Connection::supported_algorithms`](crate::Connection::supported_algorithms).
    pub algorithms_block: AlgorithmsBlock,
    /// `MeasurementSpecification`.
    pub measurement_specification: MeasurementSpecification,
    /// `BaseAsymAlgo`.
    pub base_asym: BaseAsymAlgo,
    /// `BaseHashAlgo`.
    pub base_hash: BaseHashAlgo,
    /// `PqcAsymAlgo` (1.4). The Responder selects one of these or one of [`Self::base_asym`].
    pub pqc_asym: PqcAsymAlgo,
    /// Formats of opaque data (1.2). libspdm 3.1 and 3.2 refuse an offer of two.
    pub opaque_formats: OtherParams,
    /// `ResponderMultiKeyConn` where the Responder leaves the choice (`MULTI_KEY_CAP` 2, 1.3).
    pub connection_keys: ConnectionKeys,
    /// `MELspecification` (1.3).
    pub mel_specification: MelSpecification,
    /// DHE, AEAD, ReqBaseAsymAlg, KeySchedule (1.1), ReqPqcAsymAlg and KEMAlg (1.4): what sessions need. Empty
    /// tables are left out.
    pub alg_structs: AlgStructs,
}

impl Offer {
    /// Every version, every algorithm that the backend verifies with, the general opaque data table, chunks.
    #[must_use]
    pub fn everything(provider: &Provider) -> Self {
        Self {
            min_version: SpdmVersion::V1_0,
            max_version: SpdmVersion::V1_4,
            alpha_versions: AlphaVersions::Skipped,
            capabilities: CapabilityFlags::CHUNK_CAP | CapabilityFlags::LARGE_RESP_CAP,
            ct_exponent: 0,
            data_transfer_size: u32::MAX,
            longest_request: 64,
            certificate_length: u32::MAX,
            algorithms_block: AlgorithmsBlock::NotRequested,
            measurement_specification: MeasurementSpecification::DMTF,
            base_asym: provider.base_asyms(),
            base_hash: provider.base_hashes(),
            pqc_asym: provider.pqc_asyms(),
            opaque_formats: OtherParams::OPAQUE_DATA_FMT_1,
            connection_keys: ConnectionKeys::Single,
            mel_specification: MelSpecification::empty(),
            alg_structs: AlgStructs::default(),
        }
    }

    /// What sessions take, beside what is offered already: their capabilities, every key exchange and AEAD of the backend,
    /// and room for the longest KEY_EXCHANGE. The key exchange is protected by HMACs from its start.
    #[must_use]
    pub fn with_sessions(mut self, provider: &Provider) -> Self {
        self.capabilities |= CapabilityFlags::ENCRYPT_CAP
            | CapabilityFlags::MAC_CAP
            | CapabilityFlags::KEY_EX_CAP
            | CapabilityFlags::HBEAT_CAP
            | CapabilityFlags::KEY_UPD_CAP;
        self.alg_structs.dhe = Some(provider.dhe_groups());
        self.alg_structs.kem = Some(provider.kems());
        self.alg_structs.aead = Some(provider.cipher_suites());
        self.alg_structs.key_schedule = Some(KeyScheduleAlgo::SPDM);
        let exchanges = KeyExchangeAlgorithm::ALL.into_iter();
        let exchanges = exchanges.filter(|exchange| provider.key_exchange(*exchange).is_some());
        let longest = exchanges.map(KeyExchangeAlgorithm::request_len).max().unwrap_or(0);
        // What surrounds ExchangeData, opaque data included.
        self.longest_request = self.longest_request.max(longest.saturating_add(128));
        self
    }

    /// Offers a handshake in the clear, too: KEY_EXCHANGE_RSP is authenticated by its signature alone, and FINISH is a plain
    /// message. The Responder decides. Sessions with a pre-shared key do not know it.
    #[must_use]
    pub fn with_clear_handshake(mut self) -> Self {
        self.capabilities |= CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
        self
    }

    /// Offers mutual authentication, too, and encapsulated requests: what announces this identity, which is lent with
    /// [`Storage::with_identity`](crate::Storage::with_identity), and room for what it signs.
    #[cfg(feature = "mutual-auth")]
    #[must_use]
    pub fn with_identity(mut self, identity: &crate::local_identity::LocalIdentity<'_>) -> Self {
        /// CHALLENGE_AUTH and FINISH without their signatures, and a portion of a chain that takes few round trips.
        const ROOM: usize = 0x400;
        /// DELIVER_ENCAPSULATED_RESPONSE and ENDPOINT_INFO without its information.
        const AROUND: usize = 64;
        self.capabilities |= identity.capabilities();
        identity.announce(&mut self.alg_structs);
        let info = identity.endpoint_info().map_or(0, <[u8]>::len).saturating_add(AROUND);
        let longest = identity.signature_len().saturating_add(ROOM.max(info));
        self.longest_request = self.longest_request.max(longest);
        self
    }

    /// Offers sessions with a pre-shared key, too.
    #[must_use]
    pub fn with_psk(mut self) -> Self {
        self.capabilities |= CapabilityFlags::PSK_CAP;
        self
    }

    /// The version to use.
    pub(crate) fn highest_of(&self, connection: &Connection) -> Option<SpdmVersion> {
        let versions = connection.versions_of(self.alpha_versions);
        versions.filter(|version| (self.min_version..=self.max_version).contains(version)).max()
    }

    pub(crate) fn capabilities_of(&self, version: SpdmVersion) -> CapabilityFlags {
        self.capabilities & CapabilityFlags::defined_for_requester(version)
    }

    pub(crate) fn base_asym_of(&self, version: SpdmVersion) -> BaseAsymAlgo {
        let since_1_2 =
            BaseAsymAlgo::SM2_P256 | BaseAsymAlgo::EDDSA_ED25519 | BaseAsymAlgo::EDDSA_ED448;
        if version < SpdmVersion::V1_2 { self.base_asym - since_1_2 } else { self.base_asym }
    }

    pub(crate) fn base_hash_of(&self, version: SpdmVersion) -> BaseHashAlgo {
        let since_1_2 = BaseHashAlgo::SM3_256;
        if version < SpdmVersion::V1_2 { self.base_hash - since_1_2 } else { self.base_hash }
    }

    pub(crate) fn pqc_asym_of(&self, version: SpdmVersion) -> PqcAsymAlgo {
        if version < SpdmVersion::V1_4 { PqcAsymAlgo::empty() } else { self.pqc_asym }
    }

    /// The tables that are not empty in this version.
    pub(crate) fn alg_structs_of(&self, version: SpdmVersion) -> AlgStructs {
        let since = |first: SpdmVersion| version >= first;
        if !since(SpdmVersion::V1_1) {
            return AlgStructs::default();
        }
        let given = &self.alg_structs;
        let known = |bits: BaseAsymAlgo| {
            let since_1_2 =
                BaseAsymAlgo::SM2_P256 | BaseAsymAlgo::EDDSA_ED25519 | BaseAsymAlgo::EDDSA_ED448;
            if since(SpdmVersion::V1_2) { bits } else { bits - since_1_2 }
        };
        let dhe = |bits: DheNamedGroup| {
            if since(SpdmVersion::V1_2) { bits } else { bits - DheNamedGroup::SM2_P256 }
        };
        let aead = |bits: AeadCipherSuite| {
            if since(SpdmVersion::V1_2) { bits } else { bits - AeadCipherSuite::SM4_GCM }
        };
        AlgStructs {
            dhe: given.dhe.map(dhe).filter(|bits| !bits.is_empty()),
            aead: given.aead.map(aead).filter(|bits| !bits.is_empty()),
            req_base_asym: given.req_base_asym.map(known).filter(|bits| !bits.is_empty()),
            key_schedule: given.key_schedule.filter(|bits| !bits.is_empty()),
            req_pqc_asym: given
                .req_pqc_asym
                .filter(|bits| since(SpdmVersion::V1_4) && !bits.is_empty()),
            kem: given.kem.filter(|bits| since(SpdmVersion::V1_4) && !bits.is_empty()),
            zero_tables: 0,
        }
    }
}

/// Versions of which VERSION lists only alpha versions: what such a device signs is that of an unfinished
/// specification.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is nothing between these two")]
pub enum AlphaVersions {
    /// They are not chosen.
    #[default]
    Skipped,
    /// They are versions like any other.
    Taken,
}

/// Workarounds for known non-conforming devices. None of them weakens a signature.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Compat {
    /// ALGORITHMS may carry AlgStructs that were not requested, as long as they select nothing: libspdm before
    /// 3.1.0 sends them.
    pub unasked_alg_structs: bool,
    /// CERTIFICATE may carry a longer portion than was asked for.
    pub oversent_portions: bool,
    /// An ECDSA signature of a device of 1.0 or 1.1 may have both its numbers in little-endian order.
    pub little_endian_ecdsa: bool,
}

impl Compat {
    /// No workaround: the default.
    pub const NONE: Self =
        Self { unasked_alg_structs: false, oversent_portions: false, little_endian_ecdsa: false };
}

/// How long to wait (DSP0274 §Timing requirements). The round trip is the transport's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Timing {
    /// ST1: what a Responder may take for a request without cryptography.
    pub st1: Duration,
    /// What a Responder is given for cryptography even where its CTExponent says less.
    pub least_crypto_time: Duration,
    /// Time between the first ERROR(Busy) and the next attempt; it doubles with each further one.
    pub busy_delay: Duration,
}

impl Default for Timing {
    /// ST1 of 100 ms, one second for cryptography, 50 ms before the first attempt after Busy.
    fn default() -> Self {
        Self {
            st1: Duration::from_millis(100),
            least_crypto_time: Duration::from_secs(1),
            busy_delay: Duration::from_millis(50),
        }
    }
}

/// Limits of one operation. Each makes a loop finite, whatever the device does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Bounds {
    /// Messages sent, retries and chunks included.
    pub round_trips: u16,
    /// Answers of ERROR(Busy) to one message.
    pub busy: u8,
    /// Answers of ERROR(ResponseNotReady) to one request.
    pub not_ready: u8,
    /// How often a message that finds no answer in time is sent again, byte for byte the same. KEY_EXCHANGE and PSK_EXCHANGE are
    /// made anew, for their random data and public values are used once. FINISH and what travels in a session is never sent
    /// again.
    ///
    /// 0 by default: it helps where a transport loses messages and can tell a late answer from the next one
    /// (MCTP, DOE). A transport that has to close instead fails then. A device that did get the message may
    /// count it twice in its transcript; its next signature does not verify then.
    pub resends: u8,
    /// Bytes received.
    pub bytes: u32,
    /// Time from the first poll to the end.
    pub time: Duration,
}

impl Default for Bounds {
    /// 256 messages, five times Busy, five times ResponseNotReady, no message again after a timeout, 1 MiB,
    /// one minute.
    fn default() -> Self {
        Self {
            round_trips: 256,
            busy: 5,
            not_ready: 5,
            resends: 0,
            bytes: 1 << 20,
            time: Duration::from_secs(60),
        }
    }
}
