//! A session with a device that was authenticated, and signed measurements inside it, over the protocol of the DMTF emulator.
//!
//! ```text
//! cargo run -p examples --example session HOST:PORT BINDING ROOT    # BINDING: mctp, doe or tcp; ROOT is its root in DER
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

use spdm_codec::{MeasurementAttributes, MeasurementSummary, SlotId};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_requester::{
    DeviceMemory, Offer, Requester, Selection, SessionPlan, Sessions, UpdatedKeys, Verified,
    blocking,
};
use spdm_transport::{Duration, StdClock, Transport};
use spdm_transport_tcp::{Binding, Framing, TcpTransport};
use spdm_x509::{Anchor, Identity, Policy, ValidityCheck};

type Failure = Box<dyn core::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(binding), Some(root)) = (args.next(), args.next(), args.next()) else {
        return Err("HOST:PORT, BINDING and ROOT are needed".into());
    };
    let root = std::fs::read(root)?;
    let anchors = [Anchor::Certificate(&root)];
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(now));
    let binding: Binding = binding.parse()?;
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
