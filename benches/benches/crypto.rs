//! Every algorithm of a session and of an attestation, on each backend.
//!
//! ```text
//! cargo bench --manifest-path benches/Cargo.toml --features crypto --bench crypto
//! ```
//!
//! What AWS-LC lacks is RustCrypto's with both: the two numbers are then of the same code.

use core::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::SoftwareKey;
use spdm_crypto::{
    AeadAlgorithm, AsymAlgorithm, Digest, HashAlgorithm, KeyExchangeAlgorithm, KeySchedule,
    Provider, RecordKey, SequenceOrder, SharedSecret, Sign as _, SignedMessage, SigningContext,
    aws_lc_rs, rustcrypto,
};

const BACKENDS: [(&str, Provider); 2] =
    [("rustcrypto", rustcrypto::PROVIDER), ("aws-lc-rs", aws_lc_rs::PROVIDER)];
const HASH: HashAlgorithm = HashAlgorithm::Sha384;
/// About a certificate chain, or a large record.
const LEN: usize = 4096;

fn hashes(c: &mut Criterion) {
    let bytes = vec![0xA5; LEN];
    for hash in HashAlgorithm::ALL {
        let mut group = c.benchmark_group(format!("hash {hash}"));
        group.throughput(Throughput::Bytes(LEN as u64));
        for (name, provider) in BACKENDS {
            group.bench_function(name, |b| {
                b.iter(|| provider.hash.digest(hash, &[black_box(&bytes)]));
            });
        }
    }
}

/// The signature of a transcript, from the key's bytes on.
fn verify(c: &mut Criterion) {
    let transcript = rustcrypto::PROVIDER.hash.digest(HASH, &[b"a transcript"]).expect("a digest");
    let context = SigningContext::ResponderChallengeAuth;
    let message = SignedMessage::new(SpdmVersion::V1_4, context, transcript);
    for asym in AsymAlgorithm::ALL {
        let key = SoftwareKey::from_seed(asym, [1; 32]).expect("a key");
        let mut signature = vec![0; asym.signature_len()];
        key.sign(HASH, message.as_signed(), &mut signature).expect("a signature");
        let public = key.public_key();
        let mut group = c.benchmark_group(format!("verify {asym}"));
        for (name, provider) in BACKENDS {
            let verify = || message.verify(&provider, asym, HASH, black_box(&public), &signature);
            assert_eq!(verify(), Ok(()));
            group.bench_function(name, |b| b.iter(verify));
        }
    }
}

/// The Requester's side: a new key, and the secret out of the answer.
fn key_exchange(c: &mut Criterion) {
    for algorithm in KeyExchangeAlgorithm::ALL {
        let mut group = c.benchmark_group(format!("key exchange {algorithm}"));
        for (name, provider) in BACKENDS {
            let mut request = vec![0; algorithm.request_len()];
            let mut response = vec![0; algorithm.response_len()];
            let mut shared = SharedSecret::new();
            group.bench_function(format!("{name}, start"), |b| {
                b.iter(|| provider.start_key_exchange(algorithm, &mut request).is_ok());
            });
            group.bench_function(format!("{name}, respond"), |b| {
                b.iter(|| {
                    provider.respond_key_exchange(algorithm, &request, &mut response, &mut shared)
                });
            });
            let backend = provider.key_exchange(algorithm).expect("every algorithm is there");
            let private = backend.start(algorithm, provider.random, &mut request).expect("a key");
            provider
                .respond_key_exchange(algorithm, &request, &mut response, &mut shared)
                .expect("an answer");
            group.bench_function(format!("{name}, finish"), |b| {
                b.iter(|| backend.finish(algorithm, &private, &response, &mut shared));
            });
        }
    }
}

/// All keys of a session, up to those of its records.
fn key_schedule(c: &mut Criterion) {
    let th = Digest::new(&[0x11; 48]).expect("a digest");
    let mut shared = SharedSecret::new();
    shared.place(48).expect("a secret").fill(0x22);
    let mut group = c.benchmark_group("key schedule");
    for (name, provider) in BACKENDS {
        let aead = AeadAlgorithm::Aes256Gcm;
        let schedule = KeySchedule::new(&provider, SpdmVersion::V1_2, HASH, aead).expect("a KDF");
        group.bench_function(name, |b| {
            b.iter(|| {
                let handshake = schedule.from_key_exchange(&shared, &th).expect("secrets");
                let data = handshake.data(&th).expect("secrets");
                (data.request.record_key().is_ok(), data.response.record_key().is_ok())
            });
        });
    }
}

fn records(c: &mut Criterion) {
    for algorithm in AeadAlgorithm::ALL {
        let mut group = c.benchmark_group(format!("record {algorithm}"));
        group.throughput(Throughput::Bytes(LEN as u64));
        for (name, provider) in BACKENDS {
            let key =
                RecordKey::import(&provider, algorithm, &[7; 32][..algorithm.key_len()], &[9; 12]);
            let key = key.expect("a key");
            let order = SequenceOrder::LittleEndian;
            let mut data = vec![0xA5; LEN];
            group.bench_function(format!("{name}, seal"), |b| {
                b.iter(|| key.seal(1, order, b"header", &mut data));
            });
            let tag = key.seal(1, order, b"header", &mut data).expect("a record");
            let sealed = data.clone();
            group.bench_function(format!("{name}, open"), |b| {
                b.iter(|| {
                    data.copy_from_slice(&sealed);
                    key.open(1, order, b"header", &mut data, &tag)
                });
            });
        }
    }
}

criterion_group!(benches, hashes, verify, key_exchange, key_schedule, records);
criterion_main!(benches);
