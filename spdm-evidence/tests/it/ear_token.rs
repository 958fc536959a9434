//! Attestation results: who signs them, and what is in each.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::{Value, json};
use spdm_codec::RequesterNonce;
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm, Signed};
use spdm_evidence::{Ear, EarKeyError, Report, ReportErrorKind};
use spdm_requester::Error;

use crate::claims::Attested;
use crate::ear::{claims, ear_of, rom, signed};
use crate::testing::{ASYM, Template, certificates, name};

fn jws_parts(token: &str) -> (Value, Value, String, Vec<u8>) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{token}") };
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let json = |part: &str| serde_json::from_slice(&decode(part)).unwrap();
    (json(header), json(payload), format!("{header}.{payload}"), decode(signature))
}

#[test]
fn tokens_are_signed_as_the_curve_of_the_key_demands() {
    let ear = ear_of(&signed(vec![rom()]).build(), None);
    for (curve, hash, name, len) in [
        (EcCurve::P256, HashAlgorithm::Sha256, "ES256", 64),
        (EcCurve::P384, HashAlgorithm::Sha384, "ES384", 96),
    ] {
        let asym = AsymAlgorithm::Ecdsa(curve);
        let key = SoftwareKey::from_seed(asym, [7; 32]).unwrap();
        Ear::check_key(&key).unwrap();
        let token = ear.to_jws(&key).unwrap();
        let (header, payload, message, signature) = jws_parts(&token);
        assert_eq!(header, json!({"alg": name, "typ": "JWT"}));
        assert_eq!((payload, signature.len()), (claims(&ear), len));
        let verify = |bytes: &[u8]| {
            let signed = Signed::Message { bytes, context: &[] };
            let mut verifiers = PROVIDER.verifiers.iter();
            let verifier = verifiers.find(|it| it.supports(asym, hash)).unwrap();
            verifier.verify(asym, hash, &key.public_key(), signed, &signature)
        };
        verify(message.as_bytes()).unwrap();
        verify(&message.as_bytes()[1..]).unwrap_err();
    }
    for asym in [AsymAlgorithm::Ecdsa(EcCurve::P521), AsymAlgorithm::Ed25519] {
        let key = SoftwareKey::from_seed(asym, [7; 32]).unwrap();
        assert_eq!(Ear::check_key(&key), Err(EarKeyError::Algorithm(asym)));
        assert_eq!(ear.to_jws(&key), Err(EarKeyError::Algorithm(asym)));
    }
}

#[test]
fn what_every_token_says() {
    let report = signed(vec![rom()]).build();
    let all = claims(&ear_of(&report, None));
    let nonce = hex::decode(report.nonces().measurements.as_ref().unwrap()).unwrap();
    assert_eq!(all["eat_profile"], "tag:ietf.org,2026:rats/ear#03");
    assert_eq!(all["iat"], 1_795_420_392);
    assert_eq!(
        all["ear_verifier_id"],
        json!({"developer": "https://example.org", "build": "spdm 1"})
    );
    assert_eq!(all["eat_nonce"], BASE64_URL_SAFE_NO_PAD.encode(&nonce));
    let submodule = &all["submods"]["here"];
    assert!(submodule.get("ear_appraisal_policy_ids").is_none());
    let identity = &submodule["spdm_identity"];
    assert_eq!(identity["leaf_sha256"], json!(report.leaf_sha256()));
    assert_eq!(identity["root_sha256"], json!(report.identity().root_sha256));
    assert_eq!(identity["slot"], 0);
}

/// A nonce that is not that of all is none of the result; one that was given is.
#[test]
fn the_nonce_of_a_result() {
    let (one, two) = (signed(vec![rom()]).build(), signed(vec![rom()]).build());
    assert_ne!(one.nonces(), two.nonces());
    let mut ear = ear_of(&one, None);
    ear.add(&two, None);
    assert!(claims(&ear).get("eat_nonce").is_none());
    let mut ear = ear_of(&one, None);
    ear.add_unjudged("other.json");
    assert!(claims(&ear).get("eat_nonce").is_none());
    let failed = claims(&ear_of(&one, Some(ReportErrorKind::Transport)));
    assert!(failed.get("eat_nonce").is_none());
    let mut ear = ear_of(&one, Some(ReportErrorKind::Transport));
    ear.nonce(&RequesterNonce([7; 32]));
    assert_eq!(claims(&ear)["eat_nonce"], BASE64_URL_SAFE_NO_PAD.encode([7; 32]));
}

/// Two devices are two submodules, also under one name.
#[test]
fn devices_never_collapse_into_one() {
    let good = signed(vec![rom()]).build();
    let mut bad = signed(vec![rom()]);
    bad.failed(&Error::Signature { message: "MEASUREMENTS" });
    let bad = bad.build();
    for order in [[&good, &bad, &good], [&bad, &good, &bad]] {
        let mut ear = Ear::new("", "", 0);
        order.iter().for_each(|report| {
            ear.add(report, None);
        });
        ear.add_unjudged("here (2)").add_unjudged("here");
        let all = claims(&ear);
        let submods = all["submods"].as_object().unwrap();
        let statuses: Vec<_> =
            submods.iter().map(|(name, it)| (name.as_str(), it["ear_status"].clone())).collect();
        let status =
            |report: &Report| if report.verified() { "affirming" } else { "contraindicated" };
        assert_eq!(
            statuses,
            [
                ("here", json!(status(order[0]))),
                ("here (2)", json!(status(order[1]))),
                ("here (2) (2)", json!("none")),
                ("here (3)", json!(status(order[2]))),
                ("here (4)", json!("none")),
            ]
        );
    }
}

/// A folder may have thousands of files that have nothing to say.
#[test]
fn names_are_numbered_in_one_pass() {
    let began = std::time::Instant::now();
    let mut ear = Ear::new("", "", 0);
    let count = 30_000;
    (0..count).for_each(|_| {
        ear.add_unjudged("-");
    });
    // Where each begins again at 2, it takes many minutes.
    assert!(began.elapsed().as_secs() < 60);
    let all = claims(&ear);
    let submods = all["submods"].as_object().unwrap();
    assert_eq!(submods.len(), count);
    assert!(submods.contains_key("-") && submods.contains_key(&format!("- ({count})")));
}

/// A device and a file name themselves so that they would be read as something else.
#[test]
fn hostile_text_stays_text() {
    let hostile = "a\"},\"ear_status\":\"affirming\u{1b}[2J\u{202e}\\";
    let mut leaf = Template::leaf("CA 1");
    leaf.subject = name(hostile);
    let [root, authority, _] = certificates(1).try_into().unwrap();
    let leaf = leaf.keyed(ASYM, "Leaf").signed_by("CA 1");
    let all = vec![root, authority, leaf];
    let trusted = all[..1].to_vec();
    let report = Attested::trusting(all, &trusted).report.build();
    assert!(report.verified(), "{:?}", report.error());
    let mut ear = ear_of(&report, None);
    ear.add_unjudged(hostile);
    let text = ear.to_json().unwrap();
    assert!(text.chars().all(|it| it == '\n' || !it.is_control() && it != '\u{202e}'));
    let all = claims(&ear);
    assert_eq!(all["submods"].as_object().unwrap().len(), 2);
    let submodule = &all["submods"]["here"];
    assert_eq!(submodule.as_object().unwrap().len(), 3);
    let subject = submodule["spdm_identity"]["subject"].as_str().unwrap();
    assert!(subject.contains("affirming") && !subject.contains('\u{1b}'));
}
