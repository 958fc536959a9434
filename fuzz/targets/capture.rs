//! The reader of captures, and the judge behind it: nothing is ever verified without a trust anchor.
#![no_main]

use spdm_fuzz::verify;

libfuzzer_sys::fuzz_target!(|data: &[u8]| verify(data));
