//! SPDM over MCTP over a byte pipe, as a microcontroller does it over a UART: serial frames (DSP0253), packets and
//! tags by `mctp-estack`, no operating system underneath. Both ends run here, each with a stack of its own.
//!
//! ```text
//! cargo run -p examples --example mctp_serial
//! ```

use core::future::Future;

use embassy_futures::join::join4;
use embassy_futures::select::{Either, select};
use embassy_futures::{block_on, yield_now};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::pipe::Pipe;
use mctp::{AsyncListener, AsyncRespChannel, Eid, MCTP_TYPE_SPDM};
use mctp_estack::config::MAX_PAYLOAD;
use mctp_estack::router::{PortBottom, PortBuilder, PortId, PortLookup, PortStorage};
use mctp_estack::{Router, Stack};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{AttestationPlan, DeviceMemory, Requester, nonblocking};
use spdm_transport::{AsyncClock, AsyncTransport, Clock, Instant, StdClock};
use spdm_transport_mctp::AsyncMctpTransport;
use spdm_transport_mctp::serial::{Deframer, MAX_PACKET, frame, max_frame};
use spdm_x509::{Anchor, Policy, ValidityCheck};

/// Stands for a UART, one direction.
type Bytes = Pipe<NoopRawMutex, 64>;

const REQUESTER: Eid = Eid(8);
const DEVICE: Eid = Eid(9);
/// The baseline transmission unit and the packet header, in bytes.
const MTU: usize = 68;
/// 2026-01-01, for a device without a clock of its own.
const TODAY: u64 = 1_767_225_600;

/// There is one port; packets that come in by it never go out again.
struct OnePort;

impl PortLookup for OnePort {
    fn by_eid(&mut self, _: Eid, source: Option<PortId>) -> Option<PortId> {
        source.is_none().then_some(PortId(0))
    }
}

/// A clock for a loop that never sleeps.
#[derive(Clone, Copy)]
struct Spinning(StdClock);

impl AsyncClock for Spinning {
    fn now(&self) -> Instant {
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        while self.0.now() < until {
            yield_now().await;
        }
    }
}

/// Moves packets between a stack and the line, for ever. Frames that are broken are named and left.
async fn port(router: &Router<'_>, mut bottom: PortBottom<'_>, rx: &Bytes, tx: &Bytes) {
    let mut deframer = Deframer::new();
    let (mut received, mut framed) = ([0; 64], [0; max_frame(MAX_PACKET)]);
    loop {
        match select(rx.read(&mut received), bottom.outbound()).await {
            Either::First(len) => {
                for byte in received.iter().take(len) {
                    match deframer.push(*byte) {
                        Some(Ok(packet)) => drop(router.inbound(packet, PortId(0)).await),
                        Some(Err(error)) => eprintln!("serial line: {error}"),
                        None => {}
                    }
                }
            }
            Either::Second((packet, _)) => {
                let len = frame(packet, &mut framed).unwrap_or_default();
                tx.write_all(framed.get(..len).unwrap_or_default()).await;
                bottom.outbound_done();
            }
        }
    }
}

/// Answers requests, for ever.
async fn respond<'r>(router: &'r Router<'r>, device: &mut Device) -> mctp::Result<()> {
    let mut listener = router.listener(MCTP_TYPE_SPDM)?;
    let mut request = [0; MAX_PAYLOAD];
    loop {
        let (_, _, request, mut channel) = listener.recv(&mut request).await?;
        if let Some(answer) = device.respond(request) {
            channel.send(&answer).await?;
        }
    }
}

/// Lets a stack forget what came in pieces and was not completed.
async fn keep_time(router: &Router<'_>, clock: Spinning) {
    loop {
        let now = clock.now().as_micros() / 1000;
        let pause = router.update_time(now).await.unwrap_or(100);
        clock.sleep_until(Instant::from_micros((now + pause) * 1000)).await;
    }
}

async fn attest(
    transport: &mut impl AsyncTransport,
    clock: Spinning,
    roots: &[Vec<u8>],
) -> Result<String, String> {
    let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(TODAY));
    let mut memory = DeviceMemory::new(Bank::<Running, 2>::new());
    let (storage, chain, record) = memory.lend();
    let requester = Requester::new(PROVIDER, storage, transport.limits());
    let flow = requester.attest(AttestationPlan::new(&policy), chain, record);
    let attested = nonblocking::run(flow, transport, &clock).await;
    let (_, attested) = attested.map_err(|failure| failure.error.to_string())?;
    let blocks = attested.measured.iter().flat_map(|measured| measured.record.iter()).count();
    let slot = attested.verified.identity().key_slot();
    Ok(format!("verified: {slot:?}, {blocks} measurement blocks"))
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut device = Device::new(DeviceConfig::default())?;
    let roots = device.trust_anchors();
    let clock = Spinning(StdClock::new());
    let (to_device, from_device) = (Bytes::new(), Bytes::new());

    let (mut storage, mut lookup) = (PortStorage::<4>::new(), OnePort);
    let mut builder = PortBuilder::new(&mut storage);
    let (top, bottom) = builder.build(MTU).map_err(|error| error.to_string())?;
    let ports = [top];
    let router = Router::new(Stack::new(REQUESTER, MTU, 0), &ports, &mut lookup);

    let (mut device_storage, mut device_lookup) = (PortStorage::<4>::new(), OnePort);
    let mut device_builder = PortBuilder::new(&mut device_storage);
    let (device_top, device_bottom) =
        device_builder.build(MTU).map_err(|error| error.to_string())?;
    let device_ports = [device_top];
    let device_router = Router::new(Stack::new(DEVICE, MTU, 0), &device_ports, &mut device_lookup);

    let mut transport = AsyncMctpTransport::new(|| Ok(router.req(DEVICE)), MAX_PAYLOAD, clock);
    let everything_else = join4(
        // Before the first packet comes: a stack drops what nobody listens for.
        respond(&device_router, &mut device),
        port(&router, bottom, &from_device, &to_device),
        port(&device_router, device_bottom, &to_device, &from_device),
        keep_time(&router, clock),
    );
    println!("{}", block_on(until(attest(&mut transport, clock, &roots), everything_else))?);
    Ok(())
}

/// Runs `forever` as long as `work` takes.
async fn until<T>(work: impl Future<Output = T>, forever: impl Future) -> T {
    match select(work, forever).await {
        Either::First(done) => done,
        Either::Second(_) => unreachable!("the others never end"),
    }
}
