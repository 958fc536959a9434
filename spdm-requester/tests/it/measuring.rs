//! What is asked for of a device's measurements, and the summary hash that CHALLENGE_AUTH has of them.

use crate::sim::cause::{Cause, signature};
use crate::sim::{FLOW, Memory, Sim, config, error_of, faulty_at, requester, with_policy};
use spdm_codec::{
    CapabilityFlags, Code, ContentChanged, DeviceMode, EncodeError, Measurement,
    MeasurementAttributes, MeasurementForm, MeasurementSummary, MeasurementType, SpdmVersion,
};
use spdm_emulator::{Act, DeviceConfig, Edit, Fault, Position, ScriptStep, When};
use spdm_requester::{
    AttestationPlan, Attested, Error, Misuse, Requirement, Selection, SummaryAgreement, blocking,
};

/// Attests by a changed plan, and looks at the result.
fn attest<R>(
    sim: &mut Sim,
    change: impl FnOnce(&mut AttestationPlan<'_>),
    see: impl FnOnce(&Attested<'_, '_>) -> R,
) -> Result<R, Cause> {
    with_policy(sim, |sim, policy| {
        let mut plan = AttestationPlan::new(policy);
        change(&mut plan);
        let mut memory = Memory::new();
        let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
        let clock = sim.clock.clone();
        let flow = requester(&mut memory, sim).attest(plan, &mut chain, &mut record);
        match blocking::run(flow, sim, &clock) {
            Ok((_, attested)) => Ok(see(&attested)),
            Err(failure) => Err(error_of(failure.error).into()),
        }
    })
}

/// What is said of the summary hash, and its length.
type Summary = (SummaryAgreement, Option<usize>);

fn summary_of(attested: &Attested<'_, '_>) -> Summary {
    let summary = attested.verified.possession().summary();
    (attested.summary, summary.map(|summary| summary.digest.as_bytes().len()))
}

#[test]
fn n22_a_summary_hash_is_compared_where_its_blocks_are_known() {
    use SummaryAgreement::{Agrees, NotAsked, NotKnown};
    for version in SpdmVersion::ALL {
        let rows = [
            (MeasurementSummary::None, Selection::All, (NotAsked, None)),
            (MeasurementSummary::All, Selection::All, (Agrees, Some(32))),
            // Which blocks are the trusted computing base, the device alone knows.
            (MeasurementSummary::Tcb, Selection::All, (NotKnown, Some(32))),
            (MeasurementSummary::All, Selection::Indices(&[1, 2]), (NotKnown, Some(32))),
        ];
        for (summary, selection, expected) in rows {
            let mut sim = Sim::new(config(version));
            let result = attest(
                &mut sim,
                |plan| {
                    plan.summary = summary;
                    plan.selection = selection;
                },
                summary_of,
            );
            assert_eq!(result, Ok(expected), "{version} {summary:?}");
        }
        // Without measurements there is nothing to compare it with; it is reported all the same.
        let seen = attest(
            &mut Sim::new(config(version)),
            |plan| {
                plan.requirement = Requirement::Challenge;
                plan.summary = MeasurementSummary::All;
            },
            summary_of,
        );
        assert_eq!(seen, Ok((NotAsked, Some(32))), "{version}");
    }
}

/// Asks for a summary of everything, of a device that changes one bit of one of its answers.
fn with_changed_summary(
    version: SpdmVersion,
    request: Code,
    act: Act,
) -> (Result<Summary, Cause>, Vec<Code>) {
    let script = vec![ScriptStep::new(request, When::Always, act)];
    let mut sim = Sim::new(DeviceConfig { script, ..config(version) });
    let seen = attest(&mut sim, |plan| plan.summary = MeasurementSummary::All, summary_of);
    (seen, sim.codes())
}

#[test]
fn n22_a_summary_hash_that_is_signed_and_wrong() {
    let bit = |name| Edit::Flip(Position::Field(name, 0), 1);
    let summary = "MeasurementSummaryHash";
    for version in SpdmVersion::ALL {
        // Both signatures hold: the caller is told, and judges.
        let expected = Ok((SummaryAgreement::Differs, Some(32)));
        let seen = with_changed_summary(version, Code::CHALLENGE, Act::Change(bit(summary)));
        assert_eq!(seen, (expected, FLOW.to_vec()), "{version}");
        // The other way round: other measurements than those of the hash are signed.
        let value = Act::Change(bit("DMTFSpecMeasurementValue"));
        let seen = with_changed_summary(version, Code::GET_MEASUREMENTS, value);
        assert_eq!(seen, (expected, FLOW.to_vec()), "{version}");
        // On its way nothing can be changed.
        let seen = with_changed_summary(version, Code::CHALLENGE, Act::Tamper(bit(summary)));
        let refused = Err(signature("CHALLENGE_AUTH"));
        assert_eq!(seen, (refused, FLOW[..6].to_vec()), "{version}");
    }
}

#[test]
fn n22_a_device_without_measurements_has_no_summary_hash() {
    let capabilities = Some(CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP);
    for version in SpdmVersion::ALL {
        for summary in [MeasurementSummary::Tcb, MeasurementSummary::All] {
            let mut sim = Sim::new(DeviceConfig { capabilities, ..config(version) });
            let change = |plan: &mut AttestationPlan<'_>| {
                plan.requirement = Requirement::Challenge;
                plan.summary = summary;
            };
            let seen = attest(&mut sim, change, summary_of);
            assert_eq!(seen, Ok((SummaryAgreement::NotAsked, None)), "{version} {summary:?}");
        }
    }
}

#[test]
fn n22_raw_blocks_are_not_those_of_a_summary_hash() {
    for version in [SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let change = |plan: &mut AttestationPlan<'_>| {
            plan.summary = MeasurementSummary::All;
            plan.attributes = MeasurementAttributes::RAW_BIT_STREAM_REQUESTED;
        };
        let seen = attest(&mut Sim::new(config(version)), change, summary_of);
        assert_eq!(seen, Ok((SummaryAgreement::NotKnown, Some(32))), "{version}");
    }
}

#[test]
fn n20_a_summary_hash_that_is_missing() {
    for version in SpdmVersion::ALL {
        let mut sim = faulty_at(version, Fault::SummaryHashMissing, Code::CHALLENGE);
        let change = |plan: &mut AttestationPlan<'_>| plan.summary = MeasurementSummary::All;
        let result = attest(&mut sim, change, |_| ());
        // What stands in its place is read, and the message ends early or its signature is wrong.
        assert!(result.is_err(), "{version}");
        assert_eq!(sim.codes(), FLOW[..6], "{version}");
    }
}

#[test]
fn n21_raw_bit_streams_and_new_measurements() {
    for version in SpdmVersion::ALL {
        let rows = [
            (
                MeasurementAttributes::RAW_BIT_STREAM_REQUESTED,
                SpdmVersion::V1_2,
                "RawBitStreamRequested",
            ),
            (
                MeasurementAttributes::NEW_MEASUREMENT_REQUESTED,
                SpdmVersion::V1_3,
                "NewMeasurementRequested",
            ),
        ];
        for (attributes, since, field) in rows {
            let mut sim = Sim::new(config(version));
            let forms = attest(
                &mut sim,
                |plan| plan.attributes = attributes,
                |attested| {
                    let record = attested.measured.unwrap().record;
                    let forms = record.iter().map(|block| match block.measurement {
                        Measurement::Dmtf(measurement) => measurement.form,
                        _ => panic!("another specification"),
                    });
                    forms.collect::<Vec<_>>()
                },
            );
            if version < since {
                let error = Misuse::Encode(EncodeError::NotInVersion { field });
                assert_eq!(forms, Err(Cause::Other(Error::Misuse(error))), "{version}");
                continue;
            }
            let raw = attributes == MeasurementAttributes::RAW_BIT_STREAM_REQUESTED;
            let all_raw = forms.unwrap().iter().all(|form| *form == MeasurementForm::RawBitStream);
            assert_eq!(all_raw, raw, "{version}");
            assert_eq!(sim.codes(), FLOW);
        }
    }
}

#[test]
fn n21_manifest_device_mode_and_changed_content() {
    for version in SpdmVersion::ALL.into_iter().filter(|version| *version >= SpdmVersion::V1_2) {
        let mut sim = faulty_at(version, Fault::ContentChanged, Code::GET_MEASUREMENTS);
        let (mode, manifest, changed) = attest(
            &mut sim,
            |_| {},
            |attested| {
                let measured = attested.measured.unwrap();
                let (mut mode, mut manifest) = (None, 0);
                for block in measured.record.iter() {
                    let Measurement::Dmtf(measurement) = block.measurement else { continue };
                    mode = mode.or_else(|| measurement.device_mode());
                    if measurement.value_type == MeasurementType::FreeformManifest {
                        manifest = measurement.value.len();
                    }
                }
                (mode, manifest, measured.content_changed)
            },
        )
        .unwrap();
        assert!(manifest > 0);
        assert!(matches!(mode, Some(DeviceMode { operational_mode_state: 0b0100, .. })));
        assert_eq!(changed, ContentChanged::Changed, "{version}");
    }
}

/// What came before the refusal was not signed, and never will be.
#[test]
fn nothing_of_an_unfinished_selection_stays_in_the_buffer() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        with_policy(&mut sim, |sim, policy| {
            let mut plan = AttestationPlan::new(policy);
            plan.selection = Selection::Indices(&[1, 0xEE]);
            let mut memory = Memory::new();
            let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
            let clock = sim.clock.clone();
            let flow = requester(&mut memory, sim).attest(plan, &mut chain, &mut record);
            let failure = blocking::run(flow, sim, &clock).unwrap_err();
            assert!(matches!(error_of(failure.error), Error::Refused(_)), "{version}");
            assert_eq!(
                sim.codes().iter().filter(|code| **code == Code::GET_MEASUREMENTS).count(),
                2
            );
            assert!(record.iter().all(|byte| *byte == 0), "{version}");
        });
    }
}
