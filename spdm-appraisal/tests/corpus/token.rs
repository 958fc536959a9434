//! Tokens and bundles of the corpus give the verdict of the manifest.

use std::fs;
use std::vec::Vec;

use spdm_appraisal::{
    Bundle, Comparison, Corim, Dialect, Divergence, Eat, Element, Environments, Error, Evidence,
    EvidenceKey, Extent, Manifest, Rule, Token, TokenSigner, TokenTrust, Verdict,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck, X509Certificate};

use crate::own::{NOW, Row, Setting, folder, pem, rows};
use crate::toc::block;

/// Whose tokens are taken, and what was sent.
struct Device {
    root: Vec<u8>,
    leaf: Vec<u8>,
    nonce: Vec<u8>,
}

impl Device {
    fn read() -> Self {
        let own = |name: &str| fs::read(folder().join("own").join(name)).unwrap();
        let nonce = String::from_utf8(own("ocp_nonce.hex")).unwrap();
        Self {
            root: pem("own/device_root.pem"),
            leaf: own("ak.der"),
            nonce: hex::decode(nonce.trim()).unwrap(),
        }
    }

    fn with_trust<T>(&self, judge: impl FnOnce(&TokenTrust<'_>) -> T) -> T {
        let leaf = X509Certificate::parse(Untrusted::new(&self.leaf)).unwrap();
        let leaf = EvidenceKey { key_info: leaf.key_info(), certificate: &self.leaf };
        let anchors = [Anchor::Certificate(&self.root)];
        let validity = ValidityCheck::At(NOW);
        let leaf = Some(leaf);
        judge(&TokenTrust { provider: &PROVIDER, anchors: &anchors, leaf, keys: &[], validity })
    }

    /// Reads a token by its certificates, or else as one in a record of the device, and checks its nonce.
    fn token<'a>(&self, token: &Token<'a>, dialect: Dialect) -> Result<Eat<'a>, Error> {
        let read = |trust: &TokenTrust<'_>| Eat::read(token, dialect, trust, &mut [0; 4096]);
        let eat = self.with_trust(|trust| match read(&TokenTrust { leaf: None, ..*trust }) {
            Err(Error::Read(error)) if error.rule == Rule::KeyId => read(trust),
            // The key is that of the leaf, too.
            read_alone => read_alone.inspect(|_| assert!(read(trust).is_ok())),
        })?;
        eat.check_nonce(&[&self.nonce])?;
        Ok(eat)
    }

    fn bundle<'a>(&self, file: &'a [u8]) -> Result<Bundle<'a>, Error> {
        self.with_trust(|trust| {
            // It comes by itself.
            let trust = TokenTrust { leaf: None, ..*trust };
            let bundle = Bundle::read(Untrusted::new(file), &trust, &mut [0; 4096])?;
            bundle.check_nonce(&[&self.nonce])?;
            Ok(bundle)
        })
    }
}

fn files(prefix: &str) -> impl Iterator<Item = (Row, Vec<u8>)> {
    let rows = rows().into_iter().filter(move |row| row.file.starts_with(prefix));
    rows.map(|row| {
        let bytes = fs::read(folder().join("own").join(&row.file)).unwrap();
        (row, bytes)
    })
}

fn check<T: core::fmt::Debug>(row: &Row, judged: &Result<T, Error>) {
    match (row.verdict.as_str(), judged) {
        ("either", _) | ("ok", Ok(_)) => {}
        ("reject", Err(error)) => {
            let clause = row.clause.as_deref().unwrap();
            assert!(error.clause().ends_with(clause), "{}: {error}", row.file);
        }
        _ => panic!("{}: {judged:?}", row.file),
    }
}

pub(crate) fn every_token_and_bundle_gives_its_verdict() {
    let device = Device::read();
    let mut count = 0;
    let tokens = files("eat_").filter(|(row, _)| row.file.ends_with(".cbor"));
    for (row, file) in tokens.filter(|(row, _)| !row.file.starts_with("eat_corim_")) {
        count += 1;
        let token = Token::read(Untrusted::new(&file)).unwrap();
        for dialect in [Dialect::Strict, Dialect::Compatible] {
            check(&row, &device.token(&token, dialect));
        }
    }
    for (row, file) in files("deb_") {
        count += 1;
        check(&row, &device.bundle(&file));
    }
    assert_eq!(count, 18, "files");
}

pub(crate) fn divergences_are_read_under_compatible_and_named() {
    let device = Device::read();
    for (name, expected) in [
        ("eat_good", &[][..]),
        ("eat_bare_sign1", &[]),
        ("eat_profile_tagged", &[Divergence::ProfileTagged]),
        ("eat_profile_text", &[Divergence::ProfileText]),
        ("eat_profile_tagged_text", &[Divergence::ProfileTagged, Divergence::ProfileText]),
        ("eat_kid", &[Divergence::NoContentType, Divergence::KeyId]),
        ("eat_untagged_ce", &[Divergence::EvidenceUntagged]),
    ] {
        let file = fs::read(folder().join(format!("own/{name}.cbor"))).unwrap();
        let token = Token::read(Untrusted::new(&file)).unwrap();
        let eat = device.token(&token, Dialect::Compatible).unwrap();
        assert_eq!(eat.divergences().collect::<Vec<_>>(), expected, "{name}");
        let is_text = expected.contains(&Divergence::ProfileText);
        assert_eq!(device.token(&token, Dialect::Strict).is_err(), is_text, "{name}");
    }
}

pub(crate) fn tokens_in_blocks() {
    let device = Device::read();
    for (name, lacks_header) in [("eat_block_1_3_svh", false), ("eat_block_1_3_bare", true)] {
        let file = fs::read(folder().join(format!("own/{name}.bin"))).unwrap();
        let block = block(&file);
        let Manifest::Token(token) = block.manifest else { panic!("{name}: {block:?}") };
        assert_eq!(block.lacks_header, lacks_header, "{name}");
        let read = device.token(&token, Dialect::Strict);
        if lacks_header {
            // Its key id is of no certificate here.
            assert_eq!(read.unwrap_err().clause(), "eat.key");
        } else {
            assert!(matches!(read.unwrap().signer, TokenSigner::Chain { .. }));
        }
    }
}

pub(crate) fn reference_values_for_a_token() {
    let device = Device::read();
    let file = fs::read(folder().join("own/eat_good.cbor")).unwrap();
    let token = Token::read(Untrusted::new(&file)).unwrap();
    let eat = device.token(&token, Dialect::Strict).unwrap();
    for (row, file) in files("eat_corim_") {
        let trust = Setting::trust_nobody();
        let corim = Corim::read(Untrusted::new(&file), Dialect::Strict, &trust, &mut []).unwrap();
        let mut places = [Element::EMPTY; 4];
        let evidence = eat.evidence().next().unwrap();
        let elements = evidence.elements(0xFD, 0, &mut places).unwrap();
        let environments = Environments::Known(&[]);
        let evidence = Evidence { environments, elements, keys: &[], extent: Extent::Whole };
        let verdict = Comparison::new(&evidence, corim.states(), &PROVIDER).unwrap().verdict();
        let expected = if row.verdict == "match" { Verdict::Match } else { Verdict::Mismatch };
        assert_eq!(verdict, expected, "{}", row.file);
    }
}

/// What a bundle of the corpus holds is the evidence of one device in the form of management controllers.
pub(crate) fn parts_of_the_bundle() {
    let device = Device::read();
    let file = fs::read(folder().join("own/deb_good.cbor")).unwrap();
    let bundle = device.bundle(&file).unwrap();
    let mut parts = Vec::new();
    bundle
        .parts
        .for_each(|part| {
            let device = part.device().unwrap();
            parts.push((part.name, device.cert_chain.len(), device.signed_measurements.len()));
            Ok::<_, ()>(())
        })
        .unwrap();
    assert_eq!(parts, [("env.a", 820, 2168)]);
}

/// By one bit of each byte in turn, so that a run takes seconds.
pub(crate) fn na1_no_mutant_of_a_token_or_bundle_verifies() {
    let device = Device::read();
    let file = fs::read(folder().join("own/eat_good.cbor")).unwrap();
    for at in 0..file.len() {
        let mut mutant = file.clone();
        mutant[at] ^= 1 << (at % 8);
        let read = Token::read(Untrusted::new(&mutant));
        let read = read.map_err(Error::from).and_then(|token| {
            device.token(&token, Dialect::Compatible).map(|eat| format!("{eat:?}"))
        });
        // The wrappers are not signed.
        assert!(read.is_err() || at < 5, "byte {at}");
    }
    let file = fs::read(folder().join("own/deb_good.cbor")).unwrap();
    // Every fifth byte is in each part of it.
    for at in (0..file.len()).step_by(5) {
        let mut mutant = file.clone();
        mutant[at] ^= 1 << (at % 8);
        assert!(device.bundle(&mutant).is_err(), "byte {at}");
    }
}
