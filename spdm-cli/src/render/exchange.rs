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

/// A record that a device got, and what was in it where it was opened.
pub(crate) fn request_record_line(
    record: &[u8],
    session: Option<u32>,
    inside: Option<&[u8]>,
) -> String {
    format!("-> {}", record_line(record, session, inside))
}

/// The record that it answered with, and after how long.
pub(crate) fn response_record_line(
    record: &[u8],
    session: Option<u32>,
    inside: Option<&[u8]>,
    elapsed: Duration,
) -> String {
    let time = elapsed.as_secs_f64() * 1000.0;
    format!("<- {}, {time:.1} ms", record_line(record, session, inside))
}

fn record_line(record: &[u8], session: Option<u32>, inside: Option<&[u8]>) -> String {
    let len = record.len();
    let session = session.map_or_else(|| "no session".to_owned(), |id| format!("session {id:08x}"));
    match inside {
        Some(message) => {
            let name = name(message);
            format!("{name} ({} bytes) in a record of {session} ({len} bytes)", message.len())
        }
        None => format!("record of {session} ({len} bytes)"),
    }
}

fn name(message: &[u8]) -> String {
    Header::peek(Untrusted::new(message))
        .map_or_else(|_| "no message".to_owned(), |header| header.code.to_string())
}
