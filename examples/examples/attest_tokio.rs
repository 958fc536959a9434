//! The same attestation in an asynchronous program: only the transport, the clock and an `.await` differ.
//!
//! ```text
//! cargo run -p examples --example attest_tokio
//! ```

use std::thread;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{AttestationPlan, Connection, Requester, Storage, nonblocking};
use spdm_transport::{AsyncTransport, Duration, TokioClock};
use spdm_transport_tcp::{AsyncTcpTransport, Framing, Listener};
use spdm_x509::{Anchor, Policy, ValidityCheck};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut device = Device::new(DeviceConfig::default())?;
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

    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::Unchecked);
    let timeout = Duration::from_secs(5);
    let mut transport = AsyncTcpTransport::connect(address, Framing::Dsp0287, timeout).await?;
    let (mut message, mut hashes) = ([0; 0x1100], Bank::<Running, 2>::new());
    let (mut chain, mut record) = ([0; 0x2000], [0; 0x1000]);
    let mut connection = Connection::default();
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let requester = Requester::new(PROVIDER, storage, transport.limits());
    let flow = requester.attest(AttestationPlan::new(&policy), &mut chain, &mut record);
    let (_, attested) = nonblocking::run(flow, &mut transport, &TokioClock::new())
        .await
        .map_err(|failure| failure.error)?;
    println!("verified; {:?}", attested.verified.identity().key_slot());
    Ok(())
}
