//! Who connects to whom, and connecting again.

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use spdm_transport::Allowed;
use spdm_transport::MessageKind::Plain;
use spdm_transport::{Received, Transport};
use spdm_transport_tcp::{
    Binding, BindingRefusal, FrameEncodeError, Framing, Listener, ServerConnection, TcpError,
    TcpTransport,
};

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(20);
const WITH_INQUIRY: [Framing; 2] = [Framing::Dsp0287, Framing::DmtfEmu(Binding::Tcp)];

#[test]
fn a_device_connects_to_its_requester() {
    for framing in WITH_INQUIRY {
        let listener = Listener::bind("127.0.0.1:0", framing).unwrap();
        let address = listener.local_addr().unwrap();
        let device = thread::spawn(move || {
            let mut device =
                ServerConnection::connect(address, framing, LONG).unwrap().with_timeout(LONG);
            let request = device.next().unwrap().map(|(kind, request)| (kind, request.to_vec()));
            device.answer(Plain, &[2]).unwrap();
            assert_eq!(device.next(), Ok(None));
            request
        });
        let mut requester = listener.accept_device(LONG).unwrap();
        requester.send(Plain, &[1], LONG).unwrap();
        let received = requester.receive(&mut [0; 8], LONG);
        assert_eq!(received, Ok(Some(Received { kind: Plain, len: 1 })));
        // There is no address to connect to again.
        assert_eq!(requester.reconnect(LONG), Err(TcpError::Closed));
        requester.close().unwrap();
        assert_eq!(device.join().unwrap(), Some((Plain, vec![1])));
    }
}

#[test]
fn the_inquiry_goes_without_a_frame() {
    for framing in WITH_INQUIRY {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _device = ServerConnection::connect(address, framing, LONG).unwrap();
        let mut inquiry = [0; 4];
        listener.accept().unwrap().0.read_exact(&mut inquiry).unwrap();
        assert_eq!(inquiry, [0, 0, 1, 0xbf]);
    }
}

#[test]
fn a_requester_that_does_not_want_to_be_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut device =
        ServerConnection::connect(address, Framing::Dsp0287, LONG).unwrap().with_timeout(LONG);
    listener.accept().unwrap().0.write_all(&[0, 0, 1, 0xc2]).unwrap();
    assert_eq!(device.next(), Err(TcpError::Refused(BindingRefusal::CANNOT_BE_REQUESTER)));
    assert_eq!(device.answer(Plain, &[1]), Err(TcpError::Closed));
}

#[test]
fn what_a_device_may_send_instead_of_its_inquiry() {
    let wrong = |field, expected, got| (Some((field, expected, got)), None);
    for (bytes, (frame, other)) in [
        (&[4, 0, 1, 5, 0, 0][..], wrong("PayloadLength", Allowed::AtMost(2), 4)),
        (&[2, 0, 1, 0xbf], wrong("PayloadLength", Allowed::Exactly(0), 2)),
        (&[0, 0, 2, 0xbf], wrong("BindingVersion", Allowed::Exactly(1), 2)),
        (&[0, 0, 1, 0x7f], wrong("MessageType", Allowed::Range(5, 6), 0x7f)),
        (&[0, 0, 1, 0xc3], (None, Some(TcpError::Refused(BindingRefusal::CANNOT_BE_RESPONDER)))),
        (&[0, 0, 1], (None, Some(TcpError::Timeout))),
        (&[], (None, Some(TcpError::Timeout))),
    ] {
        let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
        let mut device = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        device.write_all(bytes).unwrap();
        let timeout = if other == Some(TcpError::Timeout) { SHORT } else { LONG };
        let error = listener.accept_device(timeout).unwrap_err();
        match (error, frame) {
            (TcpError::Frame(error), Some(frame)) => {
                assert_eq!((error.field, error.allowed, error.got), frame);
            }
            (error, _) => assert_eq!(Some(error), other, "{bytes:02x?}"),
        }
    }
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
    drop(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    assert_eq!(listener.accept_device(LONG).unwrap_err(), TcpError::PeerClosed);
}

#[test]
fn framings_without_an_inquiry() {
    for binding in [Binding::None, Binding::Mctp, Binding::Doe, Binding::Nvme] {
        let framing = Framing::DmtfEmu(binding);
        let listener = Listener::bind("127.0.0.1:0", framing).unwrap();
        let address = listener.local_addr().unwrap();
        let error = TcpError::Encode(FrameEncodeError::NotInFraming);
        assert_eq!(listener.accept_device(LONG).unwrap_err(), error);
        assert_eq!(ServerConnection::connect(address, framing, LONG).unwrap_err(), error);
    }
}

#[test]
fn a_server_refuses_what_the_binding_does_not_have() {
    for bytes in [[6, 0, 2, 5], [6, 0, 1, 4], [0, 0, 0, 0], *b"GET "] {
        let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = listener.accept().unwrap().with_timeout(LONG);
        peer.write_all(&bytes).unwrap();
        assert!(matches!(server.next(), Err(TcpError::Frame(_))), "{bytes:02x?}");
        let mut refusal = Vec::new();
        peer.read_to_end(&mut refusal).unwrap();
        assert_eq!(refusal, [0, 0, 1, 0xc1], "{bytes:02x?}");
    }
}

#[test]
fn connecting_again() {
    for framing in [Framing::Dsp0287, Framing::DmtfEmu(Binding::Mctp)] {
        let listener = Listener::bind("127.0.0.1:0", framing).unwrap();
        let mut client =
            TcpTransport::connect(listener.local_addr().unwrap(), framing, LONG).unwrap();
        let mut first = listener.accept().unwrap().with_timeout(LONG);
        client.send(Plain, &[1], LONG).unwrap();
        assert!(first.next().unwrap().is_some());
        // The answer comes after the request was given up, on a connection that is no more.
        client.abandon();
        let _ = first.answer(Plain, &[0xdd]);
        assert_eq!(client.send(Plain, &[2], LONG), Err(TcpError::Closed));

        let server = thread::spawn(move || {
            let mut second = listener.accept().unwrap().with_timeout(LONG);
            let request = second.next().unwrap().map(|(_, request)| request.to_vec());
            second.answer(Plain, &[3]).unwrap();
            assert_eq!(second.next(), Ok(None));
            request
        });
        client.reconnect(LONG).unwrap();
        client.send(Plain, &[2], LONG).unwrap();
        let mut buffer = [0; 8];
        let received = client.receive(&mut buffer, LONG);
        assert_eq!(received, Ok(Some(Received { kind: Plain, len: 1 })));
        assert_eq!(buffer[0], 3);
        client.close().unwrap();
        assert_eq!(server.join().unwrap(), Some(vec![2]));
    }
}

#[test]
fn connecting_again_to_nobody() {
    let listener = Listener::bind("127.0.0.1:0", Framing::Dsp0287).unwrap();
    let address = listener.local_addr().unwrap();
    let mut client = TcpTransport::connect(address, Framing::Dsp0287, LONG).unwrap();
    drop(listener);
    let refused = TcpError::Io(ErrorKind::ConnectionRefused);
    assert_eq!(client.reconnect(LONG), Err(refused));
    assert_eq!(client.send(Plain, &[1], LONG), Err(TcpError::Closed));
    assert_eq!(client.reconnect(LONG), Err(refused));
}
