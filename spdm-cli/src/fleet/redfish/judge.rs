//! The verdict over what a service brought: as `spdm verify --nonce HEX --require measurements` judges it.

use std::collections::BTreeSet;

use spdm_codec::{Code, RequesterNonce};
use spdm_evidence::{Evidence, Format, Proof, ReadOptions, Recording, Signatures, Verifier};
use spdm_fleet::redfish::MeasurementRequest;
use spdm_fleet::{Fault, Finding, OutcomeKind, Reason, Target};

use crate::args::{ConnectionArgs, SlotChoice, compat};
use crate::attest::Round;
use crate::exit::Failure;
use crate::trust::LeafName;
use crate::verdict::Verdict;

/// Param2 of GET_MEASUREMENTS that stands for every measurement.
const ALL: u8 = 0xFF;
/// The attribute of GET_MEASUREMENTS that asks for a signature.
const SIGNATURE_REQUESTED: u8 = 1;

/// What evidence comes to.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
pub(super) enum Judged {
    /// A verdict.
    Reported(Verdict),
    /// It is no evidence, or not of what was asked for.
    Broken(Finding),
}

/// Judges the evidence of one item. Its nonce must be ours.
pub(super) fn judge(
    round: &Round<'_>,
    name: &LeafName,
    connection: &ConnectionArgs,
    document: &[u8],
    nonce: RequesterNonce,
    request: &MeasurementRequest,
    target: &Target,
) -> Result<Judged, Failure> {
    let read = ReadOptions { format: Some(Format::Redfish), ..ReadOptions::default() };
    let mut evidence = match Evidence::read(document, &read) {
        Ok(evidence) => evidence,
        Err(error) => return Ok(broken(format!("the service brought no evidence: {error}"))),
    };
    evidence.target.clone_from(&target.target);
    match &evidence.recordings[..] {
        [recording] if is_covered(recording, request.indices.as_deref(), &nonce) => {}
        [_] => {
            return Ok(broken(
                "the service asked the device for other measurements than it was told to"
                    .to_owned(),
            ));
        }
        several => {
            let count = several.len();
            return Ok(broken(format!("the service brought evidence of {count} connections")));
        }
    }
    let provider = round.crypto.provider;
    let policy = round.trust.policy_of(name, provider, round.anchors, round.revocations)?;
    let verifier = Verifier {
        san: policy.san,
        profile: policy.profile,
        limits: policy.limits,
        revocations: policy.revocations,
        link_cache: policy.link_cache,
        nonce: Some(nonce),
        peer_key: round.inputs.peer_key.as_deref(),
        min_version: connection.min_version,
        compat: compat(&connection.compat),
        slot: match round.options.slot {
            SlotChoice::Any => None,
            SlotChoice::Slot(slot) => Some(slot),
        },
        reference: round.reference,
        tokens: round.inputs.tokens.options(round.token_keys),
        verdict_policy: round.inputs.policy.as_ref(),
        required: Signatures::Each(&[Proof::Measurements]),
        ..Verifier::new(provider, round.anchors, policy.validity)
    };
    let mut reports = verifier.verify(round.crypto.bank().as_mut(), &evidence);
    match (reports.pop(), reports.is_empty()) {
        (Some(report), true) => Ok(Judged::Reported(Verdict::new(report))),
        _ => Ok(broken("the service brought signatures of several slots".to_owned())),
    }
}

fn broken(detail: String) -> Judged {
    let reason = Reason { check: "redfish".to_owned(), index: None, detail };
    let (kind, fault) = (OutcomeKind::DeviceError, Fault::Transport);
    Judged::Broken(Finding { kind, fault, reason: Some(reason), passing: false })
}

/// Whether the signature over our nonce covers these measurements, or all. One by one is as good as at once, where the device
/// has said how many there are.
///
/// What a service puts behind the signed answer is covered by nothing, and what stands before an earlier signature or another
/// message by that one at the most (DSP0274, L1).
fn is_covered(recording: &Recording, indices: Option<&[u8]>, nonce: &RequesterNonce) -> bool {
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
                || match indices {
                    Some(indices) => indices.iter().all(|index| asked.contains(index)),
                    None => count.is_some_and(|count| asked.len() == usize::from(count)),
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

    use super::is_covered;

    const OURS: RequesterNonce = RequesterNonce([7; 32]);

    /// GET_MEASUREMENTS of an index, signed over a nonce of these bytes, and its answer.
    fn asked(index: u8, nonce: Option<u8>) -> RecordedExchange {
        let tail = nonce.map(|byte| [&[byte; 32][..], &[0]].concat()).unwrap_or_default();
        let request = [&[0x12, 0xE0, u8::from(nonce.is_some()), index][..], &tail].concat();
        let response = Some(vec![0x12, 0x60, 2, 0]);
        RecordedExchange { request, interim: Vec::new(), response }
    }

    fn covers(exchanges: Vec<RecordedExchange>, indices: Option<&[u8]>) -> bool {
        let recording = Recording { exchanges, ..Recording::new(Negotiation::Recorded, 0) };
        is_covered(&recording, indices, &OURS)
    }

    #[test]
    fn measurements_count_up_to_the_signature_over_our_nonce() {
        let (all, old) = (0xFF, Some(6));
        let ours = Some(7);
        assert!(covers(vec![asked(all, ours)], None));
        assert!(covers(vec![asked(all, None), asked(1, ours)], None));
        assert!(covers(vec![asked(0, None), asked(1, None), asked(2, ours)], None));
        assert!(covers(vec![asked(1, None), asked(5, ours)], Some(&[1, 5])));
        // Of two measurements one; and no signature at all.
        assert!(!covers(vec![asked(0, None), asked(2, ours)], None));
        assert!(!covers(vec![asked(1, ours)], Some(&[1, 5])));
        assert!(!covers(vec![asked(all, None)], None));
        // Behind it, under an earlier signature, and in front of another message.
        assert!(!covers(vec![asked(1, ours), asked(all, None)], None));
        assert!(!covers(vec![asked(all, old), asked(1, ours)], None));
        assert!(!covers(vec![asked(1, ours), asked(5, None)], Some(&[1, 5])));
        let digests = RecordedExchange {
            request: vec![0x12, 0x81, 0, 0],
            interim: Vec::new(),
            response: Some(vec![0x12, 0x01, 0, 0]),
        };
        assert!(!covers(vec![asked(all, None), digests, asked(1, ours)], None));
    }
}
