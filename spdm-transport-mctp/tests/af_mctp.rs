//! AF_MCTP against a misbehaving endpoint behind the same kernel. `SPDM_MCTP_EID` names the endpoint ID of `lo`; without
//! it there is nothing to test. `contrib/mctp_guest` sets it in a guest.
#![cfg(all(feature = "linux", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use core::time::Duration;
use std::thread;

use mctp::{Listener, MCTP_TYPE_SPDM, MsgIC, RespChannel};
use mctp_linux::MctpLinuxListener;
use spdm_transport::MessageKind::Plain;
use spdm_transport::{Received, Transport};
use spdm_transport_mctp::{LinuxEndpoint, MctpError, MctpTransport};

const LONG: Duration = Duration::from_secs(5);
const SHORT: Duration = Duration::from_millis(200);

// What a request asks for with its first byte.
const ECHO: u8 = 0;
const INTEGRITY_CHECK: u8 = 1;
const LONG_ANSWER: u8 = 2;
const EMPTY: u8 = 3;
const LATE: u8 = 4;
const NOTHING: u8 = 5;

#[test]
fn a_misbehaving_endpoint() {
    let Some(eid) = std::env::var_os("SPDM_MCTP_EID") else {
        println!("skipped: SPDM_MCTP_EID is not set");
        return;
    };
    let endpoint: LinuxEndpoint = eid.to_str().unwrap().parse().unwrap();
    let mut listener = MctpLinuxListener::new(MCTP_TYPE_SPDM, None).unwrap();
    thread::spawn(move || misbehave(&mut listener));
    let mut transport = MctpTransport::new(endpoint, LinuxEndpoint::MAX_MESSAGE);
    let mut buffer = vec![0; LinuxEndpoint::MAX_MESSAGE];

    // As long as the kernel carries them.
    for len in [1, 63, 64, 1000, 32 * 1024, LinuxEndpoint::MAX_MESSAGE] {
        let mut request: Vec<u8> = (0..=250).cycle().take(len).collect();
        request[0] = ECHO;
        transport.send(Plain, &request, LONG).unwrap();
        let received = transport.receive(&mut buffer, LONG).unwrap();
        assert_eq!(received, Some(Received { kind: Plain, len }));
        assert!(buffer[..len] == request, "{len}");
    }
    let mut exchange = |request: &[u8], room: usize, timeout: Duration| {
        transport.send(Plain, request, LONG).unwrap();
        let result = transport.receive(&mut buffer[..room], timeout);
        transport.abandon();
        result.map(|received| received.map(|received| buffer[..received.len].to_vec()))
    };
    let echo = |byte: u8| (vec![ECHO, byte], Ok(Some(vec![ECHO, byte])));
    for (index, (request, room, timeout, expected)) in [
        (INTEGRITY_CHECK, 64, LONG, Err(MctpError::IntegrityCheck)),
        (LONG_ANSWER, 600, LONG, Ok(Some(vec![LONG_ANSWER; 600]))),
        (LONG_ANSWER, 599, LONG, Err(MctpError::TooLong { room: 599 })),
        (LONG_ANSWER, 1, LONG, Err(MctpError::TooLong { room: 1 })),
        (EMPTY, 64, LONG, Err(MctpError::Empty)),
        (NOTHING, 64, SHORT, Ok(None)),
        // Its answer comes while the next request is outstanding.
        (LATE, 64, SHORT, Ok(None)),
        (LATE, 64, SHORT, Ok(None)),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(exchange(&[request], room, timeout), expected, "{index}");
        let (next, answer) = echo(u8::try_from(index).unwrap());
        assert_eq!(exchange(&next, 64, LONG), answer, "after {index}");
    }
    println!("done");
}

/// Answers as it is asked, for ever.
fn misbehave(listener: &mut MctpLinuxListener) {
    let mut buffer = vec![0; LinuxEndpoint::MAX_MESSAGE + 1];
    loop {
        let (_, _, request, mut channel) = listener.recv(&mut buffer).unwrap();
        match request.first() {
            Some(&ECHO) => channel.send(request).unwrap(),
            Some(&INTEGRITY_CHECK) => channel.send_vectored(MsgIC(true), &[&[1, 2]]).unwrap(),
            Some(&LONG_ANSWER) => channel.send(&[LONG_ANSWER; 600]).unwrap(),
            Some(&EMPTY) => channel.send(&[]).unwrap(),
            Some(&LATE) => {
                thread::sleep(2 * SHORT);
                channel.send(&[LATE, LATE]).unwrap();
            }
            _ => {}
        }
    }
}
