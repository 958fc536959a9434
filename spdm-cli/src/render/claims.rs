//! What a device claims of itself.

use spdm_evidence::{ClaimedEnvironment, Report};

use super::{Style, Table};

/// What the device claims in its measurement manifest, a line for each kind.
pub(super) fn claims(report: &Report, style: Style) -> String {
    let Some(claims) = report.claims() else { return String::new() };
    let mut table = Table::default();
    if let Some(token) = &claims.token {
        let issuer = token.issuer.as_deref().unwrap_or("nobody named");
        let debug = token.debug.replace('_', " ");
        table.row(["token".to_owned(), format!("by {issuer}; debugging: {debug}")]);
    }
    if !claims.elements.is_empty() {
        let mut about: Vec<String> = Vec::new();
        for element in &claims.elements {
            let ClaimedEnvironment { vendor, model, .. } = &element.environment;
            let names = [vendor.as_deref(), model.as_deref()].into_iter().flatten();
            let name = names.collect::<Vec<_>>().join(" ");
            if !name.is_empty() && !about.contains(&name) {
                about.push(name);
            }
        }
        let of = if about.is_empty() { String::new() } else { format!(" of {}", about.join(", ")) };
        table.row(["elements".to_owned(), format!("{}{of}", claims.elements.len())]);
    }
    if !claims.rim_locators.is_empty() {
        table.row(["reference values".to_owned(), claims.rim_locators.join(", ")]);
    }
    format!("{}\n{}", style.strong("Claims of the device"), table.plain(style))
}
