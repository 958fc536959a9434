//! The asynchronous client against the blocking server and bare sockets.

use core::time::Duration;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use spdm_transport::MessageKind::{Plain, Secured};
use spdm_transport::{AsyncClock, AsyncTransport, Received, TokioClock};
use spdm_transport_tcp::{AsyncTcpTransport, Binding, Framing, Listener, TcpError};

const MCTP: Framing = Framing::DmtfEmu(Binding::Mctp);
const DOE: Framing = Framing::DmtfEmu(Binding::Doe);
const FRAMINGS: [Framing; 5] =
    [Framing::Dsp0287, Framing::DmtfEmu(Binding::None), MCTP, DOE, Framing::DmtfEmu(Binding::Tcp)];

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(20);

async fn client(framing: Framing) -> (AsyncTcpTransport, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = AsyncTcpTransport::connect(address, framing, LONG).await.unwrap();
    (client, listener.accept().unwrap().0)
}

#[tokio::test]
async fn round_trips() {
    for framing in FRAMINGS {
        let listener = Listener::bind("127.0.0.1:0", framing).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut connection = listener.accept().unwrap().with_timeout(LONG);
            let mut count = 0;
            while let Some((kind, message)) = connection.next().unwrap() {
                let answer = message.to_vec();
                connection.answer(kind, &answer).unwrap();
                count += 1;
            }
            count
        });
        let kind = if framing == Framing::DmtfEmu(Binding::None) { Plain } else { Secured };
        let mut client = AsyncTcpTransport::connect(address, framing, LONG).await.unwrap();
        for len in [4, 4096, client.limits().max_send] {
            let message: Vec<u8> = (0..=250).cycle().take(len).collect();
            client.send(kind, &message, LONG).await.unwrap();
            let mut buffer = vec![0xee; len + client.limits().padding];
            let received = client.receive(&mut buffer, LONG).await.unwrap().unwrap();
            assert_eq!(received.kind, kind);
            assert!(received.len - len <= client.limits().padding);
            assert!(buffer.get(..len) == Some(&*message), "{framing:?} {len}");
        }
        client.close().await.unwrap();
        assert_eq!(server.join().unwrap(), 3);
    }
}

#[tokio::test]
async fn a_frame_in_pieces_survives_timeouts() {
    let (mut client, mut peer) = client(MCTP).await;
    let wire = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, 5, 0xaa, 0xbb];
    let mut buffer = [0; 8];
    for byte in wire {
        assert_eq!(client.receive(&mut buffer, Duration::from_millis(2)).await, Ok(None));
        peer.write_all(&[byte]).unwrap();
    }
    let received = client.receive(&mut buffer, LONG).await;
    assert_eq!(received, Ok(Some(Received { kind: Plain, len: 2 })));
    assert_eq!(buffer, [0xaa, 0xbb, 0, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn a_peer_that_takes_nothing_times_out() {
    let (mut client, _peer) = client(DOE).await;
    let message = vec![0; client.limits().max_send];
    let mut result = Ok(());
    for _ in 0..64 {
        result = client.send(Plain, &message, SHORT).await;
        if result.is_err() {
            break;
        }
    }
    assert_eq!(result, Err(TcpError::Timeout));
    assert_eq!(client.send(Plain, &message, SHORT).await, Err(TcpError::Closed));
}

#[tokio::test]
async fn a_send_dropped_in_the_middle_closes() {
    let (mut client, _peer) = client(DOE).await;
    let message = vec![0; client.limits().max_send];
    let mut dropped = false;
    for _ in 0..64 {
        let send = client.send(Plain, &message, LONG);
        if tokio::time::timeout(SHORT, send).await.is_err() {
            dropped = true;
            break;
        }
    }
    assert!(dropped);
    assert_eq!(client.send(Plain, &[1], SHORT).await, Err(TcpError::Closed));
}

#[tokio::test]
async fn abandon_and_closed_peers() {
    let (mut abandoned, _peer) = client(MCTP).await;
    abandoned.abandon();
    assert_eq!(abandoned.send(Plain, &[1], LONG).await, Err(TcpError::Closed));
    assert_eq!(abandoned.receive(&mut [0; 8], LONG).await, Err(TcpError::Closed));

    let (mut left, peer) = client(MCTP).await;
    drop(peer);
    assert_eq!(left.receive(&mut [0; 8], LONG).await, Err(TcpError::PeerClosed));

    let (mut cut, mut peer) = client(MCTP).await;
    peer.write_all(&[0, 0, 0, 1]).unwrap();
    drop(peer);
    let error = TcpError::Truncated { got: 4, missing: 8 };
    assert_eq!(cut.receive(&mut [0; 8], LONG).await, Err(error));
}

#[tokio::test]
async fn a_dropped_client_shuts_down() {
    let (client, mut peer) = client(DOE).await;
    drop(client);
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, [0, 0, 0xff, 0xfe, 0, 0, 0, 2, 0, 0, 0, 0]);
}

/// The device writes header and message apart, as in the test of the blocking client of this name; the task runs on
/// another thread, so that the transport and its futures are `Send`.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_writes_header_and_message_apart_does_not_stall() {
    const ROUNDS: usize = 61;

    let (mut client, mut peer) = client(Framing::Dsp0287).await;
    let device = thread::spawn(move || {
        let mut request = [0; 8];
        while peer.read_exact(&mut request).is_ok() {
            let (header, message) = request.split_at(4);
            peer.write_all(header).unwrap();
            peer.write_all(message).unwrap();
        }
    });
    let exchanges = tokio::spawn(async move {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            client.send(Plain, &[1, 2, 3, 4], LONG).await.unwrap();
            client.receive(&mut [0; 4], LONG).await.unwrap().unwrap();
            times.push(started.elapsed());
        }
        times
    });
    let mut times = exchanges.await.unwrap();
    device.join().unwrap();
    times.sort();
    let median = times.get(ROUNDS / 2).copied().unwrap();
    assert!(median < Duration::from_millis(20), "{median:?}");
}

#[tokio::test]
async fn the_clock_sleeps() {
    let clock = TokioClock::new();
    let until = clock.now().after(SHORT);
    clock.sleep_until(until).await;
    assert!(clock.now() >= until);
    clock.sleep_until(until).await;
}
