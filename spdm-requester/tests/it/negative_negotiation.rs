//! N9 to N12 and N14: VERSION and CAPABILITIES that a requester must not accept.

use crate::sim::cause::{Cause, invalid, signature, truncated, unexpected, wrong};
use crate::sim::failed::{Failed, Remains, Setup, assert_lost, fail, fail_with};
use crate::sim::{
    Memory, Sim, V1_0, V1_1, V1_2, V1_3, V1_4, attacked, attest, config, faulty, faulty_at,
    negotiated, since, until,
};
use spdm_codec::{CapabilityFlags, Code, Expected, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{
    AlphaVersions, Error, Incompatible, NegotiationSigning, Offer, Requirement, RunError, blocking,
};

const INCOMPATIBLE_VERSION: Cause = Cause::Other(Error::Incompatible(Incompatible::Version));

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
    // In VERSION; update versions, unknown versions and duplicates do not matter, nor does an alpha beside a release.
    let lists: [(&[u16], SpdmVersion); 7] = [
        (&[0x1400, 0x1000], V1_4),
        (&[0x1200, 0x1300, 0x1100, 0x1000], V1_3),
        (&[0x2000, 0x1900, 0x1500, 0x1200, 0x1200, 0x1200], V1_2),
        (&[0x1120, 0x1030], V1_1),
        (&[0x1203, 0x1210], V1_2),
        (&[0x1423, 0x1301, 0x1100], V1_1),
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
        let requester = crate::sim::requester(&mut memory, &sim).with_offer(offer);
        let clock = sim.clock.clone();
        let (requester, ()) =
            blocking::run(requester.negotiate(), &mut sim, &clock).map_err(|_| ()).unwrap();
        assert_eq!(requester.negotiated().version, max_version);
    }
}

/// What is signed in an alpha version is that of an unfinished specification.
#[test]
fn n09_an_alpha_version_is_taken_only_when_it_is_asked_for() {
    let lists: [(&[u16], Option<SpdmVersion>, SpdmVersion); 3] = [
        (&[0x1123, 0x1034], None, V1_1),
        (&[0x1301, 0x1200], Some(V1_2), V1_3),
        (&[0x1401], None, V1_4),
    ];
    for (entries, released, highest) in lists {
        for (alphas, expected) in
            [(AlphaVersions::Skipped, released), (AlphaVersions::Taken, Some(highest))]
        {
            let mut sim = attacked(expected.unwrap_or(V1_0), Code::GET_VERSION, versions(entries));
            let mut memory = Memory::new();
            let mut offer = Offer::everything(&PROVIDER);
            offer.alpha_versions = alphas;
            let requester = crate::sim::requester(&mut memory, &sim).with_offer(offer);
            let clock = sim.clock.clone();
            let agreed = blocking::run(requester.negotiate(), &mut sim, &clock);
            let agreed = agreed.map(|(requester, ())| requester.negotiated().version);
            let agreed = agreed.map_err(|failure| failure.error);
            let refused = RunError::Requester(Error::Incompatible(Incompatible::Version));
            assert_eq!(agreed, expected.ok_or(refused), "{entries:04x?} {alphas:?}");
        }
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
    // L1 of 1.0 and 1.1 lacks the negotiation: without CHALLENGE they are not accepted.
    for lower in [V1_0, V1_1] {
        let failed = fail_with(&mut measurements(lower), setup);
        let cause = Incompatible::UnsignedNegotiation(lower);
        let cause = Ok(Cause::Other(Error::Incompatible(cause)));
        let codes = until(Code::GET_VERSION).to_vec();
        assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes });
    }
    // Whoever waives that has only the own range.
    let setup = Setup {
        change: |plan| {
            plan.requirement = Requirement::Measurements;
            plan.negotiation = NegotiationSigning::Waived;
        },
        ..setup
    };
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
        let recording = crate::sim::replay::record(version);
        let mut signed = 0;
        for at in 0..3 {
            for byte in 0..recording.responses[at].len() {
                for bits in [0x01, 0x10, 0x80] {
                    let change = |response: &mut Vec<u8>| response[byte] ^= bits;
                    let changed = crate::sim::replay::changed(&recording, at, change);
                    match changed {
                        // What no check sees, the signature does.
                        crate::sim::replay::Changed::Failed { sent, error } => {
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
                        crate::sim::replay::Changed::OtherRequest { sent } => assert!(sent <= 5),
                        crate::sim::replay::Changed::Attested => {
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
            let flags = ((announced(version) - less) | more).bits();
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
            let error =
                Incompatible::RequestTooLarge { len: 44, field: "MaxSPDMmsgSize", limit: size };
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
        let cause = crate::sim::cause::trailing("CAPABILITIES", len, 30, 0);
        assert_lost(sim, Code::GET_CAPABILITIES, cause);
        let sim = attacked(version, Code::GET_CAPABILITIES, put(2, [1]));
        assert_lost(sim, Code::CHALLENGE, signature("CHALLENGE_AUTH"));
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
