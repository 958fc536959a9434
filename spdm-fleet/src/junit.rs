//! JUnit XML, as Jenkins, GitLab and others show it: a suite per class, a case per item.

use core::fmt::{self, Write as _};
use std::collections::BTreeMap;
use std::io::{self, Write};

use spdm_evidence::printable_text;

use crate::outcome::OutcomeKind;
use crate::summary::{ItemSummary, Summary};

/// The suite of what is said of the whole run.
const WHOLE_RUN: &str = "fleet";

/// Writes the items of a run. What was not tried is an error of the suite `fleet`: a run that was stopped is not green.
///
/// # Errors
/// Those of `out`.
pub fn write(summary: &Summary, out: &mut impl Write) -> io::Result<()> {
    let mut classes: BTreeMap<&str, Vec<&ItemSummary>> = BTreeMap::new();
    for item in summary.items() {
        classes.entry(&item.class).or_default().push(item);
    }
    let left = left_undone(summary);
    let mut totals = Totals { tests: 1, errors: usize::from(left.is_some()), ..Totals::default() };
    for items in classes.values() {
        totals.add(items);
    }
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"{}\" {totals}>", Text(&summary.head().job.name))?;
    let started = summary.head().started;
    for (class, items) in classes {
        let mut totals = Totals::default();
        totals.add(&items);
        writeln!(
            out,
            "  <testsuite name=\"{}\" timestamp=\"{}\" {totals}>",
            Text(class),
            started.to_string().trim_end_matches('Z')
        )?;
        for item in items {
            case(item, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    let totals = Totals { tests: 1, errors: usize::from(left.is_some()), ..Totals::default() };
    writeln!(out, "  <testsuite name=\"{WHOLE_RUN}\" {totals}>")?;
    write!(
        out,
        "    <testcase classname=\"{WHOLE_RUN}\" name=\"every item has an outcome\" time=\"0.000\""
    )?;
    match left {
        Some(left) => {
            let left = Text(&left);
            writeln!(
                out,
                ">\n      <error type=\"unfinished\" message=\"{left}\">{left}</error>\n    </testcase>"
            )?;
        }
        None => writeln!(out, "/>")?,
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

/// What of the job was not done.
fn left_undone(summary: &Summary) -> Option<String> {
    let (missing, unfinished) = (summary.missing(), summary.unfinished());
    (missing > 0 || unfinished > 0).then(|| {
        format!("the run was stopped: {missing} items were not tried, {unfinished} should have been tried again")
    })
}

fn case(item: &ItemSummary, out: &mut impl Write) -> io::Result<()> {
    let ms = item.finished.ms_since(item.started);
    write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}.{:03}\"",
        Text(&item.class),
        Text(&item.target),
        ms / 1000,
        ms % 1000
    )?;
    let Some(element) = element(item.outcome) else { return writeln!(out, "/>") };
    let detail = item.reason.as_ref().map_or("", |reason| &reason.detail);
    let check = item.reason.as_ref().map_or("", |reason| &reason.check);
    let (outcome, fault) = (item.outcome, item.fault);
    let message = format!("{outcome}, fault: {fault}, {check}: {detail}");
    writeln!(out, ">")?;
    if element == "skipped" {
        writeln!(out, "      <skipped message=\"{}\"/>", Text(&message))?;
    } else {
        writeln!(
            out,
            "      <{element} type=\"{}\" message=\"{}\">{}, host {}, site {}, attempt {}</{element}>",
            Text(check),
            Text(&message),
            Text(item.item.as_str()),
            Text(&item.host),
            Text(&item.site),
            item.attempt
        )?;
    }
    writeln!(out, "    </testcase>")
}

/// What JUnit calls it; `None` of a test that passed.
const fn element(kind: OutcomeKind) -> Option<&'static str> {
    match kind {
        OutcomeKind::Verified => None,
        OutcomeKind::Rejected | OutcomeKind::DeviceError => Some("failure"),
        OutcomeKind::Undecidable | OutcomeKind::Unreachable | OutcomeKind::InternalError => {
            Some("error")
        }
        // The suite of the whole run says that it was stopped.
        OutcomeKind::Cancelled => Some("skipped"),
    }
}

/// The attributes of a suite.
#[derive(Default)]
struct Totals {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    ms: u64,
}

impl Totals {
    fn add(&mut self, items: &[&ItemSummary]) {
        for item in items {
            self.tests += 1;
            self.ms = self.ms.saturating_add(item.finished.ms_since(item.started));
            match element(item.outcome) {
                None => {}
                Some("failure") => self.failures += 1,
                Some("skipped") => self.skipped += 1,
                Some(_) => self.errors += 1,
            }
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}.{:03}\"",
            self.tests,
            self.failures,
            self.errors,
            self.skipped,
            self.ms / 1000,
            self.ms % 1000
        )
    }
}

/// Text between tags or quotes. XML 1.0 has no way to write control characters, so they are shown as Rust writes them.
struct Text<'t>(&'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in printable_text(self.0).chars() {
            match character {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&apos;")?,
                // No characters of XML 1.0 (§2.2); they have no picture either, but are no control characters.
                '\u{FFFE}' | '\u{FFFF}' => write!(f, "{}", character.escape_unicode())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}
