//! GET_CSR, SET_CERTIFICATE and key pairs against a device, and against one that lies.

use crate::sim::cause::{Cause, refused};
use crate::sim::{Memory, Sim, V1_2, V1_3, V1_4, config, error_of, requester, since, with_policy};
use spdm_codec::{
    BaseAsymAlgo, CapabilityFlags, Code, ErrorCode, KeyPairAsymAlgo, KeyUsage, MeasurementSummary,
    PqcAsymAlgo, SlotId, SlotMask, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{DeviceConfig, Environment};
use spdm_requester::{
    CsrOutcome, CsrPlan, DesiredKey, Effect, Error, Incompatible, KeyPairAction, Misuse,
    Negotiated, Offer, Requester, blocking,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, Identity, InstallableChain, Rule};

type F = CapabilityFlags;

const PROVISIONING: F = F::CSR_CAP
    .union(F::SET_CERT_CAP)
    .union(F::GET_KEY_PAIR_INFO_CAP)
    .union(F::SET_KEY_PAIR_INFO_CAP);

/// What is wrong with an answer.
type Change = fn(&mut Vec<u8>);

fn provisioned(version: SpdmVersion, more: F) -> DeviceConfig {
    DeviceConfig { more_capabilities: PROVISIONING | F::CHUNK_CAP | more, ..config(version) }
}

/// A connection with room for chains.
fn connected<'a>(memory: &'a mut Memory, sim: &mut Sim) -> Requester<'a, Negotiated> {
    memory.message = vec![0; 0x8000];
    let mut offer = Offer::everything(&PROVIDER);
    offer.longest_request = 0x2000;
    let clock = sim.clock.clone();
    let flow = requester(memory, sim).with_offer(offer).negotiate();
    blocking::run(flow, sim, &clock).map_err(|failure| failure.error).unwrap().0
}

/// Runs a flow to its end.
macro_rules! run {
    ($flow:expr, $sim:expr) => {{
        let clock = $sim.clock.clone();
        blocking::run($flow, $sim, &clock).map_err(|failure| Cause::from(error_of(failure.error)))
    }};
}

/// GET_CSR of a device behind an attacker.
fn csr_of(sim: &mut Sim, plan: CsrPlan<'_>) -> Result<Option<u8>, Cause> {
    let mut memory = Memory::new();
    let requester = connected(&mut memory, sim);
    let mut buffer = vec![0; 0x1000];
    let (_, outcome) = run!(requester.get_csr(plan, &mut buffer), sim)?;
    Ok(match outcome {
        CsrOutcome::Csr(_) => None,
        CsrOutcome::ResetRequired { tracking_tag } => Some(tracking_tag.unwrap_or_default()),
    })
}

/// SET_CERTIFICATE of the chain in slot 0 for another slot, or an erase.
fn set_slot(sim: &mut Sim, slot: SlotId, erase: bool) -> Result<Effect, Cause> {
    let mut memory = Memory::new();
    let requester = connected(&mut memory, sim);
    if erase {
        return run!(requester.erase_certificate(slot, 0), sim).map(|(_, effect)| effect);
    }
    let mut buffer = vec![0; 0x2000];
    let (requester, chain) = run!(requester.fetch_chain(SlotId::ZERO, &mut buffer), sim)?;
    let (agreed, bytes) = (*requester.negotiated(), chain.bytes());
    with_installable(sim, &agreed, slot, bytes, |sim, installable| {
        run!(requester.set_certificate(installable, 0), sim).map(|(_, effect)| effect)
    })
}

/// The chain as one for this slot, judged by a policy that trusts the device's own roots.
fn with_installable<R>(
    sim: &mut Sim,
    agreed: &Negotiated,
    slot: SlotId,
    bytes: &[u8],
    act: impl FnOnce(&mut Sim, InstallableChain<'_>) -> R,
) -> R {
    let model = spdm_codec::CertificateModel::None;
    let context = agreed.chain_context(slot, model).unwrap();
    let chain = Chain::parse(Untrusted::new(bytes), context, &PROVIDER).unwrap();
    let installable = with_policy(sim, |_, policy| policy.validate_to_install(&chain).unwrap());
    act(sim, installable)
}

fn slot(number: u8) -> SlotId {
    SlotId::new(number).unwrap()
}

#[test]
fn a_csr_is_for_the_key_of_the_leaf() {
    for version in since(V1_2) {
        let mut sim = Sim::new(provisioned(version, F::empty()));
        let mut memory = Memory::new();
        let requester = connected(&mut memory, &mut sim);
        let (mut chain, mut buffer) = (vec![0; 0x2000], vec![0; 0x1000]);
        let flow = requester.fetch_chain(SlotId::ZERO, &mut chain);
        let (requester, chain) = run!(flow, &mut sim).unwrap();
        let leaf = chain.leaf();
        let mut plan = CsrPlan::NEW;
        plan.key_info = Some(leaf.key_info());
        // SEQUENCE { 0, CN=x, SEQUENCE {}, [0] {} }.
        let name = [0x30, 12, 0x31, 10, 0x30, 8, 6, 3, 0x55, 4, 3, 12, 1, b'x'];
        let info = [&[0x30, 21, 2, 1, 0][..], &name, &[0x30, 0, 0xA0, 0]].concat();
        plan.requester_info = &info;
        let flow = requester.get_csr(plan, &mut buffer);
        let (requester, outcome) = run!(flow, &mut sim).unwrap();
        let CsrOutcome::Csr(request) = outcome else { panic!("{outcome:?}") };
        assert_eq!(request.key_info(), leaf.key_info());
        assert_eq!(request.subject().to_string(), "CN=x");
        assert_eq!(request.dmtf_name().unwrap().to_string(), "ACME:WIDGET:0123456789");
        // P34: nothing of it is in the transcript that CHALLENGE_AUTH signs.
        let nonce = requester.nonce().unwrap();
        let flow = requester.challenge(Identity::Chain(chain), MeasurementSummary::None, nonce);
        assert!(run!(flow, &mut sim).is_ok(), "{version}");
    }
}

#[test]
fn p5_a_csr_that_is_broken_or_of_another_key() {
    let tampered = |change: fn(&mut Vec<u8>)| {
        let mut sim = Sim::new(provisioned(V1_3, F::empty()));
        sim.tamper(Code::GET_CSR, change);
        csr_of(&mut sim, CsrPlan::NEW).unwrap_err()
    };
    let value =
        |field, at, expected, got| crate::sim::cause::invalid("CSR", field, at, expected, got);
    let at_least = spdm_codec::Expected::AtLeast(1);
    assert_eq!(tampered(|m| m[4..6].fill(0)), value("CSRLength", 4, at_least, 0));
    assert!(matches!(tampered(|m| m[5] = 0xFF), Cause::Decode { field: "CSRdata", .. }));
    assert!(matches!(tampered(|m| m.truncate(20)), Cause::Decode { field: "CSRdata", .. }));
    let rule_of = |cause| match cause {
        Cause::Other(Error::Csr(error)) => error.rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(rule_of(tampered(|m| m[9] = 0x84)), Rule::Der);
    assert_eq!(rule_of(tampered(|m| *m.last_mut().unwrap() ^= 1)), Rule::RequestSignature);
    let mut sim = Sim::new(provisioned(V1_3, F::empty()));
    let other = Sim::new(DeviceConfig { seed: Some(2), ..provisioned(V1_3, F::empty()) });
    let asym = spdm_crypto::AsymAlgorithm::Ecdsa(spdm_crypto::EcCurve::P256);
    let other = other.device.public_key_spki(asym).unwrap();
    let mut plan = CsrPlan::NEW;
    plan.key_info = Some(&other);
    assert_eq!(rule_of(csr_of(&mut sim, plan).unwrap_err()), Rule::RequestedKey);
    let own = sim.device.public_key_spki(asym).unwrap();
    plan.key_info = Some(&own);
    assert_eq!(csr_of(&mut sim, plan), Ok(None));
}

#[test]
fn p5_reset_required() {
    let answered = |version, more, data: u8| {
        let mut sim = Sim::new(provisioned(version, more));
        let byte = version.to_byte();
        sim.tamper(Code::GET_CSR, move |m| *m = vec![byte, 0x7F, 0x0C, data]);
        csr_of(&mut sim, CsrPlan::NEW)
    };
    let resets = F::CERT_INSTALL_RESET_CAP;
    assert_eq!(answered(V1_2, F::empty(), 0), Ok(Some(0)));
    assert_eq!(answered(V1_3, resets, 7), Ok(Some(7)));
    for data in [0, 8, 9, 0xFF] {
        let cause = answered(V1_3, resets, data).unwrap_err();
        let field =
            matches!(cause, Cause::Misbehaved { message: "ERROR", field: "CSRTrackingTag", .. });
        assert!(field, "{data}: {cause:?}");
    }
    let code = ErrorCode::RESET_REQUIRED;
    assert_eq!(answered(V1_3, F::empty(), 1), Err(refused(Code::GET_CSR, code, 1)));
}

#[test]
fn a_csr_that_takes_a_reset() {
    for version in since(V1_2) {
        let mut sim = Sim::new(provisioned(version, F::CERT_INSTALL_RESET_CAP));
        let tag = csr_of(&mut sim, CsrPlan::NEW).unwrap().unwrap();
        assert_eq!(tag, u8::from(version > V1_2));
        let mut plan = CsrPlan::NEW;
        plan.tracking_tag = tag;
        if version > V1_2 {
            let busy = csr_of(&mut sim, plan).unwrap_err();
            assert!(matches!(busy, Cause::Other(Error::Bound(_))), "{busy:?}");
        }
        sim.device.reset();
        assert_eq!(csr_of(&mut sim, plan), Ok(None), "{version}");
    }
}

#[test]
fn what_contradicts_the_connection_is_not_sent() {
    let mut sim = Sim::new(provisioned(V1_3, F::empty()));
    let plans: [fn(&mut CsrPlan<'_>); 5] = [
        |plan| plan.key_pair_id = 1,
        |plan| plan.model = spdm_codec::CertificateModel::DeviceCert,
        |plan| plan.tracking_tag = 1,
        |plan| plan.tracking_tag = 8,
        |plan| {
            plan.tracking_tag = 1;
            plan.pending = spdm_codec::PendingCsr::Overwrite;
        },
    ];
    for change in plans {
        let mut plan = CsrPlan::NEW;
        change(&mut plan);
        let cause = csr_of(&mut sim, plan).unwrap_err();
        assert!(matches!(cause, Cause::Other(Error::Misuse(Misuse::Provisioning(_)))), "{cause:?}");
    }
    assert!(!sim.codes().contains(&Code::GET_CSR));
    let mut none = Sim::new(config(V1_3));
    let lacks = |name| Cause::Other(Error::Incompatible(Incompatible::Capability(name)));
    assert_eq!(csr_of(&mut none, CsrPlan::NEW), Err(lacks("CSR_CAP")));
    assert_eq!(set_slot(&mut none, slot(1), false), Err(lacks("SET_CERT_CAP")));
    let erase = lacks("Erase of SET_CERTIFICATE, which is of SPDM 1.3");
    let mut old = Sim::new(provisioned(V1_2, F::empty()));
    assert_eq!(set_slot(&mut old, slot(1), true), Err(erase));
}

#[test]
fn a_chain_is_installed_and_erased() {
    for version in since(V1_2) {
        let mut sim = Sim::new(provisioned(version, F::empty()));
        assert_eq!(set_slot(&mut sim, slot(3), false), Ok(Effect::Now));
        let mut memory = Memory::new();
        let requester = connected(&mut memory, &mut sim);
        let mut buffer = vec![0; 0x2000];
        let (requester, chain) =
            run!(requester.fetch_chain(slot(3), &mut buffer), &mut sim).unwrap();
        let nonce = requester.nonce().unwrap();
        let flow = requester.challenge(Identity::Chain(chain), MeasurementSummary::None, nonce);
        assert!(run!(flow, &mut sim).is_ok(), "{version}");
        if version == V1_2 {
            continue;
        }
        assert_eq!(set_slot(&mut sim, slot(3), true), Ok(Effect::Now));
        let mut memory = Memory::new();
        let requester = connected(&mut memory, &mut sim);
        let error = run!(requester.fetch_chain(slot(3), &mut buffer), &mut sim).unwrap_err();
        assert_eq!(error, Cause::Other(Error::Incompatible(Incompatible::SlotEmpty { slot: 3 })));
    }
}

/// P33: a chain that is larger than DataTransferSize.
#[test]
fn p33_a_chain_travels_in_chunks() {
    for version in since(V1_2) {
        let sizes = DeviceConfig {
            data_transfer_size: 0x100,
            max_spdm_msg_size: 0x4000,
            ..provisioned(version, F::empty())
        };
        let mut sim = Sim::new(sizes);
        assert_eq!(set_slot(&mut sim, slot(1), false), Ok(Effect::Now));
        assert!(sim.codes().contains(&Code::CHUNK_SEND));
        assert_eq!(csr_of(&mut sim, CsrPlan::NEW), Ok(None));
        assert!(sim.codes().contains(&Code::CHUNK_GET));
    }
}

#[test]
fn p9_slots_that_wait_for_a_reset() {
    let mut sim = Sim::new(provisioned(V1_3, F::CERT_INSTALL_RESET_CAP));
    assert_eq!(set_slot(&mut sim, slot(1), false), Ok(Effect::AfterReset));
    let mut buffer = vec![0; 0x2000];
    let reset = ErrorCode::RESET_REQUIRED;
    {
        let mut memory = Memory::new();
        let requester = connected(&mut memory, &mut sim);
        let error = run!(requester.get_digests(), &mut sim).unwrap_err();
        assert_eq!(error, refused(Code::GET_DIGESTS, reset, 0));
    }
    sim.device.reset();
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    assert!(run!(requester.fetch_chain(slot(1), &mut buffer), &mut sim).is_ok());
}

#[test]
fn p10_answers_to_set_certificate() {
    let answered = |more, change: fn(&mut Vec<u8>)| {
        let mut sim = Sim::new(provisioned(V1_3, more));
        sim.tamper(Code::SET_CERTIFICATE, change);
        set_slot(&mut sim, slot(1), false)
    };
    let expected = spdm_codec::Expected::Exactly(1);
    let violation = spdm_requester::Violation::Value { expected, got: 2 };
    let (message, field) = ("SET_CERTIFICATE_RSP", "SlotID");
    let other = Cause::Misbehaved { message, field, violation };
    assert_eq!(answered(F::empty(), |m| m[2] = 2), Err(other));
    let reset: fn(&mut Vec<u8>) = |m| *m = vec![0x13, 0x7F, 0x0C, 0];
    let code = ErrorCode::RESET_REQUIRED;
    assert_eq!(answered(F::empty(), reset), Err(refused(Code::SET_CERTIFICATE, code, 0)));
    assert_eq!(answered(F::CERT_INSTALL_RESET_CAP, reset), Ok(Effect::AfterReset));
}

/// After SET_CERTIFICATE nothing of before is used: DIGESTS and the chain are read again.
#[test]
fn p10_what_was_known_of_slots_is_forgotten() {
    let mut sim = Sim::new(provisioned(V1_3, F::empty()));
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    let mut buffer = vec![0; 0x2000];
    let flow = requester.fetch_chain(SlotId::ZERO, &mut buffer);
    let (requester, chain) = run!(flow, &mut sim).unwrap();
    let bytes = chain.bytes();
    assert!(requester.connection().slot_digest(SlotId::ZERO).is_some());
    let model = spdm_codec::CertificateModel::None;
    let context = requester.negotiated().chain_context(slot(1), model).unwrap();
    let chain = Chain::parse(Untrusted::new(bytes), context, &PROVIDER).unwrap();
    let installable =
        with_policy(&mut sim, |_, policy| policy.validate_to_install(&chain).unwrap());
    let (requester, _) = run!(requester.set_certificate(installable, 0), &mut sim).unwrap();
    assert_eq!(requester.connection().provisioned_slots().count(), 0);
    assert!(requester.connection().supported_slots().is_none());
    sim.requests.clear();
    let mut buffer = vec![0; 0x2000];
    let _ = run!(requester.fetch_chain(slot(1), &mut buffer), &mut sim).unwrap();
    assert_eq!(sim.codes()[..2], [Code::GET_DIGESTS, Code::GET_CERTIFICATE]);
}

#[test]
fn p8_a_device_that_is_not_in_a_laboratory() {
    let untrusted = |version| DeviceConfig {
        environment: Environment::Untrusted,
        ..provisioned(version, F::empty())
    };
    for version in since(V1_2) {
        let mut sim = Sim::new(untrusted(version));
        let code = ErrorCode::UNEXPECTED_REQUEST;
        for number in [0, 1] {
            let expected = refused(Code::SET_CERTIFICATE, code, 0);
            assert_eq!(set_slot(&mut sim, slot(number), false), Err(expected));
        }
    }
}

fn info_of(sim: &mut Sim, id: u8) -> Result<(u8, u8, usize), Cause> {
    let mut memory = Memory::new();
    let requester = connected(&mut memory, sim);
    let mut buffer = vec![0; 0x1000];
    let (_, info) = run!(requester.key_pair_info(id, &mut buffer), sim)?;
    Ok((info.total_key_pairs, info.assoc_cert_slot_mask.0, info.public_key_info.len()))
}

fn change_of(sim: &mut Sim, id: u8, action: KeyPairAction) -> Result<Effect, Cause> {
    let mut memory = Memory::new();
    let requester = connected(&mut memory, sim);
    run!(requester.set_key_pair_info(id, action), sim).map(|(_, effect)| effect)
}

#[test]
fn p12_every_truncation_of_key_pair_info() {
    let whole = {
        let mut sim = Sim::new(provisioned(V1_4, F::empty()));
        info_of(&mut sim, 1).unwrap();
        sim.response_to(Code::GET_KEY_PAIR_INFO).to_vec()
    };
    let answered = |answer: Vec<u8>| {
        let mut sim = Sim::new(provisioned(V1_4, F::empty()));
        sim.tamper(Code::GET_KEY_PAIR_INFO, move |message| message.clone_from(&answer));
        info_of(&mut sim, 1)
    };
    for len in 4..whole.len() {
        let cause = answered(whole[..len].to_vec()).unwrap_err();
        assert!(matches!(cause, Cause::Decode { .. }), "{len}: {cause:?}");
    }
    let with = |at: usize, bytes: &[u8]| {
        let mut changed = whole.clone();
        changed.splice(at..at + bytes.len(), bytes.iter().copied());
        changed
    };
    assert!(matches!(answered(with(20, &[0xFF, 0xFF])), Err(Cause::Decode { .. })));
    let pqc = whole.len() - 10;
    assert!(matches!(answered(with(pqc, &[255])), Err(Cause::Decode { .. })));
    // No length at all, and six bytes behind the end.
    let none = [&whole[..pqc], &[0, 0]].concat();
    assert!(answered(none.clone()).is_ok());
    assert!(answered([none, vec![0; 6]].concat()).is_ok());
    assert!(answered([whole, vec![0; 6]].concat()).is_ok());
}

#[test]
fn p13_key_pair_info_that_contradicts_itself() {
    let answered = |version, flags: F, change: fn(&mut Vec<u8>)| {
        let mut sim = Sim::new(DeviceConfig { more_capabilities: flags, ..config(version) });
        sim.tamper(Code::GET_KEY_PAIR_INFO, change);
        info_of(&mut sim, 1)
    };
    let field_of = |result| match result {
        Err(Cause::Misbehaved { message: "KEY_PAIR_INFO", field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let cases: [(Change, &str); 10] = [
        (|m| m[5] = 2, "KeyPairID"),
        (|m| m[4] = 0, "TotalKeyPairs"),
        (|m| m[6] = 0x20, "Capabilities"),
        (|m| m[8..10].fill(0), "KeyUsageCapabilities"),
        (|m| m[10] = 0x18, "CurrentKeyUsage"),
        (|m| m[12..20].fill(0), "AsymAlgoCapabilities"),
        (|m| m[16] = 0x80, "CurrentAsymAlgo"),
        (
            |m| {
                m[12] = 0x18;
                m[16] = 0x18;
            },
            "CurrentAsymAlgo",
        ),
        (
            |m| {
                m[6] = 0x04;
                m[22] = 3;
            },
            "AssocCertSlotMask",
        ),
        (|m| m[4..6].copy_from_slice(&[9, 0]), "KeyPairID"),
    ];
    for (number, (change, field)) in cases.into_iter().enumerate() {
        assert_eq!(field_of(answered(V1_3, PROVISIONING, change)), field, "case {number}");
    }
    let reads = F::GET_KEY_PAIR_INFO_CAP;
    assert!(answered(V1_3, reads, |_| {}).is_ok());
    assert_eq!(field_of(answered(V1_3, reads, |m| m[6] = 1)), "Capabilities");
    // Post-quantum: two, or beside a classical one; a key pair of nothing else.
    let both: fn(&mut Vec<u8>) = |m| {
        let at = m.len() - 9;
        m[at] = 1;
        m[at + 5] = 1;
    };
    assert_eq!(field_of(answered(V1_4, PROVISIONING, both)), "CurrentPqcAsymAlgo");
    let beyond: fn(&mut Vec<u8>) = |m| {
        let at = m.len() - 9;
        m[at + 5] = 1;
    };
    assert_eq!(field_of(answered(V1_4, PROVISIONING, beyond)), "CurrentPqcAsymAlgo");
    let only: fn(&mut Vec<u8>) = |m| {
        let at = m.len() - 9;
        m[12..20].fill(0);
        m[at] = 3;
        m[at + 5] = 1;
    };
    assert!(answered(V1_4, PROVISIONING, only).is_ok());
}

#[test]
fn p15_digests_after_a_change_of_association() {
    let multi = F::MULTI_KEY_CAP_ONLY;
    let mut sim =
        Sim::new(DeviceConfig { slots: vec![slot(0), slot(1)], ..provisioned(V1_3, multi) });
    let keys = |sim: &mut Sim| {
        let mut memory = Memory::new();
        memory.message = vec![0; 0x8000];
        let mut offer = Offer::everything(&PROVIDER);
        offer.connection_keys = spdm_codec::ConnectionKeys::Multi;
        let clock = sim.clock.clone();
        let flow = requester(&mut memory, sim).with_offer(offer).negotiate();
        let requester = blocking::run(flow, sim, &clock).map_err(|f| f.error).unwrap().0;
        let (requester, ()) = run!(requester.get_digests(), sim).unwrap();
        let key = |number| requester.connection().slot_key(slot(number));
        [key(0), key(1)].map(|key| key.map(|key| (key.key_pair_id, key.usage.bits())))
    };
    assert_eq!(keys(&mut sim), [Some((1, 6)), Some((2, 6))]);
    let desired = |usage, slots| {
        let usage = KeyUsage::from_bits_retain(usage);
        KeyPairAction::Change(DesiredKey { usage, slots: SlotMask(slots), ..DesiredKey::default() })
    };
    let change = |sim: &mut Sim, id, action| {
        let mut memory = Memory::new();
        memory.message = vec![0; 0x8000];
        let mut offer = Offer::everything(&PROVIDER);
        offer.connection_keys = spdm_codec::ConnectionKeys::Multi;
        let clock = sim.clock.clone();
        let flow = requester(&mut memory, sim).with_offer(offer).negotiate();
        let requester = blocking::run(flow, sim, &clock).map_err(|f| f.error).unwrap().0;
        run!(requester.set_key_pair_info(id, action), sim).map(|(_, effect)| effect)
    };
    assert_eq!(change(&mut sim, 1, desired(4, 1)), Ok(Effect::Now));
    assert_eq!(keys(&mut sim), [Some((1, 4)), Some((2, 6))]);
    // Slot 1 has no key pair any more, and so no chain.
    assert_eq!(change(&mut sim, 2, desired(0, 0)), Ok(Effect::Now));
    assert_eq!(keys(&mut sim), [Some((1, 4)), None]);
}

#[test]
fn key_pairs_are_erased_and_generated() {
    let mut sim = Sim::new(provisioned(V1_4, F::empty()));
    let (total, slots, len) = info_of(&mut sim, 1).unwrap();
    assert_eq!((total, slots), (1, 1));
    assert!(len > 0);
    let failed = refused(Code::SET_KEY_PAIR_INFO, ErrorCode::OPERATION_FAILED, 0);
    assert_eq!(change_of(&mut sim, 1, KeyPairAction::Erase), Err(failed));
    let none = DesiredKey::default();
    assert_eq!(change_of(&mut sim, 1, KeyPairAction::Change(none)), Ok(Effect::Now));
    assert_eq!(change_of(&mut sim, 1, KeyPairAction::Erase), Ok(Effect::Now));
    assert_eq!(info_of(&mut sim, 1), Ok((1, 0, 0)));
    let key = DesiredKey { asym: KeyPairAsymAlgo::ECC_256, slots: SlotMask(1), ..none };
    assert_eq!(change_of(&mut sim, 1, KeyPairAction::Generate(key)), Ok(Effect::Now));
    let (_, slots, len) = info_of(&mut sim, 1).unwrap();
    assert!(slots == 1 && len > 0);
    assert_eq!(csr_of(&mut sim, CsrPlan::NEW), Ok(None));
}

#[test]
fn p16_only_the_same_request_is_done_after_the_reset() {
    let mut sim = Sim::new(provisioned(V1_4, F::SET_KEY_PAIR_RESET_CAP));
    let change = |usage, pqc| {
        let usage = KeyUsage::from_bits_retain(usage);
        let slots = SlotMask(1);
        KeyPairAction::Change(DesiredKey { usage, pqc, slots, ..DesiredKey::default() })
    };
    let none = PqcAsymAlgo::empty();
    assert_eq!(change_of(&mut sim, 1, change(2, none)), Ok(Effect::AfterReset));
    // Before the reset it is still due.
    assert_eq!(change_of(&mut sim, 1, change(2, none)), Ok(Effect::AfterReset));
    sim.device.reset();
    let other = change_of(&mut sim, 1, change(2, PqcAsymAlgo::ML_DSA_44));
    assert!(matches!(other, Ok(Effect::AfterReset) | Err(Cause::Refused { .. })), "{other:?}");
    assert_eq!(change_of(&mut sim, 1, change(4, none)), Ok(Effect::AfterReset));
    sim.device.reset();
    assert_eq!(change_of(&mut sim, 1, change(4, none)), Ok(Effect::Now));
}

#[test]
fn p17_reset_required_to_set_key_pair_info() {
    let answered = |version: SpdmVersion, more| {
        let mut sim = Sim::new(provisioned(version, more));
        let byte = version.to_byte();
        sim.tamper(Code::SET_KEY_PAIR_INFO, move |m| *m = vec![byte, 0x7F, 0x0C, 0]);
        change_of(&mut sim, 1, KeyPairAction::Erase)
    };
    assert_eq!(answered(V1_3, F::empty()), Ok(Effect::AfterReset));
    let code = ErrorCode::RESET_REQUIRED;
    assert_eq!(answered(V1_4, F::empty()), Err(refused(Code::SET_KEY_PAIR_INFO, code, 0)));
    assert_eq!(answered(V1_4, F::SET_KEY_PAIR_RESET_CAP), Ok(Effect::AfterReset));
}

/// The alias model: the chain ends with the device certificate CA, and the device puts its own certificate behind it.
#[test]
fn an_alias_chain_gets_the_devices_own_certificate() {
    let alias = DeviceConfig {
        model: spdm_emulator::DeviceModel::AliasCert,
        base_asym: BaseAsymAlgo::ECDSA_P256,
        ..provisioned(V1_3, F::empty())
    };
    let mut sim = Sim::new(alias);
    assert_eq!(csr_of(&mut sim, CsrPlan::NEW), Ok(None));
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    let mut buffer = vec![0; 0x2000];
    let flow = requester.fetch_chain(SlotId::ZERO, &mut buffer);
    let (requester, chain) = run!(flow, &mut sim).unwrap();
    // Without the leaf.
    let last = chain.leaf().der().len();
    let mut bytes = chain.bytes()[..chain.bytes().len() - last].to_vec();
    let len = u16::try_from(bytes.len()).unwrap().to_le_bytes();
    bytes[..2].copy_from_slice(&len);
    let agreed = *requester.negotiated();
    let effect = with_installable(&mut sim, &agreed, slot(2), &bytes, |sim, installable| {
        run!(requester.set_certificate(installable, 0), sim).map(|(_, effect)| effect)
    });
    assert_eq!(effect, Ok(Effect::Now));
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    let mut other = vec![0; 0x2000];
    let (requester, chain) = run!(requester.fetch_chain(slot(2), &mut other), &mut sim).unwrap();
    assert_eq!(usize::from(chain.certificate_count()), 4);
    let nonce = requester.nonce().unwrap();
    let flow = requester.challenge(Identity::Chain(chain), MeasurementSummary::None, nonce);
    assert!(run!(flow, &mut sim).is_ok());
}
