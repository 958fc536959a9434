//! Both ends over a loopback socket.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use spdm_transport::Allowed;
use spdm_transport::MessageKind::{Plain, Secured};
use spdm_transport::{MessageKind, Received, Transport};
use spdm_transport_tcp::{
    Binding, BindingRefusal, FrameEncodeError, Framing, Listener, ServerConnection, TcpError,
    TcpTransport,
};

const MCTP: Framing = Framing::DmtfEmu(Binding::Mctp);
const DOE: Framing = Framing::DmtfEmu(Binding::Doe);
const FRAMINGS: [Framing; 5] =
    [Framing::Dsp0287, Framing::DmtfEmu(Binding::None), MCTP, DOE, Framing::DmtfEmu(Binding::Tcp)];

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(20);

/// A client, and the bare socket of its peer.
fn client(framing: Framing) -> (TcpTransport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpTransport::connect(listener.local_addr().unwrap(), framing, LONG).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_nodelay(true).unwrap();
    (client, peer)
}

/// A server, and the bare socket of its peer.
fn server(framing: Framing) -> (ServerConnection, TcpStream) {
    let listener = Listener::bind("127.0.0.1:0", framing).unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (listener.accept().unwrap().with_timeout(LONG), peer)
}

fn read(peer: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    peer.read_exact(&mut bytes).unwrap();
    bytes
}

/// Field, what was expected, and what came.
fn frame_error(error: TcpError) -> (&'static str, Allowed, u32) {
    let TcpError::Frame(error) = error else { panic!("{error:?}") };
    (error.field, error.allowed, error.got)
}

/// A server that answers each message with itself, reversed.
fn reverser(framing: Framing) -> (SocketAddr, thread::JoinHandle<Vec<MessageKind>>) {
    let listener = Listener::bind("127.0.0.1:0", framing).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut connection = listener.accept().unwrap().with_timeout(LONG);
        let mut kinds = Vec::new();
        while let Some((kind, message)) = connection.next().unwrap() {
            let answer: Vec<u8> = message.iter().rev().copied().collect();
            connection.answer(kind, &answer).unwrap();
            kinds.push(kind);
        }
        kinds
    });
    (address, server)
}

#[test]
fn round_trips() {
    for framing in FRAMINGS {
        let (address, server) = reverser(framing);
        let mut client = TcpTransport::connect(address, framing, LONG).unwrap();
        let kinds: &[MessageKind] = match framing {
            Framing::DmtfEmu(Binding::None) => &[Plain],
            _ => &[Plain, Secured],
        };
        for kind in kinds {
            for len in [4, 5, 4096, client.limits().max_send] {
                let message: Vec<u8> = (1..=250).cycle().take(len).collect();
                client.send(*kind, &message, LONG).unwrap();
                let mut buffer = vec![0xee; len + client.limits().padding];
                let received = client.receive(&mut buffer, LONG).unwrap().unwrap();
                assert_eq!(received.kind, *kind);
                let padding = received.len - len;
                assert!(padding <= client.limits().padding);
                let expected: Vec<u8> =
                    core::iter::repeat_n(0, padding).chain(message.iter().rev().copied()).collect();
                assert!(buffer[..received.len] == expected, "{framing:?} {kind:?} {len}");
            }
        }
        client.close().unwrap();
        let got = server.join().unwrap();
        assert_eq!(got.len(), 4 * kinds.len());
        assert_eq!(got[0], Plain);
        assert_eq!(got.last(), kinds.last());
    }
}

#[test]
fn a_message_is_one_write() {
    let (mut client, mut peer) = client(DOE);
    client.send(Plain, &[0x10, 0x84, 0, 0], LONG).unwrap();
    let mut bytes = [0; 64];
    assert_eq!(peer.read(&mut bytes).unwrap(), 24);
    client.abandon();
}

#[test]
fn a_frame_in_pieces_survives_timeouts() {
    for framing in FRAMINGS {
        let (mut client, mut peer) = client(framing);
        let mut wire = Vec::new();
        let message = [1, 2, 3, 4, 5, 6, 7, 8];
        framing.encode(spdm_transport_tcp::Frame::Message(Plain, &message), &mut wire).unwrap();
        let (last, rest) = wire.split_last().unwrap();
        let mut buffer = [0; 8];
        for byte in rest {
            peer.write_all(&[*byte]).unwrap();
            assert_eq!(client.receive(&mut buffer, Duration::ZERO), Ok(None));
        }
        assert_eq!(buffer, [0; 8]);
        peer.write_all(&[*last]).unwrap();
        let received = client.receive(&mut buffer, LONG);
        assert_eq!(received, Ok(Some(Received { kind: Plain, len: 8 })));
        assert_eq!(buffer, message);
        client.abandon();
    }
}

#[test]
fn frames_that_arrive_together_are_told_apart() {
    let (mut client, mut peer) = client(Framing::Dsp0287);
    peer.write_all(&[3, 0, 1, 5, 0xaa, 4, 0, 1, 6, 0xbb, 0xcc]).unwrap();
    let mut buffer = [0; 8];
    let first = client.receive(&mut buffer, LONG);
    assert_eq!(first, Ok(Some(Received { kind: Plain, len: 1 })));
    assert_eq!(buffer[..1], [0xaa]);
    let second = client.receive(&mut buffer, LONG);
    assert_eq!(second, Ok(Some(Received { kind: Secured, len: 2 })));
    assert_eq!(buffer[..2], [0xbb, 0xcc]);
}

#[test]
fn a_timeout_is_a_deadline_for_the_whole_call() {
    let (mut client, peer) = client(MCTP);
    // A byte each 5 ms: no single read would time out.
    let trickle = thread::spawn(move || {
        let mut peer = peer;
        for byte in [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 200].into_iter().chain([5; 188]) {
            if peer.write_all(&[byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    let start = Instant::now();
    assert_eq!(client.receive(&mut [0; 256], Duration::from_millis(50)), Ok(None));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(50), "{took:?}");
    assert!(took < Duration::from_millis(500), "{took:?}");
    client.abandon();
    trickle.join().unwrap();
}

#[test]
fn a_peer_that_takes_nothing_times_out() {
    let (mut client, _peer) = client(DOE);
    let message = vec![0; client.limits().max_send];
    // The buffers of the operating system hold a few of them.
    let result = (0..64).find_map(|_| client.send(Plain, &message, SHORT).err());
    assert_eq!(result, Some(TcpError::Timeout));
    // Half a frame is on the stream.
    assert_eq!(client.send(Plain, &message, SHORT), Err(TcpError::Closed));
}

#[test]
fn oversize_is_refused_before_it_comes() {
    let (mut client, mut peer) = client(Framing::Dsp0287);
    peer.write_all(&[11, 0, 1, 5]).unwrap();
    let error = client.receive(&mut [0; 8], LONG).unwrap_err();
    assert_eq!(frame_error(error), ("PayloadLength", Allowed::AtMost(10), 11));
    assert_eq!(client.receive(&mut [0; 8], LONG), Err(TcpError::Closed));

    let (mut server, mut peer) = server(DOE);
    peer.write_all(&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0x10, 0, 1]).unwrap();
    let error = server.next().unwrap_err();
    assert_eq!(frame_error(error), ("PayloadSize", Allowed::AtMost(1 << 20), 0x10_0001));
    assert_eq!(server.answer(Plain, &[1]), Err(TcpError::Closed));
}

#[test]
fn messages_that_cannot_be_framed_leave_the_connection_open() {
    let (mut client, mut peer) = client(Framing::Dsp0287);
    assert_eq!(
        client.send(Plain, &[0; 65_534], LONG),
        Err(TcpError::Encode(FrameEncodeError::MessageLength { max: 65_533, got: 65_534 }))
    );
    client.send(Plain, &[9], LONG).unwrap();
    assert_eq!(read(&mut peer, 5), [3, 0, 1, 5, 9]);
}

#[test]
fn wrong_transport_and_wrong_command() {
    let (mut client_end, mut peer) = client(MCTP);
    peer.write_all(&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 9]).unwrap();
    let error = client_end.receive(&mut [0; 64], LONG).unwrap_err();
    assert_eq!(frame_error(error), ("TransportType", Allowed::Exactly(1), 2));

    let (mut client_end, mut peer) = client(MCTP);
    peer.write_all(&[0, 0, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    let error = client_end.receive(&mut [0; 64], LONG).unwrap_err();
    assert_eq!(frame_error(error), ("Command", Allowed::Exactly(1), 0xffff));

    let (mut client_end, mut peer) = client(DOE);
    peer.write_all(&[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 12, 1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 1])
        .unwrap();
    let error = client_end.receive(&mut [0; 64], LONG).unwrap_err();
    assert_eq!(frame_error(error), ("Data Object Type", Allowed::Range(1, 2), 0));
}

#[test]
fn a_refusal_of_the_tcp_binding_is_an_error_of_its_own() {
    let (mut client, mut peer) = client(Framing::Dsp0287);
    peer.write_all(&[0, 0, 1, 0xc3]).unwrap();
    assert_eq!(
        client.receive(&mut [0; 64], LONG),
        Err(TcpError::Refused(BindingRefusal::CANNOT_BE_RESPONDER))
    );
}

#[test]
fn a_device_that_connects_asks_for_a_requester() {
    let (mut client, mut peer) = client(Framing::Dsp0287);
    peer.write_all(&[0, 0, 1, 0xbf]).unwrap();
    assert_eq!(client.receive(&mut [0; 64], SHORT), Ok(None));
    for _ in 0..16 {
        peer.write_all(&[0, 0, 1, 0xbf]).unwrap();
    }
    assert_eq!(client.receive(&mut [0; 64], LONG), Err(TcpError::TooManyControlFrames));
}

#[test]
fn abandon_closes() {
    let (mut client, mut peer) = client(MCTP);
    client.send(Plain, &[1], LONG).unwrap();
    client.abandon();
    assert_eq!(client.send(Plain, &[2], LONG), Err(TcpError::Closed));
    assert_eq!(client.receive(&mut [0; 64], LONG), Err(TcpError::Closed));
    drop(client);
    // The request, and no shutdown command.
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 5, 1]);
}

#[test]
fn a_peer_that_closes() {
    let (mut client_end, peer) = client(MCTP);
    drop(peer);
    assert_eq!(client_end.receive(&mut [0; 64], LONG), Err(TcpError::PeerClosed));
    assert_eq!(client_end.receive(&mut [0; 64], LONG), Err(TcpError::Closed));

    let (mut client_end, mut peer) = client(MCTP);
    peer.write_all(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 5, 1]).unwrap();
    drop(peer);
    assert_eq!(
        client_end.receive(&mut [0; 64], LONG),
        Err(TcpError::Truncated { got: 14, missing: 7 })
    );

    let (mut server_end, peer) = server(MCTP);
    drop(peer);
    assert_eq!(server_end.next(), Ok(None));

    let (mut server_end, mut peer) = server(MCTP);
    peer.write_all(&[0, 0, 0]).unwrap();
    drop(peer);
    assert_eq!(server_end.next(), Err(TcpError::Truncated { got: 3, missing: 9 }));
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert_eq!(
        TcpTransport::connect(address, DOE, LONG).unwrap_err(),
        TcpError::Io(ErrorKind::ConnectionRefused)
    );
    let nowhere: &[SocketAddr] = &[];
    assert_eq!(
        TcpTransport::connect(nowhere, DOE, LONG).unwrap_err(),
        TcpError::Io(ErrorKind::InvalidInput)
    );
}

#[test]
fn a_client_shuts_down() {
    let shutdown = [0, 0, 0xff, 0xfe, 0, 0, 0, 2, 0, 0, 0, 0];
    let (client_end, mut peer) = client(DOE);
    drop(client_end);
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, shutdown);

    let (client_end, mut peer) = client(DOE);
    peer.write_all(&shutdown).unwrap();
    client_end.close().unwrap();
    assert_eq!(read(&mut peer, 12), shutdown);

    let (client_end, mut peer) = client(Framing::Dsp0287);
    client_end.close().unwrap();
    assert_eq!(peer.read(&mut [0; 64]).unwrap(), 0);
}

#[test]
fn a_server_answers_what_is_no_message() {
    let (mut server_end, mut peer) = server(DOE);
    peer.write_all(b"\0\0\xde\xad\0\0\0\x02\0\0\0\x0eClient Hello!\0").unwrap();
    peer.write_all(&[0, 0, 0x80, 1, 0, 0, 0, 2, 0, 0, 0, 0]).unwrap();
    for index in 0..4 {
        let header = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 12, 1, 0, 0, 0, 3, 0, 0, 0];
        peer.write_all(&header).unwrap();
        peer.write_all(&[index, 0, 0, 0]).unwrap();
    }
    peer.write_all(&[0, 0, 0xff, 0xfe, 0, 0, 0, 2, 0, 0, 0, 0]).unwrap();
    assert_eq!(server_end.next(), Ok(None));
    assert_eq!(read(&mut peer, 26), b"\0\0\xde\xad\0\0\0\x02\0\0\0\x0eServer Hello!\0");
    assert_eq!(read(&mut peer, 12), [0, 0, 0xff, 0xff, 0, 0, 0, 2, 0, 0, 0, 0]);
    for entry in [[1, 0, 0, 1], [1, 0, 1, 2], [1, 0, 2, 0], [0xff, 0xff, 0, 0]] {
        assert_eq!(read(&mut peer, 24)[20..], entry);
    }
    assert_eq!(read(&mut peer, 12), [0, 0, 0xff, 0xfe, 0, 0, 0, 2, 0, 0, 0, 0]);
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(server_end.next(), Err(TcpError::Closed));
}

#[test]
fn a_server_ends_and_refuses() {
    let (mut server_end, mut peer) = server(MCTP);
    peer.write_all(&[0, 0, 0xff, 0xfd, 0, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    assert_eq!(server_end.next(), Ok(None));
    assert_eq!(read(&mut peer, 12), [0, 0, 0xff, 0xfd, 0, 0, 0, 1, 0, 0, 0, 0]);

    let (mut server_end, mut peer) = server(Framing::Dsp0287);
    peer.write_all(&[0, 0, 1, 0xbf]).unwrap();
    assert_eq!(server_end.next(), Ok(None));
    assert_eq!(read(&mut peer, 4), [0, 0, 1, 0xc2]);

    let (mut server_end, mut peer) = server(MCTP);
    for _ in 0..16 {
        peer.write_all(&[0, 0, 0xde, 0xad, 0, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    }
    assert_eq!(server_end.next(), Err(TcpError::TooManyControlFrames));

    let (server_end, _peer) = server(MCTP);
    assert_eq!(server_end.with_timeout(SHORT).next(), Err(TcpError::Timeout));
}

#[test]
fn the_round_trip_can_be_set() {
    let (client, _peer) = client(Framing::Dsp0287);
    assert_eq!(client.limits().round_trip, Duration::from_secs(1));
    let client = client.with_round_trip(Duration::from_millis(7));
    assert_eq!(
        client.limits(),
        Framing::Dsp0287.limits().with_round_trip(Duration::from_millis(7))
    );
}

/// A device that writes the header of a frame and its message apart, and leaves Nagle's algorithm on, holds the message
/// back until the header is acknowledged. An acknowledgement that waits for company takes 40 ms on Linux.
#[cfg(target_os = "linux")]
#[test]
fn a_device_that_writes_header_and_message_apart_does_not_stall() {
    const ROUNDS: usize = 61;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let device = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut request = [0; 8];
        while stream.read_exact(&mut request).is_ok() {
            stream.write_all(&request[..4]).unwrap();
            stream.write_all(&request[4..]).unwrap();
        }
    });
    let mut client = TcpTransport::connect(address, Framing::Dsp0287, LONG).unwrap();
    let mut times: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            client.send(Plain, &[1, 2, 3, 4], LONG).unwrap();
            client.receive(&mut [0; 4], LONG).unwrap().unwrap();
            started.elapsed()
        })
        .collect();
    drop(client);
    device.join().unwrap();
    times.sort();
    let median = times[ROUNDS / 2];
    assert!(median < Duration::from_millis(20), "{median:?}");
}
