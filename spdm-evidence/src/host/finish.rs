//! FINISH of a session with mutual authentication: the host signs the transcript of the handshake.

use spdm_codec::{Code, ConnectionKeys, Finish, KeySlot, Message, MutAuthRequested};
use spdm_crypto::SigningContext;
use spdm_requester::{AttestationCheck, Crypto};
use spdm_untrusted::Untrusted;

use super::signer::{HostSigned, finish_cx, host_key, unsigned};
use super::{Agreed, FirstExchange, HandshakingSession, HostJudge};
use crate::recording::RecordedExchange;

/// The place of a copy of the transcript, which ends in front of the signature.
const COPY: usize = usize::MAX;

/// What the transcript of a session has of the host, in front of FINISH.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HostTranscript {
    /// All of it: nothing without mutual authentication, or D and the hash of its chain.
    Complete,
    /// The hash of its chain is not known.
    Unknown,
}

impl HostJudge<'_> {
    /// FINISH was answered: in the clear where `id` is `None`, of the session of the latest KEY_EXCHANGE then. What the host
    /// adds to the transcript is in its place of the bank behind.
    pub(crate) fn finish(
        &mut self,
        crypto: &mut Crypto<'_>,
        agreed: &Agreed<'_>,
        id: Option<u32>,
        exchange: &RecordedExchange,
    ) -> HostTranscript {
        let id = id.or(self.latest);
        let Some(session) = id.and_then(|id| self.sessions.remove(&id)) else {
            return HostTranscript::Unknown;
        };
        let Some(response) = &exchange.response else { return HostTranscript::Unknown };
        if response.get(1) == Some(&Code::ERROR.0) {
            return HostTranscript::Unknown;
        }
        match self.judge_finish(crypto, agreed, &session, &exchange.request) {
            Ok(transcript) => transcript,
            Err(why) => {
                self.found.fail(AttestationCheck::HostFinish, why);
                HostTranscript::Unknown
            }
        }
    }

    fn judge_finish(
        &mut self,
        crypto: &mut Crypto<'_>,
        agreed: &Agreed<'_>,
        session: &HandshakingSession,
        request: &[u8],
    ) -> Result<HostTranscript, String> {
        let negotiated = agreed.negotiated;
        let cx = finish_cx(negotiated, agreed.padding);
        let decoded = Finish::decode(Untrusted::new(request), &cx);
        let decoded = decoded.map_err(|error| error.to_string())?;
        let signature = match (session.mut_auth, decoded.message.signature) {
            (MutAuthRequested::No, None) => return Ok(HostTranscript::Complete),
            (MutAuthRequested::No, Some(_)) => {
                return Err("FINISH is signed, and the device had not asked for it".to_owned());
            }
            (_, None) => return Err("FINISH is not signed, and the device asked for it".to_owned()),
            (_, Some(signature)) => signature,
        };
        if signature.slot != session.slot {
            let (got, asked) = (slot_name(signature.slot), slot_name(session.slot));
            return Err(format!("FINISH is signed by {got}, and the device asked for {asked}"));
        }
        let key = host_key(crypto, agreed, &self.chains, &self.identity, signature.slot);
        let Some(digest) = key.digest() else {
            let signed = HostSigned {
                context: SigningContext::RequesterFinish,
                transcript: None,
                signature: signature.bytes,
            };
            let unknown = signed.judge(crypto, negotiated, &key);
            self.found.finish.count(signature.slot, unknown);
            return Ok(HostTranscript::Unknown);
        };
        let digests = match &session.first {
            FirstExchange::Digests(digests)
                if negotiated.requester_keys() == ConnectionKeys::Multi =>
            {
                digests.as_slice()
            }
            _ => &[],
        };
        let verified = unsigned(decoded.bytes, decoded.message.verify_data);
        let place = session.place;
        let hashes = &mut *crypto.hashes;
        let th = hashes
            .update(place, digests)
            .and_then(|()| hashes.update(place, digest.as_bytes()))
            .and_then(|()| hashes.fork(place, COPY))
            .and_then(|()| hashes.update(COPY, unsigned(verified, signature.bytes)))
            .and_then(|()| hashes.snapshot(COPY));
        let signed = HostSigned {
            context: SigningContext::RequesterFinish,
            transcript: th.ok(),
            signature: signature.bytes,
        };
        let judged = signed.judge(crypto, negotiated, &key);
        if self.found.finish.count(signature.slot, judged) {
            return Ok(HostTranscript::Complete);
        }
        let why = "the signature of the host in FINISH does not verify".to_owned();
        self.found.fail(AttestationCheck::HostFinish, why);
        Ok(HostTranscript::Complete)
    }
}

fn slot_name(slot: KeySlot) -> String {
    match slot {
        KeySlot::Slot(slot) => format!("slot {slot}"),
        KeySlot::PublicKey => "the raw public key".to_owned(),
    }
}
