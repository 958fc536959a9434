//! Certificate chains: parsing and, for those that parse, the whole policy.
#![no_main]

use spdm_codec::{SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, Policy, ValidityCheck};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let context = ChainContext::new(
        SlotId::ZERO,
        SpdmVersion::V1_2,
        CertModel::Unknown,
        AsymAlgorithm::Ecdsa(EcCurve::P384),
        HashAlgorithm::Sha384,
    );
    if let Ok(chain) = Chain::parse(Untrusted::new(data), context, &PROVIDER) {
        let policy = Policy::new(&PROVIDER, &[], ValidityCheck::At(0));
        assert!(policy.validate(&chain).is_err(), "nothing is trusted");
    }
});
