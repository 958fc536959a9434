//! Records of a session, opened with their keys: only what was sealed, in its order, and nothing before its tag is right.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::records::open(data));
