//! A line that records: every message goes to a capture file, and to standard error with -v.

use std::fs::File;
use std::io::BufWriter;
use std::time::Instant;

use spdm_codec::{Code, Header};
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};
use spdm_untrusted::Untrusted;

use crate::console::say;
use crate::line::{DeviceLine, LineError};
use crate::pcap::CaptureFile;

/// A connection to a device that is recorded.
#[derive(Debug)]
pub(crate) struct Tap<'l> {
    line: Box<dyn DeviceLine + 'l>,
    recording: &'l mut TapRecording,
    silence: Option<String>,
}

impl<'l> Tap<'l> {
    /// Records what this line carries.
    pub(crate) fn new(line: Box<dyn DeviceLine + 'l>, recording: &'l mut TapRecording) -> Self {
        Self { line, recording, silence: None }
    }

    /// Hangs up. What is known about a device that did not answer.
    pub(crate) fn hang_up(self) -> Option<String> {
        self.line.hang_up();
        self.silence
    }
}

impl Transport for Tap<'_> {
    type Error = LineError;

    fn limits(&self) -> Limits {
        self.line.limits()
    }

    fn send(
        &mut self,
        kind: MessageKind,
        message: &[u8],
        timeout: Duration,
    ) -> Result<(), LineError> {
        self.recording.message(message);
        self.line.send(kind, message, timeout)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError> {
        let received = self.line.receive(buffer, timeout)?;
        match &received {
            Some(received) => {
                self.recording.message(buffer.get(..received.len).unwrap_or_default());
            }
            None => {
                let passed = format!("{:.1} s passed", timeout.as_secs_f64());
                let known = self.line.silence().map(|known| format!("{passed}, {known}"));
                self.silence = Some(known.unwrap_or(passed));
            }
        }
        Ok(received)
    }

    fn abandon(&mut self) {
        self.line.abandon();
    }
}

/// What taps record, over all connections to one device.
#[derive(Debug)]
pub(crate) struct TapRecording {
    capture: Option<CaptureFile<BufWriter<File>>>,
    verbosity: u8,
    sent_at: Option<Instant>,
    /// Why the capture could not be written.
    error: Option<String>,
}

impl TapRecording {
    /// Writes every message to `capture`, and with a `verbosity` above 0 a line to standard error.
    pub(crate) const fn new(capture: Option<CaptureFile<BufWriter<File>>>, verbosity: u8) -> Self {
        Self { capture, verbosity, sent_at: None, error: None }
    }

    /// Writes the rest of the capture.
    pub(crate) fn finish(self) -> Result<(), String> {
        match self.error {
            Some(error) => Err(error),
            None => self.capture.map_or(Ok(()), CaptureFile::finish),
        }
    }

    fn message(&mut self, message: &[u8]) {
        if let Some(capture) = &mut self.capture
            && let Err(error) = capture.message(message)
        {
            self.error.get_or_insert(error);
        }
        let now = Instant::now();
        let header = Header::peek(Untrusted::new(message)).ok();
        let code = header.map(|header| header.code);
        let is_request = code.is_some_and(Code::is_request);
        let elapsed = self.sent_at.map(|sent| now.duration_since(sent));
        if is_request {
            self.sent_at = Some(now);
        }
        if self.verbosity > 0 {
            let name = code.map_or_else(|| "no message".to_owned(), |code| code.to_string());
            let len = message.len();
            match elapsed.filter(|_| !is_request) {
                Some(time) => {
                    let time = time.as_secs_f64() * 1000.0;
                    say(&format!("<- {name} ({len} bytes, {time:.1} ms)"));
                }
                None => say(&format!("-> {name} ({len} bytes)")),
            }
        }
    }
}
