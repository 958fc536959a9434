//! A server and a folder with what submitters and judges need.

use core::time::Duration;
use std::fs::{self, File};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use crate::process::{Folder, Run, command, run};
use crate::server::Server;
use crate::stand::{JOB, PATIENCE};

/// A server, and files.
pub(crate) struct Queue {
    pub(crate) server: Server,
    pub(crate) folder: Folder,
}

impl Queue {
    /// `None`, with a line about it, where there is no server to start.
    pub(crate) fn start(name: &str) -> Option<Self> {
        Server::start(name).map(Self::of)
    }

    /// Files beside a server.
    pub(crate) fn of(server: Server) -> Self {
        let folder = Folder::new();
        folder.write("fleet.key", "0123456789abcdef".repeat(4));
        Self { server, folder }
    }

    /// Where the queues are, as an option.
    pub(crate) fn option(&self) -> String {
        format!("--queue {}", self.server.address())
    }

    /// Writes the list, one target a line.
    pub(crate) fn list<T: AsRef<str>>(&self, targets: &[T]) -> String {
        let lines: Vec<_> = targets.iter().map(|target| format!("{}\n", target.as_ref())).collect();
        self.folder.write("targets.txt", lines.concat())
    }

    /// Submits the list.
    pub(crate) fn submit(&self, options: &str) -> Run {
        let [targets, key] = ["targets.txt", "fleet.key"].map(|name| self.folder.path(name));
        run(&format!(
            "fleet submit {} --job {JOB} --targets {targets} --key {key} {options}",
            self.option()
        ))
    }

    /// Watches the job.
    pub(crate) fn watch(&self, options: &str) -> Run {
        run(&format!("fleet watch {} --job {JOB} {options}", self.option()))
    }

    /// Starts a worker; what it says is in a file of this name.
    pub(crate) fn worker(&self, name: &str, options: &str) -> Worker {
        let worker = self.starts(name, &format!("fleet work {} {options}", self.option()));
        until("it begins", || worker.said().contains(" for nats://"));
        worker
    }

    /// Starts a command; what it says is in a file of this name.
    pub(crate) fn starts(&self, name: &str, line: &str) -> Worker {
        let path = self.folder.path(name);
        let args: Vec<_> = line.split_whitespace().collect();
        let said = File::create(&path).unwrap();
        let child = command(&args).stdout(said.try_clone().unwrap()).stderr(said).spawn();
        Worker { child: child.unwrap(), path }
    }

    /// The key, as an option.
    pub(crate) fn key(&self) -> String {
        format!("--key {}", self.folder.path("fleet.key"))
    }
}

/// A worker, which is killed at the end.
pub(crate) struct Worker {
    child: Child,
    path: String,
}

impl Worker {
    /// What it said until now.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.path).unwrap()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        assert!(status.unwrap().success());
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it goes on.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and says how it ended and its last line.
    pub(crate) fn ended(self) -> (Option<i32>, String) {
        let (status, said) = self.status();
        (status.code(), said.lines().last().unwrap_or_default().to_owned())
    }

    /// Waits for its end, and says how it ended and all that it said.
    pub(crate) fn status(mut self) -> (ExitStatus, String) {
        until("it ends", || !self.is_running());
        let said = self.said();
        assert!(!said.contains("panicked"), "{said}");
        (self.child.wait().unwrap(), said)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}: {}", self.path, self.said());
        }
    }
}

/// Waits for something.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: it takes too long");
        thread::sleep(Duration::from_millis(20));
    }
}
