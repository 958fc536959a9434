//! NEGOTIATE_ALGORITHMS and ALGORITHMS.

use zerocopy::byteorder::little_endian::U32;

use crate::alg_structs::{AlgStructs, ExternalAlgStructs, NO_EXTERNAL, OFFERED_EXTERNAL};
use crate::algorithm_bits::{
    BaseAsymAlgo, BaseHashAlgo, MeasurementHashAlgo, MeasurementSpecification, MelSpecification,
    OtherParams, PqcAsymAlgo,
};
use crate::code::Code;
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected};
use crate::ext_algorithms::ExtAlgorithms;
use crate::header::Header;
use crate::message::sealed::Body;
use crate::reader::{Mark, Reader};
use crate::spdm_version::SpdmVersion::{self, V1_2, V1_3, V1_4};
use crate::trace::Trace;
use crate::wire::Presence::{Reserved, Since};
use crate::wire::{always, wire};
use crate::writer::Writer;

/// NEGOTIATE_ALGORITHMS (DSP0274 §NEGOTIATE_ALGORITHMS): what the Requester offers.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: number of AlgStructs | 1.1 |
/// | 4 | 2 | Length of the message | |
/// | 6 | 1 | MeasurementSpecification | |
/// | 7 | 1 | OtherParamsSupport | 1.2 |
/// | 8 | 4 | BaseAsymAlgo | |
/// | 12 | 4 | BaseHashAlgo | |
/// | 16 | 4 | PqcAsymAlgo | 1.4 |
/// | 20 | 8 | Reserved | |
/// | 28 | 1 | ExtAsymCount | |
/// | 29 | 1 | ExtHashCount | |
/// | 30 | 1 | Reserved | |
/// | 31 | 1 | MELspecification | 1.3 |
/// | 32 | | ExtAsym, ExtHash, AlgStructs | |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct NegotiateAlgorithms<'a> {
    /// `MeasurementSpecification`.
    pub measurement_specification: MeasurementSpecification,
    /// `OtherParamsSupport` (1.2).
    pub other_params: OtherParams,
    /// `BaseAsymAlgo`.
    pub base_asym: BaseAsymAlgo,
    /// `BaseHashAlgo`.
    pub base_hash: BaseHashAlgo,
    /// `PqcAsymAlgo` (1.4).
    pub pqc_asym: PqcAsymAlgo,
    /// `MELspecification` (1.3).
    pub mel_specification: MelSpecification,
    /// `ExtAsym`.
    pub ext_asym: ExtAlgorithms<'a>,
    /// `ExtHash`.
    pub ext_hash: ExtAlgorithms<'a>,
    /// The AlgStructs (1.1).
    pub alg_structs: AlgStructs,
    /// The same with external algorithms, where the offer names some: then these bytes are written.
    pub external: ExternalAlgStructs<'a>,
}

/// ALGORITHMS (DSP0274 §ALGORITHMS): what the Responder selected.
///
/// | offset | bytes | field | since |
/// |---|---|---|---|
/// | 2 | 1 | Param1: number of AlgStructs | 1.1 |
/// | 4 | 2 | Length of the message | |
/// | 6 | 1 | MeasurementSpecificationSel | |
/// | 7 | 1 | OtherParamsSelection | 1.2 |
/// | 8 | 4 | MeasurementHashAlgo | |
/// | 12 | 4 | BaseAsymSel | |
/// | 16 | 4 | BaseHashSel | |
/// | 20 | 4 | PqcAsymSel | 1.4 |
/// | 24 | 7 | Reserved | |
/// | 31 | 1 | MELspecificationSel | 1.3 |
/// | 32 | 1 | ExtAsymSelCount | |
/// | 33 | 1 | ExtHashSelCount | |
/// | 34 | 2 | Reserved | |
/// | 36 | | ExtAsym, ExtHash, AlgStructs, 4 bytes each | |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Algorithms<'a> {
    /// `MeasurementSpecificationSel`.
    pub measurement_specification: MeasurementSpecification,
    /// `OtherParamsSelection` (1.2).
    pub other_params: OtherParams,
    /// `MeasurementHashAlgo`.
    pub measurement_hash: MeasurementHashAlgo,
    /// `BaseAsymSel`.
    pub base_asym: BaseAsymAlgo,
    /// `BaseHashSel`.
    pub base_hash: BaseHashAlgo,
    /// `PqcAsymSel` (1.4).
    pub pqc_asym: PqcAsymAlgo,
    /// `MELspecificationSel` (1.3).
    pub mel_specification: MelSpecification,
    /// `ExtAsymSel`.
    pub ext_asym: ExtAlgorithms<'a>,
    /// `ExtHashSel`.
    pub ext_hash: ExtAlgorithms<'a>,
    /// The AlgStructs (1.1).
    pub alg_structs: AlgStructs,
}

/// Param1 counts AlgStructs from 1.1 on and is reserved in 1.0.
fn struct_count<'a, T: Trace<'a>>(r: &mut Reader<'a, '_, T>, header: Header, cx: &Cx) -> u8 {
    r.note_reserved(header.param2);
    if cx.version == SpdmVersion::V1_0 {
        r.note_reserved(header.param1);
        return 0;
    }
    header.param1
}

wire! {
    /// NEGOTIATE_ALGORITHMS between `Length` and the lists, which CAPABILITIES repeats (1.3).
    struct Offered {
        measurement_specification: u8 = always("MeasurementSpecification"),
        other_params: u8 = Since(V1_2, "OtherParamsSupport"),
        base_asym: U32 = always("BaseAsymAlgo"),
        base_hash: U32 = always("BaseHashAlgo"),
        pqc_asym: U32 = Since(V1_4, "PqcAsymAlgo"),
        reserved: [u8; 8] = Reserved,
        ext_asym: u8 = always("ExtAsymCount"),
        ext_hash: u8 = always("ExtHashCount"),
        reserved_2: u8 = Reserved,
        mel_specification: u8 = Since(V1_3, "MELspecification"),
    }
}

wire! {
    /// ALGORITHMS between `Length` and the lists.
    struct Selected {
        measurement_specification: u8 = always("MeasurementSpecificationSel"),
        other_params: u8 = Since(V1_2, "OtherParamsSelection"),
        measurement_hash: U32 = always("MeasurementHashAlgo"),
        base_asym: U32 = always("BaseAsymSel"),
        base_hash: U32 = always("BaseHashSel"),
        pqc_asym: U32 = Since(V1_4, "PqcAsymSel"),
        reserved: [u8; 7] = Reserved,
        mel_specification: u8 = Since(V1_3, "MELspecificationSel"),
        ext_asym: u8 = always("ExtAsymSelCount"),
        ext_hash: u8 = always("ExtHashSelCount"),
        reserved_2: [u8; 2] = Reserved,
    }
}

impl<'a> NegotiateAlgorithms<'a> {
    /// Reads from `Length` on, which counts the bytes since `start`; `count` is the number of AlgStructs.
    pub(crate) fn read_from_length<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        cx: &Cx,
        length: &'static str,
        start: usize,
        count: u8,
    ) -> Result<Self, &'t DecodeError> {
        let at_length = r.mark(length);
        let length = r.u16(length)?;
        let fixed: Offered = r.wire(cx.version)?;
        let ext_asym = ExtAlgorithms::read(r, fixed.ext_asym, "ExtAsym")?;
        let ext_hash = ExtAlgorithms::read(r, fixed.ext_hash, "ExtHash")?;
        let tables = r.remaining();
        let alg_structs = AlgStructs::read(r, cx, count, OFFERED_EXTERNAL)?;
        let len = tables.len() - r.remaining().len();
        let external = ExternalAlgStructs::new(tables.get(..len).unwrap_or_default(), &alg_structs);
        let message = Self {
            measurement_specification: MeasurementSpecification::from_bits_retain(
                fixed.measurement_specification,
            ),
            other_params: OtherParams::from_bits_retain(fixed.other_params),
            base_asym: BaseAsymAlgo::from_bits_retain(fixed.base_asym.get()),
            base_hash: BaseHashAlgo::from_bits_retain(fixed.base_hash.get()),
            pqc_asym: PqcAsymAlgo::from_bits_retain(fixed.pqc_asym.get()),
            mel_specification: MelSpecification::from_bits_retain(fixed.mel_specification),
            ext_asym,
            ext_hash,
            alg_structs,
            external,
        };
        check_length(r, start, at_length, length)?;
        Ok(message)
    }

    /// Writes from `Length` on, which counts the bytes since `start`.
    pub(crate) fn write_from_length(
        &self,
        w: &mut Writer<'_>,
        version: SpdmVersion,
        length: &'static str,
        start: usize,
    ) -> Result<(), EncodeError> {
        let at_length = w.position();
        w.u16(0);
        let fixed = Offered {
            measurement_specification: self.measurement_specification.bits(),
            other_params: self.other_params.bits(),
            base_asym: self.base_asym.bits().into(),
            base_hash: self.base_hash.bits().into(),
            pqc_asym: self.pqc_asym.bits().into(),
            reserved: [0; 8],
            ext_asym: self.ext_asym.count()?,
            ext_hash: self.ext_hash.count()?,
            reserved_2: 0,
            mel_specification: self.mel_specification.bits(),
        };
        w.wire(&fixed, version)?;
        self.ext_asym.write(w);
        self.ext_hash.write(w);
        if self.external.is_empty() {
            self.alg_structs.write(w, version)?;
        } else {
            self.external.write(w);
        }
        w.patch16(at_length, w.position() - start, length)
    }
}

/// `Length` counts what was read since `start`.
fn check_length<'a, 't, T: Trace<'a>>(
    r: &Reader<'a, 't, T>,
    start: usize,
    at: Mark<'t>,
    length: u16,
) -> Result<(), &'t DecodeError> {
    let expected = r.position() - start;
    if usize::from(length) == expected {
        return Ok(());
    }
    let expected = Expected::Exactly(u64::try_from(expected).unwrap_or(u64::MAX));
    Err(at.value(&expected, length))
}

impl<'a> Body<'a> for NegotiateAlgorithms<'a> {
    const BODY_NAME: &'static str = "NEGOTIATE_ALGORITHMS";
    const BODY_CODE: Code = Code::NEGOTIATE_ALGORITHMS;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let count = struct_count(r, header, cx);
        Self::read_from_length(r, cx, "Length", 0, count)
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.alg_structs.count(), 0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        self.write_from_length(w, version, "Length", 0)
    }
}

impl<'a> Body<'a> for Algorithms<'a> {
    const BODY_NAME: &'static str = "ALGORITHMS";
    const BODY_CODE: Code = Code::ALGORITHMS;

    fn read<'t, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        header: Header,
        cx: &Cx,
    ) -> Result<Self, &'t DecodeError> {
        let count = struct_count(r, header, cx);
        let at_length = r.mark("Length");
        let length = r.u16("Length")?;
        let fixed: Selected = r.wire(cx.version)?;
        let message = Self {
            measurement_specification: MeasurementSpecification::from_bits_retain(
                fixed.measurement_specification,
            ),
            other_params: OtherParams::from_bits_retain(fixed.other_params),
            measurement_hash: MeasurementHashAlgo::from_bits_retain(fixed.measurement_hash.get()),
            base_asym: BaseAsymAlgo::from_bits_retain(fixed.base_asym.get()),
            base_hash: BaseHashAlgo::from_bits_retain(fixed.base_hash.get()),
            pqc_asym: PqcAsymAlgo::from_bits_retain(fixed.pqc_asym.get()),
            mel_specification: MelSpecification::from_bits_retain(fixed.mel_specification),
            ext_asym: ExtAlgorithms::read(r, fixed.ext_asym, "ExtAsymSel")?,
            ext_hash: ExtAlgorithms::read(r, fixed.ext_hash, "ExtHashSel")?,
            alg_structs: AlgStructs::read(r, cx, count, NO_EXTERNAL)?,
        };
        check_length(r, 0, at_length, length)?;
        Ok(message)
    }

    fn params(&self, _: SpdmVersion) -> Result<[u8; 2], EncodeError> {
        Ok([self.alg_structs.count(), 0])
    }

    fn write(&self, w: &mut Writer<'_>, version: SpdmVersion) -> Result<(), EncodeError> {
        let at_length = w.position();
        w.u16(0);
        let fixed = Selected {
            measurement_specification: self.measurement_specification.bits(),
            other_params: self.other_params.bits(),
            measurement_hash: self.measurement_hash.bits().into(),
            base_asym: self.base_asym.bits().into(),
            base_hash: self.base_hash.bits().into(),
            pqc_asym: self.pqc_asym.bits().into(),
            reserved: [0; 7],
            mel_specification: self.mel_specification.bits(),
            ext_asym: self.ext_asym.count()?,
            ext_hash: self.ext_hash.count()?,
            reserved_2: [0; 2],
        };
        w.wire(&fixed, version)?;
        self.ext_asym.write(w);
        self.ext_hash.write(w);
        self.alg_structs.write(w, version)?;
        w.patch16(at_length, w.position(), "Length")
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithms, NegotiateAlgorithms};
    use crate::error::EncodeError;
    use crate::testing::{every_prefix_fails, expect_value, one_byte_more, round_trip};
    use crate::{
        BaseAsymAlgo, Cx, DheNamedGroup, MelSpecification, Message, OtherParams, PqcAsymAlgo,
        SpdmVersion, Untrusted,
    };
    use std::vec::Vec;

    fn request(version: SpdmVersion, structs: &[[u8; 4]]) -> Vec<u8> {
        let count = u8::try_from(structs.len()).unwrap();
        let other = if version >= SpdmVersion::V1_2 { 2 } else { 0 };
        let mut bytes = std::vec![version.to_byte(), 0xE3, count, 0, 32 + 4 * count, 0, 1, other];
        bytes.extend([0x90, 0, 0, 0, 0x03, 0, 0, 0]);
        bytes.resize(32, 0);
        bytes.extend(structs.concat());
        bytes
    }

    fn response(version: SpdmVersion, structs: &[[u8; 4]]) -> Vec<u8> {
        let count = u8::try_from(structs.len()).unwrap();
        let other = if version >= SpdmVersion::V1_2 { 2 } else { 0 };
        let mut bytes = std::vec![version.to_byte(), 0x63, count, 0, 36 + 4 * count, 0, 1, other];
        bytes.extend([4, 0, 0, 0, 0x80, 0, 0, 0, 2, 0, 0, 0]);
        bytes.resize(36, 0);
        bytes.extend(structs.concat());
        bytes
    }

    const STRUCTS: [[u8; 4]; 3] = [[2, 0x20, 0x18, 0], [3, 0x20, 2, 0], [5, 0x20, 1, 0]];

    #[test]
    fn a_version_has_no_fields_of_later_ones() {
        let offer = NegotiateAlgorithms::default();
        let later = [
            (
                SpdmVersion::V1_2,
                "OtherParamsSupport",
                NegotiateAlgorithms { other_params: OtherParams::MULTI_KEY_CONN, ..offer },
            ),
            (
                SpdmVersion::V1_3,
                "MELspecification",
                NegotiateAlgorithms { mel_specification: MelSpecification::DMTF, ..offer },
            ),
            (
                SpdmVersion::V1_4,
                "PqcAsymAlgo",
                NegotiateAlgorithms { pqc_asym: PqcAsymAlgo::ML_DSA_44, ..offer },
            ),
        ];
        for (since, field, message) in later {
            let mut out = [0; 32];
            for version in SpdmVersion::ALL {
                let missing = Err(EncodeError::NotInVersion { field });
                let expected = if version >= since { Ok(32) } else { missing };
                assert_eq!(message.encode(version, &mut out), expected, "{version}");
                if version < since {
                    continue;
                }
                // Where the field is reserved, its bytes are ignored and reported.
                for before in SpdmVersion::ALL.into_iter().filter(|before| *before < since) {
                    out[0] = before.to_byte();
                    let bytes = Untrusted::new(&out[..]);
                    let decoded = NegotiateAlgorithms::decode(bytes, &Cx::new(before)).unwrap();
                    assert!(decoded.reserved_nonzero());
                    assert_eq!(decoded.message, offer);
                }
            }
        }
    }

    #[test]
    fn both_directions_in_every_version() {
        for version in SpdmVersion::ALL {
            let cx = Cx::new(version);
            let structs = if version == SpdmVersion::V1_0 { &STRUCTS[..0] } else { &STRUCTS };
            let bytes = request(version, structs);
            let message: NegotiateAlgorithms<'_> = round_trip(&bytes, &cx);
            assert_eq!(message.base_asym, BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384);
            every_prefix_fails::<NegotiateAlgorithms<'_>>(&bytes, &cx);
            let bytes = response(version, structs);
            let message: Algorithms<'_> = round_trip(&bytes, &cx);
            assert_eq!(message.base_asym, BaseAsymAlgo::ECDSA_P384);
            let dhe = DheNamedGroup::SECP_256_R1 | DheNamedGroup::SECP_384_R1;
            let since_1_1 = version >= SpdmVersion::V1_1;
            assert_eq!(message.alg_structs.dhe, since_1_1.then_some(dhe));
            every_prefix_fails::<Algorithms<'_>>(&bytes, &cx);
            let longer = [&bytes[..], &[0]].concat();
            one_byte_more::<Algorithms<'_>>(&longer, &cx);
        }
    }

    #[test]
    fn external_algorithms_are_listed() {
        let cx = Cx::new(SpdmVersion::V1_2);
        let mut bytes = response(SpdmVersion::V1_2, &[]);
        (bytes[4], bytes[32]) = (40, 1);
        bytes.extend([3, 0, 0x34, 0x12]);
        let message: Algorithms<'_> = round_trip(&bytes, &cx);
        let [only] = message.ext_asym.iter().collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((only.registry_id, only.algorithm_id), (3, 0x1234));
    }

    /// As an independent firmware requester offers DHE: AlgCount 0x21.
    const WITH_EXTERNAL: [[u8; 4]; 5] =
        [[2, 0x21, 0x18, 0], [3, 0, 0x34, 0x12], [3, 0x20, 2, 0], [5, 0x21, 1, 0], [2, 0, 7, 0]];

    /// An offer in three tables, of which two name an external algorithm each.
    fn offer_with_external(version: SpdmVersion) -> Vec<u8> {
        let mut bytes = request(version, &WITH_EXTERNAL);
        bytes[2] = 3;
        bytes
    }

    #[test]
    fn offers_of_external_algorithms_are_read_and_written_again() {
        for version in SpdmVersion::ALL.into_iter().filter(|v| *v >= SpdmVersion::V1_1) {
            let cx = Cx::new(version);
            let bytes = offer_with_external(version);
            let message: NegotiateAlgorithms<'_> = round_trip(&bytes, &cx);
            let dhe = DheNamedGroup::SECP_256_R1 | DheNamedGroup::SECP_384_R1;
            assert_eq!((message.alg_structs.count(), message.alg_structs.dhe), (3, Some(dhe)));
            let named: Vec<_> = message
                .external
                .iter()
                .map(|(alg_type, entry)| (alg_type, entry.registry_id, entry.algorithm_id))
                .collect();
            assert_eq!(named, [(2, 3, 0x1234), (5, 2, 7)]);
            every_prefix_fails::<NegotiateAlgorithms<'_>>(&bytes, &cx);
        }
        let bytes = request(SpdmVersion::V1_2, &STRUCTS);
        let none: NegotiateAlgorithms<'_> = round_trip(&bytes, &Cx::new(SpdmVersion::V1_2));
        assert!(none.external.is_empty());
    }

    #[test]
    fn tables_of_external_algorithms_have_their_length() {
        let cx = Cx::new(SpdmVersion::V1_2);
        for (count, wrong) in [(0x31, 0x31), (0x11, 0x11), (0x01, 0x01), (0xF1, 0xF1)] {
            let mut bytes = offer_with_external(SpdmVersion::V1_2);
            bytes[33] = count;
            expect_value::<NegotiateAlgorithms<'_>>(&bytes, &cx, "AlgCount", 33, wrong);
        }
        // The entry of the first table is taken for the second one.
        let mut bytes = offer_with_external(SpdmVersion::V1_2);
        bytes[33] = 0x20;
        expect_value::<NegotiateAlgorithms<'_>>(&bytes, &cx, "AlgCount", 37, 0);
        // More than follows.
        let mut bytes = offer_with_external(SpdmVersion::V1_2);
        bytes[33] = 0x2F;
        assert!(NegotiateAlgorithms::decode(Untrusted::new(&bytes), &cx).is_err());
    }

    #[test]
    fn n13_length_order_type_and_count() {
        let cx = Cx::new(SpdmVersion::V1_2);
        for wrong in [0, 35, 47, 49, 255] {
            let mut bytes = response(SpdmVersion::V1_2, &STRUCTS);
            bytes[4] = wrong;
            expect_value::<Algorithms<'_>>(&bytes, &cx, "Length", 4, wrong.into());
        }
        let of = |rows: &[[u8; 4]]| response(SpdmVersion::V1_2, rows);
        let unsorted = of(&[[3, 0x20, 2, 0], [2, 0x20, 1, 0]]);
        expect_value::<Algorithms<'_>>(&unsorted, &cx, "AlgType", 40, 2);
        let twice = of(&[[3, 0x20, 2, 0], [3, 0x20, 2, 0]]);
        expect_value::<Algorithms<'_>>(&twice, &cx, "AlgType", 40, 3);
        let of_1_4 = of(&[[7, 0x20, 1, 0]]);
        expect_value::<Algorithms<'_>>(&of_1_4, &cx, "AlgType", 36, 7);
        for count in [0x00, 0x10, 0x21, 0x2F, 0x30, 0xF0] {
            let bytes = of(&[[2, count, 1, 0]]);
            expect_value::<Algorithms<'_>>(&bytes, &cx, "AlgCount", 37, count.into());
        }
    }
}
