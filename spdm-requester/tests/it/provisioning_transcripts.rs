//! P33 and P34: every message of provisioning between those that transcripts are made of, whole and in chunks, outside of
//! sessions and in one. The emulated device composes its transcripts itself: where both agree, signatures verify.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityExtFlags, CapabilityFlags, CertificateModel,
    ConnectionKeys, MeasurementAttributes, MeasurementSummary, MelSpecification, RecordBinding,
    SlotAddress, SlotId, SlotMask, SpdmVersion,
};
use spdm_crypto::Bank;
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{
    BankChange, Bounds, Connection, CsrPlan, DesiredKey, Effect, KeyPairAction, Negotiated, Offer,
    Requester, Selection, SessionHandle, SessionPlan, Sessions, Storage, blocking,
};
use spdm_transport::Transport as _;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, Chain, Identity};

use crate::emulated_sessions::Emulated;
use crate::sim::trusting::policy;
use crate::sim::{SimClock, V1_2, V1_3, V1_4, since};

type F = CapabilityFlags;

const WHOLE: u32 = 0x1200;
/// CSR, chains, KEY_PAIR_INFO, the log and the endpoint info are longer.
const SMALLEST: u32 = 42;

/// One connection, and the device at its other end.
#[derive(Clone, Copy)]
struct Scene {
    version: SpdmVersion,
    keys: ConnectionKeys,
    /// DataTransferSize of the device, in bytes.
    size: u32,
}

impl Scene {
    fn device(&self) -> DeviceConfig {
        let multi = match self.keys {
            ConnectionKeys::Multi => F::MULTI_KEY_CAP_ONLY,
            _ => F::empty(),
        };
        let sessions = F::KEY_EX_CAP | F::MAC_CAP | F::ENCRYPT_CAP;
        let provisioning =
            F::CSR_CAP | F::SET_CERT_CAP | F::GET_KEY_PAIR_INFO_CAP | F::SET_KEY_PAIR_INFO_CAP;
        let information = F::MEL_CAP | F::EP_INFO_CAP_SIG;
        DeviceConfig {
            seed: Some(7),
            versions: vec![self.version],
            base_asym: BaseAsymAlgo::ECDSA_P256,
            base_hash: BaseHashAlgo::SHA_256,
            more_capabilities: sessions | provisioning | information | multi | F::CHUNK_CAP,
            ext_capabilities: CapabilityExtFlags::SLOT_MGMT_CAP,
            data_transfer_size: self.size,
            max_spdm_msg_size: WHOLE,
            records: RecordBinding::Mctp,
            slots: vec![SlotId::ZERO, slot(1)],
            ..DeviceConfig::default()
        }
    }

    /// The model of a chain, and the key pair that is named with it.
    fn named(&self) -> (CertificateModel, u8) {
        match self.keys {
            ConnectionKeys::Multi => (CertificateModel::DeviceCert, 1),
            _ => (CertificateModel::None, 0),
        }
    }

    /// A connection, until ALGORITHMS.
    fn connected(
        &self,
        device: &mut Emulated,
        clock: &SimClock,
        then: impl FnOnce(Requester<'_, Negotiated>, &mut Emulated),
    ) {
        let (mut message, mut connection) = (vec![0; 0x8000], Connection::new(0));
        let (mut hashes, mut sessions) = (Bank::<Running, 5>::new(), Sessions::<2>::new());
        let storage =
            Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
        let mut offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER);
        offer.mel_specification = MelSpecification::DMTF;
        offer.connection_keys = self.keys;
        offer.longest_request = 0x1000;
        offer.data_transfer_size = self.size;
        let mut bounds = Bounds::default();
        bounds.round_trips = u16::MAX;
        let requester = Requester::new(PROVIDER, storage, device.limits())
            .with_offer(offer)
            .with_bounds(bounds);
        let (requester, ()) = blocking::run(requester.negotiate(), device, clock).unwrap();
        then(requester, device);
    }

    /// The chain in slot 0.
    fn chain(&self, device: &mut Emulated, clock: &SimClock) -> Vec<u8> {
        let mut bytes = vec![0; 0x2000];
        let mut len = 0;
        self.connected(device, clock, |requester, device| {
            let flow = requester.fetch_chain(SlotId::ZERO, &mut bytes);
            let (_, chain) = blocking::run(flow, device, clock).unwrap();
            len = chain.bytes().len();
        });
        bytes.truncate(len);
        bytes
    }

    /// Every message of provisioning that the version has, the log and the endpoint info.
    fn everything<'a>(
        &self,
        requester: Requester<'a, Negotiated>,
        device: &mut Emulated,
        clock: &SimClock,
        session: Option<SessionHandle>,
        own: &[u8],
    ) -> Requester<'a, Negotiated> {
        let place = |requester: Requester<'a, Negotiated>| match session {
            Some(session) => requester.in_session(session),
            None => requester,
        };
        let agreed = *requester.negotiated();
        let (model, key_pair_id) = self.named();
        let mut buffer = vec![0; 0x1000];
        let mut requester = requester;
        // First: it empties B, and would hide that something else had come into it.
        if self.version >= V1_3 {
            let mut log = [0; 0x400];
            let flow = place(requester).fetch_measurement_extension_log(&mut log);
            requester = blocking::run(flow, device, clock).unwrap().0;
        }
        let mut plan = CsrPlan::NEW;
        (plan.model, plan.key_pair_id) = (model, key_pair_id);
        let flow = place(requester).get_csr(plan, &mut buffer);
        let (requester, _) = blocking::run(flow, device, clock).unwrap();
        let roots = device.device.trust_anchors();
        let anchors: Vec<_> = roots.iter().map(|root| Anchor::Certificate(root)).collect();
        let policy = policy(&anchors);
        let context = agreed.chain_context(slot(2), model).unwrap();
        let chain = Chain::parse(Untrusted::new(own), context, &PROVIDER).unwrap();
        let installable = policy.validate_to_install(&chain).unwrap();
        let flow = place(requester).set_certificate(installable, key_pair_id);
        let (mut requester, effect) = blocking::run(flow, device, clock).unwrap();
        assert_eq!(effect, Effect::Now);
        if self.version >= V1_3 {
            let flow = place(requester).key_pair_info(1, &mut buffer);
            let (next, info) = blocking::run(flow, device, clock).unwrap();
            let desired = DesiredKey { slots: info.assoc_cert_slot_mask, ..DesiredKey::default() };
            assert_ne!(desired.slots, SlotMask(0));
            let flow = place(next).set_key_pair_info(1, KeyPairAction::Change(desired));
            let (next, _) = blocking::run(flow, device, clock).unwrap();
            let flow = place(next).fetch_endpoint_info_unsigned(&mut buffer);
            requester = blocking::run(flow, device, clock).unwrap().0;
        }
        if self.version >= V1_4 {
            let flow = place(requester).slot_bank(0, &mut buffer);
            let (next, _) = blocking::run(flow, device, clock).unwrap();
            let address = SlotAddress { bank_id: 0, slot: slot(2) };
            let flow = place(next).slot_chain(address, &mut buffer);
            let (next, shown) = blocking::run(flow, device, clock).unwrap();
            assert_eq!(shown.bytes, own);
            let flow = place(next).change_bank(BankChange::Erase(address));
            requester = blocking::run(flow, device, clock).unwrap().0;
        }
        // Last: whatever follows but measurements empties M.
        if self.version >= V1_3 {
            let flow = place(requester).key_pair_info(1, &mut buffer);
            requester = blocking::run(flow, device, clock).unwrap().0;
        }
        requester
    }

    /// Unsigned measurements, what `between` does, and signed ones: whether the signature covers what it has to.
    fn measure<'a>(
        &self,
        requester: Requester<'a, Negotiated>,
        device: &mut Emulated,
        clock: &SimClock,
        session: Option<SessionHandle>,
        own: &[u8],
    ) -> Requester<'a, Negotiated> {
        let place = |requester: Requester<'a, Negotiated>| match session {
            Some(session) => requester.in_session(session),
            None => requester,
        };
        let mut record = vec![0; 0x1000];
        let none = MeasurementAttributes::empty();
        let flow = place(requester).measure_unsigned(Selection::All, none, &mut record);
        let (requester, _) = blocking::run(flow, device, clock).unwrap();
        let requester = self.everything(requester, device, clock, session, own);
        // What came before them is no part of the sequence any more; this is.
        let flow = place(requester).measure_unsigned(Selection::All, none, &mut record);
        let (requester, _) = blocking::run(flow, device, clock).unwrap();
        let nonce = requester.nonce().unwrap();
        let identity = self.identity(&requester, own);
        let flow =
            place(requester).measure_signed(Selection::All, none, identity, nonce, &mut record);
        let (requester, measured) = blocking::run(flow, device, clock).unwrap();
        assert!(measured.possession.is_some());
        requester
    }

    fn identity<'c>(&self, requester: &Requester<'_, Negotiated>, own: &'c [u8]) -> Identity<'c> {
        let (model, _) = self.named();
        let context = requester.negotiated().chain_context(SlotId::ZERO, model).unwrap();
        Identity::Chain(Chain::parse(Untrusted::new(own), context, &PROVIDER).unwrap())
    }

    /// Challenge and session behind all of it.
    fn run(&self) {
        let clock = SimClock::default();
        let device = Device::new(self.device()).unwrap();
        let mut device = Emulated::new(device, RecordBinding::Mctp, clock.clone());
        let own = self.chain(&mut device, &clock);
        // M1: between DIGESTS and CHALLENGE.
        self.connected(&mut device, &clock, |requester, device| {
            let (requester, ()) = blocking::run(requester.get_digests(), device, &clock).unwrap();
            let requester = self.everything(requester, device, &clock, None, &own);
            let nonce = requester.nonce().unwrap();
            let identity = self.identity(&requester, &own);
            let flow = requester.challenge(identity, MeasurementSummary::All, nonce);
            let (requester, _) = blocking::run(flow, device, &clock).unwrap();
            // L1.
            self.measure(requester, device, &clock, None, &own);
        });
        // TH: between the first DIGESTS, which is D on a connection with several keys, and KEY_EXCHANGE.
        self.connected(&mut device, &clock, |requester, device| {
            let (requester, ()) = blocking::run(requester.get_digests(), device, &clock).unwrap();
            let requester = self.everything(requester, device, &clock, None, &own);
            let identity = self.identity(&requester, &own);
            let flow = requester.open_session(SessionPlan::DEFAULT, identity);
            let (requester, (opened, _)) = blocking::run(flow, device, &clock).unwrap();
            let session = opened.session;
            let requester = self.measure(requester, device, &clock, Some(session), &own);
            // M of the session and that of the connection are apart.
            let requester = self.measure(requester, device, &clock, None, &own);
            let requester = self.everything(requester, device, &clock, Some(session), &own);
            blocking::run(requester.close_session(session), device, &clock).unwrap();
        });
    }
}

fn slot(number: u8) -> SlotId {
    SlotId::new(number).unwrap()
}

#[test]
fn p34_provisioning_in_the_window_of_d_and_in_sequences_of_measurements() {
    for version in since(V1_2) {
        Scene { version, keys: ConnectionKeys::Single, size: WHOLE }.run();
        if version >= V1_3 {
            Scene { version, keys: ConnectionKeys::Multi, size: WHOLE }.run();
        }
    }
}

#[test]
fn p33_provisioning_in_chunks_in_and_outside_of_a_session() {
    for version in since(V1_2) {
        Scene { version, keys: ConnectionKeys::Single, size: SMALLEST }.run();
    }
    Scene { version: V1_4, keys: ConnectionKeys::Multi, size: SMALLEST }.run();
}
