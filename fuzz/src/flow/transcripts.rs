//! A second opinion on every signature: the transcripts, composed anew out of the accepted bytes by the rules of
//! DSP0274 §Transcript and transcript hash calculation.

use std::sync::{Arc, Mutex, MutexGuard};

use spdm_codec::{CapabilityFlags, Code, Cx, ErrorCode, Handshake, Response, SpdmVersion};
use spdm_crypto::{
    Digest, Direction, HandshakeSecrets, KeySchedule, PskBytes, SharedSecret, SignedMessage,
    SigningContext,
};
use spdm_emulator::Device;
use spdm_requester::{
    Accepted, Connection, Error, Exchange, MeasurementSignature, Negotiated, Possession, Proof,
    SessionHandle, Sink,
};
use spdm_untrusted::Untrusted;

use super::line::{Arrival, Arrived};
use crate::hashed::{self, PROVIDER};
use crate::peer::PSK;

/// Bytes of KEY_EXCHANGE in front of ExchangeData.
const EXCHANGE_DATA_AT: usize = 40;

/// Sees every accepted exchange, and verifies what is signed.
#[derive(Clone, Debug)]
pub(super) struct Witness(Arc<Mutex<Transcripts>>);

/// What a witness cannot know of requests that nothing has answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Unanswered {
    /// There are none, or the connection began anew.
    #[default]
    None,
    /// They have emptied transcripts, which then are what came behind them.
    MayHaveEmptied,
}

#[derive(Debug, Default)]
struct Transcripts {
    padding: usize,
    /// DER SubjectPublicKeyInfo of the device's keys.
    keys: Vec<Vec<u8>>,
    /// The exchanges of the negotiation, while there is none; then they are [`Self::vca`].
    negotiation: Vec<(Vec<u8>, Vec<u8>)>,
    vca: Vec<u8>,
    /// B and L1, exchange by exchange.
    m1: Vec<Vec<u8>>,
    l1: Vec<Vec<u8>>,
    challenged: bool,
    proofs: Vec<Proof>,
    arrived: Option<Arrived>,
    unanswered: Unanswered,
    /// The certificate chain structure.
    chain: Vec<u8>,
    /// The session that messages travel in, and L1 of each session.
    session: Option<SessionHandle>,
    measured: Vec<(SessionHandle, Vec<Vec<u8>>)>,
    handshake: Option<KeyedHandshake>,
    established: usize,
}

/// A handshake after KEY_EXCHANGE_RSP or PSK_EXCHANGE_RSP.
struct KeyedHandshake {
    th: Vec<u8>,
    secrets: HandshakeSecrets,
    way: Handshake,
}

impl core::fmt::Debug for KeyedHandshake {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("KeyedHandshake").finish_non_exhaustive()
    }
}

impl Witness {
    pub(super) fn of_device(device: &Device, padding: usize, arrived: &Arrived) -> Self {
        let keys = device.algorithms().filter_map(|asym| device.public_key_spki(asym)).collect();
        let arrived = Some(Arc::clone(arrived));
        let transcripts = Transcripts { padding, keys, arrived, ..Transcripts::default() };
        Self(Arc::new(Mutex::new(transcripts)))
    }

    /// Of a device with sessions, this key and this chain.
    pub(super) fn of_sessions(key: &[u8], chain: &[u8], padding: usize, arrived: &Arrived) -> Self {
        Self(Arc::new(Mutex::new(Transcripts {
            padding,
            keys: vec![key.to_vec()],
            chain: chain.to_vec(),
            arrived: Some(Arc::clone(arrived)),
            unanswered: Unanswered::MayHaveEmptied,
            ..Transcripts::default()
        })))
    }

    /// Messages travel in this session from now on.
    pub(super) fn enter(&self, session: Option<SessionHandle>) {
        self.transcripts().session = session;
    }

    /// How many sessions were established since the last GET_VERSION.
    pub(super) fn established(&self) -> usize {
        self.transcripts().established
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
        self.is_due(code, agreed);
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
                self.l1().clear();
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
            // In a session they are in no transcript.
            Code::GET_DIGESTS | Code::GET_CERTIFICATE if self.session.is_some() => {}
            Code::GET_DIGESTS | Code::GET_CERTIFICATE => {
                let agreed = agreed.expect("a negotiation");
                let response = without_padding(request, response, agreed, self.padding, 0);
                self.m1.push([request, response].concat());
            }
            Code::CHALLENGE => {
                assert_eq!(self.session, None, "CHALLENGE in a session");
                let Accepted::ChallengeAuth { possession: Some(possession), .. } = verdict else {
                    panic!("a CHALLENGE_AUTH whose signature nobody looked at");
                };
                let agreed = agreed.expect("a negotiation");
                let b = core::mem::take(&mut self.m1);
                let context = SigningContext::ResponderChallengeAuth;
                self.signed(
                    context,
                    &self.candidates(&self.vca, &b),
                    request,
                    response,
                    agreed,
                    possession,
                );
                self.challenged = true;
            }
            Code::GET_MEASUREMENTS => self.measured(request, response, verdict, agreed),
            Code::KEY_EXCHANGE => self.key_exchanged(request, response, verdict, agreed),
            Code::PSK_EXCHANGE => self.psk_exchanged(request, response, agreed),
            Code::FINISH | Code::PSK_FINISH => self.finished(request, response, agreed),
            Code::HEARTBEAT | Code::KEY_UPDATE | Code::END_SESSION => {
                assert!(self.session.is_some(), "{code} outside of a session");
            }
            other => panic!("nobody asked for {other}"),
        }
    }

    /// What was accepted came the way that it had to come.
    fn is_due(&self, code: Code, agreed: Option<&Negotiated>) {
        let handshake = self.handshake.as_ref().map(|handshake| handshake.way);
        let in_session = match code {
            Code::FINISH | Code::PSK_FINISH => handshake == Some(Handshake::Secured),
            _ => self.session.is_some(),
        };
        let due = if in_session { Arrival::Sealed } else { Arrival::Plain };
        let Some(arrived) = &self.arrived else { return };
        let arrived = *arrived.lock().expect("nobody panicked");
        assert_eq!(arrived, due, "the answer to {code} of {agreed:?}");
    }

    /// What a request empties. Retries empty what is empty.
    fn sent(&mut self, code: Code) {
        match code {
            Code::GET_VERSION => {
                let (padding, keys) = (self.padding, core::mem::take(&mut self.keys));
                let (arrived, chain) = (self.arrived.take(), core::mem::take(&mut self.chain));
                let unanswered = self.unanswered;
                *self = Self { padding, keys, arrived, chain, unanswered, ..Self::default() };
            }
            Code::GET_DIGESTS => self.m1.clear(),
            Code::GET_MEASUREMENTS
            | Code::KEY_EXCHANGE
            | Code::FINISH
            | Code::PSK_EXCHANGE
            | Code::PSK_FINISH
            | Code::HEARTBEAT
            | Code::KEY_UPDATE
            | Code::END_SESSION
                if !self.challenged =>
            {
                self.m1.clear();
            }
            _ => {}
        }
        if code != Code::GET_MEASUREMENTS {
            self.l1().clear();
        }
    }

    /// L1, of the session where there is one.
    fn l1(&mut self) -> &mut Vec<Vec<u8>> {
        let Some(session) = self.session else { return &mut self.l1 };
        let place = self.measured.iter().position(|(known, _)| *known == session);
        let place = place.unwrap_or_else(|| {
            self.measured.push((session, Vec::new()));
            self.measured.len() - 1
        });
        &mut self.measured[place].1
    }

    /// What a transcript may be before the last exchange: all of it, or what came behind a request that emptied it.
    fn candidates(&self, start: &[u8], exchanges: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let last = match self.unanswered {
            Unanswered::None => 0,
            Unanswered::MayHaveEmptied => exchanges.len(),
        };
        (0..=last).map(|from| [start, &exchanges[from..].concat()].concat()).collect()
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
        let padding = self.padding();
        match (request[2] & 1, signature) {
            (0, MeasurementSignature::NotRequested) => {
                let response = without_padding(request, response, agreed, padding, 0);
                self.l1().push([request, response].concat());
            }
            (1, MeasurementSignature::Verified { possession, .. }) => {
                let (context, l1) =
                    (SigningContext::ResponderMeasurements, core::mem::take(self.l1()));
                let start: &[u8] =
                    if agreed.version >= SpdmVersion::V1_2 { &self.vca } else { &[] };
                let l1 = self.candidates(start, &l1);
                self.signed(context, &l1, request, response, agreed, possession);
            }
            _ => panic!("measurements whose signature nobody looked at: {signature:?}"),
        }
    }

    /// KEY_EXCHANGE_RSP was signed over A, the hash of the chain and both messages, and its HMAC is right.
    fn key_exchanged(
        &mut self,
        request: &[u8],
        response: &[u8],
        verdict: &Accepted<'_, '_>,
        agreed: Option<&Negotiated>,
    ) {
        let agreed = agreed.expect("a negotiation");
        let Accepted::KeyExchangeRsp { message, possession: Some(possession), .. } = verdict else {
            panic!("a KEY_EXCHANGE_RSP whose signature nobody looked at");
        };
        let len = agreed.signature_len();
        let response = without_padding(request, response, agreed, self.padding, len);
        let signed = response.len() - message.verify_data.len();
        let ct = digest(agreed, &[&self.chain]);
        let start = [&self.vca, ct.as_bytes()].concat();
        let context = SigningContext::ResponderKeyExchangeRsp;
        self.over(
            context,
            core::slice::from_ref(&start),
            request,
            &response[..signed],
            agreed,
            possession,
        );
        let mut th = [&start, request, &response[..signed]].concat();
        let exchange = agreed.key_exchange().expect("an algorithm");
        let end = EXCHANGE_DATA_AT + exchange.request_len();
        let own = &request[EXCHANGE_DATA_AT..end];
        let mut shared = SharedSecret::new();
        hashed::shared_secret(exchange, own, message.exchange_data, &mut shared)
            .expect("a valid public value");
        let th1 = digest(agreed, &[&th]);
        let secrets = schedule(agreed).from_key_exchange(&shared, &th1).expect("keys");
        let way = agreed.handshake();
        if way == Handshake::Secured {
            let check = secrets.check_verify_data(Direction::Response, &th1, message.verify_data);
            check.expect("ResponderVerifyData");
        }
        th.extend(message.verify_data);
        self.handshake = Some(KeyedHandshake { th, secrets, way });
    }

    fn psk_exchanged(&mut self, request: &[u8], response: &[u8], agreed: Option<&Negotiated>) {
        let agreed = agreed.expect("a negotiation");
        let response = without_padding(request, response, agreed, self.padding, 0);
        let (head, verify_data) = response.split_at(response.len() - agreed.hash_len());
        let mut th = [&self.vca, request, head].concat();
        let th1 = digest(agreed, &[&th]);
        let secrets = schedule(agreed).from_psk(&PskBytes(PSK), &th1).expect("keys");
        let check = secrets.check_verify_data(Direction::Response, &th1, verify_data);
        check.expect("ResponderVerifyData");
        th.extend(verify_data);
        if agreed.responder.flags.contains(CapabilityFlags::PSK_CAP) {
            self.established += 1;
        } else {
            self.handshake = Some(KeyedHandshake { th, secrets, way: Handshake::Secured });
        }
    }

    /// Both HMACs are right.
    fn finished(&mut self, request: &[u8], response: &[u8], agreed: Option<&Negotiated>) {
        let agreed = agreed.expect("a negotiation");
        let KeyedHandshake { th, secrets, way } = self.handshake.take().expect("a handshake");
        let len = agreed.hash_len();
        let (head, verify_data) = request.split_at(request.len() - len);
        let own = digest(agreed, &[&th, head]);
        let check = secrets.check_verify_data(Direction::Request, &own, verify_data);
        check.expect("RequesterVerifyData");
        if way == Handshake::InTheClear {
            let response = without_padding(request, response, agreed, self.padding, 0);
            let (head, verify_data) = response.split_at(response.len() - len);
            let theirs = digest(agreed, &[&th, request, head]);
            let check = secrets.check_verify_data(Direction::Response, &theirs, verify_data);
            check.expect("ResponderVerifyData");
        }
        self.established += 1;
    }

    /// How many bytes the transport may have appended: none inside of a record.
    const fn padding(&self) -> usize {
        if self.session.is_some() { 0 } else { self.padding }
    }

    /// Verifies a signature over exactly the accepted bytes, behind one of these.
    fn signed(
        &mut self,
        context: SigningContext,
        before: &[Vec<u8>],
        request: &[u8],
        response: &[u8],
        agreed: &Negotiated,
        possession: &Possession<'_>,
    ) {
        let len = agreed.signature_len();
        let response = without_padding(request, response, agreed, self.padding(), len);
        self.over(context, before, request, response, agreed, possession);
    }

    /// [`Self::signed`], of a response that ends with its signature.
    fn over(
        &mut self,
        context: SigningContext,
        before: &[Vec<u8>],
        request: &[u8],
        response: &[u8],
        agreed: &Negotiated,
        possession: &Possession<'_>,
    ) {
        let (asym, hash) = (agreed.asym().expect("a key"), agreed.hash().expect("a hash"));
        let (signed, signature) = response.split_at(response.len() - agreed.signature_len());
        let key = possession.identity().key();
        self.is_key(key);
        assert!(request.windows(32).any(|bytes| bytes == possession.nonce().0), "another nonce");
        let verified = before.iter().any(|before| {
            SignedMessage::new(agreed.version, context, digest(agreed, &[before, request, signed]))
                .verify(&PROVIDER, asym, hash, key, signature)
                .is_ok()
        });
        assert!(verified, "no signature over exactly the accepted bytes");
        self.proofs.push(possession.proof());
    }
}

fn digest(agreed: &Negotiated, parts: &[&[u8]]) -> Digest {
    PROVIDER.hash.digest(agreed.hash().expect("a hash"), parts).expect("a hash")
}

fn schedule(agreed: &Negotiated) -> KeySchedule {
    let (hash, aead) = (agreed.hash().expect("a hash"), agreed.aead().expect("an AEAD"));
    KeySchedule::new(&PROVIDER, agreed.version, hash, aead).expect("a key schedule")
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
        Code::KEY_EXCHANGE | Code::PSK_EXCHANGE | Code::FINISH => {
            let summary = if request[2] != 0 { cx.hash_len } else { 0 };
            let exchange = agreed.key_exchange().ok();
            let len = exchange.map_or(0, |exchange| exchange.response_len());
            let own = exchange.map_or(0, |exchange| exchange.request_len());
            cx.with_handshake(agreed.handshake())
                .with_summary_len(summary)
                .with_exchange_lens(own, len)
        }
        _ => cx,
    };
    Response::decode(Untrusted::new(response), &cx).expect("it was accepted").bytes()
}
