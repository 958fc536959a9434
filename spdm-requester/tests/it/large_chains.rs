//! Chains beyond 64 KiB (1.4).

use core::cell::RefCell;
use std::rc::Rc;

use crate::sim::cause::{Cause, chain};
use crate::sim::trusting::{CERTIFICATE, DIGESTS, Trust, attest, policy};
use crate::sim::{HASH_LEN, Memory, Sim, SimClock, config, error_of, negotiated, until};
use spdm_codec::{
    Certificate, CertificateForm, CertificateModel, Cx, GetCertificate, Message, SlotId,
    SpdmVersion,
};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_requester::{AttestationPlan, Buffer, Error, Recovered, blocking};
use spdm_untrusted::Untrusted;
use spdm_x509::{Check, Rule};

/// A device of 1.4 that shows a chain of this length in its slot 0: its root again and again, then the rest.
fn large_chain(len_at_least: usize) -> (Sim, Vec<u8>) {
    let version = SpdmVersion::V1_4;
    let mut probe = Sim::new(config(version));
    let chain = {
        let mut memory = Memory::new();
        let mut buffer = vec![0; 0x4000];
        let clock = probe.clock.clone();
        let requester = negotiated(&mut memory, &mut probe).unwrap();
        let flow = requester.fetch_chain(SlotId::ZERO, &mut buffer);
        blocking::run(flow, &mut probe, &clock).map_err(|f| f.error).unwrap();
        probe.response_to(CERTIFICATE)[16..].to_vec()
    };
    let root = probe.device.trust_anchors()[0].clone();
    let (head, rest) = chain.split_at(4 + HASH_LEN);
    let times = len_at_least / root.len() + 1;
    let mut large = [head, &root.repeat(times), rest].concat();
    let len = u32::try_from(large.len()).unwrap();
    large[..4].copy_from_slice(&len.to_le_bytes());
    let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&large]).unwrap();

    let mut sim = Sim::new(config(version));
    sim.tamper(DIGESTS, move |response| response[4..].copy_from_slice(digest.as_bytes()));
    let asked = Rc::new(RefCell::new((0, 0)));
    let seen = asked.clone();
    let cx = Cx::new(version);
    sim.tamper_request(CERTIFICATE, move |request| {
        let message = GetCertificate::decode(Untrusted::new(request), &cx).unwrap().message;
        assert_eq!(message.form, CertificateForm::Large);
        *seen.borrow_mut() = (message.offset, message.length);
        // The device answers whatever the offset is.
        request[8..12].fill(0);
    });
    let shown = large.clone();
    sim.tamper(CERTIFICATE, move |response| {
        let (offset, length) = *asked.borrow();
        let rest = &shown[usize::try_from(offset).unwrap()..];
        let len = rest.len().min(usize::try_from(length).unwrap());
        let message = Certificate {
            slot: SlotId::ZERO,
            model: CertificateModel::None,
            form: CertificateForm::Large,
            portion: &rest[..len],
            remainder: u32::try_from(rest.len() - len).unwrap(),
        };
        response.resize(16 + len, 0);
        message.encode(version, response).unwrap();
    });
    (sim, large)
}

/// Fetches the chain of slot 0 into a buffer.
fn fetch(sim: &mut Sim, len: usize) -> Result<Vec<u8>, Cause> {
    let mut memory = Memory::new();
    let clock: SimClock = sim.clock.clone();
    let mut buffer = vec![0; len];
    let requester = negotiated(&mut memory, sim).unwrap();
    match blocking::run(requester.fetch_chain(SlotId::ZERO, &mut buffer), sim, &clock) {
        Ok((_, chain)) => Ok(chain.bytes().to_vec()),
        Err(failure) => {
            assert!(matches!(failure.requester, Recovered::Fresh(_)));
            Err(error_of(failure.error).into())
        }
    }
}

#[test]
fn linux_w43_a_large_chain_is_fetched_in_the_large_form() {
    let (mut sim, large) = large_chain(0x1_0000);
    assert!(large.len() > 0xFFFF);
    assert_eq!(fetch(&mut sim, large.len()), Ok(large.clone()));
    // As few round trips as the message buffer permits.
    let portions = sim.codes().iter().filter(|code| **code == CERTIFICATE).count();
    assert_eq!(portions, large.len().div_ceil(0x2000 - 64 - 16));
    // A buffer that is too small is noticed at the first portion.
    let (mut sim, large) = large_chain(0x1_0000);
    let (needed, len) = (large.len(), large.len() - 1);
    let cause = Cause::Other(Error::BufferTooSmall { buffer: Buffer::Chain, needed, len });
    assert_eq!(fetch(&mut sim, len), Err(cause));
    assert_eq!(sim.codes(), until(CERTIFICATE));
}

#[test]
fn n16_a_policy_bounds_large_chains() {
    let (mut sim, _) = large_chain(0x1_0000);
    let trust = Trust::of(&sim);
    let anchors = trust.anchors();
    let mut good = policy(&anchors);
    good.limits.max_bytes = 0xFFFF;
    let mut buffer = vec![0; 0x2_0000];
    let (signatures, result) = attest(&mut sim, AttestationPlan::new(&good), &mut buffer);
    assert_eq!(result.map(drop), Err(chain(Check::Certificates, Rule::TooManyBytes)));
    // Not one signature for all those certificates.
    assert_eq!(signatures, 0);
}
