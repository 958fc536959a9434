//! N31: packets of a hostile peer, through the reassembly of `mctp-estack`. What is wrong never becomes a message,
//! and nothing of it is left for the next exchange.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use core::cell::Cell;
use core::future::{pending, ready};
use core::time::Duration;

use embassy_futures::{block_on, poll_once};
use mctp::Eid;
use mctp_estack::i2c::MctpI2cEncap;
use mctp_estack::router::{PortBottom, PortBuilder, PortId, PortLookup, PortStorage};
use mctp_estack::usb::MctpUsbHandler;
use mctp_estack::{Router, Stack, config::MAX_PAYLOAD};
use spdm_transport::MessageKind::{Plain, Secured};
use spdm_transport::{AsyncClock, AsyncTransport, Instant, Received};
use spdm_transport_mctp::serial::{Deframer, frame, max_frame};
use spdm_transport_mctp::{AsyncMctpTransport, MctpError};

const TIMEOUT: Duration = Duration::from_millis(500);
const OWN: u8 = 10;
const DEVICE: u8 = 9;
const OTHER: u8 = 11;
/// A packet of the baseline transmission unit, header included.
const MTU: usize = 68;

const SOM: u8 = 0x80;
const EOM: u8 = 0x40;
const TAG_OWNER: u8 = 0x08;

/// Packets that come from outside are never sent on.
struct OnePort;

impl PortLookup for OnePort {
    fn by_eid(&mut self, _: Eid, source_port: Option<PortId>) -> Option<PortId> {
        source_port.is_none().then_some(PortId(0))
    }
}

/// A clock that is as late as anybody waits for.
#[derive(Debug, Default)]
struct Leap(Cell<Instant>);

impl AsyncClock for &Leap {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn sleep_until(&self, until: Instant) -> impl Future<Output = ()> {
        self.0.set(self.0.get().max(until));
        ready(())
    }
}

/// The wire and what is on it.
struct Wire<'a, 'r> {
    router: &'r Router<'r>,
    bottom: PortBottom<'a>,
}

impl Wire<'_, '_> {
    /// Every packet that was sent: header bytes, and the payloads put together.
    fn sent(&mut self) -> (Vec<[u8; 4]>, Vec<u8>) {
        let (mut headers, mut message) = (Vec::new(), Vec::new());
        while let Some((packet, _)) = self.bottom.try_outbound() {
            let (header, payload) = packet.split_first_chunk::<4>().unwrap();
            headers.push(*header);
            message.extend_from_slice(payload);
            self.bottom.outbound_done();
        }
        (headers, message)
    }

    /// The tag of the last request.
    fn tag(&mut self) -> u8 {
        let (headers, _) = self.sent();
        headers.last().unwrap()[3] & 7
    }

    /// The peer sends a packet.
    fn packet(&mut self, header: [u8; 4], payload: &[u8]) {
        let packet = [&header[..], payload].concat();
        block_on(self.router.inbound(&packet, PortId(0)));
    }

    /// The device answers with one packet.
    fn answer(&mut self, tag: u8, payload: &[u8]) {
        self.packet([1, OWN, DEVICE, SOM | EOM | tag], payload);
    }
}

/// A clock that stands still.
#[derive(Debug)]
struct Stopped;

impl AsyncClock for Stopped {
    fn now(&self) -> Instant {
        Instant::default()
    }

    fn sleep_until(&self, _: Instant) -> impl Future<Output = ()> {
        pending()
    }
}

/// Runs a test with a transport to the device and the wire; with a clock that leaps unless another is given.
macro_rules! over_router {
    (|$transport:ident, $wire:ident| $body:block) => {
        let clock = Leap::default();
        over_router!(&clock, |$transport, $wire| $body)
    };
    ($clock:expr, |$transport:ident, $wire:ident| $body:block) => {
        let (mut storage, mut lookup) = (PortStorage::<64>::new(), OnePort);
        let mut builder = PortBuilder::new(&mut storage);
        let (top, bottom) = builder.build(MTU).unwrap();
        let ports = [top];
        let router = Router::new(Stack::new(Eid(OWN), MTU, 0), &ports, &mut lookup);
        let open = || Ok(router.req(Eid(DEVICE)));
        let mut $transport = AsyncMctpTransport::new(open, MAX_PAYLOAD, $clock);
        let mut $wire = Wire { router: &router, bottom };
        $body
    };
}

macro_rules! send {
    ($transport:ident, $message:expr) => {
        block_on($transport.send(Plain, $message, TIMEOUT)).unwrap()
    };
}

macro_rules! receive {
    ($transport:ident, $buffer:expr) => {
        block_on($transport.receive($buffer, TIMEOUT))
    };
}

#[test]
fn a_request_in_packets_and_an_answer_in_packets() {
    over_router!(|transport, wire| {
        let request: Vec<u8> = (0..=255).cycle().take(200).collect();
        send!(transport, &request);
        let (headers, message) = wire.sent();
        assert_eq!(headers.len(), 4);
        let tag = headers[0][3] & 7;
        for (index, header) in headers.iter().enumerate() {
            assert_eq!(header[..3], [1, DEVICE, OWN]);
            let sequence = (headers[0][3] + (u8::try_from(index).unwrap() << 4)) & 0x30;
            let ends = [SOM, 0, 0, EOM][index];
            assert_eq!(header[3], ends | sequence | TAG_OWNER | tag, "{index}");
        }
        assert_eq!(message[0], 5);
        assert_eq!(message[1..], request);

        let answer: Vec<u8> = (0..130).collect();
        wire.packet([1, OWN, DEVICE, SOM | 0x30 | tag], &[&[6], &answer[..63]].concat());
        wire.packet([1, OWN, DEVICE, tag], &answer[63..127]);
        wire.packet([1, OWN, DEVICE, EOM | 0x10 | tag], &answer[127..]);
        let mut buffer = [0; 256];
        let received = receive!(transport, &mut buffer);
        assert_eq!(received, Ok(Some(Received { kind: Secured, len: 130 })));
        assert_eq!(buffer[..130], answer);
    });
}

/// The header and the payload of a packet.
type Packet = ([u8; 4], Vec<u8>);

/// What a peer may send instead of an answer, so that none comes: header and payload of each packet, with the right
/// tag to be added.
fn not_an_answer() -> Vec<(&'static str, Vec<Packet>)> {
    let good = || vec![5, 0x10, 0x7f, 1, 0];
    let one = |name, header: [u8; 4]| (name, vec![(header, good())]);
    vec![
        one("another tag", [1, OWN, DEVICE, (SOM | EOM) + 1]),
        one("tag owner", [1, OWN, DEVICE, SOM | EOM | TAG_OWNER]),
        one("another source", [1, OWN, OTHER, SOM | EOM]),
        one("source null", [1, OWN, 0, SOM | EOM]),
        one("source broadcast", [1, OWN, 0xff, SOM | EOM]),
        one("another destination", [1, OTHER, DEVICE, SOM | EOM]),
        one("header version 0", [0, OWN, DEVICE, SOM | EOM]),
        one("header version 2", [2, OWN, DEVICE, SOM | EOM]),
        one("an end without a start", [1, OWN, DEVICE, EOM]),
        one("a middle without a start", [1, OWN, DEVICE, 0]),
        one("a start without an end", [1, OWN, DEVICE, SOM]),
        ("no message type", vec![([1, OWN, DEVICE, SOM | EOM], vec![])]),
        (
            "a gap in the sequence",
            vec![([1, OWN, DEVICE, SOM], good()), ([1, OWN, DEVICE, EOM | 0x20], good())],
        ),
        (
            "a repeated sequence number",
            vec![([1, OWN, DEVICE, SOM], good()), ([1, OWN, DEVICE, EOM], good())],
        ),
        (
            "fragments of two sources",
            vec![([1, OWN, DEVICE, SOM], good()), ([1, OWN, OTHER, EOM | 0x10], good())],
        ),
        (
            "fragments of two tags",
            vec![([1, OWN, DEVICE, SOM], good()), ([1, OWN, DEVICE, (EOM | 0x10) + 1], good())],
        ),
        (
            "fragments of request and answer",
            vec![
                ([1, OWN, DEVICE, SOM], good()),
                ([1, OWN, DEVICE, EOM | 0x10 | TAG_OWNER], good()),
            ],
        ),
        (
            "more than fits",
            (0..40)
                .map(|index| {
                    let ends = if index == 0 { SOM } else { 0 };
                    ([1, OWN, DEVICE, ends | ((index & 3) << 4)], vec![5; 64])
                })
                .collect(),
        ),
    ]
}

#[test]
fn n31_what_is_no_answer_times_out_and_leaves_nothing() {
    for (name, packets) in not_an_answer() {
        over_router!(|transport, wire| {
            send!(transport, &[0x10, 0x84, 0, 0]);
            let tag = wire.tag();
            for (mut header, payload) in packets.clone() {
                header[3] = (header[3] & !7) | ((header[3] + tag) & 7);
                wire.packet(header, &payload);
            }
            let mut buffer = [0xee; MAX_PAYLOAD];
            assert_eq!(receive!(transport, &mut buffer), Ok(None), "{name}");
            assert_eq!(buffer, [0xee; MAX_PAYLOAD], "{name}");
            transport.abandon();

            // The next exchange is not touched by what came before.
            send!(transport, &[0x10, 0x84, 0, 1]);
            let next = wire.tag();
            assert_ne!(next, tag, "{name}");
            wire.answer(next, &[5, 0x10, 0x04, 0, 0]);
            let received = receive!(transport, &mut buffer);
            assert_eq!(received, Ok(Some(Received { kind: Plain, len: 4 })), "{name}");
            assert_eq!(buffer[..5], [0x10, 0x04, 0, 0, 0xee], "{name}");
        });
    }
}

#[test]
fn n31_a_start_begins_afresh() {
    over_router!(|transport, wire| {
        send!(transport, &[0x10, 0x84, 0, 0]);
        let tag = wire.tag();
        wire.packet([1, OWN, DEVICE, SOM | tag], &[5, 0xaa, 0xbb]);
        wire.packet([1, OWN, DEVICE, SOM | 0x20 | tag], &[5, 1]);
        wire.packet([1, OWN, DEVICE, EOM | 0x30 | tag], &[2]);
        let mut buffer = [0; 8];
        let received = receive!(transport, &mut buffer);
        assert_eq!(received, Ok(Some(Received { kind: Plain, len: 2 })));
        assert_eq!(buffer[..2], [1, 2]);
    });
}

#[test]
fn n31_a_message_of_another_kind_ends_the_exchange() {
    for (payload, error) in [
        (&[0x85, 0x10, 0x04][..], MctpError::IntegrityCheck),
        (&[0x86, 0x10, 0x04], MctpError::IntegrityCheck),
        (&[0x00, 0x10, 0x04], MctpError::MessageType(0)),
        (&[0x01, 0x10, 0x04], MctpError::MessageType(1)),
        (&[0x05], MctpError::Empty),
        (&[0x05, 1, 2, 3, 4, 5], MctpError::TooLong { room: 4 }),
    ] {
        over_router!(|transport, wire| {
            send!(transport, &[0x10, 0x84, 0, 0]);
            let tag = wire.tag();
            wire.answer(tag, payload);
            wire.answer(tag, &[5, 0x10, 0x04]);
            assert_eq!(receive!(transport, &mut [0; 4]), Err(error));
            assert_eq!(receive!(transport, &mut [0; 4]), Err(MctpError::NoRequest));
        });
    }
}

#[test]
fn late_and_repeated_answers_are_not_those_of_later_requests() {
    over_router!(|transport, wire| {
        let mut tags = Vec::new();
        for round in 0..20_u8 {
            send!(transport, &[0x10, 0x84, 0, round]);
            let tag = wire.tag();
            // Everything that was answered or given up before comes (again).
            for old in tags.iter().rev().take(6) {
                wire.answer(*old, &[5, 0xdd, 0xdd]);
            }
            if round % 3 == 2 {
                assert_eq!(receive!(transport, &mut [0; 8]), Ok(None), "{round}");
                transport.abandon();
            } else {
                wire.answer(tag, &[5, round]);
                wire.answer(tag, &[5, 0xee]);
                let mut buffer = [0; 8];
                let received = receive!(transport, &mut buffer);
                assert_eq!(received, Ok(Some(Received { kind: Plain, len: 1 })), "{round}");
                assert_eq!(buffer[0], round);
            }
            tags.push(tag);
            // The stack's clock: it frees tags after six seconds.
            block_on(wire.router.update_time(u64::from(round) * 7_000)).unwrap();
        }
    });
}

#[test]
fn a_dropped_receive_loses_nothing() {
    over_router!(Stopped, |transport, wire| {
        send!(transport, &[0x10, 0x84, 0, 0]);
        let tag = wire.tag();
        let mut buffer = [0; 8];
        wire.packet([1, OWN, DEVICE, SOM | tag], &[5, 1]);
        assert!(poll_once(transport.receive(&mut buffer, TIMEOUT)).is_pending());
        wire.packet([1, OWN, DEVICE, EOM | 0x10 | tag], &[2]);
        let received = receive!(transport, &mut buffer);
        assert_eq!(received, Ok(Some(Received { kind: Plain, len: 2 })));
        assert_eq!(buffer[..2], [1, 2]);
    });
}

#[test]
fn an_endless_stream_of_packets_neither_grows_nor_answers() {
    over_router!(|transport, wire| {
        send!(transport, &[0x10, 0x84, 0, 0]);
        let tag = wire.tag();
        for index in 0..100_000_u32 {
            let [flags, eid, ..] = index.wrapping_mul(0x9e37_79b9).to_be_bytes();
            // Never the tag of the request, and so never an answer.
            let flags = if flags & 0xf == tag { flags | TAG_OWNER } else { flags };
            wire.packet([1, OWN, 8 + eid % 4, flags], &[5; 64]);
        }
        assert_eq!(receive!(transport, &mut [0; 8]), Ok(None));
        assert_eq!(wire.sent().0.len(), 0);
    });
}

#[test]
fn tags_run_out_with_an_error() {
    over_router!(|transport, wire| {
        let mut results = Vec::new();
        for _ in 0..12 {
            let sent = block_on(transport.send(Plain, &[0x10, 0x84, 0, 0], TIMEOUT));
            results.push(sent.is_ok());
            transport.abandon();
        }
        assert_eq!(results, [[true; 8].as_slice(), &[false; 4]].concat());
        assert_eq!(wire.sent().0.len(), 8);
        let error = block_on(transport.send(Plain, &[0x10], TIMEOUT)).unwrap_err();
        let MctpError::Stack(error) = error else { panic!("{error:?}") };
        assert_eq!(error.to_string(), "no message tag is free");
    });
}

/// A packet as it is on a bus, and back: what `mctp-estack` makes of it.
type Binding = fn(&[u8], &dyn Fn(&mut Vec<u8>)) -> Option<Vec<u8>>;

/// From I2C address 0x10 to 0x20, with a packet error code.
fn smbus(packet: &[u8], damage: &dyn Fn(&mut Vec<u8>)) -> Option<Vec<u8>> {
    let mut wire = vec![0; packet.len() + 5];
    MctpI2cEncap::new(0x10).encode(0x20, packet, &mut wire, true).unwrap();
    damage(&mut wire);
    MctpI2cEncap::new(0x20).decode(&wire, true).ok().map(|(packet, _)| packet.to_vec())
}

fn usb(packet: &[u8], damage: &dyn Fn(&mut Vec<u8>)) -> Option<Vec<u8>> {
    let mut wire = vec![0; 4];
    MctpUsbHandler::header(packet.len(), &mut wire).unwrap();
    wire.extend_from_slice(packet);
    damage(&mut wire);
    MctpUsbHandler::decode(&wire).ok().map(|(packet, _)| packet.to_vec())
}

fn serial(packet: &[u8], damage: &dyn Fn(&mut Vec<u8>)) -> Option<Vec<u8>> {
    let mut wire = vec![0; max_frame(packet.len())];
    let len = frame(packet, &mut wire).unwrap();
    wire.truncate(len);
    damage(&mut wire);
    let mut deframer = Deframer::new();
    let packets = wire.iter().filter_map(|byte| deframer.push(*byte)?.ok().map(<[u8]>::to_vec));
    packets.last()
}

#[test]
fn smbus_usb_and_serial() {
    let bindings: [Binding; 3] = [smbus, usb, serial];
    for binding in bindings {
        over_router!(|transport, wire| {
            for damaged in [false, true] {
                let damage = |wire: &mut Vec<u8>| {
                    if damaged {
                        wire[0] ^= 1;
                    }
                };
                send!(transport, &[0x10, 0x84, 0, 0]);
                let tag = wire.tag();
                let answer = [1, OWN, DEVICE, SOM | EOM | tag, 5, 0x10, 0x7e, 0x7d];
                if let Some(packet) = binding(&answer, &damage) {
                    assert_eq!(packet, answer);
                    block_on(wire.router.inbound(&packet, PortId(0)));
                }
                let mut buffer = [0; 8];
                let received = receive!(transport, &mut buffer).unwrap();
                let expected = Received { kind: Plain, len: 3 };
                assert_eq!(received, (!damaged).then_some(expected));
                transport.abandon();
            }
        });
    }
}
