//! One line for each message of a live connection, as `-v` shows it.

use core::time::Duration;

use spdm_codec::Header;
use spdm_untrusted::Untrusted;

/// A request on its way.
pub(crate) fn request_line(message: &[u8]) -> String {
    format!("-> {} ({} bytes)", name(message), message.len())
}

/// What came back, and after how long.
pub(crate) fn response_line(message: &[u8], elapsed: Duration) -> String {
    let time = elapsed.as_secs_f64() * 1000.0;
    format!("<- {} ({} bytes, {time:.1} ms)", name(message), message.len())
}

/// A record of a session on its way.
pub(crate) fn sent_record_line(record: &[u8]) -> String {
    format!("-> record of the session ({} bytes)", record.len())
}

/// The record that came back, and after how long.
pub(crate) fn received_record_line(record: &[u8], elapsed: Duration) -> String {
    let time = elapsed.as_secs_f64() * 1000.0;
    format!("<- record of the session ({} bytes, {time:.1} ms)", record.len())
}

fn name(message: &[u8]) -> String {
    Header::peek(Untrusted::new(message))
        .map_or_else(|_| "no message".to_owned(), |header| header.code.to_string())
}
