//! The software device behind AF_MCTP: `--listen mctp`, and `--listen mctp:NET` for one network.

use spdm_emulator::Device;

use crate::args::EmulateArgs;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// The network to listen in, where MCTP is asked for: `Some(None)` for all.
pub(super) fn network(args: &EmulateArgs) -> Result<Option<Option<u32>>, Failure> {
    let Some(rest) = args.listen.strip_prefix("mctp") else { return Ok(None) };
    let network = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        None => return Ok(None),
        Some(network) => {
            let network = network.parse().map_err(|_| {
                Failure::usage(format!("{}: expected mctp or mctp:NET", args.listen))
            })?;
            Some(network)
        }
    };
    let framed = args.framing.framing.0 != spdm_transport_tcp::Framing::default();
    if args.once || framed || args.framing.binding.is_some() {
        return Err(Failure::usage("--once, --framing and --binding belong to sockets"));
    }
    Ok(Some(network))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn run(_: Option<u32>, _: &mut Device, _: &mut Console) -> Result<Exit, Failure> {
    Err(Failure::usage("MCTP is the kernel's on Linux only"))
}

/// Answers requests until the process is ended, or the kernel keeps refusing.
#[cfg(target_os = "linux")]
pub(super) fn run(
    network: Option<u32>,
    device: &mut Device,
    console: &mut Console,
) -> Result<Exit, Failure> {
    use std::time::Instant;

    use spdm_transport_mctp::LinuxListener;

    use crate::render::{request_line, response_line};

    /// How many errors in a row end it.
    const PATIENCE: u32 = 16;

    let mut listener = LinuxListener::bind(network).map_err(Failure::usage)?;
    super::listening("MCTP message type 5", "mctp", console)?;
    let mut failures = 0;
    loop {
        let mut answer = |request: &[u8]| {
            console.detail(&request_line(request));
            let asked = Instant::now();
            let response = device.respond(request)?;
            console.detail(&response_line(&response, asked.elapsed()));
            Some(response)
        };
        match listener.serve(&mut answer) {
            Ok(()) => failures = 0,
            Err(error) if failures < PATIENCE => {
                failures += 1;
                console.note(&format!("request: {error}"));
            }
            Err(error) => return Err(Failure::transport(error)),
        }
    }
}
