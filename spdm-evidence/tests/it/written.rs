//! What evidence loses in another form: nothing of it could be what fails.

use spdm_codec::Code;
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_evidence::{Error, Evidence, Format, Note, RecordedExchange};
use spdm_requester::Crypto;

use crate::bundle::evidence;

const FORMS: [Format; 4] = [Format::StandardTranscript, Format::Redfish, Format::Cmw, Format::Json];

fn written(evidence: &Evidence, form: Format) -> Result<Vec<u8>, Error> {
    let mut hashes = Bank::<Running, 2>::new();
    let mut crypto = Crypto { provider: &PROVIDER, hashes: &mut hashes };
    evidence.write(form, &mut crypto).map(|written| written.bytes)
}

#[test]
fn an_answer_without_its_request_is_in_no_form() {
    for code in [Code::MEASUREMENTS, Code::CHALLENGE_AUTH, Code::CHUNK_RESPONSE] {
        let mut stray = evidence();
        stray.recordings[0].notes.push(Note::Stray { code });
        for form in FORMS {
            assert!(matches!(written(&stray, form), Err(Error::Unwritable(_))), "{code} {form:?}");
        }
    }
    let mut harmless = evidence();
    harmless.recordings[0].notes.push(Note::Stray { code: Code::DIGESTS });
    for form in FORMS {
        assert!(written(&harmless, form).is_ok(), "{form:?}");
    }
}

#[test]
fn a_signature_that_was_asked_for_in_vain_is_not_left_out() {
    const ERROR: [u8; 4] = [0x12, 0x7F, 0x05, 0];
    let request = |code: u8, param1: u8| [&[0x12, code, param1, 1][..], &[9; 33]].concat();
    for (code, param1) in [(0xE0, 1), (0x83, 0), (0xE4, 0)] {
        for response in [None, Some(ERROR.to_vec())] {
            let mut old = evidence();
            let request = request(code, param1);
            old.recordings[0].exchanges.push(RecordedExchange {
                request: request.clone(),
                interim: Vec::new(),
                response,
            });
            for form in &FORMS[..3] {
                assert!(
                    matches!(written(&old, *form), Err(Error::Unwritable(_))),
                    "{code:#x} {form:?}"
                );
            }
            // This form shows every exchange.
            assert!(written(&old, Format::Json).is_ok());
        }
    }
    // It was Busy, and answered the same request in the end; and nobody asked for a signature here.
    let mut busy = evidence();
    let answered = busy.recordings[0].exchanges.last().unwrap().request.clone();
    for request in [answered, request(0xE0, 0)] {
        let interim = Vec::new();
        let response = Some(ERROR.to_vec());
        busy.recordings[0].exchanges.insert(3, RecordedExchange { request, interim, response });
    }
    for form in FORMS {
        assert!(written(&busy, form).is_ok(), "{form:?}");
    }
}
