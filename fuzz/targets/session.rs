//! Whole connections with sessions: arbitrary device bytes before and inside of the secured layer. What is established was
//! signed and has its HMACs, and nothing that came in the clear is taken for an answer in a session.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::flow::connect_with_sessions(data));
