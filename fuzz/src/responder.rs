//! A responder against requests that the input makes: as they should be, changed, or arbitrary; in the clear and in
//! sessions whose keys are known.

use spdm_codec::{
    CapabilityFlags, Code, Cx, ErrorCode, Handshake, KeyExchange, KeyExchangeRsp, KeySlot,
    MeasurementSummary, Message as _, OpaqueData, OpaqueFormat, PskExchange, PskExchangeRsp,
    PskRequesterContext, RecordBinding, RecordPrivacy, RequesterNonce, SessionPolicy, SlotId,
    SpdmVersion,
};
use spdm_crypto::{
    AeadAlgorithm, DataSecrets, Digest, Direction, EphemeralKey, HandshakeSecrets,
    KeyExchangeAlgorithm, KeySchedule, PskBytes, RecordForm, RecordStream, SharedSecret,
};
use spdm_responder::SessionSlot;
use spdm_transport::MessageKind;
use spdm_untrusted::Untrusted;

use crate::hashed::{PROVIDER, repeat_nonces};
use crate::input::Input;
use crate::peer::{ASYM, CREDENTIALS, HASH, HINT, Offer, PSK, Peer};

/// How many requests there are at most.
const MOST: usize = 32;

/// Sends requests to a responder.
///
/// # Panics
/// When an answer is none, or longer than the Requester takes, when a handshake ends without its HMAC, when a record that
/// is not genuine is answered as one, or when something is answered outside of the session that it belongs to.
pub fn serve(data: &[u8]) {
    repeat_nonces();
    let mut input = Input::new(data);
    let mut offer = Offer::read(&mut input);
    // Smaller ones bring the negotiation itself in chunks.
    offer.size = offer.size.max(300);
    let mut asker = Asker {
        peer: Peer::new(&offer),
        offer,
        said: Vec::new(),
        session: None,
        last_record: Vec::new(),
    };
    if input.byte() & 0x0F != 0x0F {
        asker.negotiate();
    }
    for _ in 0..MOST {
        if input.is_empty() {
            return;
        }
        asker.step(&mut input);
    }
}

struct Asker {
    peer: Peer,
    offer: Offer,
    /// A.
    said: Vec<u8>,
    session: Option<Session>,
    last_record: Vec<u8>,
}

/// The session that was begun last, as its Requester sees it.
struct Session {
    id: u32,
    form: RecordForm,
    code: Code,
    way: Handshake,
    th: Vec<u8>,
    keys: Keys,
}

enum Keys {
    Handshake(HandshakeSecrets, [RecordStream; 2]),
    Data(DataSecrets, [RecordStream; 2]),
}

fn digest(parts: &[&[u8]]) -> Digest {
    PROVIDER.hash.digest(HASH, parts).expect("a hash")
}

fn streams(secrets: &HandshakeSecrets) -> [RecordStream; 2] {
    [Direction::Request, Direction::Response]
        .map(|sender| RecordStream::new(secrets.record_key(sender).expect("a key")))
}

impl Keys {
    fn streams(&mut self) -> &mut [RecordStream; 2] {
        match self {
            Self::Handshake(_, streams) | Self::Data(_, streams) => streams,
        }
    }
}

impl Session {
    /// FINISH or PSK_FINISH as it should be.
    fn finish(&self, version: SpdmVersion) -> Option<Vec<u8>> {
        let Keys::Handshake(secrets, _) = &self.keys else { return None };
        let mut message = vec![version.to_byte(), self.code.0, 0, 0];
        if version >= SpdmVersion::V1_4 {
            message.extend([0, 0]);
        }
        let hmac = secrets.verify_data(Direction::Request, &digest(&[&self.th, &message]));
        message.extend(hmac.expect("an HMAC").as_bytes());
        Some(message)
    }

    /// The handshake is complete.
    fn finished(&mut self, request: &[u8], answer: &[u8]) {
        let Keys::Handshake(secrets, _) = &self.keys else { panic!("it was complete before") };
        self.th.extend(request);
        if self.way == Handshake::InTheClear {
            let (head, verify_data) = answer.split_at(answer.len() - HASH.digest_len());
            let theirs = digest(&[&self.th, head]);
            let check = secrets.check_verify_data(Direction::Response, &theirs, verify_data);
            check.expect("ResponderVerifyData");
        }
        self.th.extend(answer);
        let data = secrets.data(&digest(&[&self.th])).expect("keys");
        self.establish(data);
    }

    fn establish(&mut self, data: DataSecrets) {
        let streams = [&data.request, &data.response]
            .map(|secret| RecordStream::new(secret.record_key().expect("a key")));
        self.keys = Keys::Data(data, streams);
    }

    fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let head = self.form.head_len();
        let mut record = vec![0; head + message.len() + 16];
        record[head..head + message.len()].copy_from_slice(message);
        let [request, _] = self.keys.streams();
        let len = request.seal(&self.form, &mut record, message.len(), &[]).expect("a record");
        record.truncate(len);
        record
    }

    /// The message in a record of the device, under its key or the next one.
    fn open(&mut self, record: &[u8]) -> Vec<u8> {
        let mut opened = record.to_vec();
        let [_, response] = self.keys.streams();
        if let Ok(range) = response.open(&self.form, &mut opened, 0) {
            return opened[range].to_vec();
        }
        let Keys::Data(secrets, [_, response]) = &mut self.keys else {
            panic!("an answer that does not open");
        };
        secrets.response = secrets.response.updated().expect("keys");
        *response = RecordStream::new(secrets.response.record_key().expect("a key"));
        let range = response.open(&self.form, &mut opened, 0).expect("an answer that opens");
        assert_eq!(opened.get(range.start + 1), Some(&Code::KEY_UPDATE_ACK.0), "a new key");
        opened[range].to_vec()
    }
}

impl Asker {
    fn version(&self) -> SpdmVersion {
        self.offer.version
    }

    fn cx(&self) -> Cx {
        let exchange = self.exchange();
        let format = match self.version() {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::FreeForm,
            _ => OpaqueFormat::Table,
        };
        Cx::new(self.version())
            .with_hash_len(HASH.digest_len())
            .with_signature_len(ASYM.signature_len())
            .with_opaque_format(format)
            .with_exchange_lens(exchange.request_len(), exchange.response_len())
            .with_handshake(self.way())
    }

    fn exchange(&self) -> KeyExchangeAlgorithm {
        let kem = self.peer.config.key_exchanges.iter().find(|exchange| exchange.kem().is_some());
        match kem {
            Some(kem) if self.version() >= SpdmVersion::V1_4 => *kem,
            _ => *self.peer.config.key_exchanges.last().expect("a group"),
        }
    }

    fn way(&self) -> Handshake {
        if self.offer.flags.contains(CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP) {
            Handshake::InTheClear
        } else {
            Handshake::Secured
        }
    }

    /// The answer to a message in the clear.
    fn ask(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let answer = self.peer.answer(&mut Input::new(&[]), MessageKind::Plain, request)?;
        let code = Code(*answer.get(1).expect("an answer has a header"));
        assert!(!code.is_request(), "{code} is no answer");
        let inside = [
            Code::HEARTBEAT_ACK,
            Code::KEY_UPDATE_ACK,
            Code::END_SESSION_ACK,
            Code::PSK_FINISH_RSP,
        ];
        assert!(!inside.contains(&code), "{code} in the clear");
        if self.version() >= SpdmVersion::V1_2 {
            assert!(answer.len() <= 4608, "the Requester takes no more");
        }
        Some(answer)
    }

    /// GET_VERSION, GET_CAPABILITIES, NEGOTIATE_ALGORITHMS.
    fn negotiate(&mut self) {
        let (version, mut flags) = (self.version(), self.offer.flags);
        flags &= !(CapabilityFlags::PSK_CAP_CONTEXT
            | CapabilityFlags::CERT_CAP
            | CapabilityFlags::CHAL_CAP
            | CapabilityFlags::MEAS_CAP_SIG);
        flags |= CapabilityFlags::PSK_CAP;
        let mut capabilities = vec![version.to_byte(), 0xE1, 0, 0, 0, 14, 0, 0];
        capabilities.extend(flags.bits().to_le_bytes());
        if version >= SpdmVersion::V1_2 {
            capabilities.extend(4608_u32.to_le_bytes());
            capabilities.extend(0x2000_u32.to_le_bytes());
        }
        let group = self.exchange().dhe_group().map_or(0, |group| group.bits()).to_le_bytes();
        let aead = self.peer.config.aeads[0].cipher_suite().bits().to_le_bytes();
        let mut tables = vec![[3, 0x20, aead[0], aead[1]], [5, 0x20, 1, 0]];
        match self.exchange().kem() {
            Some(kem) => tables.push([7, 0x20, kem.bits().to_le_bytes()[0], 0]),
            None => tables.insert(0, [2, 0x20, group[0], group[1]]),
        }
        let count = u8::try_from(tables.len()).expect("few");
        let mut algorithms = vec![version.to_byte(), 0xE3, count, 0, 32 + 4 * count, 0, 1, 2];
        if version < SpdmVersion::V1_2 {
            algorithms[7] = 0;
        }
        algorithms.extend(ASYM.base_asym().expect("it is one").bits().to_le_bytes());
        algorithms.extend(HASH.base_hash().bits().to_le_bytes());
        algorithms.extend([0; 16]);
        algorithms.extend(tables.as_flattened());
        self.said.clear();
        self.session = None;
        for request in [vec![0x10, 0x84, 0, 0], capabilities, algorithms] {
            let answer = self.ask(&request).expect("an answer");
            assert_ne!(answer[1], Code::ERROR.0, "{request:02x?} {answer:02x?}");
            self.said.extend(&request);
            self.said.extend(&answer);
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let kind = input.byte();
        match kind & 0x0F {
            0 => self.negotiate(),
            1 | 2 => self.key_exchange(input),
            3 => self.psk_exchange(input),
            4 | 5 => self.finish(input),
            6..=8 => {
                let request = self.request(input);
                self.answer_to(&request);
            }
            9..=12 => {
                let request = self.request(input);
                self.in_session(&request);
            }
            _ => self.forged_record(input),
        }
    }

    /// A request: of the usual ones, changed or not, or arbitrary bytes.
    fn request(&self, input: &mut Input<'_>) -> Vec<u8> {
        let (which, change) = (input.byte(), input.byte());
        let version = self.version().to_byte();
        let nonce = [3; 32];
        let context: &[u8] = if version >= 0x13 { &[4; 8] } else { &[] };
        let mut request = match which & 0x0F {
            0 => vec![version, 0x81, 0, 0],
            1 => vec![version, 0x82, 0, 0, which, 0, 0xFF, 0],
            2 => [&[version, 0x83, 0, 0][..], &nonce, context].concat(),
            3 => [&[version, 0xE0, 1, 0xFF][..], &nonce, &[0], context].concat(),
            4 => vec![version, 0xE0, 0, which >> 4],
            5 => vec![version, 0xE8, 0, 0],
            6 | 7 => vec![version, 0xE9, 1 + (which >> 4) % 3, 7],
            8 => vec![version, 0xEC, 0, 0],
            9 => vec![version, 0xFF, 0x83, 0],
            10 => {
                // A chunk of a request.
                let (seq, len) = (u16::from(which >> 5), input.byte() & 0x3F);
                let bytes = input.bytes(usize::from(len));
                let mut chunk = vec![version, 0x85, which >> 4 & 1, 1];
                chunk.extend(seq.to_le_bytes());
                chunk.extend([0, 0]);
                chunk.extend(u32::from(len).to_le_bytes());
                if seq == 0 {
                    chunk.extend(u32::from(input.byte()).to_le_bytes());
                }
                chunk.extend(bytes);
                chunk
            }
            11 => vec![version, 0x86, 0, 1, which >> 4, 0],
            12 => vec![0x10, 0x84, 0, 0],
            13 => self
                .session
                .as_ref()
                .and_then(|session| session.finish(self.version()))
                .unwrap_or_default(),
            _ => {
                let len = usize::from(input.byte());
                [&[version][..], &input.bytes(len)].concat()
            }
        };
        if change & 0x80 != 0 {
            let (at, bits) = (usize::from(change & 0x7F), input.byte());
            let len = request.len().max(1);
            if let Some(byte) = request.get_mut(at % len) {
                *byte ^= bits;
            }
        }
        request
    }

    /// A message in the clear, and what its answer means.
    fn answer_to(&mut self, request: &[u8]) {
        let genuine = self.session.as_ref().and_then(|session| session.finish(self.version()));
        let Some(answer) = self.ask(request) else { return };
        match Code(answer[1]) {
            Code::VERSION => {
                self.session = None;
                self.said.clear();
                assert!(self.peer.sessions.iter().all(|slot| slot.session_id().is_none()));
            }
            Code::FINISH_RSP => {
                let session = self.session.as_mut().expect("a session");
                assert_eq!(session.way, Handshake::InTheClear, "FINISH in the clear");
                let genuine = genuine.expect("a handshake");
                assert!(request.starts_with(&genuine), "FINISH without its HMAC");
                session.finished(&genuine, &answer);
            }
            _ => {}
        }
    }

    fn psk_exchange(&mut self, input: &mut Input<'_>) {
        let version = self.version();
        let mut out = vec![0; 4096];
        let opaque = self.versions();
        let message = PskExchange {
            summary: summary(input),
            session_policy: SessionPolicy::empty(),
            req_session_id: u16::from(input.byte() & 3) + 1,
            psk_hint: HINT,
            context: PskRequesterContext(&[6; 32]),
            opaque: OpaqueData::from_bytes(&opaque),
        };
        let summary = message.summary;
        let req = message.req_session_id;
        let len = message.encode(version, &mut out).expect("a request");
        out.truncate(len);
        let genuine = out.clone();
        disturb(&mut out, input);
        let Some(answer) = self.ask(&out) else { return };
        if Code(answer[1]) != Code::PSK_EXCHANGE_RSP || out != genuine {
            // Another session than ours may be there now.
            if Code(answer[1]) == Code::PSK_EXCHANGE_RSP {
                self.session = None;
            }
            return;
        }
        let cx = self.cx_with(summary);
        let message = PskExchangeRsp::decode(Untrusted::new(&answer), &cx).expect("an answer");
        let message = message.message;
        let signed = &answer[..answer.len() - message.verify_data.len()];
        let mut th = [&self.said[..], &out, signed].concat();
        let th1 = digest(&[&th]);
        let secrets = self.schedule().from_psk(&PskBytes(PSK), &th1).expect("keys");
        let check = secrets.check_verify_data(Direction::Response, &th1, message.verify_data);
        check.expect("ResponderVerifyData");
        th.extend(message.verify_data);
        let rsp = message.rsp_session_id;
        self.begin(req, rsp, Code::PSK_FINISH, Handshake::Secured, th, secrets);
        if self.offer.flags.contains(CapabilityFlags::PSK_CAP) {
            let session = self.session.as_mut().expect("it was begun");
            let Keys::Handshake(secrets, _) = &session.keys else { return };
            let data = secrets.data(&digest(&[&session.th])).expect("keys");
            session.establish(data);
        }
    }

    fn key_exchange(&mut self, input: &mut Input<'_>) {
        let (version, exchange) = (self.version(), self.exchange());
        let mut public = vec![0; exchange.request_len()];
        let key: EphemeralKey = PROVIDER.start_key_exchange(exchange, &mut public).expect("a key");
        let opaque = self.versions();
        let message = KeyExchange {
            summary: summary(input),
            slot: KeySlot::Slot(SlotId::ZERO),
            req_session_id: u16::from(input.byte() & 3) + 1,
            session_policy: SessionPolicy::empty(),
            random_data: RequesterNonce([5; 32]),
            exchange_data: &public,
            opaque: OpaqueData::from_bytes(&opaque),
        };
        let (summary, req) = (message.summary, message.req_session_id);
        let mut out = vec![0; 4096];
        let len = message.encode(version, &mut out).expect("a request");
        out.truncate(len);
        let genuine = out.clone();
        disturb(&mut out, input);
        let Some(answer) = self.ask(&out) else { return };
        if Code(answer[1]) != Code::KEY_EXCHANGE_RSP || out != genuine {
            if Code(answer[1]) == Code::KEY_EXCHANGE_RSP {
                self.session = None;
            }
            return;
        }
        let cx = self.cx_with(summary);
        let message = KeyExchangeRsp::decode(Untrusted::new(&answer), &cx).expect("an answer");
        let message = message.message;
        let mut shared = SharedSecret::new();
        key.finish(message.exchange_data, &mut shared).expect("a public value");
        let ct = digest(&[&CREDENTIALS.chain]);
        let signed = &answer[..answer.len() - message.verify_data.len()];
        let mut th = [&self.said[..], ct.as_bytes(), &out, signed].concat();
        let th1 = digest(&[&th]);
        let secrets = self.schedule().from_key_exchange(&shared, &th1).expect("keys");
        let way = self.way();
        if way == Handshake::Secured {
            let check = secrets.check_verify_data(Direction::Response, &th1, message.verify_data);
            check.expect("ResponderVerifyData");
        }
        th.extend(message.verify_data);
        self.begin(req, message.rsp_session_id, Code::FINISH, way, th, secrets);
    }

    fn cx_with(&self, summary: MeasurementSummary) -> Cx {
        let len = if summary == MeasurementSummary::None { 0 } else { HASH.digest_len() };
        self.cx().with_summary_len(len)
    }

    fn schedule(&self) -> KeySchedule {
        let aead: AeadAlgorithm = self.peer.config.aeads[0];
        KeySchedule::new(&PROVIDER, self.version(), HASH, aead).expect("a key schedule")
    }

    fn versions(&self) -> Vec<u8> {
        let head: &[u8] = match self.version() {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => &[0x46, 0x54, 0x4D, 0x44, 1, 1, 0, 0],
            _ => &[1, 0, 0, 0],
        };
        [head, &[0, 0, 9, 0, 1, 1, 3, 0, 0x10, 0, 0x11, 0, 0x12, 0, 0, 0]].concat()
    }

    fn begin(
        &mut self,
        req: u16,
        rsp: u16,
        code: Code,
        way: Handshake,
        th: Vec<u8>,
        secrets: HandshakeSecrets,
    ) {
        let id = u32::from(rsp) << 16 | u32::from(req);
        let encrypts = self.offer.flags.contains(CapabilityFlags::ENCRYPT_CAP);
        let privacy =
            if encrypts { RecordPrivacy::Encrypted } else { RecordPrivacy::Authenticated };
        let form = RecordForm { binding: self.offer.binding, privacy, session_id: id };
        let streams = streams(&secrets);
        self.session =
            Some(Session { id, form, code, way, th, keys: Keys::Handshake(secrets, streams) });
        self.last_record.clear();
    }

    /// FINISH or PSK_FINISH as it should be, or changed.
    fn finish(&mut self, input: &mut Input<'_>) {
        let Some(session) = &self.session else { return };
        let Some(mut message) = session.finish(self.version()) else { return };
        let way = session.way;
        disturb(&mut message, input);
        match way {
            Handshake::InTheClear => self.answer_to(&message),
            Handshake::Secured => self.in_session(&message),
        }
    }

    /// A message in the session, and what its answer means.
    fn in_session(&mut self, message: &[u8]) {
        let version = self.version();
        let Some(session) = &mut self.session else { return };
        if session.form.binding == RecordBinding::Tcp && message.is_empty() {
            return;
        }
        let genuine = session.finish(version);
        let before_finish = matches!(session.keys, Keys::Handshake(..));
        let record = session.seal(message);
        self.last_record.clone_from(&record);
        let Some(answer) = self.secured(&record) else {
            self.forget_what_ended();
            return;
        };
        let session = self.session.as_mut().expect("it is there");
        let answer = session.open(&answer);
        let code = Code(*answer.get(1).expect("an answer has a header"));
        assert!(!code.is_request(), "{code} is no answer");
        match code {
            Code::FINISH_RSP | Code::PSK_FINISH_RSP => {
                let genuine = genuine.expect("a handshake");
                assert_eq!(message, genuine, "no HMAC");
                assert_eq!(code.0, session.code.0 & 0x7F, "the other kind of session");
                session.finished(&genuine, &answer);
            }
            Code::ERROR | Code::CHUNK_SEND_ACK | Code::CHUNK_RESPONSE => {}
            _ if before_finish => panic!("{code} before the handshake is complete"),
            Code::VERSION
            | Code::CAPABILITIES
            | Code::ALGORITHMS
            | Code::CHALLENGE_AUTH
            | Code::KEY_EXCHANGE_RSP
            | Code::PSK_EXCHANGE_RSP => panic!("{code} in a session"),
            Code::KEY_UPDATE_ACK if message.get(2) != Some(&3) => {
                let Keys::Data(secrets, [request, _]) = &mut session.keys else {
                    panic!("new keys in a handshake");
                };
                secrets.request = secrets.request.updated().expect("keys");
                *request = RecordStream::new(secrets.request.record_key().expect("a key"));
            }
            Code::END_SESSION_ACK => {
                let id = session.id;
                assert!(!self.is_alive(id), "a session that was ended");
                self.session = None;
                return;
            }
            _ => {}
        }
        self.forget_what_ended();
    }

    fn secured(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        self.peer.answer(&mut Input::new(&[]), MessageKind::Secured, record)
    }

    fn is_alive(&self, id: u32) -> bool {
        self.peer.sessions.iter().filter_map(SessionSlot::session_id).any(|alive| alive == id)
    }

    fn forget_what_ended(&mut self) {
        if self.session.as_ref().is_some_and(|session| !self.is_alive(session.id)) {
            self.session = None;
        }
    }

    /// A record that is none, is changed, or was sent before: it is answered with DecryptError and ends its session, or
    /// not at all.
    fn forged_record(&mut self, input: &mut Input<'_>) {
        let what = input.byte();
        let Some(session) = &mut self.session else {
            let len = usize::from(what);
            let record = input.bytes(len);
            if let Some(answer) = self.secured(&record) {
                // Of a session whose keys we never had.
                assert!(answer.len() > 16);
            }
            return;
        };
        let (id, mut record) = (session.id, self.last_record.clone());
        match what & 3 {
            0 if !record.is_empty() => {}
            1 if !record.is_empty() => {
                let at = input.number() % record.len();
                // Reserved bytes are not looked at.
                let reserved = session.form.binding.reserved_len();
                if at >= reserved {
                    record[at] ^= input.byte();
                }
            }
            _ => {
                let len = usize::from(input.byte() & 0x3F);
                let body = input.bytes(len);
                let number = &[0, 0][..session.form.binding.sequence_len()];
                let length = u16::try_from(body.len()).expect("it is short").to_le_bytes();
                let reserved = &[0; 4][..session.form.binding.reserved_len()];
                record = [reserved, &id.to_le_bytes(), number, &length, &body].concat();
            }
        }
        let Some(answer) = self.secured(&record) else {
            self.forget_what_ended();
            return;
        };
        let answered = self.offer.binding.record(&answer).starts_with(&id.to_le_bytes());
        if answered {
            let session = self.session.as_mut().expect("it is there");
            let answer = session.open(&answer);
            assert_eq!(answer.get(1), Some(&Code::ERROR.0), "a forged record was answered");
            assert_eq!(answer.get(2), Some(&ErrorCode::DECRYPT_ERROR.0));
            assert!(!self.is_alive(id), "the session ends");
            self.session = None;
        }
    }
}

fn summary(input: &mut Input<'_>) -> MeasurementSummary {
    match input.byte() & 3 {
        1 => MeasurementSummary::Tcb,
        2 => MeasurementSummary::All,
        _ => MeasurementSummary::None,
    }
}

/// Without input left a request stays as it is.
fn disturb(request: &mut Vec<u8>, input: &mut Input<'_>) {
    match input.byte() {
        0..=199 => {}
        200..=231 => {
            let (at, bits) = (input.number(), input.byte());
            let len = request.len().max(1);
            if let Some(byte) = request.get_mut(at % len) {
                *byte ^= bits;
            }
        }
        232..=247 => request.truncate(input.number() % (request.len() + 1)),
        _ => {
            let len = usize::from(input.byte());
            request.extend(input.bytes(len));
        }
    }
}
