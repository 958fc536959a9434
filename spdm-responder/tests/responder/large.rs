//! Large messages, both ways.

use spdm_codec::{SpdmVersion, TransferSizes};
use spdm_responder::Config;

use crate::sim::{Sim, challenge, config};

const V1_2: SpdmVersion = SpdmVersion::V1_2;

fn small() -> Sim {
    let sizes = TransferSizes { data_transfer_size: 42, max_spdm_msg_size: 0x1200 };
    Sim::negotiated(Config { sizes, ..config() }, V1_2)
}

/// The response that ERROR(LargeResponse) announced.
fn fetch(sim: &mut Sim, error: &[u8]) -> Vec<u8> {
    assert_eq!(error[..4], [0x12, 0x7F, 0x0F, 0]);
    let (mut whole, mut seq_no) = (Vec::new(), 0);
    loop {
        let chunk = sim.send(&[0x12, 0x86, 0, error[4], seq_no, 0]).unwrap();
        assert!(chunk.len() <= 42);
        assert_eq!(chunk[1], 0x06, "{chunk:02x?}");
        let at = if seq_no == 0 { 16 } else { 12 };
        whole.extend(&chunk[at..]);
        seq_no += 1;
        if chunk[2] & 1 != 0 {
            return whole;
        }
    }
}

/// A request in chunks: the answer to each.
fn send_in_chunks(sim: &mut Sim, request: &[u8]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    let (mut rest, mut seq_no) = (request, 0_u8);
    while !rest.is_empty() {
        let room = if seq_no == 0 { 42 - 16 } else { 42 - 12 };
        let (chunk, behind) = rest.split_at(rest.len().min(room));
        let mut message = vec![0x12, 0x85, u8::from(behind.is_empty()), 1, seq_no, 0, 0, 0];
        message.extend(u32::try_from(chunk.len()).unwrap().to_le_bytes());
        if seq_no == 0 {
            message.extend(u32::try_from(request.len()).unwrap().to_le_bytes());
        }
        message.extend(chunk);
        answers.push(sim.send(&message).unwrap());
        (rest, seq_no) = (behind, seq_no + 1);
    }
    answers
}

#[test]
fn a_chain_comes_in_chunks() {
    let mut sim = small();
    let error = sim.send(&[0x12, 0x82, 0, 0, 0, 0, 0xFF, 0xFF]).unwrap();
    let whole = fetch(&mut sim, &error);
    assert_eq!(whole[8..], sim.device.chain);
}

#[test]
fn a_request_comes_in_chunks_and_its_answer_goes_so() {
    let mut sim = small();
    // The specification has no shorter one in chunks: 43 bytes and more.
    let mut signed = vec![0x12, 0xE0, 1, 0xFF];
    signed.extend([8; 33]);
    signed.extend([0; 3]);
    signed.extend([0; 3]);
    let answers = send_in_chunks(&mut sim, &signed);
    assert_eq!(answers[0][..6], [0x12, 0x05, 0, 1, 0, 0]);
    // Six bytes more than its padding allows.
    assert_eq!(answers[1][..6], [0x12, 0x05, 0, 1, 1, 0]);
    assert_eq!(answers[1][6..], [0x12, 0x7F, 0x01, 0]);
    assert_eq!(sim.send(&challenge(V1_2, 1)).unwrap()[1..3], [0x7F, 0x0F]);
}

#[test]
fn nothing_interrupts_a_transfer_but_get_version() {
    let mut sim = small();
    let error = sim.send(&[0x12, 0x82, 0, 0, 0, 0, 0xFF, 0xFF]).unwrap();
    for other in [&[0x12, 0x81, 0, 0][..], &challenge(V1_2, 1), &[0x12, 0x85, 1, 1, 0, 0, 0, 0]] {
        assert_eq!(sim.send(other).unwrap()[..3], [0x12, 0x7F, 0x04]);
    }
    let whole = fetch(&mut sim, &error);
    assert_eq!(whole.len(), 1008);
    sim.send(&[0x12, 0x82, 0, 0, 0, 0, 0xFF, 0xFF]).unwrap();
    assert_eq!(sim.send(&[0x10, 0x84, 0, 0]).unwrap()[1], 0x04);
    sim.negotiate(V1_2);
    assert_eq!(sim.send(&[0x12, 0x86, 0, 2, 0, 0]).unwrap()[1..3], [0x7F, 0x04]);
}

#[test]
fn chunks_that_break_a_rule_end_the_transfer() {
    let first = |size: u32, len: u8| {
        let mut message = vec![0x12, 0x85, 0, 1, 0, 0, 0, 0, len, 0, 0, 0];
        message.extend(size.to_le_bytes());
        message.extend(vec![0x12; len.into()]);
        message
    };
    let rows = [first(42, 26), first(0x1201, 26), first(u32::MAX, 26), first(100, 25)];
    for chunk in rows {
        let mut sim = small();
        let answer = sim.send(&chunk).unwrap();
        assert_eq!(answer, [0x12, 0x05, 1, 1, 0, 0, 0x12, 0x7F, 0x01, 0]);
        assert_eq!(sim.send(&[0x12, 0xE0, 0, 0]).unwrap()[1], 0x60);
    }
    let mut sim = small();
    sim.send(&first(100, 26)).unwrap();
    // A number of its own.
    let mut other = first(100, 26);
    other[4] = 2;
    other.drain(12..16);
    assert_eq!(sim.send(&other).unwrap()[..3], [0x12, 0x05, 1]);
}
