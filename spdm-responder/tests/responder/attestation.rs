//! Signatures are over what was said, in this order and nothing else.

use spdm_codec::{ChallengeAuth, Cx, Digests, Measurements, OpaqueFormat, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{SignedMessage, SigningContext};

use crate::sim::{ASYM, HASH, Sim, challenge, config, decode};

fn cx(version: SpdmVersion) -> Cx {
    let table = version >= SpdmVersion::V1_2;
    let format = if table { OpaqueFormat::Table } else { OpaqueFormat::FreeForm };
    Cx::new(version).with_hash_len(32).with_signature_len(64).with_opaque_format(format)
}

fn verify(
    sim: &Sim,
    context: SigningContext,
    version: SpdmVersion,
    parts: &[&[u8]],
    signature: &[u8],
) {
    let digest = PROVIDER.hash.digest(HASH, parts).unwrap();
    let key = sim.device.key.public_key();
    SignedMessage::new(version, context, digest)
        .verify(&PROVIDER, ASYM, HASH, &key, signature)
        .unwrap();
}

#[test]
fn m1_holds_the_negotiation_the_chain_and_the_challenge() {
    for version in SpdmVersion::ALL {
        let byte = version.to_byte();
        let mut sim = Sim::negotiated(config(), version);
        let negotiated = sim.said.len();
        let digests = sim.send(&[byte, 0x81, 0, 0]).unwrap();
        let chain_digest = PROVIDER.hash.digest(HASH, &[&sim.device.chain]).unwrap();
        let message: Digests<'_> = decode(&digests, &cx(version));
        assert_eq!(message.digests, chain_digest.as_bytes());
        for offset in [0, 2] {
            let portion = sim.send(&[byte, 0x82, 0, 0, 0, offset, 0, 2]).unwrap();
            assert_eq!(
                portion[8..],
                sim.device.chain[usize::from(offset) << 8..][..portion.len() - 8]
            );
        }
        // What is refused is in no transcript.
        let before = sim.said.clone();
        sim.send(&[byte, 0x82, 1, 0, 0, 0, 0, 2]).unwrap();
        sim.said = before;
        let auth = sim.send(&challenge(version, 3)).unwrap();
        let message: ChallengeAuth<'_> = decode(&auth, &cx(version));
        assert_eq!(message.cert_chain_hash, chain_digest.as_bytes());
        let unsigned = &sim.said[..sim.said.len() - 64];
        let context = SigningContext::ResponderChallengeAuth;
        verify(&sim, context, version, &[unsigned], message.signature);
        // B is empty afterwards.
        let request = challenge(version, 4);
        let auth = sim.send(&request).unwrap();
        let parts = [&sim.said[..negotiated], &request, &auth[..auth.len() - 64]];
        verify(&sim, context, version, &parts, &auth[auth.len() - 64..]);
    }
}

#[test]
fn l1_holds_consecutive_measurements() {
    for version in SpdmVersion::ALL {
        let byte = version.to_byte();
        let mut sim = Sim::negotiated(config(), version);
        let negotiated = sim.said.clone();
        let context = if version >= SpdmVersion::V1_3 { &[5; 8][..] } else { &[] };
        let unsigned = |index| [&[byte, 0xE0, 0, index], context].concat();
        let slot = if version >= SpdmVersion::V1_1 { &[0][..] } else { &[] };
        let signed = [&[byte, 0xE0, 1, 0xFF], &[8; 32][..], slot, context].concat();
        // A request in between empties M.
        sim.send(&unsigned(1)).unwrap();
        sim.send(&[byte, 0x81, 0, 0]).unwrap();
        sim.said.clear();
        for index in [0, 1, 2] {
            assert_eq!(sim.send(&unsigned(index)).unwrap()[1], 0x60);
        }
        let answer = sim.send(&signed).unwrap();
        let message: Measurements<'_> = decode(&answer, &cx(version));
        assert_eq!(message.record.iter().count(), 2);
        let m = &sim.said[..sim.said.len() - 64];
        let a = if version >= SpdmVersion::V1_2 { &negotiated[..] } else { &[] };
        verify(&sim, SigningContext::ResponderMeasurements, version, &[a, m], message.signature);
    }
}
