//! `spdm completions` and `spdm man`: what shells and `man` know of the command.

use clap::CommandFactory as _;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file;

/// Prints the completions of a shell.
pub(crate) fn run(args: &CompletionsArgs, console: &mut Console) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "spdm", &mut text);
    console.result(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

/// Writes a manual page for the command, one for each verb and one for each of what a verb can do; with `-` all of them, one behind the other.
pub(crate) fn man(args: &ManArgs, console: &mut Console) -> Result<Exit, Failure> {
    if !file::is_standard(Some(&args.dir)) {
        clap_mangen::generate_to(Cli::command(), &args.dir)
            .map_err(|error| file::of(&args.dir, &error))?;
        return Ok(Exit::Done);
    }
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut text = Vec::new();
    let verbs = command
        .get_subcommands()
        .flat_map(|verb| core::iter::once(verb.clone()).chain(verb.get_subcommands().cloned()));
    let verbs = verbs.collect::<Vec<_>>();
    for page in [command].into_iter().chain(verbs) {
        clap_mangen::Man::new(page).render(&mut text).map_err(Failure::usage)?;
    }
    console.result(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
