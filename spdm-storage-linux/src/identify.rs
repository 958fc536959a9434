//! The descriptions that NVMe controllers and ATA drives give of themselves.

use crate::drive_info::{DriveInfo, text};
use crate::error::DriveError;

/// What is used of Identify Controller (NVM Express Base Specification 2.0 §5.17.2.1).
#[derive(Debug)]
pub(crate) struct IdentifyController {
    pub(crate) info: DriveInfo,
    /// MDTS: the exponent of the largest transfer in pages; 0 for no limit.
    max_transfer: u8,
    /// OACS bit 0.
    pub(crate) has_security: bool,
}

impl IdentifyController {
    /// Bytes of the data.
    pub(crate) const LEN: usize = 4096;

    /// Fields at their offsets; `data` has all of them where it is [`LEN`](Self::LEN) long, and others are empty.
    pub(crate) fn decode(data: &[u8]) -> Self {
        let field = |at: core::ops::Range<usize>| data.get(at).unwrap_or_default();
        let byte = |at: usize| data.get(at).copied().unwrap_or_default();
        let info = DriveInfo {
            serial: text(field(4..24)),
            model: text(field(24..64)),
            firmware: text(field(64..72)),
        };
        Self { info, max_transfer: byte(77), has_security: byte(256) & 1 != 0 }
    }

    /// The largest transfer in bytes, if that is less than `max`. The unit is the controller's smallest page, which is
    /// nowhere to be read from here: it is at least 4096 bytes.
    pub(crate) fn max_transfer(&self, max: usize) -> usize {
        let pages = match self.max_transfer {
            0 => return max,
            exponent => 1_usize.checked_shl(exponent.into()).filter(|pages| *pages != 0),
        };
        pages.and_then(|pages| pages.checked_mul(4096)).unwrap_or(max).min(max)
    }
}

/// What is used of IDENTIFY DEVICE (ACS-4 §7.13).
#[derive(Debug)]
pub(crate) struct IdentifyDevice {
    pub(crate) info: DriveInfo,
    /// Word 48 bit 0, where the word is valid: the Trusted Computing feature set.
    pub(crate) has_trusted: bool,
}

impl IdentifyDevice {
    /// Bytes of the data.
    pub(crate) const LEN: usize = 512;

    /// ATA PASS-THROUGH (16) of IDENTIFY DEVICE: PIO Data-In, one block.
    pub(crate) const CDB: [u8; 16] = [0x85, 4 << 1, 0x0e, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xec, 0];

    pub(crate) fn decode(data: &[u8]) -> Result<Self, DriveError> {
        if data.len() < Self::LEN {
            let (name, least, got) = ("IDENTIFY DEVICE", Self::LEN, data.len());
            return Err(DriveError::ShortData { name, least, got });
        }
        // The first character of a word is in its high byte, which comes second.
        let words = |from: usize, to: usize| {
            let bytes = data.get(from * 2..to * 2).unwrap_or_default();
            let swapped: Vec<u8> =
                bytes.chunks(2).flat_map(|word| word.iter().rev()).copied().collect();
            text(&swapped)
        };
        let info =
            DriveInfo { serial: words(10, 20), firmware: words(23, 27), model: words(27, 47) };
        let trusted = match data.get(96..98) {
            Some([low, high]) => u16::from_le_bytes([*low, *high]),
            _ => 0,
        };
        Ok(Self { info, has_trusted: trusted & 0xc001 == 0x4001 })
    }
}

#[cfg(test)]
mod tests {
    use super::{DriveError, IdentifyController, IdentifyDevice};

    #[test]
    fn controllers() {
        let mut data = vec![0; 4096];
        data[4..8].copy_from_slice(b"S1\0\0");
        data[24..32].copy_from_slice(b"QEMU NVM");
        data[64..67].copy_from_slice(b"8.2");
        data[256] = 1;
        let controller = IdentifyController::decode(&data);
        let info = &controller.info;
        assert_eq!((&*info.serial, &*info.model, &*info.firmware), ("S1", "QEMU NVM", "8.2"));
        assert!(controller.has_security);
        for (exponent, expected) in
            [(0, 65536), (1, 8192), (3, 32768), (4, 65536), (63, 65536), (64, 65536), (255, 65536)]
        {
            data[77] = exponent;
            let max = IdentifyController::decode(&data).max_transfer(65536);
            assert_eq!(max, expected, "{exponent}");
        }
        assert!(!IdentifyController::decode(&[]).has_security);
    }

    #[test]
    fn ata_drives() {
        let mut data = vec![0; 512];
        data[20..24].copy_from_slice(b"1S32");
        data[46..48].copy_from_slice(b".1");
        data[54..62].copy_from_slice(b"PSMDD SI");
        data[96..98].copy_from_slice(&[0x01, 0x40]);
        let device = IdentifyDevice::decode(&data).unwrap();
        let info = &device.info;
        assert_eq!((&*info.serial, &*info.model, &*info.firmware), ("S123", "SPDM DIS", "1."));
        assert!(device.has_trusted);
        for word in [[0x01, 0x00], [0x00, 0x40], [0x01, 0xc0], [0xff, 0xff], [0x01, 0x80]] {
            data[96..98].copy_from_slice(&word);
            assert!(!IdentifyDevice::decode(&data).unwrap().has_trusted, "{word:02x?}");
        }
        let short = DriveError::ShortData { name: "IDENTIFY DEVICE", least: 512, got: 511 };
        assert_eq!(IdentifyDevice::decode(&data[..511]).unwrap_err(), short);
    }
}
