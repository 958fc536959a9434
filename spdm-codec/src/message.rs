//! What all messages share: header, codes, decode context, the [`Message`] trait.

use core::fmt;

use spdm_untrusted::Untrusted;

use crate::error::{DecodeError, EncodeError, Expected};
use crate::opaque::OpaqueFormat;
use crate::reader::{Reader, read_from};
use crate::spdm_version::SpdmVersion;
use crate::trace::{NoTrace, Seen, Trace};
use crate::writer::Writer;

/// Length of the header in bytes.
pub const HEADER_LEN: usize = 4;

/// The 4-byte header of every message (DSP0274 §Generic SPDM message format).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | SPDMVersion |
/// | 1 | 1 | RequestResponseCode |
/// | 2 | 1 | Param1 |
/// | 3 | 1 | Param2 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Header {
    /// `SPDMVersion` as received; [`SpdmVersion::from_byte`] gives it a meaning.
    pub version: u8,
    /// `RequestResponseCode`.
    pub code: Code,
    /// `Param1`.
    pub param1: u8,
    /// `Param2`.
    pub param2: u8,
}

impl Header {
    /// Reads the header of any message.
    ///
    /// # Errors
    /// [`DecodeError`] when there are fewer than four bytes.
    pub fn peek(bytes: Untrusted<&[u8]>) -> Result<Self, DecodeError> {
        bytes.validate_with(|raw| read_from("message", raw, NoTrace, Self::read))
    }

    fn read<'a, 't, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        Ok(Self {
            version: r.u8("SPDMVersion")?,
            code: Code(r.u8("RequestResponseCode")?),
            param1: r.u8("Param1")?,
            param2: r.u8("Param2")?,
        })
    }

    /// Reads the header of a message of this kind.
    fn read_as<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        kind: &'static Kind,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let (at_version, header) = (r.mark("SPDMVersion"), Self::read(r)?);
        let expected = match kind.version {
            VersionRule::Negotiated => Some(cx.version),
            VersionRule::Always1_0 => Some(SpdmVersion::V1_0),
            VersionRule::Any => None,
        };
        if let Some(expected) = expected
            && header.version != expected.to_byte()
        {
            let expected = Expected::Exactly(expected.to_byte().into());
            return Err(at_version.value(&expected, header.version));
        }
        if header.code != kind.code {
            let at = at_version.named("RequestResponseCode").plus(1);
            return Err(at.value(&Expected::Exactly(kind.code.0.into()), header.code.0));
        }
        Ok(header)
    }
}

/// What the header of a kind of message says.
struct Kind {
    name: &'static str,
    code: Code,
    version: VersionRule,
}

/// A `RequestResponseCode`; unknown values survive. Bit 7 is set in requests.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Code(pub u8);

macro_rules! codes {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl Code {
            $(#[doc = concat!("`", $text, "`")] pub const $name: Self = Self($value);)*

            /// The specification's name, where the code is known.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                // A table: the branches of a `match` would be as large again.
                let mut rest: &[(u8, &str)] = &[$(($value, $text),)*];
                while let [(code, name), behind @ ..] = rest {
                    if *code == self.0 {
                        return Some(name);
                    }
                    rest = behind;
                }
                None
            }
        }
    };
}

codes! {
    GET_DIGESTS = 0x81, "GET_DIGESTS"; DIGESTS = 0x01, "DIGESTS";
    GET_CERTIFICATE = 0x82, "GET_CERTIFICATE"; CERTIFICATE = 0x02, "CERTIFICATE";
    CHALLENGE = 0x83, "CHALLENGE"; CHALLENGE_AUTH = 0x03, "CHALLENGE_AUTH";
    GET_VERSION = 0x84, "GET_VERSION"; VERSION = 0x04, "VERSION";
    CHUNK_SEND = 0x85, "CHUNK_SEND"; CHUNK_SEND_ACK = 0x05, "CHUNK_SEND_ACK";
    CHUNK_GET = 0x86, "CHUNK_GET"; CHUNK_RESPONSE = 0x06, "CHUNK_RESPONSE";
    GET_ENDPOINT_INFO = 0x87, "GET_ENDPOINT_INFO"; ENDPOINT_INFO = 0x07, "ENDPOINT_INFO";
    SLOT_MANAGEMENT = 0x88, "SLOT_MANAGEMENT"; SLOT_MANAGEMENT_RESP = 0x08, "SLOT_MANAGEMENT_RESP";
    GET_MEASUREMENTS = 0xE0, "GET_MEASUREMENTS"; MEASUREMENTS = 0x60, "MEASUREMENTS";
    GET_CAPABILITIES = 0xE1, "GET_CAPABILITIES"; CAPABILITIES = 0x61, "CAPABILITIES";
    GET_SUPPORTED_EVENT_TYPES = 0xE2, "GET_SUPPORTED_EVENT_TYPES";
    SUPPORTED_EVENT_TYPES = 0x62, "SUPPORTED_EVENT_TYPES";
    NEGOTIATE_ALGORITHMS = 0xE3, "NEGOTIATE_ALGORITHMS"; ALGORITHMS = 0x63, "ALGORITHMS";
    KEY_EXCHANGE = 0xE4, "KEY_EXCHANGE"; KEY_EXCHANGE_RSP = 0x64, "KEY_EXCHANGE_RSP";
    FINISH = 0xE5, "FINISH"; FINISH_RSP = 0x65, "FINISH_RSP";
    PSK_EXCHANGE = 0xE6, "PSK_EXCHANGE"; PSK_EXCHANGE_RSP = 0x66, "PSK_EXCHANGE_RSP";
    PSK_FINISH = 0xE7, "PSK_FINISH"; PSK_FINISH_RSP = 0x67, "PSK_FINISH_RSP";
    HEARTBEAT = 0xE8, "HEARTBEAT"; HEARTBEAT_ACK = 0x68, "HEARTBEAT_ACK";
    KEY_UPDATE = 0xE9, "KEY_UPDATE"; KEY_UPDATE_ACK = 0x69, "KEY_UPDATE_ACK";
    GET_ENCAPSULATED_REQUEST = 0xEA, "GET_ENCAPSULATED_REQUEST";
    ENCAPSULATED_REQUEST = 0x6A, "ENCAPSULATED_REQUEST";
    DELIVER_ENCAPSULATED_RESPONSE = 0xEB, "DELIVER_ENCAPSULATED_RESPONSE";
    ENCAPSULATED_RESPONSE_ACK = 0x6B, "ENCAPSULATED_RESPONSE_ACK";
    END_SESSION = 0xEC, "END_SESSION"; END_SESSION_ACK = 0x6C, "END_SESSION_ACK";
    GET_CSR = 0xED, "GET_CSR"; CSR = 0x6D, "CSR";
    SET_CERTIFICATE = 0xEE, "SET_CERTIFICATE"; SET_CERTIFICATE_RSP = 0x6E, "SET_CERTIFICATE_RSP";
    GET_MEASUREMENT_EXTENSION_LOG = 0xEF, "GET_MEASUREMENT_EXTENSION_LOG";
    MEASUREMENT_EXTENSION_LOG = 0x6F, "MEASUREMENT_EXTENSION_LOG";
    SUBSCRIBE_EVENT_TYPES = 0xF0, "SUBSCRIBE_EVENT_TYPES";
    SUBSCRIBE_EVENT_TYPES_ACK = 0x70, "SUBSCRIBE_EVENT_TYPES_ACK";
    SEND_EVENT = 0xF1, "SEND_EVENT"; EVENT_ACK = 0x71, "EVENT_ACK";
    GET_KEY_PAIR_INFO = 0xFC, "GET_KEY_PAIR_INFO"; KEY_PAIR_INFO = 0x7C, "KEY_PAIR_INFO";
    SET_KEY_PAIR_INFO = 0xFD, "SET_KEY_PAIR_INFO";
    SET_KEY_PAIR_INFO_ACK = 0x7D, "SET_KEY_PAIR_INFO_ACK";
    VENDOR_DEFINED_REQUEST = 0xFE, "VENDOR_DEFINED_REQUEST";
    VENDOR_DEFINED_RESPONSE = 0x7E, "VENDOR_DEFINED_RESPONSE";
    RESPOND_IF_READY = 0xFF, "RESPOND_IF_READY"; ERROR = 0x7F, "ERROR";
}

impl Code {
    /// Whether bit 7 is set.
    #[must_use]
    pub const fn is_request(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The response code that answers this request code: the same with bit 7 clear.
    #[must_use]
    pub const fn response(self) -> Self {
        Self(self.0 & 0x7F)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "code {:#04x}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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

/// A decoded message and the bytes it was decoded from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Decoded<'a, M> {
    /// The meaning.
    pub message: M,
    /// Exactly the bytes of the message, transport padding cut off: what enters a transcript.
    pub bytes: &'a [u8],
    reserved_nonzero: bool,
}

impl<M> Decoded<'_, M> {
    /// Whether a reserved byte or bit was not zero. It is ignored, as the specification demands, but
    /// re-encoding such a message does not give the same bytes.
    #[must_use]
    pub const fn reserved_nonzero(&self) -> bool {
        self.reserved_nonzero
    }
}

/// Whose `SPDMVersion` a message carries.
#[expect(unnameable_types, reason = "sealed: appears in the signatures of `sealed::Body` only")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VersionRule {
    /// The negotiated one.
    Negotiated,
    /// 0x10, whatever will be negotiated (GET_VERSION and VERSION).
    Always1_0,
    /// Not checked (ERROR: before negotiation a Responder may use 0x10 or its own).
    Any,
}

pub(crate) mod sealed {
    use super::{
        Cx, DecodeError, EncodeError, Header, Reader, SpdmVersion, Trace, VersionRule, Writer,
    };

    /// The body of a message: what [`super::Message`] is built from.
    #[expect(unnameable_types, reason = "sealed")]
    pub trait Body<'a>: Sized {
        /// The specification's name.
        const BODY_NAME: &'static str;
        /// `RequestResponseCode`.
        const BODY_CODE: super::Code;
        /// Which version byte the header carries.
        const VERSION: VersionRule = VersionRule::Negotiated;

        /// Reads what follows the header.
        fn read<'t, T: Trace<'a>>(
            r: &mut Reader<'a, 't, T>,
            header: Header,
            cx: &Cx,
        ) -> Result<Self, &'t DecodeError>;

        /// `Param1` and `Param2`.
        fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError>;

        /// Writes what follows the header.
        fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError>;
    }
}

/// Reads the message that is `raw`.
fn read_message<'a, M: sealed::Body<'a>, T: Trace<'a>>(
    raw: &'a [u8],
    cx: &Cx,
    trace: T,
) -> Result<Decoded<'a, M>, DecodeError> {
    let kind = const { &Kind { name: M::BODY_NAME, code: M::BODY_CODE, version: M::VERSION } };
    read_from(kind.name, raw, trace, |r| {
        let header = Header::read_as(r, kind, cx)?;
        let message = M::read(r, header, cx)?;
        let bytes = r.end(raw, cx.padding)?;
        Ok(Decoded { message, bytes, reserved_nonzero: r.reserved_nonzero() })
    })
}

/// A request or response of DSP0274: decodes from and encodes to bytes. Sealed.
pub trait Message<'a>: sealed::Body<'a> {
    /// The specification's name, for example `GET_VERSION`.
    const NAME: &'static str = Self::BODY_NAME;
    /// The `RequestResponseCode`.
    const CODE: Code = Self::BODY_CODE;

    /// Decodes a message whose kind the caller knows. Lists inside borrow from `bytes` and are checked
    /// here once, so that iterating over them cannot fail.
    ///
    /// # Errors
    /// [`DecodeError`] with field, offset and kind: bytes missing, bytes left over (more than
    /// [`Cx::padding`]), another version or code, or a value that the version does not allow.
    fn decode(bytes: Untrusted<&'a [u8]>, cx: &Cx) -> Result<Decoded<'a, Self>, DecodeError> {
        bytes.validate_with(|raw| read_message(raw, cx, NoTrace))
    }

    /// [`Self::decode`] that shows every field to `trace` on the way.
    ///
    /// # Errors
    /// As [`Self::decode`].
    fn decode_traced<T: Trace<'a>>(
        bytes: Untrusted<&'a [u8]>,
        cx: &Cx,
        trace: &mut T,
    ) -> Result<Decoded<'a, Self>, DecodeError> {
        bytes.validate_with(|raw| read_message(raw, cx, Seen(trace)))
    }

    /// Encodes the whole message into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when `out` is too short, or when a field is given that `version` does not have,
    /// or missing though it has it. `out` may then hold a part of the message.
    fn encode(&self, version: SpdmVersion, out: &mut [u8]) -> Result<usize, EncodeError> {
        let version_byte = match Self::VERSION {
            VersionRule::Negotiated | VersionRule::Any => version.to_byte(),
            VersionRule::Always1_0 => SpdmVersion::V1_0.to_byte(),
        };
        let [param1, param2] = self.params(version)?;
        let mut w = Writer::open(out, [version_byte, Self::BODY_CODE.0, param1, param2]);
        self.write(&mut w, version)?;
        w.finish()
    }
}

impl<'a, M: sealed::Body<'a>> Message<'a> for M {}
