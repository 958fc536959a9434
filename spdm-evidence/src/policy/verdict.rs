//! A verdict, judged by a policy.

use serde::Serialize;
use spdm_requester::{AttestationCheck, CheckStatus};
use spdm_x509::ValidityCheck;

use super::document::{DebugRule, ReferenceRule};
use super::{Closed, Demands, VerdictPolicy, san_pattern};
use crate::report::{Debugging, MeasuredValue, ReferenceStatus, Report};

/// What a policy says of a verdict.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct PolicySummary {
    /// The policy's file.
    pub name: String,
    /// SHA-256 of the file in hexadecimal.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::HEX_32)))]
    pub sha256: String,
    /// The demands that are not met, one sentence each.
    pub denied: Vec<String>,
    /// Its waivers.
    pub waivers: Vec<WaiverSummary>,
}

/// A waiver of a policy.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct WaiverSummary {
    /// The check that it is for.
    pub check: String,
    /// The last second in which the check may fail.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
    pub until: String,
    /// Why, as the policy says.
    pub reason: String,
    /// What became of it.
    pub status: WaiverStatus,
}

/// What became of a waiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WaiverStatus {
    /// The check does not hold, and the verdict does not count it.
    Applied,
    /// The check holds, or nobody asked for it.
    Unused,
    /// Its time is over, or nobody knows the time.
    Expired,
}

impl PolicySummary {
    /// The waivers that the verdict needs.
    pub fn applied(&self) -> impl Iterator<Item = &WaiverSummary> {
        self.waivers.iter().filter(|waiver| waiver.status == WaiverStatus::Applied)
    }
}

impl VerdictPolicy {
    /// Judges a report that is complete but for this. `required` are the checks that must not be skipped.
    pub(crate) fn judge(
        &self,
        report: &Report,
        required: &[AttestationCheck],
        now: ValidityCheck,
    ) -> PolicySummary {
        let mut waived = None;
        let denied = match &self.demands {
            Demands::Closed(closed) => {
                let mut denied = closed.connection(report);
                let references = closed.references(report);
                match self.waives(AttestationCheck::MeasurementsReference, now) {
                    true => waived = references,
                    false => denied.extend(references),
                }
                denied.extend(closed.measurements(report));
                denied.extend(closed.identity(report));
                denied
            }
            #[cfg(feature = "rego")]
            Demands::Rego(rego) => rego.denied(report),
        };
        let waivers = self.waivers().iter().map(|waiver| {
            let is_needed = match report.status(waiver.check) {
                // There are waivers of no other check.
                _ if waived.is_some() => true,
                CheckStatus::Pass => false,
                CheckStatus::Fail => true,
                CheckStatus::Skipped => required.contains(&waiver.check),
            };
            let status = match (waiver.holds(now), is_needed) {
                (false, _) => WaiverStatus::Expired,
                (true, true) => WaiverStatus::Applied,
                (true, false) => WaiverStatus::Unused,
            };
            let (check, until) = (waiver.check.name().to_owned(), waiver.until.clone());
            WaiverSummary { check, until, reason: waiver.reason.clone(), status }
        });
        let (name, sha256) = (self.name.clone(), self.sha256.clone());
        PolicySummary { name, sha256, denied, waivers: waivers.collect() }
    }
}

impl Closed {
    fn connection(&self, report: &Report) -> Vec<String> {
        let require = &self.document.require;
        let mut denied = Vec::new();
        if let Some(rule) = &require.version {
            let version = report.version();
            // The names of the versions sort like them.
            if version.is_none_or(|version| version < rule.min.as_str()) {
                let got = version.unwrap_or("unknown");
                denied.push(format!("version is {got}, and {} is the lowest", rule.min));
            }
        }
        if let Some(allowed) = &require.base_asym {
            let got = report.algorithms().get("base_asym").and_then(Option::as_deref);
            if !got.is_some_and(|got| allowed.iter().any(|allowed| allowed == got)) {
                let got = got.unwrap_or("none");
                denied.push(format!("base_asym is {got}, and not one of {}", allowed.join(", ")));
            }
        }
        if require.fresh && report.fresh() != Some(true) {
            denied.push("no signature is known to be fresh".to_owned());
        }
        denied
    }

    fn references(&self, report: &Report) -> Option<String> {
        let rule = self.document.require.reference;
        if rule == ReferenceRule::None {
            return None;
        }
        if report.status(AttestationCheck::MeasurementsReference) != CheckStatus::Pass {
            return Some("the measurements do not have reference values".to_owned());
        }
        let mut without = report
            .signed_measurements()
            .iter()
            .filter(|value| value.reference != ReferenceStatus::Match);
        match (rule, without.next()) {
            (ReferenceRule::All, Some(value)) => {
                Some(format!("measurement {} has no reference value", value.index))
            }
            _ => None,
        }
    }

    fn measurements(&self, report: &Report) -> Vec<String> {
        let require = &self.document.require;
        let mut denied = Vec::new();
        let measurements = report.signed_measurements();
        if require.debug == DebugRule::Disabled {
            denied.extend(debugging(measurements));
        }
        for (index, rule) in &require.svn {
            // Where an index is there more than once, the least of its values counts.
            let values = measurements.iter().filter(|value| value.index == *index);
            let svn = values.map(|value| value.svn).min().flatten();
            if svn.is_none_or(|svn| svn < rule.min) {
                let got = match svn {
                    Some(svn) => format!("has the security version number {svn}"),
                    None => "is no security version number".to_owned(),
                };
                denied.push(format!("measurement {index} {got}, and {} is the least", rule.min));
            }
        }
        denied
    }

    fn identity(&self, report: &Report) -> Vec<String> {
        let (rule, shown) = (&self.document.identity, report.identity());
        let mut denied = Vec::new();
        if let Some(patterns) = &rule.san {
            let is_met =
                |name: &String| patterns.iter().any(|pattern| san_pattern::is_met(pattern, name));
            if !shown.san.iter().any(is_met) {
                let got =
                    if shown.san.is_empty() { "none".to_owned() } else { shown.san.join(", ") };
                let wanted = patterns.join(", ");
                denied.push(format!("no name of the certificate is of {wanted}; its names: {got}"));
            }
        }
        if let Some(roots) = &rule.root_sha256 {
            let got = shown.root_sha256.as_deref();
            if !got.is_some_and(|got| roots.iter().any(|root| root == got)) {
                let got = got.unwrap_or("none");
                denied.push(format!("the root is {got}, which the policy does not list"));
            }
        }
        denied
    }
}

/// Why a device may be debugged; `None` where it says that it is not.
fn debugging(measurements: &[MeasuredValue]) -> Option<String> {
    match Debugging::of(measurements) {
        Debugging::Inactive => None,
        Debugging::Unsaid => {
            Some("no measurement says whether the device can be debugged".to_owned())
        }
        Debugging::Unreadable(index) => {
            Some(format!("measurement {index} does not say whether it can be debugged"))
        }
        Debugging::Active(mode) => Some(format!("debugging is {mode}")),
    }
}
