//! Evidence: recordings of one or more connections.

use std::sync::Arc;

use spdm_codec::{SlotId, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_requester::Negotiated;

use crate::capture::Capture;
use crate::connections::Connections;
use crate::note::CountedNote;
use crate::recording::{ChainContent, Recording, SlotChain};

/// How many connections a file may hold that is read whole. Without a limit a small file of GET_VERSIONs would make a
/// huge report.
pub(crate) const CONNECTIONS: usize = 4096;

/// The algorithms of measurements of 1.0 and 1.1 without a negotiation. What a caller says must not contradict the file;
/// where neither of them says it, it is [`Self::ASYM`] and [`Self::HASH`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Presumption {
    /// The signature algorithm.
    pub asym: Option<AsymAlgorithm>,
    /// The base hash.
    pub hash: Option<HashAlgorithm>,
}

impl Presumption {
    /// The signature algorithm that nobody names: that of most devices.
    pub const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P384);
    /// The base hash that nobody names.
    pub const HASH: HashAlgorithm = HashAlgorithm::Sha384;

    /// The base hash that is as strong as the signature algorithm, which devices have with it as a rule.
    pub(crate) const fn usual_hash(asym: AsymAlgorithm) -> HashAlgorithm {
        match asym {
            AsymAlgorithm::Ecdsa(EcCurve::P256) => HashAlgorithm::Sha256,
            AsymAlgorithm::Ecdsa(EcCurve::P521) => HashAlgorithm::Sha512,
            _ => Self::HASH,
        }
    }

    /// What a connection of this version agreed on.
    pub(crate) fn negotiated(self, version: SpdmVersion) -> Negotiated {
        let (asym, hash) = (self.asym.unwrap_or(Self::ASYM), self.hash.unwrap_or(Self::HASH));
        Negotiated::presumed(version, asym, hash)
    }
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

    /// The exchanges of a capture. Secured messages are counted and left out.
    #[must_use]
    pub fn from_capture(capture: &Capture) -> Self {
        let mut connections = Connections::default();
        capture.notes.iter().for_each(|note| connections.note(*note));
        capture.messages.iter().for_each(|message| connections.message(message));
        connections.finish()
    }

    /// Adds what is in the next portion of the same file.
    pub(crate) fn append(&mut self, portion: Self) {
        if self.recordings.is_empty() && self.notes.is_empty() {
            return *self = portion;
        }
        self.recordings.extend(portion.recordings);
        self.chains.extend(portion.chains);
        for counted in portion.notes {
            match self.notes.iter_mut().find(|known| known.note == counted.note) {
                Some(known) => known.count += counted.count,
                None => self.notes.push(counted),
            }
        }
    }

    /// Gives every connection a chain structure of DSP0274, in place of those of the slot that came with the
    /// evidence: transcripts hold none.
    pub fn attach_chain(&mut self, slot: SlotId, structure: &[u8]) {
        self.attach(slot, ChainContent::Structure(structure.to_vec()));
    }

    /// Gives every connection a chain, in place of those of the slot that came with the evidence.
    pub fn attach(&mut self, slot: SlotId, content: ChainContent) {
        for recording in &mut self.recordings {
            recording.chains.retain(|chain| chain.slot != slot);
        }
        self.chains.retain(|chain| chain.slot != slot);
        self.chains.push(SlotChain { slot, content: Arc::new(content) });
    }
}
