//! What a caller decides: what to offer, how long to wait, how much to bear.

use core::time::Duration;

use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, OtherParams, SpdmVersion};
use spdm_crypto::Provider;

/// What is offered to the Responder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Offer {
    /// The lowest version that is accepted.
    pub min_version: SpdmVersion,
    /// The highest version that is used.
    pub max_version: SpdmVersion,
    /// `BaseAsymAlgo`. Algorithms that the negotiated version does not know are left out.
    pub base_asym: BaseAsymAlgo,
    /// `BaseHashAlgo`.
    pub base_hash: BaseHashAlgo,
    /// Formats of opaque data (1.2). libspdm 3.1 and 3.2 refuse an offer of two.
    pub opaque_formats: OtherParams,
}

impl Offer {
    /// Every version, every algorithm that the backend implements, and the general opaque data table.
    #[must_use]
    pub fn everything(provider: &Provider) -> Self {
        Self {
            min_version: SpdmVersion::V1_0,
            max_version: SpdmVersion::V1_4,
            base_asym: provider.base_asyms(),
            base_hash: provider.base_hashes(),
            opaque_formats: OtherParams::OPAQUE_DATA_FMT_1,
        }
    }

    pub(crate) fn allows(&self, version: SpdmVersion) -> bool {
        (self.min_version..=self.max_version).contains(&version)
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
}

/// How long to wait (DSP0274 §Timing requirements). The round trip is the transport's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Timing {
    /// ST1: what a Responder may take for a request without cryptography.
    pub st1: Duration,
    /// What a Responder is given for cryptography even where its CTExponent says less.
    pub least_crypto_time: Duration,
    /// Time between ERROR(Busy) and the next attempt.
    pub busy_delay: Duration,
}

impl Default for Timing {
    /// ST1 of 100 ms, one second for cryptography, 50 ms between attempts.
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
    /// Messages sent, retries included.
    pub round_trips: u16,
    /// Answers of ERROR(Busy) to one request.
    pub busy: u8,
    /// Answers of ERROR(ResponseNotReady) to one request.
    pub not_ready: u8,
    /// Time from the first poll to the end.
    pub time: Duration,
}

impl Default for Bounds {
    /// 256 messages, five times Busy, five times ResponseNotReady, one minute.
    fn default() -> Self {
        Self { round_trips: 256, busy: 5, not_ready: 5, time: Duration::from_secs(60) }
    }
}
