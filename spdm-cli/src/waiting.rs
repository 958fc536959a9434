//! The line on a terminal that says what is being waited for, where a device is slow.

use core::fmt;
use core::time::Duration;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use spdm_codec::Code;

/// Who waits longer than this is told for what.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the line is written.
const PERIOD: Duration = Duration::from_millis(250);
/// Back to the beginning of the line, which is cleared.
const WIPE: &str = "\r\x1b[K";

/// Says what a connection waits for as long as this value lives; then the line is gone. It costs nothing where nobody
/// looks at a terminal.
#[derive(Debug)]
pub(crate) struct Waiting(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Debug)]
struct State {
    begun: Instant,
    /// What was asked last, and since when nothing else was.
    asked: Option<(Code, Instant)>,
    answers: u32,
    is_drawn: bool,
    is_over: bool,
}

impl Waiting {
    /// Begins to wait for a connection. `columns` are those of the terminal; `None` where there is none, or where somebody
    /// wants it quiet.
    pub(crate) fn begin(columns: Option<usize>) -> Self {
        let Some(columns) = columns else { return Self(None) };
        let state = State {
            begun: Instant::now(),
            asked: None,
            answers: 0,
            is_drawn: false,
            is_over: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), over: Condvar::new() });
        let drawn = Arc::clone(&shared);
        // Without a thread there is no line, and nothing else is missing.
        let thread = thread::Builder::new().spawn(move || drawn.draw(columns));
        Self(thread.is_ok().then_some(shared))
    }

    /// This request went out.
    pub(crate) fn asked(&self, code: Code) {
        if let Some(shared) = &self.0 {
            let mut state = shared.state();
            if state.asked.is_none_or(|(before, _)| before != code) {
                state.asked = Some((code, Instant::now()));
            }
        }
    }

    /// An answer came.
    pub(crate) fn answered(&self) {
        if let Some(shared) = &self.0 {
            let mut state = shared.state();
            state.answers = state.answers.saturating_add(1);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            let mut state = shared.state();
            state.is_over = true;
            if state.is_drawn {
                // There is nowhere to complain about standard error.
                let _ = io::stderr().lock().write_all(WIPE.as_bytes());
            }
            shared.over.notify_all();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the line until it is over. Nothing is written behind that: whoever ends it holds the lock, too.
    fn draw(&self, columns: usize) {
        let mut state = self.state();
        while !state.is_over {
            if state.begun.elapsed() >= PATIENCE {
                // In the last column some terminals begin a new line.
                let line: String = state.to_string().chars().take(columns - 1).collect();
                let _ = io::stderr().lock().write_all(format!("{WIPE}{line}").as_bytes());
                state.is_drawn = true;
            }
            let waited = self.over.wait_timeout(state, PERIOD);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.begun.elapsed().as_secs();
        let Some((code, since)) = self.asked else {
            return write!(f, "waiting for the connection: {all} s");
        };
        let waited = since.elapsed().as_secs();
        let answers = match self.answers {
            0 => "no answer yet".to_owned(),
            1 => "1 answer".to_owned(),
            several => format!("{several} answers"),
        };
        write!(f, "waiting for the answer to {code}: {waited} s ({all} s in all, {answers})")
    }
}

#[cfg(test)]
mod tests {
    use super::{State, Waiting};
    use core::time::Duration;
    use spdm_codec::Code;
    use std::time::Instant;

    #[test]
    fn what_is_waited_for_is_said() {
        let begun = Instant::now().checked_sub(Duration::from_secs(12)).unwrap();
        let mut state = State { begun, asked: None, answers: 0, is_drawn: false, is_over: false };
        assert_eq!(state.to_string(), "waiting for the connection: 12 s");
        let since = begun + Duration::from_secs(2);
        state.asked = Some((Code::GET_VERSION, since));
        let line = "waiting for the answer to GET_VERSION: 10 s (12 s in all, no answer yet)";
        assert_eq!(state.to_string(), line);
        (state.asked, state.answers) = (Some((Code::NEGOTIATE_ALGORITHMS, since)), 2);
        let line = "waiting for the answer to NEGOTIATE_ALGORITHMS: 10 s (12 s in all, 2 answers)";
        assert_eq!(state.to_string(), line);
    }

    #[test]
    fn the_same_request_goes_on_and_another_begins() {
        let waiting = Waiting::begin(Some(80));
        let asked = || waiting.0.as_ref().unwrap().state().asked;
        waiting.asked(Code::GET_CERTIFICATE);
        let first = asked();
        waiting.answered();
        waiting.asked(Code::GET_CERTIFICATE);
        assert_eq!(asked(), first);
        waiting.asked(Code::CHALLENGE);
        assert_eq!(asked().map(|(code, _)| code), Some(Code::CHALLENGE));
        let nobody = Waiting::begin(None);
        nobody.asked(Code::CHALLENGE);
        assert!(nobody.0.is_none());
    }
}
