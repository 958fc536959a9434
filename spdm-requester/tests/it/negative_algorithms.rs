//! N13: ALGORITHMS that a requester must not accept.

use crate::sim::cause::{
    Cause, invalid, not_offered, not_one, signature, truncated, unexpected, wrong,
};
use crate::sim::failed::{Failed, Remains, Setup, assert_lost, fail_with};
use crate::sim::{
    Memory, Sim, V1_0, V1_1, V1_2, V1_3, V1_4, attacked, attest, config, error_of, faulty,
    negotiated, since, until,
};
use spdm_codec::{BaseAsymAlgo, CapabilityFlags, Code, Expected, MeasurementHashAlgo, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{Error, Incompatible, Negotiated, Offer, Requester, Selection, blocking};

const fn no_algorithm(field: &'static str) -> Cause {
    Cause::Other(Error::Incompatible(Incompatible::NoAlgorithm { field }))
}

/// Writes `bytes` at `at`.
fn put<const N: usize>(at: usize, bytes: [u8; N]) -> impl FnMut(&mut Vec<u8>) + 'static {
    move |response| response[at..at + N].copy_from_slice(&bytes)
}

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
        // Tables that nobody asked for.
        let tables = [(2, "DHE"), (3, "AEAD"), (4, "ReqBaseAsymAlg"), (5, "KeySchedule")];
        let of_1_4 = [(6, "ReqPqcAsymAlg"), (7, "KEMAlg")];
        for (kind, field) in tables.into_iter().chain(of_1_4) {
            if kind > 5 && version < V1_4 {
                let sim = attacked(version, code, structs([[kind, 0x20, 0, 0]]));
                assert_lost(sim, code, alg_type(36, 2, kind.into()));
                continue;
            }
            // An empty one selects nothing, but was not asked for.
            let sim = attacked(version, code, structs([[kind, 0x20, 0, 0]]));
            assert_lost(sim, code, unexpected("ALGORITHMS", field));
            let sim = attacked(version, code, structs([[kind, 0x20, 1, 0]]));
            assert_lost(sim, code, not_offered(field, 0, 1));
        }
        // A count without its tables, and tables without a count.
        let sim = attacked(version, code, put(2, [1]));
        assert_lost(sim, code, truncated("ALGORITHMS", "AlgType", 36, 1, 0));
        let sim = attacked(version, code, |response| response.extend([2, 0x20, 0, 0]));
        assert_lost(sim, code, crate::sim::cause::trailing("ALGORITHMS", 36, 4, 0));
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
        if version < V1_2 {
            // SM3 came with 1.2.
            let unknown = wrong("ALGORITHMS", "MeasurementHashAlgo", hash_rule, 0x80);
            assert_lost(attacked(version, code, put(8, [0x80, 0, 0, 0])), code, unknown);
        }
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
        assert_lost(sim, code, not_offered("OtherParamsSelection", 2, 1));
        for got in [1, 4, 8] {
            let sim = attacked(version, code, put(7, [got]));
            assert_lost(sim, code, not_offered("OtherParamsSelection", 2, got.into()));
        }
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
    assert_lost(sim, code, not_offered("PqcAsymSel", 7, 8));
    for version in [V1_0, V1_1, V1_2, V1_3] {
        // The bytes are reserved: without a meaning, but signed.
        let sim = attacked(version, code, put(20, [1]));
        assert_lost(sim, Code::CHALLENGE, signature("CHALLENGE_AUTH"));
    }
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        attest(&mut sim).unwrap();
        // PqcAsymAlgo and the reserved bytes behind it.
        let pqc = if version >= V1_4 { 7 } else { 0 };
        assert_eq!(sim.requests[2][16], pqc, "{version}");
        assert_eq!(sim.requests[2][17..28], [0; 11], "{version}");
    }
}
