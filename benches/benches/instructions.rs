//! Instructions per decoded message, counted by callgrind: the same on every machine. A count above its
//! limit fails the run; the limits are three percent above what was counted.
//!
//! ```text
//! cargo install gungraun-runner --version 0.20.0    # and valgrind
//! cargo bench --manifest-path benches/Cargo.toml --bench instructions
//! ```

use core::hint::black_box;

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use spdm_benches::{cx, samples};
use spdm_codec::{
    Algorithms, Capabilities, Certificate, ChallengeAuth, Digests, Measurements, Message, Version,
};
use spdm_untrusted::Untrusted;

fn most(instructions: u64) -> LibraryBenchmarkConfig {
    let callgrind = Callgrind::default().hard_limits([(EventKind::Ir, instructions)]).clone();
    LibraryBenchmarkConfig::default().tool(callgrind).clone()
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8]) -> bool {
    black_box(M::decode(Untrusted::new(black_box(bytes)), &cx())).is_ok()
}

#[library_benchmark(config = most(215))]
#[bench::sample(samples::version())]
fn version(bytes: Vec<u8>) -> bool {
    decode::<Version<'_>>(&bytes)
}

#[library_benchmark(config = most(234))]
#[bench::sample(samples::capabilities())]
fn capabilities(bytes: Vec<u8>) -> bool {
    decode::<Capabilities<'_>>(&bytes)
}

#[library_benchmark(config = most(374))]
#[bench::sample(samples::algorithms())]
fn algorithms(bytes: Vec<u8>) -> bool {
    decode::<Algorithms<'_>>(&bytes)
}

#[library_benchmark(config = most(231))]
#[bench::sample(samples::digests())]
fn digests(bytes: Vec<u8>) -> bool {
    decode::<Digests<'_>>(&bytes)
}

#[library_benchmark(config = most(225))]
#[bench::sample(samples::certificate())]
fn certificate(bytes: Vec<u8>) -> bool {
    decode::<Certificate<'_>>(&bytes)
}

#[library_benchmark(config = most(335))]
#[bench::sample(samples::challenge_auth())]
fn challenge_auth(bytes: Vec<u8>) -> bool {
    decode::<ChallengeAuth<'_>>(&bytes)
}

#[library_benchmark(config = most(855))]
#[bench::sample(samples::measurements())]
fn measurements(bytes: Vec<u8>) -> bool {
    decode::<Measurements<'_>>(&bytes)
}

library_benchmark_group!(
    name = responses,
    benchmarks =
        [version, capabilities, algorithms, digests, certificate, challenge_auth, measurements]
);

main!(library_benchmark_groups = responses);
