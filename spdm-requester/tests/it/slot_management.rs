//! SLOT_MANAGEMENT against a device, and against one that lies.

use crate::sim::cause::{Cause, refused};
use crate::sim::{Memory, Sim, V1_3, V1_4, config, error_of, requester, with_policy};
use spdm_codec::{
    BankAttributes, BaseAsymAlgo, CapabilityExtFlags, CapabilityFlags, CertificateModel, Code,
    ErrorCode, KeyPairAsymAlgo, MeasurementSummary, PqcAsymAlgo, SlotAddress, SlotAttributes,
    SlotId, SlotManagementSubCode, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve};
use spdm_emulator::{DeviceConfig, Environment};
use spdm_requester::{
    BankChange, CsrOutcome, CsrPlan, Effect, Error, Incompatible, Misuse, Negotiated, Offer,
    Recovered, Requester, blocking,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, Identity};

type F = CapabilityFlags;

const ALGORITHMS: [(KeyPairAsymAlgo, EcCurve); 2] =
    [(KeyPairAsymAlgo::ECC_384, EcCurve::P384), (KeyPairAsymAlgo::ECC_256, EcCurve::P256)];

fn banked(version: SpdmVersion, more: F) -> DeviceConfig {
    DeviceConfig {
        base_asym: BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384,
        more_capabilities: F::CSR_CAP | F::SET_CERT_CAP | F::CHUNK_CAP | more,
        ext_capabilities: CapabilityExtFlags::SLOT_MGMT_CAP,
        ..config(version)
    }
}

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

fn at(bank_id: u8, slot: u8) -> SlotAddress {
    SlotAddress { bank_id, slot: SlotId::new(slot).unwrap() }
}

#[test]
fn every_bank_and_slot() {
    let mut sim = Sim::new(banked(V1_4, F::empty()));
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    let agreed = *requester.negotiated();
    let (mut buffer, mut banks) = (vec![0; 0x2000], [0; 64]);
    let (requester, codes) = run!(requester.slot_sub_codes(&mut buffer), &mut sim).unwrap();
    assert!(codes.contains(SlotManagementSubCode::SET_CERTIFICATE));
    assert!(!codes.contains(SlotManagementSubCode(5)));
    let (mut requester, banks) = run!(requester.slot_banks(&mut banks), &mut sim).unwrap();
    assert_eq!(banks.iter().count(), 2);
    for (bank, (algorithm, curve)) in banks.iter().zip(ALGORITHMS) {
        let flow = requester.slot_bank(bank.bank_id, &mut buffer);
        let (next, details) = run!(flow, &mut sim).unwrap();
        assert_eq!(details.current.asym, algorithm);
        let selected = agreed.asym() == Ok(AsymAlgorithm::Ecdsa(curve));
        assert_eq!(details.attributes.contains(BankAttributes::SELECTED), selected);
        let slots: Vec<_> = details.slots.map(|slot| slot.attributes).collect();
        assert_eq!((slots.len(), slots[0]), (8, SlotAttributes::PROVISIONED));
        let digest = details.slots.map(|slot| slot.digest.to_vec()).next().unwrap();
        let flow = next.slot_chain(at(bank.bank_id, 0), &mut buffer);
        let (next, shown) = run!(flow, &mut sim).unwrap();
        // The chain is one for the bank's algorithm, and the one that the digest is of.
        let mut context = agreed.chain_context(SlotId::ZERO, CertificateModel::None).unwrap();
        context.asym = AsymAlgorithm::Ecdsa(curve);
        let chain = Chain::parse(Untrusted::new(shown.bytes), context, &PROVIDER).unwrap();
        assert_eq!(chain.digest().as_bytes(), digest);
        // And so is the certification request.
        let mut plan = CsrPlan::NEW;
        let key_info = chain.leaf().key_info().to_vec();
        plan.key_info = Some(&key_info);
        let mut csr = vec![0; 0x1000];
        let flow = next.slot_csr(at(bank.bank_id, 0), context.asym, plan, &mut csr);
        let (next, outcome) = run!(flow, &mut sim).unwrap();
        let CsrOutcome::Csr(request) = outcome else { panic!("{outcome:?}") };
        assert_eq!(request.key_info(), key_info);
        requester = next;
    }
}

#[test]
fn a_chain_is_installed_and_erased_in_its_bank() {
    let mut sim = Sim::new(banked(V1_4, F::empty()));
    let mut memory = Memory::new();
    let mut requester = connected(&mut memory, &mut sim);
    let agreed = *requester.negotiated();
    for (bank_id, (_, curve)) in (0..).zip(ALGORITHMS) {
        let mut buffer = vec![0; 0x2000];
        let flow = requester.slot_chain(at(bank_id, 0), &mut buffer);
        let (next, shown) = run!(flow, &mut sim).unwrap();
        let slot = SlotId::new(1).unwrap();
        let mut context = agreed.chain_context(slot, CertificateModel::None).unwrap();
        context.asym = AsymAlgorithm::Ecdsa(curve);
        let chain = Chain::parse(Untrusted::new(shown.bytes), context, &PROVIDER).unwrap();
        let chain = with_policy(&mut sim, |_, policy| policy.validate_to_install(&chain).unwrap());
        let change = BankChange::Install { bank_id, chain, key_pair_id: 0 };
        let (next, effect) = run!(next.change_bank(change), &mut sim).unwrap();
        assert_eq!(effect, Effect::Now);
        let mut other = vec![0; 0x2000];
        let (next, now) = run!(next.slot_chain(at(bank_id, 1), &mut other), &mut sim).unwrap();
        assert_eq!(now.bytes, shown.bytes);
        // What was known of slots is forgotten.
        assert_eq!(next.connection().provisioned_slots().count(), 0);
        let change = BankChange::Erase(at(bank_id, 1));
        let (next, effect) = run!(next.change_bank(change), &mut sim).unwrap();
        assert_eq!(effect, Effect::Now);
        requester = next;
    }
}

/// A read of the device behind an attacker.
fn tampered(read: SlotManagementSubCode, change: impl FnMut(&mut Vec<u8>) + 'static) -> Cause {
    let mut sim = Sim::new(banked(V1_4, F::empty()));
    sim.tamper(Code::SLOT_MANAGEMENT, change);
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    let mut buffer = vec![0; 0x2000];
    type C = SlotManagementSubCode;
    match read {
        C::SUPPORTED_SUB_CODES => {
            run!(requester.slot_sub_codes(&mut buffer), &mut sim).map(|_| ()).unwrap_err()
        }
        C::GET_BANK_INFO => {
            run!(requester.slot_banks(&mut buffer), &mut sim).map(|_| ()).unwrap_err()
        }
        C::GET_BANK_DETAILS => {
            run!(requester.slot_bank(1, &mut buffer), &mut sim).map(|_| ()).unwrap_err()
        }
        _ => run!(requester.slot_chain(at(1, 0), &mut buffer), &mut sim).map(|_| ()).unwrap_err(),
    }
}

#[test]
fn p30_an_answer_that_lies() {
    use SlotManagementSubCode as C;
    type Change = fn(&mut Vec<u8>);
    let reads =
        [C::SUPPORTED_SUB_CODES, C::GET_BANK_INFO, C::GET_BANK_DETAILS, C::GET_CERTIFICATE_CHAIN];
    for read in reads {
        // Another SubCode, no structure, one in the header, one past the end, a cut one.
        let changes: [(Change, &str); 5] = [
            (|m| m[2] ^= 1, "SubCode"),
            (
                |m| {
                    m.truncate(8);
                    m[4] = 0;
                },
                "MgmtStructOffset",
            ),
            (|m| m[4] = 7, "MgmtStructOffset"),
            (|m| m[4..6].fill(0xFF), "gap"),
            (|m| m.truncate(9), ""),
        ];
        for (change, field) in changes {
            let cause = tampered(read, change);
            assert!(format!("{cause:?}").contains(field), "{read:?} {cause:?}");
        }
    }
    let of = |read, change: Change, field: &str| {
        let cause = tampered(read, change);
        assert!(format!("{cause:?}").contains(field), "{field}: {cause:?}");
    };
    of(C::SUPPORTED_SUB_CODES, |m| m[8] = 0, "RespLength");
    of(C::GET_BANK_INFO, |m| m[8] = 0xFF, "RespLength");
    // ElementLength 0 would never end.
    of(C::GET_BANK_INFO, |m| m[16] = 0, "ElementLength");
    of(C::GET_BANK_INFO, |m| m[16] = 0xFF, "ElementLength");
    of(C::GET_BANK_INFO, |m| m[12] = 3, "ElementLength");
    of(C::GET_BANK_INFO, |m| m[12] = 240, "ElementLength");
    of(C::GET_BANK_INFO, |m| m[12] = 1, "end of message");
    of(C::GET_BANK_INFO, |m| m[17] = 240, "BankID");
    of(C::GET_BANK_DETAILS, |m| m[10] = 0, "BankID");
    of(C::GET_BANK_DETAILS, |m| m[10] = 240, "BankID");
    of(C::GET_BANK_DETAILS, |m| m[12..14].fill(0xFF), "ElementLength");
    // The value fits into what follows it, but no slots are behind it.
    of(C::GET_BANK_DETAILS, |m| m[28] = 0xFF, "ElementLength");
    of(C::GET_BANK_DETAILS, |m| m[47..49].fill(0), "ElementLength");
    // The current algorithm is none of the capabilities, or there are two; the available ones are too many.
    of(C::GET_BANK_DETAILS, |m| m[20] = 1, "CurrentAsymAlgo");
    of(C::GET_BANK_DETAILS, |m| m[24] = 0xFF, "AvailableAsymAlgo");
    let two = |m: &mut Vec<u8>| {
        m[16] = 0xFF;
        m[20] = 0x18;
    };
    of(C::GET_BANK_DETAILS, two, "CurrentAsymAlgo");
    of(C::GET_CERTIFICATE_CHAIN, |m| m[8..12].fill(0), "Length");
    of(C::GET_CERTIFICATE_CHAIN, |m| m[8..12].fill(0xFF), "CertificateChain");
}

#[test]
fn p30_an_acknowledgement_that_lies_is_none() {
    let changes: [fn(&mut Vec<u8>); 2] = [
        |m| m[2] = 0x20,
        |m| {
            m[4] = 8;
            m.push(0);
        },
    ];
    for change in changes {
        let mut sim = Sim::new(banked(V1_4, F::empty()));
        sim.tamper(Code::SLOT_MANAGEMENT, change);
        let mut memory = Memory::new();
        let requester = connected(&mut memory, &mut sim);
        let (requester, ()) = run!(requester.get_digests(), &mut sim).unwrap();
        let clock = sim.clock.clone();
        let flow = requester.change_bank(BankChange::Erase(at(1, 0)));
        let failure = blocking::run(flow, &mut sim, &clock).map(|_| ()).unwrap_err();
        assert!(matches!(error_of(failure.error), Error::Misbehaved(_)));
    }
}

#[test]
fn p32_what_a_device_refuses() {
    let mut sim = Sim::new(banked(V1_4, F::empty()));
    let mut memory = Memory::new();
    let mut requester = Some(connected(&mut memory, &mut sim));
    let clock = sim.clock.clone();
    let mut outcome = |change: BankChange<'_>| {
        let flow = requester.take().unwrap().change_bank(change);
        match blocking::run(flow, &mut sim, &clock) {
            Ok((next, effect)) => {
                requester = Some(next);
                Ok(effect)
            }
            Err(failure) => {
                let error = error_of(failure.error);
                requester = match failure.requester {
                    Recovered::Kept(kept) => Some(kept),
                    other => panic!("{other:?}"),
                };
                Err(Cause::from(error))
            }
        }
    };
    let manage = |bank_id, asym| BankChange::Algorithm { bank_id, asym, pqc: PqcAsymAlgo::empty() };
    type A = KeyPairAsymAlgo;
    let refused = |code| Err(refused(Code::SLOT_MANAGEMENT, code, 0));
    assert_eq!(outcome(manage(1, A::ECC_384)), refused(ErrorCode::INVALID_REQUEST));
    assert_eq!(outcome(manage(1, A::ECC_256)), refused(ErrorCode::INVALID_STATE));
    assert_eq!(outcome(manage(2, A::ECC_256)), refused(ErrorCode::INVALID_REQUEST));
    assert_eq!(outcome(BankChange::Erase(at(1, 1))), refused(ErrorCode::INVALID_REQUEST));
    assert_eq!(outcome(BankChange::Erase(at(1, 0))), Ok(Effect::Now));
    assert_eq!(outcome(manage(1, A::ECC_256)), Ok(Effect::Now));
}

#[test]
fn p32_what_is_not_asked_for() {
    let misuse = |change| {
        let mut sim = Sim::new(banked(V1_4, F::empty()));
        let mut memory = Memory::new();
        let requester = connected(&mut memory, &mut sim);
        let cause = run!(requester.change_bank(change), &mut sim).map(|_| ()).unwrap_err();
        assert!(!sim.codes().contains(&Code::SLOT_MANAGEMENT));
        cause
    };
    let manage = |bank_id, asym| BankChange::Algorithm { bank_id, asym, pqc: PqcAsymAlgo::empty() };
    type A = KeyPairAsymAlgo;
    let one = Cause::from(Error::Misuse(Misuse::Provisioning("one algorithm for a bank")));
    assert_eq!(misuse(manage(0, A::empty())), one);
    assert_eq!(misuse(manage(0, A::ECC_256 | A::ECC_384)), one);
    let bank = Cause::from(Error::Misuse(Misuse::Provisioning("BankID is 239 at most")));
    assert_eq!(misuse(manage(240, A::ECC_256)), bank);
    assert_eq!(misuse(BankChange::Erase(at(255, 0))), bank);
    let lacks = Cause::from(Error::Incompatible(Incompatible::Capability("SLOT_MGMT_CAP")));
    for config in [
        DeviceConfig { ext_capabilities: CapabilityExtFlags::empty(), ..banked(V1_4, F::empty()) },
        banked(V1_3, F::empty()),
    ] {
        let mut sim = Sim::new(config);
        let mut memory = Memory::new();
        let requester = connected(&mut memory, &mut sim);
        let mut buffer = [0; 64];
        let cause = run!(requester.slot_banks(&mut buffer), &mut sim).map(|_| ()).unwrap_err();
        assert_eq!(cause, lacks);
    }
    let mut guarded =
        Sim::new(DeviceConfig { environment: Environment::Untrusted, ..banked(V1_4, F::empty()) });
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut guarded);
    let flow = requester.change_bank(BankChange::Erase(at(1, 0)));
    let cause = run!(flow, &mut guarded).map(|_| ()).unwrap_err();
    assert_eq!(cause, refused(Code::SLOT_MANAGEMENT, ErrorCode::UNEXPECTED_REQUEST, 0));
}

#[test]
fn a_reset_that_is_due() {
    let mut sim = Sim::new(banked(V1_4, F::CERT_INSTALL_RESET_CAP));
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    let mut csr = vec![0; 0x1000];
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
    let flow = requester.slot_csr(at(1, 0), asym, CsrPlan::NEW, &mut csr);
    let (requester, outcome) = run!(flow, &mut sim).unwrap();
    assert!(matches!(outcome, CsrOutcome::ResetRequired { tracking_tag: Some(1) }));
    let flow = requester.change_bank(BankChange::Erase(at(1, 0)));
    assert_eq!(run!(flow, &mut sim).unwrap().1, Effect::AfterReset);
}

/// Nothing of it is in the transcript that CHALLENGE_AUTH signs.
#[test]
fn p34_slot_management_between_certificate_and_challenge() {
    let mut sim = Sim::new(banked(V1_4, F::empty()));
    let mut memory = Memory::new();
    let requester = connected(&mut memory, &mut sim);
    let (mut chain, mut buffer) = (vec![0; 0x2000], vec![0; 0x2000]);
    let (requester, chain) =
        run!(requester.fetch_chain(SlotId::ZERO, &mut chain), &mut sim).unwrap();
    let (requester, _) = run!(requester.slot_bank(0, &mut buffer), &mut sim).unwrap();
    let nonce = requester.nonce().unwrap();
    let flow = requester.challenge(Identity::Chain(chain), MeasurementSummary::None, nonce);
    assert!(run!(flow, &mut sim).is_ok());
}
