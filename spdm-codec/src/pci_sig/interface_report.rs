//! The device interface report of TDISP, all portions put together.

use bitflags::bitflags;
use spdm_untrusted::Untrusted;

use crate::error::DecodeError;
use crate::reader::{Reader, length, next_of, read_from};
use crate::trace::{NoTrace, Trace};

bitflags! {
    /// `INTERFACE_INFO`. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct InterfaceInfo: u16 {
        /// No firmware update while the interface is locked or runs.
        const NO_FW_UPDATE = 1 << 0;
        /// It makes DMA requests without PASID.
        const DMA_WITHOUT_PASID = 1 << 1;
        /// It makes DMA requests with PASID.
        const DMA_WITH_PASID = 1 << 2;
        /// ATS is supported and enabled.
        const ATS = 1 << 3;
        /// PRS is supported and enabled.
        const PRS = 1 << 4;
        const _ = !0;
    }
}

bitflags! {
    /// Attributes of an MMIO range. Unknown bits survive.
    #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
    pub struct MmioAttributes: u16 {
        /// It holds the MSI-X table.
        const MSI_X_TABLE = 1 << 0;
        /// It holds the MSI-X pending bits.
        const MSI_X_PBA = 1 << 1;
        /// It is no memory of the TEE.
        const NON_TEE = 1 << 2;
        /// SET_MMIO_ATTRIBUTE may change that.
        const UPDATABLE = 1 << 3;
        const _ = !0;
    }
}

/// An MMIO range of an interface.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | first 4 KiB page, with MMIO_REPORTING_OFFSET added |
/// | 8 | 4 | number of 4 KiB pages |
/// | 12 | 2 | attributes |
/// | 14 | 2 | Range ID |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct MmioRange {
    /// Number of its first page of 4 KiB, MMIO_REPORTING_OFFSET included.
    pub first_page: u64,
    /// How many pages of 4 KiB it has.
    pub pages: u32,
    /// Its attributes.
    pub attributes: MmioAttributes,
    /// `Range ID`.
    pub range_id: u16,
}

impl MmioRange {
    fn read<'a, 't, T: Trace<'a>>(r: &mut Reader<'a, 't, T>) -> Result<Self, &'t DecodeError> {
        Ok(Self {
            first_page: r.u64("MMIO_FIRST_PAGE")?,
            pages: r.u32("MMIO_NUMBER_OF_PAGES")?,
            attributes: MmioAttributes::from_bits_retain(r.u16("MMIO_RANGE_ATTRIBUTES")?),
            range_id: r.u16("MMIO_RANGE_ID")?,
        })
    }
}

/// DEVICE_INTERFACE_REPORT, all portions put together (PCIe 6.1 §11.3.11).
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | INTERFACE_INFO |
/// | 2 | 2 | Reserved |
/// | 4 | 2 | MSI_X_MESSAGE_CONTROL |
/// | 6 | 2 | LNR_CONTROL |
/// | 8 | 4 | TPH_CONTROL |
/// | 12 | 4 | MMIO_RANGE_COUNT n |
/// | 16 | 16 n | MMIO_RANGE |
/// | +0 | 4 | DEVICE_SPECIFIC_INFO_LEN l |
/// | +4 | l | DEVICE_SPECIFIC_INFO |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct InterfaceReport<'a> {
    /// `INTERFACE_INFO`.
    pub info: InterfaceInfo,
    /// `MSI_X_MESSAGE_CONTROL`: the register of the MSI-X capability.
    pub msi_x_message_control: u16,
    /// `LNR_CONTROL`: the register of the LN requester capability.
    pub lnr_control: u16,
    /// `TPH_CONTROL`: the register of the TPH requester capability.
    pub tph_control: u32,
    /// `DEVICE_SPECIFIC_INFO`.
    pub device_specific: &'a [u8],
    ranges: &'a [u8],
}

impl<'a> InterfaceReport<'a> {
    /// Decodes a whole report.
    ///
    /// # Errors
    /// [`DecodeError`] with offsets from its start.
    pub fn decode(report: Untrusted<&'a [u8]>) -> Result<Self, DecodeError> {
        report.validate_with(|raw| {
            read_from("DEVICE_INTERFACE_REPORT", raw, NoTrace, |r| {
                let info = InterfaceInfo::from_bits_retain(r.u16("INTERFACE_INFO")?);
                r.reserved(2)?;
                let msi_x_message_control = r.u16("MSI_X_MESSAGE_CONTROL")?;
                let lnr_control = r.u16("LNR_CONTROL")?;
                let tph_control = r.u32("TPH_CONTROL")?;
                let count = r.u32("MMIO_RANGE_COUNT")?;
                // A count beyond what a report can hold finds no bytes.
                let ranges = r.bytes("MMIO_RANGE", length(count).saturating_mul(16))?;
                let len = r.u32("DEVICE_SPECIFIC_INFO_LEN")?;
                let device_specific = r.bytes("DEVICE_SPECIFIC_INFO", length(len))?;
                r.finish(0)?;
                Ok(Self {
                    info,
                    msi_x_message_control,
                    lnr_control,
                    tph_control,
                    device_specific,
                    ranges,
                })
            })
        })
    }

    /// The MMIO ranges, in their order.
    pub fn ranges(&self) -> impl Iterator<Item = MmioRange> + 'a {
        let mut rest = self.ranges;
        core::iter::from_fn(move || next_of("MMIO_RANGE", &mut rest, MmioRange::read))
    }
}

#[cfg(test)]
mod tests {
    use super::{InterfaceInfo, InterfaceReport, MmioAttributes};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    fn report(ranges: u8, specific: &[u8]) -> Vec<u8> {
        let mut bytes = std::vec![0b1_0101, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, ranges, 0, 0, 0];
        for range in 0..ranges {
            bytes.extend([range, 1, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0b1001, 0, range, 0x10]);
        }
        bytes.extend(u32::try_from(specific.len()).unwrap().to_le_bytes());
        bytes.extend(specific);
        bytes
    }

    #[test]
    fn every_field() {
        let bytes = report(2, &[9, 8, 7]);
        let decoded = InterfaceReport::decode(Untrusted::new(&bytes)).unwrap();
        let expected =
            InterfaceInfo::NO_FW_UPDATE | InterfaceInfo::DMA_WITH_PASID | InterfaceInfo::PRS;
        assert_eq!(decoded.info, expected);
        assert_eq!((decoded.msi_x_message_control, decoded.lnr_control), (0x0201, 0x0403));
        assert_eq!((decoded.tph_control, decoded.device_specific), (0x0807_0605, &[9, 8, 7][..]));
        let ranges: Vec<_> = decoded.ranges().collect();
        assert_eq!(ranges.len(), 2);
        assert_eq!((ranges[1].first_page, ranges[1].pages, ranges[1].range_id), (0x101, 4, 0x1001));
        assert_eq!(ranges[1].attributes, MmioAttributes::MSI_X_TABLE | MmioAttributes::UPDATABLE);
    }

    #[test]
    fn a_report_is_whole_or_none() {
        let bytes = report(1, &[9]);
        for len in 0..bytes.len() {
            assert!(InterfaceReport::decode(Untrusted::new(&bytes[..len])).is_err(), "{len}");
        }
        assert!(InterfaceReport::decode(Untrusted::new(&[&bytes[..], &[0]].concat())).is_err());
        // Counts that no report can hold.
        let mut many = report(0, &[]);
        many[12..16].fill(0xFF);
        assert!(InterfaceReport::decode(Untrusted::new(&many)).is_err());
    }
}
