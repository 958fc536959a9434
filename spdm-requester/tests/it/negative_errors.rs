//! N27 and N28: ERROR, delays, and everything that bounds an attestation.

use core::time::Duration;

use crate::sim::cause::{Cause, refused, truncated, unexpected, wrong};
use crate::sim::failed::{Failed, Remains, Setup, assert_kept, assert_lost, fail, fail_with};
use crate::sim::{
    FLOW, Memory, Sim, SimError, V1_2, attacked, attest, config, faulty_at, until, with_policy,
};
use spdm_codec::{Code, ErrorCode, Expected, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashError, NoRandom, Provider};
use spdm_emulator::{DeviceConfig, Fault};
use spdm_requester::{
    AttestationPlan, Bound, Bounds, Buffer, Connection, Error, Misuse, Recovered, Requester,
    RunError, Storage, blocking,
};
use spdm_transport::{Clock, Limits, MessageKind, Received, Transport};

/// Requests behind the negotiation.
const LATER: [Code; 4] =
    [Code::GET_DIGESTS, Code::GET_CERTIFICATE, Code::CHALLENGE, Code::GET_MEASUREMENTS];
const NEGOTIATION: [Code; 3] =
    [Code::GET_VERSION, Code::GET_CAPABILITIES, Code::NEGOTIATE_ALGORITHMS];

const fn bound(bound: Bound) -> Cause {
    Cause::Other(Error::Bound(bound))
}

/// A device that answers a request with these bytes behind its version.
fn answering(version: SpdmVersion, request: Code, bytes: &[u8]) -> Sim {
    let bytes = [&[version.to_byte()], bytes].concat();
    attacked(version, request, move |response| response.clone_from(&bytes))
}

/// [`FLOW`] up to `at`, and behind it other requests.
fn until_and(at: Code, more: impl IntoIterator<Item = Code>) -> Vec<Code> {
    until(at).iter().copied().chain(more).collect()
}

/// What the simulated requester receives in one message.
fn room(version: SpdmVersion, request: Code) -> usize {
    // From 1.2 on the header of a last chunk has room, too.
    if version >= V1_2 && request != Code::GET_VERSION { 0x2000 - 64 - 16 } else { 0x2000 - 64 }
}

fn micros(sim: &Sim) -> u64 {
    sim.clock.now().as_micros()
}

// N27: codes and extended data.

#[test]
fn n27_linux_w19_every_error_code() {
    for version in [SpdmVersion::V1_0, SpdmVersion::V1_3] {
        for code in (0..=0xFF).map(ErrorCode) {
            let request = Code::GET_DIGESTS;
            let sim = answering(version, request, &[0x7F, code.0, 0x5C]);
            let extended = |field, needed| truncated("ERROR", field, 4, needed, 0);
            match code {
                ErrorCode::BUSY | ErrorCode::REQUEST_IN_FLIGHT => {
                    let failed = fail(&mut { sim });
                    let codes = until_and(request, [request; 5]);
                    let cause = Ok(bound(Bound::Busy(5)));
                    assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes });
                }
                ErrorCode::RESPONSE_NOT_READY => {
                    assert_lost(sim, request, extended("RDTExponent", 1));
                }
                ErrorCode::LARGE_RESPONSE => assert_lost(sim, request, extended("Handle", 1)),
                ErrorCode::DATA_TOO_LARGE => assert_lost(sim, request, extended("Length", 4)),
                ErrorCode::REQUEST_RESYNCH => {
                    assert_lost(sim, request, refused(request, code, 0x5C));
                }
                _ => assert_kept(sim, request, refused(request, code, 0x5C)),
            }
        }
    }
}

#[test]
fn n27_a_refusal_keeps_the_connection_once_there_is_one() {
    let code = ErrorCode::INVALID_REQUEST;
    for version in SpdmVersion::ALL {
        for request in NEGOTIATION {
            let sim = answering(version, request, &[0x7F, code.0, 0]);
            assert_lost(sim, request, refused(request, code, 0));
        }
        for request in LATER {
            let sim = answering(version, request, &[0x7F, code.0, 0]);
            assert_kept(sim, request, refused(request, code, 0));
            let sim = faulty_at(version, Fault::UnknownErrorCode, request);
            assert_kept(sim, request, refused(request, ErrorCode(0x99), 0));
        }
    }
}

#[test]
fn n27_linux_w20_version_of_an_error() {
    // A Responder may not know yet, or no more, which version is spoken.
    for version in SpdmVersion::ALL {
        for byte in [0x00, 0x10, 0x14, 0x99] {
            let request = Code::GET_CERTIFICATE;
            let sim = attacked(version, request, move |response| {
                *response = vec![byte, 0x7F, ErrorCode::VERSION_MISMATCH.0, 0];
            });
            assert_kept(sim, request, refused(request, ErrorCode::VERSION_MISMATCH, 0));
        }
    }
}

#[test]
fn n27_linux_w20_errors_that_end_early() {
    let fields = ["RDTExponent", "RequestCode", "Token", "RDTM"];
    for version in SpdmVersion::ALL {
        for request in LATER {
            let whole = [version.to_byte(), 0x7F, 0x42, 0, 10, request.0, 0x5A, 2];
            for len in 4..whole.len() {
                let sim = attacked(version, request, move |response| {
                    *response = whole[..len].to_vec();
                });
                let cause = truncated("ERROR", fields[len - 4], len, 1, 0);
                assert_lost(sim, request, cause);
            }
            let sim = faulty_at(version, Fault::TruncatedError, request);
            assert_lost(sim, request, truncated("ERROR", "Token", 6, 1, 0));
        }
        for len in 2..4 {
            let request = Code::GET_DIGESTS;
            let sim = attacked(version, request, move |response| {
                *response = vec![0x10, 0x7F, 0x01][..len].to_vec();
            });
            let field = if len == 2 { "Param1" } else { "Param2" };
            assert_lost(sim, request, truncated("message", field, len, 1, 0));
        }
    }
}

// N27: ResponseNotReady.

#[test]
fn n27_response_not_ready_that_makes_no_sense() {
    for version in SpdmVersion::ALL {
        for request in LATER {
            let exactly = Expected::Exactly(request.0.into());
            let cause = wrong("ERROR", "RequestCode", exactly, (request.0 ^ 1).into());
            assert_lost(faulty_at(version, Fault::NotReadyWrongCode, request), request, cause);
            for (fault, got) in [(Fault::NotReadyRdtm0, 0), (Fault::NotReadyRdtm1, 1)] {
                let cause = wrong("ERROR", "RDTM", Expected::AtLeast(2), got);
                assert_lost(faulty_at(version, fault, request), request, cause);
            }
            let cause = |got| wrong("ERROR", "RDTExponent", Expected::AtMost(31), got);
            assert_lost(faulty_at(version, Fault::RdtExponent255, request), request, cause(255));
            for exponent in [32, 63, 64] {
                let bytes = [0x7F, 0x42, 0, exponent, request.0, 0x5A, 2];
                let sim = answering(version, request, &bytes);
                assert_lost(sim, request, cause(exponent.into()));
            }
        }
    }
}

#[test]
fn n27_n10_a_delay_beyond_all_patience() {
    for version in SpdmVersion::ALL {
        // 2^31 microseconds are legal, but nobody waits for them, not even until the time is up.
        let request = Code::CHALLENGE;
        let bytes = [0x7F, 0x42, 0, 31, request.0, 0x5A, 2];
        let mut sim = answering(version, request, &bytes);
        let clock = sim.clock.clone();
        let failed = fail(&mut sim);
        assert_eq!(failed.cause, Ok(bound(Bound::Time(60_000))), "{version}");
        assert_eq!(failed.codes, until(request));
        assert_eq!(clock.now().as_micros(), 0);
    }
}

#[test]
fn n27_never_ready() {
    for version in SpdmVersion::ALL {
        for request in LATER {
            for most in [5, 0, 2] {
                let mut bounds = Bounds::default();
                bounds.not_ready = most;
                let mut sim = faulty_at(version, Fault::NotReadyForever, request);
                let failed = fail_with(&mut sim, Setup { bounds, ..Setup::default() });
                let codes = until_and(request, vec![Code::RESPOND_IF_READY; most.into()]);
                let cause = Ok(bound(Bound::NotReady(most)));
                assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
                // RDT each time, and not a microsecond more.
                assert_eq!(micros(&sim), u64::from(most) << 10);
            }
        }
    }
}

#[test]
fn n27_respond_if_ready_names_request_and_token() {
    for version in SpdmVersion::ALL {
        for request in LATER {
            let mut sim = faulty_at(version, Fault::NotReadyOnce, request);
            assert!(attest(&mut sim).is_ok(), "{version} {request}");
            let at = sim.codes().iter().position(|code| *code == Code::RESPOND_IF_READY).unwrap();
            assert_eq!(sim.requests[at], [version.to_byte(), 0xFF, request.0, 0x5A]);
            assert_eq!(Code(sim.requests[at - 1][1]), request);
        }
    }
}

#[test]
fn n27_busy_while_not_ready() {
    for version in SpdmVersion::ALL {
        // The request itself is sent again; neither count starts anew.
        let request = Code::CHALLENGE;
        let mut sim = faulty_at(version, Fault::NotReadyOnce, request);
        sim.tamper(Code::RESPOND_IF_READY, |response| {
            *response = vec![response[0], 0x7F, ErrorCode::BUSY.0, 0];
        });
        let failed = fail(&mut sim);
        let mut codes = until(Code::GET_CERTIFICATE).to_vec();
        for _ in 0..5 {
            codes.extend([request, Code::RESPOND_IF_READY]);
        }
        codes.push(request);
        let cause = Ok(bound(Bound::NotReady(5)));
        assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
    }
}

#[test]
fn n27_large_response_without_chunks() {
    for version in SpdmVersion::ALL {
        for request in LATER {
            let sim = faulty_at(version, Fault::LargeResponse, request);
            assert_lost(sim, request, unexpected("ERROR", "LargeResponse"));
        }
    }
}

// N27: Busy.

#[test]
fn n27_always_busy() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            for most in [5, 0, 1] {
                let mut bounds = Bounds::default();
                bounds.busy = most;
                let mut sim = faulty_at(version, Fault::AlwaysBusy, request);
                let failed = fail_with(&mut sim, Setup { bounds, ..Setup::default() });
                let codes = until_and(request, vec![request; most.into()]);
                let cause = Ok(bound(Bound::Busy(most)));
                assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
                assert_eq!(micros(&sim), ((1 << most) - 1) * 50_000);
            }
        }
    }
}

#[test]
fn n27_linux_w33_busy_and_not_ready_leave_no_trace_in_the_transcripts() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let mut sim = faulty_at(version, Fault::BusyOnce, request);
            assert!(attest(&mut sim).is_ok(), "{version} {request}");
            let at = sim.codes().iter().position(|code| *code == request).unwrap();
            assert_eq!(sim.requests[at], sim.requests[at + 1], "{version} {request}");
            assert_eq!(sim.requests.len(), 8);
        }
        for request in LATER {
            let mut sim = faulty_at(version, Fault::NotReadyOnce, request);
            assert!(attest(&mut sim).is_ok(), "{version} {request}");
            assert_eq!(sim.requests.len(), 8);
        }
    }
}

// N28: RequestResynch.

#[test]
fn n28_resynch_wipes_the_connection() {
    // What is left afterwards is checked by all tests that fail.
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let sim = faulty_at(version, Fault::Resynch, request);
            assert_lost(sim, request, refused(request, ErrorCode::REQUEST_RESYNCH, 0));
        }
    }
}

// Bounds.

#[test]
fn n27_no_answer() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let mut sim = faulty_at(version, Fault::Silent, request);
            let failed = fail(&mut sim);
            let codes = until(request).to_vec();
            let cause = Ok(Cause::Other(Error::Timeout { request }));
            assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
            // A late answer must not be taken for the next one.
            assert_eq!(sim.abandoned, 1);
            // One second on the way; then ST1 of 100 ms, or one second for cryptography.
            let expected = if NEGOTIATION.contains(&request) { 1_100_000 } else { 2_000_000 };
            assert_eq!(micros(&sim), expected, "{version} {request}");
        }
    }
}

#[test]
fn n27_n10_no_answer_from_a_slow_device() {
    for version in SpdmVersion::ALL {
        for (ct_exponent, expected) in [
            (19, 2_000_000),
            (20, 1_000_000 + (1 << 20)),
            (22, 1_000_000 + (1 << 22)),
            // Beyond the time of the whole operation.
            (31, 60_000_000),
        ] {
            let request = Code::CHALLENGE;
            let mut sim = Sim::new(DeviceConfig {
                ct_exponent,
                faults: vec![Fault::Silent],
                fault_target: Some(request),
                ..config(version)
            });
            let failed = fail(&mut sim);
            assert_eq!(failed.cause, Ok(Cause::Other(Error::Timeout { request })));
            assert_eq!(failed.codes, until(request));
            assert_eq!(micros(&sim), expected, "{version} {ct_exponent}");
        }
    }
}

#[test]
fn n27_time_of_the_whole_attestation() {
    for version in SpdmVersion::ALL {
        // A pause that ends behind the end is not even begun.
        for (millis, pauses) in [(49, 0_u32), (50, 1), (149, 1), (150, 2)] {
            let mut bounds = Bounds::default();
            bounds.time = Duration::from_millis(millis);
            let mut sim = faulty_at(version, Fault::AlwaysBusy, Code::GET_DIGESTS);
            let failed = fail_with(&mut sim, Setup { bounds, ..Setup::default() });
            let codes = until_and(
                Code::GET_DIGESTS,
                vec![Code::GET_DIGESTS; usize::try_from(pauses).unwrap()],
            );
            let cause = Ok(bound(Bound::Time(u32::try_from(millis).unwrap())));
            assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
            assert_eq!(micros(&sim), ((1 << pauses) - 1) * 50_000);
        }
        let mut bounds = Bounds::default();
        bounds.time = Duration::MAX;
        let mut sim = faulty_at(version, Fault::Silent, Code::GET_DIGESTS);
        let failed = fail_with(&mut sim, Setup { bounds, ..Setup::default() });
        let request = Code::GET_DIGESTS;
        assert_eq!(failed.cause, Ok(Cause::Other(Error::Timeout { request })));
    }
}

#[test]
fn n27_messages_of_the_whole_attestation() {
    for version in SpdmVersion::ALL {
        for (most, at) in FLOW.into_iter().enumerate() {
            let mut bounds = Bounds::default();
            bounds.round_trips = u16::try_from(most).unwrap();
            let setup = Setup { bounds, ..Setup::default() };
            let failed = fail_with(&mut Sim::new(config(version)), setup);
            let cause = Ok(bound(Bound::RoundTrips(bounds.round_trips)));
            let codes = FLOW[..most].to_vec();
            assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{at}");
        }
    }
}

// Transports.

/// A transport that claims to have sent or received what it did not.
struct Liar {
    sim: Sim,
    at: Code,
    lie: fn(Received, usize) -> Received,
}

impl Transport for Liar {
    type Error = SimError;

    fn limits(&self) -> Limits {
        self.sim.limits
    }

    fn send(&mut self, kind: MessageKind, m: &[u8], timeout: Duration) -> Result<(), SimError> {
        self.sim.send(kind, m, timeout)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, SimError> {
        let received = self.sim.receive(buffer, timeout)?;
        let now = self.sim.codes().last() == Some(&self.at);
        Ok(received.map(|received| if now { (self.lie)(received, buffer.len()) } else { received }))
    }

    fn abandon(&mut self) {
        self.sim.abandon();
    }
}

fn lied_to(
    version: SpdmVersion,
    at: Code,
    lie: fn(Received, usize) -> Received,
) -> (Cause, Vec<Code>) {
    let mut sim = Sim::new(config(version));
    // Far less than the message buffer has.
    sim.limits = Limits::new(0x1000, 0x900);
    let mut liar = Liar { sim, at, lie };
    let anchors = liar.sim.device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| spdm_x509::Anchor::Certificate(root)).collect();
    let validity = spdm_x509::ValidityCheck::At(crate::sim::NOW);
    let policy = spdm_x509::Policy::new(&PROVIDER, &anchors, validity);
    let mut memory = Memory::new();
    let requester = Requester::new(PROVIDER, memory.storage(), liar.limits());
    let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
    let flow = requester.attest(AttestationPlan::new(&policy), &mut chain, &mut record);
    let clock = liar.sim.clock.clone();
    let Err(failure) = blocking::run(flow, &mut liar, &clock) else { panic!("{version} {at}") };
    assert!(matches!(failure.requester, Recovered::Fresh(_)));
    assert!(record.iter().all(|byte| *byte == 0));
    (crate::sim::error_of(failure.error).into(), liar.sim.codes())
}

#[test]
fn n06_linux_w16b_a_transport_that_received_more_than_the_buffer_holds() {
    let overrun = Cause::Other(Error::Misuse(Misuse::Overrun));
    for version in SpdmVersion::ALL {
        for at in FLOW {
            let lies: [fn(Received, usize) -> Received; 3] = [
                |received, room| Received { len: room + 1, ..received },
                |received, _| Received { len: 0x2000 - 63, ..received },
                |received, _| Received { len: usize::MAX, ..received },
            ];
            for lie in lies {
                let (cause, codes) = lied_to(version, at, lie);
                assert_eq!((cause, codes.as_slice()), (overrun, until(at)), "{version}");
            }
        }
    }
}

#[test]
fn n27_a_secured_message_without_a_session() {
    for version in SpdmVersion::ALL {
        for at in FLOW {
            let secured = |received, _| Received { kind: MessageKind::Secured, ..received };
            let (cause, codes) = lied_to(version, at, secured);
            let expected = unexpected("response", "secured message");
            assert_eq!((cause, codes.as_slice()), (expected, until(at)), "{version}");
        }
    }
}

#[test]
fn n27_a_transport_that_fails() {
    // In every exchange; the driver gives the exchange up.
    for version in SpdmVersion::ALL {
        for at in FLOW {
            let mut sim = attacked(version, at, |response| response.resize(0x1_0000, 0));
            let failed = fail(&mut sim);
            let cause = Err(SimError::TooLong { len: 0x1_0000, room: room(version, at) });
            let codes = until(at).to_vec();
            assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes });
            assert_eq!(sim.abandoned, 1);
        }
    }
}

// What the caller lends.

/// How an attestation with this memory and provider fails.
fn attest_in(sim: &mut Sim, storage: Storage<'_>, provider: Provider) -> Cause {
    with_policy(sim, |sim, policy| {
        let requester = Requester::new(provider, storage, sim.limits);
        let plan = AttestationPlan::new(policy);
        crate::sim::attest_by(requester, sim, plan).unwrap_err().into()
    })
}

#[test]
fn n06_a_message_buffer_that_is_too_small() {
    for version in SpdmVersion::ALL {
        let mut hashes = Bank::<Running, 2>::new();
        // The longest request and the smallest response do not fit.
        for len in [0, 63, 64 + 41] {
            let mut sim = Sim::new(config(version));
            let cause = attest_in(
                &mut sim,
                Storage::new(&mut vec![0; len], &mut hashes, &mut Connection::default()),
                PROVIDER,
            );
            let error = Error::BufferTooSmall { buffer: Buffer::Message, needed: 64 + 42, len };
            assert_eq!(cause, Cause::Other(error), "{version}");
            assert_eq!(sim.codes(), []);
        }
        if version >= V1_2 {
            let mut message = [0; 64 + 16 + 41];
            let cause = attest_in(
                &mut Sim::new(config(version)),
                Storage::new(&mut message, &mut hashes, &mut Connection::default()),
                PROVIDER,
            );
            let len = 64 + 16 + 41;
            let error = Error::BufferTooSmall { buffer: Buffer::Message, needed: len + 1, len };
            assert_eq!(cause, Cause::Other(error), "{version}");
            // Enough to negotiate and to fetch a chain bit by bit; the device says that it is not enough
            // for a signature.
            let mut sim = Sim::new(config(version));
            let mut message = [0; 64 + 16 + 42];
            let cause = attest_in(
                &mut sim,
                Storage::new(&mut message, &mut hashes, &mut Connection::default()),
                PROVIDER,
            );
            let expected = refused(Code::CHALLENGE, ErrorCode::RESPONSE_TOO_LARGE, 0);
            assert_eq!(cause, expected, "{version}");
            assert_eq!(sim.codes().last(), Some(&Code::CHALLENGE));
        }
    }
}

#[test]
fn n20_no_random_numbers() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let mut memory = Memory::new();
        let provider = Provider { random: &NoRandom, ..PROVIDER };
        let cause = attest_in(&mut sim, memory.storage(), provider);
        assert_eq!(cause, Cause::Other(Error::Random));
        assert_eq!(sim.codes(), until(Code::GET_CERTIFICATE));
    }
}

#[test]
fn n21_too_few_running_hashes() {
    for version in SpdmVersion::ALL {
        let mut message = [0; 0x2000];
        let no_place =
            |place, places| Cause::Other(Error::Hash(HashError::NoPlace { place, places }));
        let mut sim = Sim::new(config(version));
        let mut none = Bank::<Running, 0>::new();
        let cause = attest_in(
            &mut sim,
            Storage::new(&mut message, &mut none, &mut Connection::default()),
            PROVIDER,
        );
        assert_eq!(cause, no_place(0, 0));
        assert_eq!(sim.codes(), until(Code::GET_DIGESTS));
        let mut sim = Sim::new(config(version));
        let mut one = Bank::<Running, 1>::new();
        let cause = attest_in(
            &mut sim,
            Storage::new(&mut message, &mut one, &mut Connection::default()),
            PROVIDER,
        );
        assert_eq!(cause, no_place(1, 1));
        assert_eq!(sim.codes(), FLOW);
    }
}

#[test]
fn n06_linux_w25_sizes_of_one_device_do_not_reach_the_next() {
    for version in SpdmVersion::ALL {
        let mut sim = Sim::new(config(version));
        let mut memory = Memory::new();
        let mut requester = crate::sim::requester(&mut memory, &sim);
        let clock = sim.clock.clone();
        let mut first = Vec::new();
        for size in [512, 0x1200, 0x2_0000, 512] {
            sim.device = spdm_emulator::Device::new(DeviceConfig {
                data_transfer_size: size,
                max_spdm_msg_size: size,
                ..config(version)
            })
            .unwrap();
            sim.requests.clear();
            let flow = requester.negotiate();
            let (negotiated, ()) =
                blocking::run(flow, &mut sim, &clock).map_err(|failure| failure.error).unwrap();
            let mut buffer = vec![0; 0x4000];
            let flow = negotiated.fetch_chain(spdm_codec::SlotId::ZERO, &mut buffer);
            let result: Result<_, RunError<SimError>> =
                blocking::run(flow, &mut sim, &clock).map_err(|failure| failure.error);
            requester = result.unwrap().0.restart();
            // All up to the first portion is asked for with our own sizes.
            let requests = sim.requests[..5].to_vec();
            if first.is_empty() {
                first.clone_from(&requests);
            }
            assert_eq!(requests, first, "{version} {size}");
        }
    }
}
