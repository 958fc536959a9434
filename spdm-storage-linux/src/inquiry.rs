//! How SCSI devices describe themselves: INQUIRY data and vital product data (SPC-5 §6.6, §7.7).

use crate::drive_info::{DriveInfo, text};
use crate::error::DriveError;

/// Standard INQUIRY data.
#[derive(Debug)]
pub(crate) struct Inquiry {
    pub(crate) info: DriveInfo,
    /// Whether a device is there and connected: the peripheral qualifier is 0.
    pub(crate) is_connected: bool,
    /// Whether a layer translates for an ATA drive: the vendor is `ATA` (SAT-4 §9.2.2).
    pub(crate) is_ata: bool,
}

impl Inquiry {
    /// What is asked for, in bytes.
    pub(crate) const LEN: u8 = 96;
    /// What every device has.
    const LEAST: usize = 36;

    pub(crate) fn decode(data: &[u8]) -> Result<Self, DriveError> {
        if data.len() < Self::LEAST {
            let (name, least, got) = ("INQUIRY data", Self::LEAST, data.len());
            return Err(DriveError::ShortData { name, least, got });
        }
        let field = |at: core::ops::Range<usize>| text(data.get(at).unwrap_or_default());
        let (vendor, product) = (field(8..16), field(16..32));
        let model = format!("{vendor} {product}").trim().to_owned();
        let info = DriveInfo { model, serial: String::new(), firmware: field(32..36) };
        let is_connected = data.first().is_some_and(|byte| byte >> 5 == 0);
        Ok(Self { info, is_connected, is_ata: vendor == "ATA" })
    }
}

/// A page of vital product data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct VpdPage(pub(crate) u8);

impl VpdPage {
    /// Which pages there are.
    pub(crate) const SUPPORTED: Self = Self(0x00);
    /// Unit Serial Number.
    pub(crate) const SERIAL: Self = Self(0x80);
    /// ATA Information: a layer translates for an ATA drive.
    pub(crate) const ATA: Self = Self(0x89);
    /// Block Limits.
    pub(crate) const BLOCK_LIMITS: Self = Self(0xb0);

    /// What is asked for of a page, in bytes: one byte has the length, and the longest page that is used is shorter.
    pub(crate) const LEN: u8 = 252;

    /// The content of the page, without its header; nothing where this is another page.
    pub(crate) fn content(self, data: &[u8]) -> &[u8] {
        let Some(([_, page, high, low], rest)) = data.split_first_chunk() else { return &[] };
        if *page != self.0 {
            return &[];
        }
        let len = rest.len().min(u16::from_be_bytes([*high, *low]).into());
        rest.get(..len).unwrap_or_default()
    }
}

/// MAXIMUM TRANSFER LENGTH of Block Limits in bytes, if it is less than `max`: it counts logical blocks, which have at
/// least 512 bytes; 0 for no limit.
pub(crate) fn max_transfer(block_limits: &[u8], max: usize) -> usize {
    let Some([b0, b1, b2, b3]) = block_limits.get(4..8) else { return max };
    let blocks = usize::try_from(u32::from_be_bytes([*b0, *b1, *b2, *b3])).unwrap_or(0);
    match blocks {
        0 => max,
        _ => blocks.saturating_mul(512).min(max),
    }
}

#[cfg(test)]
mod tests {
    use super::{DriveError, Inquiry, VpdPage, max_transfer};

    #[test]
    fn inquiry_data() {
        let mut data = *b"\0\0\x06\x02\x1f\0\0\0ATA     SPDM DISK       1.0 ";
        let inquiry = Inquiry::decode(&data).unwrap();
        assert_eq!((&*inquiry.info.model, &*inquiry.info.firmware), ("ATA SPDM DISK", "1.0"));
        assert!(inquiry.is_ata && inquiry.is_connected);
        data[0] = 0x20;
        data[10] = b'X';
        let inquiry = Inquiry::decode(&data).unwrap();
        assert!(!inquiry.is_ata && !inquiry.is_connected);
        let short = DriveError::ShortData { name: "INQUIRY data", least: 36, got: 35 };
        assert_eq!(Inquiry::decode(&data[..35]).unwrap_err(), short);
    }

    #[test]
    fn pages() {
        let page = [0, 0x80, 0, 3, b'A', b'B', b'C', b'D'];
        assert_eq!(VpdPage::SERIAL.content(&page), b"ABC");
        assert_eq!(VpdPage::ATA.content(&page), b"", "another page");
        assert_eq!(VpdPage::SERIAL.content(&[0, 0x80, 0xff, 0xff, b'A']), b"A");
        for len in 0..4 {
            assert_eq!(VpdPage::SERIAL.content(&page[..len]), b"");
        }
        for (blocks, expected) in
            [(0_u32, 65536), (1, 512), (64, 32768), (128, 65536), (u32::MAX, 65536)]
        {
            let content = [&[0; 4][..], &blocks.to_be_bytes()].concat();
            assert_eq!(max_transfer(&content, 65536), expected);
        }
        assert_eq!(max_transfer(&[0; 7], 65536), 65536);
    }
}
