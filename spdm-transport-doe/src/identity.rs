//! Who a function says that it is.

use spdm_codec::PciIdentity;

use crate::config_space::{
    ALL_ONES, ConfigError, ConfigSpace, ExtendedCapabilities, ExtendedCapability, u16_of,
};

const IDS: u16 = 0x00;
const REVISION_AND_CLASS: u16 = 0x08;
/// Cache Line Size, Latency Timer, Header Type, BIST.
const HEADER_TYPE: u16 = 0x0C;
const SUBSYSTEM_IDS: u16 = 0x2C;
/// Bytes of the capability: its header, lower and upper DWORD.
const SERIAL_NUMBER_LEN: u16 = 12;

/// Reads what Component Measurement and Authentication binds to a certificate (PCIe 6.1 §6.31.3): compare it
/// with the leaf's name, as `SanPolicy::PciCma` of spdm-x509 does.
///
/// # Errors
/// [`ConfigError`]; [`ConfigError::Gone`] also where there is no such function.
pub fn pci_identity<S: ConfigSpace>(space: &mut S) -> Result<PciIdentity, ConfigError<S::Error>> {
    let ids = read(space, IDS)?;
    if ids == ALL_ONES {
        return Err(ConfigError::Gone);
    }
    let [revision, class @ ..] = read(space, REVISION_AND_CLASS)?.to_le_bytes();
    let [c0, c1, c2] = class;
    let [_, _, header_type, _] = read(space, HEADER_TYPE)?.to_le_bytes();
    // Bit 7 tells of other functions. Bridges have no subsystem id in their header.
    let subsystem = match header_type & 0x7F {
        0 => {
            let ids = read(space, SUBSYSTEM_IDS)?;
            Some((u16_of(ids), u16_of(ids >> 16)))
        }
        _ => None,
    };
    Ok(PciIdentity {
        vendor: u16_of(ids),
        device: u16_of(ids >> 16),
        class_code: u32::from_le_bytes([c0, c1, c2, 0]),
        revision,
        subsystem,
        serial: serial(space)?,
    })
}

/// Device Serial Number, where the function has one that is not zero.
fn serial<S: ConfigSpace>(space: &mut S) -> Result<Option<u64>, ConfigError<S::Error>> {
    for capability in ExtendedCapabilities::new(&mut *space) {
        let capability = capability?;
        if capability.id == ExtendedCapability::DEVICE_SERIAL_NUMBER {
            if !capability.has_room(SERIAL_NUMBER_LEN) {
                return Err(ConfigError::Beyond(capability));
            }
            let low = read(space, capability.offset + 4)?;
            let high = read(space, capability.offset + 8)?;
            let serial = u64::from(high) << 32 | u64::from(low);
            return Ok((serial != 0).then_some(serial));
        }
    }
    Ok(None)
}

fn read<S: ConfigSpace>(space: &mut S, offset: u16) -> Result<u32, ConfigError<S::Error>> {
    space.read(offset).map_err(|error| ConfigError::Access { offset, error })
}
