//! SWID tags: as they come, and with contents that a trusted signer signed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::swid::read(data));
