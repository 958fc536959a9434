//! A page to look at: the outcomes of a run in one HTML file, which loads nothing and needs no server.
//!
//! The data is JSON in a `script` element that no browser runs, without a character that could end it. The one script that
//! runs makes elements out of texts; the page's own Content-Security-Policy names it by its hash, and allows no other.

mod data;
mod detail;
mod escaped;

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use spdm_crypto::{HashAlgorithm, Provider};

use crate::outcome::{Milliseconds, Outcome, OutcomeKind};
use crate::summary::Summary;
use crate::timestamp::Timestamp;
use data::PageData;
use detail::Detail;
use escaped::EscapedJson;

const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");
const BODY: &str = include_str!("page/body.html");
/// Devices whose differing measurements are in the page; of more a page would be too large for a browser.
const MAX_DETAILED: usize = 5000;

/// Collects what the page shows beside a [`Summary`].
#[derive(Debug, Default)]
pub struct Page {
    /// By the number of the item in the summary.
    devices: Vec<Device>,
    detailed: usize,
}

/// What the page shows of one device beside its last outcome.
#[derive(Debug, Default)]
struct Device {
    attempts: BTreeMap<u32, AttemptSpan>,
    ms: Milliseconds,
    round_trips: u32,
    labels: BTreeMap<String, String>,
    evidence: Option<String>,
    worker: String,
    detail: Option<Detail>,
    /// Whether measurements were left out.
    is_left_out: bool,
}

/// An attempt on the time line.
#[derive(Clone, Copy, Debug)]
struct AttemptSpan {
    outcome: OutcomeKind,
    started: Timestamp,
    finished: Timestamp,
}

impl Page {
    /// Keeps of an outcome what the page shows. `item` is what [`Summary::take`] said.
    pub fn take(&mut self, item: usize, outcome: &Outcome) {
        if self.devices.len() <= item {
            self.devices.resize_with(item.saturating_add(1), Device::default);
        }
        let Some(device) = self.devices.get_mut(item) else { return };
        let Outcome { outcome: kind, started, finished, .. } = *outcome;
        device.attempts.insert(outcome.attempt, AttemptSpan { outcome: kind, started, finished });
        if device.attempts.keys().any(|number| *number > outcome.attempt) {
            return;
        }
        (device.ms, device.round_trips) = (outcome.ms, outcome.round_trips);
        device.labels.clone_from(&outcome.labels);
        device.worker.clone_from(&outcome.worker);
        device.evidence = outcome.evidence.as_ref().map(|evidence| {
            evidence.file.clone().unwrap_or_else(|| format!("SHA-256 {}", evidence.sha256))
        });
        device.detail = match &outcome.report {
            Some(report) if kind != OutcomeKind::Verified => Detail::of(report),
            _ => None,
        };
        let has_measurements = device.detail.as_ref().is_some_and(Detail::has_measurements);
        device.is_left_out = has_measurements && self.detailed >= MAX_DETAILED;
        match &mut device.detail {
            Some(detail) if device.is_left_out => detail.leave_out_measurements(),
            _ => self.detailed += usize::from(has_measurements),
        }
    }

    /// Writes the page.
    ///
    /// # Errors
    /// Those of `out`; [`io::ErrorKind::Unsupported`] where the backend has no SHA-256.
    pub fn write(
        &self,
        summary: &Summary,
        provider: &Provider,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let hash = |text: &str| {
            let digest = provider.hash.digest(HashAlgorithm::Sha256, &[text.as_bytes()]);
            let digest = digest.map_err(|_| io::ErrorKind::Unsupported)?;
            io::Result::Ok(STANDARD.encode(digest.as_bytes()))
        };
        let (style, script) = (hash(STYLE)?, hash(SCRIPT)?);
        write!(
            out,
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{style}'; \
             script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>spdm fleet report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{BODY}\
             <script type=\"application/json\" id=\"data\">"
        )?;
        let data = PageData::of(summary, &self.devices);
        serde_json::to_writer(EscapedJson::new(&mut *out), &data)?;
        write!(out, "</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n")
    }
}

#[cfg(test)]
mod tests {
    use super::{BODY, SCRIPT, STYLE};

    #[test]
    fn nothing_of_the_page_ends_an_element_or_loads_or_parses_anything() {
        assert!(!STYLE.contains("</") && !STYLE.contains("url(") && !STYLE.contains("@import"));
        assert!(!SCRIPT.contains("</") && !BODY.contains("<script") && !BODY.contains(" style="));
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "fetch(",
            "import(",
        ] {
            assert!(!SCRIPT.contains(word), "{word}");
        }
        let mut attributes = BODY.split_whitespace().filter_map(|word| word.split_once('='));
        assert!(
            !attributes.any(|(name, _)| name.starts_with("on") || name == "src" || name == "href")
        );
    }
}
