//! The structures inside messages.
#![no_main]

use core::hint::black_box;

use spdm_codec::pci_sig::PciSigProtocol;
use spdm_codec::{
    CertChain, DeviceClassIdentifiers, MeasurementExtensionLog, MeasurementRecord, Plaintext,
    SecuredMessage, SpdmVersion,
};
use spdm_untrusted::Untrusted;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [kind, rest @ ..] = data else { return };
    let bytes = Untrusted::new(rest);
    let mut out = vec![0; rest.len()];
    match kind {
        0 => {
            if let Ok(payload) = PciSigProtocol::decode(bytes) {
                assert!(payload.encode(&mut out).is_ok());
            }
        }
        1..=4 => {
            let version = SpdmVersion::ALL[usize::from(*kind)];
            if let Ok(chain) = CertChain::decode(bytes, version, 32) {
                assert_eq!(chain.encode(version, &mut out), Ok(rest.len()));
                assert_eq!(out, rest);
            }
        }
        5 => drop(black_box(format!("{:?}", MeasurementExtensionLog::decode(bytes)))),
        6 => drop(black_box(format!("{:?}", DeviceClassIdentifiers::decode(bytes)))),
        7 => {
            if let Ok(record) = SecuredMessage::decode(bytes, 2, 0) {
                assert_eq!(record.encode(&mut out), Ok(rest.len()));
                assert_eq!(out, rest);
            }
        }
        8 => drop(black_box(format!("{:?}", Plaintext::decode(bytes)))),
        blocks => {
            if let Ok(record) = MeasurementRecord::decode(bytes, *blocks) {
                assert_eq!(record.iter().count(), usize::from(*blocks));
            }
        }
    }
});
