//! The command over captures, chains and evidence of the corpus.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod backend;
mod captures;
mod chain;
mod cmw;
mod decode;
mod hidden;
mod input_certificates;
mod inputs;
mod offline;
#[path = "../spdm/process.rs"]
#[expect(dead_code, reason = "the other target uses more of it")]
mod process;
mod redfish;
#[path = "../spdm/schema.rs"]
mod schema;
mod swid;
mod wrong_files;

use test_corpus::test;

fn main() {
    test_corpus::run([
        test(captures::every_form_of_the_same_attestation),
        test(captures::a_packet_that_is_missing_is_named),
        test(captures::a_capture_that_begins_after_the_negotiation),
        test(captures::messages_in_text),
        test(captures::a_finish_rsp_alone),
        test(chain::the_chains_of_the_corpus),
        test(decode::every_capture_is_the_flow_of_the_manifest),
        test(decode::evidence_of_real_hardware),
        test(decode::captures_with_secrets_are_the_flows_of_the_manifest),
        test(decode::the_wrong_secrets_open_nothing_and_that_is_an_error),
        test(hidden::a_class_of_devices_that_a_machine_has_none_of),
        test(hidden::a_device_that_is_missing_beside_others),
        test(hidden::a_device_that_is_missing_in_a_folder),
        test(hidden::a_device_that_is_missing_in_a_map),
        test(hidden::algorithms_that_contradict_the_file),
        test(hidden::a_chain_beside_the_own_one),
        test(hidden::a_document_with_more_or_less_in_it),
        test(hidden::several_nonces),
        test(hidden::a_chain_around_many_devices),
        test(hidden::other_certificates),
        test(hidden::a_long_name_in_front_of_many_places),
        test(inputs::collectors_and_lists_of_devices),
        test(inputs::a_collector_that_failed),
        test(inputs::json_of_other_tools),
        test(inputs::a_nonce_beside_or_around_the_evidence_is_the_signed_one),
        test(inputs::what_is_wrong_in_json_is_named_by_its_place),
        test(inputs::transcripts_as_text),
        test(inputs::files_that_are_no_evidence),
        test(wrong_files::each_command_says_what_the_file_is),
        test(wrong_files::a_capture_that_is_cut_says_where),
        test(inputs::a_signature_without_a_chain_is_not_checked),
        test(inputs::the_chain_of_a_transcript_in_other_forms),
        test(inputs::several_files_and_folders),
        test(inputs::many_documents_in_one_file),
        test(input_certificates::a_certificate_is_named_by_its_number_in_the_file),
        test(input_certificates::bytes_behind_the_last_certificate),
        test(input_certificates::pem_with_other_blocks_and_comments),
        test(input_certificates::folders_of_anchors),
        test(input_certificates::algorithms_that_this_build_or_spdm_does_not_have),
        test(input_certificates::chains_of_many_certificates),
        test(input_certificates::public_keys_in_any_form),
        test(offline::captures_of_the_reference_implementation),
        test(offline::evidence_of_real_hardware),
        test(offline::a_report_and_its_chain_in_two_files),
        test(swid::a_file_is_shown_as_json_that_the_evidence_meets),
        test(swid::every_value_of_a_switch_matches),
        test(swid::the_differing_index_of_a_gpu_is_that_of_spdm),
        test(swid::changed_expired_and_untrusted_files_do_not_count),
        test(swid::files_for_another_version_or_device),
        test(redfish::the_answer_and_its_certificate_in_two_files),
        test(redfish::the_request_of_a_task_names_the_signed_nonce),
        test(redfish::the_named_hash_is_a_hint),
        test(redfish::certificates_are_ordered_by_their_issuers),
        test(cmw::each_wrapper_of_the_corpus_gives_its_verdict),
        test(cmw::a_transcript_in_a_wrapper_verifies_with_its_certificates),
        test(cmw::other_messages_beside_evidence),
        test(cmw::lists_of_media_types_are_no_wrapper),
        test(cmw::reference_values_in_a_wrapper_that_is_named),
        test(cmw::collections_nest_four_deep),
        test(cmw::na1_prefixes_and_mutants_of_wrappers),
        #[cfg(feature = "aws-lc-rs")]
        test(backend::captures_and_chains_get_the_same_verdict_from_both_backends),
    ]);
}
