//! A whole attestation through a mailbox, and what it costs.

use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, PciIdentity};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{AttestationPlan, Connection, Requester, Storage, blocking};
use spdm_transport::{Duration, Transport};
use spdm_transport_doe::pci_identity;
use spdm_x509::{Anchor, Policy, SanPolicy, ValidityCheck};

use crate::function::{Bench, Quirk};

/// 2026-11-23.
const NOW: u64 = 1_795_392_000;

/// A function with an emulated device, the objects it answered with, and its anchor.
fn attester(identity: PciIdentity) -> (Bench, Vec<Vec<u8>>) {
    let config = DeviceConfig {
        base_asym: BaseAsymAlgo::ECDSA_P384,
        base_hash: BaseHashAlgo::SHA_384,
        seed: Some(1),
        pci_identity: Some(identity),
        ..DeviceConfig::default()
    };
    let mut device = Device::new(config).unwrap();
    let anchors = device.trust_anchors();
    let bench = Bench::new(move |object| {
        assert_eq!(object[0], 0x0001_0001);
        let request: Vec<u8> = object[2..].iter().flat_map(|dword| dword.to_le_bytes()).collect();
        let mut answer = device.respond(&request)?;
        answer.resize(answer.len().next_multiple_of(4), 0);
        let dwords = answer.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let length = u32::try_from(answer.len() / 4 + 2).unwrap();
        Some([0x0001_0001, length].into_iter().chain(dwords).collect())
    });
    (bench, anchors)
}

/// Attests over the bench: whether it is verified.
fn attest(bench: &mut Bench, anchors: &[Vec<u8>]) -> Result<(), String> {
    let identity = pci_identity(&mut bench.function.clone()).unwrap();
    {
        let mut function = bench.function.0.borrow_mut();
        (function.reads, function.writes) = (0, 0);
    }
    let anchors: Vec<_> = anchors.iter().map(|der| Anchor::Certificate(der)).collect();
    let policy = Policy {
        san: SanPolicy::PciCma(identity),
        ..Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW))
    };
    let (mut message, mut hashes) = ([0; 8192], Bank::<Running, 2>::new());
    let (mut chain, mut record) = ([0; 8192], [0; 4096]);
    let mut connection = Connection::default();
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let requester = Requester::new(PROVIDER, storage, bench.transport.limits());
    let flow = requester.attest(AttestationPlan::new(&policy), &mut chain, &mut record);
    match blocking::run(flow, &mut bench.transport, &bench.clock) {
        Ok((_, attested)) => {
            assert!(attested.measured.is_some());
            Ok(())
        }
        Err(failure) => Err(failure.error.to_string()),
    }
}

fn qemus_nvme() -> PciIdentity {
    "1b36:0010:010802:02:1af4:1100".parse().unwrap()
}

/// Reads and writes of Linux' driver (6.12, drivers/pci/doe.c) for so many exchanges of so many DWORDs, where the answer
/// is ready at the first look.
const fn linux(exchanges: usize, requests: usize, responses: usize) -> (usize, usize) {
    // Busy? Ready? Each DWORD; still ready before the last acknowledgement? Any error?
    let reads = exchanges * (1 + 1) + responses + exchanges * (1 + 1);
    // Each DWORD, Go; an acknowledgement for each DWORD.
    let writes = requests + exchanges + responses;
    (reads, writes)
}

#[test]
fn register_accesses_of_an_attestation() {
    let (mut bench, anchors) = attester(qemus_nvme());
    attest(&mut bench, &anchors).unwrap();
    let function = bench.function.0.borrow();
    let exchanges = function.objects.len();
    let requests = function.objects.iter().map(Vec::len).sum();
    let (reads, writes) = linux(exchanges, requests, function.answered);
    // Before the first object: Abort instead of a look whether the mailbox is Busy; DOE Status, DOE Control, and
    // DOE Status again.
    assert_eq!((function.reads, function.writes), (reads + 2, writes + 1));
    // The README has these numbers.
    assert_eq!((exchanges, requests, function.answered), (7, 56, 681));
    assert_eq!((function.reads, function.writes), (711, 745));
    assert_eq!(bench.clock.elapsed(), Duration::ZERO, "nothing was waited for");
}

#[test]
fn a_slow_device_costs_one_look_for_each_interval() {
    let (mut bench, anchors) = attester(qemus_nvme());
    bench.set(&[Quirk::Late(Duration::from_millis(100))]);
    attest(&mut bench, &anchors).unwrap();
    let function = bench.function.0.borrow();
    let exchanges = function.objects.len();
    // 100 ms are 13 intervals of 8 ms, so 14 looks instead of one.
    let polls = function.looks.len() - exchanges * (1 + 2) - 1;
    assert_eq!(polls, exchanges * 14);
}

#[test]
fn the_functions_own_configuration_space_decides_over_the_name() {
    let other = PciIdentity { device: 0x0011, ..qemus_nvme() };
    let (mut bench, anchors) = attester(other);
    let error = attest(&mut bench, &anchors).unwrap_err();
    assert!(error.contains("otherName"), "{error}");
    let (mut bench, anchors) = attester(qemus_nvme());
    bench.function.0.borrow_mut().config[0x2C / 4] = 0x1101_1AF4;
    assert!(attest(&mut bench, &anchors).is_err());
}
