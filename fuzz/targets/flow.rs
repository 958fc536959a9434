//! Whole attestations and single operations: arbitrary device bytes and timing. What is verified was signed, byte for byte.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::flow::connect(data));
