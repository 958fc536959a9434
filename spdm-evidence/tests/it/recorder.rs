//! Evidence as a live connection makes it, and what its signatures say.

use core::cell::Cell;
use core::convert::Infallible;

use spdm_codec::{BaseAsymAlgo, Code, KeySlot, RequesterNonce, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashAlgorithm, SignedMessage, SigningContext};
use spdm_emulator::{Device, DeviceConfig, Fault};
use spdm_evidence::{
    AttestationCheck, CheckStatus, Evidence, ReadOptions, Recorder, Report, Verifier,
};
use spdm_requester::{
    AttestationPlan, Attested, ChainCache, Connection, Error, KnownChain, Proof, Requester,
    RunError, Storage, blocking,
};
use spdm_transport::{Clock, Duration, Instant, Limits, MessageKind, Received, Transport};
use spdm_x509::{Anchor, Identity, Policy, Trusted, ValidityCheck};

/// 2026-11-23.
pub(crate) const NOW: u64 = 1_795_392_000;
const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// A device without a wire.
pub(crate) struct Wire {
    pub(crate) device: Device,
    answer: Option<Vec<u8>>,
}

impl Wire {
    pub(crate) const fn of(device: Device) -> Self {
        Self { device, answer: None }
    }
}

impl Transport for Wire {
    type Error = Infallible;

    fn limits(&self) -> Limits {
        let padding = self.device.config().padding;
        Limits::new(0x1_0000, 0x1_0000).with_padding(padding)
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), Infallible> {
        self.answer = self.device.respond(message);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> Result<Option<Received>, Infallible> {
        let Some(answer) = self.answer.take() else { return Ok(None) };
        buffer[..answer.len()].copy_from_slice(&answer);
        Ok(Some(Received { kind: MessageKind::Plain, len: answer.len() }))
    }

    fn abandon(&mut self) {
        self.answer = None;
    }
}

/// Time passes only when somebody waits.
#[derive(Default)]
pub(crate) struct Waiting(Cell<Instant>);

impl Clock for Waiting {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn sleep_until(&self, until: Instant) {
        self.0.set(until);
    }
}

pub(crate) fn wire(version: SpdmVersion, faults: Vec<Fault>, padding: usize) -> Wire {
    let device = Device::new(DeviceConfig {
        versions: vec![version],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: HASH.base_hash(),
        seed: Some(1),
        faults,
        padding,
        ..DeviceConfig::default()
    });
    Wire::of(device.unwrap())
}

/// Attests and records; the chain of the device is in `buffer`.
fn attest<'c>(
    wire: &mut Wire,
    recorder: &mut Recorder,
    cache: ChainCache<'c>,
    buffer: &'c mut [u8],
    nonce: Option<RequesterNonce>,
) -> Result<Trusted<'c>, Error> {
    let anchors = wire.device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let mut plan = AttestationPlan::new(&policy);
    plan.nonce = nonce;
    let (mut message, mut hashes) = (vec![0; 0x2000], Bank::<Running, 2>::new());
    let mut record = vec![0; 0x1000];
    let mut connection = Connection::default();
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let requester = Requester::new(PROVIDER, storage, wire.limits()).with_sink(recorder);
    let flow = requester.reattest(plan, cache, buffer, &mut record);
    match blocking::run(flow, wire, &Waiting::default()) {
        Ok((_, Attested { trusted, .. })) => Ok(trusted),
        Err(failure) => match failure.error {
            RunError::Requester(error) => Err(error),
            other => unreachable!("{other:?}"),
        },
    }
}

pub(crate) fn verify(
    wire: &Wire,
    evidence: &Evidence,
    nonce: Option<RequesterNonce>,
) -> Vec<Report> {
    let anchors = wire.device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
    let mut verifier = Verifier::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    verifier.nonce = nonce;
    verifier.verify(&mut Bank::<Running, 2>::new(), evidence)
}

/// Through the file format and back.
pub(crate) fn filed(evidence: &Evidence) -> Evidence {
    let json = evidence.to_json().unwrap();
    Evidence::read(json.as_bytes(), &ReadOptions::default()).unwrap()
}

#[test]
fn what_was_attested_live_is_verified_from_the_record() {
    for version in SpdmVersion::ALL {
        for padding in [0, 3] {
            let mut wire = wire(version, vec![Fault::BusyOnce], padding);
            let mut recorder = Recorder::new(padding);
            let nonce = Some(RequesterNonce([0xC7; 32]));
            let mut buffer = [0; 0x2000];
            attest(&mut wire, &mut recorder, ChainCache::EMPTY, &mut buffer, nonce).unwrap();
            assert_eq!(recorder.recordings().count(), 1);
            let evidence = filed(&recorder.into_evidence("here"));
            // Busy answers are on record, each with its request.
            let exchanges = &evidence.recordings[0].exchanges;
            assert_eq!(exchanges.len(), 7);
            let busy: Vec<_> = exchanges.iter().map(|exchange| exchange.interim.len()).collect();
            assert_eq!(busy, [0, 0, 0, 1, 1, 1, 1]);
            let reports = verify(&wire, &evidence, nonce);
            assert_eq!(reports.len(), 1);
            assert!(reports[0].verified(), "{version} {:?}", reports[0].error());
        }
    }
}

#[test]
fn linux_w40_evidence_exists_where_nothing_is_verified() {
    for version in SpdmVersion::ALL {
        let rows = [
            (Fault::BadSignature, AttestationCheck::ChallengeSignature),
            (Fault::WrongChainHash, AttestationCheck::ChallengeChainHash),
            (Fault::DigestMismatch, AttestationCheck::ChainDigest),
        ];
        for (fault, check) in rows {
            let mut wire = wire(version, vec![fault], 0);
            let mut recorder = Recorder::new(0);
            let mut buffer = [0; 0x2000];
            let result = attest(&mut wire, &mut recorder, ChainCache::EMPTY, &mut buffer, None);
            assert!(result.is_err(), "{version} {fault}");
            // The answer that was refused is on record, and is refused again.
            let evidence = filed(&recorder.into_evidence("here"));
            let reports = verify(&wire, &evidence, None);
            assert_eq!(reports.len(), 1, "{version} {fault}");
            assert!(!reports[0].verified(), "{version} {fault}");
            let status = reports[0].status(check);
            assert_eq!(status, CheckStatus::Fail, "{version} {fault}: {:?}", reports[0].error());
        }
    }
}

#[test]
fn linux_w38_a_statement_has_everything_to_verify_it_elsewhere() {
    for version in SpdmVersion::ALL {
        let mut wire = wire(version, Vec::new(), 0);
        let mut recorder = Recorder::new(0);
        let mut buffer = [0; 0x2000];
        let cache = ChainCache::EMPTY;
        let trusted =
            attest(&mut wire, &mut recorder, cache, &mut buffer, Some(RequesterNonce([0xC7; 32])));
        let identity = *trusted.unwrap().identity();
        let recording = recorder.into_recordings().remove(0);
        let statements = recording.statements().unwrap();
        let proofs: Vec<_> = statements.iter().map(|statement| statement.proof).collect();
        assert_eq!(proofs, [Proof::Challenge, Proof::Measurements], "{version}");
        // Exactly the three pairs of the negotiation.
        let pair = |at: usize| {
            let exchange = &recording.exchanges[at];
            [exchange.request.clone(), exchange.response.clone().unwrap()].concat()
        };
        let vca = [pair(0), pair(1), pair(2)].concat();
        let unsigned = |at: usize| {
            let mut pair = pair(at);
            pair.truncate(pair.len() - 64);
            pair
        };
        let m1 = [&vca[..], &pair(3), &pair(4), &unsigned(5)].concat();
        let head = if version >= SpdmVersion::V1_2 { vca } else { Vec::new() };
        let l1 = [head, unsigned(6)].concat();
        let contexts =
            [SigningContext::ResponderChallengeAuth, SigningContext::ResponderMeasurements];
        for ((statement, expected), context) in statements.iter().zip([m1, l1]).zip(contexts) {
            assert_eq!(statement.transcript, expected, "{version}");
            assert_eq!(statement.slot, KeySlot::Slot(SlotId::ZERO));
            assert_eq!(statement.negotiated.version, version);
            let digest = PROVIDER.hash.digest(HASH, &[&statement.transcript]).unwrap();
            let message = SignedMessage::new(version, context, digest);
            let prefix = message.combined_prefix().map(|prefix| prefix.as_slice());
            assert_eq!(statement.prefix, prefix.unwrap_or_default());
            assert_eq!(prefix.is_some(), version >= SpdmVersion::V1_2);
            message
                .verify(&PROVIDER, identity.asym(), HASH, identity.key(), &statement.signature)
                .unwrap();
            let digest = statement.chain_digest.as_deref();
            assert_eq!(digest, Some(identity.digest().as_bytes()));
            assert_eq!(statement.context.is_some(), version >= SpdmVersion::V1_3);
            assert_ne!(statement.requester_nonce.0, statement.responder_nonce.0);
        }
        assert_eq!(statements[1].requester_nonce, RequesterNonce([0xC7; 32]));
        // The Standard Measurement Transcript is L1 with its signature.
        let standard = recording.to_standard_transcript().unwrap();
        let [_, measurements] = &statements[..] else { unreachable!("two") };
        let signed = [&measurements.transcript[..], &measurements.signature].concat();
        assert_eq!(standard, signed, "{version}");
    }
}

#[test]
fn a_chain_that_was_known_belongs_to_the_record() {
    for version in SpdmVersion::ALL {
        let mut wire = wire(version, Vec::new(), 0);
        let mut buffer = [0; 0x2000];
        let mut recorder = Recorder::new(0);
        let known =
            [attest(&mut wire, &mut recorder, ChainCache::EMPTY, &mut buffer, None).unwrap()];
        let mut recorder = Recorder::new(0);
        let chains = [KnownChain::new(&known[0]).unwrap()];
        let cache = ChainCache::new(&chains);
        attest(&mut wire, &mut recorder, cache, &mut [], None).unwrap();
        // Without it nobody knows whose key signed.
        let without = recorder.clone().into_evidence("here");
        assert!(!verify(&wire, &filed(&without), None)[0].verified(), "{version}");
        let Identity::Chain(chain) = known[0].identity() else { unreachable!("a chain") };
        recorder.chain(chain.slot(), chain.bytes());
        let evidence = filed(&recorder.into_evidence("here"));
        assert_eq!(evidence.recordings[0].exchanges.len(), 6);
        let reports = verify(&wire, &evidence, None);
        assert!(reports[0].verified(), "{version}: {:?}", reports[0].error());
    }
}

#[test]
fn linux_w41_the_newest_connection_is_kept_whatever_the_limit() {
    let version = SpdmVersion::V1_2;
    let mut wire = wire(version, Vec::new(), 0);
    let mut record = |times: usize, limit| {
        let mut recorder = Recorder::new(0).with_limit(limit);
        for _ in 0..times {
            let mut buffer = [0; 0x2000];
            attest(&mut wire, &mut recorder, ChainCache::EMPTY, &mut buffer, None).unwrap();
        }
        recorder
    };
    let all = record(3, usize::MAX);
    assert_eq!((all.recordings().count(), all.dropped()), (3, 0));
    let one: usize = all
        .recordings()
        .next()
        .map(|recording| {
            let exchanges = recording.exchanges.iter();
            exchanges.map(|e| e.request.len() + e.response.as_ref().map_or(0, Vec::len)).sum()
        })
        .unwrap();
    // OpaqueData of the newest one.
    let opaque = 24;
    let rows = [(3 * one, 3, 0), (3 * one - 1, 2, 1), (2 * one, 2, 1), (one, 1, 2), (0, 1, 2)];
    for (limit, kept, dropped) in rows {
        let recorder = record(3, limit + opaque);
        assert_eq!((recorder.recordings().count(), recorder.dropped()), (kept, dropped));
        // The last one is whole.
        let last = recorder.recordings().last().unwrap();
        assert_eq!(last.exchanges.len(), 7);
        let code = |at: usize| Code(last.exchanges[at].request[1]);
        assert_eq!((code(0), code(6)), (Code::GET_VERSION, Code::GET_MEASUREMENTS));
    }
    // A chain counts, too.
    let mut recorder = record(2, 2 * one + opaque);
    assert_eq!(recorder.dropped(), 0);
    recorder.chain(SlotId::ZERO, &[0]);
    assert_eq!((recorder.recordings().count(), recorder.dropped()), (1, 1));
}

#[test]
fn opaque_data_that_is_kept_counts() {
    let len = 500;
    let config = DeviceConfig {
        versions: vec![SpdmVersion::V1_1],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: HASH.base_hash(),
        seed: Some(1),
        free_opaque_data: vec![0x5A; len],
        ..DeviceConfig::default()
    };
    let mut wire = Wire::of(Device::new(config).unwrap());
    let mut record = |times: usize, limit| {
        let mut recorder = Recorder::new(0).with_limit(limit);
        for _ in 0..times {
            let mut buffer = [0; 0x2000];
            attest(&mut wire, &mut recorder, ChainCache::EMPTY, &mut buffer, None).unwrap();
        }
        recorder
    };
    let whole = record(1, usize::MAX);
    let exchanges = whole.recordings().flat_map(|recording| &recording.exchanges);
    let one: usize =
        exchanges.map(|e| e.request.len() + e.response.as_ref().map_or(0, Vec::len)).sum();
    let mut dropped = |times, limit| record(times, limit).dropped();
    assert_eq!((dropped(2, 2 * one + len), dropped(2, 2 * one + len - 1)), (0, 1));
    // That of earlier connections is not kept.
    assert_eq!((dropped(3, 3 * one + len), dropped(3, 3 * one + len - 1)), (0, 1));
}
