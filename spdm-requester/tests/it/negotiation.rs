//! What is offered, and what follows from what a correct device selects.

use crate::sim::cause::{Cause, not_offered, not_one, unexpected, wrong};
use crate::sim::failed::{Failed, Remains, Setup, fail_with};
use crate::sim::{
    Memory, Sim, V1_1, V1_2, V1_3, V1_4, attest_by, config, requester, until, with_policy,
};
use spdm_codec::{
    AeadCipherSuite, AlgStructs, BaseAsymAlgo, CapabilityFlags, Code, ConnectionKeys, Cx,
    DheNamedGroup, Expected, KemAlgo, KeyScheduleAlgo, MelSpecification, Message,
    NegotiateAlgorithms, OtherParams, PqcAsymAlgo, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{Act, DeviceConfig, Edit, Fault, Position, ScriptStep, When};
use spdm_requester::{
    AttestationPlan, Compat, Connection, Error, Incompatible, Misuse, Negotiated, Offer, RunError,
    blocking,
};
use spdm_untrusted::Untrusted;

/// Everything that DSP0274 1.4 knows.
fn all_classes() -> Offer {
    let mut offer = Offer::everything(&PROVIDER);
    offer.mel_specification = MelSpecification::DMTF;
    offer.alg_structs = AlgStructs {
        dhe: Some(DheNamedGroup::all() & DheNamedGroup::from_bits_retain(0x7F)),
        aead: Some(AeadCipherSuite::from_bits_retain(0x0F)),
        req_base_asym: Some(BaseAsymAlgo::from_bits_retain(0xFFF)),
        key_schedule: Some(KeyScheduleAlgo::SPDM),
        req_pqc_asym: Some(PqcAsymAlgo::from_bits_retain(0x7)),
        kem: Some(KemAlgo::from_bits_retain(0x7)),
        zero_tables: 0,
    };
    offer
}

fn attest(sim: &mut Sim, offer: Offer, compat: Compat) -> Result<Negotiated, Error> {
    with_policy(sim, |sim, policy| {
        let mut memory = Memory::new();
        let requester = requester(&mut memory, sim).with_offer(offer).with_compat(compat);
        let (mut chain, mut record) = (vec![0; 0x1_0000], vec![0; 0x1000]);
        let clock = sim.clock.clone();
        let flow = requester.attest(AttestationPlan::new(policy), &mut chain, &mut record);
        match blocking::run(flow, sim, &clock) {
            Ok((requester, _)) => Ok(*requester.negotiated()),
            Err(failure) => match failure.error {
                RunError::Requester(error) => Err(error),
                other => panic!("{other:?}"),
            },
        }
    })
}

#[test]
fn n13_linux_w43_every_class_is_offered_where_the_version_has_it() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        attest(&mut sim, all_classes(), Compat::NONE).unwrap();
        let request = &sim.requests[2];
        let cx = Cx::new(version);
        let offer = NegotiateAlgorithms::decode(Untrusted::new(request), &cx).unwrap().message;
        let since = |first: SpdmVersion| version >= first;
        let structs = offer.alg_structs;
        let bits = |mask: u16, of_1_2: u16| if since(V1_2) { mask | of_1_2 } else { mask };
        let dhe = DheNamedGroup::from_bits_retain(bits(0x3F, 0x40));
        assert_eq!(structs.dhe, since(V1_1).then_some(dhe), "{version}");
        let aead = AeadCipherSuite::from_bits_retain(bits(0x07, 0x08));
        assert_eq!(structs.aead, since(V1_1).then_some(aead), "{version}");
        let asym = BaseAsymAlgo::from_bits_retain(bits(0x1FF, 0xE00).into());
        assert_eq!(structs.req_base_asym, since(V1_1).then_some(asym), "{version}");
        assert_eq!(structs.key_schedule, since(V1_1).then_some(KeyScheduleAlgo::SPDM));
        let pqc = PqcAsymAlgo::from_bits_retain(7);
        assert_eq!(structs.req_pqc_asym, since(V1_4).then_some(pqc), "{version}");
        assert_eq!(structs.kem, since(V1_4).then_some(KemAlgo::from_bits_retain(7)));
        assert_eq!(offer.pqc_asym, if since(V1_4) { pqc } else { PqcAsymAlgo::empty() });
        let mel = if since(V1_3) { MelSpecification::DMTF } else { MelSpecification::empty() };
        assert_eq!(offer.mel_specification, mel);
        let opaque =
            if since(V1_2) { OtherParams::OPAQUE_DATA_FMT_1 } else { OtherParams::empty() };
        assert_eq!(offer.other_params, opaque);
        // What later versions put there is reserved: zero.
        if !since(V1_4) {
            assert_eq!(request[16..20], [0; 4], "{version}");
        }
        if !since(V1_3) {
            assert_eq!(request[31], 0, "{version}");
        }
        if !since(V1_2) {
            assert_eq!(request[7], 0, "{version}");
        }
        if !since(V1_1) {
            assert_eq!((request[2], request.len()), (0, 32), "{version}");
        }
    }
}

#[test]
fn n13_empty_tables_are_left_out() {
    for version in SpdmVersion::ALL {
        let mut offer = all_classes();
        offer.alg_structs = AlgStructs {
            dhe: Some(DheNamedGroup::SM2_P256),
            aead: Some(AeadCipherSuite::empty()),
            kem: Some(KemAlgo::empty()),
            ..AlgStructs::default()
        };
        let mut sim = Sim::new(config(version));
        attest(&mut sim, offer, Compat::NONE).unwrap();
        // SM2 came with 1.2.
        let tables = if version >= V1_2 { 1 } else { 0 };
        assert_eq!(
            (sim.requests[2][2], sim.requests[2].len()),
            (tables, 32 + 4 * usize::from(tables))
        );
    }
}

fn post_quantum(version: SpdmVersion, pqc_asym: PqcAsymAlgo, size: u32) -> Sim {
    Sim::new(DeviceConfig {
        pqc_asym,
        more_capabilities: CapabilityFlags::CHUNK_CAP,
        data_transfer_size: size,
        max_spdm_msg_size: 0x1_0000,
        ..config(version)
    })
}

#[test]
fn n13_n29_ml_dsa_in_chunks_of_every_size() {
    for bit in [PqcAsymAlgo::ML_DSA_44, PqcAsymAlgo::ML_DSA_65, PqcAsymAlgo::ML_DSA_87] {
        for size in [42, 256, 4608, u32::MAX] {
            let mut sim = post_quantum(V1_4, bit, size.min(0x1_0000));
            let mut offer = Offer::everything(&PROVIDER);
            offer.data_transfer_size = size;
            let mut bounds = spdm_requester::Bounds::default();
            bounds.round_trips = u16::MAX;
            with_policy(&mut sim, |sim, policy| {
                let mut memory = Memory { message: vec![0; 0x3000], ..Memory::new() };
                let requester = requester(&mut memory, sim).with_offer(offer).with_bounds(bounds);
                let (mut chain, mut record) = (vec![0; 0x1_0000], vec![0; 0x1000]);
                let clock = sim.clock.clone();
                let flow = requester.attest(AttestationPlan::new(policy), &mut chain, &mut record);
                let (requester, attested) =
                    blocking::run(flow, sim, &clock).map_err(|failure| failure.error).unwrap();
                let selected = requester.negotiated().selected;
                assert_eq!((selected.pqc_asym, selected.base_asym), (bit, BaseAsymAlgo::empty()));
                assert!(attested.measured.unwrap().possession.is_some());
            });
            let chunks = sim.codes().contains(&Code::CHUNK_GET);
            let fits = if bit == PqcAsymAlgo::ML_DSA_87 { 4609 } else { 4608 };
            assert_eq!(chunks, size < fits, "{bit:?} {size}");
        }
    }
}

#[test]
fn n13_linux_w43_pqc_only_from_1_4_on() {
    // The same device: ML-DSA where the version has it, ECDSA before.
    for version in SpdmVersion::ALL {
        let mut sim = post_quantum(version, PqcAsymAlgo::ML_DSA_44, 0x1_0000);
        let selected =
            attest(&mut sim, Offer::everything(&PROVIDER), Compat::NONE).unwrap().selected;
        let (base, pqc) = match version {
            V1_4 => (BaseAsymAlgo::empty(), PqcAsymAlgo::ML_DSA_44),
            _ => (BaseAsymAlgo::ECDSA_P256, PqcAsymAlgo::empty()),
        };
        assert_eq!((selected.base_asym, selected.pqc_asym), (base, pqc), "{version}");
    }
    // Nothing in common.
    let mut sim = post_quantum(V1_4, PqcAsymAlgo::ML_DSA_44, 0x1_0000);
    let mut offer = Offer::everything(&PROVIDER);
    (offer.base_asym, offer.pqc_asym) = (BaseAsymAlgo::empty(), PqcAsymAlgo::ML_DSA_87);
    assert!(matches!(attest(&mut sim, offer, Compat::NONE), Err(Error::Refused(_))));
}

#[test]
fn n13_both_kinds_of_signature_are_one_too_many() {
    let set = |field, value| {
        ScriptStep::new(
            Code::NEGOTIATE_ALGORITHMS,
            When::Always,
            Act::Change(Edit::set(field, value)),
        )
    };
    let cause =
        Cause::Other(Error::Incompatible(Incompatible::NoAlgorithm { field: "BaseAsymSel" }));
    for steps in [vec![set("PqcAsymSel", 1)], vec![set("BaseAsymSel", 0)]] {
        let mut sim = Sim::new(DeviceConfig { script: steps, ..config(V1_4) });
        let failed = fail_with(&mut sim, Setup::default());
        let codes = until(Code::NEGOTIATE_ALGORITHMS).to_vec();
        assert_eq!(failed, Failed { cause: Ok(cause), remains: Remains::Fresh, codes });
    }
    // And what was not offered, or two of a kind.
    let mut sim = Sim::new(DeviceConfig { script: vec![set("PqcAsymSel", 8)], ..config(V1_4) });
    assert_eq!(fail_with(&mut sim, Setup::default()).cause, Ok(not_offered("PqcAsymSel", 7, 8)));
    let mut sim = Sim::new(DeviceConfig { script: vec![set("PqcAsymSel", 3)], ..config(V1_4) });
    assert_eq!(fail_with(&mut sim, Setup::default()).cause, Ok(not_one("PqcAsymSel", 3)));
}

#[test]
fn multi_key_connections() {
    type F = CapabilityFlags;
    for version in [V1_3, V1_4] {
        for (cap, wanted, expected) in [
            (F::empty(), ConnectionKeys::Single, ConnectionKeys::Single),
            (F::empty(), ConnectionKeys::Multi, ConnectionKeys::Single),
            (F::MULTI_KEY_CAP_ONLY, ConnectionKeys::Single, ConnectionKeys::Multi),
            (F::MULTI_KEY_CAP_ONLY, ConnectionKeys::Multi, ConnectionKeys::Multi),
            (F::MULTI_KEY_CAP_NEG, ConnectionKeys::Single, ConnectionKeys::Single),
            (F::MULTI_KEY_CAP_NEG, ConnectionKeys::Multi, ConnectionKeys::Multi),
        ] {
            let pairs = if cap.is_empty() { F::empty() } else { F::GET_KEY_PAIR_INFO_CAP };
            let mut sim =
                Sim::new(DeviceConfig { more_capabilities: cap | pairs, ..config(version) });
            let mut offer = Offer::everything(&PROVIDER);
            offer.connection_keys = wanted;
            let agreed = attest(&mut sim, offer, Compat::NONE).unwrap();
            assert_eq!(agreed.connection_keys, expected, "{version} {cap:?} {wanted:?}");
        }
    }
}

#[test]
fn n13_linux_w27_measurement_extension_log() {
    type F = CapabilityFlags;
    for version in [V1_3, V1_4] {
        for (cap, offered, expected) in [
            (F::MEL_CAP, MelSpecification::DMTF, MelSpecification::DMTF),
            (F::MEL_CAP, MelSpecification::empty(), MelSpecification::empty()),
            (F::empty(), MelSpecification::DMTF, MelSpecification::empty()),
        ] {
            let mut sim = Sim::new(DeviceConfig { more_capabilities: cap, ..config(version) });
            let mut offer = Offer::everything(&PROVIDER);
            offer.mel_specification = offered;
            let agreed = attest(&mut sim, offer, Compat::NONE).unwrap();
            assert_eq!(agreed.selected.mel_specification, expected);
        }
        // Selected where there must be none, and the reverse.
        let select = |value| {
            ScriptStep::new(
                Code::NEGOTIATE_ALGORITHMS,
                When::Always,
                Act::Change(Edit::set("MELspecificationSel", value)),
            )
        };
        for (cap, value, expected) in [(F::MEL_CAP, 0, 1), (F::empty(), 1, 0), (F::MEL_CAP, 2, 1)] {
            let mut offer = Offer::everything(&PROVIDER);
            offer.mel_specification = MelSpecification::DMTF;
            let mut sim = Sim::new(DeviceConfig {
                more_capabilities: cap,
                script: vec![select(value)],
                ..config(version)
            });
            let failed = fail_with(&mut sim, Setup { offer, ..Setup::default() });
            let cause =
                wrong("ALGORITHMS", "MELspecificationSel", Expected::Exactly(expected), value);
            assert_eq!(failed.cause, Ok(cause), "{version} {cap:?} {value}");
        }
    }
}

/// A device that says it has sessions, and selects these tables for them.
fn with_sessions(version: SpdmVersion, tables: &[[u8; 4]]) -> Sim {
    type F = CapabilityFlags;
    let count = u64::try_from(tables.len()).unwrap();
    let change =
        |edit| ScriptStep::new(Code::NEGOTIATE_ALGORITHMS, When::Always, Act::Change(edit));
    Sim::new(DeviceConfig {
        more_capabilities: F::KEY_EX_CAP | F::MAC_CAP | F::ENCRYPT_CAP,
        // It selects none of its own.
        dhe_groups: DheNamedGroup::empty(),
        kems: KemAlgo::empty(),
        cipher_suites: AeadCipherSuite::empty(),
        script: vec![
            change(Edit::set("Length", 36 + 4 * count)),
            change(Edit::Set(Position::Offset(2), count)),
            change(Edit::Append(tables.concat())),
        ],
        ..config(version)
    })
}

fn session_offer() -> Offer {
    type F = CapabilityFlags;
    let mut offer = all_classes();
    offer.capabilities |= F::KEY_EX_CAP | F::MAC_CAP | F::ENCRYPT_CAP;
    offer
}

#[test]
fn n13_algorithms_of_sessions() {
    const DHE: [u8; 4] = [2, 0x20, 0x10, 0];
    const AEAD: [u8; 4] = [3, 0x20, 0x02, 0];
    const SCHEDULE: [u8; 4] = [5, 0x20, 0x01, 0];
    const KEM: [u8; 4] = [7, 0x20, 0x02, 0];
    for version in [V1_1, V1_2, V1_3, V1_4] {
        let mut sim = with_sessions(version, &[DHE, AEAD, SCHEDULE]);
        let selected = attest(&mut sim, session_offer(), Compat::NONE).unwrap().selected;
        assert_eq!(selected.alg_structs.dhe, Some(DheNamedGroup::SECP_384_R1));
        assert_eq!(selected.alg_structs.aead, Some(AeadCipherSuite::AES_256_GCM));
        let none = |field| Cause::Other(Error::Incompatible(Incompatible::NoAlgorithm { field }));
        let rows: &[(&[[u8; 4]], Cause)] = &[
            (&[AEAD, SCHEDULE], none("DHE")),
            (&[[2, 0x20, 0, 0], AEAD, SCHEDULE], none("DHE")),
            (&[DHE, SCHEDULE], none("AEAD")),
            (&[DHE, AEAD], none("KeySchedule")),
            (&[[2, 0x20, 0x18, 0], AEAD, SCHEDULE], not_one("DHE", 0x18)),
            (&[DHE, [3, 0x20, 3, 0], SCHEDULE], not_one("AEAD", 3)),
            (&[DHE, AEAD, [4, 0x20, 3, 0], SCHEDULE], not_one("ReqBaseAsymAlg", 3)),
            (
                &[[2, 0x20, 0, 0x80], AEAD, SCHEDULE],
                not_offered("DHE", dhe_offered(version), 0x8000),
            ),
            (&[DHE, AEAD, [5, 0x20, 2, 0]], not_offered("KeySchedule", 1, 2)),
        ];
        for (tables, cause) in rows {
            let mut sim = with_sessions(version, tables);
            let failed = fail_with(&mut sim, Setup { offer: session_offer(), ..Setup::default() });
            let codes = until(Code::NEGOTIATE_ALGORITHMS).to_vec();
            let expected = Failed { cause: Ok(*cause), remains: Remains::Fresh, codes };
            assert_eq!(failed, expected, "{version} {tables:?}");
        }
        if version < V1_4 {
            continue;
        }
        let mut sim = with_sessions(version, &[AEAD, SCHEDULE, KEM]);
        let selected = attest(&mut sim, session_offer(), Compat::NONE).unwrap().selected;
        assert_eq!(selected.alg_structs.kem, Some(KemAlgo::ML_KEM_768));
        let mut sim = with_sessions(version, &[DHE, AEAD, SCHEDULE, KEM]);
        let failed = fail_with(&mut sim, Setup { offer: session_offer(), ..Setup::default() });
        assert_eq!(failed.cause, Ok(none("DHE")), "one of both, not both");
    }
}

fn dhe_offered(version: SpdmVersion) -> u64 {
    if version >= V1_2 { 0x7F } else { 0x3F }
}

#[test]
fn contradictory_offers_are_the_callers_mistake() {
    type F = CapabilityFlags;
    for version in [V1_1, V1_2, V1_3, V1_4] {
        for flags in [F::KEY_EX_CAP, F::MAC_CAP, F::CERT_CAP, F::CERT_CAP | F::PUB_KEY_ID_CAP] {
            let mut offer = Offer::everything(&PROVIDER);
            offer.capabilities = flags;
            let mut sim = Sim::new(config(version));
            let error = attest(&mut sim, offer, Compat::NONE).unwrap_err();
            assert!(matches!(error, Error::Misuse(Misuse::Offer(_))), "{version} {flags:?}");
            assert_eq!(sim.codes(), until(Code::GET_VERSION));
        }
    }
}

#[test]
fn flags_that_the_version_lacks_are_not_announced() {
    for version in [V1_1, V1_2, V1_3, V1_4] {
        let mut offer = Offer::everything(&PROVIDER);
        offer.ct_exponent = 12;
        let mut sim = Sim::new(config(version));
        attest(&mut sim, offer, Compat::NONE).unwrap();
        let request = &sim.requests[1];
        let flags = u32::from_le_bytes(request[8..12].try_into().unwrap());
        let expected = match version {
            V1_1 => 0,
            V1_4 => (CapabilityFlags::CHUNK_CAP | CapabilityFlags::LARGE_RESP_CAP).bits(),
            _ => CapabilityFlags::CHUNK_CAP.bits(),
        };
        assert_eq!((flags, request[5]), (expected, 12), "{version}");
    }
}

// Faults of old devices.

fn compat(change: impl FnOnce(&mut Compat)) -> Compat {
    let mut compat = Compat::NONE;
    change(&mut compat);
    compat
}

#[test]
fn linux_w31_unasked_tables_are_tolerated_only_where_the_caller_says_so() {
    let tolerant = compat(|compat| compat.unasked_alg_structs = true);
    for version in [V1_1, V1_2, V1_3, V1_4] {
        let change =
            |edit| ScriptStep::new(Code::NEGOTIATE_ALGORITHMS, When::Always, Act::Change(edit));
        // Four zero tables, as libspdm 2.2 to 3.0 sends them, and an empty one of a known type.
        for (tables, field) in [(vec![[0; 4]; 4], "AlgStruct"), (vec![[2, 0x20, 0, 0]], "DHE")] {
            let count = u64::try_from(tables.len()).unwrap();
            let script = vec![
                change(Edit::set("Length", 36 + 4 * count)),
                change(Edit::Set(Position::Offset(2), count)),
                change(Edit::Append(tables.concat())),
            ];
            let device = || Sim::new(DeviceConfig { script: script.clone(), ..config(version) });
            let failed = fail_with(&mut device(), Setup::default());
            assert_eq!(failed.cause, Ok(unexpected("ALGORITHMS", field)), "{version}");
            let offer = Offer::everything(&PROVIDER);
            assert!(attest(&mut device(), offer, tolerant).is_ok(), "{version} {field}");
        }
        // A selection stays one that was not offered.
        let mut sim =
            Sim::new(DeviceConfig { faults: vec![Fault::UnsolicitedAlgStruct], ..config(version) });
        let failed = fail_with(&mut sim, Setup { compat: tolerant, ..Setup::default() });
        assert_eq!(failed.cause, Ok(not_offered("DHE", 0, 1)));
    }
}

#[test]
fn linux_w16_longer_portions_are_tolerated_only_where_the_caller_says_so() {
    let tolerant = compat(|compat| compat.oversent_portions = true);
    let mut offer = Offer::everything(&PROVIDER);
    offer.certificate_length = 400;
    for version in SpdmVersion::ALL {
        let device =
            || Sim::new(DeviceConfig { faults: vec![Fault::LongPortions], ..config(version) });
        let mut sim = device();
        assert!(attest(&mut sim, offer, tolerant).is_ok(), "{version}");
        let lengths: Vec<_> = sim
            .requests
            .iter()
            .filter(|request| request[1] == Code::GET_CERTIFICATE.0)
            .map(|request| match version {
                V1_4 => u32::from_le_bytes(request[12..16].try_into().unwrap()),
                _ => u16::from_le_bytes(request[6..8].try_into().unwrap()).into(),
            })
            .collect();
        assert!(lengths.len() > 1 && lengths.iter().all(|length| *length <= 400));
        let failed = fail_with(&mut device(), Setup { offer, ..Setup::default() });
        let cause = wrong("CERTIFICATE", "PortionLength", Expected::AtMost(400), 600);
        let codes = until(Code::GET_CERTIFICATE).to_vec();
        assert_eq!(failed, Failed { cause: Ok(cause), remains: Remains::Fresh, codes });
    }
}

/// A requester begins with what is lent to it: nothing of the device before is left in the memory.
#[test]
fn memory_of_another_device_is_as_new() {
    for version in SpdmVersion::ALL {
        let mut memory = Memory::new();
        let mut sim = Sim::new(config(version));
        with_policy(&mut sim, |sim, policy| {
            let requester = requester(&mut memory, sim);
            attest_by(requester, sim, AttestationPlan::new(policy)).unwrap();
        });
        let new = format!("{:?}", Connection::new(sim.limits.padding));
        assert_ne!(format!("{:?}", memory.connection), new);
        let requester = requester(&mut memory, &sim);
        assert_eq!(format!("{:?}", requester.connection()), new, "{version}");
    }
}
