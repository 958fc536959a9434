//! Frames as bytes, without sockets.

use spdm_transport::Allowed;
use spdm_transport::MessageKind::{Plain, Secured};
use spdm_transport_tcp::{
    Binding, BindingRefusal, Command, DecodedFrame, Frame, FrameEncodeError, Framing,
};

const NONE: Framing = Framing::DmtfEmu(Binding::None);
const MCTP: Framing = Framing::DmtfEmu(Binding::Mctp);
const DOE: Framing = Framing::DmtfEmu(Binding::Doe);
const TCP: Framing = Framing::DmtfEmu(Binding::Tcp);
const DSP0287: Framing = Framing::Dsp0287;
const ALL: [Framing; 5] = [DSP0287, NONE, MCTP, DOE, TCP];

const GET_VERSION: &[u8] = &[0x10, 0x84, 0, 0];
const VERSION: &[u8] = &[0x10, 0x04, 0, 0, 0, 0x05, 0, 0x10, 0, 0x11, 0, 0x12, 0, 0x13, 0, 0x14];

/// What the DMTF emulator and its requester sent first, without the message.
const EMULATOR: [(Framing, &str, &str); 4] = [
    (NONE, "00000001 00000000 00000004", "00000001 00000000 00000010"),
    (MCTP, "00000001 00000001 00000005 05", "00000001 00000001 00000011 05"),
    (
        DOE,
        "00000001 00000002 0000000c 01000100 03000000",
        "00000001 00000002 00000018 01000100 06000000",
    ),
    (TCP, "00000001 00000003 00000008 06000105", "00000001 00000003 00000014 12000105"),
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let (pairs, _) = digits.as_chunks();
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).unwrap()).collect()
}

fn encoded(framing: Framing, frame: Frame<'_>) -> Vec<u8> {
    let mut out = vec![0xee; 3];
    framing.encode(frame, &mut out).unwrap();
    out
}

fn refused(framing: Framing, hex: &str) -> (&'static str, Allowed, u32) {
    let error = framing.decode(&bytes(hex), 64).unwrap_err();
    (error.field, error.allowed, error.got)
}

#[test]
fn first_frames_of_the_reference() {
    for (framing, request, response) in EMULATOR {
        for (header, message) in [(request, GET_VERSION), (response, VERSION)] {
            let wire = [&bytes(header), message].concat();
            let frame = Frame::Message(Plain, message);
            assert_eq!(encoded(framing, frame), wire);
            assert_eq!(
                framing.decode(&wire, 64),
                Ok(DecodedFrame::Complete { frame, len: wire.len() })
            );
            assert_eq!(framing.header_len() + message.len(), wire.len());
        }
    }
    assert_eq!(encoded(DSP0287, Frame::Message(Plain, GET_VERSION)), bytes("06000105 10840000"));
    assert_eq!(encoded(DSP0287, Frame::Message(Secured, GET_VERSION)), bytes("06000106 10840000"));
}

#[test]
fn every_prefix_asks_for_bytes_of_this_frame_only() {
    for framing in ALL {
        let wire = encoded(framing, Frame::Message(Plain, VERSION));
        let mut stream = wire.clone();
        stream.extend_from_slice(&wire);
        for len in 0..wire.len() {
            let decoded = framing.decode(&stream[..len], 64).unwrap();
            let DecodedFrame::Incomplete { missing } = decoded else { panic!("{framing:?} {len}") };
            assert!((1..=wire.len() - len).contains(&missing), "{framing:?} {len}");
        }
        assert_eq!(
            framing.decode(&stream, 64),
            Ok(DecodedFrame::Complete { frame: Frame::Message(Plain, VERSION), len: wire.len() })
        );
    }
}

#[test]
fn secured_messages_are_marked() {
    for (framing, header) in [
        (MCTP, "00000001 00000001 00000005 06"),
        (DOE, "00000001 00000002 0000000c 01000200 03000000"),
        (TCP, "00000001 00000003 00000008 06000106"),
    ] {
        let wire = [&bytes(header), GET_VERSION].concat();
        let frame = Frame::Message(Secured, GET_VERSION);
        assert_eq!(encoded(framing, frame), wire);
        assert_eq!(framing.decode(&wire, 4), Ok(DecodedFrame::Complete { frame, len: wire.len() }));
    }
    assert_eq!(
        NONE.encode(Frame::Message(Secured, GET_VERSION), &mut Vec::new()),
        Err(FrameEncodeError::NotInFraming)
    );
}

#[test]
fn doe_pads_with_zeros() {
    let wire = encoded(DOE, Frame::Message(Plain, &[1, 2, 3, 4, 5]));
    assert_eq!(wire, bytes("00000001 00000002 00000010 01000100 04000000 01020304 05000000"));
    assert_eq!(
        DOE.decode(&wire, 8),
        Ok(DecodedFrame::Complete {
            frame: Frame::Message(Plain, &[1, 2, 3, 4, 5, 0, 0, 0]),
            len: wire.len()
        })
    );
}

#[test]
fn the_longest_messages() {
    for framing in ALL {
        let max = framing.limits().max_send;
        let message = vec![7; max + 1];
        let frame = Frame::Message(Plain, &message[..max]);
        let wire = encoded(framing, frame);
        assert_eq!(
            framing.decode(&wire, usize::MAX),
            Ok(DecodedFrame::Complete { frame, len: wire.len() })
        );
        let mut out = Vec::new();
        assert_eq!(
            framing.encode(Frame::Message(Plain, &message), &mut out),
            Err(FrameEncodeError::MessageLength { max, got: max + 1 })
        );
        assert_eq!(
            framing.encode(Frame::Message(Plain, &[]), &mut out),
            Err(FrameEncodeError::MessageLength { max, got: 0 })
        );
    }
    // 2^18 DWORDs are written as 0.
    let message = vec![7; DOE.limits().max_send];
    assert_eq!(
        encoded(DOE, Frame::Message(Plain, &message))[..20],
        bytes("00000001 00000002 00100000 01000100 00000000")
    );
}

#[test]
fn wrong_emulator_headers() {
    // Judged before the payload comes.
    assert_eq!(
        refused(DOE, "00000001 00000001 00000005"),
        ("TransportType", Allowed::Exactly(2), 1)
    );
    assert_eq!(
        refused(MCTP, "00000001 00000002 00000005"),
        ("TransportType", Allowed::Exactly(1), 2)
    );
    for (framing, least, most) in [(NONE, 1, 64), (MCTP, 2, 65), (DOE, 9, 72), (TCP, 4, 68)] {
        let transport = ALL.iter().position(|other| *other == framing).unwrap() - 1;
        let header = |size: u32| format!("00000001 {transport:08x} {size:08x}");
        assert_eq!(
            refused(framing, &header(least - 1)),
            ("PayloadSize", Allowed::AtLeast(least), least - 1)
        );
        assert_eq!(
            refused(framing, &header(most + 1)),
            ("PayloadSize", Allowed::AtMost(most), most + 1)
        );
        assert_eq!(
            refused(framing, &header(u32::MAX)),
            ("PayloadSize", Allowed::AtMost(most), u32::MAX)
        );
    }
    assert_eq!(
        refused(DOE, "0000dead 00000002 00000041"),
        ("PayloadSize", Allowed::AtMost(64), 65)
    );
}

#[test]
fn wrong_payloads() {
    assert_eq!(
        refused(MCTP, "00000001 00000001 00000005 7e 10840000"),
        ("MessageType", Allowed::Range(5, 6), 0x7e)
    );
    let doe = |object: &str| refused(DOE, &format!("00000001 00000002 0000000c {object} 10840000"));
    assert_eq!(doe("b41a0100 03000000"), ("Vendor ID", Allowed::Exactly(1), 0x1ab4));
    assert_eq!(doe("01000300 03000000"), ("Data Object Type", Allowed::Range(1, 2), 3));
    assert_eq!(doe("01000180 03000000"), ("Reserved", Allowed::Exactly(0), 0x80));
    assert_eq!(doe("01000100 04000000"), ("PayloadSize", Allowed::Exactly(16), 12));
    assert_eq!(doe("01000100 01000000"), ("PayloadSize", Allowed::Exactly(4), 12));
    assert_eq!(doe("01000100 00000000"), ("PayloadSize", Allowed::Exactly(1 << 20), 12));
    assert_eq!(
        refused(DOE, "00000001 00000002 0000000b 01000100 03000000 108400"),
        ("PayloadSize", Allowed::Exactly(12), 11)
    );
    assert_eq!(
        refused(DOE, "00000001 00000002 00000010 01000000 04000000 00000000 00000000"),
        ("Length", Allowed::Exactly(3), 4)
    );
    let tcp = |header: &str| refused(TCP, &format!("00000001 00000003 00000008 {header} 10840000"));
    assert_eq!(tcp("07000105"), ("PayloadSize", Allowed::Exactly(9), 8));
    assert_eq!(tcp("05000105"), ("PayloadSize", Allowed::Exactly(7), 8));
    assert_eq!(tcp("000001bf"), ("PayloadSize", Allowed::Exactly(4), 8));
}

#[test]
fn wrong_dsp0287_headers() {
    assert_eq!(refused(DSP0287, "06000205"), ("BindingVersion", Allowed::Exactly(1), 2));
    assert_eq!(refused(DSP0287, "06000104"), ("MessageType", Allowed::Range(5, 6), 4));
    assert_eq!(refused(DSP0287, "060001be"), ("MessageType", Allowed::Range(5, 6), 0xbe));
    assert_eq!(refused(DSP0287, "02000105"), ("PayloadLength", Allowed::AtLeast(3), 2));
    assert_eq!(refused(DSP0287, "00000105"), ("PayloadLength", Allowed::AtLeast(3), 0));
    assert_eq!(refused(DSP0287, "43000106"), ("PayloadLength", Allowed::AtMost(66), 67));
    assert_eq!(refused(DSP0287, "ffff0106"), ("PayloadLength", Allowed::AtMost(66), 0xffff));
    assert_eq!(refused(DSP0287, "020001bf"), ("PayloadLength", Allowed::Exactly(0), 2));
    assert_eq!(refused(DSP0287, "010001c0"), ("PayloadLength", Allowed::Exactly(0), 1));
}

#[test]
fn frames_that_are_no_messages() {
    for (framing, frame, hex) in [
        (MCTP, Frame::Command(Command::SHUTDOWN, &[]), "0000fffe 00000001 00000000"),
        (NONE, Frame::Command(Command::CONTINUE, &[]), "0000fffd 00000000 00000000"),
        (TCP, Frame::Command(Command::HELLO, b"Hi"), "0000dead 00000003 00000002 4869"),
        (
            DOE,
            Frame::Discovery([1, 0, 0, 0]),
            "00000001 00000002 0000000c 01000000 03000000 01000000",
        ),
        (TCP, Frame::RoleInquiry, "00000001 00000003 00000004 000001bf"),
        (DSP0287, Frame::RoleInquiry, "000001bf"),
        (DSP0287, Frame::Refusal(BindingRefusal::CANNOT_BE_RESPONDER), "000001c3"),
        (DSP0287, Frame::Refusal(BindingRefusal::from_message_type(0xff).unwrap()), "000001ff"),
    ] {
        let wire = bytes(hex);
        assert_eq!(encoded(framing, frame), wire);
        assert_eq!(framing.decode(&wire, 4), Ok(DecodedFrame::Complete { frame, len: wire.len() }));
    }
    assert_eq!(BindingRefusal::from_message_type(0xbf), None);
}

#[test]
fn frames_of_another_framing() {
    let mut out = Vec::new();
    for (framing, frame) in [
        (DSP0287, Frame::Command(Command::SHUTDOWN, &[])),
        (DSP0287, Frame::Discovery([0; 4])),
        (MCTP, Frame::Discovery([0; 4])),
        (DOE, Frame::RoleInquiry),
        (NONE, Frame::Refusal(BindingRefusal::TOO_LARGE)),
        (DOE, Frame::Command(Command::MESSAGE, &[])),
    ] {
        assert_eq!(
            framing.encode(frame, &mut out),
            Err(FrameEncodeError::NotInFraming),
            "{frame:?}"
        );
    }
    assert_eq!(
        DOE.encode(Frame::Command(Command::HELLO, &[0; 65]), &mut out),
        Err(FrameEncodeError::MessageLength { max: 64, got: 65 })
    );
}
