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
        let mut versions = VersionSet::default();
        for version in decoded.message.iter().filter_map(|entry| entry.version()) {
            versions.insert(version);
        }
        self.vca.clear();
        self.vca.add(errors, [asked.bytes, decoded.bytes])?;
        self.versions = versions;
        self.stage = Stage::AfterVersion;
        Ok(Accepted::Version(decoded.message))
    }
}
