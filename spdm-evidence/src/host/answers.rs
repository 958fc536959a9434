//! What the host answers to encapsulated requests.

use spdm_codec::{
    BasicMutAuth, Certificate, Challenge, ChallengeAuth, Code, Cx, Digests, EndpointInfo,
    GetCertificate, GetDigests, GetEndpointInfo, Header, KeySlot, KeyUpdate, KeyUpdateAck, MeasCap,
    MeasurementSummary, Message, SpdmVersion,
};
use spdm_crypto::SigningContext;
use spdm_requester::{AttestationCheck, Crypto};
use spdm_untrusted::Untrusted;

use super::signer::{HostSigned, digest_of, host_key, unsigned};
use super::{Agreed, HostJudge, Place};

/// An encapsulated request and what the host answered.
#[derive(Debug)]
pub(super) struct Answered {
    /// `None` for the implied GET_DIGESTS.
    pub(super) request: Option<Vec<u8>>,
    pub(super) response: Vec<u8>,
}

/// A check that does not hold, and why.
type Broken = (AttestationCheck, String);

/// A message of the flow that breaks its rules.
fn broken(why: impl ToString) -> Broken {
    (AttestationCheck::HostFlow, why.to_string())
}

/// Decodes an inner message; what the transport appended lies behind it.
fn read<'m, M: Message<'m>>(bytes: &'m [u8], cx: &Cx) -> Result<(&'m [u8], M), Broken> {
    let decoded = M::decode(Untrusted::new(bytes), cx).map_err(broken)?;
    Ok((decoded.bytes, decoded.message))
}

impl HostJudge<'_> {
    /// Judges an answer; gives DIGESTS.
    ///
    /// # Errors
    /// The check that does not hold.
    pub(super) fn judge_answer(
        &mut self,
        crypto: &Crypto<'_>,
        agreed: &Agreed<'_>,
        place: Place,
        answered: &Answered,
        may_challenge: bool,
    ) -> Result<Option<Vec<u8>>, Broken> {
        let cx = agreed.inner_cx();
        let response = answered.response.as_slice();
        let got = Header::peek(Untrusted::new(response)).map_err(broken)?.code;
        let Some(request) = answered.request.as_deref() else {
            return self.digests(place, &[], response, &cx).map(Some);
        };
        let asked = Header::peek(Untrusted::new(request)).map_err(broken)?.code;
        if got == Code::ERROR {
            match asked {
                Code::CHALLENGE => self.found.challenge.unchecked("the host refused it".to_owned()),
                Code::GET_ENDPOINT_INFO => {
                    self.found.endpoint_info.unchecked("the host refused it".to_owned());
                }
                _ => {}
            }
            return Ok(None);
        }
        match asked {
            Code::GET_DIGESTS => {
                let (request, _) = read::<GetDigests>(request, &cx)?;
                return self.digests(place, request, response, &cx).map(Some);
            }
            Code::GET_CERTIFICATE => {
                self.certificate(crypto, agreed, place, [request, response])?;
            }
            Code::CHALLENGE if may_challenge => {
                self.challenge(crypto, agreed, request, response, &cx)?;
            }
            Code::CHALLENGE => {
                return Err(broken("a CHALLENGE came where the device had not asked for it"));
            }
            Code::GET_ENDPOINT_INFO => {
                self.endpoint_info(crypto, agreed, request, response, &cx)?;
            }
            Code::KEY_UPDATE => {
                let (_, update) = read::<KeyUpdate>(request, &cx)?;
                let (_, ack) = read::<KeyUpdateAck>(response, &cx)?;
                if (update.operation, update.tag) != (ack.operation, ack.tag) {
                    return Err(broken("KEY_UPDATE_ACK is not the echo of KEY_UPDATE"));
                }
            }
            _ if got != asked.response() => {
                return Err(broken(format!("the host answers {asked} with {got}")));
            }
            _ => {}
        }
        Ok(None)
    }

    fn say(&mut self, place: Place, messages: [&[u8]; 2]) {
        let flow = match place {
            Place::Plain => &mut self.plain,
            Place::Session(id) => self.inside.entry(id).or_default(),
        };
        flow.said.extend(messages.concat());
    }

    /// DIGESTS: what it states is compared with the chains that come behind it.
    fn digests(
        &mut self,
        place: Place,
        request: &[u8],
        response: &[u8],
        cx: &Cx,
    ) -> Result<Vec<u8>, Broken> {
        let (response, digests) = read::<Digests<'_>>(response, cx)?;
        self.chains.state(&digests);
        self.say(place, [request, response]);
        Ok(response.to_vec())
    }

    /// CERTIFICATE: a chain that is whole has the hash that DIGESTS states.
    fn certificate(
        &mut self,
        crypto: &Crypto<'_>,
        agreed: &Agreed<'_>,
        place: Place,
        [request, response]: [&[u8]; 2],
    ) -> Result<(), Broken> {
        let cx = agreed.inner_cx();
        let (request, asked) = read::<GetCertificate>(request, &cx)?;
        let (response, answer) = read::<Certificate<'_>>(response, &cx)?;
        self.say(place, [request, response]);
        if !self.chains.take(&asked, &answer).map_err(broken)? {
            return Ok(());
        }
        let stated = self.chains.stated(asked.slot);
        let chain = self.chains.of_slot(asked.slot).unwrap_or_default();
        let hash = agreed.negotiated.hash();
        let digest = hash.ok().and_then(|hash| crypto.provider.hash.digest(hash, &[chain]).ok());
        match (stated, digest) {
            (Some(stated), Some(digest)) if stated != digest.as_bytes() => {
                Err(broken("DIGESTS of the host states another hash than its chain's"))
            }
            _ => Ok(()),
        }
    }

    /// CHALLENGE_AUTH: its signature covers A from 1.2 on, mutB and mutC.
    fn challenge(
        &mut self,
        crypto: &Crypto<'_>,
        agreed: &Agreed<'_>,
        request: &[u8],
        response: &[u8],
        cx: &Cx,
    ) -> Result<(), Broken> {
        let wrong = |why: &str| (AttestationCheck::HostChallenge, why.to_owned());
        let negotiated = agreed.negotiated;
        let (request, question) = read::<Challenge>(request, cx)?;
        let measures = negotiated.requester.flags.meas_cap() != MeasCap::None;
        let summary = question.summary != MeasurementSummary::None && measures;
        let cx = cx.with_summary_len(if summary { negotiated.hash_len() } else { 0 });
        let (response, message) = read::<ChallengeAuth<'_>>(response, &cx)?;
        let in_mask = match question.slot {
            KeySlot::Slot(slot) => message.slot_mask.contains(slot),
            KeySlot::PublicKey => true,
        };
        if message.slot != question.slot || !in_mask {
            return Err(wrong("CHALLENGE_AUTH of the host is of another slot than was asked for"));
        }
        if message.basic_mut_auth == BasicMutAuth::Requested {
            return Err(wrong("CHALLENGE_AUTH of the host asks for mutual authentication"));
        }
        if message.context != question.context {
            return Err(wrong(
                "RequesterContext of the host's CHALLENGE_AUTH is not the request's",
            ));
        }
        if message.nonce.0 == question.nonce.0 {
            return Err(wrong("Nonce of the host's CHALLENGE_AUTH is the request's"));
        }
        self.basic = BasicMutAuth::NotRequested;
        let said = core::mem::take(&mut self.plain.said);
        let key = host_key(crypto, agreed, &self.chains, &self.identity, question.slot);
        if key.digest().is_some_and(|digest| digest.as_bytes() != message.cert_chain_hash) {
            return Err(wrong("CertChainHash is not the hash of the host's certificate chain"));
        }
        let vca = match negotiated.version {
            SpdmVersion::V1_0 | SpdmVersion::V1_1 => &[][..],
            SpdmVersion::V1_2 | SpdmVersion::V1_3 | SpdmVersion::V1_4 => agreed.vca,
        };
        let parts = [vca, &said, request, unsigned(response, message.signature)];
        let signed = HostSigned {
            context: SigningContext::RequesterChallengeAuth,
            transcript: digest_of(crypto, negotiated, &parts),
            signature: message.signature,
        };
        let signature = signed.judge(crypto, negotiated, &key);
        if self.found.challenge.count(question.slot, signature) {
            return Ok(());
        }
        Err(wrong("the signature of the host's CHALLENGE_AUTH does not verify"))
    }

    /// ENDPOINT_INFO: a signature covers A and this exchange (1.3).
    fn endpoint_info(
        &mut self,
        crypto: &Crypto<'_>,
        agreed: &Agreed<'_>,
        request: &[u8],
        response: &[u8],
        cx: &Cx,
    ) -> Result<(), Broken> {
        let wrong = |why: &str| (AttestationCheck::HostEndpointInfo, why.to_owned());
        let (request, question) = read::<GetEndpointInfo>(request, cx)?;
        let signature_len = question.nonce.map_or(0, |_| cx.signature_len);
        let cx = cx.with_signature_len(signature_len);
        let (response, message) = read::<EndpointInfo<'_>>(response, &cx)?;
        if message.slot != question.slot {
            return Err(wrong("ENDPOINT_INFO of the host is of another slot than was asked for"));
        }
        let Some(nonce) = question.nonce else { return Ok(()) };
        let Some(signature) = &message.signature else {
            self.found.endpoint_info.unchecked("the host has no signature algorithm".to_owned());
            return Ok(());
        };
        if signature.nonce.0 == nonce.0 {
            return Err(wrong("Nonce of the host's ENDPOINT_INFO is the request's"));
        }
        let key = host_key(crypto, agreed, &self.chains, &self.identity, question.slot);
        let parts = [agreed.vca, request, unsigned(response, signature.bytes)];
        let signed = HostSigned {
            context: SigningContext::RequesterEndpointInfo,
            transcript: digest_of(crypto, agreed.negotiated, &parts),
            signature: signature.bytes,
        };
        let signature = signed.judge(crypto, agreed.negotiated, &key);
        if self.found.endpoint_info.count(question.slot, signature) {
            return Ok(());
        }
        Err(wrong("the signature of the host's ENDPOINT_INFO does not verify"))
    }
}
