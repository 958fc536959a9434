//! What the device makes of the requester: encapsulated requests, and mutual authentication.

use std::collections::VecDeque;

use spdm_codec::{
    AckPayload, ChallengeAuth, Code, ConnectionKeys, DeliverEncapsulatedResponse,
    EncapsulatedRequest, EncapsulatedResponseAck, ErrorCode, InnerMessage, KeyOperation, KeySlot,
    Message, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, EcCurve, RecordStream, SignedMessage, SigningContext};
use spdm_requester::{LocalChain, LocalIdentity, LocalKey};
use spdm_untrusted::Untrusted;

use super::{HASH, Keys, Peer};

pub(crate) const ROOT: &[u8] = b"the certificate of the root";
const LEAF: &[u8] = b" and that of the leaf";

/// The requester, as itself and as the device knows it.
pub(crate) struct Host {
    pub(crate) key: SoftwareKey,
    certificates: Vec<u8>,
    spki: Vec<u8>,
}

impl Host {
    pub(crate) fn new() -> Self {
        let key = SoftwareKey::from_seed(AsymAlgorithm::Ecdsa(EcCurve::P256), [9; 32]).unwrap();
        let spki = key.to_spki_der();
        // Longer than what fits one message with the rest of the chain.
        let certificates = [ROOT, &[0x5A; 700], LEAF].concat();
        Self { key, certificates, spki }
    }

    pub(crate) fn chain(&self) -> LocalChain<'_> {
        LocalChain { root: ROOT, certificates: &self.certificates, key: &self.key }
    }

    pub(crate) fn with_chain(&self, slot: u8) -> LocalIdentity<'_> {
        LocalIdentity::with_chain(SlotId::new(slot).unwrap(), self.chain())
    }

    pub(crate) fn with_public_key(&self) -> LocalIdentity<'_> {
        LocalIdentity::with_public_key(LocalKey { public_key: &self.spki, key: &self.key })
    }

    /// The certificate chain structure.
    pub(crate) fn structure(&self) -> Vec<u8> {
        let root = PROVIDER.hash.digest(HASH, &[ROOT]).unwrap();
        let len = u32::try_from(36 + self.certificates.len()).unwrap();
        [&len.to_le_bytes()[..], root.as_bytes(), &self.certificates].concat()
    }

    /// CMt.
    fn hash(&self, slot: KeySlot) -> Vec<u8> {
        let whole = match slot {
            KeySlot::Slot(_) => self.structure(),
            KeySlot::PublicKey => self.spki.clone(),
        };
        PROVIDER.hash.digest(HASH, &[&whole]).unwrap().as_bytes().to_vec()
    }
}

/// What the device asks the requester.
pub(crate) struct Asking {
    /// The requests, without their version: from the code on.
    pub(crate) script: VecDeque<Vec<u8>>,
    /// The last one is asked again and again.
    pub(crate) for_ever: bool,
    /// The version that they have.
    pub(crate) version: Option<u8>,
    /// Payload type and what follows in the last acknowledgement.
    pub(crate) last: (u8, Vec<u8>),
    /// AckRequestID instead of the right one.
    pub(crate) acknowledged: Option<u8>,
    /// What has come.
    pub(crate) answers: Vec<Vec<u8>>,
    request_id: u8,
    asked: Vec<u8>,
    /// mutB and mutC.
    pub(crate) mutual: Vec<u8>,
}

impl Asking {
    pub(crate) fn new() -> Self {
        Self {
            script: VecDeque::new(),
            for_ever: false,
            version: None,
            last: (0, Vec::new()),
            acknowledged: None,
            answers: Vec::new(),
            request_id: 0,
            asked: Vec::new(),
            mutual: Vec::new(),
        }
    }

    /// The codes of the answers; of an ERROR its code, too.
    pub(crate) fn answered(&self) -> Vec<(Code, u8)> {
        let code = |answer: &Vec<u8>| match Code(answer[1]) {
            Code::ERROR => (Code::ERROR, answer[2]),
            code => (code, 0),
        };
        self.answers.iter().map(code).collect()
    }
}

pub(crate) const GET_DIGESTS: [u8; 3] = [0x81, 0, 0];

/// GET_CERTIFICATE.
pub(crate) fn get_certificate(slot: u8, offset: u16, length: u16) -> Vec<u8> {
    let [offset, length] = [offset.to_le_bytes(), length.to_le_bytes()];
    [&[0x82, slot, 0][..], &offset, &length].concat()
}

/// CHALLENGE.
pub(crate) fn challenge(version: SpdmVersion, slot: u8) -> Vec<u8> {
    let context: &[u8] = if version >= SpdmVersion::V1_3 { &[4; 8] } else { &[] };
    [&[0x83, slot, 0][..], &[3; 32], context].concat()
}

impl Peer {
    fn next_request(&mut self) -> Option<Vec<u8>> {
        let asking = &mut self.asking;
        let next = match asking.for_ever && asking.script.len() == 1 {
            true => asking.script.front().cloned(),
            false => asking.script.pop_front(),
        }?;
        asking.request_id += 1;
        let version = asking.version.unwrap_or_else(|| self.version.to_byte());
        asking.asked = [&[version][..], &next].concat();
        Some(asking.asked.clone())
    }

    pub(super) fn get_encapsulated_request(&mut self) -> Vec<u8> {
        self.asking.mutual.clear();
        let Some(request) = self.next_request() else {
            let code = match self.version {
                SpdmVersion::V1_3 | SpdmVersion::V1_4 => ErrorCode::NO_PENDING_REQUESTS,
                _ => ErrorCode::UNEXPECTED_REQUEST,
            };
            return vec![self.version.to_byte(), Code::ERROR.0, code.0, 0];
        };
        let request_id = self.asking.request_id;
        self.encode(&EncapsulatedRequest { request_id, request: InnerMessage::new(&request) })
    }

    pub(super) fn deliver(&mut self, session: Option<usize>, request: &[u8]) -> Vec<u8> {
        let delivered: DeliverEncapsulatedResponse<'_> = self.decode(request);
        assert_eq!(delivered.request_id, self.asking.request_id);
        let answer = delivered.response.bytes().into_inner_less_safe().to_vec();
        assert_eq!(answer[0], self.version.to_byte());
        self.judge(&answer);
        if let ([_, code, operation, ..], Some(index)) = (&answer[..], session)
            && (*code, *operation) == (Code::KEY_UPDATE_ACK.0, KeyOperation::UpdateKey.to_byte())
        {
            self.update_response(index);
        }
        // encapD: the answer to the first request, where that is GET_DIGESTS.
        let first = self.asking.answers.is_empty() && answer[1] == Code::DIGESTS.0;
        if self.host_keys == ConnectionKeys::Multi && first {
            let last = self.sessions.len() - 1;
            self.sessions[session.unwrap_or(last)].th.extend(&answer);
        }
        self.asking.answers.push(answer);
        let acknowledged = self.asking.acknowledged.unwrap_or(self.asking.request_id);
        let ack_request_id = (self.version >= SpdmVersion::V1_2).then_some(acknowledged);
        match self.next_request() {
            Some(request) => self.encode(&EncapsulatedResponseAck {
                request_id: self.asking.request_id,
                ack_request_id,
                payload: AckPayload::Request(InnerMessage::new(&request)),
            }),
            None => {
                let mut ack = self.encode(&EncapsulatedResponseAck {
                    request_id: 0,
                    ack_request_id,
                    payload: AckPayload::Absent,
                });
                ack[3] = self.asking.last.0;
                ack.extend(&self.asking.last.1);
                ack
            }
        }
    }

    /// The mutual transcript, and the signature that is over it.
    fn judge(&mut self, answer: &[u8]) {
        let code = Code(answer[1]);
        if code == Code::ERROR {
            return;
        }
        if code == Code::ENDPOINT_INFO {
            return self.judge_endpoint_info(answer);
        }
        if code == Code::DIGESTS {
            self.asking.mutual.clear();
        }
        self.asking.mutual.extend(self.asking.asked.clone());
        if code != Code::CHALLENGE_AUTH {
            self.asking.mutual.extend(answer);
            return;
        }
        let cx = self.cx().with_signature_len(64);
        let auth = ChallengeAuth::decode(Untrusted::new(answer), &cx).unwrap().message;
        assert_eq!(auth.cert_chain_hash, self.host.hash(auth.slot));
        self.asking.mutual.extend(&answer[..answer.len() - 64]);
        let head = if self.version >= SpdmVersion::V1_2 { &self.vca[..] } else { &[] };
        let transcript = [head, &self.asking.mutual].concat();
        let context = SigningContext::RequesterChallengeAuth;
        let signed = SignedMessage::new(self.version, context, self.digest(&transcript));
        let key = self.host.key.public_key();
        let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
        signed.verify(&PROVIDER, asym, HASH, &key, auth.signature).unwrap();
    }

    /// IL1, and the signature that is over it where one was asked for.
    fn judge_endpoint_info(&self, answer: &[u8]) {
        let asked = &self.asking.asked;
        if asked[4] & 1 == 0 {
            return;
        }
        let (unsigned, signature) = answer.split_at(answer.len() - 64);
        let digest = self.digest(&[&self.vca[..], asked, unsigned].concat());
        let context = SigningContext::RequesterEndpointInfo;
        let signed = SignedMessage::new(self.version, context, digest);
        let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
        signed.verify(&PROVIDER, asym, HASH, &self.host.key.public_key(), signature).unwrap();
    }

    /// FINISH with a signature, as far as that goes: CMt enters the transcript.
    pub(super) fn check_signature(
        &mut self,
        index: usize,
        slot: KeySlot,
        head: &[u8],
        signature: &[u8],
    ) {
        self.signed_by = Some(slot);
        let cmt = self.host.hash(slot);
        self.sessions[index].th.extend(cmt);
        self.sessions[index].th.extend(head);
        let digest = self.digest(&self.sessions[index].th);
        let signed = SignedMessage::new(self.version, SigningContext::RequesterFinish, digest);
        let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
        let key = self.host.key.public_key();
        signed.verify(&PROVIDER, asym, HASH, &key, signature).unwrap();
        self.sessions[index].th.extend(signature);
    }

    /// The device's key is replaced: it has the acknowledgement.
    fn update_response(&mut self, index: usize) {
        let session = &mut self.sessions[index];
        let Keys::Data { secrets, response, .. } = &mut session.keys else { panic!() };
        secrets.response = secrets.response.updated().unwrap();
        let new = RecordStream::new(secrets.response.record_key().unwrap());
        session.old = Some(core::mem::replace(response, new));
    }

    /// CHALLENGE_AUTH, with the wish to authenticate the requester, too.
    pub(super) fn challenge_auth(&mut self, request: &[u8]) -> Vec<u8> {
        let asked: spdm_codec::Challenge = self.decode(request);
        assert_eq!(asked.slot, KeySlot::PublicKey);
        let hash = self.digest(&self.spki());
        let mut answer = self.encode(&ChallengeAuth {
            slot: asked.slot,
            basic_mut_auth: self.basic_mut_auth,
            slot_mask: spdm_codec::SlotMask(0),
            cert_chain_hash: hash.as_bytes(),
            nonce: spdm_codec::ResponderNonce([8; 32]),
            measurement_summary_hash: &[],
            opaque: spdm_codec::OpaqueData::EMPTY,
            context: asked.context,
            signature: &[],
        });
        let transcript = [&self.vca[..], request, &answer].concat();
        let context = SigningContext::ResponderChallengeAuth;
        let signed = SignedMessage::new(self.version, context, self.digest(&transcript));
        let mut signature = [0; 64];
        let key: &dyn spdm_crypto::Sign = &self.key;
        signed.sign(key, HASH, &mut signature).unwrap();
        answer.extend(signature);
        answer
    }
}
