//! What decoding depends on besides the bytes.

use crate::opaque::OpaqueFormat;
use crate::spdm_version::SpdmVersion;

/// What decoding a message may depend on besides its bytes: a small `Copy` value.
///
/// [`Cx::new`] suffices for requests and for the negotiation; later responses need the negotiated sizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Cx {
    /// Negotiated version.
    pub version: SpdmVersion,
    /// Bytes that the transport may append to a message (DOE: 3, others: 0).
    pub padding: usize,
    /// H: size of the negotiated base hash in bytes; 0 while none is negotiated.
    pub hash_len: usize,
    /// MSH: size of `MeasurementSummaryHash`, 0 or H, as the CHALLENGE asked.
    pub summary_len: usize,
    /// S: size of the signature that the response carries; 0 when none was requested.
    pub signature_len: usize,
    /// How DIGESTS describes keys.
    pub connection_keys: ConnectionKeys,
    /// How OpaqueData is to be read.
    pub opaque_format: OpaqueFormat,
    /// Sr: size of the Requester's signature in FINISH.
    pub requester_signature_len: usize,
    /// Dq: size of ExchangeData in KEY_EXCHANGE.
    pub request_exchange_len: usize,
    /// Dp: size of ExchangeData in KEY_EXCHANGE_RSP.
    pub response_exchange_len: usize,
    /// Where the handshake's verify data is.
    pub handshake: Handshake,
}

/// Whether both sides set HANDSHAKE_IN_THE_CLEAR_CAP.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit of each side")]
pub enum Handshake {
    /// No: KEY_EXCHANGE_RSP carries ResponderVerifyData.
    #[default]
    Secured,
    /// Yes: FINISH_RSP carries it.
    InTheClear,
}

/// Whether `ResponderMultiKeyConn` was negotiated (DSP0274 1.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionKeys {
    /// One key: DIGESTS carries digests only.
    #[default]
    Single,
    /// Several keys: DIGESTS also carries KeyPairID, CertificateInfo and KeyUsageMask of each slot.
    Multi,
}

impl Cx {
    /// A context with no padding and nothing negotiated but the version.
    #[must_use]
    pub const fn new(version: SpdmVersion) -> Self {
        Self {
            version,
            padding: 0,
            hash_len: 0,
            summary_len: 0,
            signature_len: 0,
            connection_keys: ConnectionKeys::Single,
            opaque_format: OpaqueFormat::FreeForm,
            requester_signature_len: 0,
            request_exchange_len: 0,
            response_exchange_len: 0,
            handshake: Handshake::Secured,
        }
    }

    /// Sets [`Self::padding`].
    #[must_use]
    pub const fn with_padding(mut self, padding: usize) -> Self {
        self.padding = padding;
        self
    }

    /// Sets [`Self::hash_len`].
    #[must_use]
    pub const fn with_hash_len(mut self, hash_len: usize) -> Self {
        self.hash_len = hash_len;
        self
    }

    /// Sets [`Self::summary_len`].
    #[must_use]
    pub const fn with_summary_len(mut self, summary_len: usize) -> Self {
        self.summary_len = summary_len;
        self
    }

    /// Sets [`Self::signature_len`].
    #[must_use]
    pub const fn with_signature_len(mut self, signature_len: usize) -> Self {
        self.signature_len = signature_len;
        self
    }

    /// Sets [`Self::connection_keys`].
    #[must_use]
    pub const fn with_connection_keys(mut self, keys: ConnectionKeys) -> Self {
        self.connection_keys = keys;
        self
    }

    /// Sets [`Self::opaque_format`].
    #[must_use]
    pub const fn with_opaque_format(mut self, format: OpaqueFormat) -> Self {
        self.opaque_format = format;
        self
    }

    /// Sets [`Self::requester_signature_len`].
    #[must_use]
    pub const fn with_requester_signature_len(mut self, len: usize) -> Self {
        self.requester_signature_len = len;
        self
    }

    /// Sets [`Self::request_exchange_len`] and [`Self::response_exchange_len`].
    #[must_use]
    pub const fn with_exchange_lens(mut self, request: usize, response: usize) -> Self {
        self.request_exchange_len = request;
        self.response_exchange_len = response;
        self
    }

    /// Sets [`Self::handshake`].
    #[must_use]
    pub const fn with_handshake(mut self, handshake: Handshake) -> Self {
        self.handshake = handshake;
        self
    }

    /// The format in messages of sessions: 1.1 has one for them alone.
    pub(crate) const fn session_opaque_format(&self) -> OpaqueFormat {
        match self.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::TableWithSpecId,
            SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => self.opaque_format,
        }
    }
}
