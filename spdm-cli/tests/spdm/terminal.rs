//! Standard error as a terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The columns of the terminal.
pub(crate) const COLUMNS: u16 = 80;

/// What is on the terminal in the end, after text that moves, wraps and clears lines as progress displays do.
pub(crate) fn screen(text: &str) -> Vec<String> {
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
                if column == usize::from(COLUMNS) {
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

/// Runs a command to its end, and gives its exit code and what the terminal got.
pub(crate) fn on_terminal(mut command: Command) -> (Option<i32>, String) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let size = Winsize { ws_row: 24, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let name = OsStr::from_bytes(name.as_bytes());
    let stderr = File::options().read(true).write(true).open(name).unwrap();
    let command = command.env("TERM", "xterm").stdout(Stdio::null()).stderr(stderr);
    let mut child = command.spawn().unwrap();
    // The end of the command is the end of what the terminal gets, where nobody else has it open.
    command.stderr(Stdio::null());
    let mut terminal = File::from(terminal);
    let (mut bytes, mut all) = (vec![0; 4096], Vec::new());
    while let Ok(len @ 1..) = terminal.read(&mut bytes) {
        all.extend_from_slice(&bytes[..len]);
    }
    (child.wait().unwrap().code(), String::from_utf8(all).unwrap())
}
