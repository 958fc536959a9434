//! Captures of the DMTF reference implementation.

mod corpus;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_evidence::{Evidence, ReadOptions, Report, Verifier};
use spdm_x509::{Anchor, ValidityCheck};

/// 2026-11-01.
const AT: ValidityCheck = ValidityCheck::At(1_793_491_200);

fn verify(bytes: &[u8], verifier: &Verifier<'_>) -> Vec<Report> {
    let evidence = Evidence::read(bytes, &ReadOptions::default()).unwrap();
    verifier.verify(&mut Bank::<Running, 2>::new(), &evidence)
}

#[test]
fn survey() {
    let Some(folder) = corpus::folder() else { return };
    let roots = corpus::roots(&folder);
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let verifier = Verifier::new(&PROVIDER, &anchors, AT);
    for capture in corpus::captures(&folder) {
        let reports = verify(&capture.read(&folder), &verifier);
        for report in &reports {
            println!(
                "{} {:?} {:?} sup={} cut={} -> {} {:?} {:?} notes {:?}",
                report.verified(), capture.name, capture.class, capture.is_supported(), capture.cut,
                report.slot().unwrap_or(99), report.exit_class(), report.error(), report.notes()
            );
        }
    }
}
