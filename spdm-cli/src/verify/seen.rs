//! Which devices were judged already.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use spdm_evidence::Report;

/// The devices that were judged, by what their leaf says.
#[derive(Debug, Default)]
pub(super) struct SeenDevices(BTreeMap<(String, Option<String>), SeenDevice>);

/// The first report about a device, the first verified one where there is one.
#[derive(Debug)]
struct SeenDevice {
    file: String,
    target: String,
    verified: bool,
}

impl SeenDevices {
    /// That an earlier report is about the same device, in another file, or in a file that lists devices. What is not
    /// verified only claims so.
    pub(super) fn add(&mut self, report: &Report, file: &str, are_devices: bool) -> Option<String> {
        let identity = report.identity();
        let serial = identity.serial.clone()?;
        let key = (serial, identity.root_sha256.clone());
        let seen = SeenDevice {
            file: file.to_owned(),
            target: report.target().to_owned(),
            verified: report.verified(),
        };
        let known = match self.0.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                place.insert(seen);
                return None;
            }
        };
        let other = known.target != seen.target && (known.file != seen.file || are_devices);
        let what = match known.verified && seen.verified {
            true => format!("is the same device as {}", known.target),
            false => format!(
                "shows the certificate of the same device as {}, but not both are verified",
                known.target
            ),
        };
        if seen.verified && !known.verified {
            *known = seen;
        }
        other.then_some(what)
    }
}
