//! What the negotiation says about the form of later messages.

use super::Side;
use crate::alg_structs::AlgStructs;
use crate::algorithm_bits::{AeadCipherSuite, DheNamedGroup, KemAlgo, OtherParams};
use crate::capabilities::{Capabilities, GetCapabilities};
use crate::cx::{ConnectionKeys, Cx, Handshake};
use crate::flags::CapabilityFlags;
use crate::negotiate_algorithms::Algorithms;
use crate::record_protection::{RecordPrivacy, RecordProtection};
use crate::spdm_version::SpdmVersion;

/// The negotiation of a connection, as far as decoding depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreement {
    /// Of the first message that has it; [`None`] before GET_CAPABILITIES.
    version: Option<SpdmVersion>,
    requester: CapabilityFlags,
    responder: CapabilityFlags,
    offered: OtherParams,
    /// [`None`] as long as there was no ALGORITHMS.
    selected: Option<Selected>,
}

/// What ALGORITHMS selected.
#[derive(Clone, Copy, Debug)]
struct Selected {
    hash_len: usize,
    responder_signature_len: usize,
    requester_signature_len: usize,
    /// Dq and Dp.
    exchange_lens: (usize, usize),
    other_params: OtherParams,
    suite: AeadCipherSuite,
}

impl Agreement {
    pub(super) const NOTHING: Self = Self {
        version: None,
        requester: CapabilityFlags::empty(),
        responder: CapabilityFlags::empty(),
        offered: OtherParams::empty(),
        selected: None,
    };

    /// Whether nothing has to be guessed.
    pub(super) const fn is_complete(&self) -> bool {
        self.selected.is_some()
    }

    pub(super) fn version(&self) -> SpdmVersion {
        self.version.unwrap_or(SpdmVersion::V1_0)
    }

    pub(super) const fn hash_len(&self) -> usize {
        match &self.selected {
            Some(selected) => selected.hash_len,
            None => 0,
        }
    }

    pub(super) fn get_capabilities(
        &mut self,
        version: Option<SpdmVersion>,
        message: &GetCapabilities,
    ) {
        self.version = version;
        let flags = message.capability.map(|capability| capability.flags);
        self.requester = flags.unwrap_or_default();
    }

    pub(super) fn capabilities(
        &mut self,
        version: Option<SpdmVersion>,
        message: &Capabilities<'_>,
    ) {
        self.version = self.version.or(version);
        self.responder = message.capability.flags;
    }

    pub(super) const fn offer(&mut self, other_params: OtherParams) {
        self.offered = other_params;
    }

    pub(super) fn algorithms(&mut self, version: Option<SpdmVersion>, message: &Algorithms<'_>) {
        self.version = self.version.or(version);
        let tables = &message.alg_structs;
        let responder =
            message.pqc_asym.signature_len().or_else(|| message.base_asym.signature_len());
        let pqc = tables.req_pqc_asym.and_then(|algorithm| algorithm.signature_len());
        let requester =
            pqc.or_else(|| tables.req_base_asym.and_then(|algorithm| algorithm.signature_len()));
        self.selected = Some(Selected {
            hash_len: message.base_hash.digest_len().unwrap_or(0),
            responder_signature_len: responder.unwrap_or(0),
            requester_signature_len: requester.unwrap_or(0),
            exchange_lens: exchange_lens(tables),
            other_params: message.other_params,
            suite: tables.aead.unwrap_or_default(),
        });
    }

    /// The context of a message that states this version; `requests_by` sends the requests among which it is.
    /// Where a message states a version, it is that: a wrong one shows in the version alone.
    pub(super) fn cx(&self, version: Option<SpdmVersion>, requests_by: Side) -> Cx {
        let cx = Cx::new(version.unwrap_or_else(|| self.version()));
        let Some(selected) = &self.selected else { return cx };
        let (responder, requester) =
            (selected.responder_signature_len, selected.requester_signature_len);
        // Inside an encapsulated message the sides have changed places.
        let (signature_len, requester_signature_len) = match requests_by {
            Side::Requester => (responder, requester),
            Side::Responder => (requester, responder),
        };
        let (dq, dp) = selected.exchange_lens;
        cx.with_hash_len(selected.hash_len)
            .with_signature_len(signature_len)
            .with_requester_signature_len(requester_signature_len)
            .with_exchange_lens(dq, dp)
            .with_handshake(self.handshake())
            .with_connection_keys(self.connection_keys(selected, requests_by))
            .with_opaque_format(selected.other_params.opaque_data_format(self.version()))
    }

    fn handshake(&self) -> Handshake {
        let both = self.requester & self.responder;
        if both.contains(CapabilityFlags::HANDSHAKE_IN_THE_CLEAR_CAP) {
            Handshake::InTheClear
        } else {
            Handshake::Secured
        }
    }

    /// The Requester offers ResponderMultiKeyConn, the Responder answers with RequesterMultiKeyConnSel.
    const fn connection_keys(&self, selected: &Selected, requests_by: Side) -> ConnectionKeys {
        let (params, flags) = match requests_by {
            Side::Requester => (self.offered, self.responder),
            Side::Responder => (selected.other_params, self.requester),
        };
        if params.contains(OtherParams::MULTI_KEY_CONN) && flags.multi_key_cap() != 0 {
            ConnectionKeys::Multi
        } else {
            ConnectionKeys::Single
        }
    }

    pub(super) fn record_protection(&self) -> RecordProtection {
        let both = self.requester & self.responder;
        let encrypted = both.contains(CapabilityFlags::ENCRYPT_CAP);
        let authenticated = both.contains(CapabilityFlags::MAC_CAP);
        RecordProtection {
            suite: self.selected.map(|selected| selected.suite).unwrap_or_default(),
            privacy: if authenticated && !encrypted {
                RecordPrivacy::Authenticated
            } else {
                RecordPrivacy::Encrypted
            },
        }
    }
}

/// Dq and Dp: what KEY_EXCHANGE and KEY_EXCHANGE_RSP carry of the selected exchange.
fn exchange_lens(tables: &AlgStructs) -> (usize, usize) {
    let kem = match tables.kem.unwrap_or_default() {
        KemAlgo::ML_KEM_512 => Some((800, 768)),
        KemAlgo::ML_KEM_768 => Some((1184, 1088)),
        KemAlgo::ML_KEM_1024 => Some((1568, 1568)),
        _ => None,
    };
    let dhe = match tables.dhe.unwrap_or_default() {
        DheNamedGroup::FFDHE_2048 => 256,
        DheNamedGroup::FFDHE_3072 => 384,
        DheNamedGroup::FFDHE_4096 => 512,
        DheNamedGroup::SECP_256_R1 | DheNamedGroup::SM2_P256 => 64,
        DheNamedGroup::SECP_384_R1 => 96,
        DheNamedGroup::SECP_521_R1 => 132,
        _ => 0,
    };
    kem.unwrap_or((dhe, dhe))
}
