//! Sizes that are possible where the negotiation is not among the messages: the ones with which a message ends
//! where its bytes end.

use core::iter;

use super::last_request::{LastRequest, SignatureAsked};
use crate::code::Code;
use crate::cx::{Cx, Handshake};

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

/// What the negotiation would have told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Unknown {
    Hash,
    Summary,
    Handshake,
    Exchange,
    RequesterSignature,
    /// A signature, or none.
    Signature,
    /// A signature that must be there.
    SomeSignature,
}

/// What has to be known to decode a message.
const fn unknown(code: Code) -> &'static [Unknown] {
    use Unknown::{
        Exchange, Handshake, Hash, RequesterSignature, Signature, SomeSignature, Summary,
    };
    match code {
        Code::DIGESTS | Code::PSK_FINISH => &[Hash],
        Code::FINISH_RSP => &[Hash, Handshake],
        Code::PSK_EXCHANGE_RSP => &[Hash, Summary],
        Code::MEASUREMENTS | Code::ENDPOINT_INFO => &[Signature],
        Code::CHALLENGE_AUTH => &[Hash, Summary, SomeSignature],
        Code::FINISH => &[Hash, RequesterSignature],
        Code::KEY_EXCHANGE => &[Exchange],
        Code::KEY_EXCHANGE_RSP => &[Hash, Summary, Handshake, Exchange, SomeSignature],
        _ => &[],
    }
}

/// The first context with which a message of this code fits.
pub(super) fn sizes(
    code: Code,
    cx: Cx,
    last_request: LastRequest,
    mut fits: impl FnMut(&Cx) -> bool,
) -> Option<Cx> {
    let guess = Guess { unknown: unknown(code), last_request };
    iter::once(cx)
        .flat_map(|cx| guess.hash(cx))
        .flat_map(|cx| guess.summary(cx))
        .flat_map(|cx| guess.handshake(cx))
        .flat_map(|cx| guess.exchange(cx))
        .flat_map(|cx| guess.requester_signature(cx))
        .flat_map(|cx| guess.signature(cx))
        .find(|guess| fits(guess))
}

/// Each function gives the contexts with all values of one size, or the same context where that size does not
/// matter.
#[derive(Clone, Copy, Debug)]
struct Guess {
    unknown: &'static [Unknown],
    last_request: LastRequest,
}

impl Guess {
    /// All of `values` where one of `any_of` is unknown, else the context as it is.
    fn each<V: Copy + 'static>(
        self,
        any_of: &'static [Unknown],
        cx: Cx,
        values: &'static [V],
        with: impl Fn(Cx, V) -> Cx,
    ) -> impl Iterator<Item = Cx> {
        let is_unknown = any_of.iter().any(|size| self.unknown.contains(size));
        let (values, known) = if is_unknown { (values, None) } else { (&[][..], Some(cx)) };
        values.iter().map(move |value| with(cx, *value)).chain(known)
    }

    fn hash(self, cx: Cx) -> impl Iterator<Item = Cx> {
        self.each(&[Unknown::Hash], cx, &HASH_LENS, Cx::with_hash_len)
    }

    fn summary(self, cx: Cx) -> impl Iterator<Item = Cx> {
        let (none, whole) = (cx.with_summary_len(0), cx.with_summary_len(cx.hash_len));
        let (first, second) =
            match (self.unknown.contains(&Unknown::Summary), self.last_request.summary) {
                (false, _) => (cx, None),
                (true, None) => (none, Some(whole)),
                (true, Some(_)) if self.last_request.summary_len(cx.hash_len) == 0 => (none, None),
                (true, Some(_)) => (whole, None),
            };
        iter::once(first).chain(second)
    }

    fn handshake(self, cx: Cx) -> impl Iterator<Item = Cx> {
        let forms = &[Handshake::Secured, Handshake::InTheClear];
        self.each(&[Unknown::Handshake], cx, forms, Cx::with_handshake)
    }

    fn exchange(self, cx: Cx) -> impl Iterator<Item = Cx> {
        let with = |cx: Cx, (dq, dp)| cx.with_exchange_lens(dq, dp);
        self.each(&[Unknown::Exchange], cx, &EXCHANGE_LENS, with)
    }

    fn requester_signature(self, cx: Cx) -> impl Iterator<Item = Cx> {
        let with = Cx::with_requester_signature_len;
        self.each(&[Unknown::RequesterSignature], cx, &SIGNATURE_LENS, with)
    }

    fn signature(self, cx: Cx) -> impl Iterator<Item = Cx> {
        let any_of = &[Unknown::Signature, Unknown::SomeSignature];
        let needed = self.unknown.contains(&Unknown::SomeSignature);
        let is_known = any_of.iter().all(|size| !self.unknown.contains(size));
        let may_be = move |len: usize| match self.last_request.signature {
            Some(SignatureAsked::No) => len == 0 && !needed,
            Some(SignatureAsked::Yes) => len > 0,
            None => len > 0 || !needed,
        };
        self.each(any_of, cx, &SIGNATURE_LENS, Cx::with_signature_len)
            .filter(move |cx| is_known || may_be(cx.signature_len))
    }
}
