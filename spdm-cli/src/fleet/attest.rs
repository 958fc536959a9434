//! `spdm fleet attest`.

use crate::args::FleetAttestArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Attests every device of the list.
pub(crate) fn run(args: &FleetAttestArgs, _: Crypto, _: &mut Console) -> Result<Exit, Failure> {
    Err(Failure::usage(format!("{}: nothing attests a list yet", args.targets.display())))
}
