//! The other side of a session, as far as tests need it: it shares no code with the responder.

use spdm_codec::{
    CapabilityFlags, Cx, Handshake, KeyExchange, KeyExchangeRsp, KeySlot, MeasurementSummary,
    Message as _, MutAuthRequested, OpaqueData, PskExchange, PskExchangeRsp, PskRequesterContext,
    RecordBinding, RecordPrivacy, RequesterNonce, SecuredMessage, SessionPolicy, SlotId,
    SpdmVersion, TAG_LEN,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AeadAlgorithm, DataSecrets, Direction, HandshakeSecrets, KeySchedule, PskBytes, RecordKey,
    SequenceOrder, SharedSecret, SignedMessage, SigningContext,
};

use crate::sim::{ASYM, HASH, PSK, Sim, decode};

type Begin = fn(&mut Sim, u16) -> Initiator;

/// Both ways to begin a session, and the code of what ends each handshake.
pub(crate) const KINDS: [(Begin, u8); 2] =
    [(Initiator::key_exchange, 0xE5), (Initiator::psk_exchange, 0xE7)];

/// A session as its Requester sees it.
pub(crate) struct Initiator {
    pub(crate) id: u32,
    version: SpdmVersion,
    handshake: Handshake,
    privacy: RecordPrivacy,
    format: RecordBinding,
    /// What KEY_EXCHANGE_RSP asks for, and of which slot.
    pub(crate) asked: (MutAuthRequested, KeySlot),
    /// TH.
    pub(crate) th: Vec<u8>,
    pub(crate) secrets: Option<HandshakeSecrets>,
    pub(crate) data: Option<DataSecrets>,
    pub(crate) request: (RecordKey, u64),
    pub(crate) response: (RecordKey, u64),
}

pub(crate) fn offer_of_versions(version: SpdmVersion) -> Vec<u8> {
    let head: &[u8] = match version {
        SpdmVersion::V1_1 => &[0x46, 0x54, 0x4D, 0x44, 1, 1, 0, 0],
        _ => &[1, 0, 0, 0],
    };
    let element = [0, 0, 9, 0, 1, 1, 3, 0, 0x10, 0, 0x11, 0, 0x12, 0, 0, 0];
    [head, &element].concat()
}

pub(crate) fn cx(sim: &Sim) -> Cx {
    let peer = sim.connection.peer().unwrap();
    let exchange = sim.config.key_exchanges[0];
    let clear = peer.both().contains(CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP);
    let version = peer.version;
    let format = match version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => spdm_codec::OpaqueFormat::FreeForm,
        _ => spdm_codec::OpaqueFormat::Table,
    };
    Cx::new(version)
        .with_hash_len(HASH.digest_len())
        .with_signature_len(ASYM.signature_len())
        .with_opaque_format(format)
        .with_exchange_lens(exchange.request_len(), exchange.response_len())
        .with_handshake(if clear { Handshake::InTheClear } else { Handshake::Secured })
}

/// KEY_EXCHANGE with this public value.
pub(crate) fn key_exchange(version: SpdmVersion, id: u16, public: &[u8]) -> Vec<u8> {
    key_exchange_with(version, id, public, &offer_of_versions(version))
}

fn key_exchange_with(version: SpdmVersion, id: u16, public: &[u8], opaque: &[u8]) -> Vec<u8> {
    let message = KeyExchange {
        summary: MeasurementSummary::None,
        slot: KeySlot::Slot(SlotId::ZERO),
        req_session_id: id,
        session_policy: SessionPolicy::empty(),
        random_data: RequesterNonce([5; 32]),
        exchange_data: public,
        opaque: OpaqueData::from_bytes(opaque),
    };
    let mut out = vec![0; 4096];
    let len = message.encode(version, &mut out).unwrap();
    out.truncate(len);
    out
}

pub(crate) fn psk_exchange(version: SpdmVersion, id: u16, hint: &[u8]) -> Vec<u8> {
    let opaque = offer_of_versions(version);
    let message = PskExchange {
        summary: MeasurementSummary::None,
        session_policy: SessionPolicy::empty(),
        req_session_id: id,
        psk_hint: hint,
        context: PskRequesterContext(&[6; 32]),
        opaque: OpaqueData::from_bytes(&opaque),
    };
    let mut out = vec![0; 4096];
    let len = message.encode(version, &mut out).unwrap();
    out.truncate(len);
    out
}

impl Initiator {
    /// KEY_EXCHANGE, whose answer is verified.
    pub(crate) fn key_exchange(sim: &mut Sim, id: u16) -> Self {
        let opaque = offer_of_versions(cx(sim).version);
        Self::key_exchange_with(sim, id, &opaque, 0x12)
    }

    /// [`Self::key_exchange`] with this opaque data, of which the device selects this version.
    pub(crate) fn key_exchange_with(sim: &mut Sim, id: u16, opaque: &[u8], version: u8) -> Self {
        let cx = cx(sim);
        let exchange = sim.config.key_exchanges[0];
        let mut public = vec![0; exchange.request_len()];
        let private = PROVIDER.start_key_exchange(exchange, &mut public).unwrap();
        let mut request = key_exchange_with(cx.version, id, &public, opaque);
        request[6] |= sim.session_policy;
        let answer = sim.send(&request).unwrap();
        assert_eq!(answer[1], 0x64, "{answer:02x?}");
        let message: KeyExchangeRsp<'_> = decode(&answer, &cx);
        assert_eq!(message.opaque.as_bytes().last_chunk(), Some(&[0, version]));
        let mut shared = SharedSecret::new();
        private.finish(message.exchange_data, &mut shared).unwrap();
        let chain = PROVIDER.hash.digest(HASH, &[&sim.device.chain]).unwrap();
        let verify_len = message.verify_data.len();
        let signed = &answer[..answer.len() - ASYM.signature_len() - verify_len];
        let mut th = [&sim.negotiation, &sim.digests, chain.as_bytes(), &request, signed].concat();
        let digest = PROVIDER.hash.digest(HASH, &[&th]).unwrap();
        SignedMessage::new(cx.version, SigningContext::ResponderKeyExchangeRsp, digest)
            .verify(&PROVIDER, ASYM, HASH, &sim.device.key.public_key(), message.signature)
            .unwrap();
        th.extend(message.signature);
        let th1 = PROVIDER.hash.digest(HASH, &[&th]).unwrap();
        let secrets = schedule(sim).from_key_exchange(&shared, &th1).unwrap();
        if verify_len > 0 {
            secrets.check_verify_data(Direction::Response, &th1, message.verify_data).unwrap();
            th.extend(message.verify_data);
        }
        let asked = (message.mut_auth, message.req_slot);
        Self { asked, ..Self::new(sim, id, message.rsp_session_id, th, secrets) }
    }

    pub(crate) fn psk_exchange(sim: &mut Sim, id: u16) -> Self {
        let cx = cx(sim);
        let request = psk_exchange(cx.version, id, b"hint");
        let answer = sim.send(&request).unwrap();
        assert_eq!(answer[1], 0x66, "{answer:02x?}");
        let message: PskExchangeRsp<'_> = decode(&answer, &cx);
        let signed = &answer[..answer.len() - message.verify_data.len()];
        let mut th = [&sim.negotiation, &request, signed].concat();
        let th1 = PROVIDER.hash.digest(HASH, &[&th]).unwrap();
        let secrets = schedule(sim).from_psk(&PskBytes(PSK), &th1).unwrap();
        secrets.check_verify_data(Direction::Response, &th1, message.verify_data).unwrap();
        th.extend(message.verify_data);
        let mut session = Self::new(sim, id, message.rsp_session_id, th, secrets);
        session.handshake = Handshake::Secured;
        session
    }

    fn new(sim: &Sim, req: u16, rsp: u16, th: Vec<u8>, secrets: HandshakeSecrets) -> Self {
        let both = sim.connection.peer().unwrap().both();
        let encrypts = both.contains(CapabilityFlags::ENCRYPT_CAP);
        Self {
            id: u32::from(rsp) << 16 | u32::from(req),
            version: sim.connection.version(),
            handshake: cx(sim).handshake,
            privacy: if encrypts { RecordPrivacy::Encrypted } else { RecordPrivacy::Authenticated },
            format: sim.config.records,
            asked: (MutAuthRequested::No, KeySlot::Slot(SlotId::ZERO)),
            th,
            request: (secrets.record_key(Direction::Request).unwrap(), 0),
            response: (secrets.record_key(Direction::Response).unwrap(), 0),
            secrets: Some(secrets),
            data: None,
        }
    }

    /// Whether the messages of the handshake travel outside of the session.
    #[cfg(feature = "mutual-auth")]
    pub(crate) fn is_clear(&self) -> bool {
        self.handshake == Handshake::InTheClear && self.secrets.is_some()
    }

    /// FINISH or PSK_FINISH.
    pub(crate) fn finish_message(&self, code: u8) -> Vec<u8> {
        let mut message = vec![self.version.to_byte(), code, 0, 0];
        if self.version >= SpdmVersion::V1_4 {
            message.extend([0, 0]);
        }
        let digest = PROVIDER.hash.digest(HASH, &[&self.th, &message]).unwrap();
        let secrets = self.secrets.as_ref().unwrap();
        message.extend(secrets.verify_data(Direction::Request, &digest).unwrap().as_bytes());
        message
    }

    /// FINISH or PSK_FINISH, and the keys of the data.
    pub(crate) fn finish(&mut self, sim: &mut Sim, code: u8) {
        assert_eq!(self.asked.0, MutAuthRequested::No);
        let message = self.finish_message(code);
        let answer = match self.handshake {
            Handshake::InTheClear => sim.send(&message).unwrap(),
            Handshake::Secured => self.exchange(sim, &message).unwrap(),
        };
        assert_eq!(answer[1], code & 0x7F, "{answer:02x?}");
        self.finished(&message, &answer);
    }

    /// What both sides said at the end of the handshake makes the keys of the data.
    pub(crate) fn finished(&mut self, message: &[u8], answer: &[u8]) {
        self.th.extend(message);
        if self.handshake == Handshake::InTheClear {
            let (head, verify_data) = answer.split_at(answer.len() - HASH.digest_len());
            let digest = PROVIDER.hash.digest(HASH, &[&self.th, head]).unwrap();
            let secrets = self.secrets.as_ref().unwrap();
            secrets.check_verify_data(Direction::Response, &digest, verify_data).unwrap();
        }
        self.th.extend(answer);
        self.establish();
    }

    /// The keys of the data.
    pub(crate) fn establish(&mut self) {
        let th2 = PROVIDER.hash.digest(HASH, &[&self.th]).unwrap();
        let data = self.secrets.take().unwrap().data(&th2).unwrap();
        self.request = (data.request.record_key().unwrap(), 0);
        self.response = (data.response.record_key().unwrap(), 0);
        self.data = Some(data);
    }

    pub(crate) fn update_requests(&mut self) {
        let data = self.data.as_mut().unwrap();
        data.request = data.request.updated().unwrap();
        self.request = (data.request.record_key().unwrap(), 0);
    }

    pub(crate) fn update_responses(&mut self) {
        let data = self.data.as_mut().unwrap();
        data.response = data.response.updated().unwrap();
        self.response = (data.response.record_key().unwrap(), 0);
    }

    /// A record of this message.
    pub(crate) fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let prefix: Vec<u8> = match self.format {
            RecordBinding::Mctp => vec![5],
            RecordBinding::Tcp => {
                let len = u16::try_from(message.len() + 2).unwrap().to_le_bytes();
                vec![len[0], len[1], 1, 5]
            }
            _ => Vec::new(),
        };
        let inner = [&prefix, message].concat();
        self.seal_inner(&inner)
    }

    pub(crate) fn seal_inner(&mut self, inner: &[u8]) -> Vec<u8> {
        let data = match self.privacy {
            RecordPrivacy::Encrypted => {
                let len = u16::try_from(inner.len()).unwrap().to_le_bytes();
                [&len, inner, &[7; 3][..self.format.max_random_len().min(3)]].concat()
            }
            RecordPrivacy::Authenticated => inner.to_vec(),
        };
        self.seal_data(data)
    }

    pub(crate) fn seal_data(&mut self, mut data: Vec<u8>) -> Vec<u8> {
        let mut record = self.id.to_le_bytes().to_vec();
        record.extend(&self.request.1.to_le_bytes()[..self.format.sequence_len()]);
        record.extend(u16::try_from(data.len() + TAG_LEN).unwrap().to_le_bytes());
        let (key, sequence) = (&self.request.0, self.request.1);
        let order = SequenceOrder::LittleEndian;
        let tag = match self.privacy {
            RecordPrivacy::Encrypted => key.seal(sequence, order, &record, &mut data).unwrap(),
            RecordPrivacy::Authenticated => {
                key.seal(sequence, order, &[&record[..], &data].concat(), &mut []).unwrap()
            }
        };
        self.request.1 += 1;
        record.extend(data);
        record.extend(tag);
        record
    }

    /// The message in a record of the device.
    pub(crate) fn open(&mut self, record: Vec<u8>) -> Vec<u8> {
        let prefix = match self.format {
            RecordBinding::Mctp => 1,
            RecordBinding::Tcp => 4,
            _ => 0,
        };
        self.open_inner(record).split_off(prefix)
    }

    /// All of the data in a record of the device.
    pub(crate) fn open_inner(&mut self, mut record: Vec<u8>) -> Vec<u8> {
        let n = self.format.sequence_len();
        let untrusted = spdm_untrusted::Untrusted::new(&record[..]);
        let decoded = SecuredMessage::decode(untrusted, n, 0).unwrap();
        assert_eq!(decoded.session_id, self.id);
        assert_eq!(decoded.sequence, &self.response.1.to_le_bytes()[..n]);
        let (tag, end) = (decoded.tag, 6 + n + decoded.data.len());
        let (key, sequence) = (&self.response.0, self.response.1);
        let order = SequenceOrder::LittleEndian;
        let (sealed, _) = record.split_at_mut(end);
        let inner = match self.privacy {
            RecordPrivacy::Encrypted => {
                let (header, data) = sealed.split_at_mut(6 + n);
                key.open(sequence, order, header, data, &tag).unwrap();
                let len = usize::from(u16::from_le_bytes([data[0], data[1]]));
                data[2..2 + len].to_vec()
            }
            RecordPrivacy::Authenticated => {
                key.open(sequence, order, sealed, &mut [], &tag).unwrap();
                sealed[6 + n..].to_vec()
            }
        };
        self.response.1 += 1;
        inner
    }

    /// One exchange in the session.
    pub(crate) fn exchange(&mut self, sim: &mut Sim, message: &[u8]) -> Option<Vec<u8>> {
        let record = self.seal(message);
        let answer = sim.send_record(&record)?;
        Some(self.open(answer))
    }
}

fn schedule(sim: &Sim) -> KeySchedule {
    let aead: AeadAlgorithm = sim.config.aeads[0];
    KeySchedule::new(&PROVIDER, sim.connection.version(), HASH, aead).unwrap()
}
