//! Standard error as a terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The columns of the terminal.
pub(crate) const COLUMNS: u16 = 80;

/// What is on the terminal in the end, after text that moves, wraps and clears lines as progress displays do.
pub(crate) fn screen(text: &str) -> Vec<String> {
    screen_of(text, COLUMNS)
}

/// The same of a terminal of so many columns.
pub(crate) fn screen_of(text: &str, columns: u16) -> Vec<String> {
    let columns = usize::from(columns);
    let mut lines = vec![String::new()];
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' => {
                assert_eq!(rest.next(), Some('['), "{text:?}");
                let sequence = |c: &char| !c.is_ascii_alphabetic();
                let number: String = rest.by_ref().take_while(sequence).collect();
                let after = rest.as_str();
                let letter = text[..text.len() - after.len()].chars().last().unwrap();
                match letter {
                    'A' => row -= number.parse().unwrap_or(1),
                    'B' => row += number.parse().unwrap_or(1),
                    'K' => lines[row].clear(),
                    'm' | 'h' | 'l' => {}
                    _ => panic!("ESC [ {number} {letter}: {text:?}"),
                }
            }
            shown => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                    lines.resize(lines.len().max(row + 1), String::new());
                }
                let line = &mut lines[row];
                let before = line.chars().chain(core::iter::repeat(' ')).take(column);
                *line = before.chain([shown]).chain(line.chars().skip(column + 1)).collect();
                column += 1;
            }
        }
        if lines.len() <= row {
            lines.resize(row + 1, String::new());
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// A terminal of 24 lines.
pub(crate) struct Terminal {
    ours: File,
    theirs: PathBuf,
}

impl Terminal {
    /// One of so many columns.
    pub(crate) fn open(columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&ours, size).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        Self { ours: File::from(ours), theirs }
    }

    /// The end of it that a command has.
    pub(crate) fn theirs(&self) -> File {
        File::options().read(true).write(true).open(&self.theirs).unwrap()
    }

    /// The end of it that shows what a command writes, and takes what a person types.
    pub(crate) fn into_ours(self) -> File {
        self.ours
    }

    /// Runs a command that has it to its end, and gives its exit code and what is shown.
    pub(crate) fn shows(self, mut command: Command) -> (Option<i32>, String) {
        let mut child = command.spawn().unwrap();
        // The end of the command is the end of what the terminal gets, where nobody else has it open.
        drop(command);
        let mut terminal = self.into_ours();
        let (mut bytes, mut all) = (vec![0; 4096], Vec::new());
        while let Ok(len @ 1..) = terminal.read(&mut bytes) {
            all.extend_from_slice(&bytes[..len]);
        }
        (child.wait().unwrap().code(), String::from_utf8(all).unwrap())
    }
}

/// Runs a command to its end, and gives its exit code and what the terminal got on standard error.
pub(crate) fn on_terminal(mut command: Command) -> (Option<i32>, String) {
    let terminal = Terminal::open(COLUMNS);
    command.env("TERM", "xterm").stdout(Stdio::null()).stderr(terminal.theirs());
    terminal.shows(command)
}
