//! What the outcomes of a run come to: the verdict over all, then groups, then every device that is not verified.

use spdm_evidence::printable_text;
use spdm_fleet::{Durations, Grouping, ItemSummary, OutcomeKind, Percentiles, Summary, Tally};

use super::Style;
use super::fold::fold;
use super::table::Table;

/// Groups and items that are shown of each kind, unless -v is given.
const MOST: usize = 20;
/// Characters of the name of a group.
const NAME_LEN: usize = 32;
/// Where the reason of an item begins.
const REASON_AT: usize = 6;

/// The summary of a run.
pub(crate) fn fleet(summary: &Summary, by: Grouping, verbosity: u8, style: Style) -> String {
    let most = if verbosity > 0 { usize::MAX } else { MOST };
    let failed = summary.not_verified();
    let mut text = headline(summary, style);
    text += &groups(summary, by, most, style);
    text += &reasons(summary, most, style);
    text += &times(summary, style);
    if !failed.is_empty() {
        text += &format!("{}\n", style.strong("Not verified"));
        for item in failed.iter().take(most) {
            text += &not_verified(item, style);
        }
        text += &more(failed.len(), most, "devices", style);
    }
    text
}

fn headline(summary: &Summary, style: Style) -> String {
    let job = printable_text(&summary.head().job.name);
    let (items, verified) = (summary.head().items, summary.counts().count(OutcomeKind::Verified));
    let mut text = if items == verified && summary.counts().not_verified() == 0 {
        format!("{}  {job}: {items} of {items} devices\n", style.good("VERIFIED"))
    } else {
        let others = items.saturating_sub(verified).max(summary.counts().not_verified());
        format!("{}  {job}: {others} of {items} devices\n", style.bad("NOT VERIFIED"))
    };
    for (count, what) in [
        (summary.missing(), "were not tried: the run was stopped"),
        (summary.unfinished(), "should have been tried again: the run was stopped"),
    ] {
        if count > 0 {
            text += &format!("  {}\n", style.bad(&format!("{count} {what}")));
        }
    }
    text
}

fn groups(summary: &Summary, by: Grouping, most: usize, style: Style) -> String {
    let groups = summary.groups(by);
    let mut text = format!("{}\n", style.strong(&format!("By {}", by.name())));
    let number = |number: u64| format!("{number:>8}");
    let mut table = Table::default();
    table.row([by.name(), "   items", "verified", "not verified"].map(str::to_owned));
    for (name, counts) in groups.iter().take(most) {
        table.row([
            cut(name),
            number(counts.total()),
            number(counts.count(OutcomeKind::Verified)),
            others(counts),
        ]);
    }
    text += &table.show(style, |row, column, cell| match (row, column) {
        (0, _) => style.faint(cell),
        (_, 3) => style.bad(cell),
        _ => cell.to_owned(),
    });
    let left = groups.iter().skip(most).map(|(_, counts)| counts.not_verified()).sum::<u64>();
    if groups.len() > most {
        let what = format!("of which {left} devices are not verified");
        let more = groups.len() - most;
        text += &format!("  {}\n", style.faint(&format!("and {more} more, {what}: -v shows them")));
    }
    text
}

/// Why devices are not verified.
fn reasons(summary: &Summary, most: usize, style: Style) -> String {
    let reasons = summary.reasons();
    if reasons.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    table.row(["fault", "check", ""].map(str::to_owned));
    for ((fault, check), counts) in reasons.iter().take(most) {
        table.row([fault.name().to_owned(), cut(check), others(counts)]);
    }
    let shown = table.show(style, |row, column, cell| match (row, column) {
        (0, _) => style.faint(cell),
        (_, 2) => style.bad(cell),
        _ => cell.to_owned(),
    });
    format!("{}\n{shown}{}", style.strong("Why"), more(reasons.len(), most, "reasons", style))
}

/// What is not verified, in words.
fn others(counts: &Tally) -> String {
    let others = OutcomeKind::ALL.into_iter().filter(|kind| *kind != OutcomeKind::Verified);
    let counted = others.map(|kind| (counts.count(kind), kind)).filter(|(count, _)| *count > 0);
    let words: Vec<String> = counted.map(|(count, kind)| format!("{count} {kind}")).collect();
    words.join(", ")
}

fn times(summary: &Summary, style: Style) -> String {
    let mut table = Table::default();
    table.row(["", "     p50", "     p90", "     p99", "     max"].map(str::to_owned));
    let mut row = |name: &str, durations: &Durations| {
        let Some(Percentiles { p50, p90, p99, max, .. }) = durations.percentiles() else { return };
        let ms = [p50, p90, p99, max].map(|ms| format!("{ms:>5} ms"));
        table.row([vec![name.to_owned()], ms.to_vec()].concat());
    };
    row("device", summary.device_ms());
    row("verify", summary.verify_ms());
    if summary.device_ms().count() == 0 {
        return String::new();
    }
    let attempts = summary.attempts();
    let title = format!("Times of {} answered attempts of {attempts}", summary.device_ms().count());
    let shown = table.show(style, |row, _, cell| match row {
        0 => style.faint(cell),
        _ => cell.to_owned(),
    });
    format!("{}\n{shown}", style.strong(&title))
}

fn not_verified(item: &ItemSummary, style: Style) -> String {
    let (target, class) = (printable_text(&item.target), printable_text(&item.class));
    let outcome = style.bad(item.outcome.name());
    let attempts =
        if item.attempt > 1 { format!(", attempt {}", item.attempt) } else { String::new() };
    let mut text = format!("  {outcome}  {} ({class}{attempts})\n", style.strong(&target));
    let mut why = format!("fault: {}", item.fault);
    if let Some(reason) = &item.reason {
        let (check, detail) = (printable_text(&reason.check), printable_text(&reason.detail));
        why += &format!("; {check}: {detail}");
    }
    for line in fold(&why, REASON_AT, style) {
        text += &format!("{}{line}\n", " ".repeat(REASON_AT));
    }
    text
}

fn more(all: usize, most: usize, what: &str, style: Style) -> String {
    match all.checked_sub(most) {
        None | Some(0) => String::new(),
        Some(more) => {
            format!("  {}\n", style.faint(&format!("and {more} more {what}: -v shows them")))
        }
    }
}

/// A name, cut where it leaves no room for numbers.
fn cut(name: &str) -> String {
    let name = printable_text(name);
    match name.char_indices().nth(NAME_LEN) {
        None => name,
        Some(_) => name.chars().take(NAME_LEN - 1).chain(['…']).collect(),
    }
}
