//! A session in a report: what was agreed, and how it ended.

use serde::Serialize;
use spdm_codec::VendorDefined;

/// What opened a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these two")]
pub enum SessionKind {
    /// KEY_EXCHANGE: the device signed it.
    KeyExchange,
    /// PSK_EXCHANGE: the device holds the pre-shared key.
    Psk,
}

/// How the records of a session are protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "DSP0277 has these two")]
pub enum RecordProtection {
    /// Encrypted and authenticated.
    Encrypted,
    /// Authenticated only: whoever is on the bus can read them.
    Authenticated,
}

/// How the end of the handshake was protected.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these two")]
pub enum HandshakeProtection {
    /// By the keys of the handshake.
    Secured,
    /// Not (HANDSHAKE_IN_THE_CLEAR_CAP of both sides).
    InTheClear,
}

/// Which keys of a session were replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 has these two")]
pub enum SessionKeys {
    /// Those of requests.
    Requests,
    /// Those of requests and of responses.
    Both,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "it ended in good order or not")]
pub enum SessionEnd {
    /// By END_SESSION, which the other side acknowledged.
    Closed,
    /// Otherwise: the error says why.
    Lost,
}

/// A session: what was agreed, what happened in it, and how it ended.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct SessionSummary {
    /// What opened it.
    pub kind: SessionKind,
    /// SessionID in hexadecimal; the half of the device is the high one.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^0x[0-9a-f]{8}$")))]
    pub id: String,
    /// The version of DSP0277; null where none was offered.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::VERSION)))]
    pub secured_messages: Option<String>,
    /// The group or the KEM in the names of DSP0274; null with a pre-shared key.
    pub key_exchange: Option<String>,
    /// The AEAD in the names of DSP0274.
    pub aead: Option<String>,
    /// How its records are protected.
    pub records: RecordProtection,
    /// How the end of the handshake was protected.
    pub handshake: HandshakeProtection,
    /// HeartbeatPeriod in seconds; 0 for none.
    pub heartbeat_period: u8,
    /// How many HEARTBEATs the device answered.
    pub heartbeats: u32,
    /// The updates of keys, in their order.
    pub key_updates: Vec<SessionKeys>,
    /// What the device wanted when it was asked; null where nobody asked.
    pub polled: Option<DeviceRequests>,
    /// The vendor-defined messages in it, in their order.
    pub vendor_defined: Vec<VendorExchange>,
    /// How it ended.
    pub end: SessionEnd,
}

/// What a device asked in encapsulated requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct DeviceRequests {
    /// How often it was asked whether it wants something.
    pub polls: u32,
    /// How many requests it sent.
    pub requests: u32,
    /// How many of them were answered with ERROR.
    pub refused: u32,
}

/// A vendor-defined message and its answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct VendorExchange {
    /// StandardID of the answer.
    pub standard_id: u16,
    /// VendorID of the answer.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::HEX)))]
    pub vendor_id: String,
    /// The payload of the request.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::HEX)))]
    pub request: String,
    /// The payload of the answer.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::HEX)))]
    pub response: String,
}

impl VendorExchange {
    /// A request with this payload, and its answer.
    #[must_use]
    pub fn new(request: &[u8], answer: &VendorDefined<'_>) -> Self {
        Self {
            standard_id: answer.standard_id.0,
            vendor_id: hex::encode(answer.vendor_id),
            request: hex::encode(request),
            response: hex::encode(answer.payload),
        }
    }
}
