//! How much one server carries, beside what the same work takes in one process:
//! `cargo test -p spdm-fleet --release --features nats --test nats throughput -- --ignored --nocapture`.
//!
//! A verdict takes `SPDM_TEST_VERDICT_US` microseconds of a processor, 400 unless it says otherwise: about what a device of a known
//! authority takes. The server, the workers and whoever counts share the processors of this machine.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use spdm_fleet::{MemorySite, Site, Step, WorkObserver};

use crate::process::{Orders, Process};
use crate::server::{Server, finals};
use crate::stand::{Devices, Verdicts, effort, items, submitted, work};

/// Items of a measurement.
const COUNT: usize = 5000;
/// Messages at once, of each worker.
const PLACES: usize = 16;

/// Counts what is done.
#[derive(Debug, Default)]
struct Done(AtomicUsize);

impl WorkObserver for Done {
    fn after(&self, step: Step, _: &str) {
        if step == Step::TargetRecorded {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn rate(seconds: f64) -> f64 {
    f64::from(u32::try_from(COUNT).unwrap()) / seconds
}

/// How many digests a verdict takes here.
fn digests() -> u32 {
    const SAMPLE: u32 = 20_000;
    let wanted = std::env::var("SPDM_TEST_VERDICT_US").ok();
    let wanted: u128 = wanted.map_or(400, |text| text.parse().unwrap());
    let begun = Instant::now();
    effort(SAMPLE);
    let of_all = begun.elapsed().as_nanos();
    u32::try_from(wanted * 1000 * u128::from(SAMPLE) / of_all).unwrap()
}

/// Items in a second, with workers in this process.
fn here(site: &dyn Site, verdicts: &Verdicts) -> f64 {
    submitted(site, &items(COUNT));
    let (devices, done) = (Devices::default(), Done::default());
    let is_over = || done.0.load(Ordering::Relaxed) >= COUNT;
    rate(work(site, &devices, verdicts, PLACES, &done, is_over).as_secs_f64())
}

#[test]
#[ignore = "a measurement"]
fn throughput_with_1_4_and_16_workers() {
    let verdicts = Verdicts { digests: digests(), ..Verdicts::default() };
    let in_process = here(&MemorySite::new(1 << 30), &verdicts);
    println!("in one process, without a server: {in_process:.0} items/s");
    let Some(server) = Server::start("throughput-0") else { return };
    let rate_here = here(&server.site(30), &verdicts);
    println!("in one process, on a server: {rate_here:.0} items/s, {:.2}", rate_here / in_process);
    drop(server);
    for processes in [1, 4, 16] {
        let Some(server) = Server::start(&format!("throughput-{processes}")) else { return };
        let (site, items) = (server.site(30), items(COUNT));
        submitted(&site, &items);
        let digests = verdicts.digests;
        let orders = Orders { ack_wait: 30, places: PLACES, digests, ..Orders::default() };
        let begun = Instant::now();
        let running: Vec<_> = (0..processes).map(|_| Process::start(&server, orders)).collect();
        while site.pending() != Ok((0, 0)) {
            std::thread::sleep(core::time::Duration::from_millis(20));
        }
        let rate = rate(begun.elapsed().as_secs_f64());
        drop(running);
        assert_eq!(finals(&site), COUNT);
        println!("{processes} workers: {rate:.0} items/s, {:.2}", rate / in_process);
    }
}
