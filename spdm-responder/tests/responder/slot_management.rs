//! SLOT_MANAGEMENT: what is refused, and with which ERROR.

use spdm_codec::{
    BankAttributes, BankDetails, BankInfo, CapabilityFlags, Cx, KeyPairAsymAlgo, PqcAsymAlgo,
    SlotAttributes, SlotBytes, SlotManagementSubCode, SlotMask, SlotSubCodes, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve};
use spdm_responder::{BankAlgorithms, Config, Environment, SlotBank, TakesEffect};
use spdm_untrusted::Untrusted;

use crate::initiator::Initiator;
use crate::sim::lab::CHAIN;
use crate::sim::{HASH, Sim, config, with_sessions};

type F = CapabilityFlags;
use SlotManagementSubCode as C;

const V1_4: SpdmVersion = SpdmVersion::V1_4;
const INVALID: [u8; 2] = [0x01, 0];
const UNEXPECTED: [u8; 2] = [0x04, 0];
const UNSUPPORTED: [u8; 2] = [0x07, 0x88];
const RESET: [u8; 2] = [0x0C, 0];
const INVALID_STATE: [u8; 2] = [0x47, 0];
const CX: Cx = Cx::new(V1_4).with_hash_len(32);

const ALL: [C; 8] = [
    C::SUPPORTED_SUB_CODES,
    C::GET_BANK_INFO,
    C::GET_BANK_DETAILS,
    C::GET_CERTIFICATE_CHAIN,
    C::GET_CSR,
    C::MANAGE_BANK,
    C::MANAGE_SLOT,
    C::SET_CERTIFICATE,
];

fn bank(curve: EcCurve, current: KeyPairAsymAlgo) -> SlotBank {
    let of = |asym| BankAlgorithms { asym, pqc: PqcAsymAlgo::empty() };
    SlotBank {
        asym: AsymAlgorithm::Ecdsa(curve),
        attributes: BankAttributes::CONFIG_ALGO,
        slots: SlotMask(0b1011),
        modifiable: SlotMask(0b0011),
        capabilities: BankAlgorithms {
            asym: current | KeyPairAsymAlgo::ECC_521,
            pqc: PqcAsymAlgo::ML_DSA_44,
        },
        current: of(current),
        available: BankAlgorithms {
            asym: current | KeyPairAsymAlgo::ECC_521,
            pqc: PqcAsymAlgo::ML_DSA_44,
        },
    }
}

/// Two banks: one with chains in slots 0 and 3, one without.
fn with(config: Config<'static>) -> Sim {
    let capabilities = config.capabilities | F::CSR_CAP | F::SET_CERT_CAP;
    let mut sim = Sim::new(Config { capabilities, ..config });
    sim.device.lab.banks = vec![
        (bank(EcCurve::P256, KeyPairAsymAlgo::ECC_256), SlotMask(0b1001)),
        (bank(EcCurve::P384, KeyPairAsymAlgo::ECC_384), SlotMask(0)),
    ];
    sim.device.lab.sub_codes = ALL.into_iter().fold(SlotSubCodes::default(), SlotSubCodes::with);
    sim.negotiate(V1_4);
    sim
}

fn lab() -> Sim {
    with(config())
}

/// A request with a structure.
fn ask(sub_code: C, structure: &[u8]) -> Vec<u8> {
    [&[0x14, 0x88, sub_code.0, 0, 8, 0, 0, 0][..], structure].concat()
}

/// One without.
fn plain(sub_code: C) -> Vec<u8> {
    vec![0x14, 0x88, sub_code.0, 0, 0, 0, 0, 0]
}

fn address(bank: u8, slot: u8) -> Vec<u8> {
    vec![8, 0, 0, 0, bank, slot, 0, 0]
}

fn manage_bank(bank: u8, asym: KeyPairAsymAlgo, pqc: &[u8]) -> Vec<u8> {
    let len = u8::try_from(pqc.len()).unwrap();
    let asym = asym.bits().to_le_bytes();
    ask(C::MANAGE_BANK, &[&address(bank, 0)[..], &[1, 0, 0, 0], &asym, &[len], pqc].concat())
}

fn erase(bank: u8, slot: u8) -> Vec<u8> {
    ask(C::MANAGE_SLOT, &[&address(bank, slot)[..], &[1, 0, 0, 0]].concat())
}

const CERTIFICATE: &[u8] = &[0x30, 3, 2, 1, 7];

fn chain() -> Vec<u8> {
    let hash = PROVIDER.hash.digest(HASH, &[CERTIFICATE]).unwrap();
    [&41_u32.to_le_bytes()[..], hash.as_bytes(), CERTIFICATE].concat()
}

fn install(bank: u8, slot: u8) -> Vec<u8> {
    let chain = chain();
    let len = u32::try_from(chain.len()).unwrap().to_le_bytes();
    ask(C::SET_CERTIFICATE, &[&address(bank, slot)[..], &len, &[0; 4], &chain].concat())
}

#[track_caller]
fn refused(sim: &mut Sim, request: &[u8], expected: [u8; 2]) {
    let answer = sim.send(request).unwrap();
    assert_eq!(answer[1..4], [&[0x7F][..], &expected].concat(), "{request:02x?}");
}

/// The structure of an answer.
#[track_caller]
fn answered(sim: &mut Sim, request: &[u8]) -> Vec<u8> {
    let answer = sim.send(request).unwrap();
    assert_eq!(answer[..4], [0x14, 0x08, request[2], 0], "{request:02x?}: {answer:02x?}");
    match answer[4] {
        0 => assert_eq!(answer.len(), 8),
        offset => assert_eq!(offset, 8),
    }
    answer[8..].to_vec()
}

#[test]
fn it_is_there_where_banks_are() {
    let mut sim = lab();
    // CAPABILITIES is behind VERSION, which lists five.
    let capabilities = &sim.negotiation[4 + 6 + 2 * 5 + 20..];
    assert_eq!((capabilities[1], capabilities[6]), (0x61, 1));
    answered(&mut sim, &plain(C::SUPPORTED_SUB_CODES));
    for version in [SpdmVersion::V1_3, V1_4] {
        let mut sim = Sim::negotiated(config(), version);
        let request = [version.to_byte(), 0x88, 0, 0, 0, 0, 0, 0];
        refused(&mut sim, &request, UNSUPPORTED);
    }
    let mut old = lab();
    old.negotiate(SpdmVersion::V1_3);
    let capabilities = &old.negotiation[4 + 6 + 2 * 5 + 20..];
    assert_eq!((capabilities[1], capabilities[6]), (0x61, 0));
    refused(&mut old, &[0x13, 0x88, 0, 0, 0, 0, 0, 0], UNSUPPORTED);
}

#[test]
fn banks_and_slots() {
    let mut sim = lab();
    let codes = answered(&mut sim, &plain(C::SUPPORTED_SUB_CODES));
    let codes = SlotSubCodes::decode(Untrusted::new(&codes), &CX).unwrap();
    assert_eq!(codes.iter().collect::<Vec<_>>(), ALL);
    let info = answered(&mut sim, &plain(C::GET_BANK_INFO));
    let info = BankInfo::decode(Untrusted::new(&info), &CX).unwrap();
    let banks: Vec<_> = info.iter().map(|bank| (bank.bank_id, bank.slots.0)).collect();
    assert_eq!(banks, [(0, 0b1011), (1, 0b1011)]);
    let details = answered(&mut sim, &ask(C::GET_BANK_DETAILS, &address(0, 0)));
    let details = BankDetails::decode(Untrusted::new(&details), &CX).unwrap();
    assert_eq!(details.current.asym, KeyPairAsymAlgo::ECC_256);
    assert_eq!(details.available.pqc.algorithms(), PqcAsymAlgo::ML_DSA_44);
    let digest = PROVIDER.hash.digest(HASH, &[CHAIN]).unwrap();
    let slots: Vec<_> = details.slots.map(|slot| (slot.slot.get(), slot.attributes)).collect();
    let (provisioned, protected) = (SlotAttributes::PROVISIONED, SlotAttributes::WRITE_PROTECTED);
    let empty = SlotAttributes::empty();
    assert_eq!(slots, [(0, provisioned), (1, empty), (3, provisioned | protected)]);
    let digests: Vec<_> = details.slots.map(|slot| slot.digest.to_vec()).collect();
    assert_eq!(digests, [digest.as_bytes().to_vec(), vec![0; 32], digest.as_bytes().to_vec()]);
    let chain = answered(&mut sim, &ask(C::GET_CERTIFICATE_CHAIN, &address(0, 3)));
    assert_eq!(SlotBytes::decode(Untrusted::new(&chain), &CX).unwrap().bytes, CHAIN);
    // A transport may append three bytes.
    answered(&mut sim, &[ask(C::GET_BANK_DETAILS, &address(0, 0)), vec![0; 3]].concat());
}

#[test]
fn p30_structures_that_lie() {
    let mut sim = lab();
    let good = ask(C::GET_BANK_DETAILS, &address(0, 0));
    let mut changed = |at: usize, value: u8| {
        let mut request = good.clone();
        request[at] = value;
        refused(&mut sim, &request, INVALID);
    };
    for offset in (0..8).chain([9, 16, 17, 255]) {
        changed(4, offset);
    }
    changed(5, 255);
    for len in [0, 7, 9, 255] {
        changed(8, len);
    }
    changed(9, 1);
    // Banks 0 and 1 are there.
    for bank in [2, 239, 240, 255] {
        changed(12, bank);
    }
    for slot in [8, 15] {
        changed(13, slot);
    }
    for cut in 4..good.len() {
        refused(&mut sim, &good[..cut], INVALID);
    }
    refused(&mut sim, &[&good[..], &[0; 4]].concat(), INVALID);
    for sub_code in ALL {
        let none = matches!(sub_code, C::SUPPORTED_SUB_CODES | C::GET_BANK_INFO);
        let wrong = if none { ask(sub_code, &address(0, 0)) } else { plain(sub_code) };
        refused(&mut sim, &wrong, INVALID);
        for len in 0..8 {
            refused(&mut sim, &ask(sub_code, &address(0, 0)[..len]), INVALID);
        }
    }
    // Slot 2 is none of the bank, slot 1 has no chain.
    for slot in [1, 2] {
        refused(&mut sim, &ask(C::GET_CERTIFICATE_CHAIN, &address(0, slot)), INVALID);
        refused(&mut sim, &erase(0, slot), INVALID);
    }
    let csr = |lengths: [u8; 4]| ask(C::GET_CSR, &[&address(0, 2)[..], &[0; 4], &lengths].concat());
    refused(&mut sim, &csr([0; 4]), INVALID);
    refused(&mut sim, &csr([0xFF; 4]), INVALID);
    refused(&mut sim, &manage_bank(0, KeyPairAsymAlgo::ECC_521, &[0; 3])[..27], INVALID);
    let mut past = manage_bank(0, KeyPairAsymAlgo::ECC_521, &[]);
    *past.last_mut().unwrap() = 255;
    refused(&mut sim, &past, INVALID);
    let mut long = install(1, 1);
    long[16] += 1;
    refused(&mut sim, &long, INVALID);
    let mut operation = erase(0, 0);
    operation[16] = 2;
    refused(&mut sim, &operation, INVALID);
    assert!(sim.device.lab.installed.is_empty() && sim.device.lab.configured.is_empty());
}

#[test]
fn p31_unknown_sub_codes_and_those_that_are_not_advertised() {
    let mut sim = lab();
    for unknown in [0x05, 0x1F, 0x23, 0x40, 0xFF] {
        refused(&mut sim, &plain(C(unknown)), INVALID);
        refused(&mut sim, &ask(C(unknown), &address(0, 0)), INVALID);
    }
    answered(&mut sim, &install(0, 1));
    let without = [C::SUPPORTED_SUB_CODES, C::GET_BANK_INFO, C::GET_BANK_DETAILS];
    sim.device.lab.sub_codes =
        without.into_iter().fold(SlotSubCodes::default(), SlotSubCodes::with);
    refused(&mut sim, &plain(C(0x05)), INVALID);
    for (request, sub_code) in [
        (install(0, 1), C::SET_CERTIFICATE),
        (erase(0, 0), C::MANAGE_SLOT),
        (manage_bank(1, KeyPairAsymAlgo::ECC_384, &[]), C::MANAGE_BANK),
        (ask(C::GET_CERTIFICATE_CHAIN, &address(0, 0)), C::GET_CERTIFICATE_CHAIN),
    ] {
        refused(&mut sim, &request, UNSUPPORTED);
        // Also where its structure is missing.
        refused(&mut sim, &plain(sub_code), UNSUPPORTED);
    }
    assert_eq!(sim.device.lab.installed.len(), 1);
}

#[test]
fn p32_the_algorithm_of_a_bank() {
    type A = KeyPairAsymAlgo;
    let mut sim = lab();
    for (asym, pqc) in [
        // None, two, two of both kinds.
        (A::empty(), &[][..]),
        (A::empty(), &[0, 0, 0, 0]),
        (A::ECC_384 | A::ECC_521, &[]),
        (A::ECC_521, &[1, 0, 0, 0]),
        // That of another bank, one that nobody has, and one behind what is known.
        (A::ECC_256, &[]),
        (A::SM2, &[]),
        (A::ECC_521, &[0, 0, 0, 0, 1]),
    ] {
        refused(&mut sim, &manage_bank(1, asym, pqc), INVALID);
    }
    // The bank has provisioned slots.
    refused(&mut sim, &manage_bank(0, A::ECC_521, &[]), INVALID_STATE);
    assert!(sim.device.lab.configured.is_empty());
    // What it is already is no change.
    assert!(answered(&mut sim, &manage_bank(1, A::ECC_384, &[])).is_empty());
    assert!(sim.device.lab.configured.is_empty());
    answered(&mut sim, &manage_bank(1, A::ECC_521, &[]));
    answered(&mut sim, &manage_bank(1, A::empty(), &[1, 0, 0, 0]));
    let chosen = [
        BankAlgorithms { asym: A::ECC_521, pqc: PqcAsymAlgo::empty() },
        BankAlgorithms { asym: A::empty(), pqc: PqcAsymAlgo::ML_DSA_44 },
    ];
    assert_eq!(sim.device.lab.configured, chosen.map(|chosen| (1, chosen)));
    sim.device.lab.answer = Ok(TakesEffect::AfterReset);
    refused(&mut sim, &manage_bank(1, A::ECC_521, &[]), RESET);
}

#[test]
fn p32_writes_outside_of_a_trusted_environment() {
    let capabilities = with_sessions().capabilities;
    let mut sim = with(Config { capabilities, ..with_sessions() });
    sim.device.lab.environment = Environment::Untrusted;
    let mut session = Initiator::key_exchange(&mut sim, 1);
    let writes =
        [install(0, 0), install(1, 1), erase(0, 0), manage_bank(1, KeyPairAsymAlgo::ECC_521, &[])];
    for request in &writes {
        assert_eq!(session.exchange(&mut sim, request).unwrap()[1..3], [0x7F, 0x04]);
    }
    session.finish(&mut sim, 0xE5);
    for request in &writes {
        refused(&mut sim, request, UNEXPECTED);
    }
    for request in [plain(C::GET_BANK_INFO), ask(C::GET_BANK_DETAILS, &address(1, 0))] {
        answered(&mut sim, &request);
        assert_eq!(session.exchange(&mut sim, &request).unwrap()[1], 0x08);
    }
    assert!(sim.device.lab.installed.is_empty() && sim.device.lab.configured.is_empty());
    // In a session slot 1 alone; the algorithm of a bank is that of its slot 0, too.
    let answers =
        writes.map(|request| session.exchange(&mut sim, &request).unwrap()[1..3].to_vec());
    assert_eq!(answers, [[0x7F, 0x04], [0x08, 0x22], [0x7F, 0x04], [0x7F, 0x04]]);
    assert_eq!(sim.device.lab.installed, [(1, 0, CERTIFICATE.to_vec())]);
}

#[test]
fn writes_go_to_the_device() {
    let mut sim = lab();
    assert!(answered(&mut sim, &install(1, 1)).is_empty());
    assert!(answered(&mut sim, &erase(0, 0)).is_empty());
    assert_eq!(sim.device.lab.installed, [(1, 0, CERTIFICATE.to_vec()), (0, 0, Vec::new())]);
    // Slot 3 is write-protected.
    refused(&mut sim, &install(0, 3), INVALID);
    refused(&mut sim, &erase(0, 3), INVALID);
    let csr = [&address(1, 1)[..], &[0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let csr = answered(&mut sim, &ask(C::GET_CSR, &csr));
    assert_eq!(csr, [2, 0, 0, 0, 0, 0, 0, 0, 0x30, 0]);
    // The rules of GET_CSR and SET_CERTIFICATE.
    let named = [&address(1, 1)[..], &[1, 1, 0, 0, 0, 0, 0, 0]].concat();
    refused(&mut sim, &ask(C::GET_CSR, &named), INVALID);
    let mut model = install(1, 1);
    model[20] = 1;
    refused(&mut sim, &model, INVALID);
    let mut root_hash = install(1, 1);
    *root_hash.last_mut().unwrap() ^= 1;
    refused(&mut sim, &root_hash, [0x05, 0]);
    sim.device.lab.answer = Ok(TakesEffect::AfterReset);
    refused(&mut sim, &install(1, 1), RESET);
}
