//! The end that a person asks for: SIGINT and SIGTERM.
//!
//! A live run ends at its next message, so that the device gets a proper end and files are whole. A second signal ends
//! the process at once.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use crate::exit::Failure;

/// Longer than this, nothing waits without a look at what was asked.
pub(crate) const STEP: core::time::Duration = core::time::Duration::from_millis(50);

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The end of a run over many devices: what is in flight goes on.
static STOPPED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// What the signals do, decided once.
static CAUGHT: OnceLock<Result<(), String>> = OnceLock::new();

/// From now on the signals only ask.
pub(crate) fn catch() -> Result<(), Failure> {
    ask(&REQUESTED)
}

/// From now on the first signal asks that nothing new begins, and live runs do not end at it. Whether it was asked.
pub(crate) fn catch_to_stop() -> Result<&'static AtomicBool, Failure> {
    ask(&STOPPED)?;
    Ok(&STOPPED)
}

/// The first one who asks decides what the signals ask for.
fn ask(asked: &Arc<AtomicBool>) -> Result<(), Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let caught = CAUGHT.get_or_init(|| {
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds that none was there yet.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(asked))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(asked)))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    });
    caught.clone().map_err(|error| Failure::transport(format_args!("signals: {error}")))
}

/// Whether the run is to end.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
