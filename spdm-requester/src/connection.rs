//! A connection: it checks each response against its request and accepts or rejects it, live and offline.

mod algorithms;
mod capabilities;
mod certificates;
mod challenge;
mod endpoint_info;
mod errors;
mod key_exchange;
mod measurements;
#[cfg(feature = "mutual-auth")]
mod mutual_authentication;
mod proof;
mod psk_exchange;
mod version;

pub use key_exchange::BegunSession;
pub use psk_exchange::BegunPskSession;

use spdm_codec::{
    CapabilityFlags, CertificateModel, Code, Cx, Decoded, Expected, Header, Message, SlotId,
    SlotKey, SlotMask, SpdmVersion, TransferSizes,
};
use spdm_crypto::{Digest, HashAlgorithm};
use spdm_transport::Instant;
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::config::{AlphaVersions, Compat};
use crate::error::{Error, Misuse};
use crate::error_cell::{At, ErrorCell};
use crate::negotiated::{Announced, Negotiated};
use crate::session::SessionHandle;
use crate::transcript::{Crypto, RunningTranscript, Vca};
use crate::version_set::VersionSet;

/// How far the negotiation is (DSP0274 §Connection establishment).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// GET_VERSION is next.
    NotStarted,
    /// GET_CAPABILITIES is next.
    AfterVersion,
    /// NEGOTIATE_ALGORITHMS is next.
    AfterCapabilities,
    /// Any other request may follow.
    Negotiated,
}

/// What is known of a slot.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    digest: Option<Digest>,
    /// What DIGESTS says of the key, on a multi-key connection.
    key: Option<SlotKey>,
    /// Length of the chain as the first portion stated it.
    chain_len: Option<u32>,
}

/// Where messages travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    /// In the clear.
    Plain,
    /// In a session, which has a transcript of measurements of its own, and nothing of B.
    Session {
        /// Which one, live.
        session: Option<SessionHandle>,
        /// Of the session's measurements.
        l1: RunningTranscript,
    },
}

/// D: the first DIGESTS, where no other request than GET_DIGESTS came before it since ALGORITHMS (DSP0274 1.3
/// §Transcript for KEY_EXCHANGE).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum AnnouncedKeys {
    /// It may still come.
    Awaited,
    /// Its running hash, behind that of A, is in the bank.
    Kept,
    /// Another request came first: D is empty.
    None,
}

/// A connection as plain data: no I/O, no time, no buffers.
///
/// Feed it every request as it is sent ([`Self::sent`]) and every exchange as it is completed
/// ([`Self::accept`]); a live requester and an offline verifier do exactly the same. What was offered or
/// asked is read from the bytes of the requests.
#[derive(Debug)]
pub struct Connection {
    pub(crate) padding: usize,
    pub(crate) compat: Compat,
    stage: Stage,
    versions: VersionSet,
    /// Those of them that are no alpha versions.
    released: VersionSet,
    version: SpdmVersion,
    requester: Announced,
    responder: Announced,
    negotiated: Option<Negotiated>,
    vca: Vca,
    m1: RunningTranscript,
    l1: RunningTranscript,
    /// A CHALLENGE was answered: measurements no longer empty the transcript of certificates (B).
    challenged: bool,
    slots: [Slot; 8],
    /// `SupportedSlotMask` of the last DIGESTS.
    supported: Option<SlotMask>,
    /// The number of measurement indices, once the peer told.
    indices: Option<u8>,
    /// The request that waits for its answer.
    pending: Option<Header>,
    /// The Responder answered with ERROR(LargeResponse): the answer is put together from chunks.
    large: bool,
    /// Where messages travel.
    scope: Scope,
    /// D, the DIGESTS that sessions of a multi-key connection sign.
    announced: AnnouncedKeys,
    /// When the last message came, live.
    pub(crate) now: Instant,
    /// Whose key has proven to the device who the requester is.
    #[cfg(feature = "mutual-auth")]
    pub(crate) authenticated_as: Option<spdm_codec::KeySlot>,
}

impl Default for Connection {
    fn default() -> Self {
        Self::new(0)
    }
}

impl Connection {
    /// A connection before GET_VERSION; `padding` is how many bytes the transport may append to a response.
    #[must_use]
    #[inline(never)]
    pub const fn new(padding: usize) -> Self {
        Self {
            padding,
            compat: Compat::NONE,
            stage: Stage::NotStarted,
            versions: VersionSet::EMPTY,
            released: VersionSet::EMPTY,
            version: SpdmVersion::V1_0,
            requester: Announced::NOTHING,
            responder: Announced::NOTHING,
            negotiated: None,
            vca: Vca::new(),
            m1: RunningTranscript::M1,
            l1: RunningTranscript::L1,
            challenged: false,
            slots: [const { Slot { digest: None, key: None, chain_len: None } }; 8],
            supported: None,
            indices: None,
            pending: None,
            large: false,
            scope: Scope::Plain,
            announced: AnnouncedKeys::Awaited,
            now: Instant::from_micros(0),
            #[cfg(feature = "mutual-auth")]
            authenticated_as: None,
        }
    }

    /// Enables workarounds for known non-conforming devices.
    #[must_use]
    pub const fn with_compat(mut self, compat: Compat) -> Self {
        self.compat = compat;
        self
    }

    /// Makes it what [`Self::new`] makes, in its place: a copy on the stack would have its size once more.
    pub(crate) fn renew(&mut self, padding: usize) {
        self.padding = padding;
        self.compat = Compat::NONE;
        self.forget();
    }

    /// Starts over, before GET_VERSION. What stays is what the caller or the transport decided; a new field
    /// does not compile before it is said here what becomes of it.
    pub(crate) fn forget(&mut self) {
        let Self {
            padding: _,
            compat: _,
            stage,
            versions,
            released,
            version,
            requester,
            responder,
            negotiated,
            vca,
            m1,
            l1,
            challenged,
            slots,
            supported,
            indices,
            pending,
            large,
            scope,
            announced,
            now: _,
            #[cfg(feature = "mutual-auth")]
            authenticated_as,
        } = self;
        #[cfg(feature = "mutual-auth")]
        {
            *authenticated_as = None;
        }
        *stage = Stage::NotStarted;
        *versions = VersionSet::default();
        *released = VersionSet::default();
        *version = SpdmVersion::V1_0;
        *requester = Announced::NOTHING;
        *responder = Announced::NOTHING;
        *negotiated = None;
        vca.clear();
        m1.reset();
        l1.reset();
        *challenged = false;
        slots.fill(Slot::default());
        *supported = None;
        *indices = None;
        *pending = None;
        *large = false;
        *scope = Scope::Plain;
        *announced = AnnouncedKeys::Awaited;
    }

    /// A connection whose negotiation is not on record, but known to the caller. Only measurements of 1.0
    /// and 1.1 can be checked then: what they sign does not include the negotiation.
    ///
    /// # Errors
    /// [`Misuse::Order`] for 1.2 and later.
    pub const fn presume(negotiated: Negotiated, padding: usize) -> Result<Self, Error> {
        match negotiated.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => Ok(Self {
                stage: Stage::Negotiated,
                version: negotiated.version,
                requester: negotiated.requester,
                responder: negotiated.responder,
                negotiated: Some(negotiated),
                ..Self::new(padding)
            }),
            _ => Err(Error::Misuse(Misuse::Order { request: Code::GET_MEASUREMENTS })),
        }
    }

    /// How far the negotiation is.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The versions that the Responder speaks, lowest first, once it told; alpha versions are among them.
    pub fn versions(&self) -> impl Iterator<Item = SpdmVersion> + use<> {
        self.versions.iter()
    }

    /// The versions that come into question.
    pub(crate) fn versions_of(
        &self,
        alphas: AlphaVersions,
    ) -> impl Iterator<Item = SpdmVersion> + use<> {
        match alphas {
            AlphaVersions::Skipped => self.released,
            AlphaVersions::Taken => self.versions,
        }
        .iter()
    }

    /// What was agreed on, at [`Stage::Negotiated`].
    #[must_use]
    pub const fn negotiated(&self) -> Option<&Negotiated> {
        self.negotiated.as_ref()
    }

    /// The version that the requests have: 1.0 before GET_CAPABILITIES was answered.
    pub(crate) const fn version(&self) -> SpdmVersion {
        self.version
    }

    /// What GET_CAPABILITIES said that the Requester receives, from 1.2 on.
    pub(crate) const fn announced_sizes(&self) -> Option<TransferSizes> {
        self.requester.sizes
    }

    /// Nothing answers the request that was sent last, or its answer was refused: the next request may be sent. A
    /// recording goes on after such a request; a live connection is lost unless the operation says otherwise.
    pub const fn give_up_request(&mut self) {
        (self.pending, self.large) = (None, false);
    }

    /// Whether a request waits for its answer.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether messages may travel in chunks.
    pub(crate) fn chunks(&self) -> bool {
        let both = self.requester.flags & self.responder.flags;
        self.version >= SpdmVersion::V1_2 && both.contains(CapabilityFlags::CHUNK_CAP)
    }

    /// What the Responder announced, from [`Stage::AfterCapabilities`] on.
    #[must_use]
    pub const fn responder(&self) -> &Announced {
        &self.responder
    }

    /// The negotiation, as it enters every transcript from 1.2 on: GET_VERSION to ALGORITHMS.
    #[must_use]
    pub fn vca(&self) -> &[u8] {
        self.vca.as_bytes()
    }

    /// The digest of a slot's chain, as the last DIGESTS stated it.
    #[must_use]
    pub fn slot_digest(&self, slot: SlotId) -> Option<&Digest> {
        self.slots.get(slot.index())?.digest.as_ref()
    }

    /// What the last DIGESTS says of a slot's key, on a multi-key connection.
    #[must_use]
    pub fn slot_key(&self, slot: SlotId) -> Option<SlotKey> {
        self.slots.get(slot.index())?.key
    }

    /// The slots that have a chain, as the last DIGESTS listed them, lowest first. A slot of a multi-key
    /// connection may have a key, but no chain yet.
    pub fn provisioned_slots(&self) -> impl Iterator<Item = SlotId> {
        (0..8).filter_map(SlotId::new).filter(|slot| {
            let key = self.slot_key(*slot);
            let has_chain = key.is_none_or(|key| key.model != CertificateModel::None);
            has_chain && self.slot_digest(*slot).is_some()
        })
    }

    /// `SupportedSlotMask`: the slots that the device could have chains in, as the last DIGESTS stated
    /// (1.3). Before, only [`Self::provisioned_slots`] is known.
    #[must_use]
    pub const fn supported_slots(&self) -> Option<SlotMask> {
        self.supported
    }

    /// Applies what sending a request does to the transcripts (DSP0274 §Transcript and transcript hash
    /// calculation). Call it once per request, not for retries, RESPOND_IF_READY and chunks.
    ///
    /// # Errors
    /// [`Misuse`] where these bytes are not a request or may not be sent at this stage; then nothing changes.
    pub fn sent(&mut self, request: &[u8]) -> Result<(), Error> {
        ErrorCell::by_value(|errors| self.send(errors, errors.peek_request(request)?))
    }

    /// [`Self::sent`] for a request whose header was read.
    pub(crate) fn send<'f>(
        &mut self,
        errors: &'f ErrorCell,
        header: Header,
    ) -> Result<(), &'f Error> {
        let stage = match header.code {
            Code::GET_VERSION => {
                self.forget();
                self.pending = Some(header);
                return Ok(());
            }
            Code::GET_CAPABILITIES => Stage::AfterVersion,
            Code::NEGOTIATE_ALGORITHMS => Stage::AfterCapabilities,
            _ => Stage::Negotiated,
        };
        if stage != self.stage || !header.code.is_request() {
            return Err(errors.order(header.code));
        }
        if let Some(pending) = self.pending {
            return Err(errors.misuse(Misuse::Unanswered { request: pending.code }));
        }
        if matches!(self.scope, Scope::Session { .. }) && !travels_in_sessions(header.code) {
            return Err(errors.order(header.code));
        }
        // Without the negotiation on record, only measurements can be checked.
        let presumed = self.stage == Stage::Negotiated && self.vca.as_bytes().is_empty();
        if presumed && header.code != Code::GET_MEASUREMENTS {
            return Err(errors.order(header.code));
        }
        (self.pending, self.large) = (Some(header), false);
        let empties_b = match header.code {
            Code::GET_DIGESTS => true,
            Code::KEY_EXCHANGE
            | Code::GET_MEASUREMENTS
            | Code::FINISH
            | Code::PSK_EXCHANGE
            | Code::PSK_FINISH
            | Code::KEY_UPDATE
            | Code::HEARTBEAT
            | Code::GET_ENCAPSULATED_REQUEST
            | Code::DELIVER_ENCAPSULATED_RESPONSE
            | Code::END_SESSION
            | Code::GET_MEASUREMENT_EXTENSION_LOG => !self.challenged,
            _ => false,
        };
        // Also where it travels in a session: nothing said there enters B, but the rule that empties it makes no difference.
        if empties_b {
            self.m1.reset();
        }
        let window = self.announced == AnnouncedKeys::Awaited && self.scope == Scope::Plain;
        if window && stage == Stage::Negotiated && header.code != Code::GET_DIGESTS {
            self.announced = AnnouncedKeys::None;
        }
        if header.code != Code::GET_MEASUREMENTS {
            self.l1().reset();
        }
        Ok(())
    }

    /// Checks one completed exchange and accepts it, all or nothing: on an error nothing of the response was used, and the
    /// connection is as before, but for the transcript of a wrong signature, which is empty then.
    ///
    /// Each request is answered once. Busy, ResponseNotReady and LargeResponse are accepted, too, and leave
    /// the request waiting for its answer.
    ///
    /// `identity` is whose key the signatures of CHALLENGE_AUTH and MEASUREMENTS are checked with. Of KEY_EXCHANGE_RSP and
    /// PSK_EXCHANGE_RSP only the header is checked here: [`Self::begin_session`] and [`Self::begin_psk_session`] are for
    /// them, and [`Self::accept_endpoint_info`] for ENDPOINT_INFO.
    ///
    /// # Errors
    /// [`Error::Decode`], [`Error::Misbehaved`], [`Error::Signature`] for what the peer did wrong,
    /// [`Error::Incompatible`] where an algorithm is not implemented, [`Error::Misuse`] where the request
    /// is not one that [`Self::sent`] took.
    pub fn accept<'r, 'c>(
        &mut self,
        crypto: &mut Crypto<'_>,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, Error> {
        ErrorCell::by_value(|errors| {
            let asked = errors.peek_request(request)?.code;
            let answer = self.answer_to(errors, asked, request, response)?;
            self.accept_answer(errors, crypto, &answer, identity)
        })
    }

    /// The answer to the request that waits for one, which has this code.
    fn answer_to<'f, 'q, 'r>(
        &self,
        errors: &'f ErrorCell,
        code: Code,
        request: &'q [u8],
        response: Untrusted<&'r [u8]>,
    ) -> Result<Answer<'q, 'r>, &'f Error> {
        let asked = errors.peek_request(request)?.code;
        let header = errors.peek(response)?;
        if asked != code || self.pending.is_none_or(|pending| pending.code != asked) {
            return Err(errors.order(asked));
        }
        Ok(Answer { request, response, header })
    }

    /// [`Self::accept`] for an answer whose headers were read.
    pub(crate) fn accept_answer<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        // `send` has taken the request, and nothing has answered it yet. Otherwise nothing can be an answer.
        let asked = self.pending.ok_or_else(|| errors.unfinished())?;
        if answer.header.code == Code::ERROR {
            return self.accept_error(errors, asked, answer.response).map(Accepted::Error);
        }
        self.check_size(errors, answer)?;
        let verdict = self.accept_message(errors, crypto, asked.code, answer, identity);
        if verdict.is_ok() {
            (self.pending, self.large) = (None, false);
        }
        verdict
    }

    /// The functions for the single messages are never inlined: each writes its verdict, which is large, in its
    /// place, and nothing copies it.
    fn accept_message<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        asked: Code,
        answer: &Answer<'_, 'r>,
        identity: Option<&Identity<'c>>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        match asked {
            Code::GET_VERSION => self.accept_version(errors, answer),
            Code::GET_CAPABILITIES => self.accept_capabilities(errors, answer),
            Code::NEGOTIATE_ALGORITHMS => self.accept_algorithms(errors, answer),
            Code::GET_DIGESTS => self.accept_digests(errors, crypto, answer),
            Code::GET_CERTIFICATE => self.accept_certificate(errors, crypto, answer),
            Code::CHALLENGE => self.accept_challenge_auth(errors, crypto, answer, identity),
            Code::GET_MEASUREMENTS => self.accept_measurements(errors, crypto, answer, identity),
            _ => self.accept_other(errors, asked, answer.header),
        }
    }

    /// From 1.2 on the Requester announces the largest message it takes. How much of it comes at once
    /// cannot be seen here: a live requester lends its transport no larger place.
    fn check_size<'f>(
        &self,
        errors: &'f ErrorCell,
        answer: &Answer<'_, '_>,
    ) -> Result<(), &'f Error> {
        let Some(sizes) = self.requester.sizes else { return Ok(()) };
        let len = answer.response.into_inner_less_safe().len();
        let len = len.saturating_sub(self.answer_padding());
        let most = u64::from(sizes.max_spdm_msg_size);
        if u64::try_from(len).is_ok_and(|len| len <= most) {
            return Ok(());
        }
        let message = answer.header.code.name().unwrap_or("message");
        let at = At(message, "MaxSPDMmsgSize");
        Err(errors.value(&at, &Expected::AtMost(most), len))
    }

    /// How many bytes may follow the answer: none where LargeMessageSize told how long it is.
    pub(crate) const fn answer_padding(&self) -> usize {
        if self.large { 0 } else { self.padding() }
    }

    /// How many bytes the transport may append to a message: none inside a record.
    pub(crate) const fn padding(&self) -> usize {
        match self.scope {
            Scope::Plain => self.padding,
            Scope::Session { .. } => 0,
        }
    }

    /// Messages travel in the session with this index from now on; `measured` exchanges of measurements in it are not
    /// signed yet. Its transcript of measurements takes the place of the one of its handshake.
    pub const fn enter_session(&mut self, index: usize, measured: u16) {
        let l1 = RunningTranscript::of_session(index, measured);
        self.scope = Scope::Session { session: None, l1 };
    }

    /// [`Self::enter_session`] of a requester.
    pub(crate) const fn enter(&mut self, session: SessionHandle, measured: u16) {
        let l1 = RunningTranscript::of_session(session.index(), measured);
        self.scope = Scope::Session { session: Some(session), l1 };
    }

    /// The session of a requester that messages travel in.
    pub(crate) const fn via(&self) -> Option<SessionHandle> {
        match &self.scope {
            Scope::Plain => None,
            Scope::Session { session, .. } => *session,
        }
    }

    /// Messages travel in the clear from now on. Returns how many exchanges of measurements of the session are not signed
    /// yet, for the next [`Self::enter_session`].
    pub const fn leave_session(&mut self) -> u16 {
        let measured = match &self.scope {
            Scope::Plain => 0,
            Scope::Session { l1, .. } => l1.exchanges(),
        };
        self.scope = Scope::Plain;
        measured
    }

    /// Adds an exchange to B, which nothing of a session belongs to.
    fn add_to_b<'f>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        hash: HashAlgorithm,
        exchange: [&[u8]; 2],
    ) -> Result<(), &'f Error> {
        match self.scope {
            Scope::Plain => self.m1.add(errors, crypto, hash, self.vca.as_bytes(), exchange),
            Scope::Session { .. } => Ok(()),
        }
    }

    /// L1 of where messages travel.
    const fn l1(&mut self) -> &mut RunningTranscript {
        match &mut self.scope {
            Scope::Plain => &mut self.l1,
            Scope::Session { l1, .. } => l1,
        }
    }

    /// DIGESTS and chains that are known are those of before: they have to be read again.
    pub(crate) fn forget_slots(&mut self) {
        self.slots.fill(Slot::default());
        self.supported = None;
    }

    #[inline(never)]
    fn accept_other<'f, 'r, 'c>(
        &self,
        errors: &'f ErrorCell,
        request: Code,
        header: Header,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let message = request.response().name().unwrap_or("message");
        if header.version != self.version.to_byte() {
            let expected = Expected::Exactly(self.version.to_byte().into());
            return Err(errors.value(&At(message, "SPDMVersion"), &expected, header.version));
        }
        if header.code != request.response() {
            let expected = Expected::Exactly(request.response().0.into());
            let at = At(message, "RequestResponseCode");
            return Err(errors.value(&at, &expected, header.code.0));
        }
        Ok(Accepted::Other(header))
    }

    /// Decodes our own request.
    fn request<'f, 'a, M: Message<'a>>(
        &self,
        errors: &'f ErrorCell,
        bytes: &'a [u8],
        version: SpdmVersion,
    ) -> Result<Decoded<'a, M>, &'f Error> {
        errors.decode_request(bytes, &Cx::new(version).with_padding(self.padding))
    }
}

/// Whether a request may travel in a session (DSP0274 §Sessions). What opens and closes sessions is among them: the
/// operations know when it is their turn.
const fn travels_in_sessions(request: Code) -> bool {
    !matches!(
        request,
        Code::GET_VERSION
            | Code::GET_CAPABILITIES
            | Code::NEGOTIATE_ALGORITHMS
            | Code::CHALLENGE
            | Code::KEY_EXCHANGE
            | Code::PSK_EXCHANGE
    )
}
