//! What can be moved to another thread, and what can be used by several at once.

use core::mem::size_of_val;

use crate::sim::{Sim, config};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_requester::*;
use spdm_transport::{
    AsyncClock, AsyncTransport, Duration, Instant, Limits, MessageKind, Received,
};

const fn send<T: Send>() {}
const fn send_and_sync<T: Send + Sync>() {}

/// A type that is missing here is one that nobody has thought about.
#[test]
fn every_public_type_is_send() {
    const {
        send_and_sync::<Connection>();
        send_and_sync::<Negotiated>();
        send_and_sync::<Announced>();
        send_and_sync::<Selected>();
        send_and_sync::<Stage>();
        send_and_sync::<Accepted<'_, '_>>();
        send_and_sync::<MeasurementSignature<'_>>();
        send_and_sync::<Exchange<'_>>();
        send_and_sync::<Offer>();
        send_and_sync::<Compat>();
        send_and_sync::<Timing>();
        send_and_sync::<Bounds>();
        send_and_sync::<Error>();
        send_and_sync::<Misbehaviour>();
        send_and_sync::<Violation>();
        send_and_sync::<Refusal>();
        send_and_sync::<Incompatible>();
        send_and_sync::<Bound>();
        send_and_sync::<Buffer>();
        send_and_sync::<Misuse>();
        send_and_sync::<RunError<Error>>();
        send_and_sync::<Possession<'_>>();
        send_and_sync::<Proof>();
        send_and_sync::<Verified<'_>>();
        send_and_sync::<SummaryHash>();
        send_and_sync::<SummaryAgreement>();
        send_and_sync::<ChainCache<'_>>();
        send_and_sync::<Requirement>();
        send_and_sync::<Selection<'_>>();
        send_and_sync::<SlotChoice>();
        send_and_sync::<AttestationPlan<'_>>();
        send_and_sync::<Attested<'_, '_>>();
        send_and_sync::<Examined<'_, '_>>();
        send_and_sync::<Measured<'_, '_>>();
        send::<Storage<'_>>();
        send::<DeviceMemory<Bank<Running, 2>>>();
        send::<Crypto<'_>>();
        send::<KeySource<'_>>();
        send::<Fresh>();
        send::<Requester<'_, Fresh>>();
        send::<Requester<'_, Negotiated>>();
        send::<Recovered<'_, Negotiated>>();
        send::<Failure<'_, Negotiated, Error>>();
        send::<Negotiate>();
        send::<FetchDigests>();
        send::<FetchChain<'_>>();
        send::<ProvePossession<'_>>();
        send::<Measure<'_, '_, '_>>();
        send::<Recognize<'_>>();
        send::<SingleExchange<'_, '_, Error, Error>>();
        send::<Attest<'_, '_, '_>>();
        send::<Examine<'_, '_, '_>>();
        send::<Flow<'_, Attest<'_, '_, '_>>>();
        send::<Flow<'_, Examine<'_, '_, '_>>>();
        send::<Step<'_, '_, Attest<'_, '_, '_>>>();
        send::<Transmit<'_, '_, Attest<'_, '_, '_>>>();
        send::<Receive<'_, '_, Attest<'_, '_, '_>>>();
    }
}

/// Never answers.
struct Silence;

impl AsyncTransport for Silence {
    type Error = Error;

    fn limits(&self) -> Limits {
        Limits::new(0x1000, 0x1000)
    }

    async fn send(&mut self, _: MessageKind, _: &[u8], _: Duration) -> Result<(), Error> {
        core::future::pending().await
    }

    async fn receive(&mut self, _: &mut [u8], _: Duration) -> Result<Option<Received>, Error> {
        core::future::pending().await
    }

    fn abandon(&mut self) {}
}

impl AsyncClock for Silence {
    fn now(&self) -> Instant {
        Instant::default()
    }

    async fn sleep_until(&self, _: Instant) {
        core::future::pending().await
    }
}

/// What a device in flight takes: its memory and its future, which holds the flow once.
#[test]
fn a_device_in_flight_takes_less_than_16_kib() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    crate::sim::with_policy(&mut Sim::new(config(spdm_codec::SpdmVersion::V1_3)), |_, policy| {
        let mut memory = DeviceMemory::new(Bank::<Running, 2>::new());
        let lent = size_of_val(&memory);
        let (storage, chain, record) = memory.lend();
        let requester = Requester::new(PROVIDER, storage, Silence.limits());
        let flow = requester.attest(AttestationPlan::new(policy), chain, record);
        let flow_len = size_of_val(&flow);
        let (mut transport, clock) = (Silence, Silence);
        let future = is_send(nonblocking::run(flow, &mut transport, &clock));
        let future_len = size_of_val(&future);
        println!("lent {lent}, flow {flow_len}, future {future_len}");
        assert!(future_len <= flow_len + 256, "flow {flow_len}, future {future_len}");
        assert!(lent + future_len <= 16 * 1024, "lent {lent}, future {future_len}");
    });
}
