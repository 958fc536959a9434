//! A requester for the device, and what it is lent.

use spdm_codec::{BaseAsymAlgo, CapabilityFlags};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, Provider};
use spdm_requester::{
    Connection, LocalIdentity, Negotiated, Offer, Requester, Sessions, Storage, blocking,
};
use spdm_transport::Transport as _;

use super::Peer;

/// What a requester is lent, with two sessions.
pub(crate) struct Lent {
    message: Vec<u8>,
    hashes: Bank<Running, 5>,
    connection: Connection,
    sessions: Sessions<2>,
    provider: Provider,
    /// What is not offered.
    pub(crate) without: CapabilityFlags,
}

impl Lent {
    pub(crate) fn new() -> Self {
        Self::with(PROVIDER)
    }

    pub(crate) fn with(provider: Provider) -> Self {
        Self {
            provider,
            message: vec![0; 0x1000],
            hashes: Bank::new(),
            connection: Connection::new(0),
            sessions: Sessions::new(),
            without: CapabilityFlags::empty(),
        }
    }

    /// Erases the sessions of a requester that is no more.
    pub(crate) fn erase(&mut self) {
        self.sessions.erase();
    }

    /// Whether there are sessions in the memory: SessionID as its `Debug` shows it.
    pub(crate) fn session_ids(&self) -> Vec<u32> {
        let shown = format!("{:?}", self.sessions);
        let ids = shown.split("session_id: ").skip(1);
        ids.map(|rest| rest.split([',', ' ']).next().unwrap().parse().unwrap()).collect()
    }

    /// A requester that has negotiated, and offers `more`.
    pub(crate) fn negotiated(
        &mut self,
        peer: &mut Peer,
        more: CapabilityFlags,
    ) -> Requester<'_, Negotiated> {
        self.identified(peer, more, None)
    }

    /// The same, with an identity.
    pub(crate) fn identified<'i>(
        &'i mut self,
        peer: &mut Peer,
        more: CapabilityFlags,
        identity: Option<&'i LocalIdentity<'i>>,
    ) -> Requester<'i, Negotiated> {
        let mut storage = Storage::new(&mut self.message, &mut self.hashes, &mut self.connection)
            .with_sessions(&mut self.sessions);
        let provider = self.provider;
        let mut offer = Offer::everything(&provider).with_sessions(&provider).with_psk();
        if let Some(identity) = identity {
            storage = storage.with_identity(identity);
            offer = offer.with_identity(identity);
        }
        offer.capabilities |= more;
        offer.capabilities -= self.without;
        if more.contains(CapabilityFlags::MUT_AUTH_CAP) {
            offer.alg_structs.req_base_asym = Some(BaseAsymAlgo::ECDSA_P256);
        }
        let requester = Requester::new(provider, storage, peer.limits()).with_offer(offer);
        let clock = peer.clock.clone();
        let (requester, ()) = blocking::run(requester.negotiate(), peer, &clock).unwrap();
        peer.requests.clear();
        requester
    }
}
