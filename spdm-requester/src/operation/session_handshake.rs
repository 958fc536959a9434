//! What KEY_EXCHANGE and PSK_EXCHANGE have in common: the offer of secured messages, the second message, the keys.

use spdm_codec::{
    CapabilityFlags, Finish, Message, OpaqueData, OpaqueElement, PskFinish, RecordBinding,
    RecordPrivacy, SecuredMessageData, SecuredMessageVersion, SessionPolicy, SpdmVersion,
};
use spdm_codec::{Code, MeasurementSummary};
use spdm_crypto::{Digest, Direction, ExportSecret, HandshakeSecrets, HashBank, KeySchedule};
use spdm_crypto::{Provider, RecordForm};

use crate::env::{Ask, Env};
use crate::error::{Error, Incompatible, Misuse, SessionFault};
use crate::error_cell::ErrorCell;
use crate::negotiated::Negotiated;
use crate::session::{Established, SessionHandle};
use crate::transcript::RunningTranscript;

/// What a session is to be like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SessionPlan {
    /// Which measurements the signature or the HMAC is to cover as a hash.
    pub summary: MeasurementSummary,
    /// `SessionPolicy` (1.2): what becomes of the session when the device is updated.
    pub policy: SessionPolicy,
    /// The versions of DSP0277 that are offered, little-endian, the lowest one first. Without any no opaque data is sent.
    /// Of more than three the first three are offered through SPDM 1.1, and the last three from 1.2 on: some devices refuse
    /// more.
    pub secured_versions: &'static [[u8; 2]],
}

impl SessionPlan {
    /// No measurements, a session that ends with an update of the device, secured messages 1.0 to 1.3.
    pub const DEFAULT: Self = Self {
        summary: MeasurementSummary::None,
        policy: SessionPolicy::empty(),
        secured_versions: &[[0x00, 0x10], [0x00, 0x11], [0x00, 0x12], [0x00, 0x13]],
    };
}

impl Default for SessionPlan {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a session agreed on.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The session.
    pub session: SessionHandle,
    /// `SessionID`: the Responder's half is the high one.
    pub session_id: u32,
    /// `HeartbeatPeriod` in seconds; 0 for none.
    pub heartbeat_period: u8,
    /// Whether its records are encrypted.
    pub privacy: RecordPrivacy,
    /// The version of DSP0277 that was selected; `None` where none was offered.
    pub secured_version: Option<SecuredMessageVersion>,
    /// How many records a key protects at most, as a power of two (DSP0277 1.3 §AEAD limit); 64 where the device says
    /// nothing.
    pub aead_limit: u8,
    /// The export master secret, from which other protocols derive keys. It is erased when it is dropped.
    pub export: ExportSecret,
}

/// What a handshake agreed on, until the session is established.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement {
    pub(super) session: SessionHandle,
    pub(super) privacy: RecordPrivacy,
    pub(super) terms: SessionTerms,
}

/// What the device's answer says of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionTerms {
    pub(super) session_id: u32,
    pub(super) heartbeat_period: u8,
    pub(super) secured_version: Option<SecuredMessageVersion>,
    pub(super) aead_limit: u8,
}

/// Room for the opaque data of the largest offer.
pub(super) const OPAQUE_ROOM: usize = 64;

/// Where a session will be, and how its records are carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) session: SessionHandle,
    pub(super) binding: RecordBinding,
}

/// What both sides need to have for a session, and a place for it.
pub(super) fn prepare<'q, 'f>(
    ask: &Ask<'q, 'f>,
    needs: CapabilityFlags,
    name: &'static str,
) -> Result<(&'q Negotiated, Place), &'f Error> {
    let agreed = ask.require(needs, name)?;
    if !agreed.both(needs) {
        return Err(ask.errors.misuse(Misuse::NotOffered(name)));
    }
    if agreed.record_privacy().is_none() {
        return Err(ask.errors.incompatible(Incompatible::Capability("MAC_CAP")));
    }
    let binding = ask.records.ok_or_else(|| ask.errors.stop(SessionFault::Transport))?;
    let free = ask.sessions.and_then(|sessions| sessions.free());
    let session = free.ok_or_else(|| ask.errors.stop(SessionFault::NoRoom))?;
    Ok((agreed, Place { session, binding }))
}

/// How many versions of DSP0277 are offered: spdm-rs takes no more.
const MOST_VERSIONS: usize = 3;

/// The opaque data that offers versions of DSP0277: how many bytes of `out` it takes.
pub(super) fn offer<'f>(
    errors: &'f ErrorCell,
    agreed: &Negotiated,
    versions: &'static [[u8; 2]],
    out: &mut [u8; OPAQUE_ROOM],
) -> Result<usize, &'f Error> {
    if versions.is_empty() {
        return Ok(0);
    }
    let versions = match agreed.version {
        SpdmVersion::V1_1 => versions.first_chunk::<MOST_VERSIONS>(),
        _ => versions.last_chunk(),
    }
    .map_or(versions, |few| few.as_slice());
    let mut data = [0; OPAQUE_ROOM];
    let len = SecuredMessageData::SupportedVersions(versions).encode(&mut data);
    let len = len.map_err(|error| errors.stop(error))?;
    let data = data.get(..len).unwrap_or_default();
    let element = OpaqueElement { id: 0, vendor_id: &[], data };
    let format = agreed.session_opaque_format();
    OpaqueData::encode_table(format, &[element], out).map_err(|error| errors.stop(error))
}

/// The key schedule of the connection.
pub(super) fn schedule<'f>(
    errors: &'f ErrorCell,
    provider: &Provider,
    agreed: &Negotiated,
) -> Result<KeySchedule, &'f Error> {
    let hash = agreed.hash().map_err(|error| errors.incompatible(error))?;
    let aead = agreed.aead().map_err(|error| errors.incompatible(error))?;
    KeySchedule::new(provider, agreed.version, hash, aead)
        .map_err(|error| errors.stop(SessionFault::from(error)))
}

/// FINISH or PSK_FINISH that is to be sent: its HMAC covers everything before it, so that the message is known as soon as the
/// answer before it is accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecondMessage {
    code: Code,
    verify_data: Digest,
}

impl SecondMessage {
    /// `th` is the place of the transcript, which holds everything up to here, and the whole message afterwards.
    pub(super) fn new<'f>(
        errors: &'f ErrorCell,
        version: SpdmVersion,
        code: Code,
        secrets: &HandshakeSecrets,
        hashes: &mut dyn HashBank,
        th: usize,
    ) -> Result<Self, &'f Error> {
        // Without its HMAC.
        let mut head = [0; 8];
        let len = Self::encode_with(version, code, &[], &mut head);
        let len = len.map_err(|error| errors.stop(error))?;
        let head = head.get(..len).unwrap_or_default();
        let digest = hashes.update(th, head).and_then(|()| hashes.snapshot(th));
        let digest = digest.map_err(|error| errors.stop(error))?;
        let verify_data = secrets.verify_data(Direction::Request, &digest);
        let verify_data = verify_data.map_err(|error| errors.stop(SessionFault::from(error)))?;
        hashes.update(th, verify_data.as_bytes()).map_err(|error| errors.stop(error))?;
        Ok(Self { code, verify_data })
    }

    pub(super) fn encode<'f>(
        &self,
        ask: &Ask<'_, 'f>,
        version: SpdmVersion,
        out: &mut [u8],
    ) -> Result<usize, &'f Error> {
        let verify_data = self.verify_data.as_bytes();
        let opaque = opaque_of(version);
        match self.code {
            Code::FINISH => {
                ask.encode(&Finish { opaque, signature: None, verify_data }, version, out)
            }
            _ => ask.encode(&PskFinish { opaque, verify_data }, version, out),
        }
    }

    fn encode_with(
        version: SpdmVersion,
        code: Code,
        verify_data: &[u8],
        out: &mut [u8],
    ) -> Result<usize, spdm_codec::EncodeError> {
        let opaque = opaque_of(version);
        match code {
            Code::FINISH => Finish { opaque, signature: None, verify_data }.encode(version, out),
            _ => PskFinish { opaque, verify_data }.encode(version, out),
        }
    }
}

/// Opaque data, which is empty, from 1.4 on.
pub(super) fn opaque_of(version: SpdmVersion) -> Option<OpaqueData<'static>> {
    (version >= SpdmVersion::V1_4).then_some(OpaqueData::EMPTY)
}

/// The session is established: everything of its handshake is in its transcript. Its handshake is erased.
pub(super) fn establish<'f>(
    env: &mut Env<'_, 'f>,
    agreement: &Agreement,
) -> Result<Opened, &'f Error> {
    let errors = env.errors;
    let Agreement { session, privacy, terms } = *agreement;
    let th = transcript_of(session);
    let th2 = env.hashes.snapshot(th).map_err(|error| errors.stop(error))?;
    let slot = env.sessions.as_deref_mut().and_then(|sessions| sessions.slot(session));
    let slot = slot.ok_or_else(|| errors.stop(SessionFault::Over))?;
    let secrets = slot.handshake().ok_or_else(|| errors.stop(SessionFault::Over))?;
    let data = secrets.data(&th2).map_err(|error| errors.stop(SessionFault::from(error)))?;
    let keys = Established::new(data.request, data.response, terms.aead_limit);
    let keys = keys.map_err(|error| errors.stop(SessionFault::from(error)))?;
    slot.establish(keys, env.connection.now);
    let export = data.export;
    env.log_data(session)?;
    let SessionTerms { session_id, heartbeat_period, secured_version, aead_limit } = terms;
    Ok(Opened {
        session,
        session_id,
        heartbeat_period,
        privacy,
        secured_version,
        aead_limit,
        export,
    })
}

/// The session's handshake is kept in its place from now on.
pub(super) fn keep<'f>(
    env: &mut Env<'_, 'f>,
    place: Place,
    th1: &Digest,
    terms: SessionTerms,
    secrets: HandshakeSecrets,
) -> Result<Agreement, &'f Error> {
    let errors = env.errors;
    let Place { session, binding } = place;
    let privacy = env.agreed()?.record_privacy();
    let privacy =
        privacy.ok_or_else(|| errors.incompatible(Incompatible::Capability("MAC_CAP")))?;
    let slot = env.sessions.as_deref_mut().and_then(|sessions| sessions.slot(session));
    let slot = slot.ok_or_else(|| errors.stop(SessionFault::NoRoom))?;
    let session = session.named(th1);
    let form = RecordForm { binding, privacy, session_id: terms.session_id };
    slot.begin(session, form, secrets, terms.heartbeat_period, terms.aead_limit);
    Ok(Agreement { session, privacy, terms })
}

/// The place of a session's transcript.
pub(super) fn transcript_of(session: SessionHandle) -> usize {
    RunningTranscript::place_of_session(session.index())
}
