//! What the device measures.

use spdm_codec::{
    DEVICE_MODE_INDEX, DeviceMode, DmtfMeasurement, MANIFEST_INDEX, Measurement, MeasurementBlock,
    MeasurementForm, MeasurementHashAlgo, MeasurementType, SpdmVersion,
};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;

use crate::error_answer::ErrorAnswer;

/// Indices by convention of the DMTF sample device.
const SVN_INDEX: u8 = 0x10;
const FIRMWARE_VERSION_INDEX: u8 = 0x11;

/// Which form of a measurement is wanted where it has both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Representation {
    Digests,
    RawBitStreams,
}

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

/// Every measurement that the version has, in the order of indices.
pub(crate) fn blocks(
    version: SpdmVersion,
    hash: MeasurementHashAlgo,
    wanted: Representation,
) -> Result<Vec<Block>, ErrorAnswer> {
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
    let hash =
        HashAlgorithm::from_measurement_hash(hash).filter(|_| wanted == Representation::Digests);
    let mut blocks = Vec::new();
    for (index, value_type, value) in digested {
        blocks.push(match hash {
            Some(hash) => {
                let digest = PROVIDER.hash.digest(hash, &[value])?;
                block(index, value_type, MeasurementForm::Digest, digest.as_bytes())?
            }
            None => block(index, value_type, MeasurementForm::RawBitStream, value)?,
        });
    }
    for (index, value_type, value) in raw {
        // Before 1.2 the types end with the manifest.
        if version >= SpdmVersion::V1_2 || value_type == MeasurementType::FreeformManifest {
            blocks.push(block(index, value_type, MeasurementForm::RawBitStream, value)?);
        }
    }
    Ok(blocks)
}

fn block(
    index: u8,
    value_type: MeasurementType,
    form: MeasurementForm,
    value: &[u8],
) -> Result<Block, ErrorAnswer> {
    let measurement = Measurement::Dmtf(DmtfMeasurement { value_type, form, value });
    let mut bytes = vec![0; 7 + value.len()];
    let len = MeasurementBlock { index, measurement }.encode(&mut bytes)?;
    bytes.truncate(len);
    Ok(Block { index, bytes, value_type })
}
