//! What the negotiation says about the messages behind it.

use spdm_codec::{
    AeadCipherSuite, AlgStructs, Algorithms, Capabilities, CapabilityFlags, ConnectionKeys, Cx,
    DheNamedGroup, GetCapabilities, Handshake, KemAlgo, OpaqueFormat, OtherParams, SpdmVersion,
};

use super::Role;

/// How the records of a connection's sessions are protected (DSP0277).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Protection {
    /// The selected cipher suite; empty where none is on record.
    pub(crate) suite: AeadCipherSuite,
    pub(crate) privacy: Privacy,
}

/// Whether records are encrypted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Privacy {
    /// Both sides have ENCRYPT_CAP.
    #[default]
    Encrypted,
    /// MAC_CAP alone.
    Authenticated,
}

/// The negotiation of a connection, as far as decoding depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Negotiated {
    version: SpdmVersion,
    requester: CapabilityFlags,
    responder: CapabilityFlags,
    offered: OtherParams,
    /// [`None`] as long as ALGORITHMS is not on record.
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

impl Negotiated {
    pub(super) const NOTHING: Self = Self {
        version: SpdmVersion::V1_0,
        requester: CapabilityFlags::empty(),
        responder: CapabilityFlags::empty(),
        offered: OtherParams::empty(),
        selected: None,
    };

    /// Whether nothing has to be guessed.
    pub(super) const fn is_known(&self) -> bool {
        self.selected.is_some()
    }

    pub(super) const fn hash_len(&self) -> usize {
        match &self.selected {
            Some(selected) => selected.hash_len,
            None => 0,
        }
    }

    pub(super) fn get_capabilities(&mut self, version: SpdmVersion, message: &GetCapabilities) {
        self.version = version;
        let flags = message.capability.map(|capability| capability.flags);
        self.requester = flags.unwrap_or_default();
    }

    pub(super) fn capabilities(&mut self, version: SpdmVersion, message: &Capabilities<'_>) {
        self.version = version;
        self.responder = message.capability.flags;
    }

    pub(super) const fn offer(&mut self, other_params: OtherParams) {
        self.offered = other_params;
    }

    pub(super) fn algorithms(&mut self, version: SpdmVersion, message: &Algorithms<'_>) {
        self.version = version;
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

    /// The context of a message whose first byte is `version`: its own version is taken, where it is one,
    /// so that a wrong one shows, but hides nothing.
    pub(super) fn cx(&self, version: u8, role: Role) -> Cx {
        let version = SpdmVersion::from_byte(version).unwrap_or(self.version);
        let cx = Cx::new(version);
        let Some(selected) = &self.selected else { return cx };
        let (responder, requester) =
            (selected.responder_signature_len, selected.requester_signature_len);
        // Inside an encapsulated message the sides have changed places.
        let (signature_len, requester_signature_len) = match role {
            Role::Direct => (responder, requester),
            Role::Encapsulated => (requester, responder),
        };
        let (dq, dp) = selected.exchange_lens;
        cx.with_hash_len(selected.hash_len)
            .with_signature_len(signature_len)
            .with_requester_signature_len(requester_signature_len)
            .with_exchange_lens(dq, dp)
            .with_handshake(self.handshake())
            .with_connection_keys(self.connection_keys(selected, role))
            .with_opaque_format(self.opaque_format(selected))
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
    const fn connection_keys(&self, selected: &Selected, role: Role) -> ConnectionKeys {
        let (params, flags) = match role {
            Role::Direct => (self.offered, self.responder),
            Role::Encapsulated => (selected.other_params, self.requester),
        };
        if params.contains(OtherParams::MULTI_KEY_CONN) && flags.multi_key_cap() != 0 {
            ConnectionKeys::Multi
        } else {
            ConnectionKeys::Single
        }
    }

    fn opaque_format(&self, selected: &Selected) -> OpaqueFormat {
        let format = selected.other_params.opaque_format();
        if self.version < SpdmVersion::V1_2 || format == OtherParams::OPAQUE_DATA_FMT_0 {
            OpaqueFormat::FreeForm
        } else if format == OtherParams::OPAQUE_DATA_FMT_1 {
            OpaqueFormat::Table
        } else {
            OpaqueFormat::None
        }
    }

    /// Without a negotiation records are taken for encrypted.
    pub(super) fn protection(&self) -> Protection {
        let both = self.requester & self.responder;
        let encrypted = both.contains(CapabilityFlags::ENCRYPT_CAP);
        let authenticated = both.contains(CapabilityFlags::MAC_CAP);
        Protection {
            suite: self.selected.map(|selected| selected.suite).unwrap_or_default(),
            privacy: if authenticated && !encrypted {
                Privacy::Authenticated
            } else {
                Privacy::Encrypted
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
