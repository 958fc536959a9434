//! What is told of sessions: their secrets to a log that was asked for, and to a sink which exchanges were inside.

use spdm_codec::{Code, RecordBinding, RecordPrivacy, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{
    AeadAlgorithm, Bank, Direction, NONCE_LEN, PskBytes, RecordForm, RecordKey, RecordStream,
};
use spdm_requester::{
    Accepted, Connection, Error, Exchange, KeyLog, LoggedSessions, Offer, Requester, SessionHandle,
    SessionPlan, SessionSecret, Sink, Storage, UpdatedKeys, blocking,
};
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};
use spdm_x509::Identity;

use crate::emulated_sessions::{Emulated, Setup};
use crate::session_peer::{HINT, Never, PSK};
use crate::sessions::key;
use crate::sim::SimClock;

type Copied = (Vec<u8>, [u8; NONCE_LEN]);

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Kept {
    shared: Vec<Vec<u8>>,
    /// By session, sender and order.
    keys: Vec<(u32, Direction, Copied)>,
}

impl Kept {
    fn key(&mut self, id: u32, sender: Direction, key: &RecordKey) {
        assert_eq!(key.algorithm(), AeadAlgorithm::Aes256Gcm);
        let (bytes, iv) = key.expose_secret().unwrap();
        self.keys.push((id, sender, (bytes.to_vec(), *iv)));
    }
}

impl KeyLog for Kept {
    fn secret(&mut self, id: u32, secret: SessionSecret<'_>) {
        match secret {
            SessionSecret::KeyExchange { shared, .. } => {
                self.shared.push(shared.expose_secret().to_vec());
            }
            SessionSecret::Handshake { request, response }
            | SessionSecret::Data { request, response } => {
                self.key(id, Direction::Request, request);
                self.key(id, Direction::Response, response);
            }
            SessionSecret::Updated { sender, key } => self.key(id, sender, key),
            _ => unreachable!(),
        }
    }
}

/// Keeps the records that pass.
struct Wire {
    device: Emulated,
    records: Vec<(Direction, Vec<u8>)>,
}

impl Transport for Wire {
    type Error = Never;

    fn limits(&self) -> Limits {
        self.device.limits()
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], timeout: Duration) -> Result<(), Never> {
        if kind == MessageKind::Secured {
            self.records.push((Direction::Request, message.to_vec()));
        }
        self.device.send(kind, message, timeout)
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Option<Received>, Never> {
        let received = self.device.receive(buffer, timeout)?;
        if let Some(Received { kind: MessageKind::Secured, len, .. }) = received {
            self.records.push((Direction::Response, buffer[..len].to_vec()));
        }
        Ok(received)
    }

    fn abandon(&mut self) {
        self.device.abandon();
    }
}

/// The requests, and which session they were in.
#[derive(Default)]
struct Seen(Vec<(Code, Option<SessionHandle>)>);

impl Sink for Seen {
    fn accepted(&mut self, exchange: Exchange<'_>, _: &Accepted<'_, '_>, _: &Connection) {
        self.0.push((Code(exchange.request[1]), exchange.session));
    }

    fn rejected(&mut self, _: Exchange<'_>, _: &Error) {
        unreachable!();
    }
}

#[test]
fn a_log_has_every_key_in_order_and_a_sink_knows_what_was_inside() {
    let setup = Setup::new(SpdmVersion::V1_2);
    let clock = SimClock::default();
    let device = setup.device();
    let spki = device.public_key_spki(Setup::ASYM).unwrap();
    let device = Emulated::new(device, RecordBinding::PciDoe, clock.clone());
    let mut wire = Wire { device, records: Vec::new() };
    let (mut message, mut connection) = (vec![0; 0x2000], Connection::new(0));
    let mut hashes = Bank::<Running, 5>::new();
    let mut sessions = LoggedSessions::<Kept, 2>::new(Kept::default());
    let mut seen = Seen::default();
    let storage =
        Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
    let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_psk();
    let requester =
        Requester::new(PROVIDER, storage, wire.limits()).with_offer(offer).with_sink(&mut seen);
    let (requester, ()) = blocking::run(requester.negotiate(), &mut wire, &clock).unwrap();
    let identity: Identity<'_> = key(&spki);
    let flow = requester.open_session(SessionPlan::DEFAULT, identity);
    let (requester, (opened, _)) = blocking::run(flow, &mut wire, &clock).unwrap();
    let first = opened.session;
    let psk = PskBytes(PSK);
    let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
    let (mut requester, (second, _)) = blocking::run(flow, &mut wire, &clock).unwrap();
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        let flow = requester.update_keys(first, keys);
        (requester, ()) = blocking::run(flow, &mut wire, &clock).unwrap();
    }
    (requester, ()) =
        blocking::run(requester.heartbeat(second.session), &mut wire, &clock).unwrap();
    let flow = requester.close_session(first);
    blocking::run(flow, &mut wire, &clock).unwrap();

    let inside = |code| seen.0.iter().filter(move |(of, _)| *of == code).map(|(_, at)| *at);
    assert_eq!(inside(Code::KEY_EXCHANGE).collect::<Vec<_>>(), [None]);
    assert_eq!(inside(Code::FINISH).collect::<Vec<_>>(), [Some(first)]);
    assert_eq!(inside(Code::PSK_FINISH).collect::<Vec<_>>(), [Some(second.session)]);
    assert_eq!(inside(Code::KEY_UPDATE).collect::<Vec<_>>(), [Some(first); 4]);
    assert_eq!(inside(Code::END_SESSION).collect::<Vec<_>>(), [Some(first)]);

    // Every record opens with the keys that were logged, each from the number 0 on.
    let kept = sessions.log();
    assert_eq!(kept.shared.iter().map(Vec::len).collect::<Vec<_>>(), [32]);
    let keys_of = |id| kept.keys.iter().filter(move |(of, ..)| *of == id).count();
    // Handshake and data in both directions; UpdateKey replaces one key and UpdateAllKeys two.
    assert_eq!((keys_of(opened.session_id), keys_of(second.session_id)), (4 + 3, 4));
    let mut streams: Vec<(u32, Direction, RecordStream, usize)> = kept
        .keys
        .iter()
        .map(|(id, sender, (bytes, iv))| {
            let key = RecordKey::import(&PROVIDER, AeadAlgorithm::Aes256Gcm, bytes, iv).unwrap();
            (*id, *sender, RecordStream::new(key), 0)
        })
        .collect();
    for (sender, record) in &wire.records {
        let session_id = u32::from_le_bytes(*record.first_chunk().unwrap());
        let (binding, privacy) = (RecordBinding::PciDoe, RecordPrivacy::Encrypted);
        let form = RecordForm { binding, privacy, session_id };
        let mut of_record =
            streams.iter_mut().filter(|(id, by, ..)| (id, by) == (&session_id, sender));
        let opened = of_record.find_map(|(.., stream, count)| {
            stream.open(&form, &mut record.clone(), 3).ok()?;
            *count += 1;
            Some(())
        });
        assert!(opened.is_some(), "{sender:?} {session_id:#x}");
    }
    assert!(streams.iter().all(|(.., count)| *count > 0), "a key that nothing was sealed with");
}

#[test]
fn neither_a_log_of_sessions_nor_a_secret_shows_itself() {
    let sessions = LoggedSessions::<Kept, 1>::new(Kept::default());
    assert!(!format!("{sessions:?}").contains("root"));
    let key = RecordKey::import(&PROVIDER, AeadAlgorithm::Aes256Gcm, &[0xAB; 32], &[0xCD; 12]);
    let key = key.unwrap();
    let secret = SessionSecret::Handshake { request: &key, response: &key };
    let shown = format!("{secret:?}");
    assert!(!shown.contains("171") && !shown.contains("205") && !shown.contains("ab"), "{shown}");
}
