//! A responder against arbitrary requests, in the clear and in sessions.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::responder::serve(data));
