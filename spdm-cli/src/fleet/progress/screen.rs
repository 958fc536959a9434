//! The lines of a terminal that a display draws again and again.

use core::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

use crate::terminal;

/// Lines of a terminal that does not say how many it has.
const LINES: u16 = 24;
/// Columns of a terminal that says that it has more than anybody can count.
const COLUMNS: u16 = 80;

/// Standard error as a terminal. What is left of a line stays empty, so that the `^C` of somebody who ends the run stands on
/// the last line, and goes away with it: on a line of its own it would move everything.
#[derive(Debug, Default)]
pub(super) struct Screen(Mutex<Drawn>);

/// What waits to be written.
#[derive(Debug, Default)]
struct Drawn {
    text: String,
    /// The line is complete: what comes next begins another one.
    is_complete: bool,
}

impl Screen {
    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves by so many, in the direction of this letter.
    fn moved(&self, by: usize, letter: char) -> io::Result<()> {
        let drawn = &mut *self.drawn();
        drawn.is_complete = false;
        if by > 0 {
            write!(drawn.text, "\u{1b}[{by}{letter}").map_err(io::Error::other)?;
        }
        Ok(())
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        let columns = terminal::columns(&io::stderr());
        columns.and_then(|columns| u16::try_from(columns).ok()).unwrap_or(COLUMNS)
    }

    fn height(&self) -> u16 {
        LINES
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.moved(n, 'D')
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        let drawn = &mut *self.drawn();
        drawn.is_complete = false;
        writeln!(drawn.text, "{text}").map_err(io::Error::other)
    }

    /// A line, or the spaces behind it.
    fn write_str(&self, text: &str) -> io::Result<()> {
        let drawn = &mut *self.drawn();
        let is_filler = text.trim_matches(' ').is_empty();
        if !is_filler {
            drawn.text.push_str(if drawn.is_complete { "\n" } else { "" });
            drawn.text.push_str(text);
        }
        drawn.is_complete = is_filler;
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        let drawn = &mut *self.drawn();
        drawn.is_complete = false;
        drawn.text.push_str("\r\u{1b}[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let text = core::mem::take(&mut self.drawn().text);
        let mut stderr = io::stderr().lock();
        stderr.write_all(text.as_bytes())?;
        stderr.flush()
    }
}
