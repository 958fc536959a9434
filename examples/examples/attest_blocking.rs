//! The whole attestation in one call, over TCP (DSP0287).
//!
//! ```text
//! cargo run -p examples --example attest_blocking                   # a software device
//! cargo run -p examples --example attest_blocking HOST:PORT ROOT    # a device; ROOT is its root in DER
//! ```

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{AttestationPlan, DeviceMemory, Requester, blocking};
use spdm_transport::{Duration, StdClock, Transport};
use spdm_transport_tcp::{Framing, Listener, TcpTransport};
use spdm_x509::{Anchor, Policy, ValidityCheck};

type Failure = Box<dyn core::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (address, roots) = match (args.next(), args.next()) {
        (Some(address), Some(root)) => (address, vec![std::fs::read(root)?]),
        _ => software_device()?,
    };
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(now));

    let timeout = Duration::from_secs(5);
    let mut transport = TcpTransport::connect(address.as_str(), Framing::Dsp0287, timeout)?;
    let mut memory = DeviceMemory::new(Bank::<Running, 2>::new());
    let (storage, chain, record) = memory.lend();
    let requester = Requester::new(PROVIDER, storage, transport.limits());
    let flow = requester.attest(AttestationPlan::new(&policy), chain, record);
    let (requester, attested) =
        blocking::run(flow, &mut transport, &StdClock::new()).map_err(|failure| failure.error)?;

    let agreed = requester.negotiated();
    println!("verified over SPDM {} with {}", agreed.version, agreed.asym()?);
    if let spdm_x509::Identity::Chain(chain) = attested.verified.identity() {
        println!("{}", chain.leaf().subject());
    }
    for block in attested.measured.iter().flat_map(|measured| measured.record.iter()) {
        println!("measurement {}: {:?}", block.index, block.measurement);
    }
    Ok(())
}

/// A device behind a socket of this process: its address and its roots.
fn software_device() -> Result<(String, Vec<Vec<u8>>), Failure> {
    let mut device = Device::new(DeviceConfig::default())?;
    let roots = device.trust_anchors();
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287)?;
    let address = listener.local_addr()?.to_string();
    thread::spawn(move || {
        let Ok(mut connection) = listener.accept() else { return };
        while let Ok(Some((kind, request))) = connection.next() {
            let answer = device.respond(request);
            if answer.is_some_and(|answer| connection.answer(kind, &answer).is_err()) {
                return;
            }
        }
    });
    Ok((address, roots))
}
