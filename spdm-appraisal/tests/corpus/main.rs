//! CoRIM files, tokens and bundles of the corpus.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod files;
mod own;
#[cfg(feature = "swid")]
mod swid;
mod toc;
mod token;

fn main() {
    #[cfg(not(feature = "swid"))]
    let swid = [];
    #[cfg(feature = "swid")]
    let swid = [
        test_corpus::test(swid::genuine_files_are_read_and_changed_ones_are_not),
        test_corpus::test(swid::each_value_of_a_switch_matches),
        test_corpus::test(swid::a_differing_value_has_its_index_in_spdm_numbering),
        test_corpus::test(swid::another_version_is_named),
        test_corpus::test(swid::na13_no_one_byte_mutant_is_read_as_something_else),
    ];
    let corim = [
        test_corpus::test(own::every_corim_gives_its_verdict),
        test_corpus::test(files::na1_prefixes_and_mutants_of_each_file),
        test_corpus::test(files::na4_an_anchor_for_devices_is_none_for_references),
        test_corpus::test(files::both_forms_of_the_sample_tool_under_compatible_only),
        test_corpus::test(files::files_of_others_are_read_or_refused_with_a_reason),
        test_corpus::test(toc::three_indirect_elements_of_each_table),
        test_corpus::test(token::every_token_and_bundle_gives_its_verdict),
        test_corpus::test(token::divergences_are_read_under_compatible_and_named),
        test_corpus::test(token::tokens_in_blocks),
        test_corpus::test(token::reference_values_for_a_token),
        test_corpus::test(token::parts_of_the_bundle),
        test_corpus::test(token::na1_no_mutant_of_a_token_or_bundle_verifies),
    ];
    test_corpus::run(corim.into_iter().chain(swid));
}
