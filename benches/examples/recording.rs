//! Writes the answers that `examples/bare_metal` gets, for its feature `recorded`: what it offers and lends is
//! repeated here, for it is part of what the device signs.
//!
//! ```text
//! cargo run --manifest-path benches/Cargo.toml --example recording FILE
//! ```

use std::env;
use std::fs;

use spdm_benches::replay::{Recording, SUITES};
use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, PqcAsymAlgo};
use spdm_crypto::HashAlgorithm;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_requester::Offer;
use spdm_transport::Limits;

fn main() {
    let path = env::args().nth(1).expect("a file to write to");
    let mut offer = Offer::everything(&PROVIDER);
    offer.base_asym = BaseAsymAlgo::ECDSA_P384;
    offer.base_hash = BaseHashAlgo::SHA_384;
    offer.pqc_asym = PqcAsymAlgo::empty();
    let [_, p384, ..] = SUITES;
    let limits = Limits::new(0x1000, 0x1000).with_padding(3);
    let recording = Recording::by(p384, offer, limits, &mut [0; 0x800]);
    let root = PROVIDER.hash.digest(HashAlgorithm::Sha384, &[&recording.root]);
    let mut bytes = root.expect("a known hash").as_bytes().to_vec();
    for response in &recording.responses {
        let len = u16::try_from(response.len()).expect("a short message");
        bytes.extend(len.to_le_bytes());
        bytes.extend(response);
    }
    fs::write(path, bytes).expect("the file can be written");
}
