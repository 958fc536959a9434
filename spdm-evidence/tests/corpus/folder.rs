//! What is in the corpus.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// What the manifest says of a capture.
#[derive(Debug, Deserialize)]
pub(crate) struct Capture {
    pub(crate) name: String,
    pub(crate) flow: String,
    pub(crate) class: Vec<String>,
    pub(crate) asym: Option<String>,
    /// `PqcAsymSel` as a number.
    pub(crate) pqc_asym: Option<String>,
    pub(crate) hash: Option<String>,
    #[serde(default)]
    pub(crate) cut: bool,
}

impl Capture {
    pub(crate) fn is(&self, class: &str) -> bool {
        self.class.iter().any(|own| own == class)
    }

    /// Whether the algorithms are implemented here.
    pub(crate) fn is_supported(&self) -> bool {
        let asym = self.asym.as_deref().unwrap_or_default();
        let hash = self.hash.as_deref().unwrap_or_default();
        let asym = ["RSA", "ECDSA", "ED25519"].iter().any(|known| asym.starts_with(known));
        // ML-DSA-44, -65 and -87.
        let pqc = self.pqc_asym.as_deref().is_some_and(|bit| ["0x1", "0x2", "0x4"].contains(&bit));
        (asym || pqc) && ["SHA_", "SHA3_"].iter().any(|known| hash.starts_with(known))
    }

    pub(crate) fn read(&self, corpus: &Path) -> Vec<u8> {
        fs::read(corpus.join(format!("captures/{}.pcap", self.name))).unwrap()
    }
}

pub(crate) fn captures(corpus: &Path) -> Vec<Capture> {
    let manifest = fs::read(corpus.join("captures/manifest.json")).unwrap();
    let captures: Vec<Capture> = serde_json::from_slice(&manifest).unwrap();
    assert!(!captures.is_empty());
    captures
}

/// The trust anchors of the captures.
pub(crate) fn roots(corpus: &Path) -> Vec<Vec<u8>> {
    let files = fs::read_dir(corpus.join("captures/roots")).unwrap();
    let roots: Vec<_> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert!(!roots.is_empty());
    roots
}
