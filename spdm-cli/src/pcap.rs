//! Writing a capture of a live exchange.

use std::io::{self, Write};
use std::time::SystemTime;

use spdm_evidence::{CaptureBinding, CaptureDirection, CaptureForm, CaptureWriter, Layer};

use crate::args::PcapFormat;

/// A capture of messages, and of records of sessions as they are.
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

    /// Adds a message.
    pub(crate) fn message(
        &mut self,
        direction: CaptureDirection,
        layer: Layer,
        message: &[u8],
    ) -> Result<(), String> {
        let written = self.0.write(SystemTime::now(), direction, layer, message);
        written.map_err(|error: io::Error| error.to_string())
    }

    /// Writes what is buffered.
    pub(crate) fn finish(self) -> Result<(), String> {
        self.0.finish().map(drop).map_err(|error| error.to_string())
    }
}
