//! `spdm decode`: messages, field by field.

mod input;
mod message_view;

use spdm_evidence::{Conversation, Layer, Secrets};

use crate::args::DecodeArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file;
use input::Input;
pub(crate) use message_view::MessageView;

/// Decodes every message of the file; one that cannot be decoded does not stop the rest.
pub(crate) fn run(
    args: &DecodeArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let bytes = file::read(&args.file)?;
    let name = file::name(&args.file);
    let input = Input::read(&bytes, args.format)
        .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let mut conversation = Conversation::new(input.padding);
    if let Some(path) = &args.secrets {
        let secrets = Secrets::read(&file::read(path)?)
            .map_err(|error| Failure::usage(format!("{}: {error}", file::name(path))))?;
        conversation = conversation.with_secrets(secrets, crypto.provider);
    }
    for note in &input.notes {
        console.note(&format!("{name}: {note}"));
    }
    if input.pieces.is_empty() {
        return Err(Failure::usage(format!("{name}: there is no SPDM message in it")));
    }
    let mut decoder = Decoder { conversation, number: 0, exit: Exit::Done };
    for piece in &input.pieces {
        if input.framed {
            decoder.message(piece.layer, &piece.bytes, console)?;
        } else {
            decoder.back_to_back(&piece.bytes, console)?;
        }
    }
    Ok(decoder.exit)
}

struct Decoder {
    conversation: Conversation,
    /// Place of the message in the file, from 1.
    number: usize,
    exit: Exit,
}

impl Decoder {
    /// Messages that nothing frames.
    fn back_to_back(&mut self, bytes: &[u8], console: &mut Console) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (message, behind) =
                rest.split_at_checked(self.conversation.extent(rest)).unwrap_or((rest, &[]));
            self.message(Layer::Plain, message, console)?;
            rest = behind;
        }
        Ok(())
    }

    fn message(
        &mut self,
        layer: Layer,
        message: &[u8],
        console: &mut Console,
    ) -> Result<(), Failure> {
        self.number += 1;
        for found in self.conversation.follow(layer, message) {
            let shown = MessageView::new(&found, self.number);
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
}
