//! Devices that follow a script, which no option of `spdm emulate` could name.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use spdm_codec::{CapabilityFlags, Code, ErrorCode, SlotId, SpdmVersion};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::{Act, Device, DeviceConfig, Edit, Position, ScriptStep, When};
use spdm_transport::MessageKind;
use spdm_transport_tcp::{Framing, Listener};

pub(crate) use crate::devices::small;
use crate::process::{Folder, run, status};

/// Bytes of CERTIFICATE before the chain, and of DIGESTS before the first digest.
const PORTION: usize = 8;
const DIGEST: usize = 4;

/// Devices of this process behind a socket.
pub(crate) struct Served {
    pub(crate) target: String,
    /// The roots of all of them.
    pub(crate) root: String,
    pub(crate) folder: Folder,
}

/// Serves one connection after another, for as long as this process lives.
pub(crate) fn serve(config: DeviceConfig) -> Served {
    serve_each(vec![config], |_, _| ())
}

/// [`serve`] by these devices in turn; `before` sees the number of the connection, from 0, and each request, before it
/// is answered.
pub(crate) fn serve_each(
    configs: Vec<DeviceConfig>,
    mut before: impl FnMut(usize, Code) + Send + 'static,
) -> Served {
    let folder = Folder::new();
    let mut devices: Vec<_> =
        configs.into_iter().map(|config| Device::new(config).unwrap()).collect();
    let roots: String = devices.iter().map(Device::trust_anchors_pem).collect();
    let root = folder.write("root.pem", roots);
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
    let target = format!("tcp:{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in 0.. {
            let turn = connection % devices.len();
            let device = &mut devices[turn];
            device.reset();
            let mut requester = listener.accept().unwrap();
            while let Ok(Some((kind, request))) = requester.next() {
                before(connection, Code(request[1]));
                let Some(response) = device.respond(request) else { continue };
                if requester.answer(kind, &response).is_err() {
                    break;
                }
            }
        }
    });
    Served { target, root, folder }
}

/// What a device does behind the records of a session that it has answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// It hangs up.
    HangsUp,
    /// It says no more.
    FallsSilent,
}

/// A device with sessions.
pub(crate) fn with_sessions() -> DeviceConfig {
    DeviceConfig {
        versions: vec![SpdmVersion::V1_3],
        records: Framing::Dsp0287.limits().records.unwrap(),
        more_capabilities: CapabilityFlags::KEY_EX_CAP
            | CapabilityFlags::ENCRYPT_CAP
            | CapabilityFlags::MAC_CAP
            | CapabilityFlags::EVENT_CAP,
        ..small()
    }
}

/// Serves one connection after another, of each so many messages; the last one of these is carried out, and its answer is
/// lost where `then` follows. Nothing resets the device in between. Messages that come then are told to `told`.
pub(crate) fn serve_up_to(
    config: DeviceConfig,
    messages: Vec<usize>,
    then: Then,
    told: std::sync::mpsc::Sender<()>,
) -> Served {
    let folder = Folder::new();
    let mut device = Device::new(config).unwrap();
    let root = folder.write("root.pem", device.trust_anchors_pem());
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
    let target = format!("tcp:{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for most in messages {
            let mut requester = listener.accept().unwrap();
            let mut count = 0;
            while let Ok(Some((kind, request))) = requester.next() {
                count += 1;
                let response = match kind {
                    MessageKind::Plain => device.respond(request),
                    MessageKind::Secured => device.respond_secured(request),
                };
                if count > most {
                    let _ = told.send(());
                    match then {
                        Then::HangsUp => break,
                        Then::FallsSilent => continue,
                    }
                }
                let Some(response) = response else { continue };
                if requester.answer(kind, &response).is_err() {
                    break;
                }
            }
        }
    });
    Served { target, root, folder }
}

/// Keys in slots 0 and 1.
fn two_slots(script: Vec<ScriptStep>) -> DeviceConfig {
    DeviceConfig { slots: vec![SlotId::ZERO, SlotId::new(1).unwrap()], script, ..small() }
}

/// One bit of the chains of these slots is another one, and DIGESTS agrees with that.
fn changed_chains(slots: &[u8], byte: usize) -> Served {
    let honest = serve(two_slots(Vec::new()));
    let out = honest.folder.path("certs");
    assert_eq!(run(&format!("certs {} --out {out} -q", honest.target)).code, 0);
    let mut script = Vec::new();
    for slot in slots {
        let mut chain = std::fs::read(format!("{out}/slot{slot}.bin")).unwrap();
        chain[byte] ^= 1;
        let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &[&chain]).unwrap();
        let first = DIGEST + usize::from(*slot) * digest.as_bytes().len();
        for (at, byte) in digest.as_bytes().iter().enumerate() {
            let (place, value) = (Position::Offset(first + at), u64::from(*byte));
            let change = Act::Change(Edit::Set(place, value));
            script.push(ScriptStep::new(Code::GET_DIGESTS, When::Always, change));
        }
        // Each chain is fetched once, in one portion.
        let change = Act::Change(Edit::Flip(Position::Offset(PORTION + byte), 1));
        script.push(ScriptStep::new(Code::GET_CERTIFICATE, When::Nth((*slot).into()), change));
    }
    serve(two_slots(script))
}

/// `Length` of a chain, and the tag of its first certificate.
const UNREADABLE: [usize; 2] = [0, 36];

#[test]
fn any_slot_goes_on_behind_a_chain_that_cannot_be_read() {
    for byte in UNREADABLE {
        let device = changed_chains(&[0], byte);
        let file = device.folder.path("evidence.json");
        let (target, root) = (&device.target, &device.root);
        let options = format!("--trust {root} --slot any --json --evidence {file}");
        let any = run(&format!("attest {target} {options}"));
        let report = any.object();
        assert_eq!((any.code, &report["slot"]), (0, &1.into()), "{byte}: {report}");
        for check in ["chain.digest", "challenge.signature", "measurements.signature"] {
            assert_eq!(status(&report, check), "pass", "{byte}");
        }
        // The evidence is that of the connection that was verified.
        let offline = run(&format!("verify {file} --trust {root} --json"));
        let report = offline.object();
        assert_eq!((offline.code, &report["slot"]), (0, &1.into()), "{byte}: {report}");
    }
}

#[test]
fn a_chain_that_cannot_be_read_is_not_passed_over_where_its_slot_is_asked_for() {
    let device = changed_chains(&[0], 0);
    let (target, root) = (&device.target, &device.root);
    let refused = run(&format!("attest {target} --trust {root} --slot 0 --json"));
    let report = refused.object();
    assert_eq!((refused.code, status(&report, "chain.format")), (1, "fail"), "{report}");
    assert_eq!(report["error"]["kind"], "chain");
}

#[test]
fn any_slot_is_none_where_no_chain_can_be_read() {
    let device = changed_chains(&[0, 1], 0);
    let (target, root) = (&device.target, &device.root);
    let refused = run(&format!("attest {target} --trust {root} --slot any --json"));
    let report = refused.object();
    assert_eq!((refused.code, status(&report, "chain.format")), (1, "fail"), "{report}");
    assert_eq!((&report["verified"], &report["error"]["kind"]), (&false.into(), &"chain".into()));
}

#[test]
fn any_slot_shows_the_first_that_can_be_read_where_none_is_trusted() {
    let device = changed_chains(&[0], 0);
    let file = device.folder.path("evidence.json");
    let line = format!("attest {} --slot any --json --evidence {file}", device.target);
    let unknown = run(&line);
    let report = unknown.object();
    assert_eq!((unknown.code, &report["slot"]), (1, &1.into()), "{report}");
    assert_eq!(status(&report, "chain.anchor"), "fail");
    assert_eq!(status(&report, "measurements.signature"), "pass");
    let offline = run(&format!("verify {file} --json")).object();
    assert_eq!(status(&offline, "measurements.signature"), "pass", "{offline}");
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The certificates expire while the first of two rounds waits for its last answer: it began in time, the second did
/// not.
#[test]
fn each_round_has_its_own_time() {
    let not_after = now() + 4;
    let mut waited = false;
    let device = serve_each(vec![DeviceConfig { not_after, ..small() }], move |_, request| {
        while request == Code::GET_MEASUREMENTS && !waited && now() <= not_after {
            std::thread::sleep(Duration::from_millis(50));
        }
        waited |= request == Code::GET_MEASUREMENTS;
    });
    let (target, root) = (&device.target, &device.root);
    let line = format!("attest {target} --trust {root} --json --repeat 2 --timeout 30");
    let rounds = run(&line);
    let [first, second] = &rounds.objects()[..] else { panic!("{rounds:?}") };
    assert_eq!((rounds.code, &first["verified"]), (1, &true.into()), "{first}");
    // The chain is known by then, and judged again all the same.
    assert_eq!(
        (&second["verified"], status(second, "chain.certificates")),
        (&false.into(), "fail")
    );
    assert_eq!(status(second, "measurements.signature"), "pass");
}

/// How many chains are fetched where so many devices take turns, twice each.
fn fetched_of(devices: u64) -> usize {
    let configs = (1..=devices).map(|seed| DeviceConfig { seed: Some(seed), ..small() }).collect();
    let fetched = Arc::new(AtomicUsize::new(0));
    let counter = fetched.clone();
    let served = serve_each(configs, move |_, request| {
        let is_fetch = request == Code::GET_CERTIFICATE;
        counter.fetch_add(is_fetch.into(), Ordering::Relaxed);
    });
    let (target, root) = (&served.target, &served.root);
    let rounds = 2 * devices;
    let repeated = run(&format!("attest {target} --trust {root} --json --repeat {rounds}"));
    assert_eq!((repeated.code, repeated.objects().len()), (0, usize::try_from(rounds).unwrap()));
    fetched.load(Ordering::Relaxed)
}

/// A device that shows another chain at every connection does not fill the memory: the oldest one is forgotten.
#[test]
fn sixteen_chains_are_remembered() {
    assert_eq!(fetched_of(16), 16);
    assert_eq!(fetched_of(17), 2 * 17);
}

/// A device that refuses CHALLENGE and hangs up at what follows is rejected for the refusal: an independent Responder does
/// so at 1.0 and 1.1.
#[test]
fn a_refusal_counts_and_not_the_end_of_the_connection_after_it() {
    let refuse = Act::Refuse { code: ErrorCode::UNSPECIFIED, data: 0, extended: Vec::new() };
    let script = vec![ScriptStep::new(Code::CHALLENGE, When::Always, refuse)];
    let mut device = Device::new(DeviceConfig { script, ..small() }).unwrap();
    let folder = Folder::new();
    let root = folder.write("root.pem", device.trust_anchors_pem());
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
    let target = format!("tcp:{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        while let Ok(mut requester) = listener.accept() {
            device.reset();
            while let Ok(Some((kind, request))) = requester.next() {
                let answered = request[1] != Code::GET_MEASUREMENTS.0
                    && device
                        .respond(request)
                        .is_some_and(|it| requester.answer(kind, &it).is_ok());
                if !answered {
                    break;
                }
            }
        }
    });
    let refused = run(&format!("attest {target} --trust {root} --json"));
    let report = refused.object();
    assert_eq!((refused.code, &report["error"]["kind"]), (1, &"refused".into()), "{report}");
    assert_eq!(
        report["error"]["message"],
        "the device answered CHALLENGE with ERROR Unspecified (data 0x00)"
    );
    assert_eq!(status(&report, "challenge.signature"), "fail");

    // Where CHALLENGE is not asked for, the connection is what failed.
    let closed = run(&format!("attest {target} --trust {root} --challenge none --json"));
    let report = closed.object();
    assert_eq!((closed.code, &report["error"]["kind"]), (3, &"transport".into()), "{report}");
}
