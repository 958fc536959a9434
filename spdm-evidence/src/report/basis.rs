//! What a verdict rests on.

use core::fmt;

use serde::Serialize;

/// A signature of the device that a verdict rests on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BasisSignature {
    /// That of CHALLENGE_AUTH.
    Challenge,
    /// That of MEASUREMENTS, over the measurements that are shown.
    Measurements,
    /// That of MEASUREMENTS without a measurement block: it proves the key, but says nothing of measurements.
    EmptyMeasurements,
    /// That of KEY_EXCHANGE_RSP: the session that it opened belongs to the device.
    KeyExchange,
}

impl BasisSignature {
    /// Its message, for people.
    const fn text(self) -> &'static str {
        match self {
            Self::Challenge => "CHALLENGE",
            Self::Measurements => "signed MEASUREMENTS",
            Self::EmptyMeasurements => "MEASUREMENTS without a measurement",
            Self::KeyExchange => "KEY_EXCHANGE",
        }
    }
}

/// Whether one of the signatures covers GET_VERSION to ALGORITHMS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "it is covered or not")]
pub enum NegotiationCover {
    /// One does.
    Signed,
    /// None does: through 1.1 only CHALLENGE_AUTH and KEY_EXCHANGE_RSP sign the negotiation. Who stood between the two sides may have
    /// changed it.
    Unsigned,
}

/// What a verdict rests on. As a text it is the end of "verified by".
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct Basis {
    /// The signatures of the device, at least one.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 3)))]
    pub signatures: Vec<BasisSignature>,
    /// Whether one of them covers the negotiation.
    pub negotiation: NegotiationCover,
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<&str> = self.signatures.iter().map(|signature| signature.text()).collect();
        match &texts[..] {
            [] => {}
            [one] => write!(f, "{one} alone")?,
            [others @ .., last] => write!(f, "{} and {last}", others.join(", "))?,
        }
        match self.negotiation {
            NegotiationCover::Signed => Ok(()),
            NegotiationCover::Unsigned => f.write_str("; the negotiation is not signed"),
        }
    }
}
