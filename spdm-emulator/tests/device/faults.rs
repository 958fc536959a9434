//! Each fault shows in the message that it names, and nowhere before.

use spdm_codec::{Code, KeySlot, MeasurementOperation, MeasurementSummary, SlotId, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};
use spdm_emulator::{Device, DeviceConfig, Fault};

use crate::attestation::seeded;
use crate::requester::{
    GET_VERSION, Requester, challenge, get_capabilities, get_certificate, get_measurements,
    negotiate,
};

const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
const SLOT: KeySlot = KeySlot::Slot(SlotId::ZERO);
const V1_4: SpdmVersion = SpdmVersion::V1_4;

/// Requests whose answers show every fault, whatever the answers are.
fn script(version: SpdmVersion) -> Vec<Vec<u8>> {
    let signed = |nonce| Some((SLOT, nonce));
    vec![
        GET_VERSION.to_vec(),
        get_capabilities(version),
        negotiate(version, ASYM.base_asym().unwrap(), HASH.base_hash()),
        vec![version.to_byte(), 0x81, 0, 0],
        vec![version.to_byte(), 0xFF, 0x81, 0x5A],
        get_certificate(version, 0, 512),
        get_certificate(version, 512, 512),
        challenge(version, SLOT, MeasurementSummary::None, 1),
        challenge(version, SLOT, MeasurementSummary::All, 2),
        get_measurements(version, MeasurementOperation::Count, None),
        get_measurements(version, MeasurementOperation::Index(1), signed(3)),
        get_measurements(version, MeasurementOperation::Index(1), signed(4)),
    ]
}

type Answers = Vec<Option<Vec<u8>>>;

fn run(config: DeviceConfig, script: &[Vec<u8>]) -> Answers {
    let mut device = Device::new(config).unwrap();
    script.iter().map(|request| device.respond(request)).collect()
}

fn faulty(fault: Fault) -> DeviceConfig {
    DeviceConfig { base_asym: ASYM.base_asym().unwrap(), faults: vec![fault], ..seeded() }
}

fn correct() -> DeviceConfig {
    DeviceConfig { faults: vec![], ..faulty(Fault::Silent) }
}

/// The request whose answer a fault changes first.
fn first_difference(right: &Answers, fault: Fault, script: &[Vec<u8>]) -> Option<Code> {
    let mut pairs = right.iter().zip(run(faulty(fault), script)).zip(script);
    pairs.find(|((right, wrong), _)| *right != wrong).map(|(_, request)| Code(request[1]))
}

fn expected(fault: Fault) -> Code {
    let position = |fault| Fault::ALL.iter().position(|other| *other == fault).unwrap();
    let at = position(fault);
    let groups = [
        (Fault::CtExponent32, Code::GET_VERSION),
        (Fault::AlgorithmNotOffered, Code::GET_CAPABILITIES),
        (Fault::DigestMismatch, Code::NEGOTIATE_ALGORITHMS),
        (Fault::CertificateOtherSlot, Code::GET_DIGESTS),
        (Fault::ChainLengthMismatch, Code::GET_CERTIFICATE),
        // Faults of the chain show in its digest already.
        (Fault::OpaqueTooLong, Code::GET_DIGESTS),
        (Fault::RecordLengthMismatch, Code::CHALLENGE),
    ];
    match fault {
        Fault::NotReadyInVca | Fault::LargeResponseInVca => return Code::GET_VERSION,
        Fault::ReservedBytes => return Code::GET_CAPABILITIES,
        Fault::OpaqueWhenNone => return Code::NEGOTIATE_ALGORITHMS,
        _ if at < position(Fault::VersionCountZero) => return Code::GET_DIGESTS,
        _ => {}
    }
    let group = groups.into_iter().find(|(end, _)| at < position(*end));
    group.map_or(Code::GET_MEASUREMENTS, |(_, code)| code)
}

#[test]
fn every_fault_shows_where_it_should() {
    let script = script(V1_4);
    let right = run(correct(), &script);
    // Only a CAPABILITIES with SupportedAlgorithms has their length.
    let mut with_block = script.clone();
    (with_block[1][2], with_block[1][10]) = (1, 2);
    let right_with_block = run(correct(), &with_block);
    for fault in Fault::ALL {
        let code = match fault {
            Fault::AlgorithmsBlockLength => {
                first_difference(&right_with_block, *fault, &with_block)
            }
            _ => first_difference(&right, *fault, &script),
        };
        assert_eq!(code, Some(expected(*fault)), "{fault}");
    }
}

#[test]
fn no_fault_outlives_its_end() {
    let mut device = Device::new(correct()).unwrap();
    // Each of the layouts.
    for version in [SpdmVersion::V1_0, SpdmVersion::V1_2, V1_4] {
        for fault in Fault::ALL {
            device.set_faults(vec![*fault]);
            for request in script(version) {
                device.respond(&request);
            }
            device.set_faults(vec![]);
            let mut requester = Requester::connect(device, version, ASYM, HASH);
            requester.digests();
            let request = challenge(version, SLOT, MeasurementSummary::All, 9);
            let response = requester.exchange(&request);
            assert_eq!(requester.verify_challenge(&request, &response), Ok(()), "{fault}");
            device = requester.device;
        }
    }
}

#[test]
fn a_target_restricts_faults() {
    for target in [Code::GET_VERSION, Code::GET_CERTIFICATE, Code::GET_MEASUREMENTS] {
        let script = script(V1_4);
        let config = DeviceConfig { fault_target: Some(target), ..faulty(Fault::TruncateResponse) };
        for ((right, wrong), request) in
            run(correct(), &script).into_iter().zip(run(config, &script)).zip(&script)
        {
            let (mut right, wrong) = (right.unwrap(), wrong.unwrap());
            if request[1] == target.0 {
                right.pop();
            }
            assert_eq!(right, wrong);
        }
    }
}

fn connect(fault: Fault, version: SpdmVersion) -> Requester {
    Requester::connect(Device::new(faulty(fault)).unwrap(), version, ASYM, HASH)
}

/// Whether the signatures over what was really sent verify.
fn signatures(fault: Fault, version: SpdmVersion) -> [bool; 2] {
    let mut requester = connect(fault, version);
    let count = requester.exchange(&get_measurements(version, MeasurementOperation::Count, None));
    assert_eq!(count[1], 0x60);
    let first = challenge(version, SLOT, MeasurementSummary::All, 1);
    requester.exchange(&first);
    let request = challenge(version, SLOT, MeasurementSummary::All, 2);
    let response = requester.exchange(&request);
    let challenge = requester.verify_challenge(&request, &response).is_ok();
    let request = get_measurements(version, MeasurementOperation::All, Some((SLOT, 3)));
    let response = requester.exchange(&request);
    [challenge, requester.verify_measurements(&request, &response).is_ok()]
}

#[test]
fn what_a_fault_changes_is_signed_as_it_is_sent() {
    let position = |fault| Fault::ALL.iter().position(|other| *other == fault).unwrap();
    let fields = position(Fault::OpaqueTooLong)..Fault::ALL.len();
    let signature = position(Fault::BadSignature)..=position(Fault::MissingVcaSignature);
    for version in [SpdmVersion::V1_1, SpdmVersion::V1_3] {
        for at in fields.clone().filter(|at| !signature.contains(at)) {
            let fault = Fault::ALL[at];
            // Where the signature is missing there is none to verify.
            let measurements = fault != Fault::UnsignedMeasurements;
            assert_eq!(signatures(fault, version), [true, measurements], "{fault}");
        }
    }
}

#[test]
fn faults_of_signatures_show_in_signatures_only() {
    for fault in [
        Fault::BadSignature,
        Fault::ZeroSignature,
        Fault::OnesSignature,
        Fault::DerSignature,
        Fault::StaleNonceSignature,
        Fault::WrongContextSignature,
        Fault::OtherKeySignature,
        Fault::MissingVcaSignature,
    ] {
        assert_eq!(signatures(fault, SpdmVersion::V1_2), [false; 2], "{fault}");
    }
    // Before 1.2 there is no context, and L1 is without the negotiation.
    assert_eq!(signatures(Fault::WrongContextSignature, SpdmVersion::V1_1), [true; 2]);
    assert_eq!(signatures(Fault::MissingVcaSignature, SpdmVersion::V1_1), [false, true]);
}

#[test]
fn a_downgrade_breaks_every_signature() {
    let mut device = Device::new(faulty(Fault::VersionDowngrade)).unwrap();
    let response = device.respond(&GET_VERSION).unwrap();
    assert_eq!(response, [0x10, 4, 0, 0, 0, 1, 0, 0x10]);
    let device = Device::new(faulty(Fault::VersionDowngrade)).unwrap();
    let mut requester = Requester::connect(device, SpdmVersion::V1_0, ASYM, HASH);
    let request = challenge(SpdmVersion::V1_0, SLOT, MeasurementSummary::None, 1);
    let response = requester.exchange(&request);
    assert!(requester.verify_challenge(&request, &response).is_err());
}

#[test]
fn busy_once_then_the_answer() {
    let version = SpdmVersion::V1_2;
    let mut requester = connect(Fault::BusyOnce, version);
    for nonce in [1, 2] {
        let request = challenge(version, SLOT, MeasurementSummary::None, nonce);
        assert_eq!(requester.exchange(&request), [0x12, 0x7F, 0x03, 0]);
        let response = requester.exchange(&request);
        assert_eq!(requester.verify_challenge(&request, &response), Ok(()));
    }
}

#[test]
fn not_ready_once_then_the_answer_to_the_original_request() {
    let version = SpdmVersion::V1_2;
    let mut requester = connect(Fault::NotReadyOnce, version);
    let request = challenge(version, SLOT, MeasurementSummary::None, 1);
    let not_ready = [0x12, 0x7F, 0x42, 0, 10, 0x83, 0x5A, 2];
    assert_eq!(requester.exchange(&request), not_ready);
    let response = requester.exchange(&[0x12, 0xFF, 0x83, 0x5A]);
    assert_eq!(requester.verify_challenge(&request, &response), Ok(()));
    // The same again is a retry: its answer was lost. Any other request ends that; the token has to be right.
    assert_eq!(requester.exchange(&[0x12, 0xFF, 0x83, 0x5A]), response);
    assert_eq!(requester.exchange(&[0x12, 0xFF, 0x83, 0x5B]), [0x12, 0x7F, 0x04, 0]);
    assert_eq!(requester.exchange(&[0x12, 0xFF, 0x83, 0x5A]), [0x12, 0x7F, 0x04, 0]);
    requester.exchange(&request);
    assert_eq!(requester.exchange(&[0x12, 0xFF, 0x83, 0x5B]), [0x12, 0x7F, 0x04, 0]);

    let mut requester = connect(Fault::NotReadyForever, version);
    assert_eq!(requester.exchange(&request), not_ready);
    for _ in 0..3 {
        assert_eq!(requester.exchange(&[0x12, 0xFF, 0x83, 0x5A]), not_ready);
    }
}

#[test]
fn resynch_ends_the_connection() {
    let mut requester = connect(Fault::Resynch, SpdmVersion::V1_2);
    assert_eq!(requester.exchange(&[0x12, 0x81, 0, 0]), [0x12, 0x7F, 0x43, 0]);
    assert_eq!(requester.exchange(&[0x12, 0xC0, 0, 0])[..3], [0x10, 0x7F, 0x43]);
    let offer = negotiate(SpdmVersion::V1_2, ASYM.base_asym().unwrap(), HASH.base_hash());
    assert_eq!(requester.exchange(&offer), [0x10, 0x7F, 0x04, 0]);
}

#[test]
fn legal_portions_make_the_same_chain() {
    let version = SpdmVersion::V1_2;
    let device = Device::new(correct()).unwrap();
    let chain = Requester::connect(device, version, ASYM, HASH).chain(1000);
    assert_eq!(connect(Fault::OneBytePortions, version).chain(1000), chain);
}

#[test]
fn a_replay_is_byte_for_byte() {
    let version = SpdmVersion::V1_2;
    let mut requester = connect(Fault::ReplayMeasurements, version);
    let request = |nonce| get_measurements(version, MeasurementOperation::All, Some((SLOT, nonce)));
    let first = requester.exchange(&request(1));
    assert_eq!(requester.verify_measurements(&request(1), &first), Ok(()));
    assert_eq!(requester.exchange(&request(2)), first);
    assert!(requester.verify_measurements(&request(2), &first).is_err());
}

#[test]
fn reset_forgets_the_connection_and_the_past() {
    let mut requester = connect(Fault::NotReadyOnce, SpdmVersion::V1_2);
    let request = challenge(SpdmVersion::V1_2, SLOT, MeasurementSummary::None, 1);
    requester.exchange(&request);
    requester.device.reset();
    assert_eq!(requester.exchange(&[0x12, 0xFF, 0x83, 0x5A]), [0x10, 0x7F, 0x04, 0]);
}
