//! NEGOTIATE_ALGORITHMS and ALGORITHMS (DSP0274 §NEGOTIATE_ALGORITHMS).

use spdm_codec::{
    AlgStructs, Algorithms, BaseAsymAlgo, CapabilityFlags, ConnectionKeys, Cx, ExtAlgorithms,
    KeyScheduleAlgo, MeasCap, MeasurementHashAlgo, MeasurementSpecification, MelSpecification,
    NegotiateAlgorithms, OpaqueFormat, OtherParams, PqcAsymAlgo, SpdmVersion,
};
use spdm_crypto::{AeadAlgorithm, AsymAlgorithm, HashAlgorithm, KeyExchangeAlgorithm};

use crate::agreement::{Peer, Selection, Suite};
use crate::config::Config;
use crate::draft::Draft;
use crate::mutual;
use crate::refusal::Refusal;
use crate::turn::Turn;

/// What was selected, and the request's bytes.
pub(crate) fn respond<'t>(
    turn: &mut Turn<'t>,
    peer: &Peer,
    answer: &mut Draft<'_>,
) -> Result<(Selection, &'t [u8]), Refusal> {
    let request = turn.decode::<NegotiateAlgorithms<'_>>(peer.version)?;
    check_lists(peer.version, &request.message)?;
    let selection = select(turn, peer, &request.message)?;
    let other_params = match selection.opaque {
        OpaqueFormat::Table => OtherParams::OPAQUE_DATA_FMT_1,
        OpaqueFormat::FreeForm if peer.version >= SpdmVersion::V1_2 => {
            OtherParams::OPAQUE_DATA_FMT_0
        }
        _ => OtherParams::empty(),
    };
    let other_params = match selection.requester_keys {
        ConnectionKeys::Multi => other_params | OtherParams::MULTI_KEY_CONN,
        _ => other_params,
    };
    let (req_base_asym, req_pqc_asym) = selection.requester_asym;
    let algorithms = Algorithms {
        measurement_specification: selection.measurement_specification,
        other_params,
        measurement_hash: selection.measurement_hash,
        base_asym: selection.suite.and_then(|suite| suite.asym.base_asym()).unwrap_or_default(),
        base_hash: selection.hash.map(HashAlgorithm::base_hash).unwrap_or_default(),
        pqc_asym: selection.suite.and_then(|suite| suite.asym.pqc_asym()).unwrap_or_default(),
        mel_specification: selection.mel,
        ext_asym: ExtAlgorithms::default(),
        ext_hash: ExtAlgorithms::default(),
        alg_structs: AlgStructs {
            dhe: selection.key_exchange.and_then(KeyExchangeAlgorithm::dhe_group),
            aead: selection.aead.map(AeadAlgorithm::cipher_suite),
            req_base_asym,
            key_schedule: selection.aead.map(|_| KeyScheduleAlgo::SPDM),
            req_pqc_asym,
            kem: selection.key_exchange.and_then(KeyExchangeAlgorithm::kem),
            ..AlgStructs::default()
        },
    };
    answer.encode(&algorithms, peer.version)?;
    turn.compose(Cx::new(peer.version), answer);
    Ok((selection, request.bytes))
}

/// How many external algorithms an offer may name (DSP0274 §NEGOTIATE_ALGORITHMS); the device has none of them.
fn check_lists(version: SpdmVersion, request: &NegotiateAlgorithms<'_>) -> Result<(), Refusal> {
    let most = if version == SpdmVersion::V1_0 { 8 } else { 20 };
    let lists = request.ext_asym.iter().chain(request.ext_hash.iter());
    let count = lists.count() + request.external.iter().count();
    if count > most { Err(Refusal::invalid()) } else { Ok(()) }
}

fn select(
    turn: &Turn<'_>,
    peer: &Peer,
    request: &NegotiateAlgorithms<'_>,
) -> Result<Selection, Refusal> {
    let config = turn.config;
    let measures = peer.flags.meas_cap() != MeasCap::None
        && request.measurement_specification.contains(MeasurementSpecification::DMTF);
    let (measurement_specification, measurement_hash) = if measures {
        (MeasurementSpecification::DMTF, config.measurement_hash)
    } else {
        (MeasurementSpecification::empty(), MeasurementHashAlgo::empty())
    };
    let (keys, requester_keys) = connection_keys(peer, request)?;
    let logs = peer.version >= SpdmVersion::V1_3
        && peer.flags.contains(CapabilityFlags::MEL_CAP)
        && request.mel_specification.contains(MelSpecification::DMTF);
    let suite = suite(config, peer, request)?;
    let hash = match suite {
        Some(suite) => Some(suite.hash),
        None if peer.pre_shared_keys() => Some(hash(config, request)?),
        None => None,
    };
    Ok(Selection {
        suite,
        hash,
        key_exchange: key_exchange(config, peer, request),
        aead: aead(config, peer, request),
        measurement_specification,
        measurement_hash,
        opaque: opaque_format(config, peer.version, request),
        keys,
        requester_keys,
        requester_asym: requester_asym(turn, peer, request, hash),
        mel: if logs { MelSpecification::DMTF } else { MelSpecification::empty() },
    })
}

/// The preferred algorithms of those that are offered, where some capability needs a key and a hash.
fn suite(
    config: &Config<'_>,
    peer: &Peer,
    request: &NegotiateAlgorithms<'_>,
) -> Result<Option<Suite>, Refusal> {
    if !needs_signatures(peer.flags) {
        return Ok(None);
    }
    let asym = config.asyms.iter().find(|asym| {
        let exists = **asym != AsymAlgorithm::Ed25519 || peer.version >= SpdmVersion::V1_2;
        exists && asym.base_asym().is_some_and(|bit| request.base_asym.contains(bit))
            || peer.version >= SpdmVersion::V1_4
                && asym.pqc_asym().is_some_and(|bit| request.pqc_asym.contains(bit))
    });
    let asym = *asym.ok_or_else(Refusal::invalid)?;
    Ok(Some(Suite { asym, hash: hash(config, request)? }))
}

/// The algorithm of the Requester's own signatures: where both sides authenticate each other, and for a Requester that signs
/// its endpoint info, whether the device will ask for that or not (DSP0274 1.3 §ALGORITHMS). Otherwise there is none. Of
/// those that are offered it is the first that the device can verify signatures of, and where there is no such, the first.
fn requester_asym(
    turn: &Turn<'_>,
    peer: &Peer,
    request: &NegotiateAlgorithms<'_>,
    hash: Option<HashAlgorithm>,
) -> (Option<BaseAsymAlgo>, Option<PqcAsymAlgo>) {
    let is_mutual = peer.both().contains(CapabilityFlags::MUT_AUTH_CAP);
    if !is_mutual && !peer.requester.contains(CapabilityFlags::EP_INFO_CAP_SIG) {
        return (None, None);
    }
    let offer = &request.alg_structs;
    let usable = |asym| hash.is_some_and(|hash| mutual::can_verify(turn, asym, hash));
    let base = offer.req_base_asym.unwrap_or_default();
    let pqc = offer.req_pqc_asym.filter(|_| peer.version >= SpdmVersion::V1_4).unwrap_or_default();
    let best_base =
        || base.iter().find(|bit| AsymAlgorithm::from_base_asym(*bit).is_some_and(usable));
    let best_pqc = || pqc.iter().find(|bit| AsymAlgorithm::from_pqc_asym(*bit).is_some_and(usable));
    match (best_base(), best_pqc()) {
        (Some(bit), _) => (Some(bit), None),
        (None, Some(bit)) => (None, Some(bit)),
        (None, None) => match base.iter().next() {
            Some(bit) => (Some(bit), None),
            None => (None, pqc.iter().next()),
        },
    }
}

fn hash(config: &Config<'_>, request: &NegotiateAlgorithms<'_>) -> Result<HashAlgorithm, Refusal> {
    let hash = config.hashes.iter().find(|hash| request.base_hash.contains(hash.base_hash()));
    hash.copied().ok_or_else(Refusal::invalid)
}

/// The preferred key exchange of those that are offered, where both sides make sessions with one.
fn key_exchange(
    config: &Config<'_>,
    peer: &Peer,
    request: &NegotiateAlgorithms<'_>,
) -> Option<KeyExchangeAlgorithm> {
    let offer = &request.alg_structs;
    let offered = |exchange: &KeyExchangeAlgorithm| {
        let dhe = exchange.dhe_group().zip(offer.dhe);
        let kem = exchange.kem().zip(offer.kem).filter(|_| peer.version >= SpdmVersion::V1_4);
        dhe.is_some_and(|(bit, set)| set.contains(bit))
            || kem.is_some_and(|(bit, set)| set.contains(bit))
    };
    let both = peer.both().contains(CapabilityFlags::KEY_EX_CAP);
    config.key_exchanges.iter().copied().filter(|_| both).find(offered)
}

/// The preferred AEAD of those that are offered, where both sides make sessions.
fn aead(
    config: &Config<'_>,
    peer: &Peer,
    request: &NegotiateAlgorithms<'_>,
) -> Option<AeadAlgorithm> {
    let schedule = request.alg_structs.key_schedule.unwrap_or_default();
    let both = peer.both().contains(CapabilityFlags::MAC_CAP)
        && schedule.contains(KeyScheduleAlgo::SPDM)
        && peer.version >= SpdmVersion::V1_1;
    let offer = request.alg_structs.aead.filter(|_| both)?;
    config.aeads.iter().copied().find(|aead| offer.contains(aead.cipher_suite()))
}

fn needs_signatures(flags: CapabilityFlags) -> bool {
    flags.intersects(
        CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP | CapabilityFlags::PUB_KEY_ID_CAP,
    ) || flags.meas_cap() == MeasCap::Signature
}

fn opaque_format(
    config: &Config<'_>,
    version: SpdmVersion,
    request: &NegotiateAlgorithms<'_>,
) -> OpaqueFormat {
    let common = request.other_params & config.opaque_formats;
    match version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => OpaqueFormat::FreeForm,
        _ if common.contains(OtherParams::OPAQUE_DATA_FMT_1) => OpaqueFormat::Table,
        _ if common.contains(OtherParams::OPAQUE_DATA_FMT_0) => OpaqueFormat::FreeForm,
        _ => OpaqueFormat::None,
    }
}

/// Whether the device and whether the Requester use several keys (1.3).
fn connection_keys(
    peer: &Peer,
    request: &NegotiateAlgorithms<'_>,
) -> Result<(ConnectionKeys, ConnectionKeys), Refusal> {
    if peer.version < SpdmVersion::V1_3 {
        return Ok((ConnectionKeys::Single, ConnectionKeys::Single));
    }
    let asked = request.other_params.contains(OtherParams::MULTI_KEY_CONN);
    let keys = match (peer.flags.multi_key_cap(), asked) {
        (0 | 2, false) => ConnectionKeys::Single,
        (1 | 2, true) => ConnectionKeys::Multi,
        _ => return Err(Refusal::invalid()),
    };
    // Where the Requester leaves the choice, a device that knows several keys itself takes them.
    let requester_keys = match (peer.requester.multi_key_cap(), peer.flags.multi_key_cap()) {
        (1, _) | (2, 1 | 2) => ConnectionKeys::Multi,
        _ => ConnectionKeys::Single,
    };
    Ok((keys, requester_keys))
}
