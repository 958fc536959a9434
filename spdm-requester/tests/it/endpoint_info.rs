//! P22 to P24: which endpoint info a requester believes.

use core::cell::RefCell;
use std::rc::Rc;

use crate::emulated_sessions::{Emulated, Setup};
use crate::sessions::key;
use crate::sim::cause::{Cause, differs, refused, signature, trailing, truncated, wrong};
use crate::sim::{Memory, Sim, SimClock, V1_2, V1_3, config, error_of, negotiated, since};
use spdm_codec::{
    CapabilityFlags, Code, ErrorCode, Expected, MeasurementAttributes, SlotId, SpdmVersion,
};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{
    Accepted, Buffer, Connection, Crypto, EndpointInfoAuthenticity, Error, Incompatible, Misuse,
    Negotiated, Offer, Recovered, Requester, Selection, SessionPlan, Sessions, Storage, blocking,
};
use spdm_transport::Transport;
use spdm_untrusted::Untrusted;
use spdm_x509::Identity;

type F = CapabilityFlags;

const CODE: Code = Code::GET_ENDPOINT_INFO;
const MESSAGE: &str = "ENDPOINT_INFO";
/// Bytes of the emulated device's EPInfo.
const LEN: usize = 16;
/// EPInfo in a signed answer, and its end.
const AT: usize = 44;
const END: usize = AT + LEN;

fn device(version: SpdmVersion) -> DeviceConfig {
    DeviceConfig { more_capabilities: F::EP_INFO_CAP_SIG, ..config(version) }
}

/// Who is to sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signer {
    Nobody,
    /// The key of slot 0.
    Leaf,
}

/// The sub identifiers that came, or why none did, and whether the connection lives on.
type Fetched = Result<Vec<Vec<u8>>, (Cause, bool)>;

fn fetch_into(sim: &mut Sim, signer: Signer, room: usize) -> Fetched {
    let mut memory = Memory::new();
    let (mut chain, mut buffer) = (vec![0; 0x4000], vec![0; room]);
    let clock = sim.clock.clone();
    let requester = negotiated(&mut memory, sim).unwrap();
    let outcome = match signer {
        Signer::Nobody => {
            blocking::run(requester.fetch_endpoint_info_unsigned(&mut buffer), sim, &clock)
        }
        Signer::Leaf => {
            let flow = requester.fetch_chain(SlotId::ZERO, &mut chain);
            let (requester, chain) =
                blocking::run(flow, sim, &clock).map_err(|failure| failure.error).unwrap();
            let nonce = requester.nonce().unwrap();
            let identity = Identity::Chain(chain);
            let flow = requester.fetch_endpoint_info_signed(identity, nonce, &mut buffer);
            blocking::run(flow, sim, &clock)
        }
    };
    match outcome {
        Ok((_, classes)) => {
            assert_eq!(classes.proof.is_some(), signer == Signer::Leaf);
            Ok(classes.identifiers.iter().flat_map(|id| id.sub_ids()).map(<[u8]>::to_vec).collect())
        }
        Err(failure) => {
            let kept = matches!(failure.requester, Recovered::Kept(_));
            Err((error_of(failure.error).into(), kept))
        }
    }
}

fn fetch(sim: &mut Sim, signer: Signer) -> Fetched {
    fetch_into(sim, signer, 0x100)
}

fn class() -> Fetched {
    Ok(vec![vec![1, 8, 2], vec![1]])
}

fn lost(cause: Cause) -> Fetched {
    Err((cause, false))
}

fn attacked(change: impl FnMut(&mut Vec<u8>) + 'static) -> Sim {
    let mut sim = Sim::new(device(V1_3));
    sim.tamper(CODE, change);
    sim
}

#[test]
fn with_and_without_a_signature() {
    for version in since(V1_3) {
        for signer in [Signer::Nobody, Signer::Leaf] {
            let mut sim = Sim::new(device(version));
            assert_eq!(fetch(&mut sim, signer), class(), "{version} {signer:?}");
            assert_eq!(fetch_into(&mut sim, signer, LEN), class());
            let error = Error::BufferTooSmall { buffer: Buffer::Response, needed: LEN, len: 15 };
            assert_eq!(fetch_into(&mut sim, signer, LEN - 1), lost(Cause::Other(error)));
        }
    }
}

#[test]
fn p22_another_slot() {
    for signer in [Signer::Nobody, Signer::Leaf] {
        let mut sim = attacked(|response| response[3] = 1);
        assert_eq!(
            fetch(&mut sim, signer),
            lost(wrong(MESSAGE, "SlotID", Expected::Exactly(0), 1))
        );
        let mut sim = attacked(|response| response[3] = 0x0F);
        let cause = wrong(MESSAGE, "SlotID", Expected::Exactly(0), 0x0F);
        assert_eq!(fetch(&mut sim, signer), lost(cause));
    }
}

#[test]
fn p22_lengths() {
    // EPInfoLen, with and without a signature behind EPInfo.
    for (signer, at) in [(Signer::Nobody, 8), (Signer::Leaf, 40)] {
        let mut sim = attacked(move |response| response[at + 3] = 0x80);
        let left = if signer == Signer::Leaf { LEN + 64 } else { LEN };
        let cause = truncated(MESSAGE, "EPInfo", at + 4, 0x8000_0010, left);
        assert_eq!(fetch(&mut sim, signer), lost(cause));
    }
    let mut sim = attacked(|response| response[8] += 1);
    let cause = truncated(MESSAGE, "EPInfo", 12, LEN + 1, LEN);
    assert_eq!(fetch(&mut sim, Signer::Nobody), lost(cause));
    let mut sim = attacked(|response| response[40] += 1);
    let cause = truncated(MESSAGE, "Signature", END + 1, 64, 63);
    assert_eq!(fetch(&mut sim, Signer::Leaf), lost(cause));
    let mut sim = attacked(|response| response.push(0));
    assert_eq!(fetch(&mut sim, Signer::Leaf), lost(trailing(MESSAGE, END + 64, 1, 0)));
    // What EPInfo says of itself, before any signature is looked at.
    let mut sim = attacked(|response| response[12] = 2);
    let cause = truncated("EPInfo", "IDElemLength", LEN, 1, 0);
    assert_eq!(fetch(&mut sim, Signer::Nobody), lost(cause));
    let mut sim = attacked(|response| response[AT + 4] = 12);
    let cause = truncated("EPInfo", "DeviceClassIdentifier", 5, 12, 11);
    assert_eq!(fetch(&mut sim, Signer::Leaf), lost(cause));
    let mut sim = attacked(|response| response[AT + 4] = 10);
    let cause = truncated("EPInfo", "SubIdentifier", 15, 1, 0);
    assert_eq!(fetch(&mut sim, Signer::Leaf), lost(cause));
}

#[test]
fn p22_an_unsigned_answer_to_a_signed_request() {
    let mut sim = attacked(|response| {
        response.drain(8..40);
        response.truncate(12 + LEN);
    });
    // The answer is read as what was asked for: a nonce, and EPInfoLen behind it.
    let cause = truncated(MESSAGE, "Nonce", 8, 32, LEN + 4);
    assert_eq!(fetch(&mut sim, Signer::Leaf), lost(cause));
    let mut sim = attacked(|response| response.truncate(END));
    assert_eq!(fetch(&mut sim, Signer::Leaf), lost(truncated(MESSAGE, "Signature", END, 64, 0)));
}

#[test]
fn p22_a_reflected_nonce() {
    let mut sim = Sim::new(device(V1_3));
    let seen = Rc::new(RefCell::new(Vec::new()));
    let nonce = seen.clone();
    sim.tamper_request(CODE, move |request| nonce.replace(request[8..40].to_vec()).clear());
    sim.tamper(CODE, move |response| response[8..40].copy_from_slice(&seen.borrow()));
    let cause = differs(MESSAGE, "Nonce", "a nonce of the Responder's own");
    assert_eq!(fetch(&mut sim, Signer::Leaf), lost(cause));
}

#[test]
fn p22_signatures_over_something_else() {
    for version in since(V1_3) {
        for fault in [
            Fault::BadSignature,
            Fault::ZeroSignature,
            Fault::OnesSignature,
            Fault::OtherKeySignature,
            Fault::StaleNonceSignature,
            // E without A, and the context of another message.
            Fault::MissingVcaSignature,
            Fault::WrongContextSignature,
        ] {
            let (faults, fault_target) = (vec![fault], Some(CODE));
            let mut sim = Sim::new(DeviceConfig { faults, fault_target, ..device(version) });
            assert_eq!(fetch(&mut sim, Signer::Leaf), lost(signature(MESSAGE)), "{fault}");
        }
    }
}

#[test]
fn p22_no_flipped_bit_is_accepted() {
    let flipped = |byte: usize| {
        let mut sim = attacked(move |response| response[byte] ^= 1 << (byte % 8));
        fetch(&mut sim, Signer::Leaf).unwrap_err().0
    };
    for byte in 0..END + 64 {
        let cause = flipped(byte);
        let typed = matches!(cause, Cause::Decode { .. } | Cause::Misbehaved { .. });
        assert!(typed || cause == signature(MESSAGE), "{byte}: {cause:?}");
        if byte >= END {
            assert_eq!(cause, signature(MESSAGE));
        }
    }
}

#[test]
fn p23_what_the_device_cannot_do_is_not_asked_for() {
    let lacks =
        |name| Err((Cause::Other(Error::Incompatible(Incompatible::Capability(name))), true));
    let cases = [
        (device(V1_2), Signer::Nobody, lacks("EP_INFO_CAP")),
        (config(V1_3), Signer::Nobody, lacks("EP_INFO_CAP")),
        (config(V1_3), Signer::Leaf, lacks("EP_INFO_CAP with signatures")),
        (
            DeviceConfig { more_capabilities: F::EP_INFO_CAP_NO_SIG, ..config(V1_3) },
            Signer::Leaf,
            lacks("EP_INFO_CAP with signatures"),
        ),
    ];
    for (config, signer, expected) in cases {
        let mut sim = Sim::new(config);
        assert_eq!(fetch(&mut sim, signer), expected);
        assert!(!sim.codes().contains(&CODE));
    }
    let unsigned = DeviceConfig { more_capabilities: F::EP_INFO_CAP_NO_SIG, ..config(V1_3) };
    assert_eq!(fetch(&mut Sim::new(unsigned), Signer::Nobody), class());
    let mut sim = attacked(|response| *response = vec![0x13, 0x7F, 0x01, 0]);
    let cause = refused(CODE, ErrorCode::INVALID_REQUEST, 0);
    assert_eq!(fetch(&mut sim, Signer::Nobody), Err((cause, true)));
}

/// Endpoint info, several times in a row.
fn ask<'a>(
    mut requester: Requester<'a, Negotiated>,
    device: &mut Emulated,
    clock: &SimClock,
    spki: &[u8],
    signers: &[Signer],
) -> Requester<'a, Negotiated> {
    for signer in signers {
        let mut buffer = [0; 64];
        let nonce = requester.nonce().unwrap();
        requester = match signer {
            Signer::Nobody => {
                let flow = requester.fetch_endpoint_info_unsigned(&mut buffer);
                let (requester, classes) = blocking::run(flow, device, clock).unwrap();
                assert!(classes.proof.is_none());
                requester
            }
            Signer::Leaf => {
                let flow = requester.fetch_endpoint_info_signed(key(spki), nonce, &mut buffer);
                let (requester, classes) = blocking::run(flow, device, clock).unwrap();
                assert_eq!(*classes.proof.unwrap().nonce(), nonce);
                requester
            }
        };
    }
    requester
}

/// IL1 holds A and the last exchange only, in a session and outside of one; measurements beside it are signed as before.
#[test]
fn p24_p33_unsigned_and_signed_mixed_in_and_outside_of_a_session() {
    for version in since(V1_3) {
        let mut setup = Setup::new(version);
        setup.flags |= F::EP_INFO_CAP_SIG;
        let clock = SimClock::default();
        let mut device = Emulated::new(setup.device(), setup.binding, clock.clone());
        let spki = device.device.public_key_spki(Setup::ASYM).unwrap();
        let (mut message, mut hashes) = (vec![0; 0x4000], Bank::<Running, 4>::new());
        let (mut connection, mut sessions) = (Connection::new(0), Sessions::<1>::new());
        let storage = Storage::new(&mut message, &mut hashes, &mut connection);
        let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
        let requester =
            Requester::new(PROVIDER, storage.with_sessions(&mut sessions), device.limits())
                .with_offer(offer);
        let (requester, ()) = blocking::run(requester.negotiate(), &mut device, &clock).unwrap();
        let several = [Signer::Nobody, Signer::Nobody, Signer::Leaf, Signer::Leaf, Signer::Nobody];
        let requester = ask(requester, &mut device, &clock, &spki, &several);
        let flow = requester.open_session(SessionPlan::DEFAULT, key(&spki));
        let (requester, (opened, _)) = blocking::run(flow, &mut device, &clock).unwrap();
        let mut requester = ask(requester, &mut device, &clock, &spki, &several);
        for signers in [several, [Signer::Leaf; 5]] {
            requester = ask(
                requester.in_session(opened.session),
                &mut device,
                &clock,
                &spki,
                &signers[..1],
            );
            requester = ask(requester, &mut device, &clock, &spki, &signers[2..3]);
        }
        let mut record = vec![0; 0x400];
        let nonce = requester.nonce().unwrap();
        let flow = requester.in_session(opened.session).measure_signed(
            Selection::All,
            MeasurementAttributes::empty(),
            key(&spki),
            nonce,
            &mut record,
        );
        let (_, measured) = blocking::run(flow, &mut device, &clock).unwrap();
        assert!(measured.possession.is_some(), "{version}");
    }
}

/// The judge without a requester, as evidence calls it.
#[test]
fn the_judge_checks_recorded_endpoint_info() {
    let mut sim = Sim::new(device(V1_3));
    assert_eq!(fetch(&mut sim, Signer::Leaf), class());
    let mut memory = Memory::new();
    let mut chain = vec![0; 0x4000];
    let clock = sim.clock.clone();
    let exchanges: Vec<_> = sim.requests.iter().cloned().zip(sim.responses.clone()).collect();
    let requester = negotiated(&mut memory, &mut sim).unwrap();
    let flow = requester.fetch_chain(SlotId::ZERO, &mut chain);
    let (_, chain) = blocking::run(flow, &mut sim, &clock).unwrap();
    let identity = Identity::Chain(chain);
    let (mut connection, mut hashes) = (Connection::new(0), Bank::<Running, 2>::new());
    let mut crypto = Crypto { provider: &PROVIDER, hashes: &mut hashes };
    for (request, response) in &exchanges {
        connection.sent(request).unwrap();
        let response = Untrusted::new(&response[..]);
        if request[1] != CODE.0 {
            connection.accept(&mut crypto, request, response, None).unwrap();
            continue;
        }
        // An answer that is refused leaves the request waiting for its answer.
        let mut forged = response.into_inner_less_safe().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let forged = Untrusted::new(&forged[..]);
        let result = connection.accept_endpoint_info(&mut crypto, request, forged, Some(&identity));
        assert_eq!(result.err(), Some(Error::Signature { message: MESSAGE }));
        let accepted = connection
            .accept_endpoint_info(&mut crypto, request, response, Some(&identity))
            .unwrap();
        let Accepted::EndpointInfo { authenticity, .. } = accepted else { panic!("{accepted:?}") };
        let EndpointInfoAuthenticity::Verified(proof) = authenticity else { panic!() };
        assert_eq!(proof.identity().digest(), identity.digest());
        // It was answered.
        let again = connection.accept_endpoint_info(&mut crypto, request, response, None);
        assert_eq!(again.err(), Some(Error::Misuse(Misuse::Order { request: CODE })));
    }
}

#[test]
fn an_identity_of_another_slot_or_version_is_not_asked() {
    let mut sim = Sim::new(device(V1_3));
    let (mut memory, mut chain, mut buffer) = (Memory::new(), vec![0; 0x4000], [0; 64]);
    let clock = sim.clock.clone();
    let requester = negotiated(&mut memory, &mut sim).unwrap();
    let flow = requester.fetch_chain(SlotId::ZERO, &mut chain);
    let (_, chain) = blocking::run(flow, &mut sim, &clock).unwrap();
    let mut other = Sim::new(DeviceConfig { versions: vec![SpdmVersion::V1_4], ..device(V1_3) });
    let mut memory = Memory::new();
    let requester = negotiated(&mut memory, &mut other).unwrap();
    let nonce = requester.nonce().unwrap();
    let flow = requester.fetch_endpoint_info_signed(Identity::Chain(chain), nonce, &mut buffer);
    let failure = blocking::run(flow, &mut other, &clock).unwrap_err();
    assert_eq!(error_of(failure.error), Error::Misuse(Misuse::Identity));
    assert!(!other.codes().contains(&CODE));
}
