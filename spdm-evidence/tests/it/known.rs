//! The device that is known for a target, and the one that answers.

use spdm_codec::{BaseAsymAlgo, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::DmtfName;
use spdm_evidence::{
    AttestationCheck, CheckStatus, Freshness, KnownDevice, Report, ReportBuilder, ReportErrorKind,
};
use spdm_requester::{Observation, Observer as _};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, CertModel, Chain, ChainContext, Policy};

use crate::forged::{AT, device, exchange};
use crate::requests;

/// The chain of slot 0 of a device that negotiated this hash.
fn chain_of(seed: u64, serial: &str, hash: HashAlgorithm) -> (Vec<u8>, ChainContext) {
    let name = DmtfName { serial: serial.to_owned(), ..DmtfName::default() };
    let mut device = device(seed, |config| config.dmtf_name = Some(name));
    for request in requests::negotiation(BaseAsymAlgo::ECDSA_P384, hash.base_hash()) {
        exchange(&mut device, request);
    }
    let portion = exchange(&mut device, vec![0x12, 0x82, 0, 0, 0, 0, 0, 0x10]).response.unwrap();
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P384);
    let context =
        ChainContext::new(SlotId::ZERO, SpdmVersion::V1_2, CertModel::DeviceCert, asym, hash);
    (portion[8..].to_vec(), context)
}

/// A report on a device that shows `shown`, where `known` is expected.
fn report(shown: &(Vec<u8>, ChainContext), known: &(Vec<u8>, ChainContext)) -> Report {
    let read = |(bytes, context): &'_ (Vec<u8>, ChainContext)| {
        let chain = Chain::parse(Untrusted::new(bytes.as_slice()), *context, &PROVIDER);
        KnownDevice::new("there", &chain.unwrap())
    };
    let (shown, known) = (read(shown), read(known));
    let chain = shown.chain(&PROVIDER).unwrap();
    let anchors: [Anchor<'_>; 0] = [];
    let policy = Policy::new(&PROVIDER, &anchors, AT);
    let mut report = ReportBuilder::new("there", Freshness::Own, &PROVIDER);
    report.observe(&Observation::Appraised(&policy.appraise(&chain)));
    report.known_device(&known);
    report.build()
}

#[test]
fn what_is_another_one_is_named() {
    let known = chain_of(1, "1", HashAlgorithm::Sha384);
    let pass = report(&known, &known);
    let row = pass.checks().last().unwrap();
    assert_eq!((row.check, row.status), (AttestationCheck::KnownDevice, CheckStatus::Pass));
    assert_eq!(row.detail, "it is the device that is known");
    for (shown, differs) in [
        (chain_of(1, "2", HashAlgorithm::Sha384), "the leaf certificate is another one"),
        // RootHash is of the negotiated hash.
        (chain_of(1, "1", HashAlgorithm::Sha256), "RootHash is another one"),
        (
            chain_of(2, "1", HashAlgorithm::Sha384),
            "RootHash and the leaf certificate are other ones",
        ),
    ] {
        let report = report(&shown, &known);
        let row = report.checks().iter().find(|r| r.check == AttestationCheck::KnownDevice);
        let row = row.unwrap();
        let message = format!("not the device that is known for there: {differs}");
        assert_eq!((row.status, row.detail.as_str()), (CheckStatus::Fail, message.as_str()));
        // The chain, which nobody trusts here, is the first that is wrong.
        assert_eq!(report.error().unwrap().kind, ReportErrorKind::Chain);
    }
}
