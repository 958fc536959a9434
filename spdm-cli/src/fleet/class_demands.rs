//! What the options of a class demand of a connection that somebody else made.
//!
//! Who attests offers no more than they say, so that a device selects nothing else. What a collector offered is its affair: here it
//! is held against them what was selected, which the signatures cover.

use spdm_codec::SpdmVersion;
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_evidence::{AttestationCheck, Report};
use spdm_fleet::{Attempt, Fault, Finding, OutcomeKind};

use crate::args::{AsymList, ClassArgs, HashList};

/// The check of an outcome where something else was negotiated than the class takes.
const NEGOTIATION_CHECK: &str = "negotiation";

/// Why a connection that verifies is not what its class demands; `None` where it is.
pub(super) fn unmet(args: &ClassArgs, report: &Report) -> Option<Finding> {
    let ClassArgs { connection, options } = args;
    if options.session && report.session().is_none() {
        let check = AttestationCheck::SessionKeyExchange.name();
        let detail =
            "the class wants a session, which no collector opens: fleet attest does".to_owned();
        return Some(finding(OutcomeKind::Undecidable, check, detail));
    }
    let version = report.version().and_then(|version| version.parse::<SpdmVersion>().ok());
    if version.is_none_or(|version| version > connection.max_version) {
        let (got, most) = (report.version().unwrap_or("none"), connection.max_version);
        return Some(negotiated(format!("version {got}, and {most} is the highest of its class")));
    }
    let selected = |category| report.algorithms().get(category).and_then(Option::as_deref);
    if let Some(list) = &connection.base_asym {
        let names = ["base_asym", "pqc_asym"].into_iter().filter_map(selected);
        if let Some(name) = names.into_iter().find(|name| !offers(list, name)) {
            return Some(negotiated(format!("{name}, which its class does not offer")));
        }
    }
    let hash = selected("base_hash").unwrap_or_default();
    let is_offered = connection.base_hash.as_ref().is_none_or(|list| hashes_with(list, hash));
    (!is_offered).then(|| negotiated(format!("{hash}, which its class does not offer")))
}

/// Whether a list has the signature algorithm of this name, of whichever field.
fn offers(list: &AsymList, name: &str) -> bool {
    let is_named = |asym: &AsymAlgorithm| {
        let base = asym.base_asym().filter(|bit| list.base.contains(*bit));
        let pqc = asym.pqc_asym().filter(|bit| list.pqc.contains(*bit));
        base.and_then(|bit| bit.name()) == Some(name)
            || pqc.and_then(|bit| bit.name()) == Some(name)
    };
    AsymAlgorithm::ALL.iter().any(is_named)
}

fn hashes_with(list: &HashList, name: &str) -> bool {
    let mut offered = HashAlgorithm::ALL.iter().map(|hash| hash.base_hash());
    offered.any(|bit| list.0.contains(bit) && bit.name() == Some(name))
}

fn negotiated(what: String) -> Finding {
    let detail = format!("what was negotiated is {what}");
    finding(OutcomeKind::Rejected, NEGOTIATION_CHECK, detail)
}

/// The device did as it was asked: somebody asked for something else than the class demands.
fn finding(kind: OutcomeKind, check: &str, detail: String) -> Finding {
    Attempt::without_device(kind, Fault::Configuration, check, detail).finding
}
