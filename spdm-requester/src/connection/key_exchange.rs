//! KEY_EXCHANGE and KEY_EXCHANGE_RSP.

use spdm_codec::{
    CapabilityFlags, Code, ConnectionKeys, Cx, Expected, Handshake, KeyExchange, KeyExchangeRsp,
    KeySlot, MeasCap, MeasurementSummary, MutAuthRequested, NO_AEAD_LIMIT, OpaqueData,
    OpaqueFormat, RecordPrivacy, SecuredMessageData, SecuredMessageVersion, SessionPolicy,
    SpdmVersion,
};
use spdm_crypto::{AeadAlgorithm, Digest, HashAlgorithm, KeyExchangeAlgorithm};
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

use super::challenge::check_identity;
use super::proof::{SignedExchange, verify};
use super::{AnnouncedKeys, Connection, Scope};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::error::{Error, Incompatible, Misuse};
use crate::error_cell::{At, ErrorCell};
use crate::negotiated::Negotiated;
use crate::possession::{Possession, Proof};
use crate::summary::SummaryHash;
use crate::transcript::{Crypto, RunningTranscript};

const MESSAGE: &str = "KEY_EXCHANGE_RSP";

/// A session whose KEY_EXCHANGE_RSP was accepted. Its `ResponderVerifyData` is not checked yet: that takes the shared
/// secret.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BegunSession<'r, 'c> {
    /// The message.
    pub message: KeyExchangeRsp<'r>,
    /// The proof; `None` where no identity was given to check the signature with.
    pub possession: Option<Possession<'c>>,
    /// The transcript hash TH1, of which the secrets of the handshake are made: everything up to the signature.
    pub th1: Digest,
    /// `SessionID`: the Responder's half is the high one.
    pub session_id: u32,
    /// The version of DSP0277 that was selected; `None` where none was offered.
    pub secured_version: Option<SecuredMessageVersion>,
    /// How many records a key protects at most, as a power of two: what the device says (DSP0277 1.3 §AEAD limit).
    pub aead_limit: u8,
}

impl Negotiated {
    /// Whether both sides announced all of `flags`.
    #[must_use]
    pub fn both(&self, flags: CapabilityFlags) -> bool {
        (self.requester.flags & self.responder.flags).contains(flags)
    }

    /// Whether both sides know encapsulated requests. 1.2 has MUT_AUTH_CAP say so, too (an error in the text of 1.2.0).
    #[must_use]
    pub fn encapsulates(&self) -> bool {
        type F = CapabilityFlags;
        let knows = |flags: F| match self.version {
            SpdmVersion::V1_0 => false,
            SpdmVersion::V1_2 => flags.intersects(F::ENCAP_CAP | F::MUT_AUTH_CAP),
            SpdmVersion::V1_1 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => {
                flags.contains(F::ENCAP_CAP)
            }
        };
        knows(self.requester.flags) && knows(self.responder.flags)
    }

    /// Whether the handshake of sessions is in the clear (HANDSHAKE_IN_THE_CLEAR_CAP of both sides).
    #[must_use]
    pub fn handshake(&self) -> Handshake {
        if self.both(CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP) {
            Handshake::InTheClear
        } else {
            Handshake::Secured
        }
    }

    /// Whether the records of sessions are encrypted; `None` where both sides do not even authenticate them.
    #[must_use]
    pub fn record_privacy(&self) -> Option<RecordPrivacy> {
        match (self.both(CapabilityFlags::MAC_CAP), self.both(CapabilityFlags::ENCRYPT_CAP)) {
            (false, _) => None,
            (true, true) => Some(RecordPrivacy::Encrypted),
            (true, false) => Some(RecordPrivacy::Authenticated),
        }
    }

    /// The key exchange that was selected.
    ///
    /// # Errors
    /// [`Incompatible`] where none was, or it is not implemented.
    pub fn key_exchange(&self) -> Result<KeyExchangeAlgorithm, Incompatible> {
        let structs = &self.selected.alg_structs;
        if let Some(kem) = structs.kem.filter(|kem| !kem.is_empty()) {
            return KeyExchangeAlgorithm::from_kem(kem).ok_or_else(|| Incompatible::Algorithm {
                field: "KEMAlg",
                selected: kem.bits().into(),
            });
        }
        let field = "DHE";
        let dhe = structs.dhe.filter(|dhe| !dhe.is_empty());
        let dhe = dhe.ok_or(Incompatible::NoAlgorithm { field })?;
        KeyExchangeAlgorithm::from_dhe_group(dhe)
            .ok_or_else(|| Incompatible::Algorithm { field, selected: dhe.bits().into() })
    }

    /// The AEAD that was selected.
    ///
    /// # Errors
    /// [`Incompatible`] where none was, or it is not implemented.
    pub fn aead(&self) -> Result<AeadAlgorithm, Incompatible> {
        let field = "AEAD";
        let suite = self.selected.alg_structs.aead.filter(|suite| !suite.is_empty());
        let suite = suite.ok_or(Incompatible::NoAlgorithm { field })?;
        AeadAlgorithm::from_cipher_suite(suite)
            .ok_or_else(|| Incompatible::Algorithm { field, selected: suite.bits().into() })
    }

    /// How OpaqueData of the messages of sessions is to be read: 1.1 has a format for them alone.
    #[must_use]
    pub fn session_opaque_format(&self) -> OpaqueFormat {
        match self.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::TableWithSpecId,
            SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => self.opaque_format(),
        }
    }

    /// What of a policy the version has.
    pub(crate) fn session_policy(&self, policy: SessionPolicy) -> SessionPolicy {
        match self.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => SessionPolicy::empty(),
            SpdmVersion::V1_2 => policy - SessionPolicy::EVENT_ALL_POLICY,
            SpdmVersion::V1_3 | SpdmVersion::V1_4 => policy,
        }
    }

    /// [`Self::cx`] with what the messages of a session depend on.
    pub(crate) fn session_cx(&self, padding: usize) -> Cx {
        self.cx(padding).with_handshake(self.handshake())
    }
}

impl Connection {
    /// [`Self::accept`] for KEY_EXCHANGE_RSP, the message that begins a session: its fields are compared with the request
    /// and the negotiation, and its signature is checked with the key of `identity`.
    ///
    /// The session has this index among those of the connection. Its transcript, A, D, the hash of the chain and both
    /// messages up to the signature, is in the place of the bank that [`Crypto::hashes`] says, and goes on with what the
    /// caller adds. An ERROR in answer is one for [`Self::accept`].
    ///
    /// # Errors
    /// Those of [`Self::accept`]; then no session begins. [`Misuse`] also where neither `identity` nor DIGESTS says which
    /// chain it is.
    pub fn begin_session<'r, 'c>(
        &mut self,
        crypto: &mut Crypto<'_>,
        request: &[u8],
        response: Untrusted<&'r [u8]>,
        identity: Option<&Identity<'c>>,
        index: usize,
    ) -> Result<BegunSession<'r, 'c>, Error> {
        ErrorCell::by_value(|errors| {
            let answer = self.answer_to(errors, Code::KEY_EXCHANGE, request, response)?;
            self.accept_key_exchange(errors, crypto, &answer, identity, index)
        })
    }

    /// D: keeps the running hash of A and the first DIGESTS, where no other request came before it and the bank has a
    /// place for it.
    pub(super) fn keep_announced<'f>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        hash: HashAlgorithm,
        digests: &[u8],
    ) -> Result<(), &'f Error> {
        let multi_key = self
            .negotiated
            .is_some_and(|negotiated| negotiated.connection_keys == ConnectionKeys::Multi);
        let has_place = crypto.hashes.places() > RunningTranscript::D;
        let awaited = self.announced == AnnouncedKeys::Awaited && self.scope == Scope::Plain;
        if !(multi_key && has_place && awaited) {
            return Ok(());
        }
        let hashes = &mut *crypto.hashes;
        hashes
            .start(RunningTranscript::D, hash)
            .and_then(|()| hashes.update(RunningTranscript::D, self.vca.as_bytes()))
            .and_then(|()| hashes.update(RunningTranscript::D, digests))
            .map_err(|error| errors.stop(error))?;
        self.announced = AnnouncedKeys::Kept;
        Ok(())
    }

    /// Checks KEY_EXCHANGE_RSP and its signature. The transcript of the session with this index begins: A, D, Ct, both
    /// messages up to the signature (DSP0274 §Transcript for KEY_EXCHANGE).
    #[inline(never)]
    pub(crate) fn accept_key_exchange<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        answer: &Answer<'_, 'r>,
        identity: Option<&Identity<'c>>,
        index: usize,
    ) -> Result<BegunSession<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        self.check_size(errors, answer)?;
        let Some(negotiated) = &self.negotiated else {
            return Err(errors.order(Code::KEY_EXCHANGE));
        };
        let hash = negotiated.hash().map_err(|error| errors.incompatible(error))?;
        let exchange = negotiated.key_exchange().map_err(|error| errors.incompatible(error))?;
        let padding = self.answer_padding();
        let cx = negotiated
            .session_cx(self.padding)
            .with_exchange_lens(exchange.request_len(), exchange.response_len());
        let asked = errors.decode_request::<KeyExchange<'_>>(request, &cx)?;
        let question = &asked.message;
        check_identity(errors, negotiated, question.slot, identity)?;
        let measures = negotiated.responder.flags.meas_cap() != MeasCap::None;
        let summary = question.summary != MeasurementSummary::None && measures;
        let cx = cx
            .with_padding(padding)
            .with_summary_len(if summary { negotiated.hash_len() } else { 0 })
            .with_signature_len(negotiated.signature_len());
        let decoded = errors.decode::<KeyExchangeRsp<'_>>(response, &cx)?;
        let message = decoded.message;
        check_fields(errors, negotiated, question, &message)?;
        let (secured_version, aead_limit) =
            check_opaque(errors, MESSAGE, &question.opaque, &message.opaque)?;

        let ct = match (identity, question.slot) {
            (Some(identity), _) => *identity.digest(),
            (None, KeySlot::Slot(slot)) => {
                *self.slot_digest(slot).ok_or_else(|| errors.order(Code::KEY_EXCHANGE))?
            }
            (None, KeySlot::PublicKey) => return Err(errors.misuse(Misuse::Identity)),
        };
        let verify_data = message.verify_data.len();
        let signed = decoded.bytes.len().saturating_sub(verify_data);
        let signed = decoded.bytes.get(..signed).unwrap_or_default();
        let place = RunningTranscript::place_of_session(index);
        let unsigned = signed.len().saturating_sub(message.signature.len());
        let unsigned = signed.get(..unsigned).unwrap_or_default();
        let hashes = &mut *crypto.hashes;
        let begun = match self.announced {
            AnnouncedKeys::Kept => hashes.fork(RunningTranscript::D, place),
            AnnouncedKeys::Awaited | AnnouncedKeys::None => {
                hashes.start(place, hash).and_then(|()| hashes.update(place, self.vca.as_bytes()))
            }
        };
        let digest = begun
            .and_then(|()| hashes.update(place, ct.as_bytes()))
            .and_then(|()| hashes.update(place, asked.bytes))
            .and_then(|()| hashes.update(place, unsigned))
            .and_then(|()| hashes.snapshot(place))
            .map_err(|error| errors.stop(error))?;
        let exchange = SignedExchange {
            proof: Proof::KeyExchange,
            request: asked.bytes,
            response: signed,
            signature: message.signature,
            nonce: &question.random_data,
            compat: self.compat,
        };
        let possession = verify(errors, crypto.provider, negotiated, digest, identity, &exchange)?;
        let hashes = &mut *crypto.hashes;
        let th1 = hashes
            .update(place, message.signature)
            .and_then(|()| hashes.snapshot(place))
            .map_err(|error| errors.stop(error))?;
        let summary = SummaryHash::new(question.summary, message.measurement_summary_hash);
        let possession = possession.map(|possession| possession.with_summary(summary));
        let session_id =
            session_id(errors, MESSAGE, question.req_session_id, message.rsp_session_id)?;
        (self.pending, self.large) = (None, false);
        Ok(BegunSession { message, possession, th1, session_id, secured_version, aead_limit })
    }
}

impl<'r, 'c> BegunSession<'r, 'c> {
    pub(crate) const fn accepted(&self) -> Accepted<'r, 'c> {
        Accepted::KeyExchangeRsp { message: self.message, possession: self.possession }
    }
}

fn check_fields<'f>(
    errors: &'f ErrorCell,
    negotiated: &Negotiated,
    question: &KeyExchange<'_>,
    message: &KeyExchangeRsp<'_>,
) -> Result<(), &'f Error> {
    check_heartbeat(errors, MESSAGE, negotiated, message.heartbeat_period)?;
    check_mutual_authentication(errors, negotiated, message)?;
    if message.random_data.0 == question.random_data.0 {
        let from = "random data of the Responder's own";
        return Err(errors.differs(&At(MESSAGE, "RandomData"), from));
    }
    Ok(())
}

/// `MutAuthRequested` and, where it says something, `SlotIDParam`: what both sides can do, and how the Requester has its key.
fn check_mutual_authentication<'f>(
    errors: &'f ErrorCell,
    negotiated: &Negotiated,
    message: &KeyExchangeRsp<'_>,
) -> Result<(), &'f Error> {
    let raw = negotiated.requester.flags.contains(CapabilityFlags::PUB_KEY_ID_CAP);
    let allowed = match message.mut_auth {
        MutAuthRequested::No => return Ok(()),
        MutAuthRequested::WithoutEncapsulation => true,
        MutAuthRequested::WithEncapsulation | MutAuthRequested::WithGetDigests => {
            !raw && negotiated.encapsulates()
        }
    };
    if !allowed || !negotiated.both(CapabilityFlags::MUT_AUTH_CAP) {
        return Err(errors.unexpected(&At(MESSAGE, "MutAuthRequested")));
    }
    let without = message.mut_auth == MutAuthRequested::WithoutEncapsulation;
    if without && raw != (message.req_slot == KeySlot::PublicKey) {
        let rule =
            if raw { "0xf, for the key has no slot" } else { "a slot, for there is no raw key" };
        let at = &At(MESSAGE, "SlotIDParam");
        return Err(errors.value(at, &Expected::Rule(rule), message.req_slot.to_nibble()));
    }
    Ok(())
}

/// `HeartbeatPeriod`: none unless both sides have HBEAT_CAP.
pub(super) fn check_heartbeat<'f>(
    errors: &'f ErrorCell,
    message: &'static str,
    negotiated: &Negotiated,
    period: u8,
) -> Result<(), &'f Error> {
    if period != 0 && !negotiated.both(CapabilityFlags::HBEAT_CAP) {
        let at = &At(message, "HeartbeatPeriod");
        return Err(errors.value(at, &Expected::Exactly(0), period));
    }
    Ok(())
}

/// `SessionID`: the Responder's half is the high one. 0 is none.
pub(super) fn session_id<'f>(
    errors: &'f ErrorCell,
    message: &'static str,
    requester: u16,
    responder: u16,
) -> Result<u32, &'f Error> {
    match (u32::from(responder) << 16) | u32::from(requester) {
        0 => {
            let at = &At(message, "RspSessionID");
            Err(errors.value(at, &Expected::AtLeast(1), responder))
        }
        id => Ok(id),
    }
}

/// The version of DSP0277 that was selected out of those that were offered, `None` where none was (DSP0277 §Opaque data),
/// and the exponent of how many records a key protects.
pub(super) fn check_opaque<'f>(
    errors: &'f ErrorCell,
    message: &'static str,
    offered: &OpaqueData<'_>,
    answered: &OpaqueData<'_>,
) -> Result<(Option<SecuredMessageVersion>, u8), &'f Error> {
    let mut offers = None;
    for element in offered.elements() {
        if let Some(Ok(SecuredMessageData::SupportedVersions(versions))) =
            SecuredMessageData::decode(&element)
        {
            offers = Some(versions);
        }
    }
    let at = &At(message, "OpaqueData");
    let (mut selected, mut limit) = (None, None);
    for element in answered.elements() {
        match SecuredMessageData::decode(&element) {
            None => {}
            Some(Err(error)) => return Err(errors.stop(error)),
            Some(Ok(SecuredMessageData::VersionSelection(version))) if selected.is_none() => {
                selected = Some(version);
            }
            Some(Ok(SecuredMessageData::VersionSelection(_))) => {
                return Err(errors.unexpected(&At(message, "SelectedVersion")));
            }
            Some(Ok(SecuredMessageData::AeadLimit(exponent))) if limit.is_none() => {
                limit = Some(exponent);
            }
            Some(Ok(SecuredMessageData::AeadLimit(_))) => {
                return Err(errors.unexpected(&At(message, "AEADLimitExponent")));
            }
            Some(Ok(_)) => {
                return Err(errors.unexpected(&At(message, "SecuredMessageVersion")));
            }
        }
    }
    match (offers, selected) {
        (None, None) => Ok((None, NO_AEAD_LIMIT)),
        (None, Some(_)) => Err(errors.unexpected(&At(message, "SelectedVersion"))),
        (Some(_), None) => {
            let rule = &Expected::Rule("a selected version of secured messages");
            Err(errors.value(at, rule, answered.as_bytes().len()))
        }
        (Some(offers), Some(version)) => {
            // The update version and the alpha do not count.
            let mut offers =
                offers.iter().map(|bytes| SecuredMessageVersion(u16::from_le_bytes(*bytes)));
            if offers.any(|offer| offer.version_byte() == version.version_byte()) {
                let limit = limit.filter(|_| version.has_aead_limit());
                return Ok((Some(version), limit.unwrap_or(NO_AEAD_LIMIT)));
            }
            let from = "every version that was offered";
            Err(errors.differs(&At(message, "SelectedVersion"), from))
        }
    }
}
