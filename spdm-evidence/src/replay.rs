//! A recording is replayed: [`Connection`] judges every exchange, as it does live.

mod judgement;
mod request;
mod signer;

use spdm_codec::{
    Code, ContentChanged, Cx, GetMeasurements, Handshake, Header, MeasurementOperation,
    MeasurementRecord, Message, MutAuthRequested, SlotId,
};
use spdm_crypto::{Digest, HashBank, Provider};
use spdm_requester::{
    Accepted, Compat, Connection, Crypto, Error, MeasurementSignature, summary_of,
};
use spdm_untrusted::Untrusted;

pub(crate) use self::judgement::{Attempt, AttemptOutcome, ErrorAnswer, Failure, Judgement};
use self::request::{asked_signature, session_id};
use crate::chain_library::Candidates;
use crate::host::{Agreed, HostIdentity, HostJudge, HostTranscript, Place};
use crate::recording::{CapturedRecord, RecordedExchange, Recording};
use crate::replay_hashes::ReplayHashes;
use crate::report::MeasuredValue;
use crate::secrets::Secrets;
use crate::session_judge::{Begun, Finished, Opening, SessionJudge, place_of};

/// Where an exchange travelled; the index is that of the exchange outside that comes with it or next.
enum At<'s, 'j> {
    Outside { index: usize, sessions: Option<&'s mut SessionJudge<'j>> },
    Inside { index: usize },
}

/// An exchange in the session with this ID.
struct Inside<'x> {
    id: u32,
    index: usize,
    exchange: &'x RecordedExchange,
}

/// The second pass over a recording; the first one collects chains.
pub(crate) struct Replay<'j, 'c> {
    pub(crate) recording: &'j Recording,
    pub(crate) provider: &'j Provider,
    pub(crate) held: &'j Candidates<'j, 'c>,
    pub(crate) peer_key: Option<&'c [u8]>,
    pub(crate) host: HostIdentity<'c>,
    pub(crate) compat: Compat,
    /// What opens the sessions.
    pub(crate) secrets: Option<&'j Secrets>,
}

impl<'c> Replay<'_, 'c> {
    /// Judges every exchange, and stops where the peer broke the protocol.
    pub(crate) fn run(&self, hashes: &mut (dyn HashBank + 'static)) -> Judgement<'c> {
        let mut judgement = Judgement { host: HostJudge::new(self.host), ..Judgement::default() };
        let mut connection = match self.recording.connection() {
            Ok(connection) => connection.with_compat(self.compat),
            Err(error) => {
                judgement.failures.push(Failure { error, slot: None });
                return judgement;
            }
        };
        let mut hashes = ReplayHashes::new(hashes, self.provider);
        let mut crypto = Crypto { provider: self.provider, hashes: &mut hashes };
        let mut sessions = self.secrets.map(SessionJudge::new);
        let mut records = self.recording.records.iter().peekable();
        let exchanges = self.recording.exchanges.iter().map(Some).chain([None]);
        'replay: for (index, exchange) in exchanges.enumerate() {
            let is_due = |record: &&CapturedRecord| record.exchange <= index || exchange.is_none();
            while let Some(record) = records.next_if(is_due) {
                let Some(sessions) = &mut sessions else { continue };
                let Some((id, exchanges)) = sessions.record(record, self.recording) else {
                    continue;
                };
                for exchange in &exchanges {
                    let inside = Inside { id, index, exchange };
                    let result = self.inside(
                        &mut connection,
                        &mut crypto,
                        sessions,
                        &inside,
                        &mut judgement,
                    );
                    if !judgement.goes_on(result, &exchange.request) {
                        break 'replay;
                    }
                }
            }
            let Some(exchange) = exchange else {
                let Some(sessions) = &mut sessions else { break };
                for (id, exchange) in sessions.unanswered() {
                    let inside = Inside { id, index, exchange: &exchange };
                    let result = self.inside(
                        &mut connection,
                        &mut crypto,
                        sessions,
                        &inside,
                        &mut judgement,
                    );
                    judgement.goes_on(result, &exchange.request);
                }
                break;
            };
            let sessions = sessions.as_mut();
            let result = self.exchange(
                &mut connection,
                &mut crypto,
                At::Outside { index, sessions },
                exchange,
                &mut judgement,
            );
            judgement.negotiated = connection.negotiated().copied().or(judgement.negotiated);
            if !judgement.goes_on(result, &exchange.request) {
                break;
            }
        }
        if let Some(sessions) = sessions {
            let (found, unsigned) = sessions.end();
            judgement.unsigned.extend(unsigned);
            judgement.sessions = Some(found);
        }
        judgement
    }

    /// An exchange that travelled in a session.
    fn inside(
        &self,
        connection: &mut Connection,
        crypto: &mut Crypto<'_>,
        sessions: &mut SessionJudge<'_>,
        inside: &Inside<'_>,
        judgement: &mut Judgement<'c>,
    ) -> Result<(), Error> {
        let Inside { id, index, exchange } = *inside;
        // The one that ended it.
        let Some(session) = sessions.session(id) else { return Ok(()) };
        // What no signature covers yet is apart from that of other sessions.
        core::mem::swap(&mut judgement.unsigned, &mut session.unsigned);
        connection.enter_session(session.index, session.measured);
        let result = self.exchange(connection, crypto, At::Inside { index }, exchange, judgement);
        session.measured = connection.leave_session();
        core::mem::swap(&mut judgement.unsigned, &mut session.unsigned);
        result?;
        let code = exchange.request.get(1).copied().map(Code);
        let Some(negotiated) = connection.negotiated() else { return Ok(()) };
        let agreed = Agreed { negotiated, vca: connection.vca(), padding: 0 };
        judgement.host.exchange(crypto, &agreed, Place::Session(id), exchange);
        if let Some(Code::FINISH | Code::PSK_FINISH) = code {
            let host = match code {
                Some(Code::FINISH) => judgement.host.finish(crypto, &agreed, Some(id), exchange),
                _ => HostTranscript::Complete,
            };
            let finished = Finished { id: Some(id), padding: 0, exchange, host };
            sessions.finish(crypto, negotiated, &finished);
        }
        Ok(())
    }

    fn exchange(
        &self,
        connection: &mut Connection,
        crypto: &mut Crypto<'_>,
        at: At<'_, '_>,
        exchange: &RecordedExchange,
        judgement: &mut Judgement<'c>,
    ) -> Result<(), Error> {
        let request = &exchange.request;
        let (index, is_inside, mut sessions) = match at {
            At::Inside { index } => (index, true, None),
            At::Outside { index, sessions } => (index, false, sessions),
        };
        // A recording may go on after a request without an answer that counts: it is given up.
        connection.give_up_request();
        connection.sent(request)?;
        for interim in &exchange.interim {
            connection.accept(crypto, request, Untrusted::new(interim), None)?;
        }
        let asked = connection.negotiated().and_then(|n| asked_signature(request, n.version));
        let Some(response) = &exchange.response else {
            judgement.attempts.extend(asked.map(|(proof, slot, nonce)| Attempt {
                proof,
                slot,
                nonce,
                outcome: AttemptOutcome::Unanswered,
                values: Vec::new(),
                opaque: Vec::new(),
                content_changed: ContentChanged::NotDetected,
                summary: None,
            }));
            return Ok(());
        };
        let identity = match asked {
            Some((proof, slot, _)) => self.identity(proof, slot, index, response, connection)?,
            None => None,
        };
        let code = request.get(1).copied().map(Code);
        let is_error = response.get(1) == Some(&Code::ERROR.0);
        // Until it is known what is in it. KEY_EXCHANGE and PSK_EXCHANGE have the halves in the same place.
        if let (Some(sessions), Some(Code::KEY_EXCHANGE | Code::PSK_EXCHANGE), false) =
            (&mut sessions, code, is_error)
        {
            let opening = match code {
                Some(Code::PSK_EXCHANGE) => Opening::Psk,
                _ => Opening::KeyExchange,
            };
            sessions.unknown(opening, session_id(request, response));
        }
        match code {
            Some(Code::KEY_EXCHANGE) if !is_error => {
                judgement.host.unknown(session_id(request, response));
            }
            Some(Code::PSK_EXCHANGE) if !is_error => {
                judgement.host.forget(session_id(request, response));
            }
            _ => {}
        }
        let response = Untrusted::new(response.as_slice());
        // Without the chain nothing is known of the transcript, and what names no slot is refused.
        let begins = code == Some(Code::KEY_EXCHANGE) && (identity.is_some() || asked.is_none());
        let accepted = match code {
            Some(Code::KEY_EXCHANGE) if begins && !is_error => {
                let place = sessions.as_ref().map_or(0, |sessions| sessions.next_index);
                let identity = identity.as_ref();
                let begun = connection.begin_session(crypto, request, response, identity, place);
                if let Ok(begun) = &begun {
                    judgement.host.begin(begun.session_id, place_of(place), &begun.message);
                }
                if let (Ok(begun), Some(sessions), Some(negotiated)) =
                    (&begun, &mut sessions, connection.negotiated())
                {
                    let opening = Opening::KeyExchange;
                    let is_mutual = begun.message.mut_auth != MutAuthRequested::No;
                    let (id, th1) = (begun.session_id, begun.th1);
                    let verify_data = begun.message.verify_data;
                    let begun = Begun { opening, id, th1, verify_data, is_mutual };
                    sessions.begin(crypto, negotiated, &begun);
                }
                begun.map(|begun| Accepted::KeyExchangeRsp {
                    message: begun.message,
                    possession: begun.possession,
                })
            }
            Some(Code::PSK_EXCHANGE) if !is_error && sessions.is_some() => {
                let place = sessions.as_ref().map_or(0, |sessions| sessions.next_index);
                let begun = connection.begin_psk_session(crypto, request, response, place);
                if let (Ok(begun), Some(sessions), Some(negotiated)) =
                    (&begun, &mut sessions, connection.negotiated())
                {
                    let (opening, is_mutual) = (Opening::Psk, false);
                    let (id, th1) = (begun.session_id, begun.th1);
                    let verify_data = begun.message.verify_data;
                    let begun = Begun { opening, id, th1, verify_data, is_mutual };
                    sessions.begin(crypto, negotiated, &begun);
                }
                begun.and_then(|_| Ok(Accepted::Other(Header::peek(response)?)))
            }
            Some(Code::GET_ENDPOINT_INFO) if !is_error => {
                // No verdict depends on it; a wrong signature ends the connection all the same.
                let signer = self.endpoint_signer(request, index, connection)?;
                connection.accept_endpoint_info(crypto, request, response, signer.as_ref())
            }
            _ => connection.accept(crypto, request, response, identity.as_ref()),
        };
        let (mut values, mut summary) = (Vec::new(), None);
        let (content_changed, opaque) = match &accepted {
            Ok(Accepted::Measurements { message, .. }) => {
                (message.content_changed, message.opaque.as_bytes().to_vec())
            }
            _ => (ContentChanged::NotDetected, Vec::new()),
        };
        let outcome = match &accepted {
            Err(_) => Some(AttemptOutcome::Failed),
            Ok(
                Accepted::ChallengeAuth { possession, .. }
                | Accepted::KeyExchangeRsp { possession, .. },
            ) => Some(possession.map_or(AttemptOutcome::NotChecked, AttemptOutcome::Verified)),
            // So many are not counted any more: which of the unsigned ones are covered is not known.
            Ok(Accepted::Measurements {
                signature: MeasurementSignature::Verified { exchanges: u16::MAX, .. },
                ..
            }) => Some(AttemptOutcome::Failed),
            Ok(Accepted::Measurements { message, signature }) => {
                let own = MeasuredValue::of_record(&message.record);
                if let MeasurementSignature::Verified { possession, exchanges } = *signature {
                    // The signature also covers the unsigned measurements directly before it.
                    let before = usize::from(exchanges).saturating_sub(1);
                    let kept = judgement.unsigned.len().saturating_sub(before);
                    values = judgement.unsigned.split_off(kept).concat();
                    values.extend(own);
                    summary = self.summary(request, &message.record, connection);
                    Some(AttemptOutcome::Verified(possession))
                } else if asked.is_some() {
                    values = own;
                    Some(AttemptOutcome::NotChecked)
                } else {
                    judgement.unsigned.push(own);
                    None
                }
            }
            Ok(Accepted::Digests(message)) => {
                let digests = message.iter().map(|entry| (entry.slot, entry.digest.to_vec()));
                judgement.stated.extend(digests);
                None
            }
            // What was fetched in a session is not among the chains of the recording.
            Ok(Accepted::Certificate { .. }) if is_inside => None,
            Ok(Accepted::Certificate { message, .. }) => {
                self.check_digest(connection, index, message.slot, judgement)?;
                None
            }
            Ok(Accepted::Error(error)) => {
                let request = Header::peek(Untrusted::new(request))?.code;
                Some(AttemptOutcome::Refused(ErrorAnswer { request, code: error.code }))
            }
            Ok(_) => asked.map(|_| AttemptOutcome::NotChecked),
        };
        if let (Some((proof, slot, nonce)), Some(outcome)) = (asked, outcome) {
            let attempt =
                Attempt { proof, slot, nonce, outcome, values, opaque, content_changed, summary };
            judgement.attempts.push(attempt);
        }
        if let Accepted::ChallengeAuth { message, .. } = accepted? {
            judgement.host.challenged(message.basic_mut_auth);
        }
        let Some(negotiated) = connection.negotiated().filter(|_| !is_inside) else {
            return Ok(());
        };
        let padding = self.recording.padding;
        let agreed = Agreed { negotiated, vca: connection.vca(), padding };
        judgement.host.exchange(crypto, &agreed, Place::Plain, exchange);
        if code == Some(Code::FINISH) && negotiated.handshake() == Handshake::InTheClear {
            let host = judgement.host.finish(crypto, &agreed, None, exchange);
            if let Some(sessions) = sessions {
                let finished = Finished { id: None, padding, exchange, host };
                sessions.finish(crypto, negotiated, &finished);
            }
        }
        Ok(())
    }

    /// The summary hash over these measurements.
    fn summary(
        &self,
        request: &[u8],
        record: &MeasurementRecord<'_>,
        connection: &Connection,
    ) -> Option<Digest> {
        let negotiated = connection.negotiated()?;
        let cx = Cx::new(negotiated.version).with_padding(usize::MAX);
        let asked = GetMeasurements::decode(Untrusted::new(request), &cx).ok()?.message;
        let hash = negotiated.hash().ok()?;
        let all = asked.operation == MeasurementOperation::All;
        all.then(|| summary_of(asked.attributes, record, hash, self.provider)).flatten()
    }

    /// Compares the chain that this exchange completed with DIGESTS.
    fn check_digest(
        &self,
        connection: &Connection,
        index: usize,
        slot: SlotId,
        judgement: &mut Judgement<'c>,
    ) -> Result<(), Error> {
        let (Some(negotiated), Some(_)) = (connection.negotiated(), connection.slot_digest(slot))
        else {
            return Ok(());
        };
        let Some(digest) = self.held.completed_by(index, negotiated) else { return Ok(()) };
        connection.check_chain_digest(slot, &digest)?;
        judgement.digests_checked.insert((slot, digest.as_bytes().to_vec()));
        Ok(())
    }
}
