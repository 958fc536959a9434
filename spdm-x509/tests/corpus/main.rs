//! Certificate chains of the corpus.
#![expect(clippy::unwrap_used, reason = "tests say what they expect with a panic")]

mod case;
mod nvidia;

fn every_verdict_is_as_expected() {
    let file = test_corpus::folder().join("x509/chains.json");
    let summary = case::run_all(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(summary.mismatches, Vec::<String>::new());
    assert!(summary.accepted > 0 && summary.refused > 0 && summary.either > 0, "{summary:?}");
}

fn main() {
    test_corpus::run([
        test_corpus::test(every_verdict_is_as_expected),
        test_corpus::test(nvidia::chains_of_real_devices_are_trusted_by_default),
    ]);
}
