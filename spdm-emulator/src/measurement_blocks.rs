//! What the device measures.

use spdm_codec::{
    DEVICE_MODE_INDEX, DeviceMode, DmtfMeasurement, EncodeError, MANIFEST_INDEX, Measurement,
    MeasurementAttributes, MeasurementBlock, MeasurementForm, MeasurementHashAlgo, MeasurementType,
    SpdmVersion,
};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;

/// Indices by convention of the DMTF sample device.
const SVN_INDEX: u8 = 0x10;
const FIRMWARE_VERSION_INDEX: u8 = 0x11;

/// An encoded measurement block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) index: u8,
    pub(crate) bytes: Vec<u8>,
    value_type: MeasurementType,
}

impl Block {
    /// Whether the device counts it to its trusted computing base.
    pub(crate) fn is_tcb(&self) -> bool {
        matches!(
            self.value_type,
            MeasurementType::ImmutableRom
                | MeasurementType::MutableFirmware
                | MeasurementType::FirmwareSecurityVersion
        )
    }
}

/// A measurement before it is encoded.
struct Measured {
    index: u8,
    value_type: MeasurementType,
    forms: Forms,
    value: Vec<u8>,
}

enum Forms {
    /// It has a digest, too.
    Both,
    Raw,
}

/// Every measurement that the version has, in the order of indices.
fn measured(version: SpdmVersion) -> impl Iterator<Item = Measured> {
    let mode = DeviceMode {
        // Manufacturing, normal and recovery are possible; the mode is normal.
        operational_mode_capabilities: 0b1101,
        operational_mode_state: 0b0100,
        // Invasive and non-invasive debugging are possible; neither is or was on.
        device_mode_capabilities: 0b11,
        device_mode_state: 0,
    };
    let digested: [(u8, MeasurementType, &[u8]); 4] = [
        (1, MeasurementType::ImmutableRom, b"spdm-emulator: immutable ROM, revision A"),
        (2, MeasurementType::MutableFirmware, b"spdm-emulator: mutable firmware, version 1.2.3"),
        (3, MeasurementType::HardwareConfiguration, b"spdm-emulator: straps 0x1234, fuses 0xABCD"),
        (4, MeasurementType::FirmwareConfiguration, b"spdm-emulator: secure boot on, debug off"),
    ];
    let raw: [(u8, MeasurementType, &[u8]); 4] = [
        (SVN_INDEX, MeasurementType::FirmwareSecurityVersion, &7_u64.to_le_bytes()),
        (FIRMWARE_VERSION_INDEX, MeasurementType::FirmwareVersion, b"1.2.3"),
        (MANIFEST_INDEX, MeasurementType::FreeformManifest, b"spdm-emulator: measurement manifest"),
        (DEVICE_MODE_INDEX, MeasurementType::DeviceMode, &mode.to_bytes()),
    ];
    // Before 1.2 the types end with the manifest.
    let exists = move |value_type| {
        version >= SpdmVersion::V1_2 || value_type == MeasurementType::FreeformManifest
    };
    let digested = digested.map(|(index, value_type, value)| Measured {
        index,
        value_type,
        forms: Forms::Both,
        value: value.to_vec(),
    });
    let raw = raw.map(|(index, value_type, value)| Measured {
        index,
        value_type,
        forms: Forms::Raw,
        value: value.to_vec(),
    });
    digested.into_iter().chain(raw.into_iter().filter(move |raw| exists(raw.value_type)))
}

/// How many measurements the version has.
pub(crate) fn count(version: SpdmVersion) -> u8 {
    u8::try_from(measured(version).count()).unwrap_or(u8::MAX)
}

/// One measurement; `form` is the wanted one where it has both.
pub(crate) fn nth(
    nth: u8,
    version: SpdmVersion,
    hash: MeasurementHashAlgo,
    form: MeasurementForm,
) -> Result<Block, EncodeError> {
    let missing = EncodeError::Missing { field: "MeasurementBlock" };
    let measured = measured(version).nth(nth.into()).ok_or(missing)?;
    let digests = matches!((&measured.forms, form), (Forms::Both, MeasurementForm::Digest));
    match HashAlgorithm::from_measurement_hash(hash).filter(|_| digests) {
        Some(hash) => {
            let digest = PROVIDER.hash.digest(hash, &[&measured.value]).map_err(|_| missing)?;
            block(&measured, MeasurementForm::Digest, digest.as_bytes())
        }
        None => block(&measured, MeasurementForm::RawBitStream, &measured.value),
    }
}

fn block(measured: &Measured, form: MeasurementForm, value: &[u8]) -> Result<Block, EncodeError> {
    let (index, value_type) = (measured.index, measured.value_type);
    let measurement = Measurement::Dmtf(DmtfMeasurement { value_type, form, value });
    let mut bytes = vec![0; 7 + value.len()];
    let len = MeasurementBlock { index, measurement }.encode(&mut bytes)?;
    bytes.truncate(len);
    Ok(Block { index, bytes, value_type })
}

/// Every measurement in the form that was asked for.
pub(crate) fn asked(
    version: SpdmVersion,
    hash: MeasurementHashAlgo,
    attributes: MeasurementAttributes,
) -> Vec<Block> {
    let raw = attributes.contains(MeasurementAttributes::RAW_BIT_STREAM_REQUESTED);
    let form = if raw { MeasurementForm::RawBitStream } else { MeasurementForm::Digest };
    (0..count(version)).filter_map(|n| nth(n, version, hash, form).ok()).collect()
}

/// The summary of all measurements.
pub(crate) fn summary(
    version: SpdmVersion,
    hash: MeasurementHashAlgo,
    base_hash: HashAlgorithm,
) -> Vec<u8> {
    let blocks = asked(version, hash, MeasurementAttributes::empty());
    let covered: Vec<u8> = blocks.into_iter().flat_map(|block| block.bytes).collect();
    let digest = PROVIDER.hash.digest(base_hash, &[&covered]);
    digest.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default()
}
