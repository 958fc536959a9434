//! Somebody at a terminal, in front of the command.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::queue::until;
use crate::terminal::Terminal;

/// A command in the foreground of a terminal, which both of its outputs go to.
pub(crate) struct Person {
    child: Child,
    terminal: File,
    seen: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Person {
    /// Starts the command with these arguments on a terminal of so many columns.
    pub(crate) fn runs(line: &str, columns: u16) -> Self {
        let terminal = Terminal::open(columns);
        let [stdin, stdout, stderr] = [(); 3].map(|()| terminal.theirs());
        // What is typed reaches whoever has the terminal as its own.
        let mut command = Command::new("setsid");
        command.args(["--ctty", env!("CARGO_BIN_EXE_spdm")]).args(line.split_whitespace());
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        let child = command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap();
        drop(command);
        let terminal = terminal.into_ours();
        let mut shown = terminal.try_clone().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            let mut bytes = vec![0; 4096];
            // The end of the command is the end of what the terminal shows.
            while let Ok(len @ 1..) = shown.read(&mut bytes) {
                all.lock().unwrap().extend_from_slice(&bytes[..len]);
            }
        });
        Self { child, terminal, seen, reader: Some(reader) }
    }

    /// Everything that came, with what moves and clears.
    pub(crate) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits until this is there.
    pub(crate) fn sees(&self, text: &str) {
        until(text, || self.seen().contains(text));
    }

    /// Ctrl-C.
    pub(crate) fn types_ctrl_c(&mut self) {
        self.terminal.write_all(b"\x03").unwrap();
    }

    /// Waits for the end: how it ended, and everything that came.
    pub(crate) fn waits(mut self) -> (Option<i32>, String) {
        until("it ends", || self.child.try_wait().unwrap().is_some());
        self.reader.take().unwrap().join().unwrap();
        let code = self.child.wait().unwrap().code();
        let seen = String::from_utf8(self.seen.lock().unwrap().clone()).unwrap();
        (code, seen)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
