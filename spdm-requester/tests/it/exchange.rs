//! Single exchanges: requests of the codec that have no operation of their own.

use crate::sim::cause::{Cause, invalid, trailing};
use crate::sim::{Memory, Sim, V1_2, config, negotiated, requester};
use spdm_codec::{
    Certificate, CertificateForm, CertificateRequest, Code, Digests, ErrorCode, Expected,
    GetCertificate, GetDigests, GetKeyPairInfo, Heartbeat, HeartbeatAck, KeyPairInfo, Message,
    SlotId, SpdmVersion, StandardsBody, VendorDefined, VendorDefinedForm, VendorDefinedRequest,
    VendorDefinedResponse,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_requester::{
    Buffer, Connection, Error, Exchange, Misuse, Negotiated, Offer, Recovered, Requester, RunError,
    Sink, Accepted, blocking,
};
use spdm_x509::Identity;

const V1_3: SpdmVersion = SpdmVersion::V1_3;

const fn vendor(payload: &[u8]) -> VendorDefined<'_> {
    VendorDefined {
        form: VendorDefinedForm::Normal,
        standard_id: StandardsBody::PCI_SIG,
        vendor_id: &[1, 0],
        payload,
    }
}

/// A device that answers vendor-defined requests; the emulator refuses them.
fn sim_with_vendor(version: SpdmVersion, answer: Vec<u8>) -> Sim {
    let mut sim = Sim::new(config(version));
    sim.tamper(Code::VENDOR_DEFINED_REQUEST, move |response| response.clone_from(&answer));
    sim
}

fn vendor_answer(version: SpdmVersion, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 0x2000];
    let len = VendorDefinedResponse(vendor(payload)).encode(version, &mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

/// The result of a single exchange, and whether the connection lives on.
fn exchange<'q, 'b, Q: Message<'q>, R: Message<'b>>(
    requester: Requester<'_, Negotiated>,
    sim: &mut Sim,
    request: Q,
    buffer: &'b mut [u8],
) -> Result<R, (Cause, bool)> {
    let clock = sim.clock.clone();
    match blocking::run(requester.exchange::<Q, R>(request, buffer), sim, &clock) {
        Ok((_, response)) => Ok(response),
        Err(failure) => {
            let RunError::Requester(error) = failure.error else { panic!("{:?}", failure.error) };
            Err((error.into(), matches!(failure.requester, Recovered::Kept(_))))
        }
    }
}

#[test]
fn a_vendor_defined_exchange_leaves_transcripts_as_they_are() {
    for version in SpdmVersion::ALL {
        let mut sim = sim_with_vendor(version, vendor_answer(version, b"pong"));
        let clock = sim.clock.clone();
        let mut memory = Memory::new();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        let mut chain = vec![0; 0x4000];
        let flow = requester.fetch_chain(SlotId::ZERO, &mut chain);
        let (requester, chain) = blocking::run(flow, &mut sim, &clock).unwrap();
        let mut buffer = [0; 64];
        let request = VendorDefinedRequest(vendor(b"ping"));
        let flow = requester.exchange::<_, VendorDefinedResponse<'_>>(request, &mut buffer);
        let (requester, response) = blocking::run(flow, &mut sim, &clock).unwrap();
        assert_eq!(response.0, vendor(b"pong"));
        assert_eq!(sim.requests.last().unwrap()[7..], *b"\x01\0\x04\0ping");
        let nonce = requester.nonce().unwrap();
        let summary = spdm_codec::MeasurementSummary::None;
        let flow = requester.challenge(Identity::Chain(chain), summary, nonce);
        assert!(blocking::run(flow, &mut sim, &clock).is_ok(), "{version}");
    }
}

#[test]
fn what_the_device_does_not_know_it_refuses() {
    let mut sim = Sim::new(config(V1_3));
    let mut memory = Memory::new();
    let requester = negotiated(&mut memory, &mut sim).unwrap();
    let request = GetKeyPairInfo { key_pair_id: 1 };
    let mut buffer = [0; 512];
    let result = exchange::<_, KeyPairInfo<'_>>(requester, &mut sim, request, &mut buffer);
    let (request, code) = (Code::GET_KEY_PAIR_INFO, ErrorCode::UNSUPPORTED_REQUEST);
    let refused = crate::sim::cause::refused(request, code, request.0);
    assert_eq!(result.unwrap_err(), (refused, true));
}

/// What is wrong with a response.
type Change = fn(&mut Vec<u8>);

#[test]
fn the_response_must_be_the_one_to_the_request() {
    let cases: [(Change, Cause); 3] = [
        (
            |bytes| bytes[0] = 0x12,
            invalid("VENDOR_DEFINED_RESPONSE", "SPDMVersion", 0, Expected::Exactly(0x13), 0x12),
        ),
        (
            |bytes| bytes[1] = 0x01,
            invalid(
                "VENDOR_DEFINED_RESPONSE",
                "RequestResponseCode",
                1,
                Expected::Exactly(0x7E),
                1,
            ),
        ),
        (|bytes| bytes.push(0), trailing("VENDOR_DEFINED_RESPONSE", 15, 1, 0)),
    ];
    for (change, cause) in cases {
        let mut answer = vendor_answer(V1_3, b"pong");
        change(&mut answer);
        let mut sim = sim_with_vendor(V1_3, answer);
        let mut memory = Memory::new();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        let mut seen = Seen::default();
        let requester = requester.with_sink(&mut seen);
        let request = VendorDefinedRequest(vendor(b"ping"));
        let mut buffer = [0; 64];
        let result =
            exchange::<_, VendorDefinedResponse<'_>>(requester, &mut sim, request, &mut buffer);
        assert_eq!(result.unwrap_err(), (cause, false));
        assert_eq!((seen.accepted, seen.rejected), (0, 1));
    }
}

/// Counts, in a place that does not live for ever.
#[derive(Default)]
struct Seen {
    accepted: usize,
    rejected: usize,
}

impl Sink for Seen {
    fn accepted(&mut self, _: Exchange<'_>, _: &Accepted<'_, '_>, _: &Connection) {
        self.accepted += 1;
    }

    fn rejected(&mut self, _: Exchange<'_>, _: &Error) {
        self.rejected += 1;
    }
}

#[test]
fn requests_with_an_operation_of_their_own_are_refused_before_they_are_sent() {
    fn refused<'q, 'b, Q: Message<'q>, R: Message<'b>>(request: Q, buffer: &'b mut [u8]) {
        let mut sim = Sim::new(config(V1_3));
        let mut memory = Memory::new();
        let requester = negotiated(&mut memory, &mut sim).unwrap();
        let sent = sim.requests.len();
        let result = exchange::<Q, R>(requester, &mut sim, request, buffer);
        let misuse = Error::Misuse(Misuse::OwnOperation { request: Q::CODE });
        assert_eq!(result.err(), Some((Cause::Other(misuse), false)));
        assert_eq!(sim.requests.len(), sent);
    }
    let certificate = GetCertificate {
        slot: SlotId::ZERO,
        request: CertificateRequest::Portion,
        form: CertificateForm::Normal,
        offset: 0,
        length: 16,
    };
    refused::<_, Digests<'_>>(GetDigests, &mut [0; 64]);
    refused::<_, Certificate<'_>>(certificate, &mut [0; 64]);
    refused::<_, HeartbeatAck>(Heartbeat, &mut [0; 64]);
}

#[test]
fn a_request_may_be_as_long_as_the_offer_says() {
    let payload = [7; 1000];
    for version in SpdmVersion::ALL {
        for (longest_request, fits) in [(64, version < V1_2), (1011, true), (1010, version < V1_2)]
        {
            let mut sim = sim_with_vendor(version, vendor_answer(version, b"pong"));
            let mut memory = Memory::new();
            let mut offer = Offer::everything(&PROVIDER);
            offer.longest_request = longest_request;
            let clock = sim.clock.clone();
            let flow = requester(&mut memory, &sim).with_offer(offer).negotiate();
            let (requester, ()) = blocking::run(flow, &mut sim, &clock).unwrap();
            let request = VendorDefinedRequest(vendor(&payload));
            let mut buffer = [0; 64];
            let result =
                exchange::<_, VendorDefinedResponse<'_>>(requester, &mut sim, request, &mut buffer);
            if fits {
                assert_eq!(result.unwrap().0.payload, b"pong", "{version}");
                continue;
            }
            // What was announced as the largest response would have no room.
            let missing = 1011 - longest_request;
            let (len, needed) = (0x2000, 0x2000 + missing);
            let error = Error::BufferTooSmall { buffer: Buffer::Message, needed, len };
            assert_eq!(result.unwrap_err(), (Cause::Other(error), false), "{version}");
        }
    }
}

#[test]
fn the_response_needs_room() {
    let mut sim = sim_with_vendor(V1_3, vendor_answer(V1_3, b"pong"));
    let mut memory = Memory::new();
    let requester = negotiated(&mut memory, &mut sim).unwrap();
    let request = VendorDefinedRequest(vendor(b"ping"));
    let mut buffer = [0; 14];
    let result =
        exchange::<_, VendorDefinedResponse<'_>>(requester, &mut sim, request, &mut buffer);
    let error = Error::BufferTooSmall { buffer: Buffer::Response, needed: 15, len: 14 };
    assert_eq!(result.unwrap_err(), (Cause::Other(error), false));
}
