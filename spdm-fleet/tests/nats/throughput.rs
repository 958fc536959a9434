//! How much one server carries: `cargo test -p spdm-fleet --release --features nats --test nats throughput -- --ignored --nocapture`.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use spdm_fleet::{Step, WorkObserver};

use crate::process::{Orders, Process};
use crate::server::{Server, finals};
use crate::stand::{Devices, Verdicts, items, submitted, work};

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

#[test]
#[ignore = "a measurement"]
fn throughput_of_one_worker_with_64_places() {
    const COUNT: usize = 5000;
    let Some(server) = Server::start("throughput-1") else { return };
    let (site, items) = (server.site(30), items(COUNT));
    let begun = Instant::now();
    submitted(&site, &items);
    println!("submitted {COUNT} in {:?}", begun.elapsed());
    let (devices, done) = (Devices::default(), Done::default());
    let verdicts = Verdicts::default();
    let took =
        work(&site, &devices, &verdicts, 64, &done, || done.0.load(Ordering::Relaxed) >= COUNT);
    println!(
        "1 process: {:.0} items/s",
        f64::from(u32::try_from(COUNT).unwrap()) / took.as_secs_f64()
    );
}

#[test]
#[ignore = "a measurement"]
fn throughput_of_several_processes() {
    const COUNT: usize = 5000;
    for processes in [1, 4, 16] {
        let Some(server) = Server::start(&format!("throughput-{processes}")) else { return };
        let (site, items) = (server.site(30), items(COUNT));
        submitted(&site, &items);
        let orders = Orders { ack_wait: 30, places: 16, ..Orders::default() };
        let begun = Instant::now();
        let running: Vec<_> = (0..processes).map(|_| Process::start(&server, orders)).collect();
        while site.pending().unwrap() != (0, 0) {}
        let took = begun.elapsed().as_secs_f64();
        drop(running);
        assert_eq!(finals(&site), COUNT);
        println!(
            "{processes} processes: {:.0} items/s",
            f64::from(u32::try_from(COUNT).unwrap()) / took
        );
    }
}
