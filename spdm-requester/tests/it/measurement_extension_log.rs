//! P19, P21 and P33: the measurement extension log, as far as it can be believed.

use core::cell::Cell;
use std::rc::Rc;

use crate::sim::cause::{Cause, invalid, refused, truncated, wrong};
use crate::sim::{Memory, Sim, V1_2, V1_3, config, error_of, requester, since};
use spdm_codec::{CapabilityFlags, Code, ErrorCode, Expected, MelSpecification, SpdmVersion};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_emulator::DeviceConfig;
use spdm_requester::{Bound, Bounds, Buffer, Error, Incompatible, Offer, Recovered, blocking};

type F = CapabilityFlags;

const CODE: Code = Code::GET_MEASUREMENT_EXTENSION_LOG;
const MESSAGE: &str = "MEASUREMENT_EXTENSION_LOG";
const LOG: &str = "measurement extension log";

/// Bytes of the emulated device's log.
const LEN: usize = 88;

fn device(version: SpdmVersion) -> DeviceConfig {
    DeviceConfig { more_capabilities: F::MEL_CAP, ..config(version) }
}

/// How a log is fetched.
struct Setup {
    mel: MelSpecification,
    bounds: Bounds,
    /// Bytes that are lent for the log.
    room: usize,
    /// `DataTransferSize` of the requester, or the least of all.
    transfer: u32,
}

impl Default for Setup {
    fn default() -> Self {
        let bounds = Bounds::default();
        Self { mel: MelSpecification::DMTF, bounds, room: 0x1000, transfer: u32::MAX }
    }
}

/// A log: MELIndex of the entries, and how many responses it came in. Or why there is none, and whether the connection
/// lives on.
type Fetched = Result<(Vec<u32>, u32), (Cause, bool)>;

fn fetch_with(sim: &mut Sim, setup: &Setup) -> Fetched {
    let mut memory = Memory::new();
    let clock = sim.clock.clone();
    let mut offer = Offer::everything(&PROVIDER);
    offer.mel_specification = setup.mel;
    offer.data_transfer_size = setup.transfer;
    let requester = requester(&mut memory, sim).with_offer(offer);
    let (requester, ()) = blocking::run(requester.negotiate(), sim, &clock).unwrap();
    let mut buffer = vec![0; setup.room];
    let requester = requester.with_bounds(setup.bounds);
    let flow = requester.fetch_measurement_extension_log(&mut buffer);
    match blocking::run(flow, sim, &clock) {
        Ok((_, fetched)) => {
            let indices: Vec<_> = fetched.log.iter().map(|entry| entry.mel_index).collect();
            assert_eq!(usize::try_from(fetched.log.number_of_entries()), Ok(indices.len()));
            Ok((indices, fetched.responses))
        }
        Err(failure) => {
            let kept = matches!(failure.requester, Recovered::Kept(_));
            let error = error_of(failure.error);
            assert!(buffer.iter().all(|byte| *byte == 0), "half a log: {error}");
            Err((error.into(), kept))
        }
    }
}

fn fetch(sim: &mut Sim) -> Fetched {
    fetch_with(sim, &Setup::default())
}

/// The device behind an attacker who changes each portion; the closure is told the number of the portion.
fn attacked(change: impl Fn(usize, &mut Vec<u8>) + 'static) -> Sim {
    let mut sim = Sim::new(device(V1_3));
    let count = Cell::new(0);
    sim.tamper(CODE, move |response| change(count.replace(count.get() + 1), response));
    sim
}

/// Sets the u32 at this place.
fn set(response: &mut [u8], at: usize, value: u32) {
    response[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// The smallest `DataTransferSize`: portions of 30 bytes.
fn small() -> Setup {
    Setup { transfer: 42, ..Setup::default() }
}

#[test]
fn a_log_in_one_response_and_in_several() {
    for version in since(V1_3) {
        let mut sim = Sim::new(device(version));
        assert_eq!(fetch(&mut sim), Ok((vec![1, 2, 3], 1)));
        let mut sim = Sim::new(device(version));
        assert_eq!(fetch_with(&mut sim, &small()), Ok((vec![1, 2, 3], 3)));
        let asked: Vec<_> = sim.requests.iter().filter(|request| request[1] == CODE.0).collect();
        let whole: Vec<_> = asked.iter().map(|request| (request[4], request[8])).collect();
        assert_eq!(whole, [(0, 30), (30, 30), (60, 28)]);
        // No more is asked for than there is room, and the log fits exactly.
        let mut sim = Sim::new(device(version));
        let exact = Setup { room: LEN, ..Setup::default() };
        assert_eq!(fetch_with(&mut sim, &exact), Ok((vec![1, 2, 3], 1)));
    }
}

#[test]
fn p21_a_log_that_was_not_negotiated_is_not_asked_for() {
    let capability = Cause::Other(Error::Incompatible(Incompatible::Capability("MEL_CAP")));
    let field = "MELspecificationSel";
    let none = Cause::Other(Error::Incompatible(Incompatible::NoAlgorithm { field }));
    let cases = [
        (device(V1_2), MelSpecification::DMTF, capability),
        (config(V1_3), MelSpecification::DMTF, capability),
        (device(V1_3), MelSpecification::empty(), none),
    ];
    for (config, mel, cause) in cases {
        let mut sim = Sim::new(config);
        assert_eq!(fetch_with(&mut sim, &Setup { mel, ..Setup::default() }), Err((cause, true)));
        assert!(!sim.codes().contains(&CODE));
    }
}

#[test]
fn p19_portions() {
    let asked = Expected::Range(1, 0x1000);
    let len = |len: u64| Err((wrong(MESSAGE, "PortionLength", asked, len), false));
    let mut sim = attacked(|_, response| {
        set(response, 4, 0);
        response.truncate(12);
    });
    assert_eq!(fetch(&mut sim), len(0));
    let mut sim = attacked(|_, response| {
        set(response, 4, 0x1001);
        response.resize(12 + 0x1001, 0);
    });
    assert_eq!(fetch(&mut sim), len(0x1001));
    let mut sim = attacked(|_, response| set(response, 4, u32::MAX));
    let cause = truncated(MESSAGE, "MEL", 12, 0xFFFF_FFFF, LEN);
    assert_eq!(fetch(&mut sim), Err((cause, false)));
    let mut sim = attacked(|_, response| response.truncate(11));
    assert_eq!(fetch(&mut sim), Err((truncated(MESSAGE, "RemainderLength", 8, 4, 3), false)));
}

const SHRINKS: Expected =
    Expected::Rule("what is left of a log that does not shrink or pass 4 GiB");

#[test]
fn p19_the_whole_neither_overflows_nor_shrinks() {
    let mut sim = attacked(|_, response| set(response, 8, u32::MAX));
    let cause = wrong(MESSAGE, "RemainderLength", SHRINKS, u32::MAX.into());
    assert_eq!(fetch(&mut sim), Err((cause, false)));
    let mut sim = attacked(|nth, response| {
        if nth == 1 {
            set(response, 8, 27);
        }
    });
    let cause = wrong(MESSAGE, "RemainderLength", SHRINKS, 27);
    assert_eq!(fetch_with(&mut sim, &small()), Err((cause, false)));
    // It may grow, and is complete where its own header says.
    let mut sim = attacked(|nth, response| {
        if nth > 0 {
            set(response, 8, 5000);
        }
    });
    assert_eq!(fetch_with(&mut sim, &small()), Ok((vec![1, 2, 3], 3)));
}

#[test]
fn p19_the_header_of_the_log_lies() {
    // MELEntriesLength is more or less than there is.
    for len in [0, 71, 73, u32::MAX] {
        let mut sim = attacked(move |_, response| set(response, 16, len));
        let whole = Expected::Range(88, 88);
        let cause = wrong(LOG, "length with its header", whole, u64::from(len) + 16);
        assert_eq!(fetch(&mut sim), Err((cause, false)), "{len}");
    }
    // NumberOfEntries.
    for count in [0, 1, 2] {
        let mut sim = attacked(move |_, response| set(response, 12, count));
        let rule = Expected::Rule("entries up to MELEntriesLength");
        let cause = invalid(LOG, "NumberOfEntries", 0, rule, count.into());
        assert_eq!(fetch(&mut sim), Err((cause, false)), "{count}");
    }
    for count in [4, u32::MAX] {
        let mut sim = attacked(move |_, response| set(response, 12, count));
        assert_eq!(fetch(&mut sim), Err((truncated(LOG, "MELIndex", LEN, 4, 0), false)), "{count}");
    }
}

#[test]
fn p19_an_entry_ends_behind_the_log() {
    let mut sim = attacked(|_, response| response[12 + LEN - 7] += 1);
    let cause = truncated(LOG, "DMTFSpecMeasurementValue", LEN - 5, 6, 5);
    assert_eq!(fetch(&mut sim), Err((cause, false)));
    let mut sim = attacked(|_, response| response[12 + LEN - 6] = 0xFF);
    let cause = truncated(LOG, "DMTFSpecMeasurementValue", LEN - 5, 0xFF05, 5);
    assert_eq!(fetch(&mut sim), Err((cause, false)));
}

/// Cuts each portion to so many bytes.
fn in_portions_of(most: usize) -> Sim {
    let mut sim = Sim::new(device(V1_3));
    let have = Rc::new(Cell::new(0));
    let offset = have.clone();
    sim.tamper_request(CODE, move |request| offset.set(usize::from(request[4])));
    sim.tamper(CODE, move |response| {
        let len = most.min(response.len() - 12);
        response.truncate(12 + len);
        set(response, 4, u32::try_from(len).unwrap());
        set(response, 8, u32::try_from(LEN - have.get() - len).unwrap());
    });
    sim
}

#[test]
fn p19_a_header_that_is_split_over_portions() {
    for most in [1, 5, 15, 16, 17] {
        let mut sim = in_portions_of(most);
        let responses = u32::try_from(LEN.div_ceil(most)).unwrap();
        assert_eq!(fetch(&mut sim), Ok((vec![1, 2, 3], responses)), "{most}");
    }
    // One byte at a time for ever: the caller's bound ends it.
    let mut bounds = Bounds::default();
    bounds.round_trips = 20;
    let result = fetch_with(&mut in_portions_of(1), &Setup { bounds, ..Setup::default() });
    assert_eq!(result, Err((Cause::Other(Error::Bound(Bound::RoundTrips(20))), false)));
    // The log ends in its header.
    let mut sim = attacked(|_, response| {
        response.truncate(12 + 15);
        set(response, 4, 15);
        set(response, 8, 0);
    });
    assert_eq!(fetch(&mut sim), Err((truncated(LOG, "Reserved", 8, 8, 7), false)));
}

#[test]
fn p19_a_log_that_is_longer_than_the_memory_for_it() {
    let too_small = |needed, len| {
        let buffer = Buffer::Response;
        Err((Cause::Other(Error::BufferTooSmall { buffer, needed, len }), false))
    };
    for room in [0, 1, 15, 16, LEN - 1] {
        let mut sim = Sim::new(device(V1_3));
        let setup = Setup { room, ..Setup::default() };
        assert_eq!(fetch_with(&mut sim, &setup), too_small(LEN, room));
        assert_eq!(sim.codes().iter().filter(|code| **code == CODE).count(), 1);
    }
    // It grows beyond it while its header arrives.
    let mut sim = attacked(|nth, response| {
        response.truncate(12 + 8);
        set(response, 4, 8);
        set(response, 8, if nth == 0 { 80 } else { 9000 - 16 });
        if nth == 0 {
            set(response, 16, 9000 - 16);
        }
    });
    assert_eq!(fetch(&mut sim), too_small(9000, 0x1000));
}

#[test]
fn what_the_device_cannot_give_it_refuses() {
    let mut sim = Sim::new(device(V1_3));
    sim.tamper(CODE, |response| *response = vec![0x13, 0x7F, ErrorCode::OPERATION_FAILED.0, 0]);
    let cause = refused(CODE, ErrorCode::OPERATION_FAILED, 0);
    assert_eq!(fetch(&mut sim), Err((cause, true)));
    let mut sim = attacked(|_, response| response[0] = 0x12);
    let cause = invalid(MESSAGE, "SPDMVersion", 0, Expected::Exactly(0x13), 0x12);
    assert_eq!(fetch(&mut sim), Err((cause, false)));
}
