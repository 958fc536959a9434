//! Which measurements a signature covers.

use std::collections::BTreeSet;

use spdm_codec::{Code, RequesterNonce};
use spdm_evidence::Recording;

use crate::want::WantedMeasurements;

/// Param2 of GET_MEASUREMENTS that stands for every measurement (DSP0274, GET_MEASUREMENTS).
const ALL: u8 = 0xFF;
/// `SignatureRequested` in the attributes of GET_MEASUREMENTS.
pub(crate) const SIGNATURE_REQUESTED: u8 = 1;

/// Whether a signature of MEASUREMENTS over this nonce covers these measurements, or all. One by one is as good as at once, where the device
/// has said how many there are.
///
/// What a service puts behind the signed answer is covered by nothing, and what stands before an earlier signature or another
/// message by that one at the most (DSP0274, L1).
#[must_use]
pub fn covers(recording: &Recording, wanted: &WantedMeasurements, nonce: &RequesterNonce) -> bool {
    let (mut asked, mut count, mut has_all) = (BTreeSet::new(), None, false);
    for exchange in &recording.exchanges {
        let [_, code, attributes, operation, ref rest @ ..] = exchange.request[..] else {
            continue;
        };
        if Code(code) != Code::GET_MEASUREMENTS {
            (asked, count, has_all) = (BTreeSet::new(), None, false);
            continue;
        }
        match operation {
            ALL => has_all = true,
            0 => count = exchange.response.as_ref().and_then(|answer| answer.get(2).copied()),
            index => {
                asked.insert(index);
            }
        }
        if attributes & SIGNATURE_REQUESTED == 0 {
            continue;
        }
        if rest.starts_with(&nonce.0) {
            return has_all
                || match wanted {
                    WantedMeasurements::Indices(indices) => {
                        indices.iter().all(|index| asked.contains(index))
                    }
                    WantedMeasurements::All => {
                        count.is_some_and(|count| asked.len() == usize::from(count))
                    }
                    WantedMeasurements::None => true,
                };
        }
        (asked, count, has_all) = (BTreeSet::new(), None, false);
    }
    false
}

#[cfg(test)]
mod tests {
    use spdm_codec::RequesterNonce;
    use spdm_evidence::{Negotiation, RecordedExchange, Recording};

    use super::{WantedMeasurements, covers};

    const OURS: RequesterNonce = RequesterNonce([7; 32]);

    /// GET_MEASUREMENTS of an index, signed over a nonce of these bytes, and its answer.
    fn asked(index: u8, nonce: Option<u8>) -> RecordedExchange {
        let tail = nonce.map(|byte| [&[byte; 32][..], &[0]].concat()).unwrap_or_default();
        let request = [&[0x12, 0xE0, u8::from(nonce.is_some()), index][..], &tail].concat();
        let response = Some(vec![0x12, 0x60, 2, 0]);
        RecordedExchange { request, interim: Vec::new(), response }
    }

    fn covered(exchanges: Vec<RecordedExchange>, indices: Option<&[u8]>) -> bool {
        let mut recording = Recording::new(Negotiation::Recorded, 0);
        recording.exchanges = exchanges;
        let wanted = indices.map_or(WantedMeasurements::All, |indices| {
            WantedMeasurements::Indices(indices.to_vec())
        });
        covers(&recording, &wanted, &OURS)
    }

    #[test]
    fn measurements_count_up_to_the_signature_over_our_nonce() {
        let (all, old) = (0xFF, Some(6));
        let ours = Some(7);
        assert!(covered(vec![asked(all, ours)], None));
        assert!(covered(vec![asked(all, None), asked(1, ours)], None));
        assert!(covered(vec![asked(0, None), asked(1, None), asked(2, ours)], None));
        assert!(covered(vec![asked(1, None), asked(5, ours)], Some(&[1, 5])));
        // Of two measurements one; and no signature at all.
        assert!(!covered(vec![asked(0, None), asked(2, ours)], None));
        assert!(!covered(vec![asked(1, ours)], Some(&[1, 5])));
        assert!(!covered(vec![asked(all, None)], None));
        // Behind it, under an earlier signature, and in front of another message.
        assert!(!covered(vec![asked(1, ours), asked(all, None)], None));
        assert!(!covered(vec![asked(all, old), asked(1, ours)], None));
        assert!(!covered(vec![asked(1, ours), asked(5, None)], Some(&[1, 5])));
        let digests = RecordedExchange {
            request: vec![0x12, 0x81, 0, 0],
            interim: Vec::new(),
            response: Some(vec![0x12, 0x01, 0, 0]),
        };
        assert!(!covered(vec![asked(all, None), digests, asked(1, ours)], None));
    }
}
