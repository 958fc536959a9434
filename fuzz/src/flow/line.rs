//! The input as a line to a device.

use spdm_codec::{Code, ErrorCode};
use spdm_emulator::Device;
use spdm_requester::{Error, Flow, Operation, Step};
use spdm_transport::{Instant, MessageKind, Received};

use super::ROUND_TRIPS;

/// The bytes that decide.
pub(super) struct Input<'d>(&'d [u8]);

impl<'d> Input<'d> {
    pub(super) const fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn number(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }
}

/// What the input makes of the device and the line to it.
pub(super) struct Line<'d> {
    pub(super) input: Input<'d>,
    pub(super) device: Device,
    /// What arrives for the request before.
    before: Vec<u8>,
    pending: Option<Vec<u8>>,
    now: u64,
    sent: u32,
}

impl<'d> Line<'d> {
    pub(super) const fn new(input: Input<'d>, device: Device) -> Self {
        Self { input, device, before: Vec::new(), pending: None, now: 0, sent: 0 }
    }

    fn send(&mut self, request: &[u8]) {
        self.sent += 1;
        // Without input left the device is a correct one.
        let honest = match self.input.byte() & 0x0F {
            // The request is lost.
            14 => None,
            _ => self.device.respond(request),
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
            _ => false,
        };
        self.before.clone_from(&answer);
        self.pending = (keep && !answer.is_empty()).then_some(answer);
    }
}

/// Runs a flow to its end.
///
/// # Panics
/// When there are more messages than its bounds allow.
pub(super) fn drive<O: Operation>(
    flow: &mut Flow<'_, O>,
    line: &mut Line<'_>,
) -> Result<(), Error> {
    let before = line.sent;
    let result = steps(flow, line);
    assert!(line.sent - before <= u32::from(ROUND_TRIPS));
    // What is still on the way does not arrive in the next operation.
    line.pending = None;
    result
}

fn steps<O: Operation>(flow: &mut Flow<'_, O>, line: &mut Line<'_>) -> Result<(), Error> {
    // Every step sends, receives, waits or ends: there are not more of them than this.
    let mut left = 6 * u32::from(ROUND_TRIPS);
    while left > 0 {
        left -= 1;
        let dropped = line.input.byte() & 0x1F == 31;
        match flow.poll(Instant::from_micros(line.now))? {
            Step::Transmit(token) if !dropped => {
                let bytes = token.bytes().to_vec();
                line.send(&bytes);
                token.sent(Instant::from_micros(line.now));
            }
            Step::Receive(mut token) if !dropped => {
                let deadline = token.deadline().as_micros();
                let Some(answer) = line.pending.take() else {
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
                let received = Received { kind: MessageKind::Plain, len: answer.len() };
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
