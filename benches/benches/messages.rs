//! Decoding and encoding of each attestation message, beside a copy of the same bytes.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --bench messages
//! ```

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spdm_benches::{VERSION, cx, samples};
use spdm_codec::{
    Algorithms, Capabilities, Certificate, ChallengeAuth, Digests, ErrorResponse, Measurements,
    Message, Version,
};
use spdm_untrusted::Untrusted;

fn bench<'a, M: Message<'a>>(c: &mut Criterion, bytes: &'a [u8]) {
    let cx = cx();
    let message = M::decode(Untrusted::new(bytes), &cx).expect("the sample is a message").message;
    let mut out = vec![0; bytes.len()];
    let mut group = c.benchmark_group(M::NAME);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("copy", |b| b.iter(|| out.copy_from_slice(black_box(bytes))));
    group.bench_function("decode", |b| {
        b.iter(|| black_box(M::decode(Untrusted::new(black_box(bytes)), black_box(&cx))).is_ok());
    });
    group.bench_function("encode", |b| {
        b.iter(|| black_box(&message).encode(VERSION, black_box(&mut out)).is_ok());
    });
    group.finish();
}

fn messages(c: &mut Criterion) {
    bench::<Version<'_>>(c, &samples::version());
    bench::<Capabilities<'_>>(c, &samples::capabilities());
    bench::<Algorithms<'_>>(c, &samples::algorithms());
    bench::<Digests<'_>>(c, &samples::digests());
    bench::<Certificate<'_>>(c, &samples::certificate());
    bench::<ChallengeAuth<'_>>(c, &samples::challenge_auth());
    bench::<Measurements<'_>>(c, &samples::measurements());
    bench::<ErrorResponse<'_>>(c, &samples::error());
}

criterion_group!(benches, messages);
criterion_main!(benches);
