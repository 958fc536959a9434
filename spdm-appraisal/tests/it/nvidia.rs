//! OpaqueData of NVIDIA's devices.

use std::string::ToString as _;
use std::vec::Vec;

use spdm_appraisal::{Nvdec0, NvidiaOpaque, OpaqueError, VbiosVersion};
use spdm_untrusted::Untrusted;

pub(crate) fn tlv(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    [&kind.to_le_bytes()[..], &len.to_le_bytes(), value].concat()
}

fn read(opaque: &[u8]) -> Result<NvidiaOpaque<'_>, OpaqueError> {
    NvidiaOpaque::read(Untrusted::new(opaque))
}

const VBIOS: [u8; 8] = [0x00, 0x5E, 0x00, 0x96, 0x01, 0, 0, 0];

#[test]
fn versions_and_what_the_board_is() {
    let opaque = [
        tlv(6, &VBIOS),
        tlv(15, b"882\0"),
        tlv(17, b"1010\0"),
        tlv(18, b"0200\0"),
        tlv(3, b"535.86.09\0"),
        tlv(11, &[0x55]),
        tlv(900, b"\x01"),
    ]
    .concat();
    let read = read(&opaque).unwrap();
    assert_eq!(read.driver, Some("535.86.09"));
    let vbios = read.vbios.unwrap();
    assert_eq!(vbios.to_string(), "96.00.5E.00.01");
    assert!(vbios.is("96.00.5e.00.01") && !vbios.is("96.00.5E.00.02") && !vbios.is("96005E0001"));
    assert_eq!(read.nvdec0, Some(Nvdec0::Disabled));
    let rim = read.vbios_rim().unwrap().to_string();
    assert_eq!(rim, "NV_GPU_VBIOS_1010_0200_882_96005E0001");
}

#[test]
fn a_switch_writes_its_version_as_text() {
    let opaque = tlv(6, b"96.10.55.00.01");
    let read = read(&opaque).unwrap();
    assert_eq!(read.vbios, Some(VbiosVersion::Text("96.10.55.00.01")));
    assert!(read.vbios.unwrap().is("96.10.55.00.01"));
    assert!(read.vbios_rim().is_none());
    assert_eq!(read.to_string(), "firmware 96.10.55.00.01");
}

#[test]
fn what_is_not_of_this_form_is_refused() {
    let driver = tlv(3, b"535.86.09\0");
    for end in 1..driver.len() {
        assert_eq!(read(&driver[..end]), Err(OpaqueError::Truncated { at: 0 }), "{end} bytes");
    }
    let at = driver.len();
    let twice = [driver.clone(), tlv(3, b"1\0")].concat();
    assert_eq!(read(&twice), Err(OpaqueError::Twice { kind: 3, at }));
    let cut = [&driver[..], &[6, 0, 1]].concat();
    assert_eq!(read(&cut), Err(OpaqueError::Truncated { at }));
    let wrong = |kind, value: &[u8]| match read(&tlv(kind, value)) {
        Err(OpaqueError::Value { field }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong(3, b"\x1b[2J"), "driver version");
    assert_eq!(wrong(3, b"\0"), "driver version");
    assert_eq!(wrong(6, &VBIOS[..7]), "VBIOS version");
    assert_eq!(wrong(6, &[0, 0, 0, 0, 0, 1, 0, 0]), "VBIOS version");
    assert_eq!(wrong(11, &[]), "NVDEC0 status");
    assert_eq!(wrong(15, "882²".as_bytes()), "chip SKU");
    assert_eq!(wrong(17, b""), "project");
    assert_eq!(wrong(18, b" "), "project SKU");
    assert_eq!(read(&[]), Ok(NvidiaOpaque::default()));
}
