//! No key outlives its session: a backend counts what it has derived and what it was told to forget.

use core::cell::Cell;

use spdm_codec::{CapabilityFlags, Code, ErrorCode, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    Aead, AeadAlgorithm, AeadError, Digest, HashAlgorithm, Invalid, Kdf, KdfError,
    KeyScheduleError, NONCE_LEN, Provider, PskBytes, Secret, TAG_LEN,
};
use spdm_requester::{
    Error, Recovered, RunError, SessionFault, SessionPlan, Step, UpdatedKeys, blocking,
};
use spdm_transport::{Clock as _, Duration, Transport as _};

use crate::session_peer::{HINT, Lent, PSK, Peer, Place};
use crate::sessions::{heartbeat, key, open};

std::thread_local! {
    /// Secrets that were derived on this thread and not forgotten.
    static ALIVE: Cell<i64> = const { Cell::new(0) };
}

std::thread_local! {
    /// How many derivations succeed before the others fail; `None` for all.
    static WORKING: Cell<Option<u32>> = const { Cell::new(None) };
}

/// A derivation, which may be one that fails.
fn derive() -> Result<(), KdfError> {
    match WORKING.with(Cell::get) {
        Some(0) => return Err(KdfError::InvalidSecret),
        Some(left) => WORKING.with(|working| working.set(Some(left - 1))),
        None => {}
    }
    Ok(())
}

fn count(change: i64) {
    ALIVE.with(|alive| alive.set(alive.get() + change));
}

fn alive() -> i64 {
    ALIVE.with(Cell::get)
}

#[derive(Debug)]
struct Counting;

fn kdf(hash: HashAlgorithm) -> &'static dyn Kdf {
    PROVIDER.kdf(hash).unwrap()
}

impl Kdf for Counting {
    fn supports(&self, hash: HashAlgorithm) -> bool {
        PROVIDER.kdf(hash).is_some()
    }

    fn hmac(&self, hash: HashAlgorithm, key: &Secret, parts: &[&[u8]]) -> Result<Digest, KdfError> {
        kdf(hash).hmac(hash, key, parts)
    }

    fn extract(
        &self,
        hash: HashAlgorithm,
        salt: &Secret,
        input: &[u8],
    ) -> Result<Secret, KdfError> {
        derive()?;
        count(1);
        kdf(hash).extract(hash, salt, input)
    }

    fn expand_into(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        out: &mut [u8],
    ) -> Result<(), KdfError> {
        derive()?;
        kdf(hash).expand_into(hash, key, info, out)
    }

    fn expand(
        &self,
        hash: HashAlgorithm,
        key: &Secret,
        info: &[&[u8]],
        len: usize,
    ) -> Result<Secret, KdfError> {
        derive()?;
        count(1);
        kdf(hash).expand(hash, key, info, len)
    }

    fn forget(&self, _: &Secret) {
        count(-1);
    }
}

impl Aead for Counting {
    fn supports(&self, algorithm: AeadAlgorithm) -> bool {
        PROVIDER.aead(algorithm).is_some()
    }

    fn seal(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], AeadError> {
        PROVIDER.aead(algorithm).unwrap().seal(algorithm, key, nonce, associated, in_out)
    }

    fn open(
        &self,
        algorithm: AeadAlgorithm,
        key: &Secret,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), Invalid> {
        PROVIDER.aead(algorithm).unwrap().open(algorithm, key, nonce, associated, in_out, tag)
    }

    fn forget(&self, _: &Secret) {
        count(-1);
    }
}

const COUNTED: Provider = Provider { kdfs: &[&Counting], aeads: &[&Counting], ..PROVIDER };
const NOTHING: CapabilityFlags = CapabilityFlags::empty();
const IN_THE_CLEAR: CapabilityFlags = CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;

#[test]
fn s93_a_session_that_ends_leaves_no_key() {
    let mut peer = Peer::new(SpdmVersion::V1_2);
    let clock = peer.clock.clone();
    let mut lent = Lent::with(COUNTED);
    let requester = lent.negotiated(&mut peer, NOTHING);
    assert_eq!(alive(), 0);
    let (requester, opened) = open(requester, &mut peer);
    // A secret and a key for each direction, and the export secret.
    assert_eq!(alive(), 5);
    let session = opened.session;
    drop(opened);
    assert_eq!(alive(), 4);
    let mut requester = requester;
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        let flow = requester.update_keys(session, keys);
        (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
        assert_eq!(alive(), 4);
    }
    let flow = requester.close_session(session);
    let (requester, ()) = blocking::run(flow, &mut peer, &clock).unwrap();
    assert_eq!(alive(), 0);
    // A negotiation ends every session.
    let (requester, opened) = open(requester, &mut peer);
    drop(opened);
    let (requester, other) = open(requester, &mut peer);
    drop(other);
    assert_eq!(alive(), 8);
    let _restarted = requester.restart();
    assert_eq!(alive(), 0);
}

#[test]
fn s93_memory_that_is_dropped_holds_no_key() {
    let mut peer = Peer::new(SpdmVersion::V1_2);
    let mut lent = Lent::with(COUNTED);
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (_, opened) = open(requester, &mut peer);
    drop(opened);
    assert_eq!(alive(), 4);
    drop(lent);
    assert_eq!(alive(), 0);
}

/// A device that does this at some step of a handshake leaves no key.
fn leaves_no_key(mut peer: Peer, more: CapabilityFlags) {
    peer.flags |= more;
    let mut lent = Lent::with(COUNTED);
    let requester = lent.negotiated(&mut peer, more);
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
    assert!(matches!(failure.error, RunError::Requester(_)));
    assert_eq!(alive(), 0, "{:?}", failure.error);
}

/// The device has changed its keys, or waits for ours: a requester that cannot follow ends the session. The keys of another
/// are as before.
#[test]
fn s85_a_derivation_that_fails_ends_the_session_and_leaves_no_key() {
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        let mut failures = 0;
        for working in 0.. {
            let mut peer = Peer::new(SpdmVersion::V1_2);
            let clock = peer.clock.clone();
            let mut lent = Lent::with(COUNTED);
            let requester = lent.negotiated(&mut peer, NOTHING);
            let (requester, first) = open(requester, &mut peer);
            let (requester, second) = open(requester, &mut peer);
            let (other, session) = (first.session, second.session);
            drop((first, second));
            WORKING.with(|left| left.set(Some(working)));
            let flow = requester.update_keys(session, keys);
            let ended = blocking::run(flow, &mut peer, &clock);
            WORKING.with(|left| left.set(None));
            let Err(failure) = ended else { break };
            failures += 1;
            let fault = SessionFault::Keys(KeyScheduleError::Kdf(KdfError::InvalidSecret));
            assert_eq!(failure.error, RunError::Requester(fault.into()));
            let Recovered::SessionLost(requester) = failure.requester else { panic!() };
            assert_eq!(alive(), 4, "those of the other session");
            heartbeat(requester, &mut peer, other).unwrap();
        }
        // A secret, a key and its salt, for each direction that changes.
        assert_eq!(failures, if keys == UpdatedKeys::Both { 6 } else { 3 });
    }
}

#[test]
fn s85_a_derivation_that_fails_in_a_handshake_leaves_no_key() {
    let mut failures = 0;
    for working in 0.. {
        let mut peer = Peer::new(SpdmVersion::V1_2);
        let (spki, clock) = (peer.spki(), peer.clock.clone());
        let mut lent = Lent::with(COUNTED);
        let requester = lent.negotiated(&mut peer, NOTHING);
        WORKING.with(|left| left.set(Some(working)));
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let ended = blocking::run(flow, &mut peer, &clock);
        WORKING.with(|left| left.set(None));
        let Err(failure) = ended else { break };
        failures += 1;
        let RunError::Requester(error) = failure.error else { panic!() };
        assert!(matches!(
            error,
            Error::Session(SessionFault::Keys(_) | SessionFault::VerifyData { .. })
        ));
        assert_eq!(alive(), 0, "{working}");
        assert_eq!(peer.requests.len(), if peer.codes().contains(&Code::FINISH) { 2 } else { 1 });
    }
    assert!(failures > 10, "{failures}");
}

/// The memory is the caller's, and outlives the requester: it is erased where its owner says so, and where it is lent again.
#[test]
fn s93_memory_that_is_erased_or_lent_again_holds_no_key() {
    let new = || Peer::new(SpdmVersion::V1_4);
    let (mut peer, mut lent) = (new(), Lent::with(COUNTED));
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, _) = open(requester, &mut peer);
    let (requester, _) = open(requester, &mut peer);
    assert_eq!(alive(), 8);
    let _ = requester;
    lent.erase();
    assert_eq!(alive(), 0);
    assert_eq!(lent.session_ids(), [0, 0]);

    // A flow that is given up in the middle of a session, and of a handshake.
    let (mut peer, mut lent) = (new(), Lent::with(COUNTED));
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (requester, opened) = open(requester, &mut peer);
    let _ = requester.heartbeat(opened.session);
    drop(opened);
    // The next requester that is lent the memory begins without sessions.
    let _ = lent.negotiated(&mut peer, NOTHING);
    assert_eq!(alive(), 0);
    let (mut peer, mut lent) = (new(), Lent::with(COUNTED));
    let requester = lent.negotiated(&mut peer, NOTHING);
    let (spki, clock) = (peer.spki(), peer.clock.clone());
    let mut flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
    for _ in 0..2 {
        match flow.poll(clock.now()).unwrap() {
            Step::Transmit(token) => {
                peer.send(token.kind(), token.bytes(), token.timeout()).unwrap();
                token.sent(clock.now());
            }
            Step::Receive(mut token) => {
                let received = peer.receive(token.buffer(), Duration::from_secs(1)).unwrap();
                token.received(clock.now(), received.unwrap()).unwrap();
            }
            step => panic!("{step:?}"),
        }
    }
    assert!(alive() > 0);
    lent.erase();
    assert_eq!(alive(), 0);
    assert_eq!(lent.session_ids(), [0, 0]);
}

#[test]
fn s93_a_handshake_that_fails_leaves_no_key() {
    let new = || Peer::new(SpdmVersion::V1_2);
    for more in [NOTHING, IN_THE_CLEAR] {
        for request in [Code::KEY_EXCHANGE, Code::FINISH] {
            for place in [Place::Answer, Place::Wire] {
                leaves_no_key(new().change(request, place, |bytes| bytes.extend([0x55; 4])), more);
                leaves_no_key(new().change(request, place, Vec::clear), more);
                let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
                if request == Code::KEY_EXCHANGE || !more.is_empty() || place == Place::Wire {
                    leaves_no_key(new().change(request, place, flip), more);
                }
            }
            let mut peer = new();
            peer.silent = Some(request);
            leaves_no_key(peer, more);
            for code in
                [ErrorCode::DECRYPT_ERROR, ErrorCode::UNSPECIFIED, ErrorCode::REQUEST_RESYNCH]
            {
                let mut peer = new();
                peer.errors = vec![(request, code)];
                leaves_no_key(peer, more);
            }
        }
    }
}

#[test]
fn s93_a_psk_handshake_that_fails_leaves_no_key() {
    for request in [Code::PSK_EXCHANGE, Code::PSK_FINISH] {
        let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
        let mut peer = Peer::new(SpdmVersion::V1_3).change(request, Place::Wire, flip);
        let mut lent = Lent::with(COUNTED);
        let requester = lent.negotiated(&mut peer, NOTHING);
        let clock = peer.clock.clone();
        let psk = PskBytes(PSK);
        let flow = requester.open_psk_session(SessionPlan::DEFAULT, HINT, &psk);
        let failure = blocking::run(flow, &mut peer, &clock).unwrap_err();
        assert_eq!(alive(), 0, "{:?}", failure.error);
    }
}

#[test]
fn s93_a_session_that_a_record_ends_leaves_no_key() {
    let flip = |record: &mut Vec<u8>| *record.last_mut().unwrap() ^= 1;
    for request in [Code::HEARTBEAT, Code::KEY_UPDATE, Code::END_SESSION] {
        let mut peer = Peer::new(SpdmVersion::V1_4).change(request, Place::Wire, flip);
        let clock = peer.clock.clone();
        let mut lent = Lent::with(COUNTED);
        let requester = lent.negotiated(&mut peer, NOTHING);
        let (requester, opened) = open(requester, &mut peer);
        let session = opened.session;
        drop(opened);
        let requester = match request {
            Code::HEARTBEAT => {
                blocking::run(requester.heartbeat(session), &mut peer, &clock)
                    .unwrap_err()
                    .requester
            }
            Code::KEY_UPDATE => {
                let flow = requester.update_keys(session, UpdatedKeys::Both);
                blocking::run(flow, &mut peer, &clock).unwrap_err().requester
            }
            _ => {
                let flow = requester.close_session(session);
                blocking::run(flow, &mut peer, &clock).unwrap_err().requester
            }
        };
        assert!(matches!(requester, Recovered::SessionLost(_)));
        assert_eq!(alive(), 0);
    }
}
