//! Evidence: recordings of one or more connections, read from any format.

use spdm_codec::SlotId;
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};

use crate::capture::{Capture, Layer};
use crate::certificate_list::CertificateList;
use crate::collector::collect;
use crate::document;
use crate::error::Error;
use crate::note::{CountedNote, Note};
use crate::nvidia;
use crate::recording::{ChainContent, Recording, SlotChain};
use crate::standard_transcript;

/// How many connections a file may hold. Without a limit a small file of GET_VERSIONs would make a huge report.
const CONNECTIONS: usize = 4096;

/// A format of evidence.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Format {
    /// A pcap or pcapng file.
    Capture,
    /// DMTF Standard Measurement Transcript, binary or in hexadecimal.
    StandardTranscript,
    /// The JSON that NVIDIA's attestation tools write.
    NvidiaJson,
    /// The JSON of this crate: `docs/schema/evidence.json`.
    Json,
}

impl Format {
    /// The formats' names for command lines: `capture`, `transcript`, `nvidia`, `json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::StandardTranscript => "transcript",
            Self::NvidiaJson => "nvidia",
            Self::Json => "json",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Capture, Self::StandardTranscript, Self::NvidiaJson, Self::Json]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// Recognises the format by the beginning of a file.
    ///
    /// # Errors
    /// [`Error::Format`] where no format begins so.
    pub fn sniff(bytes: &[u8]) -> Result<Self, Error> {
        if Capture::sniff(bytes) {
            return Ok(Self::Capture);
        }
        if standard_transcript::sniff(bytes) {
            return Ok(Self::StandardTranscript);
        }
        match bytes.trim_ascii_start().first() {
            Some(b'[') => Ok(Self::NvidiaJson),
            Some(b'{') => Ok(Self::Json),
            _ if standard_transcript::from_hex(bytes).is_some() => Ok(Self::StandardTranscript),
            _ => Err(Error::Format),
        }
    }
}

/// The algorithms of evidence that does not name them: measurements of 1.0 and 1.1 without a negotiation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Presumption {
    /// The signature algorithm.
    pub asym: AsymAlgorithm,
    /// The base hash.
    pub hash: HashAlgorithm,
}

impl Default for Presumption {
    /// ECDSA P-384 with SHA-384.
    fn default() -> Self {
        Self { asym: AsymAlgorithm::Ecdsa(EcCurve::P384), hash: HashAlgorithm::Sha384 }
    }
}

/// How to read a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ReadOptions {
    /// The format; `None` to go by how the file begins.
    pub format: Option<Format>,
    /// The algorithms of measurements of 1.0 and 1.1 without a negotiation.
    pub presumption: Presumption,
}

/// Recordings of one or more connections.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// What the evidence is about, for reports. What a file says of itself is a claim that nothing signs.
    pub target: String,
    /// When it was made (RFC 3339), as the file claims.
    pub created: Option<String>,
    /// The connections, in order.
    pub recordings: Vec<Recording>,
    /// Chains that any connection may have used without fetching them.
    pub chains: Vec<SlotChain>,
    /// What was left out and belongs to no connection; reports do not repeat it.
    pub notes: Vec<CountedNote>,
}

impl Evidence {
    /// Evidence without recordings.
    #[must_use]
    pub fn new(target: &str) -> Self {
        Self { target: target.to_owned(), ..Self::default() }
    }

    /// Reads a file of any format.
    ///
    /// # Errors
    /// [`Error`] where it is of no known format, damaged, or holds no SPDM message or too many connections.
    pub fn read(bytes: &[u8], options: &ReadOptions) -> Result<Self, Error> {
        let format = match options.format {
            Some(format) => format,
            None => Format::sniff(bytes)?,
        };
        let evidence = match format {
            Format::Capture => Self::from_capture(&Capture::read(bytes)?),
            Format::StandardTranscript => {
                let decoded = standard_transcript::from_hex(bytes);
                let transcript = decoded.as_deref().unwrap_or(bytes);
                standard_transcript::read(transcript, options.presumption)?
            }
            Format::NvidiaJson => nvidia::read(bytes)?,
            Format::Json => document::read(bytes)?,
        };
        match evidence.recordings.len() {
            0 => Err(Error::Empty),
            1..=CONNECTIONS => Ok(evidence),
            count => Err(Error::Connections { count }),
        }
    }

    /// The exchanges of a capture. Secured messages are counted and left out.
    #[must_use]
    pub fn from_capture(capture: &Capture) -> Self {
        let plain = capture.messages.iter().filter(|message| message.layer == Layer::Plain);
        let plain = plain.map(|message| message.bytes.as_slice());
        let (recordings, early) = collect(plain, capture.padding);
        let secured = capture.messages.iter().filter(|m| m.layer == Layer::Secured).count();
        let secured = (secured > 0).then_some(Note::Secured { messages: secured });
        let notes = CountedNote::all(capture.notes.iter().copied().chain(early).chain(secured));
        Self { recordings, notes, ..Self::default() }
    }

    /// Evidence in this crate's JSON.
    ///
    /// # Errors
    /// [`Error::Unwritable`] where the negotiation of a connection was not recorded.
    pub fn to_json(&self) -> Result<String, Error> {
        document::write(self)
    }

    /// Gives every connection a chain structure of DSP0274, in place of those of the slot that came with the
    /// evidence: transcripts hold none.
    pub fn attach_chain(&mut self, slot: SlotId, structure: &[u8]) {
        self.attach(slot, ChainContent::Structure(structure.to_vec()));
    }

    /// Gives every connection PEM certificates, root or leaf first, in place of the chains of the slot that
    /// came with the evidence.
    ///
    /// # Errors
    /// [`Error::Pem`].
    pub fn attach_pem(&mut self, slot: SlotId, pem: &str) -> Result<(), Error> {
        self.attach(slot, ChainContent::Certificates(CertificateList::from_pem(pem)?));
        Ok(())
    }

    fn attach(&mut self, slot: SlotId, content: ChainContent) {
        for recording in &mut self.recordings {
            recording.chains.retain(|chain| chain.slot != slot);
        }
        self.chains.retain(|chain| chain.slot != slot);
        self.chains.push(SlotChain { slot, content });
    }
}
