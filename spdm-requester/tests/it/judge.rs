//! The judge by itself, as an offline verifier uses it: recorded exchanges, some of them forged.

use crate::sim::cause::{Cause, differs};
use crate::sim::{Sim, attest};
use spdm_codec::{BaseAsymAlgo, Code, SlotId, SpdmVersion};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{AsymAlgorithm, Bank, EcCurve, HashAlgorithm};
use spdm_emulator::DeviceConfig;
use spdm_requester::{
    Accepted, Connection, Crypto, Error, Incompatible, MeasurementSignature, Misuse, Negotiated,
    Stage,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, Identity};

/// An attestation, as pairs of request and response.
fn recorded() -> Vec<(Vec<u8>, Vec<u8>)> {
    recorded_at(SpdmVersion::V1_2)
}

fn recorded_at(version: SpdmVersion) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut sim = Sim::new(DeviceConfig {
        versions: vec![version],
        base_asym: BaseAsymAlgo::ECDSA_P256,
        base_hash: HashAlgorithm::Sha256.base_hash(),
        seed: Some(7),
        ..DeviceConfig::default()
    });
    attest(&mut sim).unwrap();
    sim.requests.into_iter().zip(sim.responses).collect()
}

fn order(request: Code) -> Error {
    Error::Misuse(Misuse::Order { request })
}

struct Court {
    connection: Connection,
    hashes: Bank<Running, 2>,
}

impl Court {
    fn new() -> Self {
        Self { connection: Connection::new(0), hashes: Bank::new() }
    }

    fn accept<'r>(
        &mut self,
        request: &[u8],
        response: &'r [u8],
    ) -> Result<Accepted<'r, 'static>, Error> {
        let mut crypto = Crypto { provider: &PROVIDER, hashes: &mut self.hashes };
        self.connection.accept(&mut crypto, request, Untrusted::new(response), None)
    }

    fn sent_and_accepted(&mut self, (request, response): &(Vec<u8>, Vec<u8>)) {
        self.connection.sent(request).unwrap();
        self.accept(request, response).unwrap();
    }
}

#[test]
fn an_answer_needs_a_request_that_was_sent() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges {
        let code = Code(exchange.0[1]);
        let before = court.connection.stage();
        assert_eq!(court.accept(&exchange.0, &exchange.1).unwrap_err(), order(code));
        assert_eq!(court.connection.stage(), before);
        court.sent_and_accepted(exchange);
    }
}

#[test]
fn a_request_is_answered_once() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges {
        court.sent_and_accepted(exchange);
        let again = court.accept(&exchange.0, &exchange.1).unwrap_err();
        assert_eq!(again, order(Code(exchange.0[1])));
    }
}

#[test]
fn busy_leaves_the_request_waiting_and_other_errors_end_it() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges[..3] {
        court.sent_and_accepted(exchange);
    }
    let (request, response) = &exchanges[3];
    court.connection.sent(request).unwrap();
    for code in [0x03, 0x08] {
        let busy = [0x12, 0x7F, code, 0];
        assert!(matches!(court.accept(request, &busy), Ok(Accepted::Error(_))));
    }
    assert!(court.accept(request, response).is_ok());

    court.connection.sent(request).unwrap();
    let refused = [0x12, 0x7F, 0x01, 0];
    assert!(matches!(court.accept(request, &refused), Ok(Accepted::Error(_))));
    assert_eq!(court.accept(request, response).unwrap_err(), order(Code::GET_DIGESTS));
}

#[test]
fn an_answer_to_another_request_than_the_last_is_refused() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges[..4] {
        court.sent_and_accepted(exchange);
    }
    court.connection.sent(&exchanges[5].0).unwrap();
    let (request, response) = &exchanges[4];
    assert_eq!(court.accept(request, response).unwrap_err(), order(Code::GET_CERTIFICATE));
}

#[test]
fn without_the_negotiation_only_measurements_of_1_0_and_1_1_are_judged() {
    let asym = AsymAlgorithm::Ecdsa(EcCurve::P384);
    for version in SpdmVersion::ALL {
        let negotiated = Negotiated::presumed(version, asym, HashAlgorithm::Sha384);
        let presumed = Connection::presume(negotiated, 0);
        if version >= SpdmVersion::V1_2 {
            assert_eq!(presumed.unwrap_err(), order(Code::GET_MEASUREMENTS));
            continue;
        }
        let mut connection = presumed.unwrap();
        assert_eq!(connection.stage(), Stage::Negotiated);
        let mut challenge = vec![version.to_byte(), 0x83, 0, 0];
        challenge.extend([7; 32]);
        assert_eq!(connection.sent(&challenge).unwrap_err(), order(Code::CHALLENGE));
        assert!(connection.sent(&[version.to_byte(), 0xE0, 0, 0xFF]).is_ok());
    }
}

#[test]
fn a_second_request_waits_for_the_answer_to_the_first() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges {
        court.connection.sent(&exchange.0).unwrap();
        let (digests, unanswered) = (&exchanges[3].0, Code(exchange.0[1]));
        if court.connection.stage() == Stage::Negotiated {
            let error = Error::Misuse(Misuse::Unanswered { request: unanswered });
            assert_eq!(court.connection.sent(digests).unwrap_err(), error);
        }
        court.accept(&exchange.0, &exchange.1).unwrap();
    }
    // GET_VERSION starts over, whatever is unanswered.
    court.connection.sent(&exchanges[3].0).unwrap();
    court.connection.sent(&exchanges[0].0).unwrap();
    assert!(court.accept(&exchanges[0].0, &exchanges[0].1).is_ok());
}

/// The chain that the exchanges carry, as an identity in this context.
fn identity(exchanges: &[(Vec<u8>, Vec<u8>)], context: ChainContext) -> Vec<u8> {
    let certificates = exchanges.iter().filter(|(request, _)| request[1] == 0x82);
    let chain: Vec<u8> = certificates.flat_map(|(_, response)| &response[8..]).copied().collect();
    assert!(Chain::parse(Untrusted::new(&chain), context, &PROVIDER).is_ok());
    chain
}

/// How a chain of those exchanges is read.
fn context(slot: u8, version: SpdmVersion) -> ChainContext {
    let (slot, asym) = (SlotId::new(slot).unwrap(), AsymAlgorithm::Ecdsa(EcCurve::P256));
    ChainContext::new(slot, version, CertModel::Unknown, asym, HashAlgorithm::Sha256)
}

/// A signature of slot 0 proves nothing of a chain that the caller takes for that of slot 1, or that it read for another
/// version, although it is the very chain that signed.
#[test]
fn an_identity_of_another_slot_or_version_is_refused() {
    let exchanges = recorded();
    let own = context(0, SpdmVersion::V1_2);
    let chain = identity(&exchanges, own);
    for (context, expected) in [
        (own, Ok(())),
        (context(1, SpdmVersion::V1_2), Err(Error::Misuse(Misuse::Identity))),
        (context(0, SpdmVersion::V1_1), Err(Error::Misuse(Misuse::Identity))),
    ] {
        let chain = Chain::parse(Untrusted::new(&chain), context, &PROVIDER).unwrap();
        let identity = Identity::Chain(chain);
        let mut court = Court::new();
        for (request, response) in &exchanges {
            court.connection.sent(request).unwrap();
            let mut crypto = Crypto { provider: &PROVIDER, hashes: &mut court.hashes };
            let signs = [Code::CHALLENGE, Code::GET_MEASUREMENTS].contains(&Code(request[1]));
            let identity = Some(&identity).filter(|_| signs);
            let response = Untrusted::new(response.as_slice());
            let accepted = court.connection.accept(&mut crypto, request, response, identity);
            if Code(request[1]) == Code::CHALLENGE {
                assert_eq!(accepted.map(drop), expected, "{context:?}");
                break;
            }
            accepted.unwrap();
        }
    }
}

/// DSP0274, "ERROR response message": after RequestResynch the Requester starts over with GET_VERSION.
#[test]
fn request_resynch_forgets_the_connection() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges[..4] {
        court.sent_and_accepted(exchange);
    }
    assert!(court.connection.provisioned_slots().next().is_some());
    let request = &exchanges[4].0;
    court.connection.sent(request).unwrap();
    assert!(matches!(court.accept(request, &[0x12, 0x7F, 0x43, 0]), Ok(Accepted::Error(_))));
    assert_eq!(court.connection.stage(), Stage::NotStarted);
    assert_eq!((court.connection.negotiated(), court.connection.vca()), (None, &[][..]));
    assert!(court.connection.provisioned_slots().next().is_none());
    assert_eq!(court.connection.sent(request).unwrap_err(), order(Code::GET_CERTIFICATE));
    court.sent_and_accepted(&exchanges[0]);
}

/// Offline the request is on record, too: one in a version that VERSION does not list was not sent by a Requester that
/// negotiated, and its answer proves nothing.
#[test]
fn get_capabilities_in_a_version_that_is_not_listed() {
    let exchanges = recorded();
    for version in [0x10, 0x11, 0x13, 0x14, 0x15, 0xFF] {
        let mut court = Court::new();
        court.sent_and_accepted(&exchanges[0]);
        let (mut request, mut response) = exchanges[1].clone();
        (request[0], response[0]) = (version, version);
        court.connection.sent(&request).unwrap();
        assert!(court.accept(&request, &response).is_err(), "{version:#x}");
        assert_ne!(court.connection.stage(), Stage::AfterCapabilities);
    }
}

/// To a request for the size of a slot's storage (1.3) a Responder answers with that size, and with no certificates.
#[test]
fn the_size_of_a_slot_comes_without_a_portion() {
    let exchanges = recorded_at(SpdmVersion::V1_3);
    for portion in [0, 1, 4] {
        let mut court = Court::new();
        for exchange in &exchanges[..4] {
            court.sent_and_accepted(exchange);
        }
        let (mut request, mut response) = exchanges[4].clone();
        assert_eq!(request[1], Code::GET_CERTIFICATE.0);
        request[3..].copy_from_slice(&[1, 0, 0, 0, 0]);
        response.truncate(8 + portion);
        let len = u8::try_from(portion).unwrap();
        response[4..8].copy_from_slice(&[len, 0, 0, 0x10]);
        court.connection.sent(&request).unwrap();
        assert_eq!(court.accept(&request, &response).is_ok(), portion == 0, "{portion}");
    }
}

/// A question for no bytes tells the length of a chain, and one that begins again may find another chain.
#[test]
fn lengths_of_chains_that_are_read_again() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges[..5] {
        court.sent_and_accepted(exchange);
    }
    let (request, response) = &exchanges[4];
    assert_eq!(request[1], Code::GET_CERTIFICATE.0);
    let portion = u16::from_le_bytes([response[4], response[5]]);
    let total = portion + u16::from_le_bytes([response[6], response[7]]);
    let with = |offset: u16, len: u16, answered: u16, remainder: u16| {
        let [offset, len] = [offset, len].map(u16::to_le_bytes);
        let request = [&request[..4], &offset, &len].concat();
        let mut response = response.clone();
        response.truncate(8 + usize::from(answered));
        response[4..6].copy_from_slice(&answered.to_le_bytes());
        response[6..8].copy_from_slice(&remainder.to_le_bytes());
        (request, response)
    };
    court.sent_and_accepted(&with(0, 0, 0, total));
    court.sent_and_accepted(&with(0, portion, portion, total));
    // From then on that is the length.
    court.sent_and_accepted(&with(4, 4, 4, total + portion - 8));
    let (request, response) = with(4, 4, 4, total - 8);
    court.connection.sent(&request).unwrap();
    assert!(court.accept(&request, &response).is_err());
}

/// For those who judge a chain that they did not read from CERTIFICATE.
#[test]
fn the_digest_of_a_chain_is_the_one_that_digests_announced() {
    let exchanges = recorded();
    let chain = identity(&exchanges, context(0, SpdmVersion::V1_2));
    let digest = |chain: &[u8]| PROVIDER.hash.digest(HashAlgorithm::Sha256, &[chain]).unwrap();
    let (own, other) = (digest(&chain), digest(b"another chain"));
    let mut court = Court::new();
    for exchange in &exchanges[..3] {
        court.sent_and_accepted(exchange);
    }
    let missing = Err(order(Code::GET_CERTIFICATE));
    assert_eq!(court.connection.check_chain_digest(SlotId::ZERO, &own), missing);
    court.sent_and_accepted(&exchanges[3]);
    assert_eq!(court.connection.check_chain_digest(SlotId::ZERO, &own), Ok(()));
    let refused = court.connection.check_chain_digest(SlotId::ZERO, &other).unwrap_err();
    let cause = differs("CERTIFICATE", "CertChain", "what DIGESTS announced");
    assert_eq!(Cause::from(refused), cause);
    // DIGESTS says nothing of slot 1.
    assert_eq!(court.connection.check_chain_digest(SlotId::new(1).unwrap(), &own), missing);
}

/// A hash that is not implemented here. Without an identity nothing is said of the signature; whoever demands that an
/// identity made it learns why that cannot be told.
#[test]
fn measurements_that_are_signed_with_a_hash_that_is_not_implemented() {
    let mut exchanges = recorded();
    let chain = identity(&exchanges, context(0, SpdmVersion::V1_2));
    let chain =
        Chain::parse(Untrusted::new(&chain), context(0, SpdmVersion::V1_2), &PROVIDER).unwrap();
    let identity = Identity::Chain(chain);
    // SM3_256 is offered, and selected.
    exchanges[2].0[12] |= 0x40;
    exchanges[2].1[16] = 0x40;
    let algorithm = Incompatible::Algorithm { field: "BaseHashSel", selected: 0x40 };
    let (request, response) = exchanges.last().unwrap();
    let by = |identity: Option<&Identity<'_>>| {
        let mut court = Court::new();
        for exchange in &exchanges[..3] {
            court.sent_and_accepted(exchange);
        }
        court.connection.sent(request).unwrap();
        let mut crypto = Crypto { provider: &PROVIDER, hashes: &mut court.hashes };
        let response = Untrusted::new(response.as_slice());
        match court.connection.accept(&mut crypto, request, response, identity)? {
            Accepted::Measurements { signature: MeasurementSignature::NotChecked, .. } => Ok(()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(by(None), Ok(()));
    assert_eq!(by(Some(&identity)), Err(Error::Incompatible(algorithm)));
}

/// What is logged of a connection is its own negotiation, and nothing of the one before.
#[test]
fn a_connection_shows_the_messages_of_its_negotiation() {
    let exchanges = recorded();
    let mut court = Court::new();
    for exchange in &exchanges[..3] {
        court.sent_and_accepted(exchange);
    }
    let shown = |connection: &Connection| {
        assert!(format!("{connection:?}").contains(&format!("Vca({:?})", connection.vca())));
    };
    shown(&court.connection);
    court.sent_and_accepted(&exchanges[0]);
    assert_eq!(court.connection.vca().len(), exchanges[0].0.len() + exchanges[0].1.len());
    shown(&court.connection);
}
