//! N15 to N18: DIGESTS, CERTIFICATE and chains that a requester must not accept.

use crate::sim::cause::{Cause, certificate, chain, differs, invalid, trailing, truncated, wrong};
use crate::sim::failed::{Failed, Remains, Setup, assert_kept, assert_lost, fail, fail_with};
use crate::sim::replay::record;
use crate::sim::{
    HASH_LEN, Memory, NOW, Sim, V1_3, V1_4, attacked, attest, attest_by, attest_with, config,
    faulty, until, with_policy,
};
use spdm_codec::{CapabilityFlags, Code, Expected, SlotId, SpdmVersion};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{Device, DeviceConfig, Fault};
use spdm_requester::{AttestationPlan, Bound, Bounds, Buffer, Error, Incompatible};
use spdm_x509::{Anchor, Check, Policy, Rule, SanPolicy, ValidityCheck};

const DIGESTS: Code = Code::GET_DIGESTS;
const CERTIFICATE: Code = Code::GET_CERTIFICATE;

const fn slot_empty(slot: u8) -> Cause {
    Cause::Other(Error::Incompatible(Incompatible::SlotEmpty { slot }))
}

/// Offset of the chain in CERTIFICATE: the large form is that of 1.4.
fn portion_at(version: SpdmVersion) -> usize {
    if version == V1_4 { 16 } else { 8 }
}

/// The largest chain of the form that the version uses.
fn longest(version: SpdmVersion) -> u64 {
    if version == V1_4 { 0xFFFF_FFFF } else { 0xFFFF }
}

/// Writes PortionLength or RemainderLength in the form of the version.
fn put_length(version: SpdmVersion, response: &mut [u8], field: usize, value: u64) {
    match version {
        V1_4 => response[8 + 4 * field..12 + 4 * field].copy_from_slice(&value.to_le_bytes()[..4]),
        _ => response[4 + 2 * field..6 + 2 * field].copy_from_slice(&value.to_le_bytes()[..2]),
    }
}

const PORTION: usize = 0;
const REMAINDER: usize = 1;

/// A device that shows its chain in portions of up to 512 bytes.
fn in_portions(version: SpdmVersion) -> Sim {
    let (data_transfer_size, max_spdm_msg_size) = (512, 512);
    Sim::new(DeviceConfig { data_transfer_size, max_spdm_msg_size, ..config(version) })
}

/// [`in_portions`] with a change to one of its portions, counted from 0.
fn portion_changed(
    version: SpdmVersion,
    number: usize,
    change: impl Fn(&mut Vec<u8>) + 'static,
) -> Sim {
    let mut sim = in_portions(version);
    let mut count = 0;
    sim.tamper(CERTIFICATE, move |response| {
        if count == number {
            change(response);
        }
        count += 1;
    });
    sim
}

/// The attestation fails at portion `number`.
#[track_caller]
fn assert_portion(version: SpdmVersion, number: usize, mut sim: Sim, cause: Cause) {
    let mut codes = until(CERTIFICATE).to_vec();
    codes.extend(vec![CERTIFICATE; number]);
    let expected = Failed { cause: Ok(cause), remains: Remains::Fresh, codes };
    assert_eq!(fail(&mut sim), expected, "{version} {number}");
}

/// An attacker shows another chain, with a digest that fits.
fn forged(version: SpdmVersion, change: impl FnOnce(&mut Vec<u8>)) -> Sim {
    let at = portion_at(version);
    let original = record(version).responses[4].clone();
    let mut chain = original[at..].to_vec();
    change(&mut chain);
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&chain]).unwrap();
    let mut sim = attacked(version, DIGESTS, move |response| {
        response[4..].copy_from_slice(digest.as_bytes());
    });
    sim.tamper(CERTIFICATE, move |response| {
        response.truncate(at);
        put_length(version, response, PORTION, u64::try_from(chain.len()).unwrap());
        response.extend(&chain);
    });
    sim
}

// N15: DIGESTS.

#[test]
fn n15_linux_w12_slot_masks() {
    for version in SpdmVersion::ALL {
        let mask = |mask: u8| {
            attacked(version, DIGESTS, move |response| {
                response[3] = mask;
                if version >= V1_3 {
                    response[2] = 0xFF;
                }
            })
        };
        let slots = Expected::Rule("at least one slot");
        let none = invalid("DIGESTS", "ProvisionedSlotMask", 3, slots, 0);
        assert_lost(mask(0), DIGESTS, none);
        // As many digests as bits.
        for (bits, count) in [(0x81, 2), (0x03, 2), (0xFE, 7), (0xFF, 8)] {
            let cause = truncated("DIGESTS", "Digest", 4, count * HASH_LEN, HASH_LEN);
            assert_lost(mask(bits), DIGESTS, cause);
        }
        // The one digest is another slot's.
        for bits in [0x02, 0x80] {
            assert_kept(mask(bits), DIGESTS, slot_empty(0));
        }
        assert_lost(faulty(version, Fault::DigestsNoSlot), DIGESTS, none);
        let cause = truncated("DIGESTS", "Digest", 4, HASH_LEN, 0);
        assert_lost(faulty(version, Fault::DigestMissing), DIGESTS, cause);
        let sim = attacked(version, DIGESTS, |response| response.extend([0; HASH_LEN]));
        assert_lost(sim, DIGESTS, trailing("DIGESTS", 4 + HASH_LEN, HASH_LEN, 0));
    }
}

#[test]
fn n15_provisioned_slots_are_supported_slots() {
    let subset = Expected::Rule("a subset of SupportedSlotMask");
    for version in [V1_3, V1_4] {
        for supported in [0x00, 0x02, 0xFE] {
            let sim = attacked(version, DIGESTS, move |response| response[2] = supported);
            assert_lost(sim, DIGESTS, invalid("DIGESTS", "ProvisionedSlotMask", 3, subset, 1));
        }
        let cause = invalid("DIGESTS", "ProvisionedSlotMask", 3, subset, 1);
        assert_lost(faulty(version, Fault::DigestsUnsupportedSlot), DIGESTS, cause);
    }
}

#[test]
fn n15_linux_w06_digests_that_are_not_the_chains() {
    let cause = differs("CERTIFICATE", "CertChain", "what DIGESTS announced");
    for version in SpdmVersion::ALL {
        assert_lost(faulty(version, Fault::DigestMismatch), CERTIFICATE, cause);
        let zero = attacked(version, DIGESTS, |response| response[4..].fill(0));
        assert_lost(zero, CERTIFICATE, cause);
        // The digest of slot 1 twice.
        let slots = [0, 1].map(|slot| SlotId::new(slot).unwrap()).to_vec();
        let mut sim = Sim::new(DeviceConfig { slots, ..config(version) });
        sim.tamper(DIGESTS, |response| response.copy_within(4 + HASH_LEN.., 4));
        assert_lost(sim, CERTIFICATE, cause);
    }
}

#[test]
fn n15_keys_of_a_multi_key_connection() {
    let flags = CapabilityFlags::MULTI_KEY_CAP_ONLY | CapabilityFlags::GET_KEY_PAIR_INFO_CAP;
    let device = |version, keys: [u8; 4]| {
        let mut sim = Sim::new(DeviceConfig { more_capabilities: flags, ..config(version) });
        // KeyPairID, CertificateInfo and KeyUsageMask of slot 0.
        sim.tamper(DIGESTS, move |response| response[36..].copy_from_slice(&keys));
        sim
    };
    let usage = Expected::Rule("a use of SPDM for slot 0");
    let zero = "zero, for the slot has no certificate";
    for version in [V1_3, V1_4] {
        let rows = [
            ([1, 3, 2, 0], wrong("DIGESTS", "CertificateInfo", Expected::AtMost(2), 3)),
            ([1, 1, 0, 0], wrong("DIGESTS", "KeyUsageMask", usage, 0)),
            ([1, 1, 0, 0x80], wrong("DIGESTS", "KeyUsageMask", usage, 0x8000)),
            ([1, 0, 2, 0], differs("DIGESTS", "Digest", zero)),
            ([1, 4, 2, 0], invalid("DIGESTS", "CertificateInfo", 37, Expected::AtMost(3), 4)),
        ];
        for (keys, cause) in rows {
            assert_lost(device(version, keys), DIGESTS, cause);
        }
        // Keys where there must be some.
        let mut sim = device(version, [1, 1, 2, 0]);
        sim.tamper(DIGESTS, |response| response.truncate(36));
        assert_lost(sim, DIGESTS, truncated("DIGESTS", "KeyPairID", 36, 1, 0));
        // CERTIFICATE has to name the model that DIGESTS named.
        let cause = |expected, got| wrong("CERTIFICATE", "CertModel", expected, got);
        for (model, expected) in
            [(0, Expected::AtLeast(1)), (2, Expected::Exactly(1)), (3, Expected::AtMost(2))]
        {
            let mut sim = device(version, [1, 1, 2, 0]);
            sim.tamper(CERTIFICATE, move |response| response[3] = model);
            assert_lost(sim, CERTIFICATE, cause(expected, model.into()));
        }
    }
}

// N16: CERTIFICATE.

#[test]
fn n16_linux_w14_slot_and_model() {
    for version in SpdmVersion::ALL {
        let slot = |got| wrong("CERTIFICATE", "SlotID", Expected::Exactly(0), got);
        let sim = faulty(version, Fault::CertificateOtherSlot);
        assert_lost(sim, CERTIFICATE, slot(1));
        for got in 1..=15 {
            let set = move |response: &mut Vec<u8>| response[2] = response[2] & 0xF0 | got;
            let cause = match got {
                1..=7 => slot(got.into()),
                _ => invalid("CERTIFICATE", "SlotID", 2, Expected::AtMost(7), got.into()),
            };
            assert_lost(attacked(version, CERTIFICATE, set), CERTIFICATE, cause);
        }
    }
    for version in [V1_3, V1_4] {
        let model = |got| wrong("CERTIFICATE", "CertModel", Expected::Exactly(0), got);
        assert_lost(faulty(version, Fault::CertificateModel), CERTIFICATE, model(1));
        for got in [2, 3] {
            let sim = attacked(version, CERTIFICATE, move |response| response[3] = got);
            assert_lost(sim, CERTIFICATE, model(got.into()));
        }
        for got in 4..=7 {
            let sim = attacked(version, CERTIFICATE, move |response| response[3] = got);
            let cause = invalid("CERTIFICATE", "CertModel", 3, Expected::AtMost(3), got.into());
            assert_lost(sim, CERTIFICATE, cause);
        }
    }
}

#[test]
fn n16_linux_w16a_empty_portions() {
    let cause = wrong("CERTIFICATE", "PortionLength", Expected::AtLeast(1), 0);
    for version in SpdmVersion::ALL {
        assert_lost(faulty(version, Fault::PortionZero), CERTIFICATE, cause);
        for number in 0..4 {
            let sim = portion_changed(version, number, move |response| {
                response.truncate(portion_at(version));
                put_length(version, response, PORTION, 0);
            });
            assert_portion(version, number, sim, cause);
        }
        // Nothing at all, and nothing to come.
        let sim = attacked(version, CERTIFICATE, move |response| {
            response.truncate(portion_at(version));
            put_length(version, response, PORTION, 0);
            put_length(version, response, REMAINDER, 0);
        });
        assert_lost(sim, CERTIFICATE, cause);
    }
}

#[test]
fn n16_linux_w16_more_than_was_asked_for() {
    for version in SpdmVersion::ALL {
        let chain = u64::try_from(record(version).responses[4].len()).unwrap();
        let header = u64::try_from(portion_at(version)).unwrap();
        let (chain, one) = (chain - header, 512 - header);
        for number in 1..4 {
            let asked = chain - number * one;
            let sim = portion_changed(version, usize::try_from(number).unwrap(), move |response| {
                response.resize(usize::try_from(header + asked + 1).unwrap(), 0);
                put_length(version, response, PORTION, asked + 1);
            });
            let expected = Expected::AtMost(asked);
            let cause = wrong("CERTIFICATE", "PortionLength", expected, asked + 1);
            assert_portion(version, usize::try_from(number).unwrap(), sim, cause);
        }
    }
}

#[test]
fn n16_linux_w14_lengths_that_change_or_overflow() {
    for version in SpdmVersion::ALL {
        let longest = longest(version);
        let rule = Expected::Rule("a remainder within the longest chain");
        let remainder = |expected, got| wrong("CERTIFICATE", "RemainderLength", expected, got);
        // At the first portion.
        assert_lost(faulty(version, Fault::ChainTooLong), CERTIFICATE, remainder(rule, longest));
        let sim = attacked(version, CERTIFICATE, move |response| {
            put_length(version, response, PORTION, longest);
            put_length(version, response, REMAINDER, longest);
        });
        let at = portion_at(version);
        let len = record(version).responses[4].len();
        let needed = usize::try_from(longest).unwrap();
        let cause = truncated("CERTIFICATE", "CertChain", at, needed, len - at);
        assert_lost(sim, CERTIFICATE, cause);
        // Later: more, less, nothing, and all that the field can say.
        let total = u64::try_from(len - at).unwrap();
        let one = u64::try_from(512 - at).unwrap();
        for number in 1..3 {
            let right = total - (number + 1) * one;
            for (got, expected) in [
                (right + 1, Expected::Exactly(right)),
                (right - 1, Expected::Exactly(right)),
                (0, Expected::Exactly(right)),
                (longest, rule),
            ] {
                let number = usize::try_from(number).unwrap();
                let sim = portion_changed(version, number, move |response| {
                    put_length(version, response, REMAINDER, got);
                });
                assert_portion(version, number, sim, remainder(expected, got));
            }
        }
        // Faults: the second portion contradicts the first.
        let exactly = |n| Expected::Exactly(n);
        let cause = remainder(exactly(total - 512), total - 512 + 1);
        assert_portion(version, 1, faulty(version, Fault::RemainderChanges), cause);
        let cause = remainder(exactly(1000 - 256), 1000);
        assert_portion(version, 1, faulty(version, Fault::RemainderNeverEnds), cause);
    }
}

#[test]
fn n16_a_chain_that_does_not_fit_fails_at_its_first_portion() {
    for version in SpdmVersion::ALL {
        let at = portion_at(version);
        let len = record(version).responses[4].len() - at;
        for total in [0x4001, 0xFFFF] {
            let remainder = u64::try_from(total - len).unwrap();
            let sim = attacked(version, CERTIFICATE, move |response| {
                put_length(version, response, REMAINDER, remainder);
            });
            let error = Error::BufferTooSmall { buffer: Buffer::Chain, needed: total, len: 0x4000 };
            assert_lost(sim, CERTIFICATE, Cause::Other(error));
        }
    }
}

#[test]
fn n16_the_form_is_the_requests() {
    // Normal form in answer to a large request.
    let sim = attacked(V1_4, CERTIFICATE, |response| {
        let portion = response.split_off(16);
        response.truncate(8);
        response[2] = 0;
        put_length(V1_3, response, PORTION, u64::try_from(portion.len()).unwrap());
        response.extend(portion);
    });
    let rule = Expected::Rule("LargeCertChain, as requested");
    assert_lost(sim, CERTIFICATE, wrong("CERTIFICATE", "LargeCertChain", rule, 0));
    // And the other way round, from a device that did not announce it.
    let mut sim = attacked(V1_4, Code::GET_CAPABILITIES, |response| response[11] &= 0x7F);
    sim.tamper(CERTIFICATE, |response| {
        let portion = response.split_off(8);
        response.resize(16, 0);
        response[2] = 0x80;
        response[4..8].fill(0);
        put_length(V1_4, response, PORTION, u64::try_from(portion.len()).unwrap());
        response.extend(portion);
    });
    let rule = Expected::Rule("no LargeCertChain, as requested");
    assert_lost(sim, CERTIFICATE, wrong("CERTIFICATE", "LargeCertChain", rule, 0x80));
}

#[test]
fn n16_linux_w15_one_byte_portions_are_bounded() {
    for version in SpdmVersion::ALL {
        for most in [20, 256] {
            let mut bounds = Bounds::default();
            bounds.round_trips = most;
            let mut sim = faulty(version, Fault::OneBytePortions);
            let failed = fail_with(&mut sim, Setup { bounds, ..Setup::default() });
            let mut codes = until(DIGESTS).to_vec();
            codes.resize(most.into(), CERTIFICATE);
            let cause = Ok(Cause::Other(Error::Bound(Bound::RoundTrips(most))));
            assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
        }
        // It is slow, not wrong.
        let mut bounds = Bounds::default();
        bounds.round_trips = 2000;
        let mut sim = faulty(version, Fault::OneBytePortions);
        let result = with_policy(&mut sim, |sim, policy| {
            let mut memory = Memory::new();
            let requester = crate::sim::requester(&mut memory, sim).with_bounds(bounds);
            attest_by(requester, sim, AttestationPlan::new(policy))
        });
        assert!(result.is_ok(), "{version}: {result:?}");
        let portions = sim.codes().iter().filter(|code| **code == CERTIFICATE).count();
        assert_eq!(portions, record(version).responses[4].len() - portion_at(version));
    }
}

// N17: the chain structure.

#[test]
fn n17_linux_w08_linux_w17_header_of_the_chain() {
    for version in SpdmVersion::ALL {
        let format =
            |rule, at| Cause::Chain { check: Check::Format, certificate: None, rule, at: Some(at) };
        let sim = faulty(version, Fault::ChainLengthMismatch);
        assert_lost(sim, CERTIFICATE, format(Rule::Length, 0));
        let sim = faulty(version, Fault::RootHashMismatch);
        assert_lost(sim, CERTIFICATE, certificate(Check::Root, 0, Rule::RootHash));
        // The same by an attacker, who can compute digests as well.
        for change in [1, 0x80] {
            let sim = forged(version, |chain| chain[0] ^= change);
            assert_lost(sim, CERTIFICATE, format(Rule::Length, 0));
            let sim = forged(version, |chain| chain[4 + 7] ^= change);
            assert_lost(sim, CERTIFICATE, certificate(Check::Root, 0, Rule::RootHash));
        }
        for at in [2, 3] {
            let sim = forged(version, |chain| chain[at] = 1);
            let cause = match version {
                // Length has four bytes.
                V1_4 => format(Rule::Length, 0),
                _ => format(Rule::Reserved, 2),
            };
            assert_lost(sim, CERTIFICATE, cause);
        }
        let cut = |len: usize| {
            forged(version, |chain| {
                chain.truncate(len);
                if len >= 2 {
                    chain[..2].copy_from_slice(&u16::try_from(len).unwrap().to_le_bytes());
                }
            })
        };
        for len in [1, 3, 4, 35] {
            assert_lost(cut(len), CERTIFICATE, format(Rule::Truncated, len));
        }
        assert_lost(cut(36), CERTIFICATE, format(Rule::NoCertificate, 36));
        // In the middle of the first certificate.
        let cause = Cause::Chain {
            check: Check::Format,
            certificate: Some(0),
            rule: Rule::CertificateBounds,
            at: Some(36),
        };
        assert_lost(cut(100), CERTIFICATE, cause);
    }
}

#[test]
fn n17_linux_w17_bytes_behind_the_last_certificate() {
    for version in SpdmVersion::ALL {
        let len = record(version).responses[4].len() - portion_at(version);
        let cause = Cause::Chain {
            check: Check::Format,
            certificate: Some(3),
            rule: Rule::CertificateBounds,
            at: Some(len),
        };
        assert_lost(faulty(version, Fault::ChainTrailingBytes), CERTIFICATE, cause);
    }
}

// N18: the certificates.

#[test]
fn n18_order_and_signatures() {
    for version in SpdmVersion::ALL {
        let cause = certificate(Check::Certificates, 0, Rule::NameChaining);
        assert_lost(faulty(version, Fault::ChainReversed), CERTIFICATE, cause);
        let cause = certificate(Check::Signatures, 2, Rule::Signature);
        assert_lost(faulty(version, Fault::ChainBadSignature), CERTIFICATE, cause);
        // The last byte of a chain is of the leaf's signature.
        let sim = forged(version, |chain| *chain.last_mut().unwrap() ^= 1);
        assert_lost(sim, CERTIFICATE, cause);
    }
}

/// Attests a device under a policy that has to refuse it at its chain.
#[track_caller]
fn assert_policy(sim: &mut Sim, cause: Cause, change: impl for<'p> FnOnce(&mut Policy<'p>)) {
    with_policy(sim, |sim, policy| {
        let mut policy = *policy;
        change(&mut policy);
        let error = attest_with(sim, AttestationPlan::new(&policy)).unwrap_err();
        assert_eq!(Cause::from(error), cause);
        assert_eq!(sim.codes(), until(CERTIFICATE));
    });
}

#[test]
fn n18_validity() {
    for version in SpdmVersion::ALL {
        let device = |not_before, not_after| {
            Sim::new(DeviceConfig { not_before, not_after, ..config(version) })
        };
        // From the root on, for an anchor's own validity does not count.
        let expired = certificate(Check::Certificates, 1, Rule::Expired);
        assert_policy(&mut device(0, NOW - 1), expired, |_| {});
        let early = certificate(Check::Certificates, 1, Rule::NotYetValid);
        assert_policy(&mut device(NOW + 1, NOW + 2), early, |_| {});
        // The first and the last second, the first and the last year, and a caller without a clock.
        assert!(attest(&mut device(NOW, NOW)).is_ok(), "{version}");
        assert!(attest(&mut device(0, 253_402_300_799)).is_ok(), "{version}");
        let mut sim = device(0, 1);
        let result = with_policy(&mut sim, |sim, policy| {
            let policy = Policy { validity: ValidityCheck::Unchecked, ..*policy };
            attest_with(sim, AttestationPlan::new(&policy))
        });
        assert!(result.is_ok(), "{version}: {result:?}");
    }
}

#[test]
fn n18_trust_anchors() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        assert_policy(&mut sim, chain(Check::Anchor, Rule::NoTrustAnchor), |p| p.anchors = &[]);
        let other = Device::new(DeviceConfig { seed: Some(2), ..config(version) }).unwrap();
        let root = &other.trust_anchors()[0];
        let anchors = [Anchor::Certificate(root)];
        let mut sim = Sim::new(config(version));
        let error = with_policy(&mut sim, |sim, policy| {
            let policy = Policy { anchors: &anchors, ..*policy };
            attest_with(sim, AttestationPlan::new(&policy)).unwrap_err()
        });
        assert_eq!(Cause::from(error), chain(Check::Anchor, Rule::UnknownAuthority), "{version}");
        assert_eq!(sim.codes(), until(CERTIFICATE));
    }
}

#[test]
fn n18_the_name_that_the_policy_asks_for() {
    for version in SpdmVersion::ALL {
        for (pattern, rule) in [
            ("ACME:WIDGET:1*", Rule::SanMismatch),
            ("acme:*:*", Rule::SanMismatch),
            ("ACME:WIDGET", Rule::SanPattern),
        ] {
            let cause = certificate(Check::San, 2, rule);
            assert_policy(&mut Sim::new(config(version)), cause, |policy| {
                policy.san = SanPolicy::Dmtf { pattern };
            });
        }
        let mut sim = Sim::new(DeviceConfig { dmtf_name: None, ..config(version) });
        let cause = certificate(Check::San, 2, Rule::SanMissing);
        assert_policy(&mut sim, cause, |policy| {
            policy.san = SanPolicy::Dmtf { pattern: "*:*:*" };
        });
    }
}

#[test]
fn n18_bounds_of_the_policy() {
    for version in SpdmVersion::ALL {
        let cause = |rule| chain(Check::Certificates, rule);
        let mut sim = Sim::new(config(version));
        assert_policy(&mut sim, cause(Rule::TooManyCertificates), |policy| {
            policy.limits.max_certificates = 2;
        });
        let mut sim = Sim::new(config(version));
        assert_policy(&mut sim, cause(Rule::TooManyBytes), |policy| {
            policy.limits.max_bytes = 1024;
        });
    }
}
