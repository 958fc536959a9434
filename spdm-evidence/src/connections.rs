//! From what a capture holds to the recordings of its connections, which are given out as they are complete.

use std::collections::HashMap;
use std::io::Read;

use spdm_codec::Code;

use crate::capture::{CaptureEvent, CaptureReader, CapturedMessage, Channel, Layer};
use crate::collector::Collector;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::format::Records;
use crate::note::{Note, NoteCounter};
use crate::recording::{Broken, Negotiation, Recording};

/// How many bytes of messages are collected before the complete connections among them are given out.
const PORTION: usize = 1 << 20;
/// How many bytes the messages of connections that are not complete may have. It limits the memory: what is given out
/// are complete connections.
const OPEN: usize = 256 << 20;
/// What a message takes besides its bytes.
const MESSAGE: usize = 128;

/// Collects the messages of each conversation.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    collectors: HashMap<Channel, Open>,
    /// Bytes of all of them.
    open: usize,
    recordings: Vec<Recording>,
    notes: NoteCounter,
    /// Bytes since the last portion.
    bytes: usize,
    secured: usize,
    seen: Seen,
    records: Records,
}

/// A connection that is not complete, and the bytes of its messages.
#[derive(Debug)]
struct Open {
    collector: Collector,
    bytes: usize,
}

/// What was there at all.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    recording: bool,
    /// A response before the first GET_VERSION that may carry a signature.
    unjudged: bool,
    stray: bool,
    link: Option<u32>,
}

impl Connections {
    pub(crate) fn message(&mut self, message: &CapturedMessage) {
        self.bytes = self.bytes.saturating_add(message.bytes.len());
        let is_record = message.layer == Layer::Secured;
        if is_record && self.records == Records::LeftOut {
            self.secured += 1;
            return;
        }
        let collector = self.collectors.entry(message.channel);
        let Open { collector, bytes } = collector
            .or_insert_with(|| Open { collector: Collector::new(message.padding), bytes: 0 });
        match is_record {
            true if !collector.is_open() => self.secured += 1,
            true => collector.take_record(&message.bytes),
            false => collector.take(&message.bytes),
        }
        let collected = collector.collected();
        if !collected.0.is_empty() {
            self.open -= core::mem::take(bytes);
        }
        if collector.is_open() {
            *bytes += message.bytes.len() + MESSAGE;
            self.open += message.bytes.len() + MESSAGE;
        }
        self.add(collected);
    }

    /// Whether the connections that are not complete are within the limit.
    const fn check_open(&self) -> Result<(), Error> {
        match self.open > OPEN {
            true => Err(Error::OpenConnections { most: OPEN }),
            false => Ok(()),
        }
    }

    pub(crate) fn end_of(&mut self, channel: Channel) {
        if let Some(Open { mut collector, bytes }) = self.collectors.remove(&channel) {
            self.open -= bytes;
            collector.end();
            self.add(collector.collected());
        }
    }

    pub(crate) fn note(&mut self, note: Note) {
        // What an acknowledgement without its connection carries is not known.
        self.seen.unjudged |=
            note.is_unjudged() || note == Note::Stray { code: Code::CHUNK_SEND_ACK };
        match note {
            Note::Stray { .. } => self.seen.stray = true,
            Note::OtherLink { link } => _ = self.seen.link.get_or_insert(link),
            _ => {}
        }
        self.notes.add(note);
    }

    fn add(&mut self, (recordings, notes): (Vec<Recording>, Vec<Note>)) {
        self.seen.recording |= !recordings.is_empty();
        self.recordings.extend(recordings);
        notes.into_iter().for_each(|note| self.note(note));
    }

    /// The complete connections, where there are enough of them.
    fn portion(&mut self) -> Option<Evidence> {
        let enough = self.bytes >= PORTION && !self.recordings.is_empty();
        enough.then(|| self.take())
    }

    fn take(&mut self) -> Evidence {
        self.bytes = 0;
        let recordings = core::mem::take(&mut self.recordings);
        Evidence { recordings, notes: self.notes.take(), ..Evidence::default() }
    }

    /// The rest, when nothing more comes.
    pub(crate) fn finish(&mut self) -> Evidence {
        let mut open: Vec<Channel> = self.collectors.keys().copied().collect();
        open.sort_by_key(|channel| channel.number);
        for channel in open {
            self.end_of(channel);
        }
        // Beside connections that can be judged, the one whose beginning is missing must not be passed over.
        if self.seen.recording && self.seen.unjudged {
            let mut late = Recording::new(Negotiation::Recorded, 0);
            late.broken = Some(Broken::BeginsLate);
            self.recordings.push(late);
        }
        let messages = core::mem::take(&mut self.secured);
        if messages > 0 {
            self.note(Note::Secured { messages });
        }
        self.take()
    }

    /// Why there is no connection at all.
    fn check_any(&self) -> Result<(), Error> {
        match self.seen {
            Seen { recording: true, .. } => Ok(()),
            Seen { stray: true, .. } => Err(Error::BeginsLate),
            Seen { link: Some(link), .. } => Err(Error::LinkType(link)),
            _ => Err(Error::Empty),
        }
    }
}

/// The connections of a capture, in portions.
#[derive(Debug)]
pub(crate) struct CapturedConnections<R: Read> {
    reader: CaptureReader<R>,
    connections: Connections,
    done: bool,
}

impl<R: Read> CapturedConnections<R> {
    pub(crate) fn new(reader: CaptureReader<R>, records: Records) -> Self {
        let connections = Connections { records, ..Connections::default() };
        Self { reader, connections, done: false }
    }

    /// All of them.
    pub(crate) fn all(self) -> Result<Evidence, Error> {
        let mut all = Evidence::default();
        for portion in self {
            all.append(portion?);
        }
        Ok(all)
    }

    /// Reads until there is a portion. Where messages are missing, what came before and was not given out yet is not
    /// given out either.
    fn read_on(&mut self) -> Result<Option<Evidence>, Error> {
        for event in &mut self.reader {
            match event? {
                CaptureEvent::Message(message) => {
                    self.connections.message(&message);
                    self.connections.check_open()?;
                }
                CaptureEvent::End(channel) => self.connections.end_of(channel),
                CaptureEvent::Note(note) if note.is_loss() => return Err(Error::Incomplete(note)),
                CaptureEvent::Note(note) => self.connections.note(note),
            }
            if let Some(portion) = self.connections.portion() {
                return Ok(Some(portion));
            }
        }
        self.done = true;
        let rest = self.connections.finish();
        self.connections.check_any()?;
        Ok((!rest.recordings.is_empty() || !rest.notes.is_empty()).then_some(rest))
    }
}

impl<R: Read> Iterator for CapturedConnections<R> {
    type Item = Result<Evidence, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read_on();
        self.done |= next.is_err();
        next.transpose()
    }
}
