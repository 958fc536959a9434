//! The input as a line to a device.

use std::sync::{Arc, Mutex};

use spdm_codec::{Code, ErrorCode};
use spdm_emulator::Device;
use spdm_requester::{Error, Flow, Operation, Step};
use spdm_transport::{Instant, MessageKind, Received};

use super::ROUND_TRIPS;
use crate::input::Input;
use crate::peer::Peer;

/// Who answers.
pub(super) trait Endpoint {
    /// The answer to a message, as the input wants it.
    fn answer(
        &mut self,
        input: &mut Input<'_>,
        kind: MessageKind,
        message: &[u8],
    ) -> Option<Vec<u8>>;

    /// The last answer before it was sealed, where it was.
    fn inner(&self) -> &[u8] {
        &[]
    }

    /// Whether it sealed this record, behind which a transport may have appended bytes.
    fn sealed(&self, record: &[u8]) -> bool {
        let _ = record;
        false
    }
}

impl Endpoint for Device {
    fn answer(&mut self, _: &mut Input<'_>, _: MessageKind, message: &[u8]) -> Option<Vec<u8>> {
        self.respond(message)
    }
}

impl Endpoint for Peer {
    fn answer(
        &mut self,
        input: &mut Input<'_>,
        kind: MessageKind,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        Self::answer(self, input, kind, message)
    }

    fn inner(&self) -> &[u8] {
        &self.inner
    }

    fn sealed(&self, record: &[u8]) -> bool {
        // Reserved bytes in front of it are not looked at.
        let binding = self.config.records;
        let record = binding.record(record);
        self.sealed.iter().any(|sealed| {
            let behind = record.strip_prefix(binding.record(sealed));
            behind.is_some_and(|behind| behind.len() <= self.config.padding)
        })
    }
}

/// What the requester was given last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Arrival {
    Plain,
    /// A record that the device sealed.
    Sealed,
    /// What somebody else made up as a record.
    Forged,
}

/// The last arrival, for who watches.
pub(super) type Arrived = Arc<Mutex<Arrival>>;

/// What the input makes of the device and the line to it.
pub(super) struct Line<'d, E> {
    pub(super) input: Input<'d>,
    pub(super) device: E,
    pub(super) arrived: Arrived,
    /// What arrives for the request before.
    before: Vec<u8>,
    pending: Option<(MessageKind, Vec<u8>)>,
    now: u64,
    sent: u32,
}

impl<'d, E: Endpoint> Line<'d, E> {
    pub(super) fn new(input: Input<'d>, device: E) -> Self {
        let arrived = Arc::new(Mutex::new(Arrival::Plain));
        Self { input, device, arrived, before: Vec::new(), pending: None, now: 0, sent: 0 }
    }

    fn send(&mut self, mut kind: MessageKind, request: &[u8]) {
        self.sent += 1;
        // Without input left the device is a correct one.
        let honest = match self.input.byte() & 0x0F {
            // The request is lost.
            14 => None,
            _ => self.device.answer(&mut self.input, kind, request),
        };
        let mut answer = honest.unwrap_or_default();
        let keep = match self.input.byte() {
            0..=159 => true,
            160..=199 => {
                let at = self.input.number();
                let bits = self.input.byte();
                let len = answer.len().max(1);
                if let Some(byte) = answer.get_mut(at % len) {
                    *byte ^= bits;
                }
                true
            }
            200..=207 => {
                answer.truncate(self.input.number() % (answer.len() + 1));
                true
            }
            208..=215 => {
                let len = usize::from(self.input.byte());
                answer.extend(self.input.bytes(len));
                true
            }
            216..=231 => {
                let version = request.first().copied().unwrap_or(0x10);
                let code = match self.input.byte() & 7 {
                    0 => ErrorCode::BUSY,
                    1 => ErrorCode::RESPONSE_NOT_READY,
                    2 => ErrorCode::LARGE_RESPONSE,
                    3 => ErrorCode::REQUEST_RESYNCH,
                    4 => ErrorCode::REQUEST_IN_FLIGHT,
                    _ => ErrorCode(self.input.byte()),
                };
                answer = vec![version, Code::ERROR.0, code.0, 0];
                let extended = [self.input.byte() & 31, request.get(1).copied().unwrap_or(0), 7, 3];
                answer.extend(extended);
                true
            }
            232..=239 => {
                let len = self.input.number() & 0x1FF;
                answer = self.input.bytes(len);
                true
            }
            240..=247 => {
                answer.clone_from(&self.before);
                true
            }
            // In the clear what is due in a session, or the other way round.
            248..=251 => {
                if kind == MessageKind::Secured && self.input.byte() & 1 == 0 {
                    answer = self.device.inner().to_vec();
                }
                kind = match kind {
                    MessageKind::Plain => MessageKind::Secured,
                    MessageKind::Secured => MessageKind::Plain,
                };
                true
            }
            _ => false,
        };
        self.before.clone_from(&answer);
        self.pending = (keep && !answer.is_empty()).then_some((kind, answer));
    }

    fn arrives(&self, kind: MessageKind, message: &[u8]) {
        *self.arrived.lock().expect("nobody panicked") = match kind {
            MessageKind::Plain => Arrival::Plain,
            MessageKind::Secured if self.device.sealed(message) => Arrival::Sealed,
            MessageKind::Secured => Arrival::Forged,
        };
    }
}

/// Runs a flow to its end.
///
/// # Panics
/// When there are more messages than its bounds allow.
pub(super) fn drive<O: Operation, E: Endpoint>(
    flow: &mut Flow<'_, O>,
    line: &mut Line<'_, E>,
) -> Result<(), Error> {
    let before = line.sent;
    let result = steps(flow, line);
    assert!(line.sent - before <= u32::from(ROUND_TRIPS));
    // What is still on the way does not arrive in the next operation.
    line.pending = None;
    result
}

fn steps<O: Operation, E: Endpoint>(
    flow: &mut Flow<'_, O>,
    line: &mut Line<'_, E>,
) -> Result<(), Error> {
    // Every step sends, receives, waits or ends: there are not more of them than this.
    let mut left = 6 * u32::from(ROUND_TRIPS);
    while left > 0 {
        left -= 1;
        let dropped = line.input.byte() & 0x1F == 31;
        match flow.poll(Instant::from_micros(line.now))? {
            Step::Transmit(token) if !dropped => {
                let bytes = token.bytes().to_vec();
                line.send(token.kind(), &bytes);
                token.sent(Instant::from_micros(line.now));
            }
            Step::Receive(mut token) if !dropped => {
                let deadline = token.deadline().as_micros();
                let Some((kind, answer)) = line.pending.take() else {
                    line.now = line.now.max(deadline) + 1;
                    token.expired()?;
                    continue;
                };
                let buffer = token.buffer();
                let Some(place) = buffer.get_mut(..answer.len()) else {
                    // The transport says so and stops.
                    return Err(Error::Timeout { request: Code::GET_VERSION });
                };
                place.copy_from_slice(&answer);
                line.now += u64::from(line.input.byte()) << 8;
                line.arrives(kind, &answer);
                let received = Received { kind, len: answer.len() };
                token.received(Instant::from_micros(line.now), received)?;
            }
            Step::Wait { until } => line.now = line.now.max(until.as_micros()),
            Step::Done => return Ok(()),
            // Dropped, which does not count: the input ends, and then nothing is dropped any more.
            Step::Transmit(_) | Step::Receive(_) => left += 1,
        }
    }
    panic!("more steps than the bounds allow");
}
