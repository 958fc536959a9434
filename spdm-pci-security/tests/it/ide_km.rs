//! IDE_KM: what answers a question, and what does not.

use spdm_codec::pci_sig::{
    FunctionId, IdeKeyFlags, IdeKeySlot, IdeKm, IdeKpAck, IdeQueryResp, KpAckStatus,
    PciSigProtocol, Tdisp, TdispBody,
};
use spdm_pci_security::{Fault, Go, IdeKey, KeyProgram, Payload, QueryPort, Question as _, Stop};

use crate::{encoded, response};

const SLOT: IdeKeySlot =
    IdeKeySlot { stream_id: 9, flags: IdeKeyFlags::from_bits_retain(0x12), port_index: 1 };

/// Every key that is another one in one field.
const OTHERS: [IdeKeySlot; 3] = [
    IdeKeySlot { stream_id: 8, ..SLOT },
    IdeKeySlot { flags: IdeKeyFlags::from_bits_retain(0x13), ..SLOT },
    IdeKeySlot { port_index: 0, ..SLOT },
];

const PORT: IdeQueryResp<'_> = IdeQueryResp {
    port_index: 1,
    dev_func: 8,
    bus: 2,
    segment: 0,
    max_port_index: 1,
    registers: &[[1, 0, 0, 0], [2, 0, 0, 0]],
};

fn key() -> IdeKey {
    let bytes: Vec<u8> = (0..40).collect();
    IdeKey::read(&bytes).unwrap()
}

#[test]
fn questions_and_their_answers() {
    let question = QueryPort { port_index: 1 };
    let bytes = encoded(&PciSigProtocol::IdeKm(IdeKm::QueryResp(PORT)));
    let port = question.judge(&response(&bytes)).unwrap();
    assert_eq!((port.bus, port.dev_func, port.max_port_index, port.registers.len()), (2, 8, 1, 2));

    let key = key();
    let program = KeyProgram { slot: SLOT, key: &key };
    let payload = Payload::of(&program).unwrap();
    let sent = payload.request().0.payload;
    assert_eq!(sent[..8], [0, 2, 0, 0, 9, 0, 0x12, 1]);
    assert_eq!(sent[8..], (0..40).collect::<Vec<u8>>());
    let ack = IdeKpAck { slot: SLOT, status: KpAckStatus::SUCCESS };
    program.accept(PciSigProtocol::IdeKm(IdeKm::KpAck(ack))).unwrap();
    let ack = PciSigProtocol::IdeKm(IdeKm::KGoStopAck(SLOT));
    Go(SLOT).accept(ack).unwrap();
    Stop(SLOT).accept(ack).unwrap();
}

#[test]
fn a_key_is_of_forty_bytes_and_shown_to_nobody() {
    for len in [0, 32, 39, 41] {
        assert!(IdeKey::read(&vec![0; len]).is_none(), "{len}");
    }
    assert_eq!(format!("{:?}", key()), "IdeKey { .. }");
}

#[test]
fn a_port_that_cannot_be_is_refused() {
    let judged = |port: IdeQueryResp<'_>| {
        let answer = PciSigProtocol::IdeKm(IdeKm::QueryResp(port));
        QueryPort { port_index: 1 }.accept(answer).map(drop)
    };
    assert_eq!(judged(PORT), Ok(()));
    assert_eq!(judged(IdeQueryResp { port_index: 0, ..PORT }), Err(Fault::OtherKey));
    let fewer = judged(IdeQueryResp { max_port_index: 0, ..PORT });
    assert!(matches!(fewer, Err(Fault::Value { field: "MaxPortIndex", .. })), "{fewer:?}");
    let short = judged(IdeQueryResp { registers: &[[0; 4]], ..PORT });
    assert!(
        matches!(short, Err(Fault::Value { field: "the number of registers", .. })),
        "{short:?}"
    );
}

#[test]
fn the_acknowledgement_of_another_key_is_refused() {
    let key = key();
    for slot in OTHERS {
        let ack = IdeKpAck { slot, status: KpAckStatus::SUCCESS };
        let program = KeyProgram { slot: SLOT, key: &key };
        let judged = program.accept(PciSigProtocol::IdeKm(IdeKm::KpAck(ack)));
        assert_eq!(judged, Err(Fault::OtherKey));
        let ack = PciSigProtocol::IdeKm(IdeKm::KGoStopAck(slot));
        assert_eq!(Go(SLOT).accept(ack), Err(Fault::OtherKey));
        assert_eq!(Stop(SLOT).accept(ack), Err(Fault::OtherKey));
    }
}

#[test]
fn a_key_that_the_device_refuses_is_an_error() {
    let key = key();
    let program = KeyProgram { slot: SLOT, key: &key };
    for status in 1..=5 {
        let status = KpAckStatus(status);
        let ack = PciSigProtocol::IdeKm(IdeKm::KpAck(IdeKpAck { slot: SLOT, status }));
        assert_eq!(program.accept(ack), Err(Fault::KeyRefused(status)));
    }
}

#[test]
fn the_answer_to_another_question_is_refused() {
    let key = key();
    let ack = IdeKpAck { slot: SLOT, status: KpAckStatus::SUCCESS };
    let answers = [
        IdeKm::QueryResp(PORT),
        IdeKm::KpAck(ack),
        IdeKm::KGoStopAck(SLOT),
        IdeKm::Query(1),
        IdeKm::KSetGo(SLOT),
        IdeKm::KSetStop(SLOT),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        let answer = PciSigProtocol::IdeKm(answer);
        let taken = [
            QueryPort { port_index: 1 }.accept(answer).err(),
            KeyProgram { slot: SLOT, key: &key }.accept(answer).err(),
            Go(SLOT).accept(answer).err(),
            Stop(SLOT).accept(answer).err(),
        ];
        for (question, fault) in taken.into_iter().enumerate() {
            let fits = at == question.min(2);
            let other = matches!(fault, Some(Fault::OtherMessage { .. }));
            assert_eq!((fault.is_none(), other), (fits, !fits), "{at} {question}: {fault:?}");
        }
    }
    let tdisp = Tdisp { version: 0x10, function_id: FunctionId(0), body: TdispBody::GetState };
    assert_eq!(Go(SLOT).accept(PciSigProtocol::Tdisp(tdisp)), Err(Fault::OtherProtocol));
}
