//! A recording: the exchanges of one connection, and what else is known about it.

use core::fmt;
use std::sync::Arc;

use spdm_codec::{
    ChunkError, Code, Cx, DecodeError, ErrorCode, GetMeasurements, Header, KeySlot, Message,
    RecordBinding, RequesterNonce, SignatureRequest, SlotId, SpdmVersion,
};
use spdm_crypto::HashAlgorithm;
use spdm_requester::{Connection, Crypto, Negotiated};
use spdm_untrusted::Untrusted;

use crate::bundle::BundledPart;
use crate::certificate_list::{CertificateList, HEADER_LEN};
use crate::chain_library::FetchedChains;
use crate::error::Error;
use crate::evidence::Presumption;
use crate::file_kind::FileKind;
use crate::note::Note;
use crate::text;

/// One request and its final response. Chunks are reassembled.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "recorders build it")]
pub struct RecordedExchange {
    /// The request.
    pub request: Vec<u8>,
    /// ERROR responses after which the response was still to come: Busy, ResponseNotReady, RequestInFlight,
    /// LargeResponse.
    pub interim: Vec<Vec<u8>>,
    /// The response, where it was recorded.
    pub response: Option<Vec<u8>>,
}

/// A record of a session among the exchanges of its connection.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CapturedRecord {
    /// How many exchanges of the connection came before.
    pub exchange: usize,
    /// The record, with the transport's padding.
    pub bytes: Vec<u8>,
}

/// Whether a message is an ERROR after which the answer is still to come.
pub(crate) const fn is_interim(message: &[u8]) -> bool {
    match message {
        [_, code, error, ..] if *code == Code::ERROR.0 => matches!(
            ErrorCode(*error),
            ErrorCode::BUSY
                | ErrorCode::RESPONSE_NOT_READY
                | ErrorCode::REQUEST_IN_FLIGHT
                | ErrorCode::LARGE_RESPONSE
        ),
        _ => false,
    }
}

/// Where the negotiated parameters come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Negotiation {
    /// GET_VERSION to ALGORITHMS are in the recording.
    Recorded,
    /// The messages are missing, but the result is known (1.0 and 1.1 only).
    Presumed(Negotiated),
}

/// A certificate chain that came with the evidence instead of in a CERTIFICATE.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "recorders build it")]
pub struct SlotChain {
    /// The slot.
    pub slot: SlotId,
    /// The certificates, which the connections of a file share.
    pub content: Arc<ChainContent>,
}

/// A certificate chain in one of two forms.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ChainContent {
    /// The structure of DSP0274: Length, RootHash, certificates.
    Structure(Vec<u8>),
    /// Certificates, of which the structure is made.
    Certificates(CertificateList),
}

impl ChainContent {
    /// The chain in a file: a structure of DSP0274, or what [`CertificateList::read`] reads. A file that is no text and
    /// holds no certificates is taken for a structure, so that the checks of a chain say what is wrong with it.
    ///
    /// # Errors
    /// Those of [`CertificateList::read`].
    pub fn read(file: &[u8]) -> Result<Self, Error> {
        let structure = |bytes: &[u8]| is_structure(bytes).then(|| Self::Structure(bytes.to_vec()));
        if let Some(structure) = text::unwrapped(file, &structure) {
            return Ok(structure);
        }
        let kind = FileKind::of(file);
        // What is packed may hold certificates by chance, or some of those that are inside.
        if let Some(kind @ (FileKind::Packed(_) | FileKind::Capture)) = kind {
            return Err(Error::NotChain(kind));
        }
        let labels = match CertificateList::read(file) {
            Ok(list) => return Ok(Self::Certificates(list)),
            Err(Error::NoCertificate { labels }) => labels,
            Err(error) => return Err(error),
        };
        let only = |what: &str| Err(Error::NoCertificate { labels: vec![what.to_owned()] });
        match (file, kind) {
            _ if !labels.is_empty() => Err(Error::NoCertificate { labels }),
            ([0x30, 0x82, _, _, 2, 1, 3, ..], _) => only("PKCS #12"),
            ([0x30, 0x81..=0x83, ..], _) => only("DER of something else"),
            // The first field of a damaged structure may look like a message.
            (_, Some(FileKind::Message { .. }) | None) if is_like_structure(file) => {
                Ok(Self::Structure(file.to_vec()))
            }
            (_, Some(kind)) => Err(Error::NotChain(kind)),
            (_, None) => Err(Error::NoCertificate { labels }),
        }
    }
}

impl ChainContent {
    /// Whether both hold the same chain: of a list and a structure, or of two lists, one may lack certificates of the
    /// root's side.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Structure(own), Self::Structure(other)) => own == other,
            (Self::Certificates(list), Self::Structure(bytes))
            | (Self::Structure(bytes), Self::Certificates(list)) => {
                // No certificate is empty, and there are no windows of that length.
                let holds = |der: &Vec<u8>| {
                    !der.is_empty() && bytes.windows(der.len()).any(|part| part == der)
                };
                let leaf = list.leaf().is_some_and(|leaf| bytes.ends_with(leaf));
                leaf && list.certificates().iter().all(holds)
            }
            (Self::Certificates(own), Self::Certificates(other)) => {
                let (short, long) = if own.certificates().len() < other.certificates().len() {
                    (own, other)
                } else {
                    (other, own)
                };
                let holds = |der: &Vec<u8>| long.certificates().contains(der);
                own.leaf() == other.leaf() && short.certificates().iter().all(holds)
            }
        }
    }
}

/// Whether bytes that are no text may be a damaged chain structure: by the reserved bytes behind Length, or by a
/// certificate behind a RootHash.
fn is_like_structure(bytes: &[u8]) -> bool {
    let is_certificate =
        |digest: usize| matches!(bytes.get(HEADER_LEN + digest..), Some([0x30, 0x81..=0x83, ..]));
    core::str::from_utf8(bytes).is_err()
        && (matches!(bytes, [_, _, 0, 0, ..]) || [32, 48, 64].into_iter().any(is_certificate))
}

/// Whether bytes are a chain structure by their first field: Length of two bytes and two reserved ones, or of four.
pub(crate) fn is_structure(bytes: &[u8]) -> bool {
    let length = bytes.first_chunk().map(|length| u32::from_le_bytes(*length));
    length.is_some_and(|length| usize::try_from(length) == Ok(bytes.len()))
}

/// One connection, from GET_VERSION to the next GET_VERSION.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recording {
    /// Where the negotiated parameters come from.
    pub negotiation: Negotiation,
    /// How many bytes the transport may have appended to a message.
    pub padding: usize,
    /// The exchanges, in order.
    pub exchanges: Vec<RecordedExchange>,
    /// The records of sessions between them, in order, where [`ReadOptions`](crate::ReadOptions) wants them.
    pub records: Vec<CapturedRecord>,
    /// How the transport carried them, where that is known; otherwise they show it.
    pub record_binding: Option<RecordBinding>,
    /// Chains that are not in the exchanges.
    pub chains: Vec<SlotChain>,
    /// The nonce that the file says the device was asked with, where it names one. Nothing signs what the file says:
    /// the signature must cover this nonce, but that does not make the evidence fresh.
    pub claimed_nonce: Option<RequesterNonce>,
    /// The base hash that the file names. Nothing signs what the file says, and tools are seen to name another one: where
    /// the negotiation is not on record, the usual hash of the signature algorithm is tried, too.
    pub claimed_hash: Option<HashAlgorithm>,
    /// The part of a detached EAT bundle that it is of.
    pub bundle: Option<BundledPart>,
    /// Why the recording ends early.
    pub broken: Option<Broken>,
    /// What was left out of the recording.
    pub notes: Vec<Note>,
}

impl Recording {
    /// A recording without exchanges.
    #[must_use]
    pub const fn new(negotiation: Negotiation, padding: usize) -> Self {
        Self {
            negotiation,
            padding,
            exchanges: Vec::new(),
            records: Vec::new(),
            record_binding: None,
            chains: Vec::new(),
            claimed_nonce: None,
            claimed_hash: None,
            bundle: None,
            broken: None,
            notes: Vec::new(),
        }
    }

    /// The chains that the connection fetched, in the order of their completion. What does not fit the protocol ends
    /// the search.
    pub fn fetched(&self, crypto: &mut Crypto<'_>) -> Vec<SlotChain> {
        let mut stored = Vec::new();
        FetchedChains::of(self, crypto, &mut stored);
        let chains = stored.into_iter().map(|chain| SlotChain {
            slot: chain.slot,
            content: Arc::new(ChainContent::Structure(chain.bytes.into_owned())),
        });
        chains.collect()
    }

    /// The slot whose key the last GET_MEASUREMENTS asked to sign; `None` where the last request is another one, names no
    /// slot (1.0), or asks for the raw public key.
    #[must_use]
    pub fn measured_slot(&self) -> Option<SlotId> {
        match self.measurement_request()?.slot? {
            KeySlot::Slot(slot) => Some(slot),
            KeySlot::PublicKey => None,
        }
    }

    /// What the last request asks for, where it is a GET_MEASUREMENTS with a signature.
    pub(crate) fn measurement_request(&self) -> Option<SignatureRequest> {
        let request = Untrusted::new(self.exchanges.last()?.request.as_slice());
        let header = Header::peek(request).ok().filter(|h| h.code == Code::GET_MEASUREMENTS)?;
        let cx = Cx::new(SpdmVersion::from_byte(header.version)?);
        GetMeasurements::decode(request, &cx).ok()?.message.signature
    }

    /// The same with the usual hash of the signature algorithm, where the hash is only what the file names.
    pub(crate) fn with_usual_hash(&self) -> Option<Self> {
        let Negotiation::Presumed(negotiated) = self.negotiation else { return None };
        let (claimed, asym) = (self.claimed_hash?, negotiated.asym().ok()?);
        let usual = Presumption::usual_hash(asym);
        let is_other = usual != claimed && negotiated.hash() == Ok(claimed);
        let presumed = Negotiated::presumed(negotiated.version, asym, usual);
        is_other.then(|| Self { negotiation: Negotiation::Presumed(presumed), ..self.clone() })
    }

    /// Messages in sessions that are not to be judged: they are counted in a note.
    pub(crate) fn count_secured(&mut self, count: usize) {
        let noted = self.notes.iter_mut().find_map(|note| match note {
            Note::Secured { messages } => Some(messages),
            _ => None,
        });
        match noted {
            Some(messages) => *messages += count,
            None if count > 0 => self.notes.push(Note::Secured { messages: count }),
            None => {}
        }
    }

    /// Counts its records instead of keeping them.
    pub(crate) fn leave_out_records(&mut self) {
        let count = core::mem::take(&mut self.records).len();
        self.count_secured(count);
    }

    /// A connection before the first exchange.
    pub(crate) fn connection(&self) -> Result<Connection, spdm_requester::Error> {
        match self.negotiation {
            Negotiation::Recorded => Ok(Connection::new(self.padding)),
            Negotiation::Presumed(negotiated) => Connection::presume(negotiated, self.padding),
        }
    }
}

/// Why a recording ends early: the next message cannot be assigned to an exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Broken {
    /// A chunk message or an ERROR cannot be decoded.
    Decode(DecodeError),
    /// A chunk breaks a rule.
    Chunk(ChunkError),
    /// The capture begins after the negotiation: signatures in it cannot be checked.
    BeginsLate,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => error.fmt(f),
            Self::Chunk(error) => error.fmt(f),
            Self::BeginsLate => f.write_str(
                "the negotiation is not in the file: answers come before the first GET_VERSION",
            ),
        }
    }
}

impl core::error::Error for Broken {}

impl From<DecodeError> for Broken {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<ChunkError> for Broken {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Decode(error) => Self::Decode(error),
            other => Self::Chunk(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CertificateList, ChainContent};

    /// Nobody has looked at the certificates of such a list.
    #[test]
    fn lists_of_anything_agree_with_what_holds_them() {
        let structure = ChainContent::Structure(vec![1, 2, 3, 4]);
        let list = |list: &[&[u8]]| {
            let certificates = list.iter().map(|der| der.to_vec()).collect();
            ChainContent::Certificates(CertificateList::new(certificates))
        };
        assert!(list(&[&[2, 3], &[4]]).agrees(&structure));
        for other in [&[&[][..]][..], &[&[], &[4]], &[&[5], &[4]], &[&[3]], &[]] {
            assert!(!list(other).agrees(&structure), "{other:?}");
            assert!(!structure.agrees(&list(other)), "{other:?}");
        }
    }
}
