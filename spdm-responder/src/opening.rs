//! What KEY_EXCHANGE and PSK_EXCHANGE have in common: who may open a session, which version of DSP0277, and where it goes.

use spdm_codec::{
    CapabilityFlags, ErrorCode, MeasCap, MeasurementSummary, NO_AEAD_LIMIT, OpaqueData,
    OpaqueElement, OpaqueFormat, SecuredMessageData, SecuredMessageVersion, SessionPolicy,
    SpdmVersion,
};
use spdm_crypto::{Direction, HandshakeSecrets, KeySchedule, RecordStream};

use crate::agreement::Agreement;
#[cfg(feature = "events")]
use crate::events::SubscribedTypes;
use crate::mutual::Requester;
use crate::refusal::Refusal;
use crate::session::{After, KeyUsed, Secrets, Session, SessionKind, SessionSlot};
use crate::transcript;
use crate::turn::Turn;

/// Versions of DSP0277, the best first.
const VERSIONS: [SecuredMessageVersion; 4] = [
    SecuredMessageVersion(0x1300),
    SecuredMessageVersion(0x1200),
    SecuredMessageVersion(0x1100),
    SecuredMessageVersion(0x1000),
];

/// The longest table with one version, in 1.1.
pub(crate) const OPAQUE_LEN: usize = 16;

/// What both exchanges demand besides their own capability (DSP0274 §KEY_EXCHANGE, §PSK_EXCHANGE).
pub(crate) fn check(
    agreement: &Agreement,
    summary: MeasurementSummary,
    policy: SessionPolicy,
) -> Result<(), Refusal> {
    let (peer, selection) = (&agreement.peer, &agreement.selection);
    let rules = [
        peer.both().contains(CapabilityFlags::MAC_CAP),
        peer.version < SpdmVersion::V1_2 || selection.opaque == OpaqueFormat::Table,
        summary == MeasurementSummary::None
            || peer.flags.meas_cap() != MeasCap::None
                && !selection.measurement_specification.is_empty(),
        peer.version < SpdmVersion::V1_3
            || !policy.contains(SessionPolicy::EVENT_ALL_POLICY)
            || peer.flags.contains(CapabilityFlags::EVENT_CAP),
    ];
    if rules.contains(&false) { Err(Refusal::invalid()) } else { Ok(()) }
}

/// What the opaque data of KEY_EXCHANGE or PSK_EXCHANGE agree on.
pub(crate) struct Selected {
    /// Length of ours.
    pub(crate) len: usize,
    /// The exponent of how many records a key protects. Ours is none.
    pub(crate) aead_limit: u8,
}

/// Selects a version of DSP0277 out of the Requester's opaque data and writes ours. Without an offer there is no
/// selection.
pub(crate) fn select_version(
    agreement: &Agreement,
    offer: &OpaqueData<'_>,
    out: &mut [u8; OPAQUE_LEN],
) -> Result<Selected, Refusal> {
    if offer.as_bytes().is_empty() {
        return Ok(Selected { len: 0, aead_limit: NO_AEAD_LIMIT });
    }
    let (mut offered, mut limit) = (None, None);
    for element in offer.elements() {
        match SecuredMessageData::decode(&element) {
            Some(Ok(SecuredMessageData::SupportedVersions(versions))) if offered.is_none() => {
                offered = Some(versions);
            }
            Some(Ok(SecuredMessageData::AeadLimit(exponent))) if limit.is_none() => {
                limit = Some(exponent);
            }
            None => {}
            // A selection, a second list or limit, or one that is malformed.
            Some(_) => return Err(Refusal::invalid()),
        }
    }
    let offered = offered.ok_or_else(Refusal::invalid)?;
    let byte =
        |version: &[u8; 2]| SecuredMessageVersion(u16::from_le_bytes(*version)).version_byte();
    let best = VERSIONS
        .into_iter()
        .find(|version| offered.iter().any(|other| byte(other) == version.version_byte()));
    let best = best.ok_or_else(Refusal::invalid)?;
    let aead_limit = limit.filter(|_| best.has_aead_limit()).unwrap_or(NO_AEAD_LIMIT);
    let selection = SecuredMessageData::VersionSelection(best);
    let mut data = [0; 4];
    let len = selection.encode(&mut data)?;
    let data = data.get(..len).unwrap_or_default();
    let format = match agreement.peer.version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::TableWithSpecId,
        _ => OpaqueFormat::Table,
    };
    let element = OpaqueElement { id: 0, vendor_id: &[], data };
    Ok(Selected { len: OpaqueData::encode_table(format, &[element], out)?, aead_limit })
}

/// A free place, and the id of the session that will be there. RspSessionID is random: with PSK_CAP 1 nothing else of a
/// handshake is, and a recorded session can be played again where it comes a second time. Only a context of the device's
/// own (PSK_CAP 2) rules that out.
pub(crate) fn reserve(turn: &mut Turn<'_>, req_session_id: u16) -> Result<(usize, u32), Refusal> {
    let free = turn.sessions.iter().position(|slot| slot.0.is_none());
    let limit = Refusal::new(ErrorCode::SESSION_LIMIT_EXCEEDED);
    let index = free.ok_or(limit)?;
    let mut random = [0; 2];
    turn.device.random(&mut random)?;
    let first = u16::from_le_bytes(random);
    // Never 0, as no id of a session is, nor that of another session.
    let mut candidates = (0..=u16::MAX).map(|step| first.wrapping_add(step));
    let sessions = &*turn.sessions;
    let is_taken = |candidate: u16| {
        let mut alive = sessions.iter().filter_map(SessionSlot::session_id);
        alive.any(|id| id >> 16 == u32::from(candidate))
    };
    let rsp_session_id = candidates.find(|candidate| *candidate != 0 && !is_taken(*candidate));
    let rsp_session_id = rsp_session_id.ok_or(limit)?;
    Ok((index, u32::from(rsp_session_id) << 16 | u32::from(req_session_id)))
}

/// The schedule of the connection's sessions.
pub(crate) fn schedule(turn: &Turn<'_>, agreement: &Agreement) -> Result<KeySchedule, Refusal> {
    let selection = &agreement.selection;
    let (hash, aead) = selection.hash.zip(selection.aead).ok_or_else(Refusal::invalid)?;
    Ok(KeySchedule::new(turn.provider, agreement.peer.version, hash, aead)?)
}

/// HeartbeatPeriod in seconds.
pub(crate) fn heartbeat_period(turn: &Turn<'_>, agreement: &Agreement) -> u8 {
    let both = agreement.peer.both().contains(CapabilityFlags::HBEAT_CAP);
    if both { turn.config.heartbeat_period } else { 0 }
}

/// Puts a session in its place, with the handshake's keys; nothing fails afterwards.
pub(crate) fn place(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    index: usize,
    id: u32,
    kind: SessionKind,
    aead_limit: u8,
    secrets: HandshakeSecrets,
) -> Result<(), Refusal> {
    let hash = agreement.selection.hash.ok_or_else(Refusal::unexpected)?;
    transcript::begin_l1(turn.hashes, agreement.peer.version, hash, transcript::session_l1(index))?;
    let stream = |direction| -> Result<RecordStream, Refusal> {
        Ok(RecordStream::new(secrets.record_key(direction)?).with_limit(aead_limit))
    };
    let (requests, responses) = (stream(Direction::Request)?, stream(Direction::Response)?);
    let heartbeat_period = heartbeat_period(turn, agreement);
    let slot = turn.sessions.get_mut(index).ok_or_else(Refusal::unexpected)?;
    *slot = SessionSlot(Some(Session {
        id,
        kind,
        secrets: Secrets::Handshake(secrets),
        requests,
        responses,
        update: None,
        used: KeyUsed::Due,
        heartbeat_period,
        requester: Requester::default(),
        after: After::Nothing,
        #[cfg(feature = "events")]
        subscription: SubscribedTypes::NONE,
        #[cfg(all(feature = "events", feature = "mutual-auth"))]
        next_event: Some(crate::own_event::FIRST_ID),
    }));
    Ok(())
}
