//! A Requester with a key of its own, and what a device wants to know of it.

use spdm_codec::{
    BasicMutAuth, CertChain, Certificate, CertificateForm, CertificateModel, ChallengeAuth,
    Digests, GetCertificate, KeySlot, KeyUsage, Message, MutAuthRequested, OpaqueData,
    ResponderNonce, SlotId, SlotKeys, SlotMask, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, SoftwareKey};
use spdm_crypto::{SignedMessage, SigningContext};
use spdm_responder::{
    AuthenticationDemand, Judgement, OwnRequest, OwnRequests, ProvisionedRequester, RequestOutcome,
    RequesterAuthentication, RequesterChain, Suite,
};

use crate::sim::{ASYM, HASH, decode};

/// What a device wants to know of its Requester.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) with_challenge: AuthenticationDemand,
    pub(crate) in_session: AuthenticationDemand,
    pub(crate) flow: MutAuthRequested,
    pub(crate) slot: SlotId,
    pub(crate) room: Vec<u8>,
    pub(crate) judgement: Judgement,
    /// Of the leaf.
    pub(crate) key: Vec<u8>,
    /// Slot, identity and key.
    pub(crate) provisioned: Option<(KeySlot, Vec<u8>, Vec<u8>)>,
    pub(crate) own: Option<OwnRequest>,
    pub(crate) ended: Vec<RequestOutcome>,
    /// The chains that were judged.
    pub(crate) judged: Vec<RequesterChain>,
}

impl Policy {
    /// Wants sessions of this host to be authenticated like this.
    pub(crate) fn new(host: &Host, flow: MutAuthRequested) -> Self {
        let slot = KeySlot::Slot(host.slot);
        Self {
            with_challenge: AuthenticationDemand::No,
            in_session: AuthenticationDemand::Required,
            flow,
            slot: host.slot,
            room: vec![0; 4096],
            judgement: Judgement::Trusted,
            key: host.key.public_key(),
            provisioned: Some((slot, host.chain.clone(), host.key.public_key())),
            own: None,
            ended: Vec::new(),
            judged: Vec::new(),
        }
    }
}

impl RequesterAuthentication for Policy {
    fn with_challenge(&self) -> AuthenticationDemand {
        self.with_challenge
    }

    fn in_session(&self) -> AuthenticationDemand {
        self.in_session
    }

    fn session_flow(&self) -> MutAuthRequested {
        self.flow
    }

    fn slot(&self) -> SlotId {
        self.slot
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.room
    }

    fn judge(&mut self, chain: &RequesterChain) -> Judgement {
        self.judged.push(*chain);
        self.judgement
    }

    fn judged_key(&self) -> &[u8] {
        &self.key
    }

    fn provisioned(&mut self, slot: KeySlot, _: &Suite) -> Option<ProvisionedRequester<'_>> {
        let (of, identity, key) = self.provisioned.as_ref()?;
        (*of == slot).then_some(ProvisionedRequester { identity, key })
    }
}

impl OwnRequests for Policy {
    fn next(&mut self, _: Option<u32>) -> Option<OwnRequest> {
        self.own
    }

    fn ended(&mut self, _: Option<u32>, _: OwnRequest, outcome: RequestOutcome) {
        self.own = None;
        self.ended.push(outcome);
    }
}

/// A Requester that answers what it is asked.
pub(crate) struct Host {
    pub(crate) version: SpdmVersion,
    pub(crate) key: SoftwareKey,
    pub(crate) chain: Vec<u8>,
    pub(crate) slot: SlotId,
    /// How large its portions are at most.
    pub(crate) portion: usize,
    /// What its key is for, where it has several (1.3).
    pub(crate) usage: Option<KeyUsage>,
    /// A, and what was said in a flow of basic mutual authentication.
    pub(crate) transcript: Vec<u8>,
}

impl Host {
    pub(crate) fn new(version: SpdmVersion) -> Self {
        let root_hash = [7; 32];
        let certificates: Vec<u8> = (0..=250).cycle().take(900).collect();
        let mut chain = vec![0; 1024];
        let structure = CertChain { root_hash: &root_hash, certificates: &certificates };
        let len = structure.encode(version, &mut chain).unwrap();
        chain.truncate(len);
        Self {
            version,
            key: SoftwareKey::from_seed(ASYM, [9; 32]).unwrap(),
            chain,
            slot: SlotId::ZERO,
            portion: 700,
            usage: None,
            transcript: Vec::new(),
        }
    }

    pub(crate) fn encode<'m>(&self, message: &impl Message<'m>) -> Vec<u8> {
        let mut out = vec![0; 4096];
        let len = message.encode(self.version, &mut out).unwrap();
        out.truncate(len);
        out
    }

    pub(crate) fn chain_hash(&self) -> Vec<u8> {
        PROVIDER.hash.digest(HASH, &[&self.chain]).unwrap().as_bytes().to_vec()
    }

    pub(crate) fn mask(&self) -> SlotMask {
        SlotMask(1 << self.slot.get())
    }

    pub(crate) fn digests(&self) -> Vec<u8> {
        let usage = self.usage.map(|usage| [usage.bits().to_le_bytes()]);
        self.encode(&Digests {
            supported: (self.version >= SpdmVersion::V1_3).then(|| self.mask()),
            provisioned: self.mask(),
            digests: &self.chain_hash(),
            keys: usage.as_ref().map(|key_usage| SlotKeys {
                key_pair_id: &[1],
                certificate_info: &[1],
                key_usage,
            }),
        })
    }

    /// The answer to a request of the device.
    pub(crate) fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let cx = spdm_codec::Cx::new(self.version);
        let answer = match request[1] {
            0x81 => self.digests(),
            0x82 => {
                let asked: GetCertificate = decode(request, &cx);
                assert_eq!(asked.slot, self.slot);
                let offset = usize::try_from(asked.offset).unwrap();
                let len = usize::try_from(asked.length).unwrap().min(self.portion);
                let rest = &self.chain[offset..];
                let portion = &rest[..len.min(rest.len())];
                let model = match self.usage {
                    Some(_) => CertificateModel::DeviceCert,
                    None => CertificateModel::None,
                };
                self.encode(&Certificate {
                    slot: asked.slot,
                    model,
                    form: CertificateForm::Normal,
                    portion,
                    remainder: u32::try_from(rest.len() - portion.len()).unwrap(),
                })
            }
            0x83 => return self.challenge_auth(request),
            0xE9 => vec![request[0], 0x69, request[2], request[3]],
            _ => panic!("{request:02x?}"),
        };
        self.transcript.extend(request);
        self.transcript.extend(&answer);
        answer
    }

    pub(crate) fn challenge_auth(&mut self, request: &[u8]) -> Vec<u8> {
        let cx = spdm_codec::Cx::new(self.version);
        let asked: spdm_codec::Challenge = decode(request, &cx);
        let (identity, mask) = match asked.slot {
            KeySlot::Slot(_) => (self.chain_hash(), self.mask()),
            KeySlot::PublicKey => {
                let digest = PROVIDER.hash.digest(HASH, &[&self.key.to_spki_der()]).unwrap();
                (digest.as_bytes().to_vec(), SlotMask(0))
            }
        };
        let mut answer = self.encode(&ChallengeAuth {
            slot: asked.slot,
            basic_mut_auth: BasicMutAuth::NotRequested,
            slot_mask: mask,
            cert_chain_hash: &identity,
            nonce: ResponderNonce([3; 32]),
            measurement_summary_hash: &[],
            opaque: OpaqueData::EMPTY,
            context: asked.context,
            signature: &[],
        });
        let signed = [&self.transcript, request, &answer].concat();
        answer.extend(self.sign(SigningContext::RequesterChallengeAuth, &signed));
        answer
    }

    pub(crate) fn sign(&self, context: SigningContext, transcript: &[u8]) -> Vec<u8> {
        let digest = PROVIDER.hash.digest(HASH, &[transcript]).unwrap();
        let mut out = vec![0; ASYM.signature_len()];
        let message = SignedMessage::new(self.version, context, digest);
        let len = message.sign(&self.key, HASH, &mut out).unwrap();
        out.truncate(len);
        out
    }
}
