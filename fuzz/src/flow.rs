//! A whole attestation against arbitrary bytes and timing.
//!
//! The input decides what the requester is like, and for each of its messages what comes back: the answer of a
//! correct device, that answer changed, an ERROR, arbitrary bytes, nothing, or something late.

use core::cell::RefCell;
use std::rc::Rc;

use spdm_codec::{
    AlgorithmsBlock, BaseAsymAlgo, CapabilityFlags, Code, ConnectionKeys, Cx, ErrorCode, Response,
    SpdmVersion,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{AsymAlgorithm, Bank, EcCurve, HashAlgorithm, SignedMessage, SigningContext};
use spdm_emulator::{Device, DeviceConfig};
use spdm_requester::{
    AttestationPlan, Bounds, Compat, Connection, Error, Exchange, Flow, Negotiated, Offer,
    Operation, Requester, Requirement, Sink, Step, Storage, Verdict,
};
use spdm_transport::{Duration, Instant, Limits, MessageKind, Received};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, Policy, ValidityCheck};

const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
const SIZES: [u32; 4] = [42, 64, 300, 4608];
const ROUND_TRIPS: u16 = 120;
/// 2026.
const NOW: u64 = 1_795_392_000;

/// The bytes that decide.
struct Input<'d>(&'d [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn number(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }
}

/// Every accepted exchange but ERROR, as it was sent and received.
#[derive(Clone, Debug, Default)]
struct Log(Rc<RefCell<Vec<(Vec<u8>, Vec<u8>)>>>);

impl Sink for Log {
    fn accepted(&mut self, exchange: Exchange<'_>, verdict: &Verdict<'_, '_>, _: &Connection) {
        if !matches!(verdict, Verdict::Error(_)) {
            let response = exchange.response.into_inner_less_safe().to_vec();
            self.0.borrow_mut().push((exchange.request.to_vec(), response));
        }
    }

    fn rejected(&mut self, _: Exchange<'_>, _: &Error) {}
}

/// What the input makes of the device and the line to it.
struct Line<'i, 'd> {
    input: &'i mut Input<'d>,
    device: Device,
    /// What arrives for the request before.
    before: Vec<u8>,
    pending: Option<Vec<u8>>,
    now: u64,
    sent: u32,
}

impl Line<'_, '_> {
    fn send(&mut self, request: &[u8]) {
        self.sent += 1;
        // Without input left the device is a correct one.
        let honest = match self.input.byte() & 0x0F {
            // The request is lost.
            14 => None,
            _ => self.device.respond(request),
        };
        let mut answer = honest.unwrap_or_default();
        let keep = match self.input.byte() {
            0..=159 => true,
            160..=199 => {
                let at = self.input.number();
                let bits = self.input.byte();
                let len = answer.len().max(1);
                if let Some(byte) = answer.get_mut(at % len) {
                    *byte ^= bits;
                }
                true
            }
            200..=207 => {
                answer.truncate(self.input.number() % (answer.len() + 1));
                true
            }
            208..=215 => {
                let len = usize::from(self.input.byte());
                answer.extend(self.input.bytes(len));
                true
            }
            216..=231 => {
                let version = request.first().copied().unwrap_or(0x10);
                let code = match self.input.byte() & 7 {
                    0 => ErrorCode::BUSY,
                    1 => ErrorCode::RESPONSE_NOT_READY,
                    2 => ErrorCode::LARGE_RESPONSE,
                    3 => ErrorCode::REQUEST_RESYNCH,
                    4 => ErrorCode::REQUEST_IN_FLIGHT,
                    _ => ErrorCode(self.input.byte()),
                };
                answer = vec![version, Code::ERROR.0, code.0, 0];
                let extended = [self.input.byte() & 31, request.get(1).copied().unwrap_or(0), 7, 3];
                answer.extend(extended);
                true
            }
            232..=239 => {
                let len = self.input.number() & 0x1FF;
                answer = self.input.bytes(len);
                true
            }
            240..=247 => {
                answer.clone_from(&self.before);
                true
            }
            _ => false,
        };
        self.before.clone_from(&answer);
        self.pending = (keep && !answer.is_empty()).then_some(answer);
    }
}

/// Runs a flow to its end.
fn drive<O: Operation>(flow: &mut Flow<'_, O>, line: &mut Line<'_, '_>) -> Result<(), Error> {
    // Every step sends, receives, waits or ends: there are not more of them than this.
    for _ in 0..6 * u32::from(ROUND_TRIPS) {
        let dropped = line.input.byte() & 0x1F == 31;
        match flow.poll(Instant::from_micros(line.now))? {
            Step::Transmit(token) if !dropped => {
                let bytes = token.bytes().to_vec();
                line.send(&bytes);
                token.sent(Instant::from_micros(line.now));
            }
            Step::Receive(mut token) if !dropped => {
                let deadline = token.deadline().as_micros();
                let Some(answer) = line.pending.take() else {
                    line.now = line.now.max(deadline) + 1;
                    token.expired()?;
                    continue;
                };
                let buffer = token.buffer();
                let Some(place) = buffer.get_mut(..answer.len()) else {
                    // The transport says so and stops.
                    return Err(Error::Timeout { request: Code::GET_VERSION });
                };
                place.copy_from_slice(&answer);
                line.now += u64::from(line.input.byte()) << 8;
                let received = Received { kind: MessageKind::Plain, len: answer.len() };
                token.received(Instant::from_micros(line.now), received)?;
            }
            Step::Wait { until } => line.now = line.now.max(until.as_micros()),
            Step::Done => return Ok(()),
            Step::Transmit(_) | Step::Receive(_) => {}
        }
    }
    panic!("more steps than the bounds allow");
}

/// Attests as the input says.
///
/// # Panics
/// When a device is verified without a signature over exactly the accepted bytes, when something is left
/// after an error, and when there are more messages than the bounds allow.
pub fn attest(data: &[u8]) {
    let mut input = Input(data);
    let version = SpdmVersion::ALL[usize::from(input.byte()) % SpdmVersion::ALL.len()];
    let sizes = input.byte();
    let (own, device_size) = (SIZES[usize::from(sizes & 3)], SIZES[usize::from(sizes >> 2 & 3)]);
    let padding = usize::from(sizes >> 4 & 3);
    let requirement = match sizes >> 6 {
        0 => Requirement::Challenge,
        1 => Requirement::Measurements,
        _ => Requirement::ChallengeAndMeasurements,
    };
    let options = input.byte();
    let resends = options & 3;
    let device = Device::new(DeviceConfig {
        versions: vec![version],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: HashAlgorithm::Sha256.base_hash(),
        more_capabilities: CapabilityFlags::CHUNK_CAP
            | CapabilityFlags::MULTI_KEY_CAP_NEG
            | CapabilityFlags::GET_KEY_PAIR_INFO_CAP,
        data_transfer_size: device_size,
        padding,
        seed: Some(1),
        ..DeviceConfig::default()
    })
    .expect("a device");
    let anchors = device.trust_anchors();
    let anchors: Vec<_> = anchors.iter().map(|root| Anchor::Certificate(root)).collect();
    let spki = device.public_key_spki(ASYM).expect("a key");
    let policy = Policy::new(&PROVIDER, &anchors, ValidityCheck::At(NOW));
    let (mut message, mut hashes) = (vec![0; 0x1800], Bank::<Running, 2>::new());
    let limits = Limits::new(0x1_0000, 0x1_0000).with_padding(padding);
    let mut offer = Offer::everything(&PROVIDER);
    offer.data_transfer_size = own;
    if options & 4 != 0 {
        offer.algorithms_block = AlgorithmsBlock::Requested;
    }
    if options & 8 != 0 {
        offer.connection_keys = ConnectionKeys::Multi;
    }
    let mut compat = Compat::NONE;
    compat.unasked_alg_structs = options & 16 != 0;
    compat.oversent_portions = options & 32 != 0;
    let mut bounds = Bounds::default();
    bounds.round_trips = ROUND_TRIPS;
    bounds.resends = resends;
    bounds.time = Duration::from_secs(3600);
    let log = Log::default();
    let mut sink = log.clone();
    let mut connection = Connection::default();
    let storage = Storage::new(&mut message, &mut hashes, &mut connection);
    let requester = Requester::new(PROVIDER, storage, limits)
        .with_offer(offer)
        .with_compat(compat)
        .with_bounds(bounds)
        .with_sink(&mut sink);
    let mut plan = AttestationPlan::new(&policy);
    plan.requirement = requirement;
    let (mut chain, mut record) = (vec![0; 0x1000], vec![0; 0x800]);
    let mut flow = requester.attest(plan, &mut chain, &mut record);
    let before = Vec::new();
    let mut line = Line { input: &mut input, device, before, pending: None, now: 0, sent: 0 };
    let driven = drive(&mut flow, &mut line);
    assert!(line.sent <= u32::from(ROUND_TRIPS));
    let verified = match flow.finish() {
        Ok((requester, attested)) => {
            assert!(driven.is_ok());
            let key = attested.verified.identity().key();
            assert!(spki.ends_with(key), "the key of another device");
            check(&log, requester.negotiated(), padding, key, requirement);
            true
        }
        Err(_) => false,
    };
    if !verified {
        assert!(record.iter().all(|byte| *byte == 0), "measurements that nobody vouches for");
    }
}

/// Composes the transcripts out of the accepted bytes, and verifies the signatures over them.
fn check(log: &Log, agreed: &Negotiated, padding: usize, key: &[u8], requirement: Requirement) {
    let exchanges = log.0.borrow();
    let start = exchanges.iter().rposition(|(r, _)| r[1] == Code::GET_VERSION.0).expect("a start");
    let (mut vca, mut m1) = (Vec::new(), Vec::new());
    let mut proofs = (false, false);
    for (index, (request, response)) in exchanges[start..].iter().enumerate() {
        let response = without_padding(response, agreed, padding);
        let signed = response.len() - agreed.signature_len().min(response.len());
        let verify = |context, transcript: &[&[u8]]| {
            let (signed, signature) = response.split_at(signed);
            let transcript = [transcript, &[request, signed]].concat();
            let digest = PROVIDER.hash.digest(HashAlgorithm::Sha256, &transcript).expect("a hash");
            SignedMessage::new(agreed.version, context, digest)
                .verify(&PROVIDER, ASYM, HashAlgorithm::Sha256, key, signature)
                .expect("a signature over exactly the accepted bytes");
        };
        match Code(request[1]) {
            Code::CHALLENGE => {
                verify(SigningContext::ResponderChallengeAuth, &[&vca, &m1]);
                proofs.0 = true;
            }
            Code::GET_MEASUREMENTS => {
                let head: &[u8] = if agreed.version >= SpdmVersion::V1_2 { &vca } else { &[] };
                verify(SigningContext::ResponderMeasurements, &[head]);
                proofs.1 = true;
            }
            _ if index < 3 => vca.extend([request, response].concat()),
            _ => m1.extend([request, response].concat()),
        }
    }
    let wanted = match requirement {
        Requirement::Challenge => (true, false),
        Requirement::Measurements => (false, true),
        _ => (true, true),
    };
    assert_eq!(proofs, wanted);
}

/// The message without what a transport appended: its own fields tell how long it is.
fn without_padding<'r>(response: &'r [u8], agreed: &Negotiated, padding: usize) -> &'r [u8] {
    let cx = match response.get(1).copied().map(Code) {
        Some(Code::VERSION) => Cx::new(SpdmVersion::V1_0).with_padding(padding),
        _ => agreed.cx(padding).with_signature_len(agreed.signature_len()),
    };
    Response::decode(Untrusted::new(response), &cx).expect("it was accepted").bytes()
}
