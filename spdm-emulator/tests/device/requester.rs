//! A Requester that trusts the device and checks only what a test asks for.

use spdm_codec::{
    Algorithms, AlgorithmsBlock, BaseAsymAlgo, BaseHashAlgo, Capability, CapabilityExtFlags,
    CapabilityFlags, Certificate, CertificateForm, CertificateRequest, Challenge, Cx,
    GetCapabilities, GetCertificate, GetDigests, GetMeasurements, KeySlot, MeasurementAttributes,
    MeasurementOperation, MeasurementSpecification, MeasurementSummary, Message,
    NegotiateAlgorithms, OpaqueFormat, OtherParams, RequesterContext, RequesterNonce,
    SignatureRequest, SlotId, SpdmVersion, TransferSizes,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Invalid, SignedMessage, SigningContext};
use spdm_emulator::Device;
use spdm_untrusted::Untrusted;
use x509_cert::spki::SubjectPublicKeyInfoRef;

pub(crate) const GET_VERSION: [u8; 4] = [0x10, 0x84, 0, 0];
pub(crate) const CONTEXT: RequesterContext = RequesterContext(*b"context!");

pub(crate) fn encode<'a>(message: &impl Message<'a>, version: SpdmVersion) -> Vec<u8> {
    let mut out = vec![0; 256];
    let len = message.encode(version, &mut out).unwrap();
    out.truncate(len);
    out
}

pub(crate) fn get_capabilities(version: SpdmVersion) -> Vec<u8> {
    let sizes = TransferSizes { data_transfer_size: 0x1200, max_spdm_msg_size: 0x1200 };
    let capability = Capability {
        ct_exponent: 10,
        ext_flags: CapabilityExtFlags::empty(),
        flags: CapabilityFlags::empty(),
        sizes: (version >= SpdmVersion::V1_2).then_some(sizes),
    };
    let capability = (version >= SpdmVersion::V1_1).then_some(capability);
    encode(
        &GetCapabilities { algorithms_block: AlgorithmsBlock::NotRequested, capability },
        version,
    )
}

pub(crate) fn negotiate(
    version: SpdmVersion,
    base_asym: BaseAsymAlgo,
    base_hash: BaseHashAlgo,
) -> Vec<u8> {
    let since_1_2 = version >= SpdmVersion::V1_2;
    let message = NegotiateAlgorithms {
        measurement_specification: MeasurementSpecification::DMTF,
        other_params: if since_1_2 { OtherParams::OPAQUE_DATA_FMT_1 } else { OtherParams::empty() },
        base_asym,
        base_hash,
        ..NegotiateAlgorithms::default()
    };
    encode(&message, version)
}

pub(crate) fn get_certificate(version: SpdmVersion, offset: u32, length: u32) -> Vec<u8> {
    let (slot, request) = (SlotId::ZERO, CertificateRequest::Portion);
    let form = CertificateForm::Normal;
    encode(&GetCertificate { slot, request, form, offset, length }, version)
}

pub(crate) fn challenge(
    version: SpdmVersion,
    slot: KeySlot,
    summary: MeasurementSummary,
    nonce: u8,
) -> Vec<u8> {
    let context = (version >= SpdmVersion::V1_3).then_some(CONTEXT);
    encode(&Challenge { slot, summary, nonce: RequesterNonce([nonce; 32]), context }, version)
}

pub(crate) fn get_measurements(
    version: SpdmVersion,
    operation: MeasurementOperation,
    signed: Option<(KeySlot, u8)>,
) -> Vec<u8> {
    let signature = signed.map(|(slot, nonce)| SignatureRequest {
        nonce: RequesterNonce([nonce; 32]),
        slot: (version >= SpdmVersion::V1_1).then_some(slot),
    });
    let context = (version >= SpdmVersion::V1_3).then_some(CONTEXT);
    let attributes = MeasurementAttributes::empty();
    encode(&GetMeasurements { attributes, operation, signature, context }, version)
}

/// The raw key in a DER `SubjectPublicKeyInfo`.
pub(crate) fn raw_key(spki: &[u8]) -> Vec<u8> {
    SubjectPublicKeyInfoRef::try_from(spki).unwrap().subject_public_key.raw_bytes().to_vec()
}

pub(crate) struct Requester {
    pub(crate) device: Device,
    pub(crate) version: SpdmVersion,
    pub(crate) asym: AsymAlgorithm,
    pub(crate) hash: HashAlgorithm,
    /// A, B and M of the transcripts.
    pub(crate) a: Vec<u8>,
    pub(crate) b: Vec<u8>,
    pub(crate) m: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl Requester {
    /// Negotiates exactly these.
    pub(crate) fn connect(
        device: Device,
        version: SpdmVersion,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
    ) -> Self {
        let algorithms = negotiate(version, asym.base_asym().unwrap(), hash.base_hash());
        Self::negotiate(device, version, asym, hash, algorithms)
    }

    /// Negotiates exactly these, and several keys.
    pub(crate) fn connect_multi_key(
        device: Device,
        version: SpdmVersion,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
    ) -> Self {
        let mut algorithms = negotiate(version, asym.base_asym().unwrap(), hash.base_hash());
        algorithms[7] |= OtherParams::MULTI_KEY_CONN.bits();
        Self::negotiate(device, version, asym, hash, algorithms)
    }

    fn negotiate(
        mut device: Device,
        version: SpdmVersion,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
        algorithms: Vec<u8>,
    ) -> Self {
        let mut a = Vec::new();
        for request in [GET_VERSION.to_vec(), get_capabilities(version), algorithms] {
            let response = device.respond(&request).unwrap();
            assert_eq!(response[1], request[1] & 0x7F, "{version} {response:02x?}");
            a.extend(request);
            a.extend(&response);
        }
        let algorithms = &a[a.len() - 36..];
        let algorithms = Algorithms::decode(Untrusted::new(algorithms), &Cx::new(version)).unwrap();
        assert_eq!(algorithms.message.base_asym, asym.base_asym().unwrap());
        assert_eq!(algorithms.message.base_hash, hash.base_hash());
        // A key may be erased.
        let key = device.public_key_spki(asym).map(|spki| raw_key(&spki)).unwrap_or_default();
        Self { device, version, asym, hash, a, b: Vec::new(), m: Vec::new(), key }
    }

    pub(crate) fn cx(&self) -> Cx {
        let format = match self.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::FreeForm,
            _ => OpaqueFormat::Table,
        };
        Cx::new(self.version)
            .with_hash_len(self.hash.digest_len())
            .with_signature_len(self.asym.signature_len())
            .with_opaque_format(format)
    }

    pub(crate) fn exchange(&mut self, request: &[u8]) -> Vec<u8> {
        self.device.respond(request).unwrap()
    }

    /// GET_DIGESTS, which starts B anew.
    pub(crate) fn digests(&mut self) -> Vec<u8> {
        let request = encode(&GetDigests, self.version);
        let response = self.exchange(&request);
        self.b = [&request[..], &response].concat();
        response
    }

    /// The chain of slot 0 in portions of at most this length, into B.
    pub(crate) fn chain(&mut self, length: u32) -> Vec<u8> {
        let mut chain = Vec::new();
        loop {
            let offset = u32::try_from(chain.len()).unwrap();
            let request = get_certificate(self.version, offset, length);
            let response = self.exchange(&request);
            let decoded = Certificate::decode(Untrusted::new(&response), &self.cx()).unwrap();
            chain.extend(decoded.message.portion);
            self.b.extend([&request[..], &response].concat());
            if decoded.message.remainder == 0 {
                return chain;
            }
        }
    }

    /// Splits the signature off a response.
    pub(crate) fn split<'r>(&self, response: &'r [u8]) -> (&'r [u8], &'r [u8]) {
        response.split_at(response.len() - self.asym.signature_len())
    }

    pub(crate) fn digest(&self, parts: &[&[u8]]) -> Vec<u8> {
        PROVIDER.hash.digest(self.hash, parts).unwrap().as_bytes().to_vec()
    }

    fn verify(
        &self,
        context: SigningContext,
        transcript: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), Invalid> {
        let digest = PROVIDER.hash.digest(self.hash, transcript).unwrap();
        let signed = SignedMessage::new(self.version, context, digest);
        signed.verify(&PROVIDER, self.asym, self.hash, &self.key, signature)
    }

    /// Verifies CHALLENGE_AUTH over A, B and C.
    pub(crate) fn verify_challenge(&self, request: &[u8], response: &[u8]) -> Result<(), Invalid> {
        let (response, signature) = self.split(response);
        let m1 = [&self.a, &self.b, request, response];
        self.verify(SigningContext::ResponderChallengeAuth, &m1, signature)
    }

    /// Verifies MEASUREMENTS over A (from 1.2 on) and M.
    pub(crate) fn verify_measurements(
        &self,
        request: &[u8],
        response: &[u8],
    ) -> Result<(), Invalid> {
        let (response, signature) = self.split(response);
        let a: &[u8] = if self.version >= SpdmVersion::V1_2 { &self.a } else { &[] };
        let l1 = [a, &self.m, request, response];
        self.verify(SigningContext::ResponderMeasurements, &l1, signature)
    }
}
