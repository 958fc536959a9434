//! Messages that are lost, late, doubled or in another order, and devices that never end.

use core::time::Duration;

use crate::sim::cause::Cause;
use crate::sim::failed::{Failed, Remains, Setup, fail_with};
use crate::sim::{FLOW, Sim, SimError, attest_with, config, until};
use spdm_codec::{Code, SpdmVersion};
use spdm_emulator::{Act, DeviceConfig, Fault, ScriptStep, When};
use spdm_requester::{AttestationPlan, Bound, Bounds, Error};
use spdm_transport::Clock;

fn scripted(version: SpdmVersion, request: Code, when: When, act: Act) -> Sim {
    Sim::new(DeviceConfig { script: vec![ScriptStep::new(request, when, act)], ..config(version) })
}

fn resending(resends: u8) -> Bounds {
    let mut bounds = Bounds::default();
    bounds.resends = resends;
    bounds
}

/// Attests with so many resends.
fn attest(sim: &mut Sim, resends: u8) -> Result<Vec<u8>, Error> {
    crate::sim::with_policy(sim, |sim, policy| {
        let mut memory = crate::sim::Memory::new();
        let requester = crate::sim::requester(&mut memory, sim).with_bounds(resending(resends));
        crate::sim::attest_by(requester, sim, AttestationPlan::new(policy))
    })
}

fn micros(sim: &Sim) -> u64 {
    sim.clock.now().as_micros()
}

const fn timeout_of(request: Code) -> u64 {
    match request {
        Code::GET_VERSION | Code::GET_CAPABILITIES | Code::NEGOTIATE_ALGORITHMS => 1_100_000,
        _ => 2_000_000,
    }
}

#[test]
fn n27_a_lost_request_is_sent_again_byte_for_byte() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            for lost in [1, 3] {
                let mut sim = scripted(version, request, When::Before(lost), Act::LoseRequest);
                let resends = u8::try_from(lost).unwrap();
                assert!(attest(&mut sim, resends).is_ok(), "{version} {request} {lost}");
                let sent: Vec<_> = sim.requests.iter().filter(|r| r[1] == request.0).collect();
                assert_eq!(sent.len(), usize::try_from(lost).unwrap() + 1);
                assert!(sent.iter().all(|again| *again == sent[0]));
                assert_eq!(sim.requests.len(), FLOW.len() + usize::try_from(lost).unwrap());
                assert_eq!(micros(&sim), u64::from(lost) * timeout_of(request));
                // Each time the transport was told to drop what may still come.
                assert_eq!(sim.abandoned, usize::try_from(lost).unwrap());
            }
        }
    }
}

#[test]
fn n27_resends_are_bounded() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            for resends in [0, 1, 4] {
                let mut sim = scripted(version, request, When::Always, Act::LoseRequest);
                let setup = Setup { bounds: resending(resends), ..Setup::default() };
                let failed = fail_with(&mut sim, setup);
                let mut codes = until(request).to_vec();
                codes.extend(vec![request; resends.into()]);
                let cause = Ok(Cause::Other(Error::Timeout { request }));
                assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
                assert_eq!(micros(&sim), (u64::from(resends) + 1) * timeout_of(request));
            }
        }
    }
}

#[test]
fn n27_a_lost_response_is_asked_for_again() {
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let mut sim = scripted(version, request, When::Nth(0), Act::LoseResponse);
            let result = attest(&mut sim, 1);
            if request == Code::GET_CERTIFICATE {
                // The device has the exchange twice in its transcript: that shows, and nothing is believed.
                let expected = Error::Signature { message: "CHALLENGE_AUTH" };
                assert_eq!(result, Err(expected), "{version}");
            } else {
                assert!(result.is_ok(), "{version} {request} {result:?}");
                assert_eq!(sim.requests.len(), FLOW.len() + 1);
            }
        }
    }
}

/// A device that is not ready once, and what happens to the first RESPOND_IF_READY.
fn not_ready(version: SpdmVersion, request: Code, when: When, act: Act) -> Sim {
    Sim::new(DeviceConfig {
        faults: vec![Fault::NotReadyOnce],
        fault_target: Some(request),
        script: vec![ScriptStep::new(Code::RESPOND_IF_READY, when, act)],
        ..config(version)
    })
}

/// [`until`] a request whose answer is not ready, and then so many RESPOND_IF_READY.
fn asked_again(request: Code, times: usize) -> Vec<Code> {
    let mut codes = until(request).to_vec();
    codes.extend(vec![Code::RESPOND_IF_READY; times]);
    codes
}

/// Those that the negotiation does not have.
const DEFERRED: [Code; 4] =
    [Code::GET_DIGESTS, Code::GET_CERTIFICATE, Code::CHALLENGE, Code::GET_MEASUREMENTS];
/// RDT of the emulated device in microseconds.
const RDT: u64 = 1 << 10;

#[test]
fn n27_respond_if_ready_is_sent_again_byte_for_byte() {
    for version in SpdmVersion::ALL {
        for request in DEFERRED {
            for (act, lost) in [Act::LoseRequest, Act::LoseResponse]
                .into_iter()
                .flat_map(|act| [1_u8, 3].map(|lost| (act.clone(), lost)))
            {
                let mut sim = not_ready(version, request, When::Before(lost.into()), act.clone());
                let result = attest(&mut sim, lost);
                let mut codes = asked_again(request, usize::from(lost) + 1);
                let again: Vec<_> =
                    sim.requests.iter().filter(|r| r[1] == Code::RESPOND_IF_READY.0).collect();
                let expected = [version.to_byte(), 0xFF, request.0, 0x5A];
                assert!(again.iter().all(|again| **again == expected), "{version} {request}");
                assert_eq!(micros(&sim), RDT + u64::from(lost) * timeout_of(request));
                assert_eq!(sim.abandoned, usize::from(lost));
                if (request, act) == (Code::GET_CERTIFICATE, Act::LoseResponse) {
                    // The device has it in its transcript more often than the requester.
                    assert_eq!(result, Err(Error::Signature { message: "CHALLENGE_AUTH" }));
                    codes.push(Code::CHALLENGE);
                } else {
                    assert!(result.is_ok(), "{version} {request} {result:?}");
                    codes.extend(&FLOW[until(request).len()..]);
                }
                assert_eq!(sim.codes(), codes, "{version}");
            }
        }
    }
}

#[test]
fn n27_resends_of_respond_if_ready_are_bounded() {
    for version in SpdmVersion::ALL {
        for request in DEFERRED {
            for resends in [0, 1, 4] {
                let mut sim = not_ready(version, request, When::Always, Act::LoseResponse);
                let setup = Setup { bounds: resending(resends), ..Setup::default() };
                let failed = fail_with(&mut sim, setup);
                let codes = asked_again(request, usize::from(resends) + 1);
                let cause = Ok(Cause::Other(Error::Timeout { request }));
                assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
                assert_eq!(micros(&sim), RDT + (u64::from(resends) + 1) * timeout_of(request));
            }
        }
    }
}

#[test]
fn n27_a_late_response_is_not_the_answer_to_the_next_request() {
    // The transport keeps it away once the exchange was abandoned.
    for version in SpdmVersion::ALL {
        for request in FLOW {
            let late = Duration::from_micros(timeout_of(request) + 1);
            let mut sim = scripted(version, request, When::Nth(0), Act::Delay(late));
            let result = attest(&mut sim, 1);
            assert_eq!(result.is_ok(), request != Code::GET_CERTIFICATE, "{version} {request}");
            // In time, to the microsecond.
            let in_time = Duration::from_micros(timeout_of(request));
            let mut sim = scripted(version, request, When::Nth(0), Act::Delay(in_time));
            assert!(attest(&mut sim, 0).is_ok(), "{version} {request}");
            assert_eq!(sim.requests.len(), FLOW.len());
        }
    }
}

#[test]
fn n27_a_duplicate_is_not_the_answer_to_the_next_request() {
    // This transport cannot tell them apart.
    for version in SpdmVersion::ALL {
        for (number, request) in FLOW.into_iter().enumerate() {
            let copy = Act::Duplicate(Duration::ZERO);
            let mut sim = scripted(version, request, When::Nth(0), copy);
            if number + 1 == FLOW.len() {
                assert!(attest(&mut sim, 0).is_ok());
                continue;
            }
            let failed = fail_with(&mut sim, Setup::default());
            assert!(matches!(failed.cause, Ok(Cause::Decode { at: 0 | 1, .. })), "{failed:?}");
            assert_eq!(failed.remains, Remains::Fresh);
            assert_eq!(failed.codes, FLOW[..number + 2]);
        }
        // A duplicate of the same kind: the first portion again in place of the second.
        let copy = Act::Duplicate(Duration::ZERO);
        let mut sim = scripted(version, Code::GET_CERTIFICATE, When::Nth(0), copy);
        sim.limits = spdm_transport::Limits::new(0x1000, 0x200);
        let failed = fail_with(&mut sim, Setup::default());
        let remainder = "RemainderLength";
        assert!(
            matches!(failed.cause, Ok(Cause::Misbehaved { field, .. }) if field == remainder),
            "{failed:?}"
        );
    }
}

#[test]
fn n27_stale_responses() {
    for version in SpdmVersion::ALL {
        for (number, request) in FLOW.into_iter().enumerate().skip(1) {
            let mut sim = scripted(version, request, When::Nth(0), Act::Stale);
            let failed = fail_with(&mut sim, Setup::default());
            assert!(matches!(failed.cause, Ok(Cause::Decode { at: 0 | 1, .. })), "{failed:?}");
            assert_eq!(failed.codes, FLOW[..=number]);
        }
    }
}

#[test]
fn n27_a_connection_that_breaks() {
    for version in SpdmVersion::ALL {
        for (number, request) in FLOW.into_iter().enumerate() {
            let mut sim = scripted(version, request, When::Nth(0), Act::Disconnect);
            let failed = fail_with(&mut sim, Setup::default());
            assert_eq!(failed.cause, Err(SimError::Disconnected));
            assert_eq!(failed.codes, FLOW[..=number]);
            assert_eq!(sim.abandoned, 1);
        }
    }
}

// Devices that never end: each stops at the caller's bound, after exactly so many requests.

#[test]
fn linux_w15_one_byte_per_portion() {
    for version in SpdmVersion::ALL {
        for round_trips in [5, 40, 256] {
            let mut bounds = Bounds::default();
            bounds.round_trips = round_trips;
            let mut sim =
                Sim::new(DeviceConfig { faults: vec![Fault::OneBytePortions], ..config(version) });
            let failed = fail_with(&mut sim, Setup { bounds, ..Setup::default() });
            let cause = Ok(Cause::Other(Error::Bound(Bound::RoundTrips(round_trips))));
            let mut codes = until(Code::GET_DIGESTS).to_vec();
            codes.resize(round_trips.into(), Code::GET_CERTIFICATE);
            assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
        }
        // Or bytes: the fourth portion exceeds what eight responses have.
        let mut bounds = Bounds::default();
        let header: u32 = if version == SpdmVersion::V1_4 { 16 } else { 8 };
        let mut sim =
            Sim::new(DeviceConfig { faults: vec![Fault::OneBytePortions], ..config(version) });
        let capabilities = if version >= SpdmVersion::V1_2 { 20 } else { 12 };
        bounds.bytes = 8 + capabilities + 36 + 36 + 4 * (header + 1) - 1;
        let failed = fail_with(&mut sim, Setup { bounds, ..Setup::default() });
        let cause = Ok(Cause::Other(Error::Bound(Bound::Bytes(bounds.bytes))));
        let mut codes = until(Code::GET_DIGESTS).to_vec();
        codes.resize(8, Code::GET_CERTIFICATE);
        assert_eq!(failed, Failed { cause, remains: Remains::Fresh, codes }, "{version}");
    }
}

#[test]
fn n27_every_answer_is_late_but_in_time() {
    // The time of the whole operation ends it: 60 s of answers that take 2 s each.
    for version in SpdmVersion::ALL {
        let mut sim = scripted(
            version,
            Code::GET_CERTIFICATE,
            When::Always,
            Act::Delay(Duration::from_secs(2)),
        );
        sim.device.set_faults(vec![Fault::OneBytePortions]);
        let failed = fail_with(&mut sim, Setup::default());
        let request = Code::GET_CERTIFICATE;
        let cause = match failed.cause {
            Ok(Cause::Other(Error::Timeout { .. })) => Error::Timeout { request },
            _ => Error::Bound(Bound::Time(60_000)),
        };
        assert_eq!(failed.cause, Ok(Cause::Other(cause)));
        let portions = failed.codes.iter().filter(|code| **code == request).count();
        assert_eq!(portions, 31, "{version}");
        assert_eq!(micros(&sim), 60_000_000);
    }
}

#[test]
fn n27_not_ready_later_than_wt_max() {
    // RDT of 4.2 s and RDTM of 2: the response is kept until 8.4 s, a round trip takes one of them.
    let not_ready = |request: Code| Act::Refuse {
        code: spdm_codec::ErrorCode::RESPONSE_NOT_READY,
        data: 0,
        extended: vec![22, request.0, 0x5A, 2],
    };
    for version in SpdmVersion::ALL {
        for (late, expected) in [
            (4_194_304, Code::RESPOND_IF_READY),
            (7_388_608, Code::RESPOND_IF_READY),
            (7_388_609, Code::CHALLENGE),
        ] {
            let request = Code::CHALLENGE;
            let mut sim = scripted(version, request, When::Nth(0), not_ready(request));
            let codes = drive_late(&mut sim, late);
            assert_eq!(codes[..6], FLOW[..6]);
            assert_eq!(codes[6], expected, "{version} {late}");
        }
    }
}

/// Attests with a driver that sleeps `late` microseconds wherever it has to wait, and stops there.
fn drive_late(sim: &mut Sim, late: u64) -> Vec<Code> {
    use spdm_requester::Step;
    use spdm_transport::{Instant, MessageKind, Transport};
    crate::sim::with_policy(sim, |sim, policy| {
        let mut memory = crate::sim::Memory::new();
        let (mut chain, mut record) = (vec![0; 0x4000], vec![0; 0x1000]);
        let mut flow = crate::sim::requester(&mut memory, sim).attest(
            AttestationPlan::new(policy),
            &mut chain,
            &mut record,
        );
        let mut waited = false;
        loop {
            let now = sim.clock.now();
            match flow.poll(now).unwrap() {
                Step::Transmit(token) => {
                    sim.send(MessageKind::Plain, token.bytes(), token.timeout()).unwrap();
                    token.sent(now);
                    if waited {
                        return sim.codes();
                    }
                }
                Step::Receive(mut token) => {
                    let timeout = token.deadline().since(now);
                    let received = sim.receive(token.buffer(), timeout).unwrap().unwrap();
                    token.received(now, received).unwrap();
                }
                Step::Wait { until } => {
                    assert!(until <= Instant::from_micros(now.as_micros() + late));
                    sim.clock.sleep_until(Instant::from_micros(now.as_micros() + late));
                    waited = true;
                }
                Step::Done => panic!("nobody was busy"),
            }
        }
    })
}

#[test]
fn n22_n27_the_same_device_again() {
    // What was lost before does not reach the next connection.
    for version in SpdmVersion::ALL {
        let mut sim = scripted(version, Code::CHALLENGE, When::Nth(0), Act::LoseResponse);
        assert!(attest(&mut sim, 0).is_err());
        let again = crate::sim::with_policy(&mut sim, |sim, policy| {
            attest_with(sim, AttestationPlan::new(policy))
        });
        assert!(again.is_ok(), "{version}");
    }
}
