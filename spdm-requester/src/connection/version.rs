//! GET_VERSION and VERSION.

use spdm_codec::{Cx, GetVersion, SpdmVersion, Version};

use super::{Case, Connection, Stage, Verdict, VersionSet};
use crate::fault::Stop;

impl Connection {
    #[inline(never)]
    pub(super) fn accept_version<'r, 'c>(
        &mut self,
        case: &Case<'_, 'r, 'c>,
    ) -> Result<Verdict<'r, 'c>, Stop> {
        let Case { request, response, .. } = *case;
        let asked = self.request::<GetVersion>(request, SpdmVersion::V1_0)?;
        let cx = Cx::new(SpdmVersion::V1_0).with_padding(self.answer_padding());
        let answer = self.fault.decode::<Version<'_>>(response, &cx)?;
        // Update and alpha versions do not show in SPDMVersion; entries that we do not know are skipped.
        let mut versions = VersionSet::default();
        for version in answer.message.iter().filter_map(|entry| entry.version()) {
            versions.insert(version);
        }
        self.vca.clear();
        self.vca.add(&self.fault, [asked.bytes, answer.bytes])?;
        self.versions = versions;
        self.stage = Stage::AfterVersion;
        Ok(Verdict::Version(answer.message))
    }
}
