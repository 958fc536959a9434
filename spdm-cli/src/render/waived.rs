//! What a policy waives.

use spdm_evidence::{PolicySummary, Report, WaiverSummary};

use super::Style;

/// What the verdict passes over because a policy says so, counted.
pub(super) fn rows(report: &Report, style: Style) -> String {
    let applied: Vec<_> = report.policy().into_iter().flat_map(PolicySummary::applied).collect();
    let rows = applied.iter().map(|waiver| {
        let WaiverSummary { check, until, reason, .. } = waiver;
        format!("          {check} until {until}: {reason}\n")
    });
    let rows: String = rows.collect();
    match applied.len() {
        0 => String::new(),
        1 => format!("  {}\n{rows}", style.strong("1 check is waived:")),
        count => format!("  {}\n{rows}", style.strong(&format!("{count} checks are waived:"))),
    }
}
