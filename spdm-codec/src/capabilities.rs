//! GET_CAPABILITIES and CAPABILITIES.

use zerocopy::byteorder::little_endian::{U16, U32};

use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError};
use crate::flags::{CapabilityExtFlags, CapabilityFlags};
use crate::header::Header;
use crate::message::sealed::Body;
use crate::negotiate_algorithms::NegotiateAlgorithms;
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion::{self, V1_2, V1_4};
use crate::trace::Trace;
use crate::wire::Presence::{Reserved, Since};
use crate::wire::{always, wire};
use crate::writer::{Writer, absent};

/// The smallest legal `DataTransferSize` in bytes (DSP0274 1.2 §CAPABILITIES).
pub const MIN_DATA_TRANSFER_SIZE: u32 = 42;

/// Whether GET_CAPABILITIES asks for the `SupportedAlgorithms` block (1.3: Param1 bit 0).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one bit")]
pub enum AlgorithmsBlock {
    /// The bit is clear, or the version has no such bit.
    #[default]
    NotRequested,
    /// The bit is set.
    Requested,
}

/// The sizes that 1.2 added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the wire has these two")]
pub struct TransferSizes {
    /// `DataTransferSize`: the largest SPDM message that is received in one transfer, in bytes.
    pub data_transfer_size: u32,
    /// `MaxSPDMmsgSize`: the largest SPDM message after reassembly, in bytes.
    pub max_spdm_msg_size: u32,
}

/// What either side says of itself: the part that GET_CAPABILITIES (1.1 and later) and CAPABILITIES share.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 4 | 1 | Reserved | |
/// | 5 | 1 | CTExponent | 1.0, requests 1.1 |
/// | 6 | 2 | ExtFlags | 1.4 |
/// | 8 | 4 | Flags | 1.0, requests 1.1 |
/// | 12 | 4 | DataTransferSize | 1.2 |
/// | 16 | 4 | MaxSPDMmsgSize | 1.2 |
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "callers build it; later versions append optional messages"
)]
pub struct Capability {
    /// `CTExponent`: cryptographic operations take at most 2^n microseconds.
    pub ct_exponent: u8,
    /// `ExtFlags` (1.4).
    pub ext_flags: CapabilityExtFlags,
    /// `Flags`, as received.
    pub flags: CapabilityFlags,
    /// The sizes, from 1.2 on.
    pub sizes: Option<TransferSizes>,
}

wire! {
    struct CapabilityWire {
        reserved: u8 = Reserved,
        ct_exponent: u8 = always("CTExponent"),
        ext_flags: U16 = Since(V1_4, "ExtFlags"),
        flags: U32 = always("Flags"),
    }
}

wire! {
    struct TransferSizesWire {
        data_transfer_size: U32 = Since(V1_2, "DataTransferSize"),
        max_spdm_msg_size: U32 = Since(V1_2, "MaxSPDMmsgSize"),
    }
}

impl Capability {
    fn read<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let fixed: CapabilityWire = r.wire(cx.version)?;
        let sizes = if cx.version >= V1_2 {
            let sizes: TransferSizesWire = r.wire(cx.version)?;
            Some(TransferSizes {
                data_transfer_size: sizes.data_transfer_size.get(),
                max_spdm_msg_size: sizes.max_spdm_msg_size.get(),
            })
        } else {
            None
        };
        Ok(Self {
            ct_exponent: fixed.ct_exponent,
            ext_flags: CapabilityExtFlags::from_bits_retain(fixed.ext_flags.get()),
            flags: CapabilityFlags::from_bits_retain(fixed.flags.get()),
            sizes,
        })
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        let fixed = CapabilityWire {
            reserved: 0,
            ct_exponent: self.ct_exponent,
            ext_flags: self.ext_flags.bits().into(),
            flags: self.flags.bits().into(),
        };
        w.wire(&fixed, version)?;
        if version < V1_2 {
            return absent(self.sizes.as_ref(), "DataTransferSize");
        }
        let sizes = self.sizes.ok_or(EncodeError::Missing { field: "DataTransferSize" })?;
        let sizes = TransferSizesWire {
            data_transfer_size: sizes.data_transfer_size.into(),
            max_spdm_msg_size: sizes.max_spdm_msg_size.into(),
        };
        w.wire(&sizes, version)
    }
}

/// GET_CAPABILITIES (DSP0274 §GET_CAPABILITIES): 4 bytes in 1.0, 12 in 1.1, 20 from 1.2 on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct GetCapabilities {
    /// Whether the Responder is asked for its supported algorithms (1.3).
    pub algorithms_block: AlgorithmsBlock,
    /// The Requester's capabilities, from 1.1 on.
    pub capability: Option<Capability>,
}

impl<'a> Body<'a> for GetCapabilities {
    const BODY_NAME: &'static str = "GET_CAPABILITIES";
    const BODY_CODE: Code = Code::GET_CAPABILITIES;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let algorithms_block = read_block_bit(r, header, cx);
        let capability = match cx.version {
            SpdmVersion::V1_0 => None,
            _ => Some(Capability::read(r, cx)?),
        };
        Ok(Self { algorithms_block, capability })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        match self.algorithms_block {
            AlgorithmsBlock::NotRequested => Ok([0, 0]),
            AlgorithmsBlock::Requested if version >= SpdmVersion::V1_3 => Ok([1, 0]),
            AlgorithmsBlock::Requested => Err(EncodeError::NotInVersion { field: "Param1" }),
        }
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        if version == SpdmVersion::V1_0 {
            return absent(self.capability.as_ref(), "Flags");
        }
        self.capability.ok_or(EncodeError::Missing { field: "Flags" })?.write(w, version)
    }
}

fn read_block_bit<'a, T: Trace<'a>>(
    r: &mut Reader<'a, '_, T>,
    header: Header,
    cx: &Cx,
) -> AlgorithmsBlock {
    let defined = if cx.version >= SpdmVersion::V1_3 { 1 } else { 0 };
    r.note_reserved(header.param1 & !defined | header.param2);
    match header.param1 & defined {
        0 => AlgorithmsBlock::NotRequested,
        _ => AlgorithmsBlock::Requested,
    }
}

/// CAPABILITIES (DSP0274 §CAPABILITIES): 12 bytes in 1.0 and 1.1, 20 from 1.2 on, then from 1.3 on the
/// `SupportedAlgorithms` block where Param1 bit 0 says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Capabilities<'a> {
    /// The Responder's capabilities.
    pub capability: Capability,
    /// The `SupportedAlgorithms` block, where the Responder included it (1.3).
    pub supported_algorithms: Option<SupportedAlgorithms<'a>>,
}

impl<'a> Body<'a> for Capabilities<'a> {
    const BODY_NAME: &'static str = "CAPABILITIES";
    const BODY_CODE: Code = Code::CAPABILITIES;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let block = read_block_bit(r, header, cx);
        let capability = Capability::read(r, cx)?;
        let supported_algorithms = match block {
            AlgorithmsBlock::NotRequested => None,
            AlgorithmsBlock::Requested => Some(SupportedAlgorithms::read(r, cx)?),
        };
        Ok(Self { capability, supported_algorithms })
    }

    fn params(&self, version: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        match self.supported_algorithms {
            None => Ok([0, 0]),
            Some(_) if version >= SpdmVersion::V1_3 => Ok([1, 0]),
            Some(_) => Err(EncodeError::NotInVersion { field: "SupportedAlgorithms" }),
        }
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        self.capability.write(w, version)?;
        match &self.supported_algorithms {
            None => Ok(()),
            Some(block) => block.write(w, version),
        }
    }
}

/// The `SupportedAlgorithms` block of CAPABILITIES (1.3). Offsets from the start of the block:
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | number of AlgStructs |
/// | 1 | 1 | Reserved |
/// | 2 | 2 | Length of the block |
/// | 4 | 1 | MeasurementSpecification |
/// | 5 | 1 | OtherParamsSupport |
/// | 6 | 4 | BaseAsymAlgo |
/// | 10 | 4 | BaseHashAlgo |
/// | 14 | 4 | PqcAsymAlgo (1.4) |
/// | 18 | 8 | Reserved |
/// | 26 | 1 | ExtAsymCount |
/// | 27 | 1 | ExtHashCount |
/// | 28 | 1 | Reserved |
/// | 29 | 1 | MELspecification |
/// | 30 | | ExtAsym, ExtHash, AlgStructs, 4 bytes each |
///
/// From offset 2 on, these are the fields of NEGOTIATE_ALGORITHMS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SupportedAlgorithms<'a>(pub NegotiateAlgorithms<'a>);

impl<'a> SupportedAlgorithms<'a> {
    const LENGTH: &'static str = "SupportedAlgorithms.Length";

    fn read<'t, T: Trace<'a>>(r: &mut Reader<'a, 't, T>, cx: &Cx) -> Result<Self, &'t DecodeError> {
        let start = r.position();
        let count = r.u8("SupportedAlgorithms.Param1")?;
        r.reserved(1)?;
        NegotiateAlgorithms::read_from_length(r, cx, Self::LENGTH, start, count).map(Self)
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        let start = w.position();
        w.u8(self.0.alg_structs.count());
        w.u8(0);
        self.0.write_from_length(w, version, Self::LENGTH, start)
    }
}

#[cfg(test)]
mod tests {
    use super::{AlgorithmsBlock, Capabilities, GetCapabilities};
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{Cx, Message, SpdmVersion};
    use spdm_untrusted::Untrusted;
    use std::vec::Vec;

    const RESPONSE: [u8; 20] =
        [0x14, 0x61, 0, 0, 0, 14, 1, 0, 0x17, 0, 2, 0x80, 0x00, 0x12, 0, 0, 0, 0x20, 1, 0];

    fn of(version: SpdmVersion, code: u8, len: usize) -> Vec<u8> {
        let mut bytes = RESPONSE[..len].to_vec();
        (bytes[0], bytes[1]) = (version.to_byte(), code);
        if version < SpdmVersion::V1_4 && len > 7 {
            bytes[6] = 0;
        }
        bytes
    }

    #[test]
    fn sizes_of_every_version() {
        for (version, request, response) in [
            (SpdmVersion::V1_0, 4, 12),
            (SpdmVersion::V1_1, 12, 12),
            (SpdmVersion::V1_2, 20, 20),
            (SpdmVersion::V1_3, 20, 20),
            (SpdmVersion::V1_4, 20, 20),
        ] {
            let cx = Cx::new(version);
            let bytes = of(version, 0xE1, request);
            let message: GetCapabilities = round_trip(&bytes, &cx);
            assert_eq!(message.capability.is_some(), version >= SpdmVersion::V1_1);
            every_prefix_fails::<GetCapabilities>(&bytes, &cx);
            let bytes = of(version, 0x61, response);
            let message: Capabilities<'_> = round_trip(&bytes, &cx);
            let capability = message.capability;
            assert_eq!(capability.ct_exponent, 14);
            assert_eq!(capability.flags.bits(), 0x8002_0017);
            assert_eq!(capability.ext_flags.bits(), u16::from(version >= SpdmVersion::V1_4));
            let sizes = capability.sizes.map(|s| (s.data_transfer_size, s.max_spdm_msg_size));
            let since_1_2 = version >= SpdmVersion::V1_2;
            assert_eq!(sizes, since_1_2.then_some((0x1200, 0x12000)));
            every_prefix_fails::<Capabilities<'_>>(&bytes, &cx);
            let longer = [&bytes[..], &[0]].concat();
            one_byte_more::<Capabilities<'_>>(&longer, &cx);
        }
    }

    #[test]
    fn the_block_is_read_only_where_its_bit_is_defined_and_set() {
        let mut bytes = of(SpdmVersion::V1_3, 0x61, 20);
        bytes[2] = 1;
        bytes.extend([1, 0, 34, 0, 1, 2, 0x80, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0; 8]);
        bytes.extend([0, 0, 0, 1, 2, 0x20, 0x10, 0]);
        let cx = Cx::new(SpdmVersion::V1_3);
        let message: Capabilities<'_> = round_trip(&bytes, &cx);
        assert!(message.supported_algorithms.is_some());
        every_prefix_fails::<Capabilities<'_>>(&bytes, &cx);
        for wrong in [0, 30, 33, 35, 38] {
            let mut bytes = bytes.clone();
            bytes[22] = wrong;
            let field = "SupportedAlgorithms.Length";
            expect_value::<Capabilities<'_>>(&bytes, &cx, field, 22, wrong.into());
        }
        let mut plain = of(SpdmVersion::V1_2, 0x61, 20);
        plain[2] = 1;
        let cx = Cx::new(SpdmVersion::V1_2);
        let decoded = Capabilities::decode(Untrusted::new(&plain), &cx).unwrap();
        assert!(decoded.reserved_nonzero() && decoded.message.supported_algorithms.is_none());
    }

    #[test]
    fn the_request_bit() {
        let mut bytes = of(SpdmVersion::V1_3, 0xE1, 20);
        bytes[2] = 1;
        let message: GetCapabilities = round_trip(&bytes, &Cx::new(SpdmVersion::V1_3));
        assert_eq!(message.algorithms_block, AlgorithmsBlock::Requested);
        assert!(message.encode(SpdmVersion::V1_2, &mut [0; 20]).is_err());
    }
}
