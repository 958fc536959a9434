//! What a device wants to know of its Requesters, and how it judges their chains.

use core::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use spdm_codec::{
    CapabilityFlags, CertificateModel, KeySlot, MutAuthRequested, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_responder::{
    AuthenticationDemand, Judgement, OwnRequest, OwnRequests, ProvisionedRequester, RequestOutcome,
    RequesterAuthentication, RequesterChain, Suite,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, CertModel, Chain, ChainContext, Policy, ProvisionedKey, ValidityCheck, X509Certificate,
};

use crate::device_identity::structure;
use crate::own_device::OwnDevice;

/// What a device wants to know of its Requesters. By default it asks nothing.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it from its default")]
pub struct MutualAuthentication {
    /// Basic mutual authentication, which CHALLENGE_AUTH asks for (deprecated since 1.2).
    pub with_challenge: AuthenticationDemand,
    /// Mutual authentication of sessions, which KEY_EXCHANGE_RSP asks for.
    pub in_session: AuthenticationDemand,
    /// How KEY_EXCHANGE_RSP asks for it; without encapsulated requests [`Self::chain`] or [`Self::public_key`] has to be
    /// there.
    pub session_flow: MutAuthRequested,
    /// The slot of the Requester.
    pub slot: SlotId,
    /// The DER root certificates that a Requester's chain may lead to; without one no chain is trusted.
    pub anchors: Vec<Vec<u8>>,
    /// The DER certificates of the Requester that was told to the device, root first, leaf last.
    pub chain: Vec<Vec<u8>>,
    /// The DER SubjectPublicKeyInfo of a Requester with PUB_KEY_ID_CAP.
    pub public_key: Option<Vec<u8>>,
    /// When the device asks for a new key for what it sends.
    pub key_updates: KeyUpdates,
}

/// When a device asks for a new key (an encapsulated KEY_UPDATE).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "that is all it can do")]
pub enum KeyUpdates {
    /// Never.
    #[default]
    Never,
    /// Once in each session, where the Requester polls.
    OncePerSession,
}

impl Default for MutualAuthentication {
    fn default() -> Self {
        Self {
            with_challenge: AuthenticationDemand::No,
            in_session: AuthenticationDemand::No,
            session_flow: MutAuthRequested::WithEncapsulation,
            slot: SlotId::ZERO,
            anchors: Vec::new(),
            chain: Vec::new(),
            public_key: None,
            key_updates: KeyUpdates::Never,
        }
    }
}

impl MutualAuthentication {
    /// What the device has to announce for it.
    pub(crate) fn flags(&self) -> CapabilityFlags {
        let mut flags = CapabilityFlags::empty();
        if [self.with_challenge, self.in_session].iter().any(|d| *d != AuthenticationDemand::No) {
            flags |= CapabilityFlags::MUT_AUTH_CAP | CapabilityFlags::ENCAP_CAP;
        }
        if self.key_updates != KeyUpdates::Never {
            flags |= CapabilityFlags::ENCAP_CAP;
        }
        flags
    }
}

/// The longest chain that a device takes, in bytes.
const ROOM: usize = 0x1_0000;

/// How many sessions that have a new key are remembered.
const REMEMBERED: usize = 16;

/// What a device has of its Requester.
pub(crate) struct KnownRequester {
    /// The chain that comes, or has come.
    room: Vec<u8>,
    /// The leaf's key of the chain that was trusted last.
    judged_key: Vec<u8>,
    /// For which algorithms [`Self::told`] was made.
    of: Option<(Suite, SpdmVersion)>,
    /// Slot, identity and key that the device was told.
    told: Vec<(KeySlot, Vec<u8>, Vec<u8>)>,
    /// The sessions that have a new key.
    updated: Vec<u32>,
}

impl fmt::Debug for KnownRequester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownRequester").finish_non_exhaustive()
    }
}

impl KnownRequester {
    pub(crate) fn new() -> Self {
        let room = vec![0; ROOM];
        let (judged_key, told, updated) = (Vec::new(), Vec::new(), Vec::new());
        Self { room, judged_key, of: None, told, updated }
    }

    /// Makes what transcripts name the Requester with that the device was told of, for these algorithms of a Requester.
    fn prepare(&mut self, config: &MutualAuthentication, suite: Suite, version: SpdmVersion) {
        if self.of == Some((suite, version)) {
            return;
        }
        self.of = Some((suite, version));
        self.told.clear();
        if let (Some(root), Some(leaf)) = (config.chain.first(), config.chain.last())
            && let Ok(root_hash) = PROVIDER.hash.digest(suite.hash, &[root])
            && let Ok(leaf) = X509Certificate::parse(Untrusted::new(leaf))
            && leaf.key_algorithm().fits(suite.asym)
        {
            let identity = structure(root_hash.as_bytes(), &config.chain, version);
            self.told.push((KeySlot::Slot(config.slot), identity, leaf.key().to_vec()));
        }
        if let Some(spki) = &config.public_key
            && let Ok(key) =
                ProvisionedKey::parse(Untrusted::new(spki), suite.asym, suite.hash, &PROVIDER)
        {
            self.told.push((KeySlot::PublicKey, spki.clone(), key.key().to_vec()));
        }
    }

    /// The leaf's key, where the chain in the room is trusted.
    fn trusted_key(
        &self,
        config: &MutualAuthentication,
        chain: &RequesterChain,
    ) -> Option<Vec<u8>> {
        let bytes = Untrusted::new(self.room.get(..chain.len)?);
        let model = match chain.model {
            CertificateModel::DeviceCert => CertModel::DeviceCert,
            CertificateModel::AliasCert => CertModel::AliasCert,
            CertificateModel::GenericCert => CertModel::GenericCert,
            _ => CertModel::Unknown,
        };
        let Suite { asym, hash } = chain.suite;
        let context = ChainContext::new(chain.slot, chain.version, model, asym, hash);
        let chain = Chain::parse(bytes, context.of_requester(), &PROVIDER).ok()?;
        let anchors: Vec<_> =
            config.anchors.iter().map(|der| Anchor::Certificate(der.as_slice())).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(now));
        let trusted = policy.validate(&chain).ok()?;
        Some(trusted.identity().key().to_vec())
    }
}

impl RequesterAuthentication for OwnDevice<'_> {
    fn with_challenge(&self) -> AuthenticationDemand {
        self.config.mutual_authentication.with_challenge
    }

    fn in_session(&self) -> AuthenticationDemand {
        self.config.mutual_authentication.in_session
    }

    fn session_flow(&self) -> MutAuthRequested {
        self.config.mutual_authentication.session_flow
    }

    fn slot(&self) -> SlotId {
        self.config.mutual_authentication.slot
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.requester.room
    }

    fn judge(&mut self, chain: &RequesterChain) -> Judgement {
        match self.requester.trusted_key(&self.config.mutual_authentication, chain) {
            Some(key) => {
                self.requester.judged_key = key;
                Judgement::Trusted
            }
            None => Judgement::Refused,
        }
    }

    fn judged_key(&self) -> &[u8] {
        &self.requester.judged_key
    }

    fn provisioned(&mut self, slot: KeySlot, suite: &Suite) -> Option<ProvisionedRequester<'_>> {
        let config = &self.config.mutual_authentication;
        self.requester.prepare(config, *suite, self.version);
        let (_, identity, key) = self.requester.told.iter().find(|(other, ..)| *other == slot)?;
        Some(ProvisionedRequester { identity, key })
    }
}

/// A new key in each session, and an event in each that is subscribed to some.
impl OwnRequests for OwnDevice<'_> {
    fn next(&mut self, session_id: Option<u32>) -> Option<OwnRequest> {
        let session_id = session_id?;
        let wanted = self.config.mutual_authentication.key_updates == KeyUpdates::OncePerSession;
        if wanted && !self.requester.updated.contains(&session_id) {
            return Some(OwnRequest::UpdateKey);
        }
        (!self.told.contains(session_id)).then_some(OwnRequest::SendEvent)
    }

    fn ended(&mut self, session_id: Option<u32>, request: OwnRequest, _: RequestOutcome) {
        if let (OwnRequest::SendEvent, Some(session_id)) = (request, session_id) {
            self.told.add(session_id);
            return;
        }
        let updated = &mut self.requester.updated;
        updated.extend(session_id);
        let too_many = updated.len().saturating_sub(REMEMBERED);
        updated.drain(..too_many);
    }
}

#[cfg(test)]
mod tests {
    use spdm_crypto::{AsymAlgorithm, EcCurve, HashAlgorithm};

    use super::*;
    use crate::config::DeviceConfig;
    use crate::entropy::Entropy;
    use crate::key_ring::KeyRing;
    use crate::requester_identity::RequesterIdentity;

    const P256: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
    const SUITE: Suite = Suite { asym: P256, hash: HashAlgorithm::Sha256 };

    fn identity(seed: u64, not_after: u64) -> RequesterIdentity {
        RequesterIdentity::new(P256, Some(seed), 0, not_after).unwrap()
    }

    /// The key that a device takes for that of a Requester with these certificates.
    fn judged(certificates: &[Vec<u8>], anchors: &[Vec<u8>], suite: Suite) -> Option<Vec<u8>> {
        let version = SpdmVersion::V1_3;
        let root_hash = PROVIDER.hash.digest(suite.hash, &[&certificates[0]]).unwrap();
        let chain = structure(root_hash.as_bytes(), certificates, version);
        let mut requester = KnownRequester::new();
        requester.room[..chain.len()].copy_from_slice(&chain);
        let (slot, len, model) = (SlotId::ZERO, chain.len(), CertificateModel::None);
        let config =
            MutualAuthentication { anchors: anchors.to_vec(), ..MutualAuthentication::default() };
        requester.trusted_key(&config, &RequesterChain { slot, len, version, model, suite })
    }

    #[test]
    fn s34_only_a_requester_below_an_anchor_is_trusted() {
        let good = identity(1, u64::from(u32::MAX));
        let (certificates, roots) = (&good.certificates, &good.certificates[..1]);
        assert_eq!(judged(certificates, roots, SUITE), Some(good.key.public_key()));
        assert_eq!(judged(certificates, &[], SUITE), None);
        assert_eq!(
            judged(certificates, &identity(2, u64::from(u32::MAX)).certificates[..1], SUITE),
            None
        );
        let other = Suite { asym: AsymAlgorithm::Ecdsa(EcCurve::P384), ..SUITE };
        assert_eq!(judged(certificates, roots, other), None);
        let mut forged = certificates.clone();
        *forged[1].last_mut().unwrap() ^= 1;
        assert_eq!(judged(&forged, roots, SUITE), None);
        let expired = identity(1, 1_000_000_000).certificates;
        assert_eq!(judged(&expired, &expired[..1], SUITE), None);
        // A device is no Requester.
        let config = DeviceConfig { seed: Some(1), ..DeviceConfig::default() };
        let keys = KeyRing::new(&config, &Entropy::new(Some(1)).unwrap()).unwrap();
        let device = keys.first(P256).unwrap().certificates();
        assert_eq!(judged(device, &device[..1], SUITE), None);
    }

    #[test]
    fn what_the_device_was_told_fits_the_algorithms() {
        let good = identity(1, u64::from(u32::MAX));
        let config = MutualAuthentication {
            chain: good.certificates.clone(),
            public_key: Some(good.key.to_spki_der()),
            ..MutualAuthentication::default()
        };
        let mut requester = KnownRequester::new();
        requester.prepare(&config, SUITE, SpdmVersion::V1_2);
        let slots: Vec<_> = requester.told.iter().map(|(slot, ..)| *slot).collect();
        assert_eq!(slots, [KeySlot::Slot(SlotId::ZERO), KeySlot::PublicKey]);
        assert!(requester.told.iter().all(|(.., key)| *key == good.key.public_key()));
        let other = Suite { asym: AsymAlgorithm::Ecdsa(EcCurve::P384), ..SUITE };
        requester.prepare(&config, other, SpdmVersion::V1_2);
        assert!(requester.told.is_empty());
    }

    #[test]
    fn a_session_gets_one_new_key() {
        let wants = MutualAuthentication {
            key_updates: KeyUpdates::OncePerSession,
            ..MutualAuthentication::default()
        };
        assert_eq!(wants.flags(), CapabilityFlags::ENCAP_CAP);
        assert_eq!(MutualAuthentication::default().flags(), CapabilityFlags::empty());
    }
}
