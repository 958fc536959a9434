//! `emulated`: a software device in this process.

use spdm_codec::{CapabilityFlags, RecordBinding};
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
    config.more_capabilities |= SESSIONS | PROVISIONING;
    if let Some(list) = &args.connection.base_asym {
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
        CaptureBinding::PciDoe
    }

    fn anchors(&self) -> Vec<Vec<u8>> {
        self.trust_anchors()
    }
}

/// What a device announces that has sessions, and tells of events in them.
pub(crate) const SESSIONS: CapabilityFlags = CapabilityFlags::KEY_EX_CAP
    .union(CapabilityFlags::ENCRYPT_CAP)
    .union(CapabilityFlags::MAC_CAP)
    .union(CapabilityFlags::HBEAT_CAP)
    .union(CapabilityFlags::KEY_UPD_CAP)
    .union(CapabilityFlags::EVENT_CAP);

/// What a device announces that can be provisioned.
pub(crate) const PROVISIONING: CapabilityFlags = CapabilityFlags::CSR_CAP
    .union(CapabilityFlags::SET_CERT_CAP)
    .union(CapabilityFlags::GET_KEY_PAIR_INFO_CAP)
    .union(CapabilityFlags::SET_KEY_PAIR_INFO_CAP);

/// A device with messages of any size, in chunks where a requester takes less at once, and with the information of 1.3.
pub(crate) fn chunking() -> DeviceConfig {
    DeviceConfig {
        more_capabilities: CapabilityFlags::CHUNK_CAP
            | CapabilityFlags::MEL_CAP
            | CapabilityFlags::EP_INFO_CAP_SIG,
        max_spdm_msg_size: 0x1_0000,
        ..DeviceConfig::default()
    }
}

/// A device, and its answer to the last request.
#[derive(Debug)]
struct Emulated<'d> {
    device: &'d mut Device,
    answer: Option<(MessageKind, Vec<u8>)>,
}

impl DeviceLine for Emulated<'_> {}

impl Transport for Emulated<'_> {
    type Error = LineError;

    fn limits(&self) -> Limits {
        Limits::new(MAX_MESSAGE, MAX_MESSAGE).with_records(RecordBinding::PciDoe)
    }

    fn send(&mut self, kind: MessageKind, message: &[u8], _: Duration) -> Result<(), LineError> {
        let answer = match kind {
            MessageKind::Plain => self.device.respond(message),
            MessageKind::Secured => self.device.respond_secured(message),
        };
        self.answer = answer.map(|answer| (kind, answer));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> Result<Option<Received>, LineError> {
        let Some((kind, answer)) = self.answer.take() else { return Ok(None) };
        let (len, room) = (answer.len(), buffer.len());
        let place = buffer.get_mut(..len).ok_or_else(|| {
            LineError::framing(format!("a message of {len} bytes came, but {room} fit"))
        })?;
        place.copy_from_slice(&answer);
        Ok(Some(Received { kind, len }))
    }

    fn abandon(&mut self) {
        self.answer = None;
    }
}
