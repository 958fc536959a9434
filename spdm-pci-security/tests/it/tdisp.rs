//! TDISP: what answers a question, and what does not.

use spdm_codec::pci_sig::{
    FunctionId, IdeKm, InterfaceState, LockFlags, LockInterface, PciSigProtocol, Tdisp, TdispBody,
    TdispCapabilities, TdispError,
};
use spdm_codec::{StandardsBody, VendorDefinedResponse};
use spdm_pci_security::{
    Asked, Fault, GetCapabilities, GetReport, GetState, GetVersion, Interface, Lock, Payload,
    Question as _, Start, StartNonce, StopInterface, TdispQuestion,
};

use crate::{encoded, response};

const FUNCTION: FunctionId = FunctionId(0x0101_0200);

fn tdisp(body: TdispBody<'_>) -> PciSigProtocol<'_> {
    PciSigProtocol::Tdisp(Tdisp { version: 0x10, function_id: FUNCTION, body })
}

fn asked<Q: TdispQuestion>(question: Q) -> Asked<Q> {
    Interface::new(FUNCTION).ask(question)
}

fn fault<Q: TdispQuestion>(question: Q, body: TdispBody<'_>) -> Option<Fault> {
    asked(question).accept(tdisp(body)).err()
}

const CAPABILITIES: TdispCapabilities<'_> = TdispCapabilities {
    dsm_caps: 0,
    req_msgs_supported: &[0xFE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    lock_flags_supported: LockFlags::NO_FW_UPDATE,
    dev_addr_width: 52,
    num_req_this: 1,
    num_req_all: 1,
};

const LOCK: LockInterface = LockInterface {
    flags: LockFlags::NO_FW_UPDATE,
    default_stream_id: 1,
    mmio_reporting_offset: 0xD000_0000,
    bind_p2p_addr_mask: 0,
};

#[test]
fn questions_and_their_answers() {
    let version = asked(GetVersion).accept(tdisp(TdispBody::Version(&[0x10, 0x11]))).unwrap();
    assert_eq!(version, [0x10, 0x11]);
    let answer = tdisp(TdispBody::Capabilities(CAPABILITIES));
    let capabilities = asked(GetCapabilities::default()).accept(answer).unwrap();
    assert_eq!((capabilities.address_width, capabilities.requests[0]), (52, 0xFE));
    let lock = Lock::new(LOCK, capabilities.lock_flags).unwrap();
    let answer = tdisp(TdispBody::LockInterfaceResponse(&[7; 32]));
    let nonce = asked(lock).accept(answer).unwrap();
    assert_eq!(nonce, StartNonce([7; 32]));
    let start = asked(Start(nonce));
    assert_eq!(start.message(), tdisp(TdispBody::StartInterface(&[7; 32])));
    start.accept(tdisp(TdispBody::StartInterfaceResponse)).unwrap();
    for state in 0..4 {
        let state = InterfaceState(state);
        assert_eq!(asked(GetState).accept(tdisp(TdispBody::State(state))), Ok(state));
    }
    asked(StopInterface).accept(tdisp(TdispBody::StopInterfaceResponse)).unwrap();
}

#[test]
fn the_request_is_of_pci_sig() {
    let payload = Payload::of(&asked(GetState)).unwrap();
    let request = payload.request().0;
    assert_eq!((request.standard_id, request.vendor_id), (StandardsBody::PCI_SIG, &[1, 0][..]));
    let expected = [1, 0x10, 0x85, 0, 0, 0x00, 0x02, 0x01, 0x01, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(request.payload, expected);
    assert_eq!(format!("{payload:?}"), "Payload { len: 17, .. }");
}

#[test]
fn another_vendor_version_function_or_protocol_is_refused() {
    let question = asked(GetState);
    let bytes = encoded(&tdisp(TdispBody::State(InterfaceState::RUN)));
    assert_eq!(question.judge(&response(&bytes)), Ok(InterfaceState::RUN));
    let VendorDefinedResponse(good) = response(&bytes);
    let mut other = good;
    other.standard_id = StandardsBody::CXL;
    assert_eq!(question.judge(&VendorDefinedResponse(other)), Err(Fault::OtherVendor));
    other = good;
    other.vendor_id = &[2, 0];
    assert_eq!(question.judge(&VendorDefinedResponse(other)), Err(Fault::OtherVendor));
    // Every cut is an error of the decoder; so is a byte behind it.
    for len in 0..bytes.len() {
        let judged = question.judge(&response(&bytes[..len]));
        assert!(matches!(judged, Err(Fault::Decode(_))), "{len}: {judged:?}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(question.judge(&response(&longer)), Err(Fault::Decode(_))));

    let mut newer = bytes.clone();
    newer[1] = 0x11;
    assert_eq!(question.judge(&response(&newer)), Err(Fault::OtherVersion(0x11)));
    let mut stranger = bytes.clone();
    stranger[5] ^= 1;
    let (expected, got) = (FUNCTION, FunctionId(0x0101_0201));
    assert_eq!(question.judge(&response(&stranger)), Err(Fault::OtherFunction { expected, got }));
    let ide_km = encoded(&PciSigProtocol::IdeKm(IdeKm::Query(0)));
    assert_eq!(question.judge(&response(&ide_km)), Err(Fault::OtherProtocol));
}

#[test]
fn the_answer_to_another_question_is_refused() {
    let bodies = [
        TdispBody::Version(&[0x10]),
        TdispBody::Capabilities(CAPABILITIES),
        TdispBody::LockInterfaceResponse(&[7; 32]),
        TdispBody::Report { portion: &[1], remainder: 0 },
        TdispBody::State(InterfaceState::RUN),
        TdispBody::StartInterfaceResponse,
        TdispBody::StopInterfaceResponse,
        TdispBody::GetState,
        TdispBody::Other { message_type: 0x0B, payload: &[] },
    ];
    let lock = Lock::new(LOCK, LockFlags::NO_FW_UPDATE).unwrap();
    for (at, body) in bodies.into_iter().enumerate() {
        let taken = [
            fault(GetVersion, body),
            fault(GetCapabilities::default(), body),
            fault(lock, body),
            fault(GetReport { offset: 0, length: 1 }, body),
            fault(GetState, body),
            fault(Start(StartNonce([7; 32])), body),
            fault(StopInterface, body),
        ];
        for (question, fault) in taken.into_iter().enumerate() {
            match fault {
                None => assert_eq!(question, at),
                Some(fault) => {
                    assert_ne!(question, at);
                    assert!(matches!(fault, Fault::OtherMessage { .. }), "{fault:?}");
                }
            }
        }
    }
}

#[test]
fn a_refusal_is_named() {
    let error = TdispError { code: 0x102, data: 5, extended: &[] };
    let refused = fault(Start(StartNonce([0; 32])), TdispBody::Error(error)).unwrap();
    assert_eq!(refused, Fault::Refused { code: 0x102, data: 5 });
    let text = "the device refuses: TDISP_ERROR 0x102 (INVALID_NONCE), data 0x5";
    assert_eq!(refused.to_string(), text);
}

#[test]
fn values_that_cannot_be_are_refused() {
    assert_eq!(fault(GetVersion, TdispBody::Version(&[0x11])), Some(Fault::NoVersion));
    assert_eq!(fault(GetVersion, TdispBody::Version(&[])), Some(Fault::NoVersion));
    let unknown = fault(GetState, TdispBody::State(InterfaceState(4)));
    assert_eq!(unknown, Some(Fault::UnknownState(InterfaceState(4))));
    let field = |capabilities| {
        let body = TdispBody::Capabilities(capabilities);
        match fault(GetCapabilities::default(), body) {
            Some(Fault::Value { field, .. }) => Some(field),
            _ => None,
        }
    };
    assert_eq!(
        field(TdispCapabilities { dev_addr_width: 65, ..CAPABILITIES }),
        Some("DEV_ADDR_WIDTH")
    );
    assert_eq!(field(TdispCapabilities { num_req_this: 0, num_req_all: 0, ..CAPABILITIES }), None);
    assert_eq!(field(TdispCapabilities { num_req_this: 2, ..CAPABILITIES }), Some("NUM_REQ_THIS"));
    for portion in [&[][..], &[1, 2, 3]] {
        let body = TdispBody::Report { portion, remainder: 0 };
        let refused = fault(GetReport { offset: 0, length: 2 }, body);
        assert!(matches!(refused, Some(Fault::Value { field: "PORTION_LENGTH", .. })));
    }
    let flags = LOCK.flags | LockFlags::LOCK_MSIX;
    let lock = Lock::new(LockInterface { flags, ..LOCK }, LockFlags::NO_FW_UPDATE);
    assert_eq!(lock, Err(Fault::UnsupportedFlags(LockFlags::LOCK_MSIX.bits())));
}

/// PCIe 6.1: a receiver ignores reserved fields.
#[test]
fn reserved_fields_decide_nothing() {
    let question = asked(GetState);
    let mut bytes = encoded(&tdisp(TdispBody::State(InterfaceState::RUN)));
    for at in [3, 4, 9, 16] {
        bytes[at] = 0xFF;
    }
    assert_eq!(question.judge(&response(&bytes)), Ok(InterfaceState::RUN));
}
