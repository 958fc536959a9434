//! A session with a device that was authenticated, and signed measurements inside it, over the protocol of the DMTF emulator.
//!
//! ```text
//! cargo run -p examples --example session                           # a software device
//! cargo run -p examples --example session HOST:PORT BINDING ROOT    # BINDING: mctp, doe or tcp; ROOT is its root in DER
//! ```

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use spdm_codec::{CapabilityFlags, MeasurementAttributes, MeasurementSummary, SlotId};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{
    DeviceMemory, Offer, Requester, Selection, SessionPlan, Sessions, UpdatedKeys, Verified,
    blocking,
};
use spdm_transport::{Duration, MessageKind, StdClock, Transport};
use spdm_transport_tcp::{Binding, Framing, Listener, TcpTransport};
use spdm_x509::{Anchor, Identity, Policy, ValidityCheck};

type Failure = Box<dyn core::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (address, binding, roots) = match (args.next(), args.next(), args.next()) {
        (Some(address), Some(binding), Some(root)) => {
            (address, binding.parse()?, vec![std::fs::read(root)?])
        }
        _ => software_device()?,
    };
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(now));
    let framing = Framing::DmtfEmu(binding);
    let mut device = TcpTransport::connect(address.as_str(), framing, Duration::from_secs(5))?;
    let clock = StdClock::new();

    // A place for one session, and the running hash of its transcript.
    let mut memory = DeviceMemory::<_, 0x4000, 0x2000>::with_sizes(Bank::<Running, 4>::new());
    let mut sessions = Sessions::<1>::new();
    let (storage, chain, record) = memory.lend();
    let storage = storage.with_sessions(&mut sessions);
    let requester = Requester::new(PROVIDER, storage, device.limits())
        .with_offer(Offer::everything(&PROVIDER).with_sessions(&PROVIDER));

    let (requester, ()) = blocking::run(requester.negotiate(), &mut device, &clock)
        .map_err(|failure| failure.error)?;
    let (requester, _) = blocking::run(requester.get_digests(), &mut device, &clock)
        .map_err(|failure| failure.error)?;
    let flow = requester.fetch_chain(SlotId::ZERO, chain);
    let (requester, chain) =
        blocking::run(flow, &mut device, &clock).map_err(|failure| failure.error)?;
    let identity = Identity::Chain(chain);

    // Who is there is known before anything is said in the session.
    let mut plan = SessionPlan::DEFAULT;
    plan.summary = MeasurementSummary::All;
    let flow = requester.open_session(plan, identity);
    let (requester, (opened, possession)) =
        blocking::run(flow, &mut device, &clock).map_err(|failure| failure.error)?;
    let trusted = policy.validate(&chain)?;
    let verified = Verified::new(possession, &trusted)?;
    println!("session {:#010x} with {:?}", opened.session_id, verified.identity().asym());

    let nonce = requester.nonce()?;
    let flow = requester.in_session(opened.session).measure_signed(
        Selection::All,
        MeasurementAttributes::empty(),
        identity,
        nonce,
        record,
    );
    let (requester, measured) =
        blocking::run(flow, &mut device, &clock).map_err(|failure| failure.error)?;
    println!("{} measurements, signed", measured.record.iter().count());
    let mut requester = requester;
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        let flow = requester.update_keys(opened.session, keys);
        (requester, ()) =
            blocking::run(flow, &mut device, &clock).map_err(|failure| failure.error)?;
    }
    let flow = requester.heartbeat(opened.session);
    let (requester, ()) =
        blocking::run(flow, &mut device, &clock).map_err(|failure| failure.error)?;
    let flow = requester.close_session(opened.session);
    blocking::run(flow, &mut device, &clock).map_err(|failure| failure.error)?;
    println!("closed");
    Ok(())
}

/// A device behind a socket of this process: its address, the binding that it speaks, and its roots.
fn software_device() -> Result<(String, Binding, Vec<Vec<u8>>), Failure> {
    let sessions = CapabilityFlags::KEY_EX_CAP
        | CapabilityFlags::ENCRYPT_CAP
        | CapabilityFlags::MAC_CAP
        | CapabilityFlags::HBEAT_CAP
        | CapabilityFlags::KEY_UPD_CAP;
    let config = DeviceConfig { more_capabilities: sessions, ..DeviceConfig::default() };
    let mut device = Device::new(config)?;
    let roots = device.trust_anchors();
    let listener = Listener::bind("127.0.0.1:0", Framing::DmtfEmu(Binding::Doe))?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        let Ok(mut connection) = listener.accept() else { return };
        while let Ok(Some((kind, message))) = connection.next() {
            let answer = match kind {
                MessageKind::Plain => device.respond(message),
                MessageKind::Secured => device.respond_secured(message),
            };
            if answer.is_some_and(|answer| connection.answer(kind, &answer).is_err()) {
                return;
            }
        }
    });
    Ok((address, Binding::Doe, roots))
}
