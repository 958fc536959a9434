//! Tokens of the OCP profile and detached EAT bundles, whose signatures hold whatever they are.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::tokens::judge(data));
