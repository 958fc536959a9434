//! Why the frames of DSP0253 are not those of `mctp-estack`. When one of these tests fails, they can be.

use embassy_futures::{block_on, poll_once};
use mctp_estack::serial::MctpSerialHandler;
use spdm_transport_mctp::serial::{Deframer, SerialError};

/// GET_VERSION from endpoint 10 to 9 with a wrong checksum.
const WRONG_CHECKSUM: [u8; 15] =
    [0x7e, 0x01, 0x09, 0x01, 0x09, 0x0a, 0xc8, 0x05, 0x10, 0x84, 0x00, 0x00, 0x44, 0x4f, 0x7e];

/// A device that sends this resets the host.
#[test]
#[should_panic(expected = "called `Result::unwrap()` on an `Err` value")]
fn a_byte_count_of_0_and_endless_bytes_panic() {
    let mut line = &[&[0x7e, 0x01, 0x00][..], &[0x55; 300]].concat()[..];
    drop(block_on(MctpSerialHandler::new().recv_async(&mut line)));
}

/// What is wrong with a frame is not told; ours names it.
#[test]
fn a_broken_frame_is_not_reported() {
    let mut line = &WRONG_CHECKSUM[..];
    let mut handler = MctpSerialHandler::new();
    // It goes on to the end of the line.
    let received = poll_once(handler.recv_async(&mut line));
    assert!(matches!(received, core::task::Poll::Ready(Err(mctp::Error::RxFailure))));
    assert!(line.is_empty());

    let mut deframer = Deframer::new();
    let errors = WRONG_CHECKSUM.iter().filter_map(|byte| deframer.push(*byte)?.err());
    let wrong = SerialError::Checksum { expected: 0x444e, got: 0x444f };
    assert_eq!(errors.collect::<Vec<_>>(), [wrong]);
}
