//! A device with sessions, written for these tests on the codec and the primitives alone: it shares no code with the
//! requester. Transcripts are bytes that are hashed when they are needed.

mod handshake;
mod host;
mod large;
mod lent;
mod wrong_records;

use core::fmt;
use std::collections::VecDeque;
use std::rc::Rc;

use spdm_codec::{
    AeadCipherSuite, AlgStructs, Algorithms, BaseAsymAlgo, BaseHashAlgo, BasicMutAuth,
    Capabilities, Capability, CapabilityFlags, Code, ConnectionKeys, Cx, DheNamedGroup,
    EndSessionAck, ErrorCode, ExtAlgorithms, Handshake, HeartbeatAck, KeyOperation,
    KeyScheduleAlgo, KeySlot, KeyUpdate, KeyUpdateAck, Message, MutAuthRequested, OpaqueData,
    OpaqueFormat, OtherParams, PskFinish, PskFinishRsp, RecordBinding, SpdmVersion, TransferSizes,
    Version,
};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{
    AeadAlgorithm, AsymAlgorithm, DataSecrets, Digest, EcCurve, HandshakeSecrets, HashAlgorithm,
    KeyExchangeAlgorithm, KeySchedule, RecordForm, RecordStream, SequenceOrder,
};
use spdm_transport::{Clock as _, Duration, Limits, MessageKind, Received, Transport};
use spdm_untrusted::Untrusted;

use crate::sim::SimClock;
pub(crate) use host::{Asking, GET_DIGESTS, Host, challenge, get_certificate};
pub(crate) use lent::Lent;
pub(crate) use wrong_records::{Sealing, Stray};

pub(crate) const PSK: &[u8] = b"a key that both sides have";
pub(crate) const HINT: &[u8] = b"its name";
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
const EXCHANGE: KeyExchangeAlgorithm = KeyExchangeAlgorithm::Ecdh(EcCurve::P256);
const AEAD: AeadAlgorithm = AeadAlgorithm::Aes128Gcm;

/// What an attacker does to bytes.
pub(crate) type Change = Rc<dyn Fn(&mut Vec<u8>)>;

/// Where a change is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// In an answer before it is signed and its HMAC is made: the device itself says so.
    BeforeProofs,
    /// In the whole answer, before it is sealed where it travels in a session.
    Answer,
    /// In what travels: a record or a message in the clear.
    Wire,
}

/// The device.
pub(crate) struct Peer {
    pub(crate) version: SpdmVersion,
    pub(crate) flags: CapabilityFlags,
    pub(crate) binding: RecordBinding,
    pub(crate) heartbeat_period: u8,
    pub(crate) mut_auth: MutAuthRequested,
    /// SlotIDParam.
    pub(crate) req_slot: KeySlot,
    pub(crate) basic_mut_auth: BasicMutAuth,
    /// What the device receives at once (1.2).
    pub(crate) data_transfer_size: u32,
    large: large::Large,
    /// What the requester receives at once (1.2).
    pub(crate) transfer: usize,
    /// The requester, as the device knows it.
    pub(crate) host: Host,
    /// RequesterMultiKeyConnSel.
    pub(crate) host_keys: ConnectionKeys,
    pub(crate) asking: Asking,
    /// Whose key FINISH was signed with.
    pub(crate) signed_by: Option<KeySlot>,
    /// RspSessionID instead of another one for each session.
    pub(crate) rsp_session_id: Option<u16>,
    /// Opaque data of KEY_EXCHANGE_RSP and PSK_EXCHANGE_RSP instead of the selection of 1.2.
    pub(crate) opaque: Option<Vec<u8>>,
    /// Instead of as many bytes as a digest has.
    pub(crate) psk_context: Option<usize>,
    /// A change of the answers to a request.
    pub(crate) change: Option<(Code, Place, Change)>,
    /// A change of what arrives as this request in the clear.
    pub(crate) asked: Option<(Code, Change)>,
    /// Sends the answer to this request in the clear.
    pub(crate) plain_answer: Option<Code>,
    /// ERROR with these codes, before the first answers to a request.
    pub(crate) errors: Vec<(Code, ErrorCode)>,
    /// RDTExponent, RequestCode, Token and RDTM of ERROR(ResponseNotReady) instead of good ones.
    pub(crate) not_ready: Option<[u8; 4]>,
    /// Does not answer this request.
    pub(crate) silent: Option<Code>,
    /// Loses so many answers to this request on the way.
    pub(crate) lost: (Code, usize),
    /// How the number of a record enters its nonce, in answers.
    pub(crate) order: SequenceOrder,
    /// Seals the answers to this request as it must not.
    pub(crate) sealing: Option<(Code, Sealing)>,
    /// What comes in front of the answer to this request.
    pub(crate) strays: Option<(Code, Vec<Stray>)>,
    /// Every request, as it was before it was sealed.
    pub(crate) requests: Vec<(MessageKind, Vec<u8>)>,
    /// Every record and message that was sent to the requester.
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) clock: SimClock,
    key: SoftwareKey,
    vca: Vec<u8>,
    handshake: Handshake,
    sessions: Vec<Session>,
    /// The request that RESPOND_IF_READY is for.
    put_off: Option<Vec<u8>>,
    pending: VecDeque<(MessageKind, Vec<u8>)>,
}

struct Session {
    form: RecordForm,
    th: Vec<u8>,
    keys: Keys,
    /// Of answers, under the key before this one.
    old: Option<RecordStream>,
}

enum Keys {
    Handshake {
        secrets: HandshakeSecrets,
        request: RecordStream,
        response: RecordStream,
    },
    Data {
        secrets: DataSecrets,
        request: RecordStream,
        response: RecordStream,
        next: Option<RecordStream>,
    },
}

impl Peer {
    pub(crate) fn new(version: SpdmVersion) -> Self {
        let mut flags = CapabilityFlags::KEY_EX_CAP
            | CapabilityFlags::PSK_CAP
            | CapabilityFlags::ENCRYPT_CAP
            | CapabilityFlags::MAC_CAP
            | CapabilityFlags::HBEAT_CAP
            | CapabilityFlags::KEY_UPD_CAP
            | CapabilityFlags::PUB_KEY_ID_CAP;
        if version >= SpdmVersion::V1_1 {
            flags.remove(CapabilityFlags::PSK_CAP);
            flags.insert(CapabilityFlags::PSK_CAP_CONTEXT);
        }
        Self {
            version,
            flags,
            binding: RecordBinding::PciDoe,
            heartbeat_period: 0,
            mut_auth: MutAuthRequested::No,
            req_slot: KeySlot::Slot(spdm_codec::SlotId::ZERO),
            basic_mut_auth: BasicMutAuth::NotRequested,
            data_transfer_size: 0x1000,
            large: large::Large::default(),
            transfer: 0x1000,
            host: Host::new(),
            host_keys: ConnectionKeys::Single,
            asking: Asking::new(),
            signed_by: None,
            rsp_session_id: None,
            opaque: None,
            psk_context: None,
            change: None,
            asked: None,
            plain_answer: None,
            errors: Vec::new(),
            not_ready: None,
            silent: None,
            lost: (Code::GET_VERSION, 0),
            order: SequenceOrder::LittleEndian,
            sealing: None,
            strays: None,
            requests: Vec::new(),
            sent: Vec::new(),
            clock: SimClock::default(),
            key: SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(EcCurve::P256), [3; 32]).unwrap(),
            vca: Vec::new(),
            handshake: Handshake::Secured,
            sessions: Vec::new(),
            put_off: None,
            pending: VecDeque::new(),
        }
    }

    pub(crate) fn change(
        mut self,
        request: Code,
        place: Place,
        change: impl Fn(&mut Vec<u8>) + 'static,
    ) -> Self {
        self.change = Some((request, place, Rc::new(change)));
        self
    }

    /// The key, as it was given to the requester beforehand.
    pub(crate) fn spki(&self) -> Vec<u8> {
        self.key.to_spki_der()
    }

    /// The codes of the requests so far.
    pub(crate) fn codes(&self) -> Vec<Code> {
        self.requests.iter().map(|(_, request)| Code(request[1])).collect()
    }

    fn changed(&self, request: Code, at: Place, bytes: &mut Vec<u8>) {
        if let Some((code, place, change)) = &self.change
            && (*code, *place) == (request, at)
        {
            change(bytes);
        }
    }

    fn format(&self) -> OpaqueFormat {
        match self.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::TableWithSpecId,
            _ => OpaqueFormat::Table,
        }
    }

    fn cx(&self) -> Cx {
        Cx::new(self.version)
            .with_hash_len(32)
            .with_requester_signature_len(64)
            .with_opaque_format(self.format())
            .with_exchange_lens(EXCHANGE.request_len(), EXCHANGE.response_len())
            .with_handshake(self.handshake)
    }

    fn selection(&self) -> Vec<u8> {
        let selected = match self.format() {
            OpaqueFormat::Table => vec![1, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0x12],
            _ => {
                vec![0x46, 0x54, 0x4d, 0x44, 1, 1, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0x12]
            }
        };
        self.opaque.clone().unwrap_or(selected)
    }

    fn digest(&self, bytes: &[u8]) -> Digest {
        PROVIDER.hash.digest(HASH, &[bytes]).unwrap()
    }

    fn encode<'m>(&self, message: &impl Message<'m>) -> Vec<u8> {
        let mut out = vec![0; 0x1000];
        let len = message.encode(self.version, &mut out).unwrap();
        out.truncate(len);
        out
    }

    fn decode<'m, M: Message<'m>>(&self, bytes: &'m [u8]) -> M {
        M::decode(Untrusted::new(bytes), &self.cx()).unwrap().message
    }

    fn schedule(&self) -> KeySchedule {
        KeySchedule::new(&PROVIDER, self.version, HASH, AEAD).unwrap()
    }

    /// The answer to a message in the clear.
    fn plain(&mut self, request: &[u8]) -> Vec<u8> {
        let code = Code(request[1]);
        let answer = match code {
            Code::GET_VERSION => {
                self.vca.clear();
                self.sessions.clear();
                let mut out = vec![0; 64];
                let entries = [[0, 0x10], [0, self.version.to_byte()]];
                let len = Version { entries: &entries }.encode(SpdmVersion::V1_0, &mut out);
                out.truncate(len.unwrap());
                out
            }
            Code::GET_CAPABILITIES => {
                let asked = spdm_codec::GetCapabilities::decode(
                    Untrusted::new(request),
                    &Cx::new(self.version),
                );
                let asked = asked.unwrap().message.capability.unwrap();
                self.large.fits = asked
                    .sizes
                    .filter(|_| self.flags.contains(CapabilityFlags::CHUNK_CAP))
                    .map(|sizes| usize::try_from(sizes.data_transfer_size).unwrap());
                let theirs = asked.flags;
                let clear = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
                if (theirs & self.flags).contains(clear) {
                    self.handshake = Handshake::InTheClear;
                }
                let sizes = (self.version >= SpdmVersion::V1_2).then_some(TransferSizes {
                    data_transfer_size: self.data_transfer_size,
                    max_spdm_msg_size: match self.flags.contains(CapabilityFlags::CHUNK_CAP) {
                        true => 0x1000,
                        false => self.data_transfer_size,
                    },
                });
                let capability = Capability {
                    ct_exponent: 10,
                    ext_flags: Default::default(),
                    flags: self.flags,
                    sizes,
                };
                self.encode(&Capabilities { capability, supported_algorithms: None })
            }
            Code::NEGOTIATE_ALGORITHMS => {
                let offered: spdm_codec::NegotiateAlgorithms<'_> = self.decode(request);
                let mut other_params = OtherParams::empty();
                if self.version >= SpdmVersion::V1_2 {
                    other_params = OtherParams::OPAQUE_DATA_FMT_1;
                }
                if self.host_keys == ConnectionKeys::Multi {
                    other_params |= OtherParams::MULTI_KEY_CONN;
                }
                self.encode(&Algorithms {
                    measurement_specification: Default::default(),
                    other_params,
                    measurement_hash: Default::default(),
                    base_asym: BaseAsymAlgo::ECDSA_P256,
                    base_hash: BaseHashAlgo::SHA_256,
                    pqc_asym: Default::default(),
                    mel_specification: Default::default(),
                    ext_asym: ExtAlgorithms::default(),
                    ext_hash: ExtAlgorithms::default(),
                    alg_structs: AlgStructs {
                        dhe: Some(DheNamedGroup::SECP_256_R1),
                        aead: Some(AeadCipherSuite::AES_128_GCM),
                        key_schedule: Some(KeyScheduleAlgo::SPDM),
                        req_base_asym: offered.alg_structs.req_base_asym,
                        ..AlgStructs::default()
                    },
                })
            }
            Code::CHUNK_SEND => self.chunk_send(None, request),
            Code::CHUNK_GET => self.chunk_get(None, request),
            Code::CHALLENGE => self.challenge_auth(request),
            Code::GET_ENCAPSULATED_REQUEST => self.get_encapsulated_request(),
            Code::DELIVER_ENCAPSULATED_RESPONSE => self.deliver(None, request),
            Code::KEY_EXCHANGE => self.key_exchange(request),
            Code::PSK_EXCHANGE => self.psk_exchange(request),
            Code::FINISH => self.finish(self.sessions.len() - 1, request),
            _ => vec![self.version.to_byte(), Code::ERROR.0, ErrorCode::UNSPECIFIED.0, 0],
        };
        if matches!(code, Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS) {
            self.vca.extend(request);
            self.vca.extend(&answer);
        }
        answer
    }

    fn answer(&mut self, session: Option<usize>, request: &[u8]) -> Vec<u8> {
        match session {
            Some(index) => self.inside(index, request),
            None => self.plain(request),
        }
    }

    /// The answer to a message in a session.
    fn inside(&mut self, index: usize, request: &[u8]) -> Vec<u8> {
        match Code(request[1]) {
            Code::FINISH => self.finish(index, request),
            Code::PSK_FINISH => {
                let asked: PskFinish<'_> = self.decode(request);
                let head = request.len() - asked.verify_data.len();
                self.sessions[index].th.extend(&request[..head]);
                self.check(index, asked.verify_data);
                let opaque = (self.version >= SpdmVersion::V1_4).then_some(OpaqueData::EMPTY);
                let answer = self.encode(&PskFinishRsp { opaque });
                self.sessions[index].th.extend(&answer);
                answer
            }
            Code::CHUNK_SEND => self.chunk_send(Some(index), request),
            Code::CHUNK_GET => self.chunk_get(Some(index), request),
            Code::GET_ENCAPSULATED_REQUEST => self.get_encapsulated_request(),
            Code::DELIVER_ENCAPSULATED_RESPONSE => self.deliver(Some(index), request),
            Code::HEARTBEAT => self.encode(&HeartbeatAck),
            Code::END_SESSION => self.encode(&EndSessionAck),
            Code::KEY_UPDATE => {
                let KeyUpdate { operation, tag } = self.decode(request);
                let Keys::Data { secrets, request, response, next } =
                    &mut self.sessions[index].keys
                else {
                    panic!()
                };
                match operation {
                    KeyOperation::VerifyNewKey => *request = next.take().unwrap(),
                    KeyOperation::UpdateKey | KeyOperation::UpdateAllKeys => {
                        secrets.request = secrets.request.updated().unwrap();
                        *next = Some(RecordStream::new(secrets.request.record_key().unwrap()));
                    }
                }
                if operation == KeyOperation::UpdateAllKeys {
                    secrets.response = secrets.response.updated().unwrap();
                    let new = RecordStream::new(secrets.response.record_key().unwrap());
                    let old = core::mem::replace(response, new);
                    self.sessions[index].old = Some(old);
                }
                self.encode(&KeyUpdateAck { operation, tag })
            }
            _ => vec![self.version.to_byte(), Code::ERROR.0, ErrorCode::UNSUPPORTED_REQUEST.0, 0],
        }
    }

    fn open(&mut self, record: &[u8]) -> (usize, Vec<u8>) {
        for (index, session) in self.sessions.iter_mut().enumerate() {
            let form = session.form;
            let streams: Vec<&mut RecordStream> = match &mut session.keys {
                Keys::Handshake { request, .. } => vec![request],
                Keys::Data { request, next, .. } => next.iter_mut().chain([request]).collect(),
            };
            for stream in streams {
                let mut bytes = record.to_vec();
                if let Ok(place) = stream.open(&form, &mut bytes, 3) {
                    return (index, bytes[place].to_vec());
                }
            }
        }
        panic!("a record that no key opens")
    }

    fn respond(&mut self, kind: MessageKind, bytes: &[u8]) {
        let (session, request) = match kind {
            MessageKind::Plain => {
                let mut request = bytes.to_vec();
                if let Some((_, change)) =
                    self.asked.as_ref().filter(|(code, _)| code.0 == request[1])
                {
                    change(&mut request);
                }
                (None, request)
            }
            MessageKind::Secured => {
                let (index, request) = self.open(bytes);
                // Answers to the second message of a handshake still come under its keys.
                (Some(index), request)
            }
        };
        self.requests.push((kind, request.clone()));
        let request = match Code(request[1]) {
            Code::RESPOND_IF_READY => self.put_off.take().unwrap(),
            _ => request,
        };
        let code = Code(request[1]);
        if let Some((_, strays)) = self.strays.clone().filter(|(request, _)| *request == code) {
            for stray in strays {
                let arriving = self.stray(session, stray);
                self.pending.push_back(arriving);
            }
        }
        if self.silent == Some(code) {
            return;
        }
        let error = self.errors.iter().position(|(request, _)| *request == code);
        let mut answer = match (error, session) {
            (Some(at), _) => {
                let (_, error) = self.errors.remove(at);
                let mut answer = vec![self.version.to_byte(), Code::ERROR.0, error.0, 0];
                if error == ErrorCode::RESPONSE_NOT_READY {
                    self.put_off = Some(request.clone());
                    answer.extend(self.not_ready.unwrap_or([1, code.0, 1, 2]));
                }
                answer
            }
            (None, session) => {
                let answer = self.answer(session, &request);
                self.held(session, answer)
            }
        };
        let refused = answer[1] == Code::ERROR.0;
        self.changed(code, Place::Answer, &mut answer);
        let (kind, mut sent) = match session {
            Some(index) if self.plain_answer != Some(code) => {
                let wrong = self.sealing.filter(|(request, _)| *request == code);
                let sealing = wrong.map_or(Sealing::Right, |(_, sealing)| sealing);
                (MessageKind::Secured, self.seal_as(sealing, index, &answer))
            }
            _ => (MessageKind::Plain, answer),
        };
        self.changed(code, Place::Wire, &mut sent);
        if !refused {
            match (code, session) {
                (Code::FINISH | Code::PSK_FINISH, Some(index)) => self.establish(index),
                (Code::FINISH, None) => self.establish(self.sessions.len() - 1),
                _ => {}
            }
        }
        self.sent.push(sent.clone());
        let (losing, times) = &mut self.lost;
        if *losing == code && *times > 0 {
            *times -= 1;
            return;
        }
        self.pending.push_back((kind, sent));
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message does not fit")
    }
}

impl core::error::Error for Never {}

/// What a device has answered, or nothing before the timeout.
pub(crate) fn deliver(
    pending: Option<(MessageKind, Vec<u8>)>,
    clock: &SimClock,
    buffer: &mut [u8],
    timeout: Duration,
) -> Result<Option<Received>, Never> {
    let Some((kind, message)) = pending else {
        clock.sleep_until(clock.now().after(timeout));
        return Ok(None);
    };
    let place = buffer.get_mut(..message.len()).ok_or(Never)?;
    place.copy_from_slice(&message);
    Ok(Some(Received { kind, len: message.len() }))
}

impl Transport for Peer {
    type Error = Never;

    fn limits(&self) -> Limits {
        let limits = Limits::new(0x1000, self.transfer).with_records(self.binding);
        match self.binding {
            RecordBinding::PciDoe => limits.with_padding(3),
            _ => limits,
        }
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), Never> {
        self.respond(kind, message);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Option<Received>, Never> {
        deliver(self.pending.pop_front(), &self.clock, buffer, timeout)
    }

    fn abandon(&mut self) {
        self.pending.clear();
    }
}
