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
