//! GET_VERSION and VERSION (DSP0274 §GET_VERSION).

use spdm_codec::{Cx, GetVersion, SpdmVersion, Version, VersionNumberEntry};

use crate::draft::Draft;
use crate::refusal::Refusal;
use crate::turn::Turn;

/// The request's bytes.
pub(crate) fn respond<'t>(
    turn: &mut Turn<'t>,
    answer: &mut Draft<'_>,
) -> Result<&'t [u8], Refusal> {
    let request = turn.decode::<GetVersion>(SpdmVersion::V1_0)?;
    let mut entries = [[0; 2]; SpdmVersion::ALL.len()];
    let versions = turn.config.versions.iter();
    let count = entries
        .iter_mut()
        .zip(versions)
        .map(|(entry, version)| *entry = VersionNumberEntry::new(*version).0.to_le_bytes())
        .count();
    let entries = entries.get(..count).unwrap_or_default();
    answer.encode(&Version { entries }, SpdmVersion::V1_0)?;
    turn.compose(Cx::new(SpdmVersion::V1_0), answer);
    Ok(request.bytes)
}
