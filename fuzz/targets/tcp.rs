//! The reader of TCP connections: packets in another order, twice or not at all never make other messages, nor the same
//! ones in another order, and what is missing between two messages is noted.
#![no_main]

use spdm_fuzz::tcp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tcp(data));
