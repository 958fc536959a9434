//! The `spdm` command: attest devices, verify evidence, decode captures.
//!
//! One file per verb; [`render`] shows results to people, and the reports of `spdm-evidence` are the JSON.
//! What is right or wrong about a device or a file is decided in the libraries.
#![forbid(unsafe_code)]

mod advice;
mod args;
mod attached_chain;
mod attest;
mod backend;
mod certs;
mod chain;
mod collect;
mod completions;
mod consent;
mod console;
mod csr;
mod decode;
mod device;
mod device_change;
mod ear;
mod emulate;
mod endpoint;
mod events;
mod evidence;
mod examination;
mod exit;
mod file;
mod file_kind;
mod fleet;
mod host;
mod ide;
mod info;
mod inquiry;
mod interrupt;
mod keys;
mod known;
mod line;
mod list;
mod live;
mod measure;
mod mel;
mod object_head;
mod overheard;
mod pcap;
mod pci_session;
mod pem;
mod policy;
mod provenance;
mod recognize;
mod reference;
mod render;
#[cfg(target_os = "linux")]
mod rights;
mod run_time;
#[cfg(test)]
mod schemas;
mod secrets_file;
mod send;
mod session;
mod set_certificate;
mod slots;
mod tap;
mod target;
mod tdisp;
mod terminal;
mod time;
mod tips;
mod token;
mod trust;
mod trusted_session;
mod vendor_message;
mod verdict;
mod verify;
mod waiting;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Verb};
use backend::Crypto;
use console::Console;
use exit::{Exit, Failure, FailureObject};
use provenance::Stopwatch;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(mut error) => {
            tips::improve(&mut error);
            if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
                let message = error.render().to_string();
                let message = message.lines().next().unwrap_or_default();
                let failure = Failure::usage(message.trim_start_matches("error: "));
                // There is nowhere else to say it.
                let _ = serde_json::to_writer(std::io::stdout(), &FailureObject::of(&failure));
                println!();
            }
            // Help goes to standard output: a reader that went away does not matter.
            let _ = match terminal::columns(&std::io::stderr()).filter(|_| error.use_stderr()) {
                Some(columns) => {
                    let text = error.render().ansi().to_string();
                    let folded =
                        render::fold_lines(&text, render::Style::PLAIN.on_terminal(columns));
                    std::io::Write::write_all(&mut std::io::stderr(), folded.as_bytes())
                }
                None => error.print(),
            };
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut console = Console::new(&cli.output, Stopwatch::start(cli.backend, &cli.verb));
    let result = Crypto::load(cli.backend).and_then(|crypto| run(&cli.verb, crypto, &mut console));
    match result.and_then(|exit| console.finish().map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            console.failure(&failure);
            failure.exit.into()
        }
    }
}

fn run(verb: &Verb, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    match verb {
        Verb::Attest(args) => attest::run(args, crypto, console),
        Verb::Info(args) => info::run(args, crypto, console),
        Verb::Certs(args) => certs::run(args, crypto, console),
        Verb::Measure(args) => measure::run(args, crypto, console),
        Verb::Collect(args) => collect::run(args, crypto, console),
        Verb::Verify(args) => verify::run(args, crypto, console),
        Verb::Reference(args) => reference::run(args, crypto, console),
        Verb::Chain(args) => chain::run(args, crypto, console),
        Verb::Decode(args) => decode::run(args, crypto, console),
        Verb::Fleet(args) => fleet::run(args, crypto, console),
        Verb::Emulate(args) => emulate::run(args, console),
        Verb::Session(args) => session::run(args, crypto, console),
        Verb::Send(args) => send::run(args, crypto, console),
        Verb::Mel(args) => mel::run(args, crypto, console),
        Verb::Endpoint(args) => endpoint::run(args, crypto, console),
        Verb::Csr(args) => csr::run(args, crypto, console),
        Verb::SetCert(args) => set_certificate::run(args, crypto, console),
        Verb::Keys(args) => keys::run(args, crypto, console),
        Verb::Slots(args) => slots::run(args, crypto, console),
        Verb::Events(args) => events::run(args, crypto, console),
        Verb::Tdisp(args) => tdisp::run(args, crypto, console),
        Verb::Ide(args) => ide::run(args, crypto, console),
        Verb::Recognize(args) => recognize::run(args, crypto, console),
        Verb::List(args) => list::run(args, console),
        Verb::Completions(args) => completions::run(args, console),
        Verb::Man(args) => completions::man(args, console),
    }
}
