//! Certificate chains under a policy with an anchor: mutated as trees, and mostly signed again.
#![no_main]

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    spdm_fuzz::certificates::mutate_chain(data, size, max_size, seed)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| spdm_fuzz::certificates::judge_chain(data));
