//! The storage bindings: messages in security commands, through a socket.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use spdm_transport::Allowed;
use spdm_transport::MessageKind::Plain;
use spdm_transport::{StdClock, Transport};
use spdm_transport_storage::{
    DMTF, Discovery, PendingInfo, SecurityProtocol, SpdmOperation, Specific, StorageTransport,
};
use spdm_transport_tcp::{
    Binding, FrameEncodeError, Framing, Listener, SecurityError, SecuritySocket, ServerConnection,
    TcpError, TcpTransport,
};

const NVME: Framing = Framing::DmtfEmu(Binding::Nvme);
const BINDINGS: [(Binding, u8); 3] = [(Binding::Scsi, 3), (Binding::Nvme, 4), (Binding::Ata, 5)];
const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(20);

fn specific(operation: SpdmOperation) -> u16 {
    Specific::of(operation).encode()
}

/// A driver, and the bare socket of the emulated drive.
fn driver() -> (SecuritySocket, TcpStream) {
    driver_of(NVME)
}

fn driver_of(framing: Framing) -> (SecuritySocket, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let driver = SecuritySocket::connect(listener.local_addr().unwrap(), framing, LONG).unwrap();
    (driver, listener.accept().unwrap().0)
}

/// An emulated drive, and the bare socket of its host.
fn drive(binding: Binding) -> (ServerConnection, TcpStream) {
    let listener = Listener::bind("127.0.0.1:0", Framing::DmtfEmu(binding)).unwrap();
    let host = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().with_timeout(LONG), host)
}

fn frame(command: u8, transport: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[0, 0, 0, command, 0, 0, 0, transport], &size[..], payload].concat()
}

fn read_frame(socket: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut header = [0; 12];
    socket.read_exact(&mut header).unwrap();
    let [.., s0, s1, s2, s3] = header;
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes([s0, s1, s2, s3])).unwrap()];
    socket.read_exact(&mut payload).unwrap();
    (header[3], payload)
}

#[test]
fn messages_through_an_emulated_drive() {
    for (binding, _) in BINDINGS {
        let framing = Framing::DmtfEmu(binding);
        let listener = Listener::bind("127.0.0.1:0", framing).unwrap();
        let address = listener.local_addr().unwrap();
        let device = thread::spawn(move || {
            let mut connection = listener.accept().unwrap().with_timeout(LONG);
            let mut count = 0;
            while let Some((kind, message)) = connection.next().unwrap() {
                // On ATA the rest of the last block is zeros, as a drive gets it.
                assert!(binding != Binding::Ata || message.len() % 512 == 0);
                let len = message.iter().rposition(|byte| *byte != 0).unwrap() + 1;
                let answer: Vec<u8> = message[..len].iter().rev().copied().collect();
                connection.answer(kind, &answer).unwrap();
                count += 1;
            }
            count
        });
        let driver = SecuritySocket::connect(address, framing, LONG).unwrap();
        let mut buffer = vec![0; 1 << 20];
        let link = StorageTransport::open(driver, StdClock::new(), &mut buffer, LONG);
        let mut link = link.unwrap();
        for len in [1, 4, 4096, link.limits().max_send] {
            let message: Vec<u8> = (1..=250).cycle().take(len).collect();
            link.send(Plain, &message, LONG).unwrap();
            let received = link.receive(&mut buffer, LONG).unwrap().unwrap();
            assert_eq!(received.len, len);
            assert!(buffer[..len].iter().eq(message.iter().rev()));
        }
        // A request that was given up: its answer is there, and forgotten.
        link.send(Plain, &[1], LONG).unwrap();
        link.abandon();
        link.recover(&mut buffer, LONG).unwrap();
        link.send(Plain, &[1, 2], LONG).unwrap();
        assert_eq!(link.receive(&mut buffer, LONG).unwrap().unwrap().len, 2);
        drop(link);
        assert_eq!(device.join().unwrap(), 6);
    }
}

/// What the driver writes is what QEMU writes.
#[test]
fn commands_on_the_wire() {
    let (mut driver, mut socket) = driver();
    let answers = thread::spawn(move || {
        let mut got = Vec::new();
        for answer in [None, Some(vec![7; 3])] {
            got.push(read_frame(&mut socket));
            socket.write_all(&frame(4, 4, &[0, 0])).unwrap();
            if let Some(data) = answer {
                socket.write_all(&frame(3, 4, &data)).unwrap();
            }
        }
        got.push(read_frame(&mut socket));
        socket.write_all(&frame(4, 4, &[0x40, 0x02])).unwrap();
        got
    });
    driver.send(DMTF, 0x0014, &[0x10, 0x84, 0, 0], LONG).unwrap();
    let mut buffer = [0xee; 8];
    assert_eq!(driver.receive(DMTF, 0x0008, &mut buffer, LONG), Ok(3));
    assert_eq!(buffer, [7, 7, 7, 0xee, 0xee, 0xee, 0xee, 0xee]);
    let refused = SecurityError::Refused(0x4002);
    assert_eq!(driver.receive(DMTF, 0x0102, &mut buffer, LONG), Err(refused));
    assert_eq!(
        answers.join().unwrap(),
        [
            (2, vec![0xe8, 0x14, 0, 4, 0, 0, 0, 0x10, 0x84, 0, 0]),
            (3, vec![0xe8, 0x08, 0, 8, 0, 0, 0]),
            (3, vec![0xe8, 0x02, 1, 8, 0, 0, 0]),
        ]
    );
    // The list of protocols never reaches the socket.
    assert_eq!(driver.receive(0, 0, &mut [0; 9], LONG), Ok(9));
}

/// How an emulated drive may say that a command went well: 0, or on ATA the registers STATUS and ERROR of a drive that is
/// ready.
#[test]
fn statuses_of_drives() {
    for (binding, transport) in BINDINGS {
        for (status, on_ata, elsewhere) in [
            (0, true, true),
            (0x5000, true, false),
            (0x4000, true, false),
            (0x5100, false, false),
            (0x5104, false, false),
            (0x5004, false, false),
            (0x7000, false, false),
            (0x8000, false, false),
            (0x0024, false, false),
            (0x4002, false, false),
            (0xffff, false, false),
        ] {
            let (mut driver, mut socket) = driver_of(Framing::DmtfEmu(binding));
            let bytes = u16::to_be_bytes(status);
            socket.write_all(&frame(4, transport, &bytes)).unwrap();
            let is_done = if binding == Binding::Ata { on_ata } else { elsewhere };
            let expected = if is_done { Ok(()) } else { Err(SecurityError::Refused(status)) };
            let ended = driver.send(DMTF, specific(SpdmOperation::Message), &[1], LONG);
            assert_eq!(ended, expected, "{binding:?} {status:#06x}");
        }
    }
}

#[test]
fn what_an_emulated_drive_may_send_instead() {
    let ok = frame(4, 4, &[0, 0]);
    let after_ok = |bytes: Vec<u8>| [ok.clone(), bytes].concat();
    let wrong = |field, expected, got| Ok((field, expected, got));
    for (bytes, error) in [
        (frame(1, 4, &[0; 7]), wrong("Command", Allowed::Range(2, 4), 1)),
        (frame(4, 3, &[0, 0]), wrong("TransportType", Allowed::Exactly(4), 3)),
        (frame(3, 4, &[0, 0]), wrong("Command", Allowed::Exactly(4), 3)),
        (frame(4, 4, &[0]), wrong("PayloadSize", Allowed::Exactly(2), 1)),
        (frame(4, 4, &[0; 3]), wrong("PayloadSize", Allowed::Exactly(2), 3)),
        (frame(4, 4, &[0; 65]), wrong("PayloadSize", Allowed::AtMost(64), 65)),
        (after_ok(frame(4, 4, &[0, 0])), wrong("Command", Allowed::Exactly(3), 4)),
        (after_ok(frame(3, 4, &[0; 9])), wrong("PayloadSize", Allowed::AtMost(8), 9)),
        (after_ok(frame(3, 4, &[0; 16])), wrong("PayloadSize", Allowed::AtMost(15), 16)),
        (after_ok(vec![]), Err(TcpError::Timeout)),
        (after_ok(frame(3, 4, &[1; 8])[..15].to_vec()), Err(TcpError::Timeout)),
        (vec![], Err(TcpError::Timeout)),
    ] {
        let (mut driver, mut socket) = driver();
        socket.write_all(&bytes).unwrap();
        let timeout = if error.is_err() { SHORT } else { LONG };
        let got = driver.receive(DMTF, specific(SpdmOperation::Message), &mut [0; 8], timeout);
        match (got, error) {
            (Err(SecurityError::Tcp(TcpError::Frame(got))), Ok(error)) => {
                assert_eq!((got.field, got.allowed, got.got), error);
            }
            (Err(SecurityError::Tcp(got)), Err(error)) => assert_eq!(got, error),
            (got, error) => panic!("{bytes:02x?}: {got:?}, {error:?}"),
        }
        // Nothing half-read is left for the next command: the connection is closed.
        let closed = Err(SecurityError::Tcp(TcpError::Closed));
        assert_eq!(driver.send(DMTF, specific(SpdmOperation::Message), &[1], LONG), closed);
    }
}

#[test]
fn what_a_host_may_ask_of_an_emulated_drive() {
    for (binding, transport) in BINDINGS {
        let invalid = if binding == Binding::Nvme { [0x40, 0x02] } else { [0, 0x24] };
        let (mut drive, mut host) = drive(binding);
        let server = thread::spawn(move || {
            let first = drive.next().unwrap().map(|(_, message)| message.to_vec());
            drive.answer(Plain, &[9, 9, 9]).unwrap();
            assert_eq!(drive.next(), Ok(None));
            first
        });
        let mut ask = |command: u8, payload: &[u8]| {
            host.write_all(&frame(command, transport, payload)).unwrap();
            let (kind, status) = read_frame(&mut host);
            assert_eq!(kind, 4);
            if status == [0, 0] && command == 3 {
                let (kind, data) = read_frame(&mut host);
                assert_eq!(kind, 3);
                return Ok(data);
            }
            if status == [0, 0] { Ok(vec![]) } else { Err(status) }
        };
        let refused = Err(invalid.to_vec());
        // On ATA the rest of a block is zeros; what was asked for is less than one here.
        let moved = |data: &[u8], asked: usize| {
            let mut moved = data.to_vec();
            if binding == Binding::Ata {
                moved.resize(asked.max(data.len()), 0);
            }
            moved.truncate(asked);
            Ok(moved)
        };
        let none = PendingInfo { response: None }.encode();
        let discovery = Discovery::new(1).with_secured_messages().encode();
        assert_eq!(ask(3, &[DMTF, 0x04, 0, 32, 0, 0, 0]), moved(&discovery, 32));
        assert_eq!(ask(3, &[DMTF, 0x08, 0, 32, 0, 0, 0]), moved(&none, 32));
        // Less than there is: what was asked for.
        let cut = moved(&discovery, 16);
        assert_eq!(ask(3, &[DMTF, 0x04, 0, 16, 0, 0, 0]), cut);
        assert_eq!(ask(3, &[DMTF, 0x08, 0, 11, 0, 0, 0]), moved(&none, 11));
        // Asked as often as somebody likes.
        for _ in 0..100 {
            assert_eq!(ask(3, &[DMTF, 0x08, 0, 12, 0, 0, 0]), moved(&none, 12));
        }
        for (command, payload) in [
            (3, &[][..]),
            (3, &[DMTF, 0x14, 0, 255, 0, 0, 0]),
            (3, &[DMTF, 0x05, 0, 32, 0, 0, 0]),
            (3, &[DMTF, 0x04, 1, 32, 0, 0, 0]),
            (3, &[0x01, 0x04, 0, 32, 0, 0, 0]),
            (2, &[DMTF, 0x04, 0, 1, 0, 0, 0, 1]),
            (2, &[DMTF, 0x14, 0, 0, 0, 0, 0]),
            (2, &[DMTF, 0x14, 0, 2, 0, 0, 0, 1]),
            (2, &[DMTF, 0x14, 0, 1, 0, 0, 0, 1, 2]),
        ] {
            assert_eq!(ask(command, payload), refused, "{binding} {command} {payload:02x?}");
        }
        assert_eq!(ask(2, &[DMTF, 0x14, 0, 4, 0, 0, 0, 0x10, 0x84, 0, 0]), Ok(vec![]));
        let three = PendingInfo { response: Some(3) }.encode();
        assert_eq!(ask(3, &[DMTF, 0x08, 0, 32, 0, 0, 0]), moved(&three, 32));
        // Not a second request, not as a secured message.
        assert_eq!(ask(2, &[DMTF, 0x14, 0, 1, 0, 0, 0, 7]), refused);
        assert_eq!(ask(3, &[DMTF, 0x18, 0, 255, 0, 0, 0]), refused);
        assert_eq!(ask(3, &[DMTF, 0x14, 0, 2, 0, 0, 0]), moved(&[9, 9, 9], 2));
        assert_eq!(ask(3, &[DMTF, 0x08, 0, 32, 0, 0, 0]), moved(&none, 32));
        assert_eq!(ask(3, &[DMTF, 0x14, 0, 3, 0, 0, 0]), refused);
        drop(host);
        assert_eq!(server.join().unwrap(), Some(vec![0x10, 0x84, 0, 0]));
    }
}

#[test]
fn each_framing_has_its_transport() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let error = TcpError::Encode(FrameEncodeError::NotInFraming);
    assert_eq!(TcpTransport::connect(address, NVME, LONG).unwrap_err(), error);
    for framing in [Framing::Dsp0287, Framing::DmtfEmu(Binding::Doe)] {
        assert_eq!(SecuritySocket::connect(address, framing, LONG).unwrap_err(), error);
    }
}

/// An emulated drive moves what the interface of its binding moves.
#[test]
fn whole_blocks_of_an_ata_drive() {
    let (mut drive, mut host) = drive(Binding::Ata);
    let server = thread::spawn(move || {
        let first = drive.next().unwrap().map(|(_, message)| message.to_vec());
        drive.answer(Plain, &[9; 513]).unwrap();
        assert_eq!(drive.next(), Ok(None));
        first
    });
    let block = [&[0x10, 0x84][..], &[0; 510]].concat();
    let payload = [&[DMTF, 0x14, 0, 0, 2, 0, 0][..], &block].concat();
    host.write_all(&frame(2, 5, &payload)).unwrap();
    assert_eq!(read_frame(&mut host), (4, vec![0, 0]));
    for (specific, asked, len) in [(0x08, 2, 512), (0x14, 4, 1024)] {
        host.write_all(&frame(3, 5, &[DMTF, specific, 0, 0, asked, 0, 0])).unwrap();
        assert_eq!(read_frame(&mut host), (4, vec![0, 0]));
        let (_, data) = read_frame(&mut host);
        assert_eq!(data.len(), len);
        assert!(data[513.min(len)..].iter().all(|byte| *byte == 0));
    }
    drop(host);
    assert_eq!(server.join().unwrap(), Some(block));
}
