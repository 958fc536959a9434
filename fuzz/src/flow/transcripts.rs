//! A second opinion on every signature: the transcripts, composed anew out of the accepted bytes by the rules of
//! DSP0274 §Transcript and transcript hash calculation.

use std::sync::{Arc, Mutex, MutexGuard};

use spdm_codec::{Code, Cx, ErrorCode, Response, SpdmVersion};
use spdm_crypto::{SignedMessage, SigningContext};
use spdm_emulator::Device;
use spdm_requester::{
    Accepted, Connection, Error, Exchange, MeasurementSignature, Negotiated, Possession, Proof,
    Sink,
};
use spdm_untrusted::Untrusted;

use crate::hashed::PROVIDER;

/// Sees every accepted exchange, and verifies what is signed.
#[derive(Clone, Debug)]
pub(super) struct Witness(Arc<Mutex<Transcripts>>);

#[derive(Debug, Default)]
struct Transcripts {
    padding: usize,
    /// DER SubjectPublicKeyInfo of the device's keys.
    keys: Vec<Vec<u8>>,
    /// The exchanges of the negotiation, while there is none; then they are [`Self::vca`].
    negotiation: Vec<(Vec<u8>, Vec<u8>)>,
    vca: Vec<u8>,
    m1: Vec<u8>,
    l1: Vec<u8>,
    challenged: bool,
    proofs: Vec<Proof>,
}

impl Witness {
    pub(super) fn new(device: &Device, padding: usize) -> Self {
        let keys = device.algorithms().filter_map(|asym| device.public_key_spki(asym)).collect();
        Self(Arc::new(Mutex::new(Transcripts { padding, keys, ..Transcripts::default() })))
    }

    fn transcripts(&self) -> MutexGuard<'_, Transcripts> {
        self.0.lock().expect("a witness that panicked ends the run")
    }

    /// Only the device itself is ever authenticated.
    pub(super) fn is_key(&self, key: &[u8]) {
        self.transcripts().is_key(key);
    }

    /// What was signed since the last GET_VERSION.
    pub(super) fn proofs(&self) -> Vec<Proof> {
        self.transcripts().proofs.clone()
    }
}

impl Sink for Witness {
    fn accepted(&mut self, exchange: Exchange<'_>, verdict: &Accepted<'_, '_>, to: &Connection) {
        let response = exchange.response.into_inner_less_safe();
        self.transcripts().accepted(exchange.request, response, verdict, to.negotiated());
    }

    fn rejected(&mut self, _: Exchange<'_>, _: &Error) {}
}

impl Transcripts {
    fn is_key(&self, key: &[u8]) {
        assert!(self.keys.iter().any(|spki| spki.ends_with(key)), "the key of another device");
    }

    fn accepted(
        &mut self,
        request: &[u8],
        response: &[u8],
        verdict: &Accepted<'_, '_>,
        agreed: Option<&Negotiated>,
    ) {
        let code = Code(request[1]);
        self.sent(code);
        if let Accepted::Error(error) = verdict {
            let waits = matches!(
                error.code,
                ErrorCode::BUSY
                    | ErrorCode::REQUEST_IN_FLIGHT
                    | ErrorCode::RESPONSE_NOT_READY
                    | ErrorCode::LARGE_RESPONSE
            );
            if code == Code::GET_MEASUREMENTS && !waits {
                self.l1.clear();
            }
            return;
        }
        match code {
            Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS => {
                self.negotiation.push((request.to_vec(), response.to_vec()));
                let Some(agreed) = agreed else { return };
                for (request, response) in core::mem::take(&mut self.negotiation) {
                    self.vca.extend(&request);
                    self.vca.extend(without_padding(&request, &response, agreed, self.padding, 0));
                }
            }
            Code::GET_DIGESTS | Code::GET_CERTIFICATE => {
                let agreed = agreed.expect("a negotiation");
                self.m1.extend(request);
                self.m1.extend(without_padding(request, response, agreed, self.padding, 0));
            }
            Code::CHALLENGE => {
                let Accepted::ChallengeAuth { possession: Some(possession), .. } = verdict else {
                    panic!("a CHALLENGE_AUTH whose signature nobody looked at");
                };
                let agreed = agreed.expect("a negotiation");
                let transcript = [&self.vca[..], &self.m1].concat();
                let context = SigningContext::ResponderChallengeAuth;
                self.signed(context, transcript, request, response, agreed, possession);
                self.m1.clear();
                self.challenged = true;
            }
            Code::GET_MEASUREMENTS => self.measured(request, response, verdict, agreed),
            other => panic!("nobody asked for {other}"),
        }
    }

    /// What a request empties. Retries empty what is empty.
    fn sent(&mut self, code: Code) {
        match code {
            Code::GET_VERSION => {
                let (padding, keys) = (self.padding, core::mem::take(&mut self.keys));
                *self = Self { padding, keys, ..Self::default() };
            }
            Code::GET_DIGESTS => self.m1.clear(),
            Code::GET_MEASUREMENTS if !self.challenged => self.m1.clear(),
            _ => {}
        }
        if code != Code::GET_MEASUREMENTS {
            self.l1.clear();
        }
    }

    fn measured(
        &mut self,
        request: &[u8],
        response: &[u8],
        verdict: &Accepted<'_, '_>,
        agreed: Option<&Negotiated>,
    ) {
        let agreed = agreed.expect("a negotiation");
        let Accepted::Measurements { signature, .. } = verdict else {
            panic!("no MEASUREMENTS: {verdict:?}");
        };
        if self.l1.is_empty() && agreed.version >= SpdmVersion::V1_2 {
            self.l1.clone_from(&self.vca);
        }
        match (request[2] & 1, signature) {
            (0, MeasurementSignature::NotRequested) => {
                self.l1.extend(request);
                self.l1.extend(without_padding(request, response, agreed, self.padding, 0));
            }
            (1, MeasurementSignature::Verified { possession, .. }) => {
                let (context, l1) =
                    (SigningContext::ResponderMeasurements, core::mem::take(&mut self.l1));
                self.signed(context, l1, request, response, agreed, possession);
            }
            _ => panic!("measurements whose signature nobody looked at: {signature:?}"),
        }
    }

    /// Verifies a signature over exactly the accepted bytes.
    fn signed(
        &mut self,
        context: SigningContext,
        mut transcript: Vec<u8>,
        request: &[u8],
        response: &[u8],
        agreed: &Negotiated,
        possession: &Possession<'_>,
    ) {
        let (asym, hash) = (agreed.asym().expect("a key"), agreed.hash().expect("a hash"));
        let len = agreed.signature_len();
        let response = without_padding(request, response, agreed, self.padding, len);
        let (signed, signature) = response.split_at(response.len() - len);
        transcript.extend(request);
        transcript.extend(signed);
        let key = possession.identity().key();
        self.is_key(key);
        assert!(request.windows(32).any(|bytes| bytes == possession.nonce().0), "another nonce");
        let digest = PROVIDER.hash.digest(hash, &[&transcript]).expect("a hash");
        SignedMessage::new(agreed.version, context, digest)
            .verify(&PROVIDER, asym, hash, key, signature)
            .expect("a signature over exactly the accepted bytes");
        self.proofs.push(possession.proof());
    }
}

/// The response without what a transport appended: its own fields tell how long it is.
fn without_padding<'r>(
    request: &[u8],
    response: &'r [u8],
    agreed: &Negotiated,
    padding: usize,
    signature_len: usize,
) -> &'r [u8] {
    let cx = agreed.cx(padding).with_signature_len(signature_len);
    let cx = match Code(request[1]) {
        Code::GET_VERSION => Cx::new(SpdmVersion::V1_0).with_padding(padding),
        // A summary hash was asked for.
        Code::CHALLENGE if request[3] != 0 => cx.with_summary_len(cx.hash_len),
        _ => cx,
    };
    Response::decode(Untrusted::new(response), &cx).expect("it was accepted").bytes()
}
