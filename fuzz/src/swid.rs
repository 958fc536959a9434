//! SWID tags, and the OpaqueData of the devices that they are for.

use std::sync::LazyLock;

use spdm_appraisal::{Error, MAX_MEASUREMENTS, NvidiaOpaque, ReferenceTrust, Swid, SwidMismatch};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, ValidityCheck};

use crate::swid_file::{P384, SwidFile};
use crate::testing::certificates_for;

static ROOT: LazyLock<Vec<u8>> = LazyLock::new(|| certificates_for(P384, 0).remove(0));
static GOOD: LazyLock<SwidFile> = LazyLock::new(SwidFile::new);
static GENUINE: LazyLock<Swid> =
    LazyLock::new(|| verified(GOOD.signed().as_bytes()).expect("the good file"));

/// Reads the bytes as a file; as what a good file expects, signed anew; and as what a device says of itself.
pub fn read(data: &[u8]) {
    if let Ok(swid) = verified(data) {
        // Nobody signed but the good one, which can be written in other ways.
        assert_eq!(swid, *GENUINE);
    }
    if let Ok(payload) = core::str::from_utf8(data) {
        let file = SwidFile { payload: payload.to_owned(), ..GOOD.clone() };
        if let Ok(swid) = verified(file.signed().as_bytes()) {
            let states = swid.states().count();
            assert!(states > 0 && u32::try_from(states).unwrap() <= MAX_MEASUREMENTS);
            expects(&swid, data);
        }
    }
    expects(&GENUINE, data);
}

fn verified(file: &[u8]) -> Result<Swid, Error> {
    let anchors = [Anchor::Certificate(&ROOT)];
    let validity = ValidityCheck::Unchecked;
    let trust = ReferenceTrust { provider: &PROVIDER, anchors: &anchors, keys: &[], validity };
    Swid::read(Untrusted::new(file), &trust)
}

/// A device of another version has no states.
fn expects(swid: &Swid, opaque: &[u8]) {
    let Ok(device) = NvidiaOpaque::read(Untrusted::new(opaque)) else { return };
    let is_version = device.vbios.is_some_and(|vbios| vbios.is(swid.version()));
    match swid.states_of(&device, Some("LS_10")) {
        Ok(states) => assert!(is_version && states.count() <= swid.states().count()),
        Err(SwidMismatch::Nvdec0 { .. }) => assert!(is_version),
        Err(_) => assert!(!is_version),
    }
}

/// A good file, what it expects, and what a device of its version says.
pub fn good_files() -> Vec<Vec<u8>> {
    let opaque = [&[6, 0, 14, 0][..], b"96.10.55.00.01", &[11, 0, 1, 0, 0xAA]].concat();
    vec![GOOD.signed().into_bytes(), GOOD.payload.clone().into_bytes(), opaque]
}
