//! KEY_EXCHANGE, PSK_EXCHANGE and what completes them.

use spdm_codec::{
    CapabilityFlags, Code, Finish, FinishRsp, Handshake, KeyExchange, KeyExchangeRsp, KeySlot,
    MutAuthRequested, OpaqueData, PskExchange, PskExchangeRsp, PskResponderContext, RecordPrivacy,
    ResponderNonce, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    Direction, HandshakeSecrets, PskBytes, RecordForm, RecordStream, SharedSecret, SignedMessage,
    SigningContext,
};

use super::{EXCHANGE, HASH, HINT, Keys, PSK, Peer, Place, Session};

impl Peer {
    pub(super) fn begin(&mut self, id: u32, secrets: HandshakeSecrets, th: Vec<u8>) {
        let privacy = if self.flags.contains(CapabilityFlags::ENCRYPT_CAP) {
            RecordPrivacy::Encrypted
        } else {
            RecordPrivacy::Authenticated
        };
        let form = RecordForm { binding: self.binding, privacy, session_id: id };
        let stream = |sender| RecordStream::new(secrets.record_key(sender).unwrap());
        let (request, response) = (stream(Direction::Request), stream(Direction::Response));
        self.sessions.push(Session {
            form,
            th,
            keys: Keys::Handshake { secrets, request, response },
            old: None,
        });
    }

    pub(super) fn key_exchange(&mut self, request: &[u8]) -> Vec<u8> {
        let asked: KeyExchange<'_> = self.decode(request);
        assert_eq!(asked.slot, KeySlot::PublicKey);
        let mut public = vec![0; EXCHANGE.response_len()];
        let mut shared = SharedSecret::new();
        PROVIDER
            .respond_key_exchange(EXCHANGE, asked.exchange_data, &mut public, &mut shared)
            .unwrap();
        let number = u16::try_from(self.sessions.len()).unwrap();
        let opaque = if asked.opaque.as_bytes().is_empty() { Vec::new() } else { self.selection() };
        let rsp_session_id = self.rsp_session_id.unwrap_or(0x4000 + number);
        let mut answer = self.encode(&KeyExchangeRsp {
            heartbeat_period: self.heartbeat_period,
            rsp_session_id,
            mut_auth: self.mut_auth,
            req_slot: self.req_slot,
            random_data: ResponderNonce([7; 32]),
            exchange_data: &public,
            measurement_summary_hash: &[],
            opaque: OpaqueData::from_bytes(&opaque),
            signature: &[],
            verify_data: &[],
        });
        self.changed(Code::KEY_EXCHANGE, Place::BeforeProofs, &mut answer);
        let ct = self.digest(&self.spki());
        let mut th = self.vca.clone();
        th.extend(ct.as_bytes());
        th.extend(request);
        th.extend(&answer);
        let context = SigningContext::ResponderKeyExchangeRsp;
        let signed = SignedMessage::new(self.version, context, self.digest(&th));
        let mut signature = [0; 64];
        let key: &dyn spdm_crypto::Sign = &self.key;
        key.sign(HASH, signed.as_signed(), &mut signature).unwrap();
        answer.extend(signature);
        th.extend(signature);
        let th1 = self.digest(&th);
        let secrets = self.schedule().from_key_exchange(&shared, &th1).unwrap();
        if self.handshake == Handshake::Secured {
            let verify_data = secrets.verify_data(Direction::Response, &th1).unwrap();
            answer.extend(verify_data.as_bytes());
            th.extend(verify_data.as_bytes());
        }
        let id = (u32::from(rsp_session_id) << 16) | u32::from(asked.req_session_id);
        self.begin(id, secrets, th);
        answer
    }

    pub(super) fn psk_exchange(&mut self, request: &[u8]) -> Vec<u8> {
        let asked: PskExchange<'_> = self.decode(request);
        assert_eq!(asked.psk_hint, HINT);
        let number = u16::try_from(self.sessions.len()).unwrap();
        let with_context = self.flags.contains(CapabilityFlags::PSK_CAP_CONTEXT);
        let context = vec![9; self.psk_context.unwrap_or(if with_context { 32 } else { 0 })];
        let opaque = self.selection();
        let mut answer = self.encode(&PskExchangeRsp {
            heartbeat_period: self.heartbeat_period,
            rsp_session_id: 0x5000 + number,
            measurement_summary_hash: &[],
            context: PskResponderContext(&context),
            opaque: OpaqueData::from_bytes(&opaque),
            verify_data: &[],
        });
        self.changed(Code::PSK_EXCHANGE, Place::BeforeProofs, &mut answer);
        let mut th = self.vca.clone();
        th.extend(request);
        th.extend(&answer);
        let th1 = self.digest(&th);
        let secrets = self.schedule().from_psk(&PskBytes(PSK), &th1).unwrap();
        let verify_data = secrets.verify_data(Direction::Response, &th1).unwrap();
        answer.extend(verify_data.as_bytes());
        th.extend(verify_data.as_bytes());
        let id = (u32::from(0x5000 + number) << 16) | u32::from(asked.req_session_id);
        self.begin(id, secrets, th);
        if !with_context {
            let last = self.sessions.len() - 1;
            self.establish(last);
        }
        answer
    }

    /// FINISH: in the clear, or in its session.
    pub(super) fn finish(&mut self, index: usize, request: &[u8]) -> Vec<u8> {
        let asked: Finish<'_> = self.decode(request);
        let head = request.len() - asked.verify_data.len();
        assert_eq!(asked.signature.is_some(), self.mut_auth != MutAuthRequested::No);
        match asked.signature {
            Some(signature) => {
                let head = head - signature.bytes.len();
                self.check_signature(index, signature.slot, &request[..head], signature.bytes);
            }
            None => self.sessions[index].th.extend(&request[..head]),
        }
        self.check(index, asked.verify_data);
        let opaque = (self.version >= SpdmVersion::V1_4).then_some(OpaqueData::EMPTY);
        let mut answer = self.encode(&FinishRsp { opaque, verify_data: &[] });
        self.sessions[index].th.extend(&answer);
        if self.handshake == Handshake::InTheClear {
            let digest = self.digest(&self.sessions[index].th);
            let Keys::Handshake { secrets, .. } = &self.sessions[index].keys else { panic!() };
            let verify_data = secrets.verify_data(Direction::Response, &digest).unwrap();
            answer.extend(verify_data.as_bytes());
            self.sessions[index].th.extend(verify_data.as_bytes());
        }
        answer
    }

    /// RequesterVerifyData.
    pub(super) fn check(&mut self, index: usize, verify_data: &[u8]) {
        let digest = self.digest(&self.sessions[index].th);
        let Keys::Handshake { secrets, .. } = &self.sessions[index].keys else { panic!() };
        secrets.check_verify_data(Direction::Request, &digest, verify_data).unwrap();
        self.sessions[index].th.extend(verify_data);
    }

    pub(super) fn establish(&mut self, index: usize) {
        let th2 = self.digest(&self.sessions[index].th);
        // It may have been established too early.
        let Keys::Handshake { secrets, .. } = &self.sessions[index].keys else { return };
        let secrets = secrets.data(&th2).unwrap();
        let request = RecordStream::new(secrets.request.record_key().unwrap());
        let response = RecordStream::new(secrets.response.record_key().unwrap());
        let response = response.with_order(self.order);
        let data = Keys::Data { secrets, request, response, next: None };
        let before = core::mem::replace(&mut self.sessions[index].keys, data);
        if let Keys::Handshake { response, .. } = before {
            self.sessions[index].old = Some(response);
        }
    }
}
