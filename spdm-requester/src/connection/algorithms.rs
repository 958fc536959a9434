//! NEGOTIATE_ALGORITHMS and ALGORITHMS.

use spdm_codec::{
    AlgStructs, Algorithms, CapabilityFlags, Code, ConnectionKeys, Cx, Expected, MeasCap,
    MeasurementHashAlgo, MeasurementSpecification, MelSpecification, NegotiateAlgorithms,
    OtherParams, SpdmVersion,
};

use super::{Connection, Stage};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::config::Compat;
use crate::error::{Error, Incompatible, Violation};
use crate::error_cell::{At, ErrorCell};
use crate::negotiated::{Negotiated, Selected};

const MESSAGE: &str = "ALGORITHMS";

impl Connection {
    #[inline(never)]
    pub(super) fn accept_algorithms<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        answer: &Answer<'_, 'r>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        if self.stage != Stage::AfterCapabilities {
            return Err(errors.order(Code::NEGOTIATE_ALGORITHMS));
        }
        let version = self.version;
        let asked = self.request::<NegotiateAlgorithms<'_>>(errors, request, version)?;
        let cx = Cx::new(version).with_padding(self.answer_padding());
        let decoded = errors.decode::<Algorithms<'_>>(response, &cx)?;
        let (offer, choice) = (&asked.message, &decoded.message);
        check_choice(errors, offer, choice)?;
        check_tables(errors, self.compat, offer, choice)?;
        self.check_measurements(errors, offer, choice)?;
        self.check_needed(errors, choice)?;
        self.check_params(errors, offer, choice)?;
        let multi_key = version >= SpdmVersion::V1_3
            && offer.other_params.contains(OtherParams::MULTI_KEY_CONN)
            && self.responder.flags.multi_key_cap() != 0;
        let negotiated = Negotiated {
            version,
            requester: self.requester,
            responder: self.responder,
            selected: Selected {
                measurement_specification: choice.measurement_specification,
                measurement_hash: choice.measurement_hash,
                base_asym: choice.base_asym,
                base_hash: choice.base_hash,
                pqc_asym: choice.pqc_asym,
                other_params: choice.other_params,
                mel_specification: choice.mel_specification,
                alg_structs: choice.alg_structs,
            },
            connection_keys: if multi_key { ConnectionKeys::Multi } else { ConnectionKeys::Single },
        };
        self.vca.add(errors, [asked.bytes, decoded.bytes])?;
        self.negotiated = Some(negotiated);
        self.stage = Stage::Negotiated;
        Ok(Accepted::Algorithms(decoded.message))
    }

    fn both(&self, flags: CapabilityFlags) -> bool {
        (self.requester.flags & self.responder.flags).contains(flags)
    }

    /// Measurements have a format and a hash where both sides want them, and none elsewhere.
    fn check_measurements<'f>(
        &self,
        errors: &'f ErrorCell,
        offer: &NegotiateAlgorithms<'_>,
        choice: &Algorithms<'_>,
    ) -> Result<(), &'f Error> {
        let wanted = self.responder.flags.meas_cap() != MeasCap::None
            && offer.measurement_specification.contains(MeasurementSpecification::DMTF);
        let expected = if wanted { MeasurementSpecification::DMTF } else { Default::default() };
        if choice.measurement_specification != expected {
            let (expected, got) = (expected.bits(), choice.measurement_specification.bits());
            let at = &At(MESSAGE, "MeasurementSpecificationSel");
            return Err(errors.value(at, &Expected::Exactly(expected.into()), got));
        }
        let hash = choice.measurement_hash;
        let known = hash == MeasurementHashAlgo::RAW_BIT_STREAM || hash.digest_len().is_some();
        let defined = hash != MeasurementHashAlgo::SM3_256 || self.version >= SpdmVersion::V1_2;
        if wanted && !(known && defined) {
            let at = &At(MESSAGE, "MeasurementHashAlgo");
            let expected = &Expected::Rule("a measurement hash");
            return Err(errors.value(at, expected, hash.bits()));
        }
        Ok(())
    }

    /// What the capabilities of both sides need must be selected.
    fn check_needed<'f>(
        &self,
        errors: &'f ErrorCell,
        choice: &Algorithms<'_>,
    ) -> Result<(), &'f Error> {
        type F = CapabilityFlags;
        let responder = self.responder.flags;
        let key_ex = self.both(F::KEY_EX_CAP);
        let psk = self.requester.flags.psk_cap() != 0 && responder.psk_cap() != 0;
        let signs = responder.intersects(F::CERT_CAP | F::CHAL_CAP)
            || responder.meas_cap() == MeasCap::Signature
            || key_ex;
        let structs = &choice.alg_structs;
        let needs_requester_key = self.both(F::MUT_AUTH_CAP)
            || (self.version >= SpdmVersion::V1_3 && self.requester.flags.ep_info_cap() == 2);
        let both_or_neither = |one: bool, other: bool| one == other;
        let dhe = structs.dhe.is_some_and(|a| !a.is_empty());
        let kem = structs.kem.is_some_and(|a| !a.is_empty());
        let req_base = structs.req_base_asym.is_some_and(|a| !a.is_empty());
        let req_pqc = structs.req_pqc_asym.is_some_and(|a| !a.is_empty());
        let seals = self.both(F::ENCRYPT_CAP) || self.both(F::MAC_CAP);
        let field = if (signs || psk) && choice.base_hash.digest_len().is_none() {
            "BaseHashSel"
        } else if signs && choice.base_asym.is_empty() == choice.pqc_asym.is_empty() {
            "BaseAsymSel"
        } else if key_ex && both_or_neither(dhe, kem) {
            "DHE"
        } else if seals && !structs.aead.is_some_and(|a| a.is_single()) {
            "AEAD"
        } else if needs_requester_key && both_or_neither(req_base, req_pqc) {
            "ReqBaseAsymAlg"
        } else if (key_ex || psk) && !structs.key_schedule.is_some_and(|a| a.is_single()) {
            "KeySchedule"
        } else {
            return Ok(());
        };
        Err(errors.incompatible(Incompatible::NoAlgorithm { field }))
    }

    /// MELspecificationSel and RequesterMultiKeyConnSel (1.3).
    fn check_params<'f>(
        &self,
        errors: &'f ErrorCell,
        offer: &NegotiateAlgorithms<'_>,
        choice: &Algorithms<'_>,
    ) -> Result<(), &'f Error> {
        if self.version < SpdmVersion::V1_3 {
            return Ok(());
        }
        let mel = self.responder.flags.contains(CapabilityFlags::MEL_CAP)
            && offer.mel_specification.contains(MelSpecification::DMTF);
        let expected = if mel { MelSpecification::DMTF } else { MelSpecification::empty() };
        if choice.mel_specification != expected {
            let got = choice.mel_specification.bits();
            let expected = Expected::Exactly(expected.bits().into());
            return Err(errors.value(&At(MESSAGE, "MELspecificationSel"), &expected, got));
        }
        let multi_key = choice.other_params.contains(OtherParams::MULTI_KEY_CONN);
        let rule = match (self.requester.flags.multi_key_cap(), multi_key) {
            (0, true) => "no RequesterMultiKeyConnSel, for MULTI_KEY_CAP is 0",
            (1, false) => "RequesterMultiKeyConnSel, for MULTI_KEY_CAP is 1",
            _ => return Ok(()),
        };
        let got = choice.other_params.bits();
        Err(errors.value(&At(MESSAGE, "OtherParamsSelection"), &Expected::Rule(rule), got))
    }
}

/// At most one bit of what was offered in every category.
fn check_choice<'f>(
    errors: &'f ErrorCell,
    offer: &NegotiateAlgorithms<'_>,
    choice: &Algorithms<'_>,
) -> Result<(), &'f Error> {
    let formats = [offer.other_params, choice.other_params].map(|p| p.opaque_format().bits());
    let [offered_format, format] = formats.map(u32::from);
    let (specification, chosen) =
        (offer.measurement_specification.bits(), choice.measurement_specification.bits());
    check_bits(errors, "MeasurementSpecificationSel", specification.into(), chosen.into())?;
    // The Requester does not offer measurement hashes.
    check_bits(errors, "MeasurementHashAlgo", u32::MAX, choice.measurement_hash.bits())?;
    check_bits(errors, "BaseAsymSel", offer.base_asym.bits(), choice.base_asym.bits())?;
    check_bits(errors, "BaseHashSel", offer.base_hash.bits(), choice.base_hash.bits())?;
    check_bits(errors, "PqcAsymSel", offer.pqc_asym.bits(), choice.pqc_asym.bits())?;
    check_bits(errors, "OtherParamsSelection", offered_format, format)?;
    let (given, taken) = (offer.alg_structs.bitmaps(), choice.alg_structs.bitmaps());
    for ((field, offered), got) in AlgStructs::NAMES.into_iter().zip(given).zip(taken) {
        check_bits(errors, field, offered.unwrap_or(0), got.unwrap_or(0))?;
    }
    if offer.ext_asym.is_empty() && !choice.ext_asym.is_empty() {
        return Err(errors.unexpected(&At(MESSAGE, "ExtAsymSelCount")));
    }
    if offer.ext_hash.is_empty() && !choice.ext_hash.is_empty() {
        return Err(errors.unexpected(&At(MESSAGE, "ExtHashSelCount")));
    }
    Ok(())
}

fn check_bits<'f>(
    errors: &'f ErrorCell,
    field: &'static str,
    offered: u32,
    got: u32,
) -> Result<(), &'f Error> {
    let violation = if got.count_ones() > 1 {
        Violation::NotOne { got: got.into() }
    } else if got & !offered != 0 {
        Violation::NotOffered { offered: offered.into(), got: got.into() }
    } else {
        return Ok(());
    };
    Err(errors.misbehaved(&At(MESSAGE, field), violation))
}

/// No table is selected from that was not sent.
fn check_tables<'f>(
    errors: &'f ErrorCell,
    compat: Compat,
    offer: &NegotiateAlgorithms<'_>,
    choice: &Algorithms<'_>,
) -> Result<(), &'f Error> {
    // They select nothing: that is checked for all tables.
    if compat.unasked_alg_structs {
        return Ok(());
    }
    let (given, taken) = (offer.alg_structs.bitmaps(), choice.alg_structs.bitmaps());
    for ((field, asked), came) in AlgStructs::NAMES.into_iter().zip(given).zip(taken) {
        if came.is_some() && asked.is_none() {
            return Err(errors.unexpected(&At(MESSAGE, field)));
        }
    }
    if choice.alg_structs.zero_tables > 0 {
        return Err(errors.unexpected(&At(MESSAGE, "AlgStruct")));
    }
    Ok(())
}
