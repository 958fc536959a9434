//! Sizes that are possible where the negotiation is not on record: the ones with which a message ends where
//! it ends.

use spdm_codec::{Code, Cx, Handshake};

use super::asked::{Asked, SignatureAsked};

/// H of every hash algorithm, likely ones first.
const HASH_LENS: [usize; 3] = [48, 32, 64];
/// S of every signature algorithm, likely ones first; 0 for no signature.
const SIGNATURE_LENS: [usize; 17] =
    [0, 96, 64, 132, 256, 384, 512, 114, 2420, 3309, 4627, 7856, 17088, 16224, 35664, 29792, 49856];
/// Dq and Dp of every exchange, likely ones first.
const EXCHANGE_LENS: [(usize, usize); 9] = [
    (96, 96),
    (64, 64),
    (132, 132),
    (256, 256),
    (384, 384),
    (512, 512),
    (1184, 1088),
    (800, 768),
    (1568, 1568),
];

/// The contexts that a message of this code may have.
pub(super) fn guesses(code: Code, cx: Cx, asked: Asked) -> Box<dyn Iterator<Item = Cx>> {
    let signatures = SIGNATURE_LENS.into_iter().filter(move |len| match asked.signature {
        Some(SignatureAsked::No) => *len == 0,
        Some(SignatureAsked::Yes) => *len > 0,
        None => true,
    });
    let hashes = HASH_LENS.into_iter().map(move |len| cx.with_hash_len(len));
    let summaries = hashes.clone().flat_map(move |cx| {
        let fits = move |len: &usize| match asked.summary {
            Some(_) => *len == asked.summary_len(cx.hash_len),
            None => true,
        };
        [0, cx.hash_len].into_iter().filter(fits).map(move |len| cx.with_summary_len(len))
    });
    match code {
        Code::DIGESTS | Code::PSK_FINISH | Code::FINISH_RSP => Box::new(hashes),
        Code::PSK_EXCHANGE_RSP => Box::new(summaries),
        Code::MEASUREMENTS | Code::ENDPOINT_INFO => {
            Box::new(signatures.map(move |len| cx.with_signature_len(len)))
        }
        Code::CHALLENGE_AUTH => {
            let signed = signatures.filter(|len| *len > 0);
            Box::new(
                summaries
                    .flat_map(move |cx| signed.clone().map(move |len| cx.with_signature_len(len))),
            )
        }
        Code::FINISH => Box::new(hashes.flat_map(|cx| {
            SIGNATURE_LENS.into_iter().map(move |len| cx.with_requester_signature_len(len))
        })),
        Code::KEY_EXCHANGE => Box::new(exchanges(cx)),
        Code::KEY_EXCHANGE_RSP => {
            let signed = signatures.filter(|len| *len > 0);
            let both = summaries.flat_map(|cx| {
                [Handshake::Secured, Handshake::InTheClear].map(|form| cx.with_handshake(form))
            });
            let all = both.flat_map(exchanges);
            Box::new(
                all.flat_map(move |cx| signed.clone().map(move |len| cx.with_signature_len(len))),
            )
        }
        _ => Box::new(core::iter::empty()),
    }
}

fn exchanges(cx: Cx) -> impl Iterator<Item = Cx> {
    EXCHANGE_LENS.into_iter().map(move |(dq, dp)| cx.with_exchange_lens(dq, dp))
}
