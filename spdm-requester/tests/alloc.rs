//! No allocation anywhere on the way of an attestation or in a session, but for RSA.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests: a panic is the failure"
)]

#[path = "alloc/sessions.rs"]
mod sessions;
#[path = "it/sim/mod.rs"]
mod sim;

use allocation_counter::measure;
use sim::replay::{Rehearsal, record_from};
use sim::{FLOW, NOW, Sim, config};
use spdm_codec::{
    Algorithms, BaseAsymAlgo, Capabilities, Certificate, Challenge, ChallengeAuth, Cx, Digests,
    GetCapabilities, GetCertificate, GetDigests, GetMeasurements, GetVersion, Measurements,
    Message, NegotiateAlgorithms, OpaqueFormat, SlotId, SpdmVersion, Version,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running, SoftwareKey};
use spdm_crypto::{
    AsymAlgorithm, EcCurve, HashAlgorithm, HashBank as _, Invalid, RunningHash as _, Sign as _,
    Signed,
};
use spdm_emulator::DeviceConfig;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, CertModel, Chain, ChainContext, Policy, ValidityCheck};

/// Runs something that must not allocate.
#[track_caller]
fn without_allocation<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let mut result = None;
    let counted = measure(|| result = Some(run()));
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "{what}");
    result.unwrap()
}

const ECDSA: [(EcCurve, BaseAsymAlgo); 3] = [
    (EcCurve::P256, BaseAsymAlgo::ECDSA_P256),
    (EcCurve::P384, BaseAsymAlgo::ECDSA_P384),
    (EcCurve::P521, BaseAsymAlgo::ECDSA_P521),
];

#[test]
fn an_allocation_is_counted() {
    // Else the other tests would show nothing.
    let counted = measure(|| drop(core::hint::black_box(Box::new(7_u64))));
    assert_eq!((counted.count_total, counted.bytes_total), (1, 8));
}

/// Decodes a message and encodes it again.
fn round_trip<'a, M: Message<'a>>(bytes: &'a [u8], cx: &Cx, out: &mut [u8]) {
    let len = without_allocation(<M as Message<'a>>::NAME, || {
        let decoded = M::decode(Untrusted::new(bytes), cx).unwrap();
        decoded.message.encode(cx.version, out).unwrap()
    });
    assert_eq!(&out[..len], bytes, "{}", <M as Message<'a>>::NAME);
}

#[test]
fn codec() {
    for version in SpdmVersion::ALL {
        let recording = record_from(Sim::new(config(version)), version);
        let (asked, got) = (&recording.requests, &recording.responses);
        let mut out = vec![0; 0x2000];
        let out = out.as_mut_slice();
        let cx = Cx::new(version);
        round_trip::<GetVersion>(&asked[0], &cx, out);
        round_trip::<Version<'_>>(&got[0], &cx, out);
        round_trip::<GetCapabilities>(&asked[1], &cx, out);
        round_trip::<Capabilities<'_>>(&got[1], &cx, out);
        round_trip::<NegotiateAlgorithms<'_>>(&asked[2], &cx, out);
        round_trip::<Algorithms<'_>>(&got[2], &cx, out);
        let format = match version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::FreeForm,
            _ => OpaqueFormat::Table,
        };
        let cx = cx.with_hash_len(32).with_signature_len(64).with_opaque_format(format);
        round_trip::<GetDigests>(&asked[3], &cx, out);
        round_trip::<Digests<'_>>(&got[3], &cx, out);
        round_trip::<GetCertificate>(&asked[4], &cx, out);
        round_trip::<Certificate<'_>>(&got[4], &cx, out);
        round_trip::<Challenge>(&asked[5], &cx, out);
        round_trip::<ChallengeAuth<'_>>(&got[5], &cx, out);
        round_trip::<GetMeasurements>(&asked[6], &cx, out);
        round_trip::<Measurements<'_>>(&got[6], &cx, out);
        // And what does not decode.
        without_allocation("errors", || {
            for response in got {
                for len in 0..response.len() {
                    let cut = Untrusted::new(&response[..len]);
                    assert!(Measurements::decode(cut, &cx).is_err());
                }
            }
        });
    }
}

#[test]
fn hashes() {
    for hash in HashAlgorithm::ALL {
        let message = [0x5A; 1000];
        without_allocation("one shot", || PROVIDER.hash.digest(hash, &[&message]).unwrap());
        without_allocation("running", || {
            let mut running = Running::start(hash).unwrap();
            running.update(&message);
            running.snapshot()
        });
        let mut bank = spdm_crypto::Bank::<Running, 2>::new();
        without_allocation("bank", || {
            bank.start(1, hash).unwrap();
            bank.update(1, &message).unwrap();
            bank.snapshot(1).unwrap()
        });
    }
}

#[test]
fn ecdsa_and_ed25519() {
    let ecdsa = ECDSA.map(|(curve, _)| AsymAlgorithm::Ecdsa(curve));
    for asym in ecdsa.into_iter().chain([AsymAlgorithm::Ed25519]) {
        for hash in HashAlgorithm::ALL {
            let key = SoftwareKey::from_seed(asym, [7; 32]).unwrap();
            let public = key.public_key();
            let signed = Signed::Message { bytes: b"measured", context: b"" };
            let mut signature = vec![0; asym.signature_len()];
            key.sign(hash, signed, &mut signature).unwrap();
            let verify = |signature: &[u8]| {
                without_allocation(asym.name(), || {
                    PROVIDER.check_key(asym, &public).unwrap();
                    PROVIDER.verify(asym, hash, &public, signed, signature)
                })
            };
            assert_eq!(verify(&signature), Ok(()), "{asym} {hash}");
            if asym == AsymAlgorithm::Ed25519 {
                // Its crate boxes errors where it may, as it does here for the sake of signing keys.
                continue;
            }
            *signature.last_mut().unwrap() ^= 1;
            assert_eq!(verify(&signature), Err(Invalid), "{asym} {hash}");
        }
    }
}

fn device(base_asym: BaseAsymAlgo, hash: HashAlgorithm, version: SpdmVersion) -> Sim {
    let base_hash = hash.base_hash();
    Sim::new(DeviceConfig { base_asym, base_hash, ..config(version) })
}

#[test]
fn chains() {
    for (curve, base_asym) in ECDSA {
        for hash in HashAlgorithm::ALL {
            let version = SpdmVersion::V1_3;
            let recording = record_from(device(base_asym, hash, version), version);
            let bytes = &recording.responses[4][8..];
            let anchors = [Anchor::Certificate(&recording.anchors[0])];
            let asym = AsymAlgorithm::Ecdsa(curve);
            let context =
                ChainContext::new(SlotId::ZERO, version, CertModel::DeviceCert, asym, hash);
            without_allocation("chain", || {
                let chain = Chain::parse(Untrusted::new(bytes), context, &PROVIDER).unwrap();
                let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
                policy.validate(&chain).map(drop).unwrap();
                // One without a path to an anchor goes through all checks, too.
                let nobody = Policy::new(&PROVIDER, &[], ValidityCheck::At(NOW));
                assert!(nobody.validate(&chain).is_err());
            });
        }
    }
}

/// Records an attestation of a device that sends portions up to `size` bytes, and repeats it.
fn attest_again(base_asym: BaseAsymAlgo, hash: HashAlgorithm, version: SpdmVersion, size: u32) {
    let recording = record_from(
        Sim::new(DeviceConfig {
            base_asym,
            base_hash: hash.base_hash(),
            data_transfer_size: size,
            max_spdm_msg_size: size,
            ..config(version)
        }),
        version,
    );
    let mut rehearsal = Rehearsal::new(&recording);
    let what = format!("{version} {base_asym:?} {hash}");
    let (sent, result) = without_allocation(&what, || rehearsal.attest());
    assert_eq!(result, Ok(()), "{what}");
    assert_eq!(sent, recording.requests.len());
    assert_eq!(sent == FLOW.len(), size == 0x1200);
}

#[test]
fn a_whole_attestation() {
    let suites = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
    for ((_, base_asym), hash) in ECDSA.into_iter().zip(suites) {
        for version in SpdmVersion::ALL {
            // A chain in one portion, and in several.
            attest_again(base_asym, hash, version, 0x1200);
            attest_again(base_asym, hash, version, 512);
        }
        for hash in HashAlgorithm::ALL {
            attest_again(base_asym, hash, SpdmVersion::V1_2, 0x1200);
        }
    }
}

#[test]
fn an_attestation_that_fails() {
    for version in SpdmVersion::ALL {
        let recording = record_from(Sim::new(config(version)), version);
        for at in 0..FLOW.len() {
            let mut changed = recording.clone();
            *changed.responses[at].last_mut().unwrap() ^= 0x80;
            let mut rehearsal = Rehearsal::new(&changed);
            let (_, result) = without_allocation("failure", || rehearsal.attest());
            assert!(result.is_err(), "{version} {at}");
        }
    }
}

#[test]
fn n29_a_whole_attestation_in_chunks() {
    for version in [SpdmVersion::V1_2, SpdmVersion::V1_3, SpdmVersion::V1_4] {
        let mut sim = Sim::new(DeviceConfig {
            more_capabilities: spdm_codec::CapabilityFlags::CHUNK_CAP,
            ..config(version)
        });
        sim.limits = spdm_transport::Limits::new(42, 42);
        let recording = record_from(sim, version);
        let chunks = recording.requests.iter().filter(|request| request[1] == 0x86);
        assert!(chunks.count() > 10);
        let mut rehearsal = Rehearsal::new(&recording);
        let (sent, result) = without_allocation("chunks", || rehearsal.attest());
        assert_eq!((sent, result), (recording.requests.len(), Ok(())), "{version}");
    }
}

/// What a requester keeps beside the lent buffers, between operations and while it negotiates.
#[test]
fn the_state_of_a_requester_fits_4_kib() {
    use spdm_requester::{Flow, Negotiate, Negotiated, Requester};
    let between = size_of::<Requester<'_, Negotiated>>();
    assert!(between <= 4096, "{between} bytes");
    let negotiating = size_of::<Flow<'_, Negotiate>>();
    assert!(negotiating <= 4096, "{negotiating} bytes");
}
