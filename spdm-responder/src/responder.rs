//! One message in, one message out: what is handled once, below the handlers.

use core::fmt;

use spdm_codec::{
    ChunkAckAttributes, ChunkSend, ChunkSendAck, Code, Cx, ErrorCode, GetVersion, Header,
    Message as _, SpdmVersion,
};
use spdm_crypto::{HashBank, Provider, RecordForm, TAG_LEN};
use spdm_untrusted::Untrusted;

use crate::agreement::{Peer, Phase};
use crate::chunks::{Received, Transfer};
use crate::config::Config;
use crate::connection::{Connection, Kept, Pending, Retry};
use crate::device::Device;
use crate::draft::Draft;
use crate::exchange::{Answer, Parts, Source, Way};
use crate::hook::{About, Arrival, Before, Hook};
use crate::record::{self, Opened, Unsealed};
use crate::refusal::Refusal;
use crate::scope::Scope;
use crate::session::{After, Session, SessionSlot, settle};
use crate::turn::{Turn, decode_padded};

/// What a responder is lent.
pub struct Memory<'a> {
    /// What it keeps of the connection.
    pub connection: &'a mut Connection,
    /// One exchange: the longest request that is taken, and behind it twice the longest answer.
    pub message: &'a mut [u8],
    /// The transcripts: [`hash_places`](crate::hash_places) running hashes.
    pub hashes: &'a mut (dyn HashBank + 'static),
    /// Room for sessions; none where the device has no such capability.
    pub sessions: &'a mut [SessionSlot],
}

impl fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// A Responder of DSP0274: a view of lent memory, made anew for each message or kept.
#[derive(Debug)]
pub struct Responder<'a> {
    provider: Provider,
    pub(crate) config: Config<'a>,
    pub(crate) memory: Memory<'a>,
}

impl<'a> Responder<'a> {
    /// A responder with this memory.
    #[must_use]
    pub const fn new(provider: Provider, config: Config<'a>, memory: Memory<'a>) -> Self {
        Self { provider, config, memory }
    }

    /// What it keeps of the connection.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        self.memory.connection
    }

    /// Answers a message that came outside of a session, transport framing removed: the length of the answer in `out`.
    /// `None` where a device stays silent, because the request has no complete header or the hook says so.
    ///
    /// A repeated GET_CAPABILITIES, NEGOTIATE_ALGORITHMS, CHALLENGE or signed GET_MEASUREMENTS that equals the request
    /// before it is taken for a retry and gets the same answer again.
    pub fn process(
        &mut self,
        device: &mut dyn Device,
        hook: &mut dyn Hook,
        message: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        self.forget_the_dead();
        let parts = &mut Parts { device, hook, scope: Scope::Plain };
        let len = self.message(parts, message, out);
        self.memory.sessions.iter_mut().for_each(settle);
        len
    }

    /// Answers a record of a session (DSP0277), transport framing removed, which is decrypted in place: the length of the
    /// record in `out`. `None` where a device stays silent: there is no such session, what is inside is of another protocol
    /// that the device does not speak, or the hook says so.
    ///
    /// A record that is damaged, replayed or under another key ends its session, which the answer says.
    pub fn process_secured(
        &mut self,
        device: &mut dyn Device,
        hook: &mut dyn Hook,
        record: &mut [u8],
        out: &mut [u8],
    ) -> Option<usize> {
        self.forget_the_dead();
        let Phase::Negotiated(agreement) = &self.memory.connection.phase else { return None };
        let (privacy, version) = (agreement.privacy(), agreement.peer.version);
        let session_id = record::session_id(self.config.records, record)?;
        let form = RecordForm { binding: self.config.records, privacy, session_id };
        let slots = self.memory.sessions.iter();
        let index = slots.map(SessionSlot::session_id).position(|id| id == Some(session_id))?;
        let session = self.memory.sessions.get_mut(index)?.0.as_mut()?;
        let room = out.len().checked_sub(TAG_LEN)?;
        let inner = out.get_mut(form.head_len()..room)?;
        let answered = match record::open(session, &form, self.config.padding, record) {
            Opened::Data(range) => {
                let data = record.get(range).unwrap_or_default();
                let place = out.get_mut(form.data_head_len()..room)?;
                let len = answer_data(session, &form, device, data, place);
                len.map(|len| Unsealed::Data { len })
            }
            Opened::Bad => {
                session.after = After::End;
                let mut answer = Draft::new(inner);
                Refusal::new(ErrorCode::DECRYPT_ERROR).write(version, &mut answer);
                Some(Unsealed::Message { len: answer.len() })
            }
            Opened::Message(range) => {
                let parts = &mut Parts { device, hook, scope: Scope::Session(index) };
                let len = self.message(parts, record.get(range).unwrap_or_default(), inner);
                len.map(|len| Unsealed::Message { len })
            }
        };
        let slot = self.memory.sessions.get_mut(index)?;
        let sealed = answered.map(|unsealed| {
            let session = slot.0.as_mut()?;
            record::seal(session, &form, device, unsealed, out)
        });
        match sealed {
            // There is no number left, or the backend failed: nothing more is said in this session.
            Some(None) => *slot = SessionSlot::new(),
            _ => settle(slot),
        }
        if slot.0.is_none() {
            self.forget_transfers(Scope::Session(index));
        }
        sealed.flatten()
    }

    /// The caller may have ended a session between two messages: what was under way in it is over, too, before another
    /// session takes its place.
    fn forget_the_dead(&mut self) {
        let connection = &self.memory.connection;
        let pending = connection.pending.map(|pending| pending.scope);
        for scope in [Some(connection.transfers.scope), pending].into_iter().flatten() {
            let Scope::Session(index) = scope else { continue };
            if self.memory.sessions.get(index).is_none_or(|slot| slot.0.is_none()) {
                self.forget_transfers(scope);
            }
        }
    }

    /// What was under way in a session ends with it.
    fn forget_transfers(&mut self, scope: Scope) {
        let connection = &mut self.memory.connection;
        if connection.transfers.scope == scope {
            connection.transfers.reset();
        }
        connection.pending = connection.pending.filter(|pending| pending.scope != scope);
    }

    /// Answers a message: RESPOND_IF_READY for the request that waits for it, or anything else.
    fn message(&mut self, parts: &mut Parts<'_>, message: &[u8], out: &mut [u8]) -> Option<usize> {
        let header = Header::peek(Untrusted::new(message)).ok()?;
        // Whatever else comes, in whatever session, takes the place of the request that waits.
        if let Some(pending) = self.memory.connection.pending.take()
            && header.code == Code::RESPOND_IF_READY
            && (Code(header.param1), header.param2) == (pending.code, pending.token)
            && pending.scope == parts.scope
        {
            self.memory.connection.pending = Some(pending);
            let way = Way::Direct(Arrival::AskedAfter);
            return self.whole(parts, way, Source::Stored(pending.len), out);
        }
        self.receive(parts, header.code, message, out)
    }

    /// Takes a message: a whole request, or a part of a transfer.
    fn receive(
        &mut self,
        parts: &mut Parts<'_>,
        code: Code,
        message: &[u8],
        out: &mut [u8],
    ) -> Option<usize> {
        if matches!(code, Code::CHUNK_SEND | Code::CHUNK_GET) {
            let about = self.about(parts.scope, code, Arrival::Received);
            let mut answer = Draft::new(out);
            match parts.hook.before(&about, message, &mut answer) {
                Before::Handle => {}
                Before::Silence => return None,
                deferred => {
                    if deferred == Before::Reset {
                        self.reset();
                    }
                    let len = answer.len();
                    return Some(self.part(parts, code, len, out));
                }
            }
        }
        let longest = usize::try_from(self.config.sizes.data_transfer_size).unwrap_or(usize::MAX);
        let padding = self.padding(parts.scope);
        let too_long = message.len() > longest.saturating_add(padding);
        let too_large = Refusal::new(ErrorCode::REQUEST_TOO_LARGE);
        let active = self.memory.connection.transfers.is_active();
        let peer = self.memory.connection.peer().copied();
        let refusal = match (code, peer) {
            (Code::GET_VERSION, _)
                if parts.scope == Scope::Plain && begins_anew(padding, message) =>
            {
                self.memory.connection.transfers.reset();
                None
            }
            (_, Some(_)) if active && self.memory.connection.transfers.scope != parts.scope => {
                Some(Refusal::unexpected())
            }
            (Code::CHUNK_SEND | Code::CHUNK_GET, Some(peer)) if peer.chunks() => {
                let done = match code {
                    _ if too_long => Err(too_large),
                    Code::CHUNK_GET => self.chunk_get(&peer, padding, message, out),
                    _ => match self.chunk_send(&peer, parts.scope, message, out) {
                        Ok(Sent::Whole(way, len)) => {
                            return self.whole(parts, way, Source::Stored(len), out);
                        }
                        Ok(Sent::Acknowledged(len)) => Ok(len),
                        Err(refusal) => Err(refusal),
                    },
                };
                match done {
                    Ok(len) => return Some(self.part(parts, code, len, out)),
                    Err(refusal) => Some(refusal),
                }
            }
            // Nothing interrupts a transfer, and it goes on afterwards.
            (_, Some(_)) if active => Some(Refusal::unexpected()),
            (_, Some(peer)) if peer.version >= SpdmVersion::V1_2 && too_long => Some(too_large),
            _ => None,
        };
        let Some(refusal) = refusal else {
            let way = Way::Direct(Arrival::Received);
            return self.whole(parts, way, Source::Received(message), out);
        };
        let mut answer = Draft::new(out);
        refusal.write(self.memory.connection.version(), &mut answer);
        let len = answer.len();
        Some(self.part(parts, code, len, out))
    }

    fn chunk_get(
        &mut self,
        peer: &Peer,
        padding: usize,
        message: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Refusal> {
        let Memory { connection, message: memory, .. } = &mut self.memory;
        connection.transfers.chunk_get(&self.config, peer, padding, message, memory, out)
    }

    fn chunk_send(
        &mut self,
        peer: &Peer,
        scope: Scope,
        message: &[u8],
        out: &mut [u8],
    ) -> Result<Sent, Refusal> {
        let padding = self.padding(scope);
        let Memory { connection, message: memory, .. } = &mut self.memory;
        if let Transfer::Response(_) = connection.transfers.transfer {
            return Err(Refusal::unexpected());
        }
        let version = peer.version;
        let cx = Cx::new(version);
        let chunk = decode_padded::<ChunkSend<'_>>(padding, message, cx)?.message;
        connection.transfers.scope = scope;
        let (handle, seq_no) = (chunk.0.handle, chunk.0.seq_no);
        // It takes the place of the exchange before.
        connection.kept = Kept::default();
        let mut error = [0; 8];
        let mut error = Draft::new(&mut error);
        let attributes = match connection.transfers.chunk_send(&self.config, &chunk, memory) {
            Received::Whole(len) => return Ok(Sent::Whole(Way::Chunked { handle, seq_no }, len)),
            Received::More => ChunkAckAttributes::empty(),
            Received::Broken(refusal) => {
                refusal.write(version, &mut error);
                ChunkAckAttributes::EARLY_ERROR_DETECTED
            }
        };
        let ack = ChunkSendAck { attributes, handle, seq_no, response: error.as_bytes() };
        Ok(Sent::Acknowledged(ack.encode(version, out)?))
    }

    /// Answers a whole request.
    fn whole(
        &mut self,
        parts: &mut Parts<'_>,
        way: Way,
        source: Source<'_>,
        out: &mut [u8],
    ) -> Option<usize> {
        let request = match source {
            Source::Received(request) => request,
            Source::Stored(len) => self.memory.message.get(..len)?,
        };
        let code = Header::peek(Untrusted::new(request)).ok()?.code;
        let about = self.about(parts.scope, code, way.arrival());
        let mut deferral = Draft::new(out);
        let before = parts.hook.before(&about, request, &mut deferral);
        let deferred = Answer::Out(deferral.len());
        let answer = match before {
            Before::Handle => self.handle(parts, about, source, out)?,
            Before::Silence => return None,
            Before::Answer => deferred,
            Before::Later { token } => {
                let len = self.store(source)?;
                let scope = parts.scope;
                self.memory.connection.pending = Some(Pending { code, token, len, scope });
                deferred
            }
            Before::Reset => {
                self.reset();
                deferred
            }
        };
        Some(self.leave(parts, code, way, answer, out))
    }

    /// Puts a request where requests are kept: its length.
    fn store(&mut self, source: Source<'_>) -> Option<usize> {
        let Memory { connection, message, .. } = &mut self.memory;
        let len = match source {
            Source::Received(request) => {
                connection.kept = Kept::default();
                message.get_mut(..request.len())?.copy_from_slice(request);
                request.len()
            }
            Source::Stored(len) => len,
        };
        connection.kept = Kept { request: len, answer: 0, retry: Retry::No };
        Some(len)
    }

    /// Lets the handlers answer, or repeats their answer.
    fn handle(
        &mut self,
        parts: &mut Parts<'_>,
        about: About,
        source: Source<'_>,
        out: &mut [u8],
    ) -> Option<Answer> {
        let kept = self.memory.connection.kept;
        let before = self.memory.message.get(..kept.request).unwrap_or_default();
        let same = match source {
            Source::Received(request) => request == before,
            Source::Stored(len) => len == kept.request,
        };
        // In a session a repeated request is a request of its own.
        if same && kept.retry == Retry::SameAnswer && parts.scope == Scope::Plain {
            return Some(Answer::Kept(kept.answer));
        }
        let Some(len) = self.store(source) else {
            let mut answer = Draft::new(out);
            let version = self.memory.connection.version();
            Refusal::new(ErrorCode::INVALID_REQUEST).write(version, &mut answer);
            return Some(Answer::Out(answer.len()));
        };
        let Memory { connection, message, hashes, sessions } = &mut self.memory;
        let clear_handshake = connection.clear_handshake.filter(|index| {
            let session = sessions.get(*index).and_then(|slot| slot.0.as_ref());
            session.is_some_and(Session::is_clear_handshake)
        });
        let (request, room) = message.split_at_mut_checked(len)?;
        let mut turn = Turn {
            provider: &self.provider,
            config: &self.config,
            device: parts.device,
            hook: parts.hook,
            hashes: *hashes,
            sessions,
            scope: parts.scope,
            clear_handshake,
            about,
            request,
        };
        let mut answer = Draft::new(room);
        let retry = connection.answer(&mut turn, &mut answer);
        connection.clear_handshake = turn.clear_handshake;
        connection.kept = Kept { request: len, answer: answer.len(), retry };
        Some(Answer::Kept(answer.len()))
    }

    pub(crate) fn about(&self, scope: Scope, code: Code, arrival: Arrival) -> About {
        let connection = &self.memory.connection;
        let session = match scope {
            Scope::Plain => None,
            Scope::Session(index) => {
                self.memory.sessions.get(index).and_then(SessionSlot::session_id)
            }
        };
        let (peer, suite) = (connection.peer().copied(), connection.suite());
        About::new(code, arrival, connection.cx(), session, peer, suite)
    }

    /// What a transport may have appended.
    const fn padding(&self, scope: Scope) -> usize {
        match scope {
            Scope::Plain => self.config.padding,
            Scope::Session(_) => 0,
        }
    }

    /// The connection is gone, and its sessions with it.
    fn reset(&mut self) {
        self.memory.connection.reset();
        self.memory.sessions.iter_mut().for_each(|slot| *slot = SessionSlot::new());
    }
}

/// Whether it is a GET_VERSION that will be answered: anyone can send a broken one.
fn begins_anew(padding: usize, message: &[u8]) -> bool {
    decode_padded::<GetVersion>(padding, message, Cx::new(SpdmVersion::V1_0)).is_ok()
}

/// What became of CHUNK_SEND.
enum Sent {
    /// So many bytes acknowledge it.
    Acknowledged(usize),
    /// The request is complete, and has so many bytes.
    Whole(Way, usize),
}

/// The device's answer to data of another protocol. It is silent before the session is established, and never says what
/// the Requester would take for a message of SPDM.
fn answer_data(
    session: &Session,
    form: &RecordForm,
    device: &mut dyn Device,
    data: &[u8],
    out: &mut [u8],
) -> Option<usize> {
    if !session.is_established() {
        return None;
    }
    let len = device.application_data()?.answer(data, session.id, out)?;
    form.binding.spdm_message(out.get(..len)?).is_none().then_some(len)
}
