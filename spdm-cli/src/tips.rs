//! What clap suggests beside an error of the command line, where it does not lead on.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _, Error};

use crate::args::Cli;
use crate::target::Target;

/// Puts the tips of an error right.
pub(crate) fn improve(error: &mut Error) {
    let invalid = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let Some(argument) = invalid(ContextKind::InvalidArg) else { return };
            // Clap's is to write it behind "--", where it would be a target.
            error.remove(ContextKind::Suggested);
            if let Some(tip) = belongs(&argument) {
                // What merely has a similar name is not what was meant, and the usage shows just that.
                error.remove(ContextKind::SuggestedArg);
                error.remove(ContextKind::Usage);
                suggest(error, tip);
            }
        }
        ErrorKind::InvalidSubcommand => {
            let Some(word) = invalid(ContextKind::InvalidSubcommand) else { return };
            if word.parse::<Target>().is_ok() {
                error.remove(ContextKind::SuggestedSubcommand);
                suggest(error, format!("a target stands behind a verb: spdm attest {word}"));
            }
        }
        _ => {}
    }
}

fn suggest(error: &mut Error, tip: String) {
    let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    error.insert(ContextKind::Suggested, tips);
}

/// The verbs that have an option.
fn belongs(argument: &str) -> Option<String> {
    let name = argument.strip_prefix("--")?;
    let command = Cli::command();
    let has = |verb: &&Command| verb.get_arguments().any(|own| own.get_long() == Some(name));
    let verbs: Vec<&str> = command.get_subcommands().filter(has).map(Command::get_name).collect();
    (!verbs.is_empty()).then(|| format!("{argument} is an option of spdm {}", verbs.join(", ")))
}
