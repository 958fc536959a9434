//! A transport of one's own: two channels to a thread that plays the device.
//!
//! ```text
//! cargo run -p examples --example own_transport
//! ```

use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::thread;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{Requester, Storage, blocking};
use spdm_transport::{Duration, Limits, MessageKind, Received, StdClock, Transport};

struct Channels {
    to_device: Sender<Vec<u8>>,
    from_device: Receiver<Vec<u8>>,
    /// Answers to requests that were given up, still to come.
    stale: usize,
}

#[derive(Debug)]
enum ChannelError {
    /// The device's thread has ended.
    Gone,
    /// The message does not fit the buffer.
    TooLong,
}

impl core::fmt::Display for ChannelError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Gone => "the device is gone",
            Self::TooLong => "the device's message is too long",
        })
    }
}

impl core::error::Error for ChannelError {}

impl From<SendError<Vec<u8>>> for ChannelError {
    fn from(_: SendError<Vec<u8>>) -> Self {
        Self::Gone
    }
}

impl Transport for Channels {
    type Error = ChannelError;

    fn limits(&self) -> Limits {
        Limits::new(0x1_0000, 0x1_0000).with_round_trip(Duration::from_millis(100))
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), ChannelError> {
        Ok(self.to_device.send(message.to_vec())?)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<Option<Received>, ChannelError> {
        loop {
            let message = match self.from_device.recv_timeout(timeout) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => return Ok(None),
                Err(RecvTimeoutError::Disconnected) => return Err(ChannelError::Gone),
            };
            // An answer to a request that was given up is never taken for a later one's.
            if self.stale > 0 {
                self.stale -= 1;
                continue;
            }
            let place = buffer.get_mut(..message.len()).ok_or(ChannelError::TooLong)?;
            place.copy_from_slice(&message);
            return Ok(Some(Received { kind: MessageKind::Plain, len: message.len() }));
        }
    }

    fn abandon(&mut self) {
        self.stale += 1;
    }
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut device = Device::new(DeviceConfig::default())?;
    let (to_device, requests) = channel::<Vec<u8>>();
    let (answers, from_device) = channel();
    thread::spawn(move || {
        for request in requests {
            let answer = device.respond(&request);
            if answer.is_some_and(|answer| answers.send(answer).is_err()) {
                return;
            }
        }
    });

    let mut transport = Channels { to_device, from_device, stale: 0 };
    let clock = StdClock::new();
    let (mut message, mut hashes) = ([0; 0x1100], Bank::<Running, 2>::new());
    let storage = Storage::new(&mut message, &mut hashes);
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
