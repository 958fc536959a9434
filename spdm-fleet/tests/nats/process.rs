//! Workers in processes of their own: this program again, with one test that is the worker.

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{CollectRole, JudgeRole, NatsSettings, Nonces, Role, Step, WorkObserver, Worker};

use crate::server::{Server, open, signal};
use crate::stand::{Devices, Verdicts, key};

/// What the process says once it has come to where it is to be killed.
const REACHED: &str = "REACHED";

/// What a process is to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Orders<'o> {
    /// Says so after this step, the given time, and does not go on.
    pub(crate) halt: Option<(Step, usize)>,
    /// Aborts when it judges this target.
    pub(crate) poison: Option<&'o str>,
    /// How many digests a verdict takes.
    pub(crate) digests: u32,
    /// One attempt of so many fails, whichever; 0 is none.
    pub(crate) one_fails_in: u32,
    /// How long a device takes.
    pub(crate) pause_ms: u64,
    /// Seconds after which messages of a lost worker come back.
    pub(crate) ack_wait: u64,
    /// Messages at once.
    pub(crate) places: usize,
}

/// A process that is killed at the end.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Starts a worker of both roles.
    pub(crate) fn start(server: &Server, orders: Orders<'_>) -> Self {
        let step = orders.halt.map(|(step, count)| format!("{step:?} {count}"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["process::the_worker", "--exact", "--ignored", "--nocapture"])
            .env("SPDM_TEST_SERVER", server.address())
            .env("SPDM_TEST_HALT", step.unwrap_or_default())
            .env("SPDM_TEST_POISON", orders.poison.unwrap_or_default())
            .env("SPDM_TEST_ONE_FAILS_IN", orders.one_fails_in.to_string())
            .env("SPDM_TEST_DIGESTS", orders.digests.to_string())
            .env("SPDM_TEST_PAUSE", orders.pause_ms.to_string())
            .env("SPDM_TEST_ACK_WAIT", orders.ack_wait.to_string())
            .env("SPDM_TEST_PLACES", orders.places.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Waits until it halts, and kills it then: SIGKILL.
    pub(crate) fn kill_where_it_halts(mut self) {
        let output = BufReader::new(self.0.stdout.take().unwrap());
        let reached = output.lines().map_while(Result::ok).any(|line| line.contains(REACHED));
        assert!(reached, "the worker ended before it came to where it is killed");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        signal(&self.0, "-TERM");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Halts after a step.
struct Halt {
    at: String,
    left: AtomicUsize,
}

impl WorkObserver for Halt {
    fn after(&self, step: Step, _: &str) {
        if format!("{step:?}") == self.at && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            println!("{REACHED}");
            loop {
                thread::sleep(Duration::from_secs(1));
            }
        }
    }
}

fn order(name: &str) -> String {
    std::env::var(format!("SPDM_TEST_{name}")).unwrap_or_default()
}

#[test]
#[ignore = "it is the worker of other tests"]
fn the_worker() {
    let address = order("SERVER");
    if address.is_empty() {
        return;
    }
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGTERM, stop.clone()).unwrap();
    let ack_wait = Duration::from_secs(order("ACK_WAIT").parse().unwrap());
    let site = open(&address, &NatsSettings { ack_wait, ..NatsSettings::default() });
    let pause = Duration::from_millis(order("PAUSE").parse().unwrap());
    let one_fails_in = order("ONE_FAILS_IN").parse().unwrap();
    let devices = Devices { pause, one_fails_in, ..Devices::default() };
    let poison = order("POISON");
    let aborts_at = (!poison.is_empty()).then_some(poison);
    let digests = order("DIGESTS").parse().unwrap();
    let verdicts = Verdicts { aborts_at, digests, ..Verdicts::default() };
    let halt = order("HALT");
    let (at, left) = halt.split_once(' ').unwrap_or(("", "0"));
    let halt = Halt { at: at.to_owned(), left: AtomicUsize::new(left.parse().unwrap()) };
    let (key, places) = (key(), order("PLACES").parse().unwrap());
    let nonces = Nonces::new(&PROVIDER, &key);
    let name = format!("host/{}", std::process::id());
    let collect = CollectRole::new(&site, &devices, 64, &name);
    let judge = JudgeRole::new(&site, nonces, Nonces::WINDOW, &verdicts, 3, &name);
    let roles: [&dyn Role; 2] = [&collect, &judge];
    thread::scope(|scope| {
        for role in roles {
            let (stop, halt) = (&stop, &halt);
            let worker = Worker::new(role, places, stop, halt);
            let worker = worker.with_sign_of_life(ack_wait.min(Duration::from_secs(30)) / 4);
            scope.spawn(move || worker.run().unwrap());
        }
    });
}
