//! CoRIM files of the corpus.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod files;
mod own;
mod toc;

fn main() {
    test_corpus::run([
        test_corpus::test(own::every_corim_gives_its_verdict),
        test_corpus::test(files::na1_prefixes_and_mutants_of_each_file),
        test_corpus::test(files::na4_an_anchor_for_devices_is_none_for_references),
        test_corpus::test(files::both_forms_of_the_sample_tool_under_compatible_only),
        test_corpus::test(files::files_of_others_are_read_or_refused_with_a_reason),
        test_corpus::test(toc::three_indirect_elements_of_each_table),
    ]);
}
