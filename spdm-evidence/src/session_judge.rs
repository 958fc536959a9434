//! The sessions of a recording, judged with the secrets of a key log: HMACs, keys and records.
//!
//! The transcripts are the judge's own: a key of the log counts only where it is what they give.

use core::fmt;
use std::collections::BTreeSet;

use spdm_codec::{
    Code, ErrorCode, Finish, FinishRsp, HEADER_LEN, Handshake, KeyOperation, Message, PskFinish,
    PskFinishRsp, RecordPrivacy, SecuredMessage, Side,
};
use spdm_crypto::{
    AeadAlgorithm, DataSecret, Digest, Direction, HandshakeSecrets, KeySchedule, PskBytes,
    RecordError, RecordForm, RecordKey, RecordStream, SequenceOrder, SharedSecret,
};
use spdm_requester::{AttestationCheck, Crypto, Negotiated};
use spdm_untrusted::Untrusted;

use crate::collector::Collector;
use crate::note::Note;
use crate::recording::{Broken, CapturedRecord, RecordedExchange, Recording};
use crate::report::MeasuredValue;
use crate::secrets::{Key, KeyOrigin, Secrets, SessionKeys};
use crate::secured_record::binding_of;

/// What was found about the sessions of a recording.
#[derive(Debug, Default)]
pub(crate) struct SessionFindings {
    pub(crate) failures: Vec<SessionFailure>,
    /// Of sessions that KEY_EXCHANGE opens.
    pub(crate) exchanged: SessionCounts,
    /// Of sessions with a pre-shared key.
    pub(crate) pre_shared: SessionCounts,
    /// Sessions whose FINISH is signed by the requester: what it covers is not computed.
    pub(crate) mutual: usize,
    /// Records of sessions that the log says nothing of.
    pub(crate) unopened: usize,
    /// What was left out of the messages in sessions.
    pub(crate) notes: Vec<Note>,
}

/// Measurements that no signature covers, per exchange.
type Unsigned = Vec<Vec<MeasuredValue>>;

/// What holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct SessionCounts {
    /// Sessions whose handshake is complete.
    pub(crate) sessions: usize,
    pub(crate) hmacs: usize,
    pub(crate) records: usize,
    /// Keys that a KEY_UPDATE made and a record used.
    pub(crate) updates: usize,
}

impl fmt::Display for SessionCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sessions, hmacs, records, updates } = self;
        write!(f, "{sessions} sessions, {hmacs} HMACs, {records} records, {updates} key updates")
    }
}

/// Something in a session is not as it must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SessionFailure {
    pub(crate) check: AttestationCheck,
    pub(crate) why: String,
}

/// What opened a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opening {
    KeyExchange,
    Psk,
}

impl Opening {
    pub(crate) const fn check(self) -> AttestationCheck {
        match self {
            Self::KeyExchange => AttestationCheck::SessionFinish,
            Self::Psk => AttestationCheck::SessionPsk,
        }
    }
}

/// What an accepted KEY_EXCHANGE_RSP or PSK_EXCHANGE_RSP says of its session.
pub(crate) struct Begun<'r> {
    pub(crate) opening: Opening,
    pub(crate) id: u32,
    pub(crate) th1: Digest,
    /// `ResponderVerifyData`; empty where the handshake is in the clear.
    pub(crate) verify_data: &'r [u8],
    /// The requester is to sign FINISH.
    pub(crate) is_mutual: bool,
}

/// A session that is alive.
#[derive(Debug)]
pub(crate) struct Session {
    opening: Opening,
    form: RecordForm,
    /// Its index among those of the connection.
    pub(crate) index: usize,
    /// The place of its transcript in the bank.
    place: usize,
    is_mutual: bool,
    keys: SessionKeys,
    phase: Phase,
    request: RecordStream,
    response: RecordStream,
    /// The next key of the Responder, while an UpdateAllKeys is under way.
    next_response: Option<(DataSecret, RecordStream)>,
    /// The side whose record probably comes next.
    next: Side,
    /// Records so far.
    records: usize,
    collector: Collector,
    /// Exchanges of measurements that are not signed, and what they said.
    pub(crate) measured: u16,
    pub(crate) unsigned: Unsigned,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few values per connection")]
enum Phase {
    Handshake(HandshakeSecrets),
    Established { request: DataSecret, response: DataSecret },
}

/// The sessions of a recording.
#[derive(Debug)]
pub(crate) struct SessionJudge<'j> {
    /// The sessions of the log that no KEY_EXCHANGE_RSP has taken.
    waiting: Vec<&'j SessionKeys>,
    alive: Vec<Session>,
    /// Sessions that the log says nothing of.
    unknown: BTreeSet<u32>,
    /// Sessions that have failed: nothing of what follows in them is known.
    failed: BTreeSet<u32>,
    /// The index of the next session.
    pub(crate) next_index: usize,
    found: SessionFindings,
    /// Of sessions that are over.
    unsigned: Unsigned,
}

/// The place of the session with this index in the bank, as [`Crypto::hashes`] says.
const fn place_of(index: usize) -> usize {
    index.saturating_add(3)
}

impl<'j> SessionJudge<'j> {
    pub(crate) fn new(secrets: &'j Secrets) -> Self {
        Self {
            waiting: secrets.sessions.iter().collect(),
            alive: Vec::new(),
            unknown: BTreeSet::new(),
            failed: BTreeSet::new(),
            next_index: 0,
            found: SessionFindings::default(),
            unsigned: Vec::new(),
        }
    }

    /// What was found, and the measurements in sessions that no signature covers.
    pub(crate) fn end(mut self) -> (SessionFindings, Unsigned) {
        while let Some(session) = self.alive.pop() {
            self.unsigned.extend(session.unsigned);
        }
        (self.found, self.unsigned)
    }

    /// The requests in sessions that nothing has answered.
    pub(crate) fn unanswered(&mut self) -> Vec<(u32, RecordedExchange)> {
        let sessions = self.alive.iter_mut();
        let unanswered = sessions.flat_map(|session| {
            let id = session.form.session_id;
            session.collector.unanswered().into_iter().map(move |exchange| (id, exchange))
        });
        unanswered.collect()
    }

    /// A session is over.
    fn remove(&mut self, id: u32) {
        if let Some(at) = self.alive.iter().position(|session| session.form.session_id == id) {
            self.unsigned.extend(self.alive.remove(at).unsigned);
        }
    }

    fn fail(&mut self, id: u32, opening: Opening, why: &str) {
        self.remove(id);
        self.failed.insert(id);
        let why = format!("session {id:#010x}: {why}");
        self.found.failures.push(SessionFailure { check: opening.check(), why });
    }

    const fn counts(&mut self, opening: Opening) -> &mut SessionCounts {
        match opening {
            Opening::KeyExchange => &mut self.found.exchanged,
            Opening::Psk => &mut self.found.pre_shared,
        }
    }

    /// A session begins, whose transcript is in the bank up to its `ResponderVerifyData`.
    pub(crate) fn begin(
        &mut self,
        crypto: &mut Crypto<'_>,
        negotiated: &Negotiated,
        begun: &Begun<'_>,
    ) {
        let Begun { opening, id, .. } = *begun;
        self.remove(id);
        self.unknown.remove(&id);
        self.failed.remove(&id);
        let index = self.next_index;
        self.next_index += 1;
        let is_of_log = self.waiting.iter().any(|keys| keys.id == id && keys.origin.is_some());
        let form = negotiated.record_privacy().map(|privacy| form_of(privacy, id));
        let (Some(form), Ok(schedule), true) = (form, schedule(crypto, negotiated), is_of_log)
        else {
            self.unknown.insert(id);
            return;
        };
        let made = |keys: &&SessionKeys| {
            let secrets = secrets(&schedule, opening, keys, &begun.th1)?;
            let request = secrets.record_key(Direction::Request).ok()?;
            let response = secrets.record_key(Direction::Response).ok()?;
            let logged = [keys.requester.first()?, keys.responder.first()?];
            is_same(crypto, &request, logged[0])
                .then(|| is_same(crypto, &response, logged[1]))
                .filter(|same| *same)?;
            let (request, response) = (RecordStream::new(request), RecordStream::new(response));
            Some((secrets, request, response))
        };
        let of_id = self.waiting.iter().enumerate().filter(|(_, keys)| keys.id == id);
        let fitting = of_id.into_iter().find_map(|(at, keys)| Some((at, made(keys)?)));
        let Some((at, (secrets, request, response))) = fitting else {
            return self.fail(id, opening, "the keys of the log are not those of its messages");
        };
        let keys = self.waiting.remove(at).clone();
        let place = place_of(index);
        let handshake = negotiated.handshake();
        if opening == Opening::Psk || handshake == Handshake::Secured {
            let checked =
                secrets.check_verify_data(Direction::Response, &begun.th1, begun.verify_data);
            if checked.is_err() {
                return self.fail(id, opening, "ResponderVerifyData of the first answer is wrong");
            }
            self.counts(opening).hmacs += 1;
        }
        if crypto.hashes.update(place, begun.verify_data).is_err() {
            return self.fail(id, opening, "there is no place for its transcript");
        }
        let session = Session {
            opening,
            form,
            index,
            place,
            is_mutual: begun.is_mutual,
            keys,
            phase: Phase::Handshake(secrets),
            request,
            response,
            next_response: None,
            next: Side::Requester,
            records: 0,
            collector: Collector::of_session(negotiated.version),
            measured: 0,
            unsigned: Vec::new(),
        };
        self.alive.push(session);
        // Without a context of the Responder there is no PSK_FINISH.
        if opening == Opening::Psk && negotiated.responder.flags.psk_cap() == 1 {
            self.establish(crypto, id);
        }
    }

    /// FINISH or PSK_FINISH was answered: in the clear where `id` is `None`, of the latest session then.
    pub(crate) fn finish(
        &mut self,
        crypto: &mut Crypto<'_>,
        negotiated: &Negotiated,
        id: Option<u32>,
        padding: usize,
        exchange: &RecordedExchange,
    ) {
        let is_meant = |session: &&mut Session| match id {
            Some(id) => session.form.session_id == id,
            None => session.opening == Opening::KeyExchange,
        };
        let Some(session) = self.alive.iter_mut().rev().find(is_meant) else { return };
        let (id, opening) = (session.form.session_id, session.opening);
        let Phase::Handshake(secrets) = &session.phase else {
            return self.fail(id, opening, "its handshake is finished twice");
        };
        let Some(response) = &exchange.response else { return };
        // Refused: no record of it may follow.
        if response.get(1) == Some(&Code::ERROR.0) {
            return self.remove(id);
        }
        if session.is_mutual {
            self.found.mutual += 1;
            return self.establish(crypto, id);
        }
        let cx = negotiated.cx(padding).with_handshake(negotiated.handshake());
        let decoded = decode_finish(opening, &exchange.request, response, &cx);
        let Some([request, answer]) = decoded else {
            return self.fail(id, opening, "its last handshake messages are malformed");
        };
        let messages = [
            (Direction::Request, request, "RequesterVerifyData"),
            (Direction::Response, answer, "ResponderVerifyData"),
        ];
        let place = session.place;
        let mut hmacs = 0;
        for (direction, (message, verify_len), field) in messages {
            let (head, verify_data) = message.split_at(message.len().saturating_sub(verify_len));
            let added = crypto.hashes.update(place, head);
            let Ok(th) = added.and_then(|()| crypto.hashes.snapshot(place)) else {
                return self.fail(id, opening, "its transcript cannot be hashed");
            };
            if verify_len > 0 {
                if secrets.check_verify_data(direction, &th, verify_data).is_err() {
                    return self.fail(
                        id,
                        opening,
                        &format!("{field} of its last handshake messages is wrong"),
                    );
                }
                hmacs += 1;
            }
            if crypto.hashes.update(place, verify_data).is_err() {
                return self.fail(id, opening, "its transcript cannot be hashed");
            }
        }
        self.counts(opening).hmacs += hmacs;
        self.establish(crypto, id);
    }

    /// The handshake is complete: the data keys follow from its transcript.
    fn establish(&mut self, crypto: &Crypto<'_>, id: u32) {
        let Some(session) = self.alive.iter_mut().find(|s| s.form.session_id == id) else { return };
        let opening = session.opening;
        let Phase::Handshake(secrets) = &session.phase else { return };
        let th2 = match session.is_mutual {
            true => Digest::new(&session.keys.th2),
            false => crypto.hashes.snapshot(session.place).ok(),
        };
        let Some(th2) = th2 else {
            self.remove(id);
            self.unknown.insert(id);
            return;
        };
        let made = secrets.data(&th2).ok().and_then(|data| {
            let request = data.request.record_key().ok()?;
            let response = data.response.record_key().ok()?;
            Some((data, request, response))
        });
        let Some((data, request, response)) = made else {
            return self.fail(id, opening, "its data keys cannot be derived");
        };
        // The first two keys of each direction are those of the handshake and of the data.
        let logged = [session.keys.requester.get(1), session.keys.responder.get(1)];
        let fits = |ours: &RecordKey, logged: Option<&Key>| {
            logged.is_none_or(|logged| is_same(crypto, ours, logged))
        };
        if !(fits(&request, logged[0]) && fits(&response, logged[1])) {
            return self.fail(
                id,
                opening,
                "the data keys of the log are not those of its messages",
            );
        }
        session.request = RecordStream::new(request);
        session.response = RecordStream::new(response);
        session.phase = Phase::Established { request: data.request, response: data.response };
        let is_mutual = session.is_mutual;
        if !is_mutual {
            self.counts(opening).sessions += 1;
        }
    }

    /// Opens a record: the session that it is of, and the exchanges that it completes.
    pub(crate) fn record(
        &mut self,
        record: &CapturedRecord,
        recording: &Recording,
    ) -> Option<(u32, Vec<RecordedExchange>)> {
        let (bytes, padding) = (&record.bytes, recording.padding);
        let binding = recording.record_binding.unwrap_or_else(|| binding_of(bytes, padding));
        let raw = Untrusted::new(binding.record(bytes));
        let id = match SecuredMessage::decode(raw, binding.sequence_len(), padding) {
            Ok(message) => message.session_id,
            Err(error) => {
                self.stranger(&error.to_string());
                return None;
            }
        };
        if self.unknown.contains(&id) {
            self.found.unopened += 1;
            return None;
        }
        if self.failed.contains(&id) {
            return None;
        }
        let Some(session) = self.alive.iter_mut().find(|s| s.form.session_id == id) else {
            self.stranger(&format!("a record is of session {id:#010x}, which is not open"));
            return None;
        };
        session.form.binding = binding;
        session.records += 1;
        let (number, opening) = (session.records, session.opening);
        let opened = session.open(bytes, padding);
        let (sender, message, updated) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.fail(id, opening, &format!("record {number}: {error}"));
                return None;
            }
        };
        let followed = match message {
            Some(message) => session.follow(sender, &message),
            None => Ok(Followed::default()),
        };
        let Followed { exchanges, notes, updated: also, is_over } = match followed {
            Ok(followed) => followed,
            Err(why) => {
                self.fail(id, opening, &format!("record {number}: {why}"));
                return None;
            }
        };
        if is_over {
            self.remove(id);
        }
        let counts = self.counts(opening);
        counts.records += 1;
        counts.updates += updated + also;
        self.found.notes.extend(notes);
        Some((id, exchanges))
    }

    /// A record that belongs to no session: where nothing was opened with a pre-shared key, it is one of KEY_EXCHANGE.
    fn stranger(&mut self, why: &str) {
        let opening = match self.alive.last() {
            Some(session) => session.opening,
            None => Opening::KeyExchange,
        };
        let failure = SessionFailure { check: opening.check(), why: why.to_owned() };
        self.found.failures.push(failure);
    }

    pub(crate) fn session(&mut self, id: u32) -> Option<&mut Session> {
        self.alive.iter_mut().find(|session| session.form.session_id == id)
    }

    /// A session begins that nothing can be said about. An earlier one with its ID is over.
    pub(crate) fn unknown(&mut self, id: u32) {
        self.remove(id);
        self.failed.remove(&id);
        self.unknown.insert(id);
    }
}

/// What a message of a session changes.
#[derive(Default)]
struct Followed {
    exchanges: Vec<RecordedExchange>,
    notes: Vec<Note>,
    /// Keys that came into use.
    updated: usize,
    is_over: bool,
}

impl Session {
    /// Captures do not say who sent a record: the tag does. The message is `None` where it is of another protocol.
    fn open(
        &mut self,
        bytes: &[u8],
        padding: usize,
    ) -> Result<(Side, Option<Vec<u8>>, usize), RecordError> {
        let mut first = None;
        for sender in [self.next, self.next.other()] {
            let opened = match sender {
                Side::Requester => {
                    open(&mut self.request, &self.form, bytes, padding).map(|m| (m, 0))
                }
                Side::Responder => self.open_response(bytes, padding),
            };
            match opened {
                Ok((message, updated)) => {
                    self.next = sender.other();
                    return Ok((sender, message, updated));
                }
                Err(error @ (RecordError::Tag | RecordError::Sequence)) => {
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first.unwrap_or(RecordError::Tag))
    }

    /// While an UpdateAllKeys is under way its answer comes under the next key, and an ERROR under the old one.
    fn open_response(
        &mut self,
        bytes: &[u8],
        padding: usize,
    ) -> Result<(Option<Vec<u8>>, usize), RecordError> {
        if let Some((_, stream)) = &mut self.next_response {
            match open(stream, &self.form, bytes, padding) {
                Err(RecordError::Tag | RecordError::Sequence) => {}
                opened => {
                    let opened = opened?;
                    if let (Some((secret, stream)), Phase::Established { response, .. }) =
                        (self.next_response.take(), &mut self.phase)
                    {
                        (*response, self.response) = (secret, stream);
                    }
                    return Ok((opened, 1));
                }
            }
        }
        open(&mut self.response, &self.form, bytes, padding).map(|message| (message, 0))
    }

    /// What a message does to the keys and the exchanges.
    fn follow(&mut self, sender: Side, message: &[u8]) -> Result<Followed, String> {
        let mut followed = Followed::default();
        let [_, code, param1, ..] = *message else {
            return Err("a message without a header".to_owned());
        };
        match (sender, Code(code)) {
            (_, Code::GET_VERSION) => return Err("GET_VERSION inside a session".to_owned()),
            (Side::Requester, code) if !code.is_request() => {
                return Err(format!("the requester sent {code}"));
            }
            (Side::Responder, code) if code.is_request() => {
                return Err(format!("the device sent {code}"));
            }
            (Side::Requester, Code::KEY_UPDATE)
                if param1 == KeyOperation::UpdateAllKeys.to_byte() =>
            {
                self.next_response = self.updated(Side::Responder);
            }
            (Side::Responder, Code::KEY_UPDATE_ACK)
                if param1 != KeyOperation::VerifyNewKey.to_byte() =>
            {
                if self.next_response.is_some() {
                    return Err("KEY_UPDATE_ACK came under the old key".to_owned());
                }
                if let Some((secret, stream)) = self.updated(Side::Requester)
                    && let Phase::Established { request, .. } = &mut self.phase
                {
                    (*request, self.request) = (secret, stream);
                    followed.updated = 1;
                }
            }
            // The answer that is not ready comes under the new key.
            (Side::Responder, Code::ERROR) if param1 != ErrorCode::RESPONSE_NOT_READY.0 => {
                self.next_response = None;
            }
            (Side::Requester, Code::DELIVER_ENCAPSULATED_RESPONSE) => {
                let inner = message.get(HEADER_LEN..).unwrap_or_default();
                let is_update = matches!(inner, [_, code, operation, ..]
                    if *code == Code::KEY_UPDATE_ACK.0
                        && *operation != KeyOperation::VerifyNewKey.to_byte());
                if is_update
                    && let Some((secret, stream)) = self.updated(Side::Responder)
                    && let Phase::Established { response, .. } = &mut self.phase
                {
                    (*response, self.response) = (secret, stream);
                    followed.updated = 1;
                }
            }
            _ => {}
        }
        followed.is_over = Code(code) == Code::END_SESSION_ACK;
        self.collector.take(message);
        let (exchanges, notes, broken) = self.collector.exchanges();
        (followed.exchanges, followed.notes) = (exchanges, notes);
        match broken {
            None => Ok(followed),
            Some(broken) => Err(broken_off(&broken)),
        }
    }

    /// The next secret of a side.
    fn updated(&self, side: Side) -> Option<(DataSecret, RecordStream)> {
        let Phase::Established { request, response } = &self.phase else { return None };
        let secret = match side {
            Side::Requester => request,
            Side::Responder => response,
        };
        let secret = secret.updated().ok()?;
        let stream = RecordStream::new(secret.record_key().ok()?);
        Some((secret, stream))
    }
}

fn broken_off(broken: &Broken) -> String {
    broken.to_string()
}

/// Opens a record with one key.
fn open(
    stream: &mut RecordStream,
    form: &RecordForm,
    bytes: &[u8],
    padding: usize,
) -> Result<Option<Vec<u8>>, RecordError> {
    let mut record = bytes.to_vec();
    match stream.open(form, &mut record, padding) {
        Ok(place) => Ok(Some(record.get(place).unwrap_or_default().to_vec())),
        // Its tag is right: it is of an application.
        Err(RecordError::Protocol) => Ok(None),
        Err(error) => Err(error),
    }
}

fn form_of(privacy: RecordPrivacy, session_id: u32) -> RecordForm {
    RecordForm { binding: spdm_codec::RecordBinding::PciDoe, privacy, session_id }
}

fn schedule(crypto: &Crypto<'_>, negotiated: &Negotiated) -> Result<KeySchedule, ()> {
    let (hash, aead) = (negotiated.hash().map_err(drop)?, negotiated.aead().map_err(drop)?);
    KeySchedule::new(crypto.provider, negotiated.version, hash, aead).map_err(drop)
}

/// The secrets of a handshake, of what the log says that they are made of.
fn secrets(
    schedule: &KeySchedule,
    opening: Opening,
    keys: &SessionKeys,
    th1: &Digest,
) -> Option<HandshakeSecrets> {
    match (opening, keys.origin.as_ref()?) {
        (Opening::KeyExchange, KeyOrigin::Exchanged(bytes)) => {
            let mut shared = SharedSecret::new();
            shared.place(bytes.len())?.copy_from_slice(bytes);
            schedule.from_key_exchange(&shared, th1).ok()
        }
        (Opening::Psk, KeyOrigin::PreShared(bytes)) => {
            schedule.from_psk(&PskBytes(bytes), th1).ok()
        }
        _ => None,
    }
}

/// Whether a key is the logged one: both seal the same.
fn is_same(crypto: &Crypto<'_>, ours: &RecordKey, logged: &Key) -> bool {
    let algorithm: AeadAlgorithm = ours.algorithm();
    let logged = RecordKey::import(crypto.provider, algorithm, &logged.key, &logged.iv);
    let seal = |key: &RecordKey| {
        let mut probe = [0; 32];
        key.seal(0, SequenceOrder::LittleEndian, &[], &mut probe).ok().map(|tag| (tag, probe))
    };
    logged.is_ok_and(|logged| {
        let ours = seal(ours);
        ours.is_some() && ours == seal(&logged)
    })
}

/// A message and how many of its last bytes are an HMAC.
type Authenticated<'m> = (&'m [u8], usize);

/// The last two messages of a handshake.
fn decode_finish<'m>(
    opening: Opening,
    request: &'m [u8],
    response: &'m [u8],
    cx: &spdm_codec::Cx,
) -> Option<[Authenticated<'m>; 2]> {
    let (request, response) = (Untrusted::new(request), Untrusted::new(response));
    match opening {
        Opening::KeyExchange => {
            let finish = Finish::decode(request, cx).ok()?;
            let answer = FinishRsp::decode(response, cx).ok()?;
            finish.message.signature.is_none().then_some([
                (finish.bytes, finish.message.verify_data.len()),
                (answer.bytes, answer.message.verify_data.len()),
            ])
        }
        Opening::Psk => {
            let finish = PskFinish::decode(request, cx).ok()?;
            let answer = PskFinishRsp::decode(response, cx).ok()?;
            Some([(finish.bytes, finish.message.verify_data.len()), (answer.bytes, 0)])
        }
    }
}
