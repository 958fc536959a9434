//! Mutants of the own files, and files of others.

use std::fs;

use spdm_appraisal::{Corim, Dialect, Verdict};
use spdm_untrusted::Untrusted;

use crate::own::{Setting, corims, folder};

/// Files whose signature verifies by one bit of each byte in turn, so that a run takes seconds; others that are signed not
/// at all.
pub(crate) fn na1_prefixes_and_mutants_of_each_file() {
    let setting = Setting::read();
    for (name, verdict, file) in corims().iter().filter(|(_, _, file)| file.len() < 4096) {
        let is_signed = name.starts_with("corim_signed");
        for len in 0..file.len() {
            let prefix = setting.appraise(&file[..len], Dialect::Compatible);
            assert!(prefix.is_err() || name == "corim_trailing.cbor", "{name}: {len}");
        }
        if is_signed && verdict != "match" {
            continue;
        }
        for at in 0..file.len() {
            let flips: &[u8] =
                if is_signed { &[1 << (at % 8)] } else { &[1, 2, 4, 8, 16, 32, 64, 128, 255] };
            for flip in flips {
                let mut mutant = file.clone();
                mutant[at] ^= flip;
                let appraised = setting.appraise(&mutant, Dialect::Compatible);
                if is_signed && let Ok(appraised) = appraised {
                    assert_ne!(appraised.verdict, Verdict::Match, "{name}: byte {at} ^ {flip}");
                }
            }
        }
    }
}

pub(crate) fn na4_an_anchor_for_devices_is_none_for_references() {
    let setting = Setting::read();
    let file = fs::read(folder().join("own/corim_signed_good.cbor")).unwrap();
    let error = setting.appraise_under_device_anchor(&file).unwrap_err();
    assert_eq!(error.clause(), "chain.anchor");
}

pub(crate) fn both_forms_of_the_sample_tool_under_compatible_only() {
    let setting = Setting::read();
    for name in ["SpdmSampleCoMid.cbor", "SpdmSampleCoMid.corim"] {
        let file = fs::read(folder().join("dmtf").join(name)).unwrap();
        let appraised = setting.appraise(&file, Dialect::Compatible).unwrap();
        assert_eq!(appraised.verdict, Verdict::Match, "{name}");
        let error = setting.appraise(&file, Dialect::Strict).unwrap_err();
        assert_eq!(error.clause(), "corim.tag", "{name}");
        for at in 0..file.len() {
            let mut mutant = file.clone();
            mutant[at] ^= 1;
            let appraised = setting.appraise(&mutant, Dialect::Compatible);
            let is_match = appraised.is_ok_and(|appraised| appraised.verdict == Verdict::Match);
            assert!(!is_match || name.ends_with(".cbor"), "{name}: byte {at}");
        }
    }
}

pub(crate) fn files_of_others_are_read_or_refused_with_a_reason() {
    let setting = Setting::read();
    let mut read = 0;
    for entry in fs::read_dir(folder().join("veraison")).unwrap() {
        let path = entry.unwrap().path();
        let file = fs::read(&path).unwrap();
        for dialect in [Dialect::Strict, Dialect::Compatible] {
            match setting.appraise(&file, dialect) {
                Ok(appraised) => {
                    read += 1;
                    assert!(matches!(appraised.verdict, Verdict::NotAbout { .. }), "{path:?}");
                }
                Err(error) => assert!(!error.clause().is_empty(), "{path:?}"),
            }
            // Not signed: that the bytes around do not matter, is not tested here.
            for at in 0..file.len() {
                let mut mutant = file.clone();
                mutant[at] ^= 0x21;
                let _ = Corim::read(
                    Untrusted::new(&mutant),
                    dialect,
                    &Setting::trust_nobody(),
                    &mut [0; 4096],
                );
            }
        }
    }
    assert_eq!(read, 2 * 4, "corim-1, corim-2, corim-roles and unsigned-good-corim");
}
