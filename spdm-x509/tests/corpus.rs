//! Certificate chains with verdicts, from the corpus.

#[path = "corpus/case.rs"]
mod case;
#[path = "corpus/folder.rs"]
mod folder;

#[test]
fn every_verdict_is_as_expected() {
    let Some(file) = folder::file("x509/chains.json") else { return };
    let summary = case::run_all(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(summary.mismatches, Vec::<String>::new());
    assert!(summary.accepted > 0 && summary.refused > 0 && summary.either > 0, "{summary:?}");
}
