//! GET_VERSION and VERSION.

use spdm_codec::{Cx, GetVersion, SpdmVersion, Version};

use super::{Connection, Stage};
use crate::accepted::Accepted;
use crate::answer::Answer;
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::version_set::VersionSet;

impl Connection {
    #[inline(never)]
    pub(super) fn accept_version<'f, 'r, 'c>(
        &mut self,
        errors: &'f ErrorCell,
        answer: &Answer<'_, 'r>,
    ) -> Result<Accepted<'r, 'c>, &'f Error> {
        let Answer { request, response, .. } = *answer;
        let asked = self.request::<GetVersion>(errors, request, SpdmVersion::V1_0)?;
        let cx = Cx::new(SpdmVersion::V1_0).with_padding(self.answer_padding());
        let decoded = errors.decode::<Version<'_>>(response, &cx)?;
        // Update and alpha versions do not show in SPDMVersion; entries that we do not know are skipped.
        let (mut versions, mut released) = (VersionSet::EMPTY, VersionSet::EMPTY);
        for entry in decoded.message.iter() {
            let Some(version) = entry.version() else { continue };
            versions.insert(version);
            if entry.alpha() == 0 {
                released.insert(version);
            }
        }
        self.vca.clear();
        self.vca.add(errors, [asked.bytes, decoded.bytes])?;
        (self.versions, self.released) = (versions, released);
        self.stage = Stage::AfterVersion;
        Ok(Accepted::Version(decoded.message))
    }
}
