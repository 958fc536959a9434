//! GET_CSR and CSR (DSP0274 §GET_CSR).

use spdm_codec::{
    CapabilityFlags, CertificateModel, Code, ConnectionKeys, Csr, CsrAttributes, ErrorCode, GetCsr,
    OpaqueFormat, PendingCsr, SpdmVersion,
};

use crate::agreement::{Agreement, Suite};
use crate::draft::Draft;
use crate::provisioning::{
    CsrWanted, PostponedCsr, Provisioning, admit, implied_model, provisioning,
};
use crate::refusal::Refusal;
use crate::requester_info;
use crate::turn::Turn;

/// `CSRTrackingTag`s that a device gives.
const TAGS: core::ops::RangeInclusive<u8> = 1..=7;

pub(crate) fn respond(
    turn: &mut Turn<'_>,
    agreement: &Agreement,
    answer: &mut Draft<'_>,
) -> Result<(), Refusal> {
    admit(turn, agreement, Code::GET_CSR)?;
    let request: GetCsr<'_> = turn.decode_with(agreement.cx())?.message;
    let asked = Asked {
        suite: agreement.suite()?,
        attributes: request.attributes.unwrap_or_default(),
        requester_info: request.requester_info,
        opaque: request.opaque.as_bytes(),
    };
    let (mut front, room) = answer.halves();
    let csr = make(provisioning(turn)?, agreement, &asked, room)?;
    front.encode(&Csr { csr }, agreement.peer.version)?;
    let len = front.len();
    answer.advance(len);
    agreement.peer.check_size(answer.len())?;
    turn.compose(agreement.cx(), answer);
    Ok(())
}

/// What a Requester asks for, with GET_CSR or another message.
pub(crate) struct Asked<'r> {
    /// What the request is signed with.
    pub(crate) suite: Suite,
    pub(crate) attributes: CsrAttributes,
    pub(crate) requester_info: &'r [u8],
    pub(crate) opaque: &'r [u8],
}

/// Has the device make what is asked for, or fetches what it has made.
pub(crate) fn make<'o>(
    device: &mut dyn Provisioning,
    agreement: &Agreement,
    asked: &Asked<'_>,
    room: &'o mut [u8],
) -> Result<&'o [u8], Refusal> {
    let attributes = &asked.attributes;
    check(agreement, asked)?;
    let wanted = CsrWanted {
        suite: asked.suite,
        key_pair_id: attributes.key_pair_id,
        model: match attributes.model {
            CertificateModel::None => implied_model(agreement),
            model => model,
        },
        requester_info: asked.requester_info,
        opaque: asked.opaque,
    };
    if attributes.key_pair_id > device.total_key_pairs() {
        return Err(Refusal::invalid());
    }
    let len = match agreement.peer.flags.contains(CapabilityFlags::CERT_INSTALL_RESET_CAP) {
        false => device.make_csr(&wanted, room)?,
        true if agreement.peer.version < SpdmVersion::V1_3 => repeated(device, &wanted, room)?,
        true => tracked(device, &wanted, attributes, room)?,
    };
    room.get(..len).ok_or_else(Refusal::unspecified)
}

/// What the fields say of each other and of the connection.
fn check(agreement: &Agreement, asked: &Asked<'_>) -> Result<(), Refusal> {
    let attributes = &asked.attributes;
    let multi = agreement.selection.keys == ConnectionKeys::Multi;
    let has_key = attributes.key_pair_id != 0;
    let has_model = attributes.model != CertificateModel::None;
    let resets = agreement.peer.flags.contains(CapabilityFlags::CERT_INSTALL_RESET_CAP);
    let tracks = attributes.tracking_tag != 0;
    let overwrites = attributes.pending == PendingCsr::Overwrite;
    let no_format = agreement.selection.opaque == OpaqueFormat::None;
    let broken = [
        multi != has_key || multi != has_model,
        tracks && (overwrites || !resets),
        no_format && !asked.opaque.is_empty(),
        !requester_info::is_well_formed(asked.requester_info),
    ];
    if broken.contains(&true) { Err(Refusal::invalid()) } else { Ok(()) }
}

/// From 1.3 on tags tell requests apart.
fn tracked(
    device: &mut dyn Provisioning,
    wanted: &CsrWanted<'_>,
    attributes: &CsrAttributes,
    room: &mut [u8],
) -> Result<usize, Refusal> {
    let tag = attributes.tracking_tag;
    if tag != 0 {
        return match device.postponed_csr(tag) {
            PostponedCsr::Ready(kept) if is_same(&kept, wanted) => Ok(device.take_csr(tag, room)?),
            PostponedCsr::AwaitsReset(kept) if is_same(&kept, wanted) => {
                Err(Refusal::new(ErrorCode::BUSY))
            }
            _ => Err(Refusal::unexpected()),
        };
    }
    if attributes.pending == PendingCsr::Overwrite {
        device.discard_csrs()?;
    }
    Err(postponed(device, wanted))
}

/// A tag belongs to a key pair and a model. Subject and attributes are those of the request that got the tag.
fn is_same(kept: &CsrWanted<'_>, wanted: &CsrWanted<'_>) -> bool {
    (kept.key_pair_id, kept.model, kept.suite) == (wanted.key_pair_id, wanted.model, wanted.suite)
}

/// In 1.2 the same request is repeated after the reset.
fn repeated(
    device: &mut dyn Provisioning,
    wanted: &CsrWanted<'_>,
    room: &mut [u8],
) -> Result<usize, Refusal> {
    for tag in TAGS {
        match device.postponed_csr(tag) {
            PostponedCsr::Ready(kept) if kept == *wanted => return Ok(device.take_csr(tag, room)?),
            PostponedCsr::AwaitsReset(kept) if kept == *wanted => return Err(Refusal::reset(0)),
            _ => {}
        }
    }
    // Nobody asks for the others any more.
    device.discard_csrs()?;
    Err(match postponed(device, wanted) {
        refusal if refusal.is_reset() => Refusal::reset(0),
        refusal => refusal,
    })
}

/// Keeps a new request under a free tag.
fn postponed(device: &mut dyn Provisioning, wanted: &CsrWanted<'_>) -> Refusal {
    let free = TAGS.into_iter().find(|tag| device.postponed_csr(*tag) == PostponedCsr::None);
    let Some(tag) = free else { return Refusal::new(ErrorCode::BUSY) };
    match device.postpone_csr(wanted, tag) {
        Ok(()) => Refusal::reset(tag),
        Err(obstacle) => obstacle.into(),
    }
}
