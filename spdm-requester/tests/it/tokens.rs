//! Tokens, retries, sticky errors, the asynchronous driver and the sink.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use crate::sim::{
    FLOW, Memory, Sim, SimClock, SimError, V1_3, config, faulty_at, requester, until, with_policy,
};
use spdm_codec::{Code, SpdmVersion};
use spdm_emulator::{Act, DeviceConfig, Fault, ScriptStep, When};
use spdm_requester::{
    Accepted, Attest, AttestationPlan, Bounds, Connection, Error, Exchange, Flow, Misuse,
    Operation, Recovered, RunError, Selection, Sink, Stage, Step, nonblocking,
};
use spdm_transport::{
    AsyncClock, AsyncTransport, Clock, Instant, Limits, MessageKind, Received, Transport,
};

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

/// Sends what a flow wants to send and hands in the answer; false at its end.
fn turn<O: Operation>(flow: &mut Flow<'_, O>, sim: &mut Sim) -> Result<bool, Error> {
    let now = sim.clock.now();
    match flow.poll(now)? {
        Step::Transmit(token) => {
            sim.send(token.kind(), token.bytes(), token.timeout()).unwrap();
            token.sent(now);
        }
        Step::Receive(mut token) => {
            let timeout = token.deadline().since(now);
            match sim.receive(token.buffer(), timeout).unwrap() {
                Some(received) => token.received(now, received)?,
                None => token.expired()?,
            }
        }
        Step::Wait { until } => sim.clock.sleep_until(until),
        Step::Done => return Ok(false),
    }
    Ok(true)
}

#[test]
fn a_dropped_token_is_offered_again() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        with_policy(&mut sim, |sim, policy| {
            let mut memory = Memory::new();
            let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
            let mut flow = requester(&mut memory, sim).attest(
                AttestationPlan::new(policy),
                &mut chain,
                &mut record,
            );
            loop {
                // Each token three times, of which two are dropped.
                let mut transmitted = Vec::new();
                for _ in 0..2 {
                    match flow.poll(sim.clock.now()).unwrap() {
                        Step::Transmit(token) => transmitted.push(token.bytes().to_vec()),
                        Step::Receive(mut token) => token.buffer().fill(0xEE),
                        Step::Wait { .. } => panic!("nobody is busy"),
                        Step::Done => {}
                    }
                }
                let sent = sim.requests.len();
                if !turn(&mut flow, sim).unwrap() {
                    break;
                }
                // A cancelled receive sends nothing; a cancelled transmit changes nothing.
                if let Some(first) = transmitted.first() {
                    assert_eq!(transmitted.len(), 2);
                    assert!(transmitted.contains(&sim.requests[sent]));
                    assert_eq!(first, &sim.requests[sent]);
                } else {
                    assert_eq!(sim.requests.len(), sent);
                }
            }
            let (_, attested) = flow.finish().map_err(|failure| failure.error).unwrap();
            assert!(attested.measured.is_some());
            assert_eq!(sim.codes(), FLOW, "{version}");
        });
    }
}

#[test]
fn a_retry_is_byte_identical() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let mut sim = faulty_at(version, Fault::AlwaysBusy, request);
            crate::sim::attest(&mut sim).unwrap_err();
            let retries: Vec<_> =
                sim.requests.iter().filter(|sent| Code(sent[1]) == request).collect();
            assert_eq!(retries.len(), 6, "{version} {request}");
            assert!(retries.iter().all(|retry| *retry == retries[0]), "{version} {request}");
        }
    }
}

#[test]
fn nothing_happens_before_a_pause_is_over() {
    let mut sim = faulty_at(V1_3, Fault::AlwaysBusy, Code::GET_VERSION);
    let mut memory = Memory::new();
    let mut flow = requester(&mut memory, &sim).negotiate();
    assert!(turn(&mut flow, &mut sim).unwrap());
    assert!(turn(&mut flow, &mut sim).unwrap());
    for early in [0, 1, 49_999] {
        let Ok(Step::Wait { until }) = flow.poll(at(early)) else { panic!("{early}") };
        assert_eq!(until, at(50_000));
    }
    let Ok(Step::Transmit(token)) = flow.poll(at(50_000)) else { panic!("the pause is over") };
    assert_eq!(token.bytes(), [0x10, 0x84, 0, 0]);
}

#[test]
fn errors_are_sticky() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let mut sim = faulty_at(version, Fault::WrongVersionByte, request);
            with_policy(&mut sim, |sim, policy| {
                let mut memory = Memory::new();
                let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
                let plan = AttestationPlan::new(policy);
                let requester = requester(&mut memory, sim);
                let mut flow = requester.attest(plan, &mut chain, &mut record);
                assert_eq!(flow.error(), None);
                let error = loop {
                    match turn(&mut flow, sim) {
                        Ok(more) => assert!(more, "{version} {request}"),
                        Err(error) => break error,
                    }
                };
                assert!(matches!(error, Error::Decode(_)), "{error}");
                assert_eq!(flow.error(), Some(error));
                for later in [0, 1, u64::MAX] {
                    assert_eq!(flow.poll(at(later)).map(drop), Err(error));
                }
                assert_eq!(sim.codes(), until(request));
                let failure = flow.finish().map(drop).unwrap_err();
                assert_eq!(failure.error, error);
                assert!(matches!(failure.requester, Recovered::Fresh(_)));
            });
        }
    }
}

#[test]
fn an_expired_token_is_an_error() {
    let mut sim = Sim::new(config(V1_3));
    let mut memory = Memory::new();
    let mut flow = requester(&mut memory, &sim).negotiate();
    assert!(turn(&mut flow, &mut sim).unwrap());
    let Ok(Step::Receive(token)) = flow.poll(at(7)) else { panic!("an answer is awaited") };
    // The clock started when the request was handed over.
    assert_eq!(token.deadline(), at(1_100_000));
    let expected = Error::Timeout { request: Code::GET_VERSION };
    assert_eq!(token.expired(), Err(expected));
    assert_eq!(flow.poll(at(8)).map(drop), Err(expected));
}

#[test]
fn finish_before_the_end() {
    let mut sim = Sim::new(config(V1_3));
    for turns in 0..6 {
        let mut memory = Memory::new();
        let mut flow = requester(&mut memory, &sim).negotiate();
        for _ in 0..turns {
            assert!(turn(&mut flow, &mut sim).unwrap());
        }
        sim.abandon();
        let failure = flow.finish().map(drop).unwrap_err();
        assert_eq!(failure.error, Error::Misuse(Misuse::Unfinished), "{turns}");
        let Recovered::Fresh(requester) = failure.requester else { panic!("{turns}") };
        assert_eq!(requester.connection().stage(), Stage::NotStarted);
        // And it can start over.
        let mut flow = requester.negotiate();
        while turn(&mut flow, &mut sim).unwrap() {}
        assert!(flow.finish().is_ok(), "{turns}");
    }
}

#[test]
fn an_abandoned_flow_leaves_a_fresh_requester() {
    let mut sim = Sim::new(config(V1_3));
    let mut memory = Memory::new();
    let mut flow = requester(&mut memory, &sim).negotiate();
    for _ in 0..4 {
        assert!(turn(&mut flow, &mut sim).unwrap());
    }
    let requester = flow.abandon();
    assert_eq!(requester.connection().stage(), Stage::NotStarted);
    assert_eq!(requester.connection().vca(), b"");
}

/// The simulated device behind an asynchronous transport that is never ready at once.
struct Later(Sim);

/// Not ready, then ready.
async fn once() {
    let mut ready = false;
    poll_fn(|cx| {
        if ready {
            return Poll::Ready(());
        }
        ready = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl AsyncTransport for Later {
    type Error = SimError;

    fn limits(&self) -> Limits {
        self.0.limits
    }

    async fn send(
        &mut self,
        kind: MessageKind,
        m: &[u8],
        timeout: Duration,
    ) -> Result<(), SimError> {
        once().await;
        self.0.send(kind, m, timeout)
    }

    async fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, SimError> {
        once().await;
        self.0.receive(buffer, timeout)
    }

    fn abandon(&mut self) {
        self.0.abandon();
    }
}

struct LaterClock(SimClock);

impl AsyncClock for LaterClock {
    fn now(&self) -> Instant {
        self.0.now()
    }

    async fn sleep_until(&self, until: Instant) {
        once().await;
        self.0.sleep_until(until);
    }
}

/// Polls a future until it is ready: the result, and how often it was not.
fn block_on<F: Future>(future: F) -> (F::Output, usize) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let mut pending = 0;
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return (output, pending),
            Poll::Pending => pending += 1,
        }
    }
}

/// An attestation by the asynchronous driver, polled at most `polls` times.
fn attest_later(sim: Sim, polls: usize) -> (Sim, usize, Option<Result<(), RunError<SimError>>>) {
    attest_later_within(sim, polls, Bounds::default())
}

fn attest_later_within(
    sim: Sim,
    polls: usize,
    bounds: Bounds,
) -> (Sim, usize, Option<Result<(), RunError<SimError>>>) {
    let mut transport = Later(sim);
    let clock = LaterClock(transport.0.clock.clone());
    let anchors = transport.0.device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| spdm_x509::Anchor::Certificate(root)).collect();
    let validity = spdm_x509::ValidityCheck::At(crate::sim::NOW);
    let provider = spdm_crypto::rustcrypto::PROVIDER;
    let policy = spdm_x509::Policy::new(&provider, &anchors, validity);
    let mut memory = Memory::new();
    let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
    let requester = requester(&mut memory, &transport.0).with_bounds(bounds);
    let flow = requester.attest(AttestationPlan::new(&policy), &mut chain, &mut record);
    let mut left = polls;
    let (result, pending) = {
        let mut run = pin!(nonblocking::run(flow, &mut transport, &clock));
        block_on(poll_fn(|cx| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            run.as_mut().poll(cx).map(Some)
        }))
    };
    let result = result.map(|outcome| outcome.map(drop).map_err(|failure| failure.error));
    (transport.0, pending, result)
}

#[test]
fn the_asynchronous_driver_attests() {
    for version in SpdmVersion::ALL {
        let (sim, pending, result) = attest_later(Sim::new(config(version)), usize::MAX);
        assert_eq!(result, Some(Ok(())), "{version}");
        assert_eq!(sim.codes(), FLOW);
        // One for each message.
        assert_eq!(pending, 14);
        let busy = faulty_at(version, Fault::BusyOnce, Code::CHALLENGE);
        let (sim, pending, result) = attest_later(busy, usize::MAX);
        assert_eq!((result, pending), (Some(Ok(())), 17), "{version}");
        assert_eq!(sim.clock.now(), at(50_000));
    }
}

#[test]
fn n27_the_asynchronous_driver_sends_again_what_was_lost() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let lost = ScriptStep::new(request, When::Before(2), Act::LoseRequest);
            let sim = Sim::new(DeviceConfig { script: vec![lost], ..config(version) });
            let mut bounds = Bounds::default();
            bounds.resends = 2;
            let (sim, _, result) = attest_later_within(sim, usize::MAX, bounds);
            assert_eq!(result, Some(Ok(())), "{version} {request}");
            assert_eq!((sim.codes().len(), sim.abandoned), (FLOW.len() + 2, 2));
        }
    }
}

#[test]
fn the_asynchronous_driver_fails_as_the_blocking_one() {
    for version in SpdmVersion::ALL {
        for fault in [
            Fault::Silent,
            Fault::OversizeResponse,
            Fault::ShortResponse,
            Fault::AlwaysBusy,
            Fault::NotReadyForever,
            Fault::Resynch,
        ] {
            for request in [Code::GET_DIGESTS, Code::GET_MEASUREMENTS] {
                let mut blocking = faulty_at(version, fault, request);
                let failed = crate::sim::failed::fail(&mut blocking);
                let sim = faulty_at(version, fault, request);
                let (sim, _, result) = attest_later(sim, usize::MAX);
                let cause = match result.unwrap().unwrap_err() {
                    RunError::Requester(error) => Ok(error.into()),
                    RunError::Transport(error) => Err(error),
                    other => panic!("{other:?}"),
                };
                assert_eq!((cause, sim.codes()), (failed.cause, failed.codes), "{fault}");
                assert_eq!(sim.abandoned, blocking.abandoned, "{fault}");
            }
        }
    }
}

#[test]
fn a_dropped_future_frees_everything() {
    // Wherever it is dropped, the device can be attested again.
    for polls in 0..14 {
        let (mut sim, _, result) = attest_later(Sim::new(config(V1_3)), polls);
        assert!(result.is_none(), "{polls}");
        assert_eq!(sim.requests.len(), polls / 2);
        sim.abandon();
        assert!(crate::sim::attest(&mut sim).is_ok(), "{polls}");
    }
}

/// Writes down what it sees.
#[derive(Default)]
struct Notes {
    accepted: Vec<(Vec<u8>, Vec<u8>)>,
    rejected: Vec<(Vec<u8>, Error)>,
    stages: Vec<Stage>,
}

impl Sink for Notes {
    fn accepted(&mut self, exchange: Exchange<'_>, verdict: &Accepted<'_, '_>, to: &Connection) {
        let response = exchange.response.into_inner_less_safe().to_vec();
        assert_eq!(matches!(verdict, Accepted::Error(_)), response[1] == 0x7F);
        self.accepted.push((exchange.request.to_vec(), response));
        self.stages.push(to.stage());
    }

    fn rejected(&mut self, exchange: Exchange<'_>, error: &Error) {
        self.rejected.push((exchange.request.to_vec(), *error));
    }
}

#[test]
fn n32_the_sink_sees_the_bytes_of_the_wire() {
    for version in SpdmVersion::ALL {
        for fault in [None, Some(Fault::BusyOnce), Some(Fault::BadSignature)] {
            let mut sim = Sim::new(config(version));
            sim.device.set_faults(fault.into_iter().collect());
            let mut notes = Notes::default();
            let result = with_policy(&mut sim, |sim, policy| {
                let mut memory = Memory::new();
                let requester = requester(&mut memory, sim).with_sink(&mut notes);
                crate::sim::attest_by(requester, sim, AttestationPlan::new(policy))
            });
            let wire = sim.requests.iter().cloned().zip(sim.responses.iter().cloned());
            let mut wire: Vec<_> = wire.collect();
            if fault == Some(Fault::BadSignature) {
                let error = Error::Signature { message: "CHALLENGE_AUTH" };
                let (request, _) = wire.pop().unwrap();
                assert_eq!(result, Err(error));
                assert_eq!(notes.rejected, [(request, error)], "{version}");
            } else {
                assert!(result.is_ok(), "{version}: {result:?}");
                assert!(notes.rejected.is_empty());
            }
            assert_eq!(notes.accepted, wire, "{version} {fault:?}");
            let negotiation = [Stage::AfterVersion, Stage::AfterCapabilities, Stage::Negotiated];
            assert_eq!(notes.stages[..3], negotiation);
        }
    }
}

fn abandon(flow: Flow<'_, Attest<'_, '_, '_>>) {
    drop(flow.abandon());
}

fn finish_early(flow: Flow<'_, Attest<'_, '_, '_>>) {
    assert_eq!(flow.finish().unwrap_err().error, Error::Misuse(Misuse::Unfinished));
}

/// A caller that stops in between gets nothing of what was to be signed later.
#[test]
fn nothing_of_measurements_stays_where_a_flow_is_given_up() {
    let ways: [fn(Flow<'_, Attest<'_, '_, '_>>); 2] = [abandon, finish_early];
    for give_up in ways {
        let mut sim = Sim::new(config(V1_3));
        with_policy(&mut sim, |sim, policy| {
            let mut memory = Memory::new();
            let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
            let mut plan = AttestationPlan::new(policy);
            plan.selection = Selection::Indices(&[1, 2]);
            let mut flow = requester(&mut memory, sim).attest(plan, &mut chain, &mut record);
            while sim.codes().last() != Some(&Code::GET_MEASUREMENTS) {
                assert!(turn(&mut flow, sim).unwrap());
            }
            assert!(turn(&mut flow, sim).unwrap());
            give_up(flow);
            assert!(record.iter().all(|byte| *byte == 0));
        });
    }
}
