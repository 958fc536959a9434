//! What a reader of captures and evidence left out.

use core::fmt;
use core::net::SocketAddr;

use std::collections::HashMap;

use etherparse::IpNumber;
use spdm_appraisal::Divergence;
use spdm_codec::{Code, SlotId};

/// Something that a reader left out and that is not an error.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// The device asked to start over (RequestResynch), and was asked once more.
    StartedOver,
    /// The host has proven to the device who it is (mutual authentication).
    HostAuthenticated {
        /// The slot of the host's whose key has signed; `None` where that is a raw public key.
        slot: Option<SlotId>,
    },
    /// The host could have proven who it is, and the device did not ask.
    HostNotAsked,
    /// The file ends inside a packet, or holds only the beginning of one.
    CutPacket {
        /// The packet, counted from 1.
        packet: u64,
        /// Bytes that are there.
        bytes: usize,
    },
    /// A packet of an MCTP message is not in the capture.
    LostPacket {
        /// The packet that shows it, counted from 1.
        packet: u64,
    },
    /// Bytes of a TCP connection that carries SPDM are not in the capture.
    LostBytes {
        /// The connection, from the side that spoke first.
        ends: [SocketAddr; 2],
        /// The packet that shows it, counted from 1.
        packet: u64,
    },
    /// A segment of such a connection repeats bytes, but not those that came first.
    ChangedBytes {
        /// The connection, from the side that spoke first.
        ends: [SocketAddr; 2],
        /// The packet with other bytes, counted from 1.
        packet: u64,
    },
    /// What such a connection carries is no frame where one must begin.
    LostFraming {
        /// The connection, from the side that spoke first.
        ends: [SocketAddr; 2],
        /// The packet up to which it could be read, counted from 1.
        packet: u64,
    },
    /// Two MCTP endpoints answer what a third one sends to the null endpoint (DSP0236 §8.1): whose messages these are,
    /// nothing in the capture says.
    NullEndpoint {
        /// The packet that shows it, counted from 1.
        packet: u64,
    },
    /// A packet that is not SPDM.
    OtherPacket,
    /// A frame or data object of a transport of SPDM that holds no message of SPDM: a greeting, a discovery.
    OtherFrame,
    /// A packet of an IP protocol that carries packets: what is in them is not read.
    Tunnel {
        /// The number of the protocol.
        protocol: u8,
    },
    /// An IP packet that holds only a fragment of a TCP segment.
    Fragment,
    /// Such packets beside SPDM over TCP: they may be part of it.
    LostFragment {
        /// The first of them, counted from 1.
        packet: u64,
    },
    /// A packet of an MCTP message that does not begin in the capture.
    Headless,
    /// A block of pcapng that is not known: what is in it is not read.
    UnknownBlock {
        /// The number of its kind.
        kind: u32,
    },
    /// A packet of a link type that carries no SPDM.
    OtherLink {
        /// The number of the link type in the registry.
        link: u32,
    },
    /// Secured messages, which need the session's keys.
    Secured {
        /// How many.
        messages: usize,
    },
    /// Sessions whose FINISH the host signs with a key that is not known: its signature and the HMACs behind it are not
    /// checked.
    MutualSessions {
        /// How many.
        count: usize,
    },
    /// A message that answers or continues nothing before it.
    Stray {
        /// Its code.
        code: Code,
    },
    /// Zero bytes behind the last message of a transcript, as files that are written in blocks have them.
    TrailingZeros {
        /// How many.
        bytes: usize,
    },
    /// A block of PEM among the certificates in JSON that is none.
    OtherPem,
    /// Bytes behind certificates in JSON that are none.
    BehindCertificates {
        /// How many.
        bytes: usize,
    },
    /// A member of JSON without a value, such as null, beside a device.
    NoValue,
    /// A member of JSON that is called nonce and lies around the evidence, but cannot be a nonce of SPDM.
    OtherNonce,
    /// A signed answer that a form of evidence has no place for.
    NotInForm {
        /// Its code.
        code: Code,
    },
    /// The form has no place for certificates, without which nothing can be verified.
    NoCertificates,
    /// A connection without signed measurements, which are all that a form has a place for.
    NotMeasured,
    /// The form names no algorithms, and those of the measurements are not the ones that are presumed.
    UnnamedAlgorithms {
        /// The signature algorithm.
        asym: &'static str,
        /// The base hash.
        hash: &'static str,
    },
    /// The vendor's own verifier reads measurements of 1.1 only, without the negotiation that signatures of 1.2 cover.
    NewerThanForm,
    /// Reference values in a conceptual message wrapper, which the evidence must not choose for itself.
    WrappedReference,
    /// Another message in a conceptual message wrapper.
    OtherMessage {
        /// Its type.
        media_type: &'static str,
    },
    /// A message of unknown type in a conceptual message wrapper that says that it is no evidence.
    UnknownMessage,
    /// The file names another base hash than the connection has.
    OtherHash {
        /// The hash that the file names.
        named: &'static str,
        /// That of the connection.
        used: &'static str,
    },
    /// No signature covers the negotiation, and the algorithms that only the negotiation states are left out of the
    /// report.
    UnsignedNegotiation,
    /// The device says that measurements changed while they were read (1.2): what was read before is out of date.
    ContentChanged,
    /// A message in chunks of which the last one did not come, or that was given up.
    Unfinished {
        /// The code of its chunks.
        code: Code,
    },
    /// The answer before once more.
    Repeated {
        /// Its code.
        code: Code,
    },
    /// Bytes behind a data object or frame in its packet that are none.
    BehindMessage {
        /// How many.
        bytes: usize,
    },
    /// A request whose response is missing.
    Unanswered {
        /// Its code.
        code: Code,
    },
    /// A connection with several signed MEASUREMENTS of a slot, each of them verified.
    SeveralMeasurements {
        /// How many.
        count: usize,
    },
    /// A structured measurement manifest without the header that DSP0274 has there.
    ManifestHeader {
        /// Index of the block.
        index: u8,
    },
    /// What is in a measurement manifest or a bundle and was not looked into.
    ClaimsIgnored {
        /// How much: claims, kinds of triples, entries of maps.
        count: u32,
    },
    /// The evidence is a part of a bundle.
    BundledPart,
    /// The form has no place for the token of a bundle.
    BundleToken,
    /// Where a token differs from its profile.
    Token {
        /// How.
        divergence: Divergence,
    },
    /// A signed measurement that has another value than in the signed MEASUREMENTS before.
    ChangedMeasurement {
        /// Index of the block.
        index: u8,
    },
}

impl Note {
    /// Whether it is a response without its request that may carry a signature: one that nobody can check.
    pub(crate) fn is_unjudged(&self) -> bool {
        let signed = [
            Code::CHALLENGE_AUTH,
            Code::MEASUREMENTS,
            Code::KEY_EXCHANGE_RSP,
            Code::CHUNK_RESPONSE,
        ];
        matches!(self, Self::Stray { code } if signed.contains(code))
    }

    /// Whether messages of SPDM are missing that were said. What is left cannot be judged, and
    /// [`Evidence::read`](crate::Evidence::read) refuses such a capture.
    #[must_use]
    pub const fn is_loss(&self) -> bool {
        matches!(
            self,
            Self::CutPacket { .. }
                | Self::LostPacket { .. }
                | Self::LostBytes { .. }
                | Self::ChangedBytes { .. }
                | Self::LostFraming { .. }
                | Self::LostFragment { .. }
                | Self::BehindMessage { .. }
                | Self::NullEndpoint { .. }
        )
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MutualSessions { count } => write!(
                f,
                "{count} sessions with mutual authentication: the HMACs of FINISH are not checked, for the host's key is not known"
            ),
            Self::HostAuthenticated { slot: Some(slot) } => write!(
                f,
                "the host authenticated itself to the device, with the chain in its slot {slot}"
            ),
            Self::HostAuthenticated { slot: None } => {
                f.write_str("the host authenticated itself to the device, with its raw public key")
            }
            Self::HostNotAsked => {
                f.write_str("the device did not ask the host to authenticate itself")
            }
            Self::StartedOver => f.write_str(
                "the device asked to start over (RequestResynch), and was asked once more",
            ),
            Self::CutPacket { packet, bytes } => {
                write!(f, "packet {packet} is cut: only {bytes} bytes of it are there")
            }
            Self::LostPacket { packet } => {
                write!(
                    f,
                    "a packet is missing, as packet {packet} shows: an MCTP message is not complete"
                )
            }
            Self::LostBytes { ends: [from, to], packet } => write!(
                f,
                "a packet is missing, as packet {packet} shows: bytes of TCP {from} to {to} are not there"
            ),
            Self::ChangedBytes { ends: [from, to], packet } => {
                write!(f, "packet {packet} repeats bytes of TCP {from} to {to} with other content")
            }
            Self::LostFraming { ends: [from, to], packet } => {
                write!(f, "TCP {from} to {to}: no frame begins where one must, at packet {packet}")
            }
            Self::Fragment => f.write_str("an IP fragment of a TCP segment was left out"),
            Self::LostFragment { packet } => write!(
                f,
                "packet {packet} is an IP fragment of a TCP segment, which is not put together"
            ),
            Self::OtherPacket => f.write_str("a packet that is not SPDM was left out"),
            Self::NullEndpoint { packet } => write!(
                f,
                "packet {packet} answers a request to the null endpoint of MCTP, as another endpoint did \
                 before: whose messages these are cannot be told"
            ),
            Self::OtherFrame => {
                f.write_str("a frame or data object without a message of SPDM was left out")
            }
            Self::Tunnel { protocol } => {
                let name = IpNumber(*protocol).keyword_str().unwrap_or("unnamed");
                write!(
                    f,
                    "a packet of IP protocol {protocol} ({name}) was left out: what it carries is not read"
                )
            }
            Self::Headless => {
                f.write_str("an MCTP packet was left out whose message does not begin in the file")
            }
            Self::UnknownBlock { kind } => {
                write!(f, "a pcapng block of unknown type {kind:#x} was left out")
            }
            Self::OtherLink { link } => {
                write!(f, "a packet of link type {link}, which carries no SPDM, was left out")
            }
            Self::Secured { messages } => write!(f, "{messages} secured messages were not opened"),
            Self::Stray { code } => write!(f, "{code} fits nothing before it and was left out"),
            Self::TrailingZeros { bytes: 1 } => {
                f.write_str("one zero byte behind the last message was left out")
            }
            Self::TrailingZeros { bytes } => {
                write!(f, "{bytes} zero bytes behind the last message were left out")
            }
            Self::OtherPem => f.write_str("a block of PEM that is no certificate was left out"),
            Self::BehindCertificates { bytes } => {
                write!(f, "{bytes} bytes behind the certificates, which are none, were left out")
            }
            Self::NoValue => f.write_str("a member without a value beside a device was left out"),
            Self::OtherNonce => f.write_str("a nonce that is not 32 bytes long was left out"),
            Self::NotInForm { code: Code::MEASUREMENTS } => f.write_str(
                "earlier signed MEASUREMENTS were left out: the form has a place for the last ones",
            ),
            Self::NotInForm { code } => {
                write!(f, "{code} was left out: the form is for signed measurements")
            }
            Self::NoCertificates => f.write_str(
                "the certificates were left out: the form is for signed measurements, and spdm verify needs --chain",
            ),
            Self::NotMeasured => {
                f.write_str("a connection without signed measurements was left out")
            }
            Self::UnnamedAlgorithms { asym, hash } => write!(
                f,
                "the form names no algorithms: spdm verify needs --base-asym {asym} --base-hash {hash}"
            ),
            Self::NewerThanForm => f.write_str(
                "NVIDIA's own verifier reads measurements of 1.1 only: --max-version 1.1 asks for them",
            ),
            Self::WrappedReference => f.write_str(
                "reference values beside the evidence were not taken: --reference names whose count",
            ),
            Self::OtherMessage { media_type } => {
                write!(f, "a message of type {media_type} was not judged")
            }
            Self::UnknownMessage => {
                f.write_str("a message of unknown type, which is no evidence, was left out")
            }
            Self::OtherHash { named, used } => {
                write!(f, "the file says that the hash algorithm is {named}; it is {used}")
            }
            Self::UnsignedNegotiation => f.write_str(
                "no signature covers the negotiation: algorithms that only it states are left out",
            ),
            Self::ContentChanged => f.write_str(
                "the device says that measurements changed while they were read: they may be out of date",
            ),
            Self::Unfinished { code } => {
                write!(f, "a message in {code} is not complete and was left out")
            }
            Self::Repeated { code } => write!(f, "the same {code} once more was left out"),
            Self::BehindMessage { bytes } => {
                write!(f, "{bytes} bytes behind a message in its packet are no message")
            }
            Self::Unanswered { code } => write!(f, "there is no answer to {code}"),
            Self::SeveralMeasurements { count } => {
                write!(f, "{count} signed MEASUREMENTS were verified, and all of them were judged")
            }
            Self::ManifestHeader { index } => write!(
                f,
                "the structured manifest in measurement {index} lacks its standards body header"
            ),
            Self::ClaimsIgnored { count: 1 } => {
                f.write_str("one claim or list of the manifest was not looked into")
            }
            Self::ClaimsIgnored { count } => {
                write!(f, "{count} claims and lists of the manifest were not looked into")
            }
            Self::BundledPart => f.write_str(
                "a part of a bundle is as fresh as the bundle's token: the nonce of its measurements is another one",
            ),
            Self::BundleToken => {
                f.write_str("the token was left out, and with it what says that a part is fresh")
            }
            Self::Token { divergence } => divergence.fmt(f),
            Self::ChangedMeasurement { index } => {
                write!(f, "measurement {index} has another value in a later signed MEASUREMENTS")
            }
        }
    }
}

/// A note, and how often there is the same one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CountedNote {
    /// The note.
    pub note: Note,
    /// How often; at least once.
    pub count: usize,
}

/// Counts equal notes, in the order of their first occurrence.
#[derive(Clone, Debug, Default)]
pub struct NoteCounter {
    places: HashMap<Note, usize>,
    counted: Vec<CountedNote>,
}

impl NoteCounter {
    /// These notes, counted.
    pub(crate) fn count(notes: impl IntoIterator<Item = Note>) -> Vec<CountedNote> {
        let mut counter = Self::default();
        notes.into_iter().for_each(|note| counter.add(note));
        counter.take()
    }

    /// Counts a note.
    pub fn add(&mut self, note: Note) {
        let place = *self.places.entry(note).or_insert(self.counted.len());
        match self.counted.get_mut(place) {
            Some(known) => known.count += 1,
            None => self.counted.push(CountedNote { note, count: 1 }),
        }
    }

    /// The notes so far; counting begins anew.
    #[must_use]
    pub fn take(&mut self) -> Vec<CountedNote> {
        self.places.clear();
        core::mem::take(&mut self.counted)
    }
}

impl fmt::Display for CountedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)?;
        match self.count {
            1 => Ok(()),
            count => write!(f, " ({count} times)"),
        }
    }
}
