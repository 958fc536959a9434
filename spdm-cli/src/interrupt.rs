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
/// A signal came. Who else asks for an end, such as a worker that finds its queues empty, sets only what it asks for: the
/// first signal after that asks, too, and does not end the process.
static SIGNALLED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
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
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&SIGNALLED))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&SIGNALLED)))
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

#[cfg(test)]
mod tests {
    use core::sync::atomic::Ordering;
    use std::process::Command;

    /// What the process of its own is told with.
    const CHILD: &str = "SPDM_TEST_SIGNAL";
    const STOPPED: i32 = 7;

    /// The signals of a process are for all of its tests: this one has a process of its own.
    #[test]
    fn c6_the_first_signal_after_another_end_was_asked_for_only_asks() {
        let Ok(signals) = std::env::var(CHILD) else {
            let name =
                "interrupt::tests::c6_the_first_signal_after_another_end_was_asked_for_only_asks";
            let program = std::env::current_exe().unwrap();
            let ran = |signals: &str| {
                let mut child = Command::new(&program);
                child.args(["--exact", name, "--nocapture"]).env(CHILD, signals);
                child.output().unwrap().status.code()
            };
            assert_eq!(ran("1"), Some(STOPPED));
            // The second one ends it.
            assert_eq!(ran("2"), None);
            return;
        };
        let stop = super::catch_to_stop().unwrap();
        stop.store(true, Ordering::Relaxed);
        for _ in 0..signals.parse::<u8>().unwrap() {
            signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
        }
        std::process::exit(STOPPED);
    }
}
