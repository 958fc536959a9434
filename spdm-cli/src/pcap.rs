//! Writing a capture of a live exchange.

use std::io::{self, Write};
use std::time::SystemTime;

use spdm_codec::{Code, Header};
use spdm_evidence::{CaptureBinding, CaptureDirection, CaptureForm, CaptureWriter, Layer};
use spdm_untrusted::Untrusted;

use crate::args::PcapFormat;

/// A capture of plain messages.
#[derive(Debug)]
pub(crate) struct CaptureFile<W: Write>(CaptureWriter<W>);

impl<W: Write> CaptureFile<W> {
    /// Begins a file.
    pub(crate) fn new(out: W, format: PcapFormat, binding: CaptureBinding) -> Result<Self, String> {
        let form = match format {
            PcapFormat::Wireshark => CaptureForm::Wireshark,
            PcapFormat::Dmtf => CaptureForm::Dmtf,
        };
        let writer = CaptureWriter::new(out, form, binding);
        writer.map(Self).map_err(|error| error.to_string())
    }

    /// Adds a message; its code says which way it went.
    pub(crate) fn message(&mut self, message: &[u8]) -> Result<(), String> {
        let code = Header::peek(Untrusted::new(message)).map(|header| header.code);
        let direction = if code.is_ok_and(Code::is_request) {
            CaptureDirection::Sent
        } else {
            CaptureDirection::Received
        };
        let written = self.0.write(SystemTime::now(), direction, Layer::Plain, message);
        written.map_err(|error: io::Error| error.to_string())
    }

    /// Writes what is buffered.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.0.finish().map(drop).map_err(|error| error.to_string())
    }
}
