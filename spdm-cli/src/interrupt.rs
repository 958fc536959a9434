//! The end that a person asks for: SIGINT and SIGTERM.
//!
//! A live run ends at its next message, so that the device gets a proper end and files are whole. A second signal ends
//! the process at once.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use crate::exit::Failure;

/// Longer than this, nothing waits without a look at what was asked.
pub(crate) const STEP: core::time::Duration = core::time::Duration::from_millis(50);

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on the signals only ask.
pub(crate) fn catch() -> Result<(), Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds that none was there yet.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&REQUESTED))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&REQUESTED)))
            .map_err(|error| Failure::transport(format_args!("signals: {error}")))?;
    }
    Ok(())
}

/// Whether the run is to end.
pub(crate) fn is_requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}
