//! Attestations as tasks of a multi-threaded runtime: a task for each device, which owns the device's memory.
//!
//! ```text
//! cargo run -p examples --example attest_tokio
//! ```

use core::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{AttestationPlan, DeviceMemory, Requester, nonblocking};
use spdm_transport::{AsyncTransport, Duration, TokioClock};
use spdm_transport_tcp::{AsyncTcpTransport, Framing, Listener};
use spdm_x509::{Anchor, Policy, ValidityCheck};

type Failure = Box<dyn core::error::Error + Send + Sync>;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Failure> {
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let (address, roots) = software_device()?;
        tasks.push(tokio::spawn(attest(address, roots.into())));
    }
    for task in tasks {
        println!("{}", task.await??);
    }
    Ok(())
}

/// Attests the device at `address`. The future is `Send`: it may move from thread to thread as it waits.
async fn attest(address: SocketAddr, roots: Arc<[Vec<u8>]>) -> Result<String, Failure> {
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
    let timeout = Duration::from_secs(5);
    let mut transport = AsyncTcpTransport::connect(address, Framing::Dsp0287, timeout).await?;
    let mut memory = Box::new(DeviceMemory::new(Bank::<Running, 2>::new()));
    let (storage, chain, record) = memory.lend();
    let requester = Requester::new(PROVIDER, storage, transport.limits());
    let flow = requester.attest(AttestationPlan::new(&policy), chain, record);
    let clock = TokioClock::new();
    let attested = nonblocking::run(flow, &mut transport, &clock).await;
    let (_, attested) = attested.map_err(|failure| failure.error)?;
    Ok(format!("{address}: verified; {:?}", attested.verified.identity().key_slot()))
}

/// A device behind a socket of this process: its address and its roots.
fn software_device() -> Result<(SocketAddr, Vec<Vec<u8>>), Failure> {
    let mut device = Device::new(DeviceConfig::default()).map_err(|error| error.to_string())?;
    let roots = device.trust_anchors();
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287)?;
    let address = listener.local_addr()?;
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
