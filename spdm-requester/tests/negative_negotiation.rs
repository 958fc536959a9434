//! N9 to N14: VERSION, CAPABILITIES and ALGORITHMS that a requester must not accept.

mod sim;

use sim::cause::{Cause, invalid, not_offered, not_one, signature, truncated, unexpected, wrong};
use sim::failed::{Failed, Remains, Setup, assert_lost, fail, fail_with};
use sim::{Memory, Sim, attacked, attest, config, error_of, faulty, faulty_at, negotiated, until};
use spdm_codec::{BaseAsymAlgo, CapabilityFlags, Code, Expected, MeasurementHashAlgo, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{
    Error, Incompatible, Negotiated, Offer, Requester, Requirement, Selection, blocking,
};

const V1_0: SpdmVersion = SpdmVersion::V1_0;
const V1_1: SpdmVersion = SpdmVersion::V1_1;
const V1_2: SpdmVersion = SpdmVersion::V1_2;
const V1_3: SpdmVersion = SpdmVersion::V1_3;
const V1_4: SpdmVersion = SpdmVersion::V1_4;

const INCOMPATIBLE_VERSION: Cause = Cause::Other(Error::Incompatible(Incompatible::Version));

fn since(first: SpdmVersion) -> impl Iterator<Item = SpdmVersion> {
    SpdmVersion::ALL.into_iter().filter(move |version| *version >= first)
}

const fn no_algorithm(field: &'static str) -> Cause {
    Cause::Other(Error::Incompatible(Incompatible::NoAlgorithm { field }))
}

/// VERSION with these entries.
fn versions(entries: &[u16]) -> impl FnMut(&mut Vec<u8>) + 'static {
    let mut message = vec![0x10, 0x04, 0, 0, 0, u8::try_from(entries.len()).unwrap()];
    message.extend(entries.iter().flat_map(|entry| entry.to_le_bytes()));
    move |response| response.clone_from(&message)
}

/// Writes `bytes` at `at`.
fn put<const N: usize>(at: usize, bytes: [u8; N]) -> impl FnMut(&mut Vec<u8>) + 'static {
    move |response| response[at..at + N].copy_from_slice(&bytes)
}

// N9: VERSION.

#[test]
fn n09_linux_w29_version_lists() {
    let count = "VersionNumberEntryCount";
    let rows = [
        (Fault::VersionCountZero, invalid("VERSION", count, 5, Expected::AtLeast(1), 0)),
        (Fault::VersionCountPastEnd, truncated("VERSION", "VersionNumberEntry", 6, 510, 2)),
        (Fault::VersionOddLength, truncated("VERSION", "VersionNumberEntry", 6, 2, 1)),
        (Fault::VersionNoneSupported, INCOMPATIBLE_VERSION),
    ];
    for version in SpdmVersion::ALL {
        for (fault, cause) in rows {
            assert_lost(faulty(version, fault), Code::GET_VERSION, cause);
        }
        // 1.9, 2.0 and 0.x are no versions that anybody could speak here.
        for entries in [&[0x1900][..], &[0x2000, 0x1500], &[0x0000, 0x0100, 0xFFFF]] {
            let sim = attacked(version, Code::GET_VERSION, versions(entries));
            assert_lost(sim, Code::GET_VERSION, INCOMPATIBLE_VERSION);
        }
    }
}

#[test]
fn n09_linux_w29_the_highest_common_version_is_taken() {
    // In VERSION; update versions, alphas, unknown versions and duplicates do not matter.
    let lists: [(&[u16], SpdmVersion); 5] = [
        (&[0x1400, 0x1000], V1_4),
        (&[0x1200, 0x1300, 0x1100, 0x1000], V1_3),
        (&[0x2000, 0x1900, 0x1500, 0x1200, 0x1200, 0x1200], V1_2),
        (&[0x1123, 0x1034], V1_1),
        (&[0x1000; 255], V1_0),
    ];
    for (entries, expected) in lists {
        let mut sim = attacked(expected, Code::GET_VERSION, versions(entries));
        let mut memory = Memory::new();
        let agreed = negotiated(&mut memory, &mut sim).map(|r| r.negotiated().version);
        assert_eq!(agreed, Ok(expected), "{entries:04x?}");
        assert_eq!(sim.requests[1][0], expected.to_byte());
    }
    let mut sim = Sim::new(DeviceConfig { versions: SpdmVersion::ALL.to_vec(), ..config(V1_0) });
    for max_version in SpdmVersion::ALL {
        let mut memory = Memory::new();
        let mut offer = Offer::everything(&PROVIDER);
        offer.max_version = max_version;
        let requester = sim::requester(&mut memory, &sim).with_offer(offer);
        let clock = sim.clock.clone();
        let (requester, ()) =
            blocking::run(requester.negotiate(), &mut sim, &clock).map_err(|_| ()).unwrap();
        assert_eq!(requester.negotiated().version, max_version);
    }
}

#[test]
fn n09_linux_w29_the_callers_range_of_versions() {
    for (device, min, max) in [(V1_1, V1_2, V1_4), (V1_3, V1_0, V1_2), (V1_0, V1_1, V1_1)] {
        let mut offer = Offer::everything(&PROVIDER);
        (offer.min_version, offer.max_version) = (min, max);
        let setup = Setup { offer, ..Setup::default() };
        let failed = fail_with(&mut Sim::new(config(device)), setup);
        let codes = until(Code::GET_VERSION).to_vec();
        let cause = Ok(INCOMPATIBLE_VERSION);
        assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{device}");
    }
}

fn downgraded() -> Sim {
    Sim::new(DeviceConfig {
        versions: SpdmVersion::ALL.to_vec(),
        faults: vec![Fault::VersionDowngrade],
        ..config(V1_0)
    })
}

#[test]
fn n09_downgrade_breaks_the_signature() {
    let mut sim = downgraded();
    assert!(fail(&mut downgraded()).cause == Ok(signature("CHALLENGE_AUTH")));
    assert_lost(downgraded(), Code::CHALLENGE, signature("CHALLENGE_AUTH"));
    // To any lower version, while the device signs what it said itself.
    for lower in [V1_0, V1_1, V1_2, V1_3] {
        sim.heal();
        sim.tamper(Code::GET_VERSION, versions(&[u16::from(lower.to_byte()) << 8]));
        let Failed { cause, remains, codes } = fail(&mut sim);
        assert_eq!(cause, Ok(signature("CHALLENGE_AUTH")), "{lower}");
        assert_eq!((remains, codes.as_slice()), (Remains::Fresh, until(Code::CHALLENGE)));
    }
}

#[test]
fn n09_downgrade_and_measurements_without_challenge() {
    let measurements = |lower: SpdmVersion| {
        let mut sim = downgraded();
        sim.heal();
        sim.tamper(Code::GET_VERSION, versions(&[u16::from(lower.to_byte()) << 8]));
        sim
    };
    let setup =
        Setup { change: |plan| plan.requirement = Requirement::Measurements, ..Setup::default() };
    let mut codes = until(Code::GET_CERTIFICATE).to_vec();
    codes.push(Code::GET_MEASUREMENTS);
    for lower in [V1_2, V1_3] {
        let failed = fail_with(&mut measurements(lower), setup);
        let cause = Ok(signature("MEASUREMENTS"));
        assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes: codes.clone() });
    }
    // L1 of 1.0 and 1.1 lacks the negotiation: only the caller's range protects.
    for lower in [V1_0, V1_1] {
        let mut offer = setup.offer;
        offer.min_version = V1_2;
        let failed = fail_with(&mut measurements(lower), Setup { offer, ..setup });
        let codes = until(Code::GET_VERSION).to_vec();
        let cause = Ok(INCOMPATIBLE_VERSION);
        assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes });
    }
}

#[test]
fn n09_linux_w32_every_byte_of_the_negotiation_is_signed() {
    for version in SpdmVersion::ALL {
        let recording = sim::replay::record(version);
        let mut signed = 0;
        for at in 0..3 {
            for byte in 0..recording.responses[at].len() {
                for bits in [0x01, 0x10, 0x80] {
                    let change = |response: &mut Vec<u8>| response[byte] ^= bits;
                    let changed = sim::replay::changed(&recording, at, change);
                    match changed {
                        // What no check sees, the signature does.
                        sim::replay::Changed::Failed { sent, error } => {
                            if error == (Error::Signature { message: "CHALLENGE_AUTH" }) {
                                assert_eq!(sent, 6);
                                signed += 1;
                            } else {
                                assert!(
                                    matches!(
                                        error,
                                        Error::Decode(_)
                                            | Error::Misbehaved(_)
                                            | Error::Incompatible(_)
                                            | Error::Refused(_)
                                    ),
                                    "{version} {at} {byte} {error:?}"
                                );
                                assert_eq!(sent, at + 1, "{version} {at} {byte} {error:?}");
                            }
                        }
                        // The requester goes another way, where the device's answers no longer fit.
                        sim::replay::Changed::OtherRequest { sent } => assert!(sent <= 5),
                        sim::replay::Changed::Attested => {
                            panic!("{version} {at} {byte} {bits:#x}")
                        }
                    }
                }
            }
        }
        assert!(signed > 20, "{version}: {signed}");
    }
}

// N10: exponents.

#[test]
fn n10_ct_exponent() {
    let cause = |got| wrong("CAPABILITIES", "CTExponent", Expected::AtMost(31), got);
    for version in SpdmVersion::ALL {
        for got in [32, 33, 63, 64, 255] {
            let sim = attacked(version, Code::GET_CAPABILITIES, put(5, [got]));
            assert_lost(sim, Code::GET_CAPABILITIES, cause(got.into()));
        }
        let code = Code::GET_CAPABILITIES;
        assert_lost(faulty(version, Fault::CtExponent32), code, cause(32));
        assert_lost(faulty(version, Fault::CtExponent255), code, cause(255));
        let mut sim = Sim::new(DeviceConfig { ct_exponent: 31, ..config(version) });
        assert!(attest(&mut sim).is_ok(), "{version}");
    }
}

// N11: capabilities.

/// What the emulator announces.
fn announced(version: SpdmVersion) -> CapabilityFlags {
    let flags = CapabilityFlags::CERT_CAP
        | CapabilityFlags::CHAL_CAP
        | CapabilityFlags::MEAS_CAP_SIG
        | CapabilityFlags::MEAS_FRESH_CAP;
    if version >= V1_4 { flags | CapabilityFlags::LARGE_RESP_CAP } else { flags }
}

#[test]
fn n11_linux_w26_capability_conflicts() {
    type F = CapabilityFlags;
    let measurements = F::MEAS_CAP_SIG | F::MEAS_FRESH_CAP;
    // Since, what is added, what is taken away, the rule.
    let rows = [
        (V1_0, F::MEAS_CAP_NO_SIG, F::empty(), "MEAS_CAP other than 3"),
        (V1_0, F::empty(), F::MEAS_CAP_SIG, "MEAS_FRESH_CAP only with MEAS_CAP"),
        (V1_1, F::PSK_CAP | F::PSK_CAP_CONTEXT | F::MAC_CAP, F::empty(), "PSK_CAP other than 3"),
        (V1_1, F::KEY_EX_CAP, F::empty(), "MAC_CAP or ENCRYPT_CAP with KEY_EX_CAP or PSK_CAP"),
        (V1_1, F::PSK_CAP, F::empty(), "MAC_CAP or ENCRYPT_CAP with KEY_EX_CAP or PSK_CAP"),
        (V1_1, F::MAC_CAP, F::empty(), "session capabilities only with KEY_EX_CAP or PSK_CAP"),
        (V1_1, F::ENCRYPT_CAP, F::empty(), "session capabilities only with KEY_EX_CAP or PSK_CAP"),
        (V1_1, F::HBEAT_CAP, F::empty(), "session capabilities only with KEY_EX_CAP or PSK_CAP"),
        (V1_1, F::KEY_UPD_CAP, F::empty(), "session capabilities only with KEY_EX_CAP or PSK_CAP"),
        (
            V1_1,
            F::PSK_CAP | F::MAC_CAP | F::HANDSHAKE_IN_THE_CLEAR_CAP,
            F::empty(),
            "HANDSHAKE_IN_THE_CLEAR_CAP only with KEY_EX_CAP",
        ),
        (V1_1, F::PUB_KEY_ID_CAP, F::empty(), "CERT_CAP or PUB_KEY_ID_CAP, not both"),
        (
            V1_1,
            F::empty(),
            measurements | F::CHAL_CAP,
            "a use for the key of CERT_CAP or PUB_KEY_ID_CAP",
        ),
        (
            V1_1,
            F::empty(),
            measurements | F::CERT_CAP,
            "CERT_CAP or PUB_KEY_ID_CAP with CHAL_CAP, KEY_EX_CAP, MUT_AUTH_CAP and signatures",
        ),
        (
            V1_1,
            F::empty(),
            F::CHAL_CAP | F::CERT_CAP,
            "CERT_CAP or PUB_KEY_ID_CAP with CHAL_CAP, KEY_EX_CAP, MUT_AUTH_CAP and signatures",
        ),
        (V1_2, F::CSR_CAP, F::empty(), "SET_CERT_CAP with CSR_CAP"),
        (
            V1_2,
            F::CERT_INSTALL_RESET_CAP,
            F::empty(),
            "CERT_INSTALL_RESET_CAP only with CSR_CAP or SET_CERT_CAP",
        ),
        (V1_3, F::EP_INFO_CAP_NO_SIG | F::EP_INFO_CAP_SIG, F::empty(), "EP_INFO_CAP other than 3"),
        (
            V1_3,
            F::MULTI_KEY_CAP_ONLY | F::MULTI_KEY_CAP_NEG | F::GET_KEY_PAIR_INFO_CAP,
            F::empty(),
            "MULTI_KEY_CAP other than 3",
        ),
        (
            V1_3,
            F::MULTI_KEY_CAP_ONLY,
            F::empty(),
            "GET_KEY_PAIR_INFO_CAP and CERT_CAP with MULTI_KEY_CAP",
        ),
        (
            V1_4,
            F::SET_KEY_PAIR_RESET_CAP,
            F::empty(),
            "SET_KEY_PAIR_INFO_CAP with SET_KEY_PAIR_RESET_CAP",
        ),
    ];
    for (first, more, less, rule) in rows {
        for version in since(first) {
            let flags = (announced(version) - less | more).bits();
            let sim = attacked(version, Code::GET_CAPABILITIES, put(8, flags.to_le_bytes()));
            let cause = wrong("CAPABILITIES", "Flags", Expected::Rule(rule), flags.into());
            assert_lost(sim, Code::GET_CAPABILITIES, cause);
        }
    }
    let rule = "CERT_CAP and CHAL_CAP together";
    let flags = (F::CERT_CAP | F::MEAS_CAP_NO_SIG).bits();
    let sim = attacked(V1_0, Code::GET_CAPABILITIES, put(8, flags.to_le_bytes()));
    let cause = wrong("CAPABILITIES", "Flags", Expected::Rule(rule), flags.into());
    assert_lost(sim, Code::GET_CAPABILITIES, cause);
    let flags = (announced(V1_0) - F::CERT_CAP).bits();
    let sim = attacked(V1_0, Code::GET_CAPABILITIES, put(8, flags.to_le_bytes()));
    let rule = Expected::Rule("CERT_CAP with MEAS_CAP 2");
    assert_lost(sim, Code::GET_CAPABILITIES, wrong("CAPABILITIES", "Flags", rule, flags.into()));
}

#[test]
fn n11_linux_w26_transfer_sizes() {
    let chunk = announced(V1_2) | CapabilityFlags::CHUNK_CAP;
    let sizes = |data: u32, max: u32| {
        let bytes = [data.to_le_bytes(), max.to_le_bytes()].concat();
        move |response: &mut Vec<u8>| response[12..20].copy_from_slice(&bytes)
    };
    let cause = |expected, got| wrong("CAPABILITIES", "DataTransferSize", expected, got);
    let rows = [
        (0, 0, cause(Expected::AtLeast(42), 0)),
        (41, 41, cause(Expected::AtLeast(42), 41)),
        (0x1200, 0x11FF, cause(Expected::AtMost(0x11FF), 0x1200)),
        (0x1200, 0, cause(Expected::AtMost(0), 0x1200)),
        (0x1200, 0x1201, cause(Expected::Exactly(0x1201), 0x1200)),
        (42, u32::MAX, cause(Expected::Exactly(0xFFFF_FFFF), 42)),
    ];
    for version in since(V1_2) {
        for (data, max, cause) in rows {
            let sim = attacked(version, Code::GET_CAPABILITIES, sizes(data, max));
            assert_lost(sim, Code::GET_CAPABILITIES, cause);
        }
        // With CHUNK_CAP the order of both still counts.
        let mut sim = attacked(version, Code::GET_CAPABILITIES, sizes(0x1200, 0x11FF));
        sim.tamper(Code::GET_CAPABILITIES, put(8, chunk.bits().to_le_bytes()));
        assert_lost(sim, Code::GET_CAPABILITIES, cause(Expected::AtMost(0x11FF), 0x1200));
        let code = Code::GET_CAPABILITIES;
        let rows = [
            (Fault::DataTransferSize41, cause(Expected::AtLeast(42), 41)),
            (Fault::MaxSmallerThanDts, cause(Expected::AtMost(0x11FF), 0x1200)),
            (Fault::SizesDifferWithoutChunk, cause(Expected::Exactly(0x1201), 0x1200)),
        ];
        for (fault, cause) in rows {
            assert_lost(faulty(version, fault), code, cause);
        }
    }
}

#[test]
fn n11_a_request_that_the_device_cannot_receive() {
    // CHALLENGE has 36 bytes, from 1.3 on 44; GET_MEASUREMENTS one more.
    for version in since(V1_2) {
        let size = 42;
        let mut sim = Sim::new(config(version));
        sim.tamper(Code::GET_CAPABILITIES, move |response| {
            for at in [12, 16] {
                response[at..at + 4].copy_from_slice(&u32::to_le_bytes(size));
            }
        });
        let Failed { cause, remains, codes } = fail(&mut sim);
        if version >= V1_3 {
            let error = Incompatible::RequestTooLarge { len: 44, data_transfer_size: size };
            assert_eq!(cause, Ok(Cause::Other(Error::Incompatible(error))));
            assert_eq!((remains, codes.as_slice()), (Remains::Kept, until(Code::GET_CERTIFICATE)));
        } else {
            assert_eq!(cause, Ok(signature("CHALLENGE_AUTH")));
            assert_eq!((remains, codes.as_slice()), (Remains::Fresh, until(Code::CHALLENGE)));
        }
    }
}

// N12: the SupportedAlgorithms block.

#[test]
fn n12_linux_w24_supported_algorithms_without_a_request() {
    for version in since(V1_3) {
        let cause = unexpected("CAPABILITIES", "SupportedAlgorithms");
        let sim = faulty(version, Fault::UnsolicitedAlgorithmsBlock);
        assert_lost(sim, Code::GET_CAPABILITIES, cause);
        // Only the bit.
        let sim = attacked(version, Code::GET_CAPABILITIES, put(2, [1]));
        let cause = truncated("CAPABILITIES", "SupportedAlgorithms.Param1", 20, 1, 0);
        assert_lost(sim, Code::GET_CAPABILITIES, cause);
        // Of a wrong length, whether asked for or not.
        let mut sim = faulty(version, Fault::UnsolicitedAlgorithmsBlock);
        sim.tamper(Code::GET_CAPABILITIES, put(22, [31]));
        let field = "SupportedAlgorithms.Length";
        let cause = invalid("CAPABILITIES", field, 22, Expected::Exactly(30), 31);
        assert_lost(sim, Code::GET_CAPABILITIES, cause);
    }
    // Before 1.3 there is no such block: Param1 is reserved, and bytes behind the message are too many.
    for version in [V1_0, V1_1, V1_2] {
        let len = if version == V1_2 { 20 } else { 12 };
        let sim = attacked(version, Code::GET_CAPABILITIES, |response| {
            response[2] = 1;
            response.extend([0; 30]);
        });
        let cause = sim::cause::trailing("CAPABILITIES", len, 30, 0);
        assert_lost(sim, Code::GET_CAPABILITIES, cause);
        let sim = attacked(version, Code::GET_CAPABILITIES, put(2, [1]));
        assert_lost(sim, Code::CHALLENGE, signature("CHALLENGE_AUTH"));
    }
}

// N13: ALGORITHMS.

/// What the requester offers with this backend: all but SM2 and Ed448, and SM3.
fn offered_asym(version: SpdmVersion) -> u64 {
    if version < V1_2 { 0x1FF } else { 0x5FF }
}

#[test]
fn n13_linux_w28_algorithm_not_offered() {
    for version in SpdmVersion::ALL {
        let offered = offered_asym(version);
        let code = Code::NEGOTIATE_ALGORITHMS;
        let sim = faulty(version, Fault::AlgorithmNotOffered);
        assert_lost(sim, code, not_offered("BaseAsymSel", offered, 0x200));
        let sim = faulty(version, Fault::HashNotOffered);
        assert_lost(sim, code, not_offered("BaseHashSel", 0x3F, 0x40));
        for bit in (0..32).map(|n| 1_u32 << n).filter(|bit| offered & u64::from(*bit) == 0) {
            let sim = attacked(version, code, put(12, bit.to_le_bytes()));
            assert_lost(sim, code, not_offered("BaseAsymSel", offered, bit.into()));
        }
        for bit in (6..32).map(|n| 1_u32 << n) {
            let sim = attacked(version, code, put(16, bit.to_le_bytes()));
            assert_lost(sim, code, not_offered("BaseHashSel", 0x3F, bit.into()));
        }
    }
}

#[test]
fn n13_linux_w28_an_offer_that_the_caller_restricted() {
    for version in SpdmVersion::ALL {
        let mut offer = Offer::everything(&PROVIDER);
        offer.base_asym = BaseAsymAlgo::ECDSA_P384;
        let setup = Setup { offer, ..Setup::default() };
        let p256 = BaseAsymAlgo::ECDSA_P256.bits();
        let mut sim = Sim::new(DeviceConfig {
            base_asym: BaseAsymAlgo::ECDSA_P256 | BaseAsymAlgo::ECDSA_P384,
            ..config(version)
        });
        sim.tamper(Code::NEGOTIATE_ALGORITHMS, put(12, p256.to_le_bytes()));
        let codes = until(Code::NEGOTIATE_ALGORITHMS).to_vec();
        let offered = offer.base_asym.bits().into();
        let cause = Ok(not_offered("BaseAsymSel", offered, p256.into()));
        let failed = fail_with(&mut sim, setup);
        assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes });
    }
}

#[test]
fn n13_linux_w28_one_algorithm_of_a_kind() {
    let code = Code::NEGOTIATE_ALGORITHMS;
    for version in SpdmVersion::ALL {
        let rows = [
            (Fault::TwoAsymBits, not_one("BaseAsymSel", 0x90)),
            (Fault::TwoHashBits, not_one("BaseHashSel", 0x03)),
            (Fault::MeasurementHashTwoBits, not_one("MeasurementHashAlgo", 0x06)),
            (Fault::NoAsym, no_algorithm("BaseAsymSel")),
            (Fault::NoHash, no_algorithm("BaseHashSel")),
        ];
        for (fault, cause) in rows {
            assert_lost(faulty(version, fault), code, cause);
        }
        let sim = attacked(version, code, put(12, [0xFF; 4]));
        assert_lost(sim, code, not_one("BaseAsymSel", 0xFFFF_FFFF));
        let sim = attacked(version, code, put(16, [0xFF; 4]));
        assert_lost(sim, code, not_one("BaseHashSel", 0xFFFF_FFFF));
    }
    for version in since(V1_2) {
        let sim = faulty(version, Fault::TwoOpaqueFormats);
        assert_lost(sim, code, not_one("OtherParamsSelection", 3));
    }
}

#[test]
fn n13_length_and_external_algorithms() {
    let code = Code::NEGOTIATE_ALGORITHMS;
    let length = |got| invalid("ALGORITHMS", "Length", 4, Expected::Exactly(36), got);
    for version in SpdmVersion::ALL {
        assert_lost(faulty(version, Fault::AlgorithmsLength), code, length(40));
        for got in [0_u16, 35, 37, 0xFFFF] {
            let sim = attacked(version, code, put(4, got.to_le_bytes()));
            assert_lost(sim, code, length(got.into()));
        }
        let cause = unexpected("ALGORITHMS", "ExtAsymSelCount");
        assert_lost(faulty(version, Fault::ExtAlgorithmSelected), code, cause);
        let external = |count_at: usize| {
            move |response: &mut Vec<u8>| {
                (response[4], response[count_at]) = (40, 1);
                response.extend([0; 4]);
            }
        };
        let sim = attacked(version, code, external(33));
        assert_lost(sim, code, unexpected("ALGORITHMS", "ExtHashSelCount"));
        // More than there are.
        let sim = attacked(version, code, put(32, [255]));
        assert_lost(sim, code, truncated("ALGORITHMS", "ExtAsymSel", 36, 1020, 0));
        let sim = attacked(version, code, put(33, [1]));
        assert_lost(sim, code, truncated("ALGORITHMS", "ExtHashSel", 36, 4, 0));
    }
}

/// Appends AlgStructs.
fn structs<const N: usize>(tables: [[u8; 4]; N]) -> impl FnMut(&mut Vec<u8>) + 'static {
    move |response| {
        response.extend(tables.as_flattened());
        response[2] = u8::try_from(N).unwrap();
        response[4] = 36 + 4 * u8::try_from(N).unwrap();
    }
}

#[test]
fn n13_linux_w23_linux_w31_alg_structs() {
    let code = Code::NEGOTIATE_ALGORITHMS;
    for version in since(V1_1) {
        let last = if version >= V1_4 { 7 } else { 5 };
        let alg_type = |at, first, got| {
            invalid("ALGORITHMS", "AlgType", at, Expected::Range(first, last), got)
        };
        let alg_count = |got| invalid("ALGORITHMS", "AlgCount", 37, Expected::Exactly(0x20), got);
        let rows = [
            (Fault::UnsortedAlgStructs, alg_type(40, 4, 2)),
            (Fault::DuplicateAlgStruct, alg_type(40, 4, 3)),
            (Fault::UnknownAlgStruct, alg_type(36, 2, 9)),
            (Fault::UnsolicitedAlgStruct, not_offered("DHE", 0, 1)),
        ];
        for (fault, cause) in rows {
            assert_lost(faulty(version, fault), code, cause);
        }
        // AlgCount: the high nibble is the size of the bitmap, the low one counts external algorithms.
        for got in [0x00, 0x02, 0x21, 0x30, 0x40] {
            let sim = attacked(version, code, structs([[3, got, 0, 0]]));
            assert_lost(sim, code, alg_count(got.into()));
        }
        for got in [0, 1, 8, 255] {
            let sim = attacked(version, code, structs([[got, 0x20, 0, 0]]));
            assert_lost(sim, code, alg_type(36, 2, got.into()));
        }
        // Tables that nobody asked for, even with nothing selected in them.
        let tables = [(2, "DHE"), (3, "AEAD"), (4, "ReqBaseAsymAlg"), (5, "KeySchedule")];
        let of_1_4 = [(6, "ReqPqcAsymAlg"), (7, "KEMAlg")];
        for (kind, field) in tables.into_iter().chain(of_1_4) {
            if kind > 5 && version < V1_4 {
                let sim = attacked(version, code, structs([[kind, 0x20, 0, 0]]));
                assert_lost(sim, code, alg_type(36, 2, kind.into()));
                continue;
            }
            let sim = attacked(version, code, structs([[kind, 0x20, 0, 0]]));
            assert_lost(sim, code, unexpected("ALGORITHMS", field));
            let sim = attacked(version, code, structs([[kind, 0x20, 1, 0]]));
            assert_lost(sim, code, not_offered(field, 0, 1));
        }
        // A count without its tables, and tables without a count.
        let sim = attacked(version, code, put(2, [1]));
        assert_lost(sim, code, truncated("ALGORITHMS", "AlgType", 36, 1, 0));
        let sim = attacked(version, code, |response| response.extend([2, 0x20, 0, 0]));
        assert_lost(sim, code, sim::cause::trailing("ALGORITHMS", 36, 4, 0));
    }
}

#[test]
fn n13_measurement_specification_and_hash() {
    let code = Code::NEGOTIATE_ALGORITHMS;
    let hash_rule = Expected::Rule("a measurement hash");
    for version in SpdmVersion::ALL {
        let zero = wrong("ALGORITHMS", "MeasurementHashAlgo", hash_rule, 0);
        assert_lost(faulty(version, Fault::MeasurementHashZero), code, zero);
        let unknown = wrong("ALGORITHMS", "MeasurementHashAlgo", hash_rule, 0x100);
        assert_lost(attacked(version, code, put(8, [0, 1, 0, 0])), code, unknown);
        let field = "MeasurementSpecificationSel";
        let sim = faulty(version, Fault::MeasurementSpecNotOffered);
        assert_lost(sim, code, not_offered(field, 1, 2));
        let sim = attacked(version, code, put(6, [3]));
        assert_lost(sim, code, not_one(field, 3));
        let none = wrong("ALGORITHMS", field, Expected::Exactly(1), 0);
        assert_lost(attacked(version, code, put(6, [0])), code, none);
    }
}

/// Negotiates with a device of these capabilities.
fn with_flags(
    version: SpdmVersion,
    flags: CapabilityFlags,
    run: impl FnOnce(Result<Requester<'_, Negotiated>, Error>, &mut Sim),
) {
    let capabilities = Some(flags);
    let mut sim = Sim::new(DeviceConfig { capabilities, ..config(version) });
    let mut memory = Memory::new();
    let result = negotiated(&mut memory, &mut sim);
    run(result, &mut sim);
}

#[test]
fn n13_linux_w27_every_meas_cap() {
    type F = CapabilityFlags;
    let base = F::CERT_CAP | F::CHAL_CAP;
    for version in SpdmVersion::ALL {
        // 0: no measurements; nothing is selected, and nothing may be.
        with_flags(version, base, |result, sim| {
            let requester = result.unwrap();
            let selected = requester.negotiated().selected;
            assert!(selected.measurement_specification.is_empty());
            assert_eq!(selected.measurement_hash, MeasurementHashAlgo::empty());
            let mut record = [0; 64];
            let flow = requester.measure_unsigned(Selection::All, Default::default(), &mut record);
            let clock = sim.clock.clone();
            let failure = blocking::run(flow, sim, &clock).unwrap_err();
            let expected = Incompatible::Capability("MEAS_CAP");
            assert_eq!(error_of(failure.error), Error::Incompatible(expected));
            assert_eq!(sim.codes(), until(Code::NEGOTIATE_ALGORITHMS));
        });
        let mut sim = Sim::new(DeviceConfig { capabilities: Some(base), ..config(version) });
        sim.tamper(Code::NEGOTIATE_ALGORITHMS, put(6, [1]));
        let mut memory = Memory::new();
        let error = negotiated(&mut memory, &mut sim).map(drop).unwrap_err();
        let field = "MeasurementSpecificationSel";
        let cause = wrong("ALGORITHMS", field, Expected::Exactly(0), 1);
        assert_eq!(Cause::from(error), cause);
        // 1: measurements, but no signatures.
        with_flags(version, base | F::MEAS_CAP_NO_SIG, |result, sim| {
            let requester = result.unwrap();
            let mut record = [0; 1024];
            let flow = requester.measure_unsigned(Selection::All, Default::default(), &mut record);
            let clock = sim.clock.clone();
            let (_, measured) = blocking::run(flow, sim, &clock).map_err(|_| ()).unwrap();
            assert!(measured.possession.is_none());
        });
        // 2 is what all other tests have; 3 is N11.
    }
}

#[test]
fn n13_what_the_plan_needs_and_the_device_lacks() {
    type F = CapabilityFlags;
    let signs = F::CERT_CAP | F::MEAS_CAP_SIG;
    let rows = [
        (F::CERT_CAP | F::CHAL_CAP | F::MEAS_CAP_NO_SIG, "MEAS_CAP with signatures"),
        (F::CERT_CAP | F::CHAL_CAP, "MEAS_CAP"),
        (signs, "CHAL_CAP"),
        (F::PUB_KEY_ID_CAP | F::CHAL_CAP | F::MEAS_CAP_SIG, "CERT_CAP"),
    ];
    for version in since(V1_1) {
        for (flags, name) in rows {
            let capabilities = Some(flags);
            let mut sim = Sim::new(DeviceConfig { capabilities, ..config(version) });
            let error = attest(&mut sim).unwrap_err();
            assert_eq!(error, Error::Incompatible(Incompatible::Capability(name)), "{version}");
            let last = match name {
                "CERT_CAP" => Code::NEGOTIATE_ALGORITHMS,
                "CHAL_CAP" => Code::GET_CERTIFICATE,
                _ => Code::CHALLENGE,
            };
            assert_eq!(sim.codes(), until(last), "{version} {name}");
        }
    }
}

#[test]
fn n13_other_params_and_mel() {
    let code = Code::NEGOTIATE_ALGORITHMS;
    for version in since(V1_2) {
        let sim = faulty(version, Fault::OpaqueFormatNotOffered);
        assert_lost(sim, code, not_offered("OtherParamsSelection", 3, 4));
    }
    for version in since(V1_3) {
        let rule = Expected::Rule("no RequesterMultiKeyConnSel, for MULTI_KEY_CAP is 0");
        let cause = wrong("ALGORITHMS", "OtherParamsSelection", rule, 0x12);
        assert_lost(faulty(version, Fault::MultiKeyNotOffered), code, cause);
        let cause = wrong("ALGORITHMS", "MELspecificationSel", Expected::Exactly(0), 1);
        assert_lost(faulty(version, Fault::MelNotOffered), code, cause);
    }
}

#[test]
fn n13_linux_w43_pqc_fields_only_from_1_4_on() {
    let code = Code::NEGOTIATE_ALGORITHMS;
    let sim = faulty(V1_4, Fault::PqcNotOffered);
    assert_lost(sim, code, not_offered("PqcAsymSel", 0, 1));
    for version in [V1_0, V1_1, V1_2, V1_3] {
        // The bytes are reserved: without a meaning, but signed.
        let sim = attacked(version, code, put(20, [1]));
        assert_lost(sim, Code::CHALLENGE, signature("CHALLENGE_AUTH"));
    }
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        attest(&mut sim).unwrap();
        // PqcAsymAlgo and the reserved bytes behind it.
        assert_eq!(sim.requests[2][16..28], [0; 12], "{version}");
    }
}

// N14: ERROR in the negotiation.

#[test]
fn n14_errors_that_have_no_place_in_the_negotiation() {
    for version in SpdmVersion::ALL {
        for code in [Code::GET_VERSION, Code::GET_CAPABILITIES, Code::NEGOTIATE_ALGORITHMS] {
            let sim = faulty_at(version, Fault::NotReadyInVca, code);
            assert_lost(sim, code, unexpected("ERROR", "ResponseNotReady"));
            let sim = faulty_at(version, Fault::LargeResponseInVca, code);
            assert_lost(sim, code, unexpected("ERROR", "LargeResponse"));
        }
    }
}
