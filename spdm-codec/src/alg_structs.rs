//! The AlgStructs that 1.1 added to the negotiation.

use core::fmt;

use crate::algorithm_bits::{
    AeadCipherSuite, BaseAsymAlgo, DheNamedGroup, KemAlgo, KeyScheduleAlgo, PqcAsymAlgo,
};
use crate::cx::Cx;
use crate::error::{DecodeError, EncodeError, Expected, wide};
use crate::ext_algorithms::{ExtAlgorithm, ExtAlgorithms};
use crate::reader::Reader;
use crate::spdm_version::SpdmVersion;
use crate::trace::Trace;
use crate::writer::Writer;

/// AlgCount: a fixed bitmap of two bytes in its upper half, and no external algorithms in its lower one.
const ALG_COUNT: u8 = 0x20;

/// The bits of AlgCount that count external algorithms: a Requester may offer some.
pub(crate) const OFFERED_EXTERNAL: u8 = 0x0F;
/// None of them: of what we offer, no external algorithm can be selected.
pub(crate) const NO_EXTERNAL: u8 = 0;

/// Bytes of a table without external algorithms, and of one of those.
const TABLE_LEN: usize = 4;
const EXT_LEN: usize = 4;

const DHE: u8 = 2;
const KEY_SCHEDULE: u8 = 5;
const KEM: u8 = 7;

/// The AlgStruct tables of NEGOTIATE_ALGORITHMS, ALGORITHMS and CAPABILITIES (DSP0274 1.1
/// §NEGOTIATE_ALGORITHMS): 4 bytes each, ordered by `AlgType`; `None` where the message has no such table.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 1 | AlgType |
/// | 1 | 1 | AlgCount: 0x20, and in an offer the number of external algorithms |
/// | 2 | 2 | AlgSupported or AlgSelected |
/// | 4 | | AlgExternal, 4 bytes each: see [`ExternalAlgStructs`] |
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct AlgStructs {
    /// AlgType 2: DHE.
    pub dhe: Option<DheNamedGroup>,
    /// AlgType 3: AEAD.
    pub aead: Option<AeadCipherSuite>,
    /// AlgType 4: ReqBaseAsymAlg, the low 16 bits of [`BaseAsymAlgo`].
    pub req_base_asym: Option<BaseAsymAlgo>,
    /// AlgType 5: KeySchedule.
    pub key_schedule: Option<KeyScheduleAlgo>,
    /// AlgType 6: ReqPqcAsymAlg (1.4), the low 16 bits of [`PqcAsymAlgo`].
    pub req_pqc_asym: Option<PqcAsymAlgo>,
    /// AlgType 7: KEMAlg (1.4).
    pub kem: Option<KemAlgo>,
    /// Tables of four zero bytes after the others. There should be none; libspdm 2.2 to 3.0 answers with
    /// them where it was not asked for a type.
    pub zero_tables: u8,
}

/// The AlgStructs of an offer that names external algorithms in them, byte for byte; nothing where it names none.
///
/// No device that is known selects one, and this crate never offers one: they are kept so that an offer is the same
/// when it is written again.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct ExternalAlgStructs<'a>(&'a [u8]);

impl<'a> ExternalAlgStructs<'a> {
    /// `tables` were read as `structs`.
    pub(crate) fn new(tables: &'a [u8], structs: &AlgStructs) -> Self {
        // Without external algorithms they have this length.
        let len = TABLE_LEN * usize::from(structs.count());
        if tables.len() == len { Self(&[]) } else { Self(tables) }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each external algorithm, with the AlgType of its table.
    pub fn iter(&self) -> impl Iterator<Item = (u8, ExtAlgorithm)> + use<'a> {
        let mut tables = self.0;
        let next = move || {
            let ([alg_type, alg_count, ..], rest) = tables.split_first_chunk::<TABLE_LEN>()?;
            let len = EXT_LEN * usize::from(alg_count & OFFERED_EXTERNAL);
            let (entries, rest) = rest.split_at_checked(len)?;
            tables = rest;
            Some((*alg_type, ExtAlgorithms::from_bytes(entries)))
        };
        core::iter::from_fn(next)
            .flat_map(|(alg_type, entries)| entries.iter().map(move |entry| (alg_type, entry)))
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.bytes(self.0);
    }
}

impl fmt::Debug for ExternalAlgStructs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl AlgStructs {
    /// How many tables there are.
    #[must_use]
    pub fn count(&self) -> u8 {
        let tables: u8 = self.bitmaps().iter().map(|bits| u8::from(bits.is_some())).sum();
        tables.saturating_add(self.zero_tables)
    }

    /// The names of the tables in the specification's spelling, by `AlgType` from 2 on.
    pub const NAMES: [&'static str; 6] =
        ["DHE", "AEAD", "ReqBaseAsymAlg", "KeySchedule", "ReqPqcAsymAlg", "KEMAlg"];

    /// The bitmap of each table of [`Self::NAMES`]; `None` where it is not there.
    #[must_use]
    #[inline(never)]
    pub fn bitmaps(&self) -> [Option<u32>; 6] {
        [
            self.dhe.map(|a| a.bits().into()),
            self.aead.map(|a| a.bits().into()),
            self.req_base_asym.map(|a| a.bits()),
            self.key_schedule.map(|a| a.bits().into()),
            self.req_pqc_asym.map(|a| a.bits()),
            self.kem.map(|a| a.bits().into()),
        ]
    }

    pub(crate) fn read<'a, 't, T: Trace<'a>>(
        r: &mut Reader<'a, 't, T>,
        cx: &Cx,
        count: u8,
        external: u8,
    ) -> Result<Self, &'t DecodeError> {
        let last = if cx.version >= SpdmVersion::V1_4 { KEM } else { KEY_SCHEDULE };
        // By AlgType, from DHE on.
        let mut tables = [None; 6];
        let mut zero_tables = 0;
        let mut first = DHE;
        for _ in 0..count {
            let at = r.mark("AlgType");
            let alg_type = r.u8("AlgType")?;
            if alg_type == 0 && r.remaining().first_chunk() == Some(&[0, 0, 0]) {
                r.reserved(3)?;
                zero_tables += 1;
                first = last + 1;
                continue;
            }
            if !(first..=last).contains(&alg_type) {
                // Also duplicates and wrong order: types strictly increase.
                return Err(at.value(&Expected::Range(first.into(), last.into()), alg_type));
            }
            first = alg_type + 1;
            let at = r.mark("AlgCount");
            let alg_count = r.u8("AlgCount")?;
            if alg_count & !external != ALG_COUNT {
                return Err(at.value(const { &Expected::Exactly(wide(ALG_COUNT)) }, alg_count));
            }
            let bits = r.u16("AlgSupported")?;
            if alg_count != ALG_COUNT {
                r.bytes("AlgExternal", EXT_LEN * usize::from(alg_count & external))?;
            }
            if let Some(place) = tables.get_mut(usize::from(alg_type - DHE)) {
                *place = Some(bits);
            }
        }
        let [dhe, aead, req_base_asym, key_schedule, req_pqc_asym, kem] = tables;
        Ok(Self {
            dhe: dhe.map(DheNamedGroup::from_bits_retain),
            aead: aead.map(AeadCipherSuite::from_bits_retain),
            req_base_asym: req_base_asym.map(|bits| BaseAsymAlgo::from_bits_retain(bits.into())),
            key_schedule: key_schedule.map(KeyScheduleAlgo::from_bits_retain),
            req_pqc_asym: req_pqc_asym.map(|bits| PqcAsymAlgo::from_bits_retain(bits.into())),
            kem: kem.map(KemAlgo::from_bits_retain),
            zero_tables,
        })
    }

    pub(crate) fn write(
        &self,
        w: &mut Writer<'_>,
        version: SpdmVersion,
    ) -> Result<(), EncodeError> {
        for (alg_type, bits) in (DHE..).zip(self.bitmaps()) {
            let Some(bits) = bits else { continue };
            let since = if alg_type > KEY_SCHEDULE { SpdmVersion::V1_4 } else { SpdmVersion::V1_1 };
            if version < since {
                return Err(EncodeError::NotInVersion { field: "AlgStruct" });
            }
            let bits =
                u16::try_from(bits).map_err(|_| EncodeError::TooLarge { field: "AlgSupported" })?;
            w.bytes(&[alg_type, ALG_COUNT]);
            w.u16(bits);
        }
        w.zeros(4 * usize::from(self.zero_tables));
        Ok(())
    }
}
