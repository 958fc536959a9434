//! Conceptual message wrappers, in CBOR and in JSON, and the judge behind them: nothing is ever verified without a trust
//! anchor.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::verify_wrapper(data));
