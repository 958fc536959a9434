//! `emulated`: a software device in this process.

use spdm_codec::CapabilityFlags;
use spdm_emulator::{Device, DeviceConfig};
use spdm_evidence::CaptureBinding;
use spdm_transport::{Duration, Limits, MessageKind, Received, Transport};

use super::OpenDevice;
use crate::args::DeviceArgs;
use crate::exit::Failure;
use crate::line::{DeviceLine, LineError};

/// The largest message, in bytes.
const MAX_MESSAGE: usize = 0x1_0000;

/// Makes RSA keys only where RSA is asked for: they take seconds.
pub(super) fn open(args: &DeviceArgs) -> Result<Box<dyn OpenDevice>, Failure> {
    let mut config = chunking();
    if let Some(list) = &args.base_asym {
        (config.base_asym, config.pqc_asym) = (list.base, list.pqc);
    }
    Ok(Box::new(Device::new(config).map_err(Failure::usage)?))
}

impl OpenDevice for Device {
    fn connect(&mut self, _: Duration) -> Result<Box<dyn DeviceLine + '_>, LineError> {
        self.reset();
        Ok(Box::new(Emulated { device: self, answer: None }))
    }

    fn capture(&self) -> CaptureBinding {
        CaptureBinding::Bare
    }

    fn anchors(&self) -> Vec<Vec<u8>> {
        self.trust_anchors()
    }
}

/// A device with messages of any size, in chunks where a requester takes less at once.
pub(crate) fn chunking() -> DeviceConfig {
    DeviceConfig {
        more_capabilities: CapabilityFlags::CHUNK_CAP,
        max_spdm_msg_size: 0x1_0000,
        ..DeviceConfig::default()
    }
}

/// A device, and its answer to the last request.
#[derive(Debug)]
struct Emulated<'d> {
    device: &'d mut Device,
    answer: Option<Vec<u8>>,
}

impl DeviceLine for Emulated<'_> {}

impl Transport for Emulated<'_> {
    type Error = LineError;

    fn limits(&self) -> Limits {
        Limits::new(MAX_MESSAGE, MAX_MESSAGE)
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), LineError> {
        self.answer = self.device.respond(message);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> Result<Option<Received>, LineError> {
        let Some(answer) = self.answer.take() else { return Ok(None) };
        let (len, room) = (answer.len(), buffer.len());
        let place = buffer.get_mut(..len).ok_or_else(|| {
            LineError::framing(format!("a message of {len} bytes came, but {room} fit"))
        })?;
        place.copy_from_slice(&answer);
        Ok(Some(Received { kind: MessageKind::Plain, len }))
    }

    fn abandon(&mut self) {
        self.answer = None;
    }
}
