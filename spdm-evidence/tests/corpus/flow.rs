//! The `flow` of the manifest: the messages of a capture, in order.

use spdm_codec::ErrorCode;
use spdm_evidence::{Content, FoundMessage};

use super::conversation::code;

/// A secured record.
pub(crate) const RECORD: &str = "SEC";

/// What a flow says, message by message: `(A B)x2` is `A B A B`, `SECx2` are two records. `DOE_DISC` is no
/// message of SPDM.
pub(crate) fn expand(flow: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut group: Option<Vec<String>> = None;
    for word in flow.split_whitespace() {
        let (begins, word) = match word.strip_prefix('(') {
            Some(word) => (true, word),
            None => (false, word),
        };
        if begins {
            group = Some(Vec::new());
        }
        let (word, times) = times(word);
        // ERROR(0f) has brackets of its own.
        let closed = match &group {
            Some(_) => word
                .strip_suffix(')')
                .filter(|word| word.matches('(').count() == word.matches(')').count()),
            None => None,
        };
        match (&mut group, closed) {
            (Some(open), Some(last)) => {
                open.push(name(last));
                all.extend(core::iter::repeat_n(open.clone(), times).flatten());
                group = None;
            }
            (Some(open), None) => open.push(name(word)),
            (None, _) if word == "DOE_DISC" => {}
            (None, _) => all.extend(vec![name(word); times]),
        }
    }
    assert_eq!(group, None, "{flow}");
    all
}

/// `SECx10` is `SEC` ten times.
fn times(word: &str) -> (&str, usize) {
    let repeated = word.rsplit_once('x');
    let repeated = repeated.and_then(|(word, times)| Some((word, times.parse().ok()?)));
    repeated.unwrap_or((word, 1))
}

fn name(word: &str) -> String {
    match word {
        "GET_MEL" => "GET_MEASUREMENT_EXTENSION_LOG".to_owned(),
        "MEL" => "MEASUREMENT_EXTENSION_LOG".to_owned(),
        other => other.to_owned(),
    }
}

/// What the captured messages are, in the manifest's words.
pub(crate) fn of(messages: &[FoundMessage]) -> Vec<String> {
    let captured = messages.iter().filter(|found| found.depth == 0);
    captured.map(word).collect()
}

fn word(found: &FoundMessage) -> String {
    match found.content {
        Content::Record(_) => RECORD.to_owned(),
        _ => {
            let (code, param1) = (code(found), found.bytes[2]);
            if code == spdm_codec::Code::ERROR {
                format!("ERROR({:02x})", ErrorCode(param1).0)
            } else {
                code.to_string()
            }
        }
    }
}
