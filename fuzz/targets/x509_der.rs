//! The DER reader: one certificate, mutated as a tree.
#![no_main]

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let good = spdm_fuzz::certificates::good_certificate;
    spdm_fuzz::certificates::mutate_tree(data, size, max_size, seed, good)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::certificates::read_certificate(data));
