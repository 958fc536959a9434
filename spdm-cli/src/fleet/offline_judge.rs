//! The verdict over what somebody else collected, as `spdm verify` comes to it: [`spdm_fleet::Judge`] over a [`Verifier`].

use std::time::Instant;

use spdm_codec::{RequesterNonce, SpdmVersion};
use spdm_evidence::{Evidence, Proof, Report, Signatures, Verifier};
use spdm_fleet::{
    Attempt, Case, EVIDENCE_CHECK, FRESHNESS_CHECK, Fault, Finding, Judge, OutcomeKind, Target,
    Transport, Want, WantedMeasurements, covers,
};

use crate::args::{ConnectionArgs, San, SlotChoice, compat};
use crate::attest::Round;
use crate::backend::Crypto;
use crate::exit::Failure;
use crate::fleet::attester::{finding, trusts_nobody, undecidable};
use crate::fleet::class_demands;
use crate::fleet::class_rules::ClassRules;
use crate::fleet::collector::want;
use crate::fleet::site_rules::SiteRules;
use crate::provenance::Stopwatch;
use crate::trust::LeafName;
use crate::verdict::{PrintedVerdict, Verdict};

/// Judges evidence of every class.
#[derive(Debug)]
pub(crate) struct OfflineJudge<'a> {
    pub(crate) rules: SiteRules<'a>,
    pub(crate) crypto: Crypto,
}

impl Judge for OfflineJudge<'_> {
    fn judge(&self, case: &Case<'_>) -> Attempt {
        let rules = match self.rules.of(&case.item.target.class) {
            Ok(rules) => rules,
            Err(attempt) => return attempt,
        };
        let begun = Instant::now();
        let attempt = match rules.trusts_nobody() {
            true => trusts_nobody(),
            false => self
                .verdict(rules, case)
                .unwrap_or_else(|failure| undecidable("options", failure.message)),
        };
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Attempt { inputs: rules.digests.clone(), verify_ms: took, ..attempt }
    }
}

impl OfflineJudge<'_> {
    /// Whether something says which device, or which model, must have signed: the list, or the options of its class.
    pub(crate) fn names(&self, target: &Target) -> bool {
        let trust = |rules: &ClassRules<'_>| {
            let trust = &rules.args().options.trust;
            trust.san.as_ref().is_some_and(|san| *san != San::None) || trust.pci_id.is_some()
        };
        target.san.is_some() || self.rules.of(&target.class).is_ok_and(trust)
    }

    /// What the options of a class want of a device; `None` where there are none.
    pub(crate) fn want(&self, class: &str) -> Option<Want> {
        let options = &self.rules.of(class).ok()?.args().options;
        Some(want(options.challenge, &options.measurements))
    }

    fn verdict(&self, rules: &ClassRules<'_>, case: &Case<'_>) -> Result<Attempt, Failure> {
        let round = rules.round(&[], self.crypto);
        let name = leaf_name(&round, case.item.target.san.as_deref())?;
        if case.item.target.transport() == Transport::Pci && !self.names(&case.item.target) {
            let detail = "the function of a PCI device cannot be seen from here: --san or --pci-id of its class must say what its certificate names";
            return Ok(undecidable("leaf.san", detail.to_owned()));
        }
        let mut stopwatch = Stopwatch::of(self.crypto.backend, round.options.trust.at);
        let mut evidence = case.evidence.clone();
        evidence.target.clone_from(&case.item.target.target);
        let (connection, required) = (&rules.args().connection, required(&round, case));
        let reports = verify(&round, &name, connection, &required, case.nonce, &evidence)?;
        let Some(report) = deciding(reports) else {
            return Ok(undecidable("evidence", "there is no connection in it".to_owned()));
        };
        // Whatever else a report says: what is not fresh is not verified.
        let is_fresh = is_fresh(&report);
        let verdict = Verdict::new(report);
        let mut finding = finding(&verdict);
        if finding.kind == OutcomeKind::Verified && !is_fresh {
            finding = not_fresh();
        }
        // No less than was wanted, and no less than the class wants.
        let own = want(round.options.challenge, &round.options.measurements).measurements;
        if finding.kind == OutcomeKind::Verified {
            let lacking = [&case.want.measurements, &own]
                .into_iter()
                .find_map(|wanted| lacking(&verdict, wanted));
            if let Some(index) = lacking {
                finding = not_measured(index);
            } else if own != WantedMeasurements::None && !is_covered(case, &own) {
                finding = not_asked(&own);
            } else if let Some(unmet) = class_demands::unmet(rules.args(), &verdict.report) {
                finding = unmet;
            }
        }
        // A report that says verified stands in no outcome that says something else.
        let report = match verdict.report.verified() && finding.kind != OutcomeKind::Verified {
            true => None,
            false => {
                let provenance = stopwatch.lap();
                let printed = PrintedVerdict { verdict: &verdict, provenance, chain: None };
                Some(serde_json::value::to_raw_value(&printed).map_err(Failure::usage)?)
            }
        };
        let attempt = undecidable("", String::new());
        Ok(Attempt { finding, report, ..attempt })
    }
}

/// A wanted measurement that is not among those whose signature was verified.
fn lacking(verdict: &Verdict, wanted: &WantedMeasurements) -> Option<u8> {
    let WantedMeasurements::Indices(indices) = wanted else { return None };
    let measured = verdict.report.measurements();
    let is_there = |index: &&u8| measured.iter().any(|value| value.index == **index);
    indices.iter().find(|index| !is_there(index)).copied()
}

/// The name that the leaf of an item must carry: that of the list, or that of its class.
pub(super) fn leaf_name(round: &Round<'_>, own: Option<&str>) -> Result<LeafName, Failure> {
    let own = own.map(San::parse).transpose().map_err(Failure::usage)?;
    let trust = &round.options.trust;
    LeafName::of(own.as_ref().or(trust.san.as_ref()), trust.pci_id, None)
}

/// The reports over evidence whose deciding signature must cover a nonce of ours.
pub(super) fn verify(
    round: &Round<'_>,
    name: &LeafName,
    connection: &ConnectionArgs,
    required: &[Proof],
    nonce: RequesterNonce,
    evidence: &Evidence,
) -> Result<Vec<Report>, Failure> {
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
        min_version: connection.min_version.or_else(|| least_version(required)),
        compat: compat(&connection.compat),
        slot: match round.options.slot {
            SlotChoice::Any => None,
            SlotChoice::Slot(slot) => Some(slot),
        },
        reference: round.reference,
        tokens: round.inputs.tokens.options(round.token_keys),
        verdict_policy: round.inputs.policy.as_ref(),
        required: Signatures::Each(required),
        ..Verifier::new(provider, round.anchors, policy.validity)
    };
    Ok(verifier.verify(round.crypto.bank().as_mut(), evidence))
}

/// MEASUREMENTS alone covers the negotiation before it since 1.2 (DSP0274, L1): who negotiated a lower version shows nothing of it.
fn least_version(required: &[Proof]) -> Option<SpdmVersion> {
    (required == [Proof::Measurements]).then_some(SpdmVersion::V1_2)
}

/// What a device must have proven: what its class demands, and what was to be collected.
fn required(round: &Round<'_>, case: &Case<'_>) -> Vec<Proof> {
    let demanded = round.waived.requirement;
    let is_measured = case.want.measurements != WantedMeasurements::None;
    let challenge = demanded.has_challenge() || case.want.challenge;
    let measurements = demanded.has_measurements() || is_measured;
    let proofs = [(Proof::Challenge, challenge), (Proof::Measurements, measurements)];
    proofs.into_iter().filter_map(|(proof, is_required)| is_required.then_some(proof)).collect()
}

/// The report that decides: the first that is not verified or not fresh, where there is one.
fn deciding(mut reports: Vec<Report>) -> Option<Report> {
    let is_good = |report: &Report| report.verified() && is_fresh(report);
    let decides = reports.iter().position(|report| !is_good(report)).unwrap_or_default();
    (decides < reports.len()).then(|| reports.swap_remove(decides))
}

fn is_fresh(report: &Report) -> bool {
    report.fresh() == Some(true)
}

fn is_covered(case: &Case<'_>, wanted: &WantedMeasurements) -> bool {
    case.evidence.recordings.iter().any(|recording| covers(recording, wanted, &case.nonce))
}

fn not_asked(wanted: &WantedMeasurements) -> Finding {
    let detail = format!("the device was not asked for what its class wants: {wanted}");
    let (kind, fault) = (OutcomeKind::Rejected, Fault::Configuration);
    Attempt::without_device(kind, fault, EVIDENCE_CHECK, detail).finding
}

fn not_measured(index: u8) -> Finding {
    let detail = format!("measurement {index} was wanted, and is not among those that were signed");
    let (kind, fault) = (OutcomeKind::Rejected, Fault::Device);
    Attempt::without_device(kind, fault, EVIDENCE_CHECK, detail).finding
}

fn not_fresh() -> Finding {
    let detail = "no verified signature covers the nonce that was issued";
    let (kind, fault) = (OutcomeKind::Rejected, Fault::Transport);
    Attempt::without_device(kind, fault, FRESHNESS_CHECK, detail).finding
}
