//! The key schedule against what the reference implementation logged, and its refusals.
#![expect(clippy::unwrap_used, reason = "the inputs are part of the test")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;
use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AeadAlgorithm, AeadError, DataSecret, Digest, Direction, HandshakeSecrets, HashAlgorithm,
    Invalid, KdfError, KeySchedule, KeyScheduleError, Provider, PskBytes, RecordKey, SequenceOrder,
    SharedSecret, TAG_LEN, Unsupported,
};

const PROVIDERS: &[Provider] = &[
    PROVIDER,
    #[cfg(feature = "aws-lc-rs")]
    spdm_crypto::aws_lc_rs::PROVIDER,
];

/// Keys are compared by what they seal.
const PROBE: [u8; 5] = *b"probe";

fn captures() -> Option<PathBuf> {
    let corpus = env::var_os("SPDM_CORPUS").map(|root| Path::new(&root).join("captures"));
    let corpus = corpus.filter(|captures| captures.join("manifest.json").is_file());
    if corpus.is_none() {
        assert!(env::var_os("SPDM_CORPUS_REQUIRED").is_none(), "SPDM_CORPUS has no captures");
        println!("skipped: SPDM_CORPUS is not set");
    }
    corpus
}

fn version_of(text: &str) -> SpdmVersion {
    SpdmVersion::ALL.into_iter().find(|version| version.to_string() == text).unwrap()
}

/// The hash by its name; a capture whose negotiation went in chunks has none, and uses SHA-2.
fn hash_of(name: &Value, log: &Log) -> Option<HashAlgorithm> {
    let all = HashAlgorithm::ALL;
    match name.as_str() {
        Some(name) => all.into_iter().find(|hash| hash.name() == name),
        None => {
            let th1 = log.entries.iter().find(|(label, _)| label == "th1 hash")?;
            all.into_iter().find(|hash| 2 * hash.digest_len() == th1.1.len())
        }
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::new(bytes).unwrap()
}

/// A log of secrets, read forwards.
struct Log {
    entries: Vec<(String, String)>,
    at: usize,
}

impl Log {
    fn read(path: &Path) -> Self {
        Self { entries: serde_json::from_slice(&fs::read(path).unwrap()).unwrap(), at: 0 }
    }

    fn next(&mut self) -> Option<&(String, String)> {
        self.at += 1;
        self.entries.get(self.at - 1)
    }

    /// The value of the entry that comes now; `None` where it has another label.
    fn take(&mut self, label: &str) -> Option<Vec<u8>> {
        let (name, value) = self.entries.get(self.at)?;
        if name != label {
            return None;
        }
        self.at += 1;
        Some(hex::decode(value).unwrap())
    }

    fn key(&mut self) -> Option<(Vec<u8>, [u8; 12])> {
        let key = self.take("key")?;
        Some((key, self.take("iv").unwrap().try_into().unwrap()))
    }
}

fn same(provider: &Provider, ours: &RecordKey, key: &[u8], iv: &[u8; 12]) -> bool {
    let logged = RecordKey::import(provider, ours.algorithm(), key, iv).unwrap();
    let seal = |key: &RecordKey| {
        let mut probe = PROBE;
        (key.seal(1, SequenceOrder::LittleEndian, b"", &mut probe).unwrap(), probe)
    };
    seal(ours) == seal(&logged)
}

/// A session whose data keys are known, and the updates that the log may show next.
struct Established {
    id: String,
    request: DataSecret,
    response: DataSecret,
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Seen {
    sessions: usize,
    key_exchanges: usize,
    psks: usize,
    finished_keys: usize,
    updates: usize,
}

fn aead_of(key_len: usize) -> AeadAlgorithm {
    if key_len == 16 { AeadAlgorithm::Aes128Gcm } else { AeadAlgorithm::Aes256Gcm }
}

fn id_of(value: &str) -> String {
    value.rsplit(['[', '@']).next().unwrap().trim_end_matches(']').to_owned()
}

/// What is the same for a whole capture.
#[derive(Clone, Copy)]
struct Cx<'a> {
    provider: &'a Provider,
    version: SpdmVersion,
    hash: HashAlgorithm,
}

fn follow(log: &mut Log, cx: Cx<'_>, seen: &mut Seen) {
    let mut handshake: Option<(String, HandshakeSecrets)> = None;
    let mut established: Vec<Established> = Vec::new();
    let mut updates: Vec<(Vec<u8>, [u8; 12])> = Vec::new();
    while let Some((label, value)) = log.next().cloned() {
        let value = value.as_str();
        match label.as_str() {
            "#" if value.contains("generate_session_handshake_key") => {
                handshake = Some((id_of(value), the_handshake(log, cx, seen)));
            }
            "#" if value.contains("generate_session_data_key") => {
                let (id, secrets) = handshake.take().unwrap();
                assert_eq!(id, id_of(value));
                established.push(the_data(log, cx, id, secrets));
                seen.sessions += 1;
            }
            "key" => {
                log.at -= 1;
                updates.push(log.key().unwrap());
            }
            ">" => {
                let id = id_of(value);
                let session = established.iter_mut().rfind(|session| session.id == id);
                if let Some(session) = session {
                    for (key, iv) in updates.drain(..) {
                        assert!(is_update(cx, session, &key, &iv), "an unknown key at {value}");
                        seen.updates += 1;
                    }
                }
            }
            _ => {}
        }
    }
    assert!(updates.is_empty());
}

fn the_handshake(log: &mut Log, cx: Cx<'_>, seen: &mut Seen) -> HandshakeSecrets {
    let Cx { provider, version, hash } = cx;
    let th1 = digest(&log.take("th1 hash").unwrap());
    let shared = log.take("DHE Secret").or_else(|| log.take("KEM Secret"));
    let psk = log.take("PSK");
    while log.take("PSK").is_some() {}
    for label in ["handshake_secret", "request_handshake_secret", "response_handshake_secret"] {
        log.take(label);
    }
    let finished = [log.take("finished_key").unwrap(), log.take("finished_key").unwrap()];
    let request = log.key().unwrap();
    let response = log.key().unwrap();

    let schedule = KeySchedule::new(provider, version, hash, aead_of(request.0.len())).unwrap();
    let secrets = match (shared, psk) {
        (Some(bytes), None) => {
            let mut shared = SharedSecret::new();
            shared.place(bytes.len()).unwrap().copy_from_slice(&bytes);
            seen.key_exchanges += 1;
            schedule.from_key_exchange(&shared, &th1).unwrap()
        }
        (None, Some(psk)) => {
            seen.psks += 1;
            schedule.from_psk(&PskBytes(&psk), &th1).unwrap()
        }
        _ => unreachable!("neither a shared secret nor a PSK"),
    };
    for (sender, finished) in [Direction::Request, Direction::Response].into_iter().zip(finished) {
        let kdf = provider.kdf(hash).unwrap();
        let key = spdm_crypto::Secret::new(&finished).unwrap();
        let by_hand = kdf.hmac(hash, &key, &[th1.as_bytes()]).unwrap();
        assert_eq!(secrets.verify_data(sender, &th1), Ok(by_hand));
        assert_eq!(secrets.check_verify_data(sender, &th1, by_hand.as_bytes()), Ok(()));
        seen.finished_keys += 1;
    }
    assert!(same(
        cx.provider,
        &secrets.record_key(Direction::Request).unwrap(),
        &request.0,
        &request.1
    ));
    assert!(same(
        cx.provider,
        &secrets.record_key(Direction::Response).unwrap(),
        &response.0,
        &response.1
    ));
    secrets
}

fn the_data(log: &mut Log, cx: Cx<'_>, id: String, secrets: HandshakeSecrets) -> Established {
    let th2 = digest(&log.take("th2 hash").unwrap());
    let master = log.take("master_secret");
    log.take("request_data_secret");
    log.take("response_data_secret");
    let export = log.take("export_master_secret");
    assert_eq!(master.is_some(), export.is_some());
    let (request, response) = (log.key().unwrap(), log.key().unwrap());

    let secrets = secrets.into_data(&th2).unwrap();
    assert!(same(cx.provider, &secrets.request.record_key().unwrap(), &request.0, &request.1));
    assert!(same(cx.provider, &secrets.response.record_key().unwrap(), &response.0, &response.1));
    if let Some(export) = export {
        assert_eq!(secrets.export.as_secret().expose_secret(), Some(&export[..]));
    }
    Established { id, request: secrets.request, response: secrets.response }
}

/// The log does not say which direction an update is for.
fn is_update(cx: Cx<'_>, session: &mut Established, key: &[u8], iv: &[u8; 12]) -> bool {
    [&mut session.request, &mut session.response].into_iter().any(|secret| {
        let updated = secret.updated().unwrap();
        let fits = same(cx.provider, &updated.record_key().unwrap(), key, iv);
        if fits {
            *secret = updated;
        }
        fits
    })
}

#[test]
fn every_capture_with_secrets_gives_its_handshake_and_data_keys() {
    let Some(captures) = captures() else { return };
    let manifest = fs::read(captures.join("manifest.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_slice(&manifest).unwrap();
    for provider in PROVIDERS {
        every_capture(provider, &captures, &manifest);
    }
}

fn every_capture(provider: &Provider, captures: &Path, manifest: &[Value]) {
    let mut seen = Seen::default();
    let mut logged = 0;
    let mut without = Vec::new();
    for capture in manifest {
        let name = capture["name"].as_str().unwrap();
        let path = captures.join(format!("{name}.secrets.json"));
        if !path.is_file() {
            continue;
        }
        let mut log = Log::read(&path);
        let sessions =
            log.entries.iter().filter(|(_, value)| value.contains("generate_session_data_key"));
        if sessions.count() == 0 {
            continue;
        }
        logged += 1;
        let Some(hash) = hash_of(&capture["hash"], &log) else {
            println!("{name}: SM3 is not implemented");
            without.push(name);
            continue;
        };
        let version = version_of(capture["version"].as_str().unwrap());
        follow(&mut log, Cx { provider, version, hash }, &mut seen);
    }
    println!("{seen:?} in {logged} captures");
    assert!(logged > 100, "{logged}");
    assert!(without.iter().all(|name| name.contains("SM3")), "{without:?}");
    assert!(seen.key_exchanges > 100 && seen.psks > 50 && seen.updates > 100, "{seen:?}");
    assert_eq!(seen.finished_keys, 2 * (seen.key_exchanges + seen.psks));
}

const TH: [u8; 32] = [0x11; 32];
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
const AEAD: AeadAlgorithm = AeadAlgorithm::Aes256Gcm;

fn schedule(version: SpdmVersion) -> KeySchedule {
    KeySchedule::new(&PROVIDER, version, HASH, AEAD).unwrap()
}

fn shared(bytes: &[u8]) -> SharedSecret {
    let mut shared = SharedSecret::new();
    shared.place(bytes.len()).unwrap().copy_from_slice(bytes);
    shared
}

fn handshake(version: SpdmVersion) -> HandshakeSecrets {
    schedule(version).from_key_exchange(&shared(&[0x22; 32]), &digest(&TH)).unwrap()
}

#[test]
fn nothing_of_a_stage_is_shown() {
    let handshake = handshake(SpdmVersion::V1_3);
    assert_eq!(format!("{handshake:?}"), "HandshakeSecrets { .. }");
    let key = handshake.record_key(Direction::Request).unwrap();
    assert_eq!(format!("{key:?}"), "RecordKey { algorithm: Aes256Gcm, .. }");
    let data = handshake.into_data(&digest(&TH)).unwrap();
    let shown = "DataSecrets { request: DataSecret { .. }, response: DataSecret { .. }, \
                 export: ExportSecret { .. } }";
    assert_eq!(format!("{data:?}"), shown);
    assert_eq!(format!("{:?}", PskBytes(b"secret")), "PskBytes { .. }");
}

#[test]
fn a_changed_bit_or_length_of_verify_data_is_refused() {
    let handshake = handshake(SpdmVersion::V1_2);
    let th = digest(&TH);
    let good = handshake.verify_data(Direction::Response, &th).unwrap();
    let check = |received: &[u8]| handshake.check_verify_data(Direction::Response, &th, received);
    assert_eq!(check(good.as_bytes()), Ok(()));
    for bit in 0..8 * good.as_bytes().len() {
        let mut bad = good.as_bytes().to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(check(&bad), Err(Invalid), "bit {bit}");
    }
    for len in 0..good.as_bytes().len() {
        assert_eq!(check(&good.as_bytes()[..len]), Err(Invalid), "{len} bytes");
    }
    assert_eq!(check(&[good.as_bytes(), &[0]].concat()), Err(Invalid));
    // The key of one direction is not that of the other.
    let reflected = handshake.check_verify_data(Direction::Request, &th, good.as_bytes());
    assert_eq!(reflected, Err(Invalid));
    // A transcript of another hash.
    let long = digest(&[0x11; 48]);
    let wrong = KeyScheduleError::TranscriptLength;
    assert_eq!(handshake.verify_data(Direction::Response, &long), Err(wrong));
    let checked = handshake.check_verify_data(Direction::Response, &long, good.as_bytes());
    assert_eq!(checked, Err(Invalid));
    assert_eq!(handshake.into_data(&long).err(), Some(wrong));
}

#[test]
fn every_version_direction_stage_and_leading_zero_gives_another_key() {
    let mut seen: Vec<([u8; TAG_LEN], [u8; 5])> = Vec::new();
    let mut add = |key: RecordKey| {
        let mut probe = PROBE;
        let tag = key.seal(0, SequenceOrder::LittleEndian, b"", &mut probe).unwrap();
        assert!(!seen.contains(&(tag, probe)));
        seen.push((tag, probe));
    };
    for version in SpdmVersion::ALL {
        let th = digest(&TH);
        // Three secrets that are the same number, and one of a PSK with the same bytes (from 1.3 on: before,
        // the two are derived alike).
        for secret in [&[0x22; 32][..], &[&[0][..], &[0x22; 32]].concat(), &[0x22; 31]] {
            let handshake = schedule(version).from_key_exchange(&shared(secret), &th).unwrap();
            add(handshake.record_key(Direction::Request).unwrap());
            add(handshake.record_key(Direction::Response).unwrap());
            let data = handshake.into_data(&th).unwrap();
            for secret in [&data.request, &data.response] {
                add(secret.record_key().unwrap());
                add(secret.updated().unwrap().record_key().unwrap());
                add(secret.updated().unwrap().updated().unwrap().record_key().unwrap());
            }
        }
        if version >= SpdmVersion::V1_3 {
            let psk = schedule(version).from_psk(&PskBytes(&[0x22; 32]), &th).unwrap();
            add(psk.record_key(Direction::Request).unwrap());
        }
    }
    assert_eq!(seen.len(), 5 * 3 * 8 + 2);
}

#[test]
fn without_a_shared_secret_or_a_backend_there_are_no_keys() {
    let th = digest(&TH);
    let none = schedule(SpdmVersion::V1_2).from_key_exchange(&SharedSecret::new(), &th);
    assert_eq!(none.err(), Some(KeyScheduleError::NoSharedSecret));
    let long = schedule(SpdmVersion::V1_2).from_psk(&PskBytes(b"psk"), &digest(&[1; 48]));
    assert_eq!(long.err(), Some(KeyScheduleError::TranscriptLength));

    let new = |provider: &Provider| KeySchedule::new(provider, SpdmVersion::V1_2, HASH, AEAD).err();
    let no_kdf = KdfError::Unsupported(Unsupported::new(HASH));
    assert_eq!(new(&Provider { kdfs: &[], ..PROVIDER }), Some(KeyScheduleError::Kdf(no_kdf)));
    let no_aead = KeyScheduleError::UnsupportedAead(AEAD);
    assert_eq!(new(&Provider { aeads: &[], ..PROVIDER }), Some(no_aead));
    assert_eq!(
        RecordKey::import(&PROVIDER, AEAD, &[0; 31], &[0; 12]).err(),
        Some(AeadError::InvalidKey)
    );
}

#[test]
fn the_two_orders_of_the_sequence_number_agree_on_zero_only() {
    let key = RecordKey::import(&PROVIDER, AEAD, &[7; 32], &[9; 12]).unwrap();
    for sequence in [0, 1, 0x0100, u64::MAX] {
        let mut data = PROBE;
        let little = SequenceOrder::LittleEndian;
        let tag = key.seal(sequence, little, b"header", &mut data).unwrap();
        let sealed = data;
        let opened = key.open(sequence, SequenceOrder::BigEndian, b"header", &mut data, &tag);
        assert_eq!(opened.is_ok(), sequence == 0, "{sequence}");
        if opened.is_err() {
            // Nothing changed: the next try starts from the same bytes.
            assert_eq!(data, sealed);
            assert_eq!(key.open(sequence, little, b"header", &mut data, &tag), Ok(()));
        }
        assert_eq!(data, PROBE);
    }
}
