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
        [recording] if is_answered(recording, request.indices.as_deref()) => {}
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

/// Whether the device was asked for these measurements, or for all. One by one is as good as at once, where the device has
/// said how many there are.
fn is_answered(recording: &Recording, indices: Option<&[u8]>) -> bool {
    let (mut asked, mut count) = (BTreeSet::new(), None);
    for exchange in &recording.exchanges {
        let [_, code, _, operation, ..] = exchange.request[..] else { continue };
        if Code(code) != Code::GET_MEASUREMENTS {
            continue;
        }
        match operation {
            ALL => return true,
            0 => count = exchange.response.as_ref().and_then(|answer| answer.get(2).copied()),
            index => {
                asked.insert(index);
            }
        }
    }
    match indices {
        Some(indices) => indices.iter().all(|index| asked.contains(index)),
        None => count.is_some_and(|count| asked.len() == usize::from(count)),
    }
}
