//! Reading evidence, in portions where it is long.

use core::iter::FusedIterator;
use std::io::{self, Read};

use crate::capture::{Capture, CaptureReader};
use crate::connections::CapturedConnections;
use crate::error::Error;
use crate::evidence::{CONNECTIONS, Evidence};
use crate::format::{self, Format, ReadOptions};
use crate::unpacked::Unpacked;

/// The longest file that is read whole, in bytes.
const WHOLE: u64 = 1 << 30;

/// Reads the evidence in a file, which may be compressed with gzip or zstd, in portions of whole connections: a capture
/// is not held in memory, other formats are one portion.
///
/// An error ends the reading. A capture that lacks messages is one, and so is a file without an SPDM connection: what
/// was given out before is whole, but not all.
///
/// ```
/// use spdm_crypto::rustcrypto::{PROVIDER, Running};
/// use spdm_crypto::Bank;
/// use spdm_evidence::{Error, EvidenceReader, Judge, ReadOptions, Verifier};
///
/// fn verify(file: std::fs::File, verifier: &Verifier<'_>) -> Result<bool, Error> {
///     let mut judge = Judge::new(verifier);
///     let mut verified = true;
///     for portion in EvidenceReader::new(file, &ReadOptions::default())? {
///         let reports = judge.verify(&mut Bank::<Running, 2>::new(), &portion?);
///         verified &= reports.iter().all(|report| report.verified());
///     }
///     Ok(verified)
/// }
/// ```
#[derive(Debug)]
pub struct EvidenceReader<R: Read>(Source<R>);

#[derive(Debug)]
enum Source<R: Read> {
    Capture(Box<CapturedConnections<R>>),
    Whole(Option<Evidence>),
}

impl<R: Read> EvidenceReader<R> {
    /// Recognises the format, and reads a file that is no capture.
    ///
    /// # Errors
    /// [`Error`] where it is of no known format, cannot be read, is damaged, or is longer than 1 GiB and no capture.
    pub fn new(source: R, options: &ReadOptions) -> Result<Self, Error> {
        let unreadable = |error: io::Error| Error::unreadable(&error);
        let mut source = Unpacked::new(source).map_err(unreadable)?;
        let is_capture = Capture::sniff(source.peek(4).map_err(unreadable)?);
        let wanted = matches!(options.format, None | Some(Format::Capture));
        if !(is_capture && wanted) {
            let mut bytes = Vec::new();
            let read = source.take(WHOLE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
            if u64::try_from(read).is_ok_and(|read| read > WHOLE) {
                return Err(Error::TooLong { most: WHOLE });
            }
            let evidence = format::read(&bytes, options)?;
            check(&evidence)?;
            return Ok(Self(Source::Whole(Some(evidence))));
        }
        let reader = CaptureReader::unpacked(source)?;
        Ok(Self(Source::Capture(Box::new(CapturedConnections::new(reader, options.records)))))
    }
}

impl<R: Read> Iterator for EvidenceReader<R> {
    type Item = Result<Evidence, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Capture(connections) => connections.next(),
            Source::Whole(evidence) => evidence.take().map(Ok),
        }
    }
}

impl<R: Read> FusedIterator for EvidenceReader<R> {}

impl Evidence {
    /// Reads a file of any format: all that an [`EvidenceReader`] finds.
    ///
    /// # Errors
    /// As [`EvidenceReader`], at whatever place; [`Error::Connections`] where there are too many.
    pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Self, Error> {
        let mut evidence = Self::default();
        for portion in EvidenceReader::new(bytes, options)? {
            evidence.append(portion?);
            check(&evidence)?;
        }
        Ok(evidence)
    }
}

/// Whether a file that is read whole holds connections, and not too many.
const fn check(evidence: &Evidence) -> Result<(), Error> {
    match evidence.recordings.len() {
        0 => Err(Error::Empty),
        1..=CONNECTIONS => Ok(()),
        count => Err(Error::Connections { count }),
    }
}
