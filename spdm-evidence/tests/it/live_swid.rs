//! SWID tags against a live device: the verdict is that over the record of the same connection.

use spdm_appraisal::{Dialect, ReferenceTrust};
use spdm_codec::SpdmVersion;
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::DmtfName;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Completeness, DeviceEnvironment, Freshness, Recorder, Reference,
    ReferenceFile, Report, ReportBuilder, Verifier,
};
use spdm_x509::{Anchor, ValidityCheck};

use crate::forged::device;
use crate::live::attest;
use crate::recorder::{NOW, Wire, filed};
use crate::swid_file::{P384, SwidFile, hex, resource};
use crate::testing::certificates_for;

const VERSION: &str = "96.10.55.00.01";

/// The version of the firmware as a switch writes it.
fn opaque(version: &str) -> Vec<u8> {
    let len = u16::try_from(version.len()).unwrap().to_le_bytes();
    [&[6, 0][..], &len, version.as_bytes()].concat()
}

fn switch(opaque: &[u8]) -> Wire {
    Wire::of(device(1, |config| {
        config.versions = vec![SpdmVersion::V1_1];
        config.free_opaque_data = opaque.to_vec();
        config.dmtf_name = Some(DmtfName {
            manufacturer: "NVIDIA".to_owned(),
            product: "LS_10".to_owned(),
            serial: "1".to_owned(),
        });
    }))
}

/// What the device measures, or with another value of index 1.
fn tag(measured: &Report, is_other: bool) -> String {
    let digests = measured.measurements().iter().filter(|value| !value.raw);
    let rows: String = digests
        .map(|value| {
            let mut bytes = value.value.clone();
            bytes[0] ^= u8::from(is_other && value.index == 1);
            resource(&(value.index - 1).to_string(), "True", &[&hex(&bytes)])
        })
        .collect();
    let payload = format!("<ns0:Payload>\n{rows}\n</ns0:Payload>");
    SwidFile { payload, ..SwidFile::new() }.signed()
}

/// The live report and the one over the record.
fn both(wire: &mut Wire, tag: Option<&str>) -> [Report; 2] {
    let root = certificates_for(P384, 1).remove(0);
    let anchors = [Anchor::Certificate(&root)];
    let validity = ValidityCheck::At(NOW);
    let trust = ReferenceTrust { provider: &PROVIDER, anchors: &anchors, keys: &[], validity };
    let reference = tag.map(|tag| Reference {
        files: vec![
            ReferenceFile::read("tag.xml", tag.as_bytes(), Dialect::Strict, &trust).unwrap(),
        ],
        environment: DeviceEnvironment::default(),
        completeness: Completeness::default(),
    });
    let mut recorder = Recorder::new(0);
    let mut live = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
    let roots = wire.device.trust_anchors();
    attest(wire, &roots, &mut recorder, &mut live, |_| ());
    live.recorded(&recorder);
    if let Some(reference) = &reference {
        live.reference(reference);
    }
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let mut verifier = Verifier::new(&PROVIDER, &anchors, validity);
    verifier.reference = reference.as_ref();
    let evidence = filed(&recorder.into_evidence("here"));
    let recorded = verifier.verify(&mut Bank::<Running, 2>::new(), &evidence).remove(0);
    [live.build(), recorded]
}

#[test]
fn a_swid_tag_gives_the_verdict_of_the_record() {
    let check = AttestationCheck::MeasurementsReference;
    let [measured, _] = both(&mut switch(&opaque(VERSION)), None);
    let (own, other) = (tag(&measured, false), tag(&measured, true));
    for (opaque, tag, status, why) in [
        (opaque(VERSION), &own, CheckStatus::Pass, "match"),
        (opaque(VERSION), &other, CheckStatus::Fail, "measurement 1"),
        (opaque("96.10.55.00.02"), &own, CheckStatus::Fail, "96.10.55.00.02"),
        (opaque("96.10.55.00.01")[..6].to_vec(), &own, CheckStatus::Fail, "ends inside"),
        (Vec::new(), &own, CheckStatus::Fail, VERSION),
    ] {
        let [live, recorded] = both(&mut switch(&opaque), Some(tag));
        let detail = |report: &Report| {
            let row = report.checks().iter().find(|row| row.check == check).unwrap();
            row.detail.clone()
        };
        assert_eq!(live.status(check), status, "{}", detail(&live));
        assert_eq!(live.verified(), status == CheckStatus::Pass);
        assert!(detail(&live).contains(why), "{}", detail(&live));
        assert_eq!(detail(&live), detail(&recorded));
        assert_eq!(live.measurements(), recorded.measurements());
        assert_eq!(live.reference(), recorded.reference());
        assert_eq!((live.error(), live.exit_class()), (recorded.error(), recorded.exit_class()));
    }
}

/// What another connection said, or nobody signed, is no version.
#[test]
fn opaque_data_of_another_connection_does_not_count() {
    let [measured, _] = both(&mut switch(&opaque(VERSION)), None);
    let tag = tag(&measured, false);
    let root = certificates_for(P384, 1).remove(0);
    let anchors = [Anchor::Certificate(&root)];
    let validity = ValidityCheck::At(NOW);
    let trust = ReferenceTrust { provider: &PROVIDER, anchors: &anchors, keys: &[], validity };
    let file = ReferenceFile::read("tag.xml", tag.as_bytes(), Dialect::Strict, &trust).unwrap();
    let reference = Reference {
        files: vec![file],
        environment: DeviceEnvironment::default(),
        completeness: Completeness::default(),
    };
    let mut recorder = Recorder::new(0);
    let mut judged = |wire: &mut Wire| {
        let mut live = ReportBuilder::new("here", Freshness::Own, &PROVIDER);
        let roots = wire.device.trust_anchors();
        attest(wire, &roots, &mut recorder, &mut live, |_| ());
        live.recorded(&recorder).reference(&reference);
        live.build().verified()
    };
    assert!(judged(&mut switch(&opaque(VERSION))));
    assert!(!judged(&mut switch(&opaque("96.10.55.00.02"))));
    assert!(judged(&mut switch(&opaque(VERSION))));
}
