//! `spdm decode`: messages, field by field.

mod hex_text;
mod input;
mod message_view;
mod wrapped;

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use spdm_evidence::{
    Capture, CaptureEvent, CaptureReader, CapturedMessage, Channel, Conversation, Error, Evidence,
    Layer, Note, NoteCounter, Secrets, Unpacked,
};
use zeroize::Zeroizing;

use crate::args::{DecodeArgs, InputFormat};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file;
use crate::file_kind::Reader;
use input::{Input, InputError, Piece};
pub(crate) use message_view::MessageView;

/// How many places where messages are missing are told one by one.
const LOSSES: usize = 16;
/// The largest file that is read whole, in bytes.
const WHOLE: u64 = 1 << 30;

/// Whether there are messages in a file that is no evidence.
pub(crate) fn shows(path: &Path) -> bool {
    let Ok(bytes) = file::read_unpacked(path) else { return false };
    let found = input::read(&bytes, None);
    matches!(found, Ok((Input::Packets(_), _)))
        || matches!(found, Ok((Input::Pieces(pieces), _)) if pieces.first().is_some_and(Piece::begins))
}

/// The keys of sessions in a file. They belong to sessions that are over, and open no other: who else can read them is not
/// looked at.
pub(crate) fn secrets(path: &Path) -> Result<Secrets, Failure> {
    let wrong = |error| Failure::usage(format!("{}: {error}", file::name(path)));
    Secrets::read(&Zeroizing::new(file::read(path)?)).map_err(wrong)
}

/// Decodes every message of the file; one that cannot be decoded does not stop the rest.
pub(crate) fn run(
    args: &DecodeArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let name = file::name(&args.file);
    let failed = |error: Error| Failure::usage(format!("{name}: {error}"));
    let unreadable = |error| file::of(&args.file, &error);
    let mut source = Unpacked::new(file::open(&args.file)?).map_err(unreadable)?;
    let secrets = args.secrets.as_deref().map(secrets).transpose()?;
    let mut decoder = Decoder::new(secrets, crypto);
    console.hold_back();
    let is_capture = Capture::sniff(source.peek(4).map_err(unreadable)?);
    if is_capture && args.format.is_none() || args.format == Some(InputFormat::Capture) {
        let reader = CaptureReader::unpacked(source).map_err(failed)?;
        decoder.capture(reader, &name, console)?;
    } else {
        let bytes = file::read_whole(source, WHOLE, &args.file)?;
        let (input, lines) = input::read(&bytes, args.format).map_err(|error| {
            let hint = match &error {
                InputError::Other(kind) => Reader::Decode.other(*kind, &name),
                _ => None,
            };
            Failure::usage(format!("{name}: {error}")).with_hint(hint.as_deref())
        })?;
        match input {
            Input::Packets(file) => {
                let reader = CaptureReader::new(&*file).map_err(failed)?;
                decoder.capture(reader, &name, console)?;
            }
            Input::Evidence(evidence) => decoder.evidence(&evidence, &name, console)?,
            Input::Pieces(pieces) => {
                let mut conversation = decoder.conversation(0);
                for Piece { layer, bytes } in &pieces {
                    match layer {
                        Layer::Plain => decoder.back_to_back(&mut conversation, bytes, console)?,
                        _ => decoder.message(&mut conversation, *layer, bytes, console)?,
                    }
                }
            }
        }
        if lines > 0 {
            console
                .note(&format!("{name}: lines without bytes of a message, passed over: {lines}"));
        }
    }
    decoder.tell_notes(&name, console);
    if let Some(loss) = decoder.lost {
        return Err(Failure::usage(format!("{name}: not all of it can be decoded: {loss}")));
    }
    match decoder.number {
        0 => Err(Failure::usage(format!("{name}: there is no SPDM message in it"))),
        _ => Ok(decoder.exit),
    }
}

struct Decoder {
    secrets: Option<Secrets>,
    crypto: Crypto,
    conversations: HashMap<Channel, Conversation>,
    /// Whose message came last.
    last: Option<Channel>,
    notes: NoteCounter,
    /// The first place where messages are missing, which is the error at the end, and how many more there are.
    lost: Option<Note>,
    told: usize,
    /// Place of the message in the file, from 1.
    number: usize,
    exit: Exit,
}

impl Decoder {
    fn new(secrets: Option<Secrets>, crypto: Crypto) -> Self {
        Self {
            secrets,
            crypto,
            conversations: HashMap::new(),
            last: None,
            notes: NoteCounter::default(),
            lost: None,
            told: 0,
            number: 0,
            exit: Exit::Done,
        }
    }

    fn capture<R: Read>(
        &mut self,
        reader: CaptureReader<R>,
        name: &str,
        console: &mut Console,
    ) -> Result<(), Failure> {
        for event in reader {
            let event = event.map_err(|error| Failure::usage(format!("{name}: {error}")))?;
            self.event(event, name, console)?;
        }
        Ok(())
    }

    fn evidence(
        &mut self,
        evidence: &Evidence,
        name: &str,
        console: &mut Console,
    ) -> Result<(), Failure> {
        for counted in &evidence.notes {
            console.note(&format!("{name}: {counted}"));
        }
        let mut chains = evidence.chains.len();
        for recording in &evidence.recordings {
            chains += recording.chains.len();
            let mut conversation = self.conversation(recording.padding);
            for exchange in &recording.exchanges {
                let messages = [&exchange.request].into_iter().chain(&exchange.interim);
                for message in messages.chain(&exchange.response) {
                    self.message(&mut conversation, Layer::Plain, message, console)?;
                }
            }
        }
        if chains > 0 {
            console.note(&format!(
                "{name}: certificate chains beside the messages, not shown: {chains}"
            ));
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: CaptureEvent,
        name: &str,
        console: &mut Console,
    ) -> Result<(), Failure> {
        match event {
            CaptureEvent::Message(message) => self.captured(&message, console)?,
            CaptureEvent::End(channel) => {
                self.conversations.remove(&channel);
            }
            // What is there is shown all the same.
            CaptureEvent::Note(note) if note.is_loss() => {
                if self.lost.is_none() {
                    self.lost = Some(note);
                    return Ok(());
                }
                self.told = self.told.saturating_add(1);
                match self.told {
                    ..LOSSES => console.note(&format!("{name}: {note}")),
                    LOSSES => console.note(&format!("{name}: there are more places like these")),
                    _ => {}
                }
            }
            CaptureEvent::Note(note) => self.notes.add(note),
            _ => {}
        }
        Ok(())
    }

    fn captured(
        &mut self,
        captured: &CapturedMessage,
        console: &mut Console,
    ) -> Result<(), Failure> {
        let CapturedMessage { channel, layer, bytes, padding, .. } = captured;
        if self.last.replace(*channel).is_some_and(|last| last != *channel) && !console.json() {
            console.report(&format!("{}:\n", channel.peers))?;
        }
        let known = self.conversations.remove(channel);
        let mut conversation = known.unwrap_or_else(|| self.conversation(*padding));
        self.message(&mut conversation, *layer, bytes, console)?;
        self.conversations.insert(*channel, conversation);
        Ok(())
    }

    /// A conversation of which nothing is known.
    fn conversation(&self, padding: usize) -> Conversation {
        let conversation = Conversation::new(padding);
        match &self.secrets {
            Some(secrets) => conversation.with_secrets(secrets.clone(), self.crypto.provider),
            None => conversation,
        }
    }

    /// Messages that nothing frames.
    fn back_to_back(
        &mut self,
        conversation: &mut Conversation,
        bytes: &[u8],
        console: &mut Console,
    ) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (message, behind) =
                rest.split_at_checked(conversation.extent(rest)).unwrap_or((rest, &[]));
            self.message(conversation, Layer::Plain, message, console)?;
            rest = behind;
        }
        Ok(())
    }

    fn message(
        &mut self,
        conversation: &mut Conversation,
        layer: Layer,
        message: &[u8],
        console: &mut Console,
    ) -> Result<(), Failure> {
        self.number += 1;
        let channel = self.last.map_or(0, |channel| channel.number);
        for found in conversation.follow(layer, message) {
            let shown = MessageView::new(&found, self.number, channel);
            if shown.is_faulty() {
                self.exit = self.exit.max(Exit::Usage);
            }
            if console.json() {
                console.object(&shown)?;
            } else {
                let text = shown.text(console.style(), console.verbosity());
                console.report(&text)?;
            }
        }
        Ok(())
    }

    fn tell_notes(&mut self, name: &str, console: &Console) {
        for note in self.notes.take() {
            console.note(&format!("{name}: {note}"));
        }
    }
}
