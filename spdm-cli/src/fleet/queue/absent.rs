//! Without the feature: the verbs are known, and say what is missing.

use crate::args::{FleetSubmitArgs, FleetWatchArgs, FleetWorkArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};

fn absent(verb: &str) -> Result<Exit, Failure> {
    let message = format!("fleet {verb}: this program was built without the feature nats");
    Err(Failure::usage(message))
}

pub(crate) fn submit(_: &FleetSubmitArgs, _: Crypto, _: &mut Console) -> Result<Exit, Failure> {
    absent("submit")
}

pub(crate) fn work(_: &FleetWorkArgs, _: Crypto, _: &mut Console) -> Result<Exit, Failure> {
    absent("work")
}

pub(crate) fn watch(_: &FleetWatchArgs, _: Crypto, _: &mut Console) -> Result<Exit, Failure> {
    absent("watch")
}
