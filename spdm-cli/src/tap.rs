//! A line that records: every message goes to a capture file, and to standard error with -v.

use std::io::BufWriter;
use std::time::Instant;

use spdm_codec::{Code, Header};
use spdm_evidence::{CaptureDirection, ReportErrorKind, WireRecords};
use spdm_requester::{Bound, Error, RunError};
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};
use spdm_untrusted::Untrusted;

use crate::console::say;
use crate::file::OutputStream;
use crate::interrupt;
use crate::line::{DeviceLine, LineError};
use crate::pcap::CaptureFile;
use crate::render::{received_record_line, request_line, response_line, sent_record_line};
use crate::run_time::{Progress, RunTime};
use crate::waiting::Waiting;

/// A connection to a device that is recorded.
#[derive(Debug)]
pub(crate) struct Tap<'l> {
    line: Box<dyn DeviceLine + 'l>,
    recording: &'l mut TapRecording,
    run_time: RunTime,
    progress: Progress,
    /// How many messages went out, or may have.
    sent: u32,
    silence: Option<Silence>,
    /// The last request, without those that only fetch its answer.
    last_request: Vec<u8>,
    waiting: Waiting,
    /// Records of sessions for evidence.
    records: Option<WireRecords>,
}

/// What is known about a device that did not answer.
#[derive(Clone, Debug)]
pub(crate) struct Silence {
    /// The end of a sentence.
    pub(crate) known: String,
    /// What a person can try.
    pub(crate) hint: Option<&'static str>,
}

impl<'l> Tap<'l> {
    /// Records what this line carries, as long as `run_time` lasts.
    pub(crate) fn new(
        line: Box<dyn DeviceLine + 'l>,
        recording: &'l mut TapRecording,
        run_time: RunTime,
        waiting: Waiting,
    ) -> Self {
        Self {
            line,
            recording,
            run_time,
            progress: Progress::default(),
            sent: 0,
            silence: None,
            last_request: Vec::new(),
            waiting,
            records: None,
        }
    }

    /// The records of sessions from now on, where the line carries any.
    pub(crate) fn records(&mut self) -> Option<WireRecords> {
        self.records = self.line.limits().records.map(WireRecords::new);
        self.records.clone()
    }

    /// The clock of this line's flows.
    pub(crate) const fn clock(&self) -> RunTime {
        self.run_time
    }

    /// What the connection failed with, where it was that; otherwise the flow's error, which its observer has seen.
    ///
    /// A flow's own bound of time is what is left of the run: it is reached before the deadline where a device asks for
    /// a longer wait.
    pub(crate) fn failure(
        &self,
        error: RunError<LineError>,
    ) -> Result<LineError, RunError<LineError>> {
        match error {
            RunError::Transport(error) => Ok(error),
            RunError::Requester(Error::Bound(Bound::Time(_))) => Ok(self.over()),
            other => Err(other),
        }
    }

    /// The most of `timeout` that the run still allows.
    fn within(&self, timeout: Duration) -> Result<Duration, LineError> {
        let left = self.run_time.left().filter(|_| self.run_time.goes_on());
        let left = left.ok_or_else(|| self.over())?;
        Ok(timeout.min(left))
    }

    /// Waits in steps where the line can, to see a signal between them. A line that has nothing to wait for returns
    /// before its time.
    fn await_message(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError> {
        let begun = Instant::now();
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            let step = left.min(self.line.longest_wait());
            let asked = Instant::now();
            let received = self.line.receive(buffer, step)?;
            let waited = asked.elapsed() >= step && left > step;
            if received.is_some() || !waited || interrupt::is_requested() {
                return Ok(received);
            }
        }
    }

    /// How many messages went out, or may have: where the connection broke, nobody knows.
    pub(crate) const fn sent(&self) -> u32 {
        self.sent
    }

    /// How many requests were answered.
    pub(crate) const fn answers(&self) -> u32 {
        self.progress.answers()
    }

    /// The last request, whether or not it was answered; empty where there was none.
    pub(crate) fn last_request(&self) -> &[u8] {
        &self.last_request
    }

    fn record_passed(&self, message: &[u8]) {
        if let Some(records) = &self.records {
            records.record(message);
        }
    }

    /// Hangs up. What is known about a device that did not answer.
    pub(crate) fn hang_up(self) -> Option<Silence> {
        self.line.hang_up();
        self.silence
    }

    /// The run is over.
    fn over(&self) -> LineError {
        LineError { hint: self.unanswered_hint(), ..self.run_time.over(&self.progress) }
    }

    /// What a person can try where the device has answered nothing yet.
    fn unanswered_hint(&self) -> Option<&'static str> {
        if self.progress.has_answer() { None } else { self.line.unanswered_hint() }
    }

    /// What went wrong, in view of what the device has answered before.
    fn explain(&self, mut error: LineError) -> LineError {
        match (error.kind, self.run_time.left()) {
            (ReportErrorKind::Timeout, None) => return self.over(),
            (ReportErrorKind::Timeout, Some(_)) => error = error.named("--timeout"),
            _ => {}
        }
        if self.progress.has_answer() {
            // It is understood: the way to it is right.
            error.hint = None;
        } else {
            error.hint = error.hint.or_else(|| self.line.unanswered_hint());
        }
        error
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
        let timeout = self.within(timeout)?;
        self.sent = self.sent.saturating_add(1);
        self.recording.message(CaptureDirection::Sent, kind, message);
        let code = match kind {
            MessageKind::Plain => Header::peek(Untrusted::new(message)).ok(),
            MessageKind::Secured => None,
        };
        let code = code.map(|header| header.code);
        self.progress.request(code);
        let fetches = [Code::CHUNK_SEND, Code::CHUNK_GET, Code::RESPOND_IF_READY];
        if let Some(code) = code.filter(|code| !fetches.contains(code)) {
            self.waiting.asked(code);
            self.last_request.clear();
            self.last_request.extend_from_slice(message);
        }
        if kind == MessageKind::Secured {
            self.record_passed(message);
            // What is in a record is no request that evidence could show.
            self.last_request.clear();
        }
        self.line.send(kind, message, timeout).map_err(|error| self.explain(error))
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, LineError> {
        let timeout = self.within(timeout)?;
        let received = self.await_message(buffer, timeout).map_err(|error| self.explain(error))?;
        match &received {
            Some(received) => {
                self.progress.answer();
                self.waiting.answered();
                let message = buffer.get(..received.len).unwrap_or_default();
                self.recording.message(CaptureDirection::Received, received.kind, message);
                if received.kind == MessageKind::Secured {
                    self.record_passed(message);
                }
            }
            None if !self.run_time.goes_on() => return Err(self.over()),
            None => {
                let passed = format!("{:.1} s passed (--timeout)", timeout.as_secs_f64());
                let known = self.line.silence().map(|known| format!("{passed}, {known}"));
                let (known, hint) = (known.unwrap_or(passed), self.unanswered_hint());
                self.silence = Some(Silence { known, hint });
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
    capture: Option<CaptureFile<BufWriter<OutputStream>>>,
    verbosity: u8,
    sent_at: Option<Instant>,
    /// Why the capture could not be written.
    error: Option<String>,
}

impl TapRecording {
    /// Writes every message to `capture`, and with a `verbosity` above 0 a line to standard error.
    pub(crate) const fn new(
        capture: Option<CaptureFile<BufWriter<OutputStream>>>,
        verbosity: u8,
    ) -> Self {
        Self { capture, verbosity, sent_at: None, error: None }
    }

    /// Writes the rest of the capture.
    pub(crate) fn finish(self) -> Result<(), String> {
        match self.error {
            Some(error) => Err(error),
            None => self.capture.map_or(Ok(()), CaptureFile::finish),
        }
    }

    fn message(&mut self, direction: CaptureDirection, kind: MessageKind, message: &[u8]) {
        if let Some(capture) = &mut self.capture
            && let Err(error) = capture.message(direction, kind.into(), message)
        {
            self.error.get_or_insert(error);
        }
        let now = Instant::now();
        let elapsed = self.sent_at.map(|sent| now.duration_since(sent));
        let is_request = direction == CaptureDirection::Sent;
        if is_request {
            self.sent_at = Some(now);
        }
        if self.verbosity > 0 {
            say(&match (kind, elapsed.filter(|_| !is_request)) {
                (MessageKind::Plain, Some(elapsed)) => response_line(message, elapsed),
                (MessageKind::Plain, None) => request_line(message),
                (MessageKind::Secured, Some(elapsed)) => received_record_line(message, elapsed),
                (MessageKind::Secured, None) => sent_record_line(message),
            });
        }
    }
}
