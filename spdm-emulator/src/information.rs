//! What the device tells besides measurements: its measurement extension log and its device class (1.3).

use spdm_codec::EndpointInfoSubCode;
use spdm_responder::{Information, LogReading};

use crate::own_device::OwnDevice;

/// What went into measurements 1 and 2. It does not change while the device is on.
const LOG: &[u8] = b"\x03\0\0\0\x48\0\0\0\0\0\0\0\0\0\0\0\
    \x01\0\0\0\x01\0\0\0\x89\x0F\0ROM, revision A\
    \x02\0\0\0\x02\0\0\0\x89\x13\0boot loader, 1.0.0\0\
    \x03\0\0\0\x02\0\0\0\x86\x05\x001.2.3";

/// One identifier: a vendor of PCI-SIG's registry, and the class code and the revision of an NVMe controller. Whole
/// doublewords: libspdm refuses a signed ENDPOINT_INFO that a DOE mailbox had to pad.
const ENDPOINT_INFO: &[u8] = b"\x01\0\0\0\x0B\x03\x02\x36\x1B\x02\x03\x01\x08\x02\x01\x01";

impl Information for OwnDevice<'_> {
    fn measurement_extension_log(&mut self, _: LogReading) -> Option<&[u8]> {
        Some(LOG)
    }

    fn endpoint_info(&self, sub_code: EndpointInfoSubCode) -> Option<&[u8]> {
        (sub_code == EndpointInfoSubCode::DEVICE_CLASS_IDENTIFIER).then_some(ENDPOINT_INFO)
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::{DeviceClassIdentifiers, MeasurementExtensionLog, StandardsBody, Untrusted};

    use super::{ENDPOINT_INFO, LOG};
    use crate::own_device::OPAQUE_VENDOR;

    #[test]
    fn the_log_is_well_formed() {
        let log = MeasurementExtensionLog::decode(Untrusted::new(LOG)).unwrap();
        let indices: Vec<_> = log.iter().map(|entry| (entry.mel_index, entry.meas_index)).collect();
        assert_eq!(indices, [(1, 1), (2, 2), (3, 2)]);
    }

    #[test]
    fn the_device_is_of_one_class() {
        let classes = DeviceClassIdentifiers::decode(Untrusted::new(ENDPOINT_INFO)).unwrap();
        let class = classes.iter().next().unwrap();
        assert_eq!(
            (class.header.id, class.header.vendor_id),
            (StandardsBody::PCI_SIG, &OPAQUE_VENDOR[..])
        );
        assert_eq!(class.sub_ids().collect::<Vec<_>>(), [&[1, 8, 2][..], &[1]]);
        assert_eq!(ENDPOINT_INFO.len() % 4, 0);
    }
}
