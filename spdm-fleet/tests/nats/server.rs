//! A server on loopback, with a store that is gone after the test and a port that the system picks.

use core::time::Duration;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{Classes, Goes, NatsAccess, NatsSettings, NatsSite, Outcome};

use crate::stand::{JOB, PATIENCE};

/// A server that runs.
pub(crate) struct Server {
    folder: PathBuf,
    process: Child,
    address: String,
}

impl Server {
    /// Starts one; `None`, with a line about it, where the program is missing. In CI that is an error.
    pub(crate) fn start(name: &str) -> Option<Self> {
        let folder = Self::folder(name)?;
        let process = spawn(&folder, "-1");
        Some(Self::listening(folder, process))
    }

    /// Starts one with a configuration, but for its address and its store. The password of each user is `password-of-USER`.
    pub(crate) fn with_configuration(name: &str, text: &str) -> Option<Self> {
        let folder = Self::folder(name)?;
        let text = text.replace("127.0.0.1:4222", "127.0.0.1:-1");
        let text = text.replace("/var/lib/nats", folder.to_str().unwrap());
        let file = folder.join("nats.conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(file).arg("--ports_file_dir").arg(&folder);
        command.arg("-l").arg(folder.join("log"));
        for user in ["submit", "collect", "judge", "watch"] {
            let name = format!("SPDM_{}_PASSWORD", user.to_uppercase());
            command.env(name, format!("password-of-{user}"));
        }
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Some(Self::listening(folder, process))
    }

    fn folder(name: &str) -> Option<PathBuf> {
        let is_there = Command::new("nats-server").arg("--version").stdout(Stdio::null()).status();
        if is_there.is_err() {
            let is_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
            assert!(!is_ci, "nats-server is not installed: apt-get install nats-server");
            eprintln!("SKIPPED {name}: nats-server is not installed");
            return None;
        }
        let folder = std::env::temp_dir().join(format!("spdm-nats-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Some(folder)
    }

    fn listening(folder: PathBuf, process: Child) -> Self {
        let mut server = Self { folder, process, address: String::new() };
        server.address = server.announced();
        server
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Kills it, and starts it again at the same address with the same store.
    pub(crate) fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let port = self.address.rsplit(':').next().unwrap().to_owned();
        self.process = spawn(&self.folder, &port);
    }

    /// A site on it whose messages come back after so many seconds.
    pub(crate) fn site(&self, ack_wait: u64) -> NatsSite {
        let ack_wait = Duration::from_secs(ack_wait);
        // A place at a host that a server took with it is free again before the test loses its patience.
        let lease = Duration::from_secs(5);
        self.site_of(&NatsSettings { ack_wait, lease, ..NatsSettings::default() })
    }

    pub(crate) fn site_of(&self, settings: &NatsSettings) -> NatsSite {
        self.site_for(settings, Classes::Only(classes()))
    }

    pub(crate) fn site_for(&self, settings: &NatsSettings, classes: Classes) -> NatsSite {
        NatsSite::open(&access(&self.address), settings, classes, &PROVIDER).unwrap()
    }

    /// A site that makes nothing.
    pub(crate) fn joined(&self, classes: Classes) -> NatsSite {
        NatsSite::join(&access(&self.address), classes, &PROVIDER).unwrap()
    }

    /// What a server with a configuration logged of requests that it refused.
    pub(crate) fn violations(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("log")).unwrap();
        assert!(log.contains("Server is ready"));
        log.lines().filter(|line| line.contains("Violation")).map(str::to_owned).collect()
    }

    /// It does not answer any more.
    pub(crate) fn pause(&self) {
        signal(&self.process, "-STOP");
    }

    /// It goes on.
    pub(crate) fn resume(&self) {
        signal(&self.process, "-CONT");
    }

    /// The file in which the server says on which port it listens.
    fn announced(&self) -> String {
        let begun = Instant::now();
        let file = self.folder.join(format!("nats-server_{}.ports", self.process.id()));
        loop {
            if let Ok(text) = fs::read_to_string(&file)
                && let Ok(ports) = serde_json::from_str::<serde_json::Value>(&text)
                && let Some(address) = ports.pointer("/nats/0").and_then(|port| port.as_str())
            {
                return address.to_owned();
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not start");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn spawn(folder: &PathBuf, port: &str) -> Child {
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", port, "-js"]);
    command.arg("-sd").arg(folder).arg("--ports_file_dir").arg(folder);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Sends a signal.
pub(crate) fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
}

fn access(address: &str) -> NatsAccess {
    NatsAccess { servers: address.to_owned(), ..NatsAccess::default() }
}

/// A site at an address.
pub(crate) fn open(address: &str, settings: &NatsSettings) -> NatsSite {
    NatsSite::open(&access(address), settings, Classes::Only(classes()), &PROVIDER).unwrap()
}

fn classes() -> Vec<String> {
    vec!["gpu".to_owned(), "ssd of rack 7".to_owned()]
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Every outcome of the job until now.
pub(crate) fn outcomes(site: &NatsSite) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let take = |outcome: Result<Outcome, String>| {
        outcomes.push(outcome.unwrap());
        Goes::On
    };
    site.outcomes(JOB, take, || Goes::Enough).unwrap();
    outcomes
}

/// How many items have their last outcome.
pub(crate) fn finals(site: &NatsSite) -> usize {
    outcomes(site).iter().filter(|outcome| outcome.is_final).count()
}
