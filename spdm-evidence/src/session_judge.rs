//! The sessions of a recording, judged with the secrets of a key log: HMACs, keys and records.
//!
//! The transcripts are the judge's own: a key of the log counts only where it is what they give.

mod findings;
mod keys;
mod session;

use std::collections::BTreeSet;

use spdm_codec::{Code, Handshake, RecordBinding, SecuredMessage, Side};
use spdm_crypto::{Digest, Direction, RecordForm, RecordKey, RecordStream};
use spdm_requester::{Crypto, Negotiated};
use spdm_untrusted::Untrusted;

use crate::collector::Collector;
use crate::host::{HostTranscript, finish_cx};
use crate::recording::{CapturedRecord, RecordedExchange, Recording};
use crate::secrets::{Key, Secrets, SessionKeys};
use crate::secured_record::binding_of;
pub(crate) use findings::{Opening, SessionFindings};
use findings::{SessionCounts, SessionFailure, Unsigned};
use keys::{decode_finish, is_same, schedule, secrets};
use session::{Followed, Phase, Session};

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

/// FINISH or PSK_FINISH and its answer.
pub(crate) struct Finished<'x> {
    /// `None` in the clear.
    pub(crate) id: Option<u32>,
    pub(crate) padding: usize,
    pub(crate) exchange: &'x RecordedExchange,
    pub(crate) host: HostTranscript,
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
    /// The session of the latest KEY_EXCHANGE: a FINISH in the clear names no session, and
    /// belongs to this one (DSP0274 §FINISH).
    latest: Option<u32>,
    /// The index of the next session.
    pub(crate) next_index: usize,
    found: SessionFindings,
    /// Of sessions that are over.
    unsigned: Unsigned,
}

/// The place of the session with this index in the bank, as [`Crypto::hashes`] says.
pub(crate) const fn place_of(index: usize) -> usize {
    index.saturating_add(3)
}

impl<'j> SessionJudge<'j> {
    pub(crate) fn new(secrets: &'j Secrets) -> Self {
        Self {
            waiting: secrets.sessions.iter().collect(),
            alive: Vec::new(),
            unknown: BTreeSet::new(),
            failed: BTreeSet::new(),
            latest: None,
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
        // How it is carried is known with the first record.
        let form = negotiated.record_privacy().map(|privacy| RecordForm {
            binding: RecordBinding::PciDoe,
            privacy,
            session_id: id,
        });
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
            transcript: HostTranscript::Complete,
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

    /// FINISH or PSK_FINISH was answered: in the clear where `id` is `None`, of the session of the latest KEY_EXCHANGE then,
    /// whether or not anything is known of that. What the host adds to the transcript is in its place of the bank.
    pub(crate) fn finish(
        &mut self,
        crypto: &mut Crypto<'_>,
        negotiated: &Negotiated,
        finished: &Finished<'_>,
    ) {
        let Finished { id, padding, exchange, host } = *finished;
        let Some(id) = id.or(self.latest) else { return };
        let Some(session) = self.session(id) else { return };
        let opening = session.opening;
        let Some(response) = &exchange.response else { return };
        let is_refused = response.get(1) == Some(&Code::ERROR.0);
        let Phase::Handshake(secrets) = &session.phase else {
            // A device refuses a second FINISH, and the session lives.
            if !is_refused {
                self.fail(id, opening, "its handshake is finished twice");
            }
            return;
        };
        // No record of it may follow.
        if is_refused {
            return self.remove(id);
        }
        if session.is_mutual && host == HostTranscript::Unknown {
            session.transcript = host;
            self.found.mutual += 1;
            return self.establish(crypto, id);
        }
        let cx = finish_cx(negotiated, padding);
        let decoded = decode_finish(opening, &exchange.request, response, &cx);
        let is_signed = session.is_mutual;
        let Some([request, answer]) =
            decoded.filter(|decoded| decoded.is_signed == is_signed).map(|d| d.messages)
        else {
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
        let th2 = match session.transcript {
            // Not every log has it.
            HostTranscript::Unknown => {
                Digest::new(&session.keys.th2).filter(|th2| !th2.as_bytes().is_empty())
            }
            HostTranscript::Complete => crypto.hashes.snapshot(session.place).ok(),
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
        if session.transcript == HostTranscript::Complete {
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
    pub(crate) fn unknown(&mut self, opening: Opening, id: u32) {
        if opening == Opening::KeyExchange {
            self.latest = Some(id);
        }
        self.remove(id);
        self.failed.remove(&id);
        self.unknown.insert(id);
    }
}
