//! `spdm recognize`: is it the device that was verified once?

use spdm_evidence::{Freshness, KnownDevice, ReportBuilder, ReportErrorKind};
use spdm_requester::{Error, Misbehaviour, RunError, blocking};
use spdm_transport::Transport;
use spdm_x509::{Chain, Identity};

use crate::args::RecognizeArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::known::{KnownFile, Learning};
use crate::live::{LiveDevice, Memory, requester};
use crate::overheard::Overheard;
use crate::render::{self, RecognizeError, Recognized};
use crate::verdict::Verdict;

/// Asks for one signature.
pub(crate) fn run(
    args: &RecognizeArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let file = KnownFile::open(&args.known, Learning::Off)?;
    let name = args.device.target.to_string();
    let known = file.devices.find(&name).ok_or_else(|| {
        let path = args.known.display();
        Failure::usage(format!(
            "{path}: no device is known for {name}; spdm attest with --known and --learn adds one"
        ))
    })?;
    let chain = chain(known, args, crypto)?;
    console.share_output(&[args.device.pcap.as_deref()])?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    device.settle()?;
    let (nonce, failed) = recognize(&mut device, chain);
    device.finish()?;
    let (exit, error) = match failed {
        None => (Exit::Done, None),
        Some((exit, error)) => (exit, Some(error)),
    };
    let recognized = Recognized {
        schema: Recognized::SCHEMA,
        target: name,
        recognized: exit == Exit::Done,
        version: chain.context().version.as_str(),
        slot: chain.slot().get(),
        subject: chain.leaf().subject().to_string(),
        nonce,
        error,
    };
    if console.json() {
        console.object(&recognized)?;
    } else {
        let text = render::recognized(&recognized, console.style());
        console.report(&text)?;
    }
    Ok(exit)
}

fn chain<'k>(
    known: &'k KnownDevice,
    args: &RecognizeArgs,
    crypto: Crypto,
) -> Result<Chain<'k>, Failure> {
    let failed = |error| {
        let path = args.known.display();
        Failure::usage(format!("{path}: the chain of {}: {error}", known.target()))
    };
    known.chain(crypto.provider).map_err(failed)
}

/// The nonce, where the device signed it; else why it is not recognized.
fn recognize(
    device: &mut LiveDevice<'_>,
    chain: Chain<'_>,
) -> (Option<String>, Option<(Exit, RecognizeError)>) {
    let (args, crypto) = (device.args, device.crypto);
    let mut report = ReportBuilder::new(&device.name(), Freshness::Own, crypto.provider);
    let mut line = match device.connect() {
        Ok(line) => line,
        Err(error) => return (None, Some(of_verdict(&Verdict::failed(report.build(), error)))),
    };
    let mut heard = Overheard::new(line.limits().padding);
    let mut memory = Memory::new(crypto);
    let requester = requester(args, &line, &mut memory, &mut heard);
    let nonce = match requester.nonce() {
        Ok(nonce) => nonce,
        Err(error) => {
            report.failed(&error);
            return (None, Some(of_verdict(&Verdict::new(report.build()))));
        }
    };
    let flow = requester.recognize(Identity::Chain(chain), nonce);
    let clock = line.clock();
    let result = blocking::run(flow, &mut line, &clock);
    let result = result.map_err(|failure| line.failure(failure.error));
    let silence = line.hang_up();
    let failed = match result {
        Ok((_, possession)) => return (Some(hex::encode(possession.nonce().0)), None),
        Err(Ok(error)) => of_verdict(&Verdict::failed(report.build(), error)),
        Err(Err(RunError::Requester(error))) if is_another(&error) => {
            let message = "another device answers: it signs for another chain than the known one";
            let error =
                RecognizeError { kind: ReportErrorKind::Known, message: message.to_owned() };
            (Exit::Rejected, error)
        }
        Err(Err(RunError::Requester(error))) => {
            report.failed(&error);
            of_verdict(&Verdict::new(report.build()).explained(silence))
        }
        Err(Err(_)) => of_verdict(&Verdict::new(report.build())),
    };
    (None, Some(failed))
}

/// The device names another chain as its own: that breaks no rule of the protocol here, for nothing else said that it
/// has the known one.
fn is_another(error: &Error) -> bool {
    matches!(
        error,
        Error::Misbehaved(Misbehaviour { message: "CHALLENGE_AUTH", field: "CertChainHash", .. })
    )
}

fn of_verdict(verdict: &Verdict) -> (Exit, RecognizeError) {
    let (kind, message) =
        verdict.error().unwrap_or((ReportErrorKind::Unproven, "nothing was proven"));
    (verdict.exit, RecognizeError { kind, message: message.to_owned() })
}
