//! No allocation in a whole session: handshakes, measurements, new keys, heartbeat, end. The device allocates; it answers
//! between what is counted.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, DheNamedGroup, KemAlgo, MeasurementAttributes,
    RecordBinding, SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{AsymAlgorithm, Bank, EcCurve, PskBytes};
use spdm_emulator::{Device, DeviceConfig, KeyProvisioning, SharedKey};
use spdm_requester::{
    Connection, Flow, Negotiated, Offer, Operation, Requester, Selection, SessionHandle,
    SessionPlan, Sessions, Step, Storage, UpdatedKeys,
};
use spdm_transport::{Instant, Limits, MessageKind, Received};
use spdm_untrusted::Untrusted;
use spdm_x509::{Identity, ProvisionedKey};

use crate::without_allocation;

const NOW: Instant = Instant::from_micros(1);

/// Carries a flow out, and counts what it allocates.
macro_rules! run {
    ($device:expr, $begin:expr) => {{
        let mut flow = without_allocation("begin", || $begin);
        let ended = drive(&mut flow, $device);
        assert_eq!(ended, None);
        without_allocation("finish", || flow.finish().map_err(|failure| failure.error)).unwrap()
    }};
}

/// Until the flow is done; its error, if it has one.
fn drive<O: Operation>(flow: &mut Flow<'_, O>, device: &mut Device) -> Option<String> {
    let mut answer = None;
    loop {
        let polled = {
            let flow = &mut *flow;
            without_allocation("poll", move || flow.poll(NOW))
        };
        match polled {
            Ok(Step::Transmit(token)) => {
                answer = match token.kind() {
                    MessageKind::Plain => device.respond(token.bytes()),
                    MessageKind::Secured => device.respond_secured(token.bytes()),
                }
                .map(|answer| (token.kind(), answer));
                without_allocation("sent", move || token.sent(NOW));
            }
            Ok(Step::Receive(mut token)) => {
                let (kind, answer) = answer.take().unwrap();
                token.buffer()[..answer.len()].copy_from_slice(&answer);
                let received = Received { kind, len: answer.len() };
                let _ = without_allocation("received", move || token.received(NOW, received));
            }
            Ok(Step::Wait { .. }) => panic!("nothing is waited for"),
            Ok(Step::Done) => return None,
            Err(error) => return Some(error.to_string()),
        }
    }
}

fn use_it<'a>(
    mut requester: Requester<'a, Negotiated>,
    device: &mut Device,
    session: SessionHandle,
    key: Identity<'_>,
) -> Requester<'a, Negotiated> {
    let mut record = [0; 0x1000];
    let attributes = MeasurementAttributes::empty();
    (requester, ()) = run!(device, requester.heartbeat(session));
    for keys in [UpdatedKeys::Requests, UpdatedKeys::Both] {
        (requester, ()) = run!(device, requester.update_keys(session, keys));
        let nonce = requester.nonce().unwrap();
        let selection = Selection::All;
        let measured;
        (requester, measured) = run!(
            device,
            requester.in_session(session).measure_signed(
                selection,
                attributes,
                key,
                nonce,
                &mut record
            )
        );
        assert!(measured.record.number_of_blocks() > 0);
    }
    (requester, ()) = run!(device, requester.close_session(session));
    requester
}

fn config(version: SpdmVersion, binding: RecordBinding, more: CapabilityFlags) -> DeviceConfig {
    type F = CapabilityFlags;
    DeviceConfig {
        seed: Some(7),
        versions: vec![version],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: BaseHashAlgo::SHA_256,
        provisioning: KeyProvisioning::PublicKey,
        more_capabilities: F::KEY_EX_CAP
            | F::MAC_CAP
            | F::HBEAT_CAP
            | F::KEY_UPD_CAP
            | F::PSK_CAP_CONTEXT
            | more,
        // ML-KEM allocates in its crate.
        dhe_groups: DheNamedGroup::SECP_256_R1 | DheNamedGroup::SECP_384_R1,
        kems: KemAlgo::empty(),
        pre_shared_keys: vec![SharedKey { hint: b"name".to_vec(), key: b"key".to_vec() }],
        records: binding,
        padding: if binding == RecordBinding::PciDoe { 2 } else { 0 },
        ..DeviceConfig::default()
    }
}

#[test]
fn a_whole_session() {
    for binding in [RecordBinding::PciDoe, RecordBinding::Mctp, RecordBinding::Tcp] {
        for version in [SpdmVersion::V1_1, SpdmVersion::V1_2, SpdmVersion::V1_4] {
            for more in [
                CapabilityFlags::ENCRYPT_CAP,
                CapabilityFlags::ENCRYPT_CAP | CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP,
                CapabilityFlags::empty(),
            ] {
                let mut device = Device::new(config(version, binding, more)).unwrap();
                let device = &mut device;
                let asym = AsymAlgorithm::Ecdsa(EcCurve::P256);
                let spki = device.public_key_spki(asym).unwrap();
                let hash = spdm_crypto::HashAlgorithm::Sha256;
                let key = ProvisionedKey::parse(Untrusted::new(&spki), asym, hash, &PROVIDER);
                let key = Identity::Key(key.unwrap());
                let (mut message, mut connection) = ([0; 0x2000], Connection::new(0));
                let (mut hashes, mut sessions) = (Bank::<Running, 5>::new(), Sessions::<2>::new());
                let storage = Storage::new(&mut message, &mut hashes, &mut connection)
                    .with_sessions(&mut sessions);
                let limits = Limits::new(0x1200, 0x1200).with_records(binding).with_padding(3);
                let mut offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_psk();
                offer.capabilities |= more & CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP;
                let requester = without_allocation("requester", || {
                    Requester::new(PROVIDER, storage, limits).with_offer(offer)
                });
                let (requester, ()) = run!(device, requester.negotiate());
                let (requester, (opened, _)) =
                    run!(device, requester.open_session(SessionPlan::DEFAULT, key));
                let requester = use_it(requester, device, opened.session, key);
                let psk = PskBytes(b"key");
                let (requester, (opened, _)) =
                    run!(device, requester.open_psk_session(SessionPlan::DEFAULT, b"name", &psk));
                use_it(requester, device, opened.session, key);
                without_allocation("erase", || sessions.erase());
            }
        }
    }
}

/// Nor where its HMAC is wrong.
#[test]
fn a_session_that_fails() {
    let (binding, version) = (RecordBinding::Mctp, SpdmVersion::V1_2);
    for wrong in [b"other".as_slice(), b"key"] {
        let config = config(version, binding, CapabilityFlags::ENCRYPT_CAP);
        let mut device = Device::new(config).unwrap();
        let (mut message, mut connection) = ([0; 0x2000], Connection::new(0));
        let (mut hashes, mut sessions) = (Bank::<Running, 5>::new(), Sessions::<2>::new());
        let storage =
            Storage::new(&mut message, &mut hashes, &mut connection).with_sessions(&mut sessions);
        let limits = Limits::new(0x1200, 0x1200).with_records(binding);
        let offer = Offer::everything(&PROVIDER).with_sessions(&PROVIDER).with_psk();
        let requester = Requester::new(PROVIDER, storage, limits).with_offer(offer);
        let (requester, ()) = run!(&mut device, requester.negotiate());
        let psk = PskBytes(wrong);
        let mut flow = requester.open_psk_session(SessionPlan::DEFAULT, b"name", &psk);
        let ended = drive(&mut flow, &mut device);
        assert_eq!(ended.is_some(), wrong != b"key");
        let _ = without_allocation("failure", move || flow.finish().map(drop).map_err(drop));
    }
}
