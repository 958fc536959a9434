//! Reference values and concise evidence: in both dialects, and against a device.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::references::appraise(data));
