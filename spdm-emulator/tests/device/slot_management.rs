//! The banks of the device.

use spdm_codec::{
    BankAttributes, BankDetails, BankInfo, BaseAsymAlgo, CapabilityExtFlags, CapabilityFlags, Cx,
    KeyPairAsymAlgo, SlotAttributes, SlotBytes, SlotManagementSubCode as C, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::{Device, DeviceConfig, Environment};
use spdm_untrusted::Untrusted;

use crate::requester::Requester;

const V1_4: SpdmVersion = SpdmVersion::V1_4;
const P256: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
const CX: Cx = Cx::new(V1_4).with_hash_len(32);

fn config() -> DeviceConfig {
    DeviceConfig {
        versions: vec![V1_4],
        base_asym: BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384,
        base_hash: HASH.base_hash(),
        more_capabilities: CapabilityFlags::CSR_CAP | CapabilityFlags::SET_CERT_CAP,
        ext_capabilities: CapabilityExtFlags::SLOT_MGMT_CAP,
        ..DeviceConfig::default()
    }
}

fn connect(config: DeviceConfig) -> Requester {
    Requester::connect(Device::new(config).unwrap(), V1_4, P256, HASH)
}

fn ask(sub_code: C, structure: &[u8]) -> Vec<u8> {
    let offset = if structure.is_empty() { 0 } else { 8 };
    [&[0x14, 0x88, sub_code.0, 0, offset, 0, 0, 0][..], structure].concat()
}

fn address(bank: u8, slot: u8) -> Vec<u8> {
    vec![8, 0, 0, 0, bank, slot, 0, 0]
}

/// The structure of an answer.
#[track_caller]
fn answered(requester: &mut Requester, sub_code: C, structure: &[u8]) -> Vec<u8> {
    let answer = requester.exchange(&ask(sub_code, structure));
    assert_eq!(answer[..3], [0x14, 0x08, sub_code.0], "{answer:02x?}");
    answer[8..].to_vec()
}

/// Code and Param1 of an answer.
fn said(requester: &mut Requester, sub_code: C, structure: &[u8]) -> (u8, u8) {
    let answer = requester.exchange(&ask(sub_code, structure));
    (answer[1], answer[2])
}

fn chain_of(requester: &mut Requester, bank: u8, slot: u8) -> Vec<u8> {
    let answer = answered(requester, C::GET_CERTIFICATE_CHAIN, &address(bank, slot));
    SlotBytes::decode(Untrusted::new(&answer), &CX).unwrap().bytes.to_vec()
}

fn install(bank: u8, slot: u8, chain: &[u8]) -> Vec<u8> {
    let len = u32::try_from(chain.len()).unwrap().to_le_bytes();
    [&address(bank, slot)[..], &len, &[0; 4], chain].concat()
}

fn erase(bank: u8, slot: u8) -> Vec<u8> {
    [&address(bank, slot)[..], &[1, 0, 0, 0]].concat()
}

/// The preferred algorithm first.
const P384_BANK: u8 = 0;
const P256_BANK: u8 = 1;
const DONE: u8 = 0x08;

#[test]
fn banks_are_kinds_of_keys() {
    let mut requester = connect(config());
    let info = answered(&mut requester, C::GET_BANK_INFO, &[]);
    let info = BankInfo::decode(Untrusted::new(&info), &CX).unwrap();
    assert_eq!(info.iter().count(), 2);
    let own = requester.chain(u32::from(u16::MAX));
    for bank in info.iter() {
        let address = address(bank.bank_id, 0);
        let details = answered(&mut requester, C::GET_BANK_DETAILS, &address);
        let details = BankDetails::decode(Untrusted::new(&details), &CX).unwrap();
        let slots: Vec<_> = details.slots.collect();
        assert_eq!(slots.len(), 8);
        let chain = chain_of(&mut requester, bank.bank_id, 0);
        let digest = PROVIDER.hash.digest(HASH, &[&chain]).unwrap();
        assert_eq!(slots[0].digest, digest.as_bytes());
        assert_eq!(slots[0].attributes, SlotAttributes::PROVISIONED);
        assert_eq!(slots[1].attributes, SlotAttributes::empty());
        // The selected bank is the one that GET_CERTIFICATE reads.
        let selected = details.attributes.contains(BankAttributes::SELECTED);
        assert_eq!(selected, details.current.asym == KeyPairAsymAlgo::ECC_256);
        assert_eq!(selected, chain == own);
    }
    let mut without =
        connect(DeviceConfig { ext_capabilities: CapabilityExtFlags::empty(), ..config() });
    assert_eq!(said(&mut without, C::GET_BANK_INFO, &[]), (0x7F, 0x07));
}

#[test]
fn p31_sub_codes_follow_the_capabilities() {
    let mut requester =
        connect(DeviceConfig { more_capabilities: CapabilityFlags::empty(), ..config() });
    let own = requester.chain(u32::from(u16::MAX));
    assert_eq!(said(&mut requester, C::SET_CERTIFICATE, &install(0, 1, &own)), (0x7F, 0x07));
    assert_eq!(said(&mut requester, C::MANAGE_SLOT, &erase(0, 0)), (0x7F, 0x07));
    assert_eq!(said(&mut requester, C(0x05), &address(0, 0)), (0x7F, 0x01));
}

#[test]
fn p32_a_chain_belongs_to_the_algorithm_of_its_bank() {
    let mut requester = connect(config());
    let [p384, p256] = [P384_BANK, P256_BANK].map(|bank| chain_of(&mut requester, bank, 0));
    for (bank, chain) in [(P384_BANK, &p256), (P256_BANK, &p384)] {
        assert_eq!(
            said(&mut requester, C::SET_CERTIFICATE, &install(bank, 1, chain)),
            (0x7F, 0x05)
        );
    }
    assert_eq!(said(&mut requester, C::MANAGE_SLOT, &erase(P384_BANK, 1)), (0x7F, 0x01));
    assert_eq!(
        said(&mut requester, C::SET_CERTIFICATE, &install(P384_BANK, 1, &p384)),
        (DONE, 0x22)
    );
    assert_eq!(chain_of(&mut requester, P384_BANK, 1), p384);
    // DIGESTS tells of the bank of the connection.
    assert_eq!(requester.digests()[3], 1);
    assert_eq!(
        said(&mut requester, C::SET_CERTIFICATE, &install(P256_BANK, 1, &p256)),
        (DONE, 0x22)
    );
    assert_eq!(requester.digests()[3], 3);
    assert_eq!(said(&mut requester, C::MANAGE_SLOT, &erase(P256_BANK, 1)), (DONE, 0x21));
    assert_eq!(requester.digests()[3], 1);
    assert_eq!(chain_of(&mut requester, P384_BANK, 1), p384);
}

#[test]
fn p32_the_algorithm_of_a_bank_is_its_own() {
    let mut requester = connect(config());
    let manage = |bank: u8, asym: KeyPairAsymAlgo| {
        [&address(bank, 0)[..], &[1, 0, 0, 0], &asym.bits().to_le_bytes(), &[0]].concat()
    };
    type A = KeyPairAsymAlgo;
    for asym in [A::empty(), A::ECC_256 | A::ECC_384, A::ECC_384, A::ECC_521] {
        assert_eq!(said(&mut requester, C::MANAGE_BANK, &manage(P256_BANK, asym)), (0x7F, 0x01));
    }
    assert_eq!(said(&mut requester, C::MANAGE_BANK, &manage(P256_BANK, A::ECC_256)), (0x7F, 0x47));
    assert_eq!(said(&mut requester, C::MANAGE_SLOT, &erase(P256_BANK, 0)), (DONE, 0x21));
    assert_eq!(said(&mut requester, C::MANAGE_BANK, &manage(P256_BANK, A::ECC_256)), (DONE, 0x20));
    let mut guarded = connect(DeviceConfig { environment: Environment::Untrusted, ..config() });
    let own = guarded.chain(u32::from(u16::MAX));
    for structure in [install(P256_BANK, 1, &own), install(P256_BANK, 0, &own)] {
        assert_eq!(said(&mut guarded, C::SET_CERTIFICATE, &structure), (0x7F, 0x04));
    }
    assert_eq!(said(&mut guarded, C::MANAGE_SLOT, &erase(P256_BANK, 0)), (0x7F, 0x04));
    assert_eq!(said(&mut guarded, C::MANAGE_BANK, &manage(P256_BANK, A::ECC_256)), (0x7F, 0x04));
}
