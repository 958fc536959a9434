//! Random numbers: what can be seen of them from outside.

use super::report::Suite;
use crate::provider::Provider;

/// Bytes come, everywhere, and never the same ones twice.
pub(super) fn random(provider: &Provider, suite: &mut Suite) {
    let mut first = [0; 64];
    if provider.random.fill(&mut first).is_err() {
        return;
    }
    let mut second = [0; 64];
    suite.equal(provider.random.fill(&mut second), Ok(()), || "the second time".into());
    suite.check(first != second, || "the same 64 bytes came twice".into());
    suite.equal(provider.random.fill(&mut []), Ok(()), || "no bytes at all".into());
    // A byte that is zero in all of these, though it is random: once in 2^64 runs or so.
    for at in 0..first.len() {
        let mut byte = first[at] | second[at];
        for _ in 0..8 {
            let mut out = [0; 64];
            suite.equal(provider.random.fill(&mut out), Ok(()), || "again".into());
            byte |= out[at];
        }
        suite.check(byte != 0, || alloc::format!("byte {at} is never written"));
    }
}
