//! Which measurements a signature covers.

use std::collections::BTreeSet;

use spdm_codec::{Code, RequesterNonce};
use spdm_evidence::Recording;

use crate::want::WantedMeasurements;

/// Param2 of GET_MEASUREMENTS that stands for every measurement (DSP0274, GET_MEASUREMENTS).
const ALL: u8 = 0xFF;
/// `SignatureRequested` in the attributes of GET_MEASUREMENTS.
pub(crate) const SIGNATURE_REQUESTED: u8 = 1;

/// How many exchanges of measurements one signature covers at most: one for each block, one for their number, and the signed one.
const MOST_EXCHANGES: usize = 256;

/// Whether the one signature of MEASUREMENTS over this nonce covers these measurements, or all. One by one is as good as at
/// once, where the device has said how many there are.
///
/// Counted is what the signed transcript holds (DSP0274, L1): requests that were answered with MEASUREMENTS, behind the last
/// message of another kind. An unsigned request without an answer is in no transcript, and an ERROR begins it again. Two
/// requests for a signature over one nonce are refused: nobody could tell which of them a verdict is about.
#[must_use]
pub fn covers(recording: &Recording, wanted: &WantedMeasurements, nonce: &RequesterNonce) -> bool {
    let (mut transcript, mut covered) = (Asked::default(), None);
    for exchange in &recording.exchanges {
        let answer = exchange.response.as_deref().and_then(|answer| answer.get(1)).copied();
        let [_, code, attributes, operation, ref rest @ ..] = exchange.request[..] else {
            transcript = Asked::default();
            continue;
        };
        let is_asked = Code(code) == Code::GET_MEASUREMENTS;
        let is_signed = is_asked && attributes & SIGNATURE_REQUESTED != 0;
        let is_ours = is_signed && rest.starts_with(&nonce.0);
        if is_ours && covered.is_some() {
            return false;
        }
        match answer.map(Code) {
            Some(Code::MEASUREMENTS) if is_asked => {
                transcript.add(operation, exchange.response.as_deref().unwrap_or_default());
            }
            None if is_asked && !is_signed => continue,
            _ if is_ours => return false,
            _ => transcript = Asked::default(),
        }
        if is_ours {
            covered = Some(transcript.has(wanted));
        }
        if is_signed {
            transcript = Asked::default();
        }
    }
    covered == Some(true)
}

/// What a transcript of measurements holds.
#[derive(Default)]
struct Asked {
    exchanges: usize,
    has_all: bool,
    /// How many measurements the device has, where it has said so.
    count: Option<u8>,
    indices: BTreeSet<u8>,
}

impl Asked {
    /// An answer to this operation.
    fn add(&mut self, operation: u8, answer: &[u8]) {
        self.exchanges += 1;
        match operation {
            ALL => self.has_all = true,
            0 => self.count = answer.get(2).copied(),
            index => {
                self.indices.insert(index);
            }
        }
    }

    fn has(&self, wanted: &WantedMeasurements) -> bool {
        let is_there = match wanted {
            WantedMeasurements::All => {
                self.count.is_some_and(|count| self.indices.len() == usize::from(count))
            }
            WantedMeasurements::Indices(indices) => {
                indices.iter().all(|index| self.indices.contains(index))
            }
            WantedMeasurements::None => true,
        };
        self.exchanges <= MOST_EXCHANGES && (self.has_all || is_there)
    }
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

    /// The same with another answer.
    fn answered(exchange: RecordedExchange, response: Option<&[u8]>) -> RecordedExchange {
        RecordedExchange { response: response.map(<[u8]>::to_vec), ..exchange }
    }

    const ERROR: Option<&[u8]> = Some(&[0x12, 0x7F, 1, 0]);

    #[test]
    fn f9_what_was_never_answered_is_not_covered() {
        let (all, ours) = (0xFF, Some(7));
        for answer in [None, ERROR] {
            let invented = answered(asked(all, None), answer);
            assert!(!covered(vec![invented, asked(1, ours)], None));
            let invented = answered(asked(5, None), answer);
            assert!(!covered(vec![invented, asked(1, ours)], Some(&[1, 5])));
        }
        let busy = RecordedExchange {
            interim: vec![vec![0x12, 0x7F, 3, 0]],
            ..answered(asked(5, None), None)
        };
        assert!(!covered(vec![busy, asked(1, ours)], Some(&[1, 5])));
        // What is not in the transcript does not begin it again.
        let unanswered = answered(asked(5, None), None);
        assert!(covered(vec![asked(all, None), unanswered, asked(1, ours)], None));
        // But an ERROR does.
        let error = answered(asked(5, None), ERROR);
        assert!(!covered(vec![asked(all, None), error, asked(1, ours)], None));
    }

    #[test]
    fn f9_the_number_of_measurements_is_in_no_error() {
        let error = answered(asked(0, None), ERROR);
        assert!(!covered(vec![error, asked(1, Some(7))], None));
        let number = answered(asked(0, None), Some(&[0x12, 0x60, 1, 0]));
        assert!(covered(vec![number, asked(1, Some(7))], None));
    }

    #[test]
    fn f9_one_signature_alone_is_over_our_nonce() {
        let (all, ours) = (asked(0xFF, Some(7)), asked(1, Some(7)));
        assert!(covered(vec![all.clone()], None));
        for answer in [None, ERROR, Some(&[0x12, 0x60, 2, 0][..])] {
            let first = answered(all.clone(), answer);
            assert!(!covered(vec![first.clone(), ours.clone()], None));
            assert!(!covered(vec![ours.clone(), first], None));
        }
        assert!(!covered(vec![answered(all, None)], None));
    }

    #[test]
    fn f9_more_exchanges_than_a_device_has_measurements_are_refused() {
        let mut exchanges = vec![asked(0xFF, None)];
        exchanges.extend((0..super::MOST_EXCHANGES - 2).map(|_| asked(1, None)));
        exchanges.push(asked(1, Some(7)));
        assert!(covered(exchanges.clone(), None));
        exchanges.insert(1, asked(1, None));
        assert!(!covered(exchanges, None));
    }
}
