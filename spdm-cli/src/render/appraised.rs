//! Measurements beside what is expected of them: as expected, differing, unknown.

use spdm_evidence::{
    ExpectedForm, ExpectedValue, MeasuredValue, ReferenceStatus, ReferenceSummary, Report,
};

use super::Style;
use super::fold::fold;
use super::verdict::{in_words, table};

/// Where the values of a comparison begin.
const VALUE_AT: usize = 15;
/// Bytes of a group of digits.
const GROUP: usize = 4;

/// The measurements in groups, and what the comparison rests on; `None` where nothing was compared.
pub(super) fn appraised(report: &Report, style: Style, most: usize) -> Option<String> {
    let reference = report.reference()?;
    let values = report.measurements();
    if values.iter().all(|value| value.reference == ReferenceStatus::None) {
        return None;
    }
    let of = |status| {
        let values = values.iter().filter(move |value| value.reference == status);
        values.collect::<Vec<_>>()
    };
    let [same, differing, unknown] =
        [ReferenceStatus::Match, ReferenceStatus::Mismatch, ReferenceStatus::None].map(of);
    let mut text = String::new();
    if !same.is_empty() {
        text += &format!("{}\n{}", style.good("As expected"), table(&same, style, most));
    }
    if !differing.is_empty() {
        text += &format!("{}\n", style.bad("DIFFERING"));
        text.extend(differing.iter().map(|value| compared(value, style, most)));
    }
    if !unknown.is_empty() {
        let heading = style.strong("Unknown: nothing is expected of them");
        text += &format!("{heading}\n{}", table(&unknown, style, most));
    }
    Some(text + &rests_on(reference, style))
}

/// A measurement and the alternative that differs least from it; with -v each alternative.
fn compared(value: &MeasuredValue, style: Style, most: usize) -> String {
    let form = if value.raw { "raw" } else { "digest" };
    let mut text = format!("  {}  {}, {form}\n", value.index, value.kind);
    let shown = if most == usize::MAX { value.expected.len() } else { 1 };
    for expected in value.expected.iter().take(shown) {
        text += &both(value, expected, style, most);
        text += &labelled("from", &origin(expected), style);
    }
    let more = value.expected.len().saturating_sub(shown);
    if more > 0 {
        let what = if more == 1 { "alternative" } else { "alternatives" };
        text += &labelled("", &format!("and {more} other {what}: -v shows them"), style);
    }
    text
}

/// Both values below each other, and which digits differ.
fn both(value: &MeasuredValue, expected: &ExpectedValue, style: Style, most: usize) -> String {
    let is_comparable = match expected.form {
        ExpectedForm::Digest => !value.raw,
        ExpectedForm::Raw => value.raw,
        _ => false,
    };
    let bytes = hex::decode(&expected.value).ok().filter(|_| is_comparable);
    let (Some(bytes), Some(_)) = (bytes, &expected.difference) else {
        let mut text = labelled("is", &hex::encode(&value.value), style);
        for words in in_words(value, most) {
            text += &labelled("", &words, style);
        }
        let why = match &expected.difference {
            Some(_) if matches!(expected.form, ExpectedForm::Svn | ExpectedForm::MinSvn) => {
                expected.words()
            }
            Some(difference) => format!("{} ({difference})", expected.words()),
            None => format!("{}, but not together with the others of its state", expected.words()),
        };
        return text + &labelled("expected", &why, style);
    };
    let mask = expected.mask.as_deref().and_then(|mask| hex::decode(mask).ok());
    let [got, expected, marks] = marked(&value.value, &bytes, mask.as_deref());
    let room = style.columns().saturating_sub(VALUE_AT);
    let per_line = (room.saturating_add(1) / (2 * GROUP + 1)).max(1);
    // A difference far behind in a long value is shown where it is.
    let first = marks.iter().position(|group| group.contains('^')).unwrap_or_default();
    let shown = most / GROUP;
    let start = if first < shown { 0 } else { first - first % per_line };
    let mut text = String::new();
    if start > 0 {
        text += &labelled("", &format!("from byte {} on:", start * GROUP), style);
    }
    let lines = got.chunks(per_line).zip(expected.chunks(per_line)).zip(marks.chunks(per_line));
    let visible = (start / per_line)..start.saturating_add(shown).div_ceil(per_line);
    let mut labels = ["is", "expected"];
    for ((got, expected), marks) in lines.skip(visible.start).take(visible.len()) {
        text += &line(labels[0], got, marks, style);
        text += &line(labels[1], expected, marks, style);
        let marks = marks.join(" ");
        if !marks.trim().is_empty() {
            text += &format!("{}{}\n", " ".repeat(VALUE_AT), style.bad(marks.trim_end()));
        }
        labels = [""; 2];
    }
    if got.len() > start.saturating_add(shown) {
        text += &labelled("", &format!("… ({} bytes)", value.value.len()), style);
    }
    text
}

/// The digits of both values in groups, as many of each, and marks below those that differ.
fn marked(got: &[u8], expected: &[u8], mask: Option<&[u8]>) -> [Vec<String>; 3] {
    let len = got.len().max(expected.len());
    let mut rows = [const { Vec::new() }; 3];
    for at in (0..len).step_by(GROUP) {
        let mut group = [const { String::new() }; 3];
        for at in at..len.min(at.saturating_add(GROUP)) {
            let (got, expected) = (got.get(at), expected.get(at));
            let counts = mask.and_then(|mask| mask.get(at)).copied().unwrap_or(0xFF);
            let differs = match (got, expected) {
                (Some(got), Some(expected)) => (got ^ expected) & counts != 0,
                _ => true,
            };
            let digits = |byte: Option<&u8>| {
                byte.map_or_else(|| "  ".to_owned(), |byte| format!("{byte:02x}"))
            };
            let mark = if differs { "^^" } else { "  " }.to_owned();
            for (group, part) in group.iter_mut().zip([digits(got), digits(expected), mark]) {
                group.push_str(&part);
            }
        }
        for (row, group) in rows.iter_mut().zip(group) {
            row.push(group);
        }
    }
    rows
}

/// Groups of digits, those with a mark below in the colour of what does not hold.
fn line(label: &str, values: &[String], marks: &[String], style: Style) -> String {
    let painted: Vec<String> = values
        .iter()
        .zip(marks)
        .map(|(group, mark)| if mark.contains('^') { style.bad(group) } else { group.clone() })
        .collect();
    format!("     {label:<10}{}\n", painted.join(" ").trim_end())
}

fn labelled(label: &str, text: &str, style: Style) -> String {
    let lines = fold(text, VALUE_AT, style);
    let lines = lines.iter().enumerate().map(|(number, line)| {
        let label = if number == 0 { label } else { "" };
        format!("     {label:<10}{line}\n")
    });
    lines.collect()
}

fn origin(expected: &ExpectedValue) -> String {
    let origin = &expected.origin;
    let signer = match &origin.signer {
        Some(signer) => format!("signed by {signer}"),
        None => "which nobody signed".to_owned(),
    };
    format!("{} (tag {}, entry {}), {signer}", origin.file, origin.tag, origin.triple)
}

/// Whose word it is that the measurements should be so.
fn rests_on(reference: &ReferenceSummary, style: Style) -> String {
    let files = reference.files.iter().map(|file| match &file.signer {
        Some(signer) => format!("{}, signed by {signer}", file.name),
        None => format!("{}, which nobody signed", file.name),
    });
    let files = files.collect::<Vec<_>>().join(", and on ");
    let mut text = format!("{} {files}.\n", style.strong("The comparison rests on"));
    for file in reference.files.iter().filter(|file| file.ignored > 0) {
        let (count, name) = (file.ignored, &file.name);
        text += &format!("Not looked at, for it is no reference value: {count} parts of {name}.\n");
    }
    text
}
