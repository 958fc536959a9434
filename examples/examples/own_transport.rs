//! A transport of one's own in thirty lines: two channels to a thread that plays the device.
//!
//! ```text
//! cargo run -p examples --example own_transport
//! ```

use std::io::{Error, ErrorKind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{DeviceMemory, Requester, blocking};
use spdm_transport::{Duration, Limits, MessageKind, Received, StdClock, Transport};

/// Every request has a number, and its answer the same: so an answer that comes late is told from that of a later
/// request. A transport without anything like it closes in `abandon`, and sends nothing more.
struct Channels {
    to_device: Sender<(u64, Vec<u8>)>,
    from_device: Receiver<(u64, Vec<u8>)>,
    number: u64,
}

impl Transport for Channels {
    type Error = Error;

    fn limits(&self) -> Limits {
        Limits::new(0x1_0000, 0x1_0000).with_round_trip(Duration::from_millis(100))
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), Error> {
        self.number += 1;
        let sent = self.to_device.send((self.number, message.to_vec()));
        sent.map_err(|_| ErrorKind::BrokenPipe.into())
    }

    fn receive(&mut self, buffer: &mut [u8], timeout: Duration) -> Result<Option<Received>, Error> {
        let deadline = Instant::now() + timeout;
        let message = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.from_device.recv_timeout(left) {
                Ok((number, message)) if number == self.number => break message,
                // Not even a flood of late answers may take longer than the timeout.
                Ok(_) if left.is_zero() => return Ok(None),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(ErrorKind::BrokenPipe.into()),
            }
        };
        let place = buffer.get_mut(..message.len()).ok_or(ErrorKind::FileTooLarge)?;
        place.copy_from_slice(&message);
        Ok(Some(Received { kind: MessageKind::Plain, len: message.len() }))
    }

    fn abandon(&mut self) {
        self.number += 1;
    }
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut device = Device::new(DeviceConfig::default())?;
    let (to_device, requests) = channel::<(u64, Vec<u8>)>();
    let (answers, from_device) = channel();
    thread::spawn(move || {
        for (number, request) in requests {
            let answer = device.respond(&request);
            if answer.is_some_and(|answer| answers.send((number, answer)).is_err()) {
                return;
            }
        }
    });

    let mut transport = Channels { to_device, from_device, number: 0 };
    let clock = StdClock::new();
    let mut memory = DeviceMemory::new(Bank::<Running, 2>::new());
    let (storage, ..) = memory.lend();
    let requester = Requester::new(PROVIDER, storage, transport.limits());
    let (requester, ()) = blocking::run(requester.negotiate(), &mut transport, &clock)
        .map_err(|failure| failure.error)?;
    let agreed = requester.negotiated();
    println!("SPDM {}, {}, {}", agreed.version, agreed.asym()?, agreed.hash()?);

    let (requester, ()) = blocking::run(requester.get_digests(), &mut transport, &clock)
        .map_err(|failure| failure.error)?;
    for slot in requester.connection().provisioned_slots() {
        println!("slot {slot}: {:?}", requester.connection().slot_digest(slot));
    }
    Ok(())
}
