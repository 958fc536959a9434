//! Captures and evidence of the corpus, which is found through `SPDM_CORPUS`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests say what they expect with a panic"
)]

mod captures;
mod conversation;
mod damaged;
mod flow;
mod folder;
mod host;
mod mutate;
mod mutation;
mod nvidia;
#[path = "../it/pcap.rs"]
mod pcap;
mod reencode;
mod session_faults;
mod sessions;
mod tampered;
mod written;

use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::Running;
use spdm_evidence::{Evidence, ReadOptions, Report, Verifier};
use spdm_x509::ValidityCheck;
use test_corpus::test;

/// 2026-11-01.
const AT: ValidityCheck = ValidityCheck::At(1_793_491_200);

fn read(bytes: &[u8]) -> Evidence {
    Evidence::read(bytes, &ReadOptions::default()).unwrap()
}

fn verify(verifier: &Verifier<'_>, evidence: &Evidence) -> Vec<Report> {
    verifier.verify(&mut Bank::<Running, 2>::new(), evidence)
}

fn main() {
    test_corpus::run([
        test(captures::attested_captures_verify),
        test(captures::chunked_captures_verify),
        test(captures::another_root_is_no_anchor),
        test(captures::what_is_not_implemented_cannot_be_judged),
        test(captures::failed_captures_prove_what_their_messages_prove),
        test(captures::cut_captures_are_not_judged),
        test(captures::a_refused_challenge_is_named),
        test(captures::a_provisioned_key_is_needed_for_slot_0xff),
        test(captures::options_of_the_verifier),
        test(captures::reference_values),
        test(captures::written_evidence_gives_the_same_report),
        test(conversation::every_message_decodes_and_encodes_to_the_same_bytes),
        test(conversation::flows_are_those_of_the_manifest),
        test(conversation::records_hold_the_messages_of_the_log),
        test(conversation::strangers_open_no_record),
        test(damaged::truncated_and_flipped_files),
        test(damaged::pcapng_holds_the_same_messages),
        test(damaged::the_end_inside_a_packet_is_an_error),
        test(host::what_hosts_sign_verifies),
        test(host::nothing_that_a_host_signs_can_be_changed),
        test(host::each_broken_rule_of_a_host_is_named),
        test(host::a_host_verifies_no_device),
        test(host::what_a_host_proves_needs_its_whole_chain_and_an_answer),
        test(mutation::changes_are_noticed),
        test(nvidia::every_element_verifies_under_the_pinned_root),
        test(nvidia::a_nonce_that_the_file_names_is_the_signed_one),
        test(nvidia::a_report_in_hexadecimal_with_its_chain),
        test(session_faults::a_wrong_hmac_or_key_is_named),
        test(session_faults::a_record_that_is_not_the_next_one_is_named),
        test(session_faults::what_no_side_may_say_in_a_session_is_named),
        test(session_faults::a_host_that_acknowledges_another_key_update_is_named),
        test(session_faults::a_key_exchange_counts_like_other_signatures),
        test(session_faults::sessions_without_keys_are_counted),
        test(session_faults::measurements_in_a_session_have_a_nonce_of_their_own),
        test(sessions::every_key_exchange_is_signed),
        test(sessions::every_session_is_judged_with_its_secrets),
        test(sessions::nothing_in_a_session_can_be_changed),
        test(sessions::nothing_that_a_key_exchange_signs_can_be_changed),
        test(tampered::the_failed_check_and_the_exit_code),
        test(tampered::several_connections_in_one_file),
        test(tampered::what_no_key_checked_is_never_listed_as_signed),
        test(tampered::request_resynch_does_not_undo_what_was_proven),
        test(written::captures_of_the_dmtf_tools_are_written_as_they_are),
    ]);
}
