//! Evidence in the one form that every format becomes, and measurement records in it.

use core::fmt;

use spdm_codec::{
    DmtfMeasurement, Measurement, MeasurementForm, MeasurementRecord, MeasurementType,
};
use spdm_crypto::HashAlgorithm;

use crate::cbor::Label;
use crate::claims::{Claims, Flags, RawValue, Registers, Svn, Version};
use crate::digest::{Digest, DigestAlgorithm, DigestValue, Digests};
use crate::environment::{ElementId, Environment};

/// A measured element of a device.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Element<'a> {
    /// The environment that evidence names for it; `None`: that of the measurement record.
    pub environment: Option<Environment<'a>>,
    /// Which element.
    pub id: ElementId<'a>,
    /// What is claimed of it.
    pub claims: Claims<'a>,
}

impl Element<'_> {
    /// A place for an element, to be lent.
    pub const EMPTY: Self =
        Self { environment: None, id: ElementId::Absent, claims: Claims::NOTHING };

    /// The element of a measurement block in the DMTF format. `hash` is the negotiated MeasurementHashAlgo; without it a digest
    /// is of no known algorithm, and matches nothing.
    #[must_use]
    pub fn of_block<'a>(
        index: u8,
        measurement: &DmtfMeasurement<'a>,
        hash: Option<HashAlgorithm>,
    ) -> Element<'a> {
        let id = ElementId::Index(index.into());
        let claims = Claims {
            measurement_type: Some(measurement.value_type),
            ..block_claims(index, measurement, hash)
        };
        Element { environment: None, id, claims }
    }

    /// The index of the measurement block, where that is what it is.
    #[must_use]
    pub fn index(&self) -> Option<u8> {
        match (self.environment, self.id) {
            (None, ElementId::Index(index)) => u8::try_from(index).ok(),
            _ => None,
        }
    }
}

/// There are more elements than places for them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TooManyElements;

impl fmt::Display for TooManyElements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are more elements than places lent for them")
    }
}

impl core::error::Error for TooManyElements {}

/// Makes an element of each block of a measurement record, as [`Element::of_block`]. Blocks of other specifications have no
/// claims.
///
/// # Errors
/// [`TooManyElements`] where `places` has fewer than the record has blocks.
pub fn record_elements<'e, 'a>(
    record: &MeasurementRecord<'a>,
    hash: Option<HashAlgorithm>,
    places: &'e mut [Element<'a>],
) -> Result<&'e [Element<'a>], TooManyElements> {
    let mut count = 0;
    for block in record.iter() {
        let id = ElementId::Index(block.index.into());
        *places.get_mut(count).ok_or(TooManyElements)? = match block.measurement {
            Measurement::Dmtf(measurement) => Element::of_block(block.index, &measurement, hash),
            _ => Element { id, ..Element::EMPTY },
        };
        count += 1;
    }
    Ok(places.get(..count).unwrap_or_default())
}

/// What a block says: digest or raw, by bit 7 of DMTFSpecMeasurementValueType. Both are told apart because a device chooses
/// the content of a raw one, which could be the expected digest.
fn block_claims<'a>(
    index: u8,
    measurement: &DmtfMeasurement<'a>,
    hash: Option<HashAlgorithm>,
) -> Claims<'a> {
    let value = measurement.value;
    if measurement.form == MeasurementForm::Digest {
        let Some(hash) = hash.filter(|hash| hash.digest_len() == value.len()) else {
            return Claims::NOTHING;
        };
        let algorithm = DigestAlgorithm::Known(hash);
        let digests = Digests::one(Digest { algorithm, value: DigestValue::Bytes(value) });
        let is_register = measurement.value_type == MeasurementType::HashExtended;
        let id = Label::Number(index.into());
        let registers = is_register.then(|| Registers::one(id, digests));
        return Claims { digests: Some(digests), registers, ..Claims::NOTHING };
    }
    let raw = Some(RawValue { value, mask: None });
    let mut claims = Claims { raw, ..Claims::NOTHING };
    match measurement.value_type {
        MeasurementType::FirmwareSecurityVersion => {
            let svn = value.first_chunk().filter(|_| value.len() == 8).copied();
            claims.svn = svn.map(u64::from_le_bytes).map(Svn::Exact);
        }
        MeasurementType::FirmwareVersion => {
            let text = core::str::from_utf8(value).ok();
            claims.version = text.map(|text| Version { text, scheme: None });
        }
        MeasurementType::DeviceMode => {
            claims.flags = measurement.device_mode().map(|mode| {
                let is_debug = mode.device_mode_state & DEBUGGED != 0;
                Flags { present: Flags::DEBUG, set: if is_debug { Flags::DEBUG } else { 0 } }
            });
        }
        _ => {}
    }
    claims
}

/// DeviceModeState: invasive or non-invasive debugging is active, or was since the last reset; the bit for "once since it
/// was made" does not count.
const DEBUGGED: u32 = 0xF;
