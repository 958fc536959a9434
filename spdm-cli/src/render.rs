//! Results for people.

mod appraised;
mod certificate;
mod claims;
mod exchange;
mod field;
mod fleet;
mod fold;
mod info;
mod interface;
mod listing;
mod message;
mod recognize;
mod style;
mod table;
mod verdict;
mod waived;

pub(crate) use certificate::{chain, explanation, readable};
pub(crate) use exchange::{
    received_record_line, request_line, request_record_line, response_line, response_record_line,
    sent_record_line,
};
pub(crate) use field::{Fields, Row, version_entry};
pub(crate) use fleet::fleet;
pub(crate) use fold::fold_lines;
pub(crate) use info::{Info, Slot, SupportedAlgorithms, info};
pub(crate) use interface::{
    ShownInterface, ShownTdispStep, flag_names, function, function_value, interface,
};
pub(crate) use listing::listing;
pub(crate) use message::{request, response, version};
pub(crate) use recognize::{Recognized, recognized};
pub(crate) use style::Style;
pub(crate) use table::Table;
pub(crate) use verdict::{failure, not_done, notes, show, show_chain, show_measured};

/// Hexadecimal digits, cut after `most` bytes.
pub(crate) fn hex_cut(bytes: &[u8], most: usize) -> String {
    match bytes.get(..most) {
        Some(head) if bytes.len() > most => {
            format!("{}… ({} bytes)", hex::encode(head), bytes.len())
        }
        _ => hex::encode(bytes),
    }
}
