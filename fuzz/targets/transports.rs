//! Frames of sockets and serial lines, and what drives send: nothing panics or grows, and what decodes, encodes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::transports::read(data));
