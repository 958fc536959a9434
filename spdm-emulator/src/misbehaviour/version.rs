//! Faults of VERSION.

use crate::fault::Fault;
use crate::patch::patch;

/// Offsets in VERSION.
const COUNT: usize = 5;
const ENTRIES: usize = 6;

pub(super) fn misbehave(fault: Fault, bytes: &mut Vec<u8>) {
    match fault {
        Fault::VersionCountZero => {
            bytes.truncate(ENTRIES);
            patch(bytes, COUNT, |_| 0);
        }
        Fault::VersionCountPastEnd => patch(bytes, COUNT, |_| u8::MAX),
        Fault::VersionOddLength => {
            bytes.pop();
        }
        Fault::VersionNoneSupported => {
            bytes.truncate(ENTRIES);
            bytes.extend([0x00, 0x09, 0x00, 0x20]);
            patch(bytes, COUNT, |_| 2);
        }
        Fault::VersionDuplicates => {
            let again = bytes.get(ENTRIES..).unwrap_or_default().to_vec();
            bytes.extend(again);
            patch(bytes, COUNT, |count| count.saturating_mul(2));
        }
        _ => {}
    }
}

/// VERSION as an attacker on the wire leaves it; the device's transcript has the original.
pub(super) fn downgrade(bytes: &mut Vec<u8>) {
    let entries = bytes.get(ENTRIES..).unwrap_or_default();
    let versions = entries.as_chunks().0.iter().map(|entry| u16::from_le_bytes(*entry));
    if let Some(lowest) = versions.min() {
        bytes.truncate(ENTRIES);
        bytes.extend(lowest.to_le_bytes());
        patch(bytes, COUNT, |_| 1);
    }
}
