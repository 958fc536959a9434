//! Captures and evidence of the corpus, which is found through `SPDM_CORPUS`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod captures;
mod conversation;
mod damaged;
mod flow;
mod folder;
mod mutate;
mod mutation;
mod nvidia;
mod reencode;
mod tampered;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::Running;
use spdm_evidence::{Evidence, ReadOptions, Report, Verifier};
use spdm_x509::ValidityCheck;

/// 2026-11-01.
const AT: ValidityCheck = ValidityCheck::At(1_793_491_200);

fn read(bytes: &[u8]) -> Evidence {
    Evidence::read(bytes, &ReadOptions::default()).unwrap()
}

fn verify(verifier: &Verifier<'_>, evidence: &Evidence) -> Vec<Report> {
    verifier.verify(&mut Bank::<Running, 2>::new(), evidence)
}
