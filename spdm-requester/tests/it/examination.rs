//! What is known of a device that is not verified, and what an observer hears.

use core::mem::discriminant;

use crate::sim::cause::Cause;
use crate::sim::trusting::{CERTIFICATE, DIGESTS, Trust, fetched, policy, slot, two_slots};
use crate::sim::{
    FLOW, Memory, Sim, V1_2, attest_with, config, error_of, faulty, requester, since, with_policy,
};
use spdm_codec::{CapabilityFlags, Code, ErrorCode, KeySlot, MeasurementSummary, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, EcCurve};
use spdm_emulator::{Act, DeviceConfig, Fault, KeyProvisioning, ScriptStep, When};
use spdm_requester::{
    AttestationCheck, AttestationPlan, ChainCache, CheckStatus, Error, Examined, Incompatible,
    KeySource, Misuse, Observation, Observer, Proof, Requirement, RunError, SlotChoice,
    SummaryAgreement, blocking,
};
use spdm_x509::{Check, Policy, Rule};

/// Every step and every check that was decided, in order; and each error.
#[derive(Default)]
struct Heard {
    steps: Vec<&'static str>,
    checks: Vec<(AttestationCheck, CheckStatus)>,
    errors: Vec<Error>,
    verified: usize,
}

impl Observer for Heard {
    fn observe(&mut self, observation: &Observation<'_>) {
        self.checks.extend(observation.checks());
        self.steps.push(match observation {
            Observation::Begun { .. } => "begun",
            Observation::Negotiated(_) => "negotiated",
            Observation::Chain { .. } => "chain",
            Observation::Appraised(_) => "appraised",
            Observation::Asked { proof: Proof::Challenge, .. } => "CHALLENGE asked",
            Observation::Asked { .. } => "GET_MEASUREMENTS asked",
            Observation::Challenged(_) => "challenged",
            Observation::Measured { .. } => "measured",
            Observation::Verified(_) => "verified",
            _ => "other",
        });
        match observation {
            Observation::Failed(error) => self.errors.push(**error),
            Observation::Verified(_) => self.verified += 1,
            _ => {}
        }
    }
}

impl Heard {
    /// How a check ended: a failure counts most.
    fn status(&self, check: AttestationCheck) -> Option<CheckStatus> {
        let of = |wanted| self.checks.contains(&(check, wanted)).then_some(wanted);
        [CheckStatus::Fail, CheckStatus::Pass, CheckStatus::Skipped].into_iter().find_map(of)
    }
}

/// Examines a device by its chain.
fn examine<R>(
    sim: &mut Sim,
    plan: AttestationPlan<'_>,
    look: impl FnOnce(Examined<'_, '_>) -> R,
) -> (Result<R, Error>, Heard) {
    let (mut memory, mut buffer, mut record) = (Memory::new(), [0; 0x4000], [0; 0x1000]);
    let mut heard = Heard::default();
    let clock = sim.clock.clone();
    sim.requests.clear();
    let source = KeySource::Chain { known: ChainCache::EMPTY, buffer: &mut buffer };
    let flow = requester(&mut memory, sim).examine(plan, source, &mut record);
    let result = blocking::run(flow.observed_by(&mut heard), sim, &clock);
    let result = match result {
        Ok((_, examined)) => Ok(look(examined)),
        Err(failure) => Err(error_of(failure.error)),
    };
    (result, heard)
}

/// The checks that are part of every attestation, but for reference values.
fn of_devices() -> impl Iterator<Item = AttestationCheck> {
    let reference = AttestationCheck::MeasurementsReference;
    AttestationCheck::ALL.into_iter().filter(move |check| *check != reference)
}

#[test]
fn an_observer_hears_of_every_check_in_order() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let (result, heard) = with_policy(&mut sim, |sim, policy| {
            examine(sim, AttestationPlan::new(policy), |examined| examined.verified.is_ok())
        });
        assert_eq!(result, Ok(true), "{version}");
        // DIGESTS is compared before the chain is read.
        let mut order: Vec<_> = heard.checks.iter().map(|(check, _)| *check).collect();
        order.sort();
        assert!(order.iter().copied().eq(of_devices()), "{version}: {order:?}");
        for check in of_devices() {
            let skipped = check == AttestationCheck::LeafSan;
            let expected = if skipped { CheckStatus::Skipped } else { CheckStatus::Pass };
            assert_eq!(heard.status(check), Some(expected), "{version} {check:?}");
        }
        assert_eq!((heard.errors.len(), heard.verified), (0, 2));
        let steps = [
            "begun",
            "negotiated",
            "chain",
            "appraised",
            "CHALLENGE asked",
            "challenged",
            "verified",
            "GET_MEASUREMENTS asked",
            "measured",
            "verified",
        ];
        assert_eq!(heard.steps, steps, "{version}");
        assert_eq!(sim.codes(), FLOW);
    }
}

/// Whatever is wrong with a device: it is examined as verified exactly where it is attested, and what is wrong with
/// it is the same.
#[test]
fn a_device_is_verified_where_an_attestation_succeeds() {
    for fault in Fault::ALL {
        let mut sim = faulty(V1_2, *fault);
        let attested = with_policy(&mut sim, |sim, policy| {
            let (mut memory, mut chain, mut record) = (Memory::new(), [0; 0x4000], [0; 0x1000]);
            let clock = sim.clock.clone();
            let plan = AttestationPlan::new(policy);
            let flow = requester(&mut memory, sim).attest(plan, &mut chain, &mut record);
            blocking::run(flow, sim, &clock).map(drop).map_err(|failure| failure.error)
        });
        let mut sim = faulty(V1_2, *fault);
        let mut heard = Heard::default();
        let examined = with_policy(&mut sim, |sim, policy| {
            let (mut memory, mut buffer, mut record) = (Memory::new(), [0; 0x4000], [0; 0x1000]);
            let clock = sim.clock.clone();
            let source = KeySource::Chain { known: ChainCache::EMPTY, buffer: &mut buffer };
            let plan = AttestationPlan::new(policy);
            let flow = requester(&mut memory, sim).examine(plan, source, &mut record);
            let result = blocking::run(flow.observed_by(&mut heard), sim, &clock);
            let examined = result.map_err(|failure| failure.error);
            examined.and_then(|(_, examined)| Ok(examined.verified.map(drop)?))
        });
        assert_eq!(examined.is_ok(), attested.is_ok(), "{fault}");
        // Behind a chain that is not trusted there may be more that is wrong.
        if !matches!(attested, Err(RunError::Requester(Error::Chain(_)))) {
            // Not the same offset in every run.
            let kind = |error| match error {
                RunError::Requester(error) => {
                    Some((discriminant(&error), AttestationCheck::decided_by(&error)))
                }
                _ => None,
            };
            assert_eq!(examined.map_err(kind), attested.map_err(kind), "{fault}");
        }
        // A required signature that the observer did not see pass is none.
        let signatures =
            [AttestationCheck::ChallengeSignature, AttestationCheck::MeasurementsSignature];
        let signed = signatures.iter().all(|check| heard.status(*check) == Some(CheckStatus::Pass));
        let failed = heard.checks.iter().any(|(_, status)| *status == CheckStatus::Fail);
        assert_eq!(examined.is_ok(), signed && !failed && heard.errors.is_empty(), "{fault}");
    }
}

#[test]
fn what_is_known_of_a_device_that_nobody_trusts() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let nobody = policy(&[]);
        let mut untrusted = AttestationPlan::new(&nobody);
        untrusted.summary = MeasurementSummary::All;
        let mut unjudged = AttestationPlan::without_policy();
        unjudged.summary = MeasurementSummary::All;
        for plan in [untrusted, unjudged] {
            let (result, heard) = examine(&mut sim, plan, |examined| {
                assert!(examined.trusted.is_none());
                let challenged = examined.challenged.unwrap();
                let measured = examined.measured.unwrap();
                let possession = measured.possession.unwrap();
                let identity = examined.identity.unwrap();
                assert_eq!(challenged.identity().digest(), identity.digest());
                assert_eq!(possession.identity().digest(), identity.digest());
                assert_eq!(
                    (challenged.proof(), possession.proof()),
                    (Proof::Challenge, Proof::Measurements)
                );
                assert!(measured.record.number_of_blocks() > 0);
                assert_eq!(examined.summary, SummaryAgreement::Agrees);
                examined.verified.map(drop).unwrap_err()
            });
            let error = result.unwrap();
            match plan.policy {
                Some(_) => assert!(
                    matches!(error, Error::Chain(error) if error.rule == Rule::NoTrustAnchor && error.check == Check::Anchor)
                ),
                None => assert_eq!(error, Error::Misuse(Misuse::Unfinished)),
            }
            assert_eq!(sim.codes(), FLOW, "{version}");
            assert_eq!(heard.verified, 0);
            let signature = AttestationCheck::MeasurementsSignature;
            assert_eq!(heard.status(signature), Some(CheckStatus::Pass));
        }
        // Who wants to be sure gets nothing.
        sim.requests.clear();
        let plan = AttestationPlan::without_policy();
        assert_eq!(attest_with(&mut sim, plan), Err(Error::Misuse(Misuse::Policy)));
        assert_eq!(sim.codes(), []);
    }
}

#[test]
fn what_a_device_lacks_is_left_out_and_told() {
    let all = CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP | CapabilityFlags::MEAS_CAP_SIG;
    for version in SpdmVersion::ALL {
        for (lacking, name, missing) in [
            (CapabilityFlags::CHAL_CAP, "CHAL_CAP", Code::CHALLENGE),
            (CapabilityFlags::MEAS_CAP_SIG, "MEAS_CAP", Code::GET_MEASUREMENTS),
        ] {
            let capabilities = Some(all - lacking);
            let mut sim = Sim::new(DeviceConfig { capabilities, ..config(version) });
            let (result, heard) = with_policy(&mut sim, |sim, policy| {
                let mut plan = AttestationPlan::new(policy);
                // Devices without measurements refuse CHALLENGE with one: they are not asked.
                plan.summary = MeasurementSummary::All;
                examine(sim, plan, |examined| {
                    assert!(examined.trusted.is_some());
                    let signed = [examined.challenged.is_some(), examined.measured.is_some()];
                    assert_eq!(examined.summary, SummaryAgreement::NotAsked);
                    (examined.verified.map(drop), signed)
                })
            });
            let error = Error::Incompatible(Incompatible::Capability(name));
            let challenged = missing != Code::CHALLENGE;
            assert_eq!(result, Ok((Err(error), [challenged, !challenged])), "{version} {name}");
            assert_eq!(heard.errors, [error]);
            let sent = FLOW.into_iter().filter(|code| *code != missing);
            assert!(sent.eq(sim.codes()), "{version} {name}: {:?}", sim.codes());
        }
    }
}

/// A device that answers this request with ERROR.
fn refusing(version: SpdmVersion, request: Code) -> Sim {
    let act = Act::Refuse { code: ErrorCode::UNSPECIFIED, data: 0, extended: Vec::new() };
    let script = vec![ScriptStep::new(request, When::Always, act)];
    Sim::new(DeviceConfig { script, ..config(version) })
}

#[test]
fn what_a_device_refuses_is_left_out_and_told() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let mut sim = refusing(version, request);
            let (result, heard) = with_policy(&mut sim, |sim, policy| {
                examine(sim, AttestationPlan::new(policy), |examined| {
                    let signed = [examined.challenged.is_some(), examined.measured.is_some()];
                    (examined.verified.map(drop).map_err(Cause::from), signed)
                })
            });
            let refused = Cause::Refused { request, code: ErrorCode::UNSPECIFIED, data: 0 };
            let expected = match request {
                Code::CHALLENGE => Ok((Err(refused), [false, true])),
                Code::GET_MEASUREMENTS => Ok((Err(refused), [true, false])),
                _ => Err(refused),
            };
            assert_eq!(result.map_err(Cause::from), expected, "{version} {request}");
            assert_eq!(heard.errors.len(), 1, "{version} {request}");
            let last = match request {
                Code::CHALLENGE => Code::GET_MEASUREMENTS,
                request => request,
            };
            assert_eq!(sim.codes().last(), Some(&last), "{version} {request}");
        }
    }
}

/// Without a signature after a refusal, nothing of an attestation is a success.
#[test]
fn nothing_is_verified_by_a_signature_that_is_not_the_required_one() {
    for (requirement, request) in [
        (Requirement::Challenge, Code::CHALLENGE),
        (Requirement::Measurements, Code::GET_MEASUREMENTS),
        (Requirement::ChallengeAndMeasurements, Code::CHALLENGE),
        (Requirement::ChallengeAndMeasurements, Code::GET_MEASUREMENTS),
    ] {
        let mut sim = refusing(V1_2, request);
        let (result, _) = with_policy(&mut sim, |sim, policy| {
            let mut plan = AttestationPlan::new(policy);
            plan.requirement = requirement;
            examine(sim, plan, |examined| examined.verified.is_ok())
        });
        assert_eq!(result, Ok(false), "{requirement:?} {request}");
    }
}

#[test]
fn the_first_slot_that_can_be_read_answers_where_none_is_trusted() {
    for version in since(SpdmVersion::V1_1) {
        let nobody = policy(&[]);
        let slot_of = |sim: &mut Sim, plan: AttestationPlan<'_>| {
            let (result, _) = examine(sim, plan, |examined| {
                assert!(examined.measured.unwrap().possession.is_some());
                examined.identity.unwrap().key_slot()
            });
            result.unwrap()
        };
        let mut plan = AttestationPlan::new(&nobody);
        plan.slot = SlotChoice::FirstTrusted;
        // Its chain is fetched once more: there is one buffer.
        let mut sim = two_slots(version);
        assert_eq!(slot_of(&mut sim, plan), KeySlot::Slot(slot(0)), "{version}");
        assert_eq!(fetched(&sim), [0, 1, 0]);
        // A device with one slot: the chain is still in the buffer.
        let mut sim = Sim::new(config(version));
        assert_eq!(slot_of(&mut sim, plan), KeySlot::Slot(slot(0)), "{version}");
        assert_eq!(fetched(&sim), [0]);
        // Nobody judges: the first one is taken at once.
        plan.policy = None;
        let mut sim = two_slots(version);
        assert_eq!(slot_of(&mut sim, plan), KeySlot::Slot(slot(0)), "{version}");
        assert_eq!(fetched(&sim), [0]);
    }
}

#[test]
fn measurements_that_nobody_signs() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let trust = Trust::of(&sim);
        let anchors = trust.anchors();
        let good: Policy<'_> = policy(&anchors);
        let (mut memory, mut record) = (Memory::new(), [0; 0x1000]);
        let mut heard = Heard::default();
        let clock = sim.clock.clone();
        let plan = AttestationPlan::new(&good);
        let flow = requester(&mut memory, &sim).examine(plan, KeySource::Nothing, &mut record);
        let result = blocking::run(flow.observed_by(&mut heard), &mut sim, &clock);
        let (_, examined) = result.map_err(|failure| failure.error).unwrap();
        assert!(examined.verified.is_err() && examined.identity.is_none());
        let measured = examined.measured.unwrap();
        assert!(measured.possession.is_none() && measured.record.number_of_blocks() > 0);
        let unsigned = [FLOW[0], FLOW[1], FLOW[2], FLOW[6]];
        assert_eq!(sim.codes(), unsigned, "{version}");
        assert_eq!(heard.status(AttestationCheck::MeasurementsFormat), Some(CheckStatus::Pass));
        for check in [AttestationCheck::ChallengeSignature, AttestationCheck::MeasurementsSignature]
        {
            assert_eq!(heard.status(check), Some(CheckStatus::Skipped), "{version}");
        }
        assert!(!sim.codes().contains(&CERTIFICATE) && !sim.codes().contains(&DIGESTS));
    }
}

#[test]
fn a_provisioned_key_that_nobody_judges_or_that_lacks_the_name() {
    let provisioning = KeyProvisioning::PublicKey;
    for version in since(SpdmVersion::V1_1) {
        let mut sim = Sim::new(DeviceConfig { provisioning, ..config(version) });
        let key = sim.device.public_key_spki(AsymAlgorithm::Ecdsa(EcCurve::P256)).unwrap();
        let named = Policy { san: spdm_x509::SanPolicy::Dmtf { pattern: "*:*:*" }, ..policy(&[]) };
        let trusting = policy(&[]);
        for (policy, verified) in [(None, false), (Some(&named), false), (Some(&trusting), true)] {
            let mut plan = AttestationPlan::without_policy();
            plan.policy = policy;
            let (mut memory, mut record) = (Memory::new(), [0; 0x1000]);
            let clock = sim.clock.clone();
            let source = KeySource::Provisioned { spki_der: &key };
            let flow = requester(&mut memory, &sim).examine(plan, source, &mut record);
            let result = blocking::run(flow, &mut sim, &clock).map_err(|failure| failure.error);
            let (_, examined) = result.unwrap();
            assert_eq!(examined.verified.is_ok(), verified, "{version}");
            assert_eq!(examined.trusted.is_some(), verified, "{version}");
            assert!(examined.challenged.is_some() && examined.measured.is_some());
        }
    }
}
