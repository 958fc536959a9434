//! The key schedule against what the reference implementation logged beside the captures of the corpus.
#![expect(clippy::unwrap_used, reason = "the inputs are part of the test")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use spdm_codec::SpdmVersion;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AeadAlgorithm, DataSecret, Digest, Direction, HandshakeSecrets, HashAlgorithm, KeySchedule,
    Provider, PskBytes, RecordKey, SequenceOrder, SharedSecret,
};

const PROVIDERS: &[Provider] = &[
    PROVIDER,
    #[cfg(feature = "aws-lc-rs")]
    spdm_crypto::aws_lc_rs::PROVIDER,
];

/// Keys are compared by what they seal.
const PROBE: [u8; 5] = *b"probe";

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

    let secrets = secrets.data(&th2).unwrap();
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

fn every_capture_with_secrets_gives_its_handshake_and_data_keys() {
    let captures = test_corpus::folder().join("captures");
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

fn main() {
    test_corpus::run([test_corpus::test(
        every_capture_with_secrets_gives_its_handshake_and_data_keys,
    )]);
}
