//! Decoding and encoding of each attestation message, beside a copy of the same bytes.
//!
//! ```text
//! cargo bench -p spdm-codec
//! ```

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spdm_codec::{
    Algorithms, Capabilities, Certificate, ChallengeAuth, Cx, Digests, ErrorResponse,
    MeasurementRecord, Measurements, Message, OpaqueFormat, SpdmVersion, Version,
};
use spdm_untrusted::Untrusted;

const VERSION: SpdmVersion = SpdmVersion::V1_2;

fn cx() -> Cx {
    Cx::new(VERSION)
        .with_hash_len(48)
        .with_signature_len(96)
        .with_opaque_format(OpaqueFormat::Table)
}

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

/// `MEASUREMENTS` with eight digests and a table of opaque data.
fn measurements() -> Vec<u8> {
    let mut record = Vec::new();
    for index in 1..=8 {
        record.extend([index, 1, 51, 0, 1, 48, 0]);
        record.extend([0x5A; 48]);
    }
    let record_len = u16::try_from(record.len()).expect("short").to_le_bytes();
    let mut bytes = vec![0x12, 0x60, 0, 0, 8, record_len[0], record_len[1], 0];
    assert!(MeasurementRecord::decode(Untrusted::new(&record), 8).is_ok());
    bytes.extend(record);
    bytes.extend([7; 32]);
    bytes.extend([16, 0, 1, 0, 0, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend([0xAB; 96]);
    bytes
}

fn messages(c: &mut Criterion) {
    let version = [0x10, 0x04, 0, 0, 0, 3, 0, 0x10, 0, 0x11, 0, 0x12];
    let capabilities = [0x12, 0x61, 0, 0, 0, 14, 0, 0, 0x16, 0, 0, 0, 0, 0x12, 0, 0, 0, 0x12, 0, 0];
    let mut algorithms = vec![0x12, 0x63, 0, 0, 36, 0, 1, 2, 4, 0, 0, 0, 0x80, 0, 0, 0, 2];
    algorithms.resize(36, 0);
    let digests = [&[0x12, 0x01, 0, 0x03][..], &[0xD1; 96]].concat();
    let certificate = [&[0x12, 0x02, 0, 0, 0, 4, 0, 0][..], &[0x30; 1024]].concat();
    let mut challenge_auth = [&[0x12, 0x03, 0, 1][..], &[0xC1; 48], &[7; 32]].concat();
    challenge_auth.extend([0, 0]);
    challenge_auth.extend([0xAB; 96]);
    let error = [0x12, 0x7F, 0x42, 0, 10, 0x83, 5, 2];
    bench::<Version<'_>>(c, &version);
    bench::<Capabilities<'_>>(c, &capabilities);
    bench::<Algorithms<'_>>(c, &algorithms);
    bench::<Digests<'_>>(c, &digests);
    bench::<Certificate<'_>>(c, &certificate);
    bench::<ChallengeAuth<'_>>(c, &challenge_auth);
    bench::<Measurements<'_>>(c, &measurements());
    bench::<ErrorResponse<'_>>(c, &error);
}

criterion_group!(benches, messages);
criterion_main!(benches);
