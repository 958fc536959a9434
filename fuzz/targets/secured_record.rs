//! Connections with sessions whose keys are known: records, and the messages inside of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::secured::follow(data));
