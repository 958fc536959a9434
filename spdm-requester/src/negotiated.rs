//! What a connection agreed on.

use spdm_codec::{
    AlgStructs, BaseAsymAlgo, BaseHashAlgo, CapabilityExtFlags, CapabilityFlags, CertificateModel,
    ConnectionKeys, Cx, MeasurementHashAlgo, MeasurementSpecification, MelSpecification,
    OpaqueFormat, OtherParams, PqcAsymAlgo, SlotId, SpdmVersion, TransferSizes,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_x509::{CertModel, ChainContext, Identity};

use crate::error::{Error, Incompatible, Misuse};
use crate::error_cell::ErrorCell;

/// What one side announced: GET_CAPABILITIES or CAPABILITIES, reduced to the bits that the version defines.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Announced {
    /// `Flags`.
    pub flags: CapabilityFlags,
    /// `ExtFlags` (1.4).
    pub ext_flags: CapabilityExtFlags,
    /// `CTExponent`.
    pub ct_exponent: u8,
    /// The sizes, from 1.2 on.
    pub sizes: Option<TransferSizes>,
}

impl Announced {
    /// What a Requester of 1.0 announces.
    pub(crate) const NOTHING: Self = Self {
        flags: CapabilityFlags::empty(),
        ext_flags: CapabilityExtFlags::empty(),
        ct_exponent: 0,
        sizes: None,
    };
}

/// What ALGORITHMS selected, checked against what was offered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Selected {
    /// `MeasurementSpecificationSel`.
    pub measurement_specification: MeasurementSpecification,
    /// `MeasurementHashAlgo`.
    pub measurement_hash: MeasurementHashAlgo,
    /// `BaseAsymSel`.
    pub base_asym: BaseAsymAlgo,
    /// `BaseHashSel`.
    pub base_hash: BaseHashAlgo,
    /// `PqcAsymSel` (1.4).
    pub pqc_asym: PqcAsymAlgo,
    /// `OtherParamsSelection` (1.2).
    pub other_params: OtherParams,
    /// `MELspecificationSel` (1.3).
    pub mel_specification: MelSpecification,
    /// The AlgStructs (1.1).
    pub alg_structs: AlgStructs,
}

/// Everything that a connection agreed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Negotiated {
    /// The version.
    pub version: SpdmVersion,
    /// What the Requester announced.
    pub requester: Announced,
    /// What the Responder announced.
    pub responder: Announced,
    /// What the Responder selected.
    pub selected: Selected,
    /// Whether ResponderMultiKeyConn holds (1.3).
    pub connection_keys: ConnectionKeys,
}

impl Negotiated {
    /// What is known of a connection whose negotiation is not on record: version and algorithms, DMTF
    /// measurements, and nothing announced. No MeasurementHashAlgo: sizes of digests are not checked.
    #[must_use]
    pub fn presumed(version: SpdmVersion, asym: AsymAlgorithm, hash: HashAlgorithm) -> Self {
        Self {
            version,
            requester: Announced::NOTHING,
            responder: Announced::NOTHING,
            selected: Selected {
                measurement_specification: MeasurementSpecification::DMTF,
                base_asym: asym.base_asym().unwrap_or_default(),
                pqc_asym: asym.pqc_asym().unwrap_or_default(),
                base_hash: hash.base_hash(),
                ..Selected::default()
            },
            connection_keys: ConnectionKeys::Single,
        }
    }

    /// The base hash.
    ///
    /// # Errors
    /// [`Incompatible`] where none was selected or it is not implemented.
    pub fn hash(&self) -> Result<HashAlgorithm, Incompatible> {
        let (field, selected) = ("BaseHashSel", self.selected.base_hash);
        if selected.is_empty() {
            return Err(Incompatible::NoAlgorithm { field });
        }
        HashAlgorithm::from_base_hash(selected)
            .ok_or_else(|| Incompatible::Algorithm { field, selected: selected.bits() })
    }

    /// The Responder's signature algorithm.
    ///
    /// # Errors
    /// [`Incompatible`] where none was selected or it is not implemented.
    pub fn asym(&self) -> Result<AsymAlgorithm, Incompatible> {
        let pqc = self.selected.pqc_asym;
        if !pqc.is_empty() {
            let field = "PqcAsymSel";
            return AsymAlgorithm::from_pqc_asym(pqc)
                .ok_or_else(|| Incompatible::Algorithm { field, selected: pqc.bits() });
        }
        let (field, selected) = ("BaseAsymSel", self.selected.base_asym);
        if selected.is_empty() {
            return Err(Incompatible::NoAlgorithm { field });
        }
        AsymAlgorithm::from_base_asym(selected)
            .ok_or_else(|| Incompatible::Algorithm { field, selected: selected.bits() })
    }

    /// The signature algorithm of the Requester, where it is authenticated (1.1).
    ///
    /// # Errors
    /// [`Incompatible`] where none was selected or it is not implemented.
    pub fn requester_asym(&self) -> Result<AsymAlgorithm, Incompatible> {
        let structs = &self.selected.alg_structs;
        if let Some(pqc) = structs.req_pqc_asym.filter(|pqc| !pqc.is_empty()) {
            let field = "ReqPqcAsymAlg";
            return AsymAlgorithm::from_pqc_asym(pqc)
                .ok_or_else(|| Incompatible::Algorithm { field, selected: pqc.bits() });
        }
        let field = "ReqBaseAsymAlg";
        let base = structs.req_base_asym.filter(|base| !base.is_empty());
        let base = base.ok_or(Incompatible::NoAlgorithm { field })?;
        AsymAlgorithm::from_base_asym(base)
            .ok_or_else(|| Incompatible::Algorithm { field, selected: base.bits() })
    }

    /// Whether the Requester uses several keys (RequesterMultiKeyConn): the Responder selected it, and the Requester has them
    /// (1.3).
    #[must_use]
    pub fn requester_keys(&self) -> ConnectionKeys {
        let selected = self.selected.other_params.contains(OtherParams::MULTI_KEY_CONN);
        if selected && self.requester.flags.multi_key_cap() != 0 {
            ConnectionKeys::Multi
        } else {
            ConnectionKeys::Single
        }
    }

    /// Whether the Responder announced all of `flags`; `name` is what the error calls them.
    ///
    /// # Errors
    /// [`Incompatible::Capability`] where it did not.
    pub fn require(&self, flags: CapabilityFlags, name: &'static str) -> Result<(), Incompatible> {
        if self.responder.flags.contains(flags) {
            return Ok(());
        }
        Err(Incompatible::Capability(name))
    }

    /// Signatures of the peer on this connection can be checked with `identity`: it was read for the same
    /// version and the same algorithms.
    ///
    /// # Errors
    /// [`Misuse::Identity`] where it was not.
    pub(crate) fn check_identity<'f>(
        &self,
        errors: &'f ErrorCell,
        identity: &Identity<'_>,
    ) -> Result<(), &'f Error> {
        let version = match identity {
            Identity::Chain(chain) => chain.context().version == self.version,
            Identity::Key(_) => true,
        };
        let asym = self.asym().map_err(|error| errors.incompatible(error))?;
        let hash = self.hash().map_err(|error| errors.incompatible(error))?;
        if version && identity.asym() == asym && identity.hash() == hash {
            return Ok(());
        }
        Err(errors.misuse(Misuse::Identity))
    }

    /// How OpaqueData of CHALLENGE_AUTH and MEASUREMENTS is to be read.
    #[must_use]
    pub fn opaque_format(&self) -> OpaqueFormat {
        self.selected.other_params.opaque_data_format(self.version)
    }

    /// H in bytes; 0 where no hash was selected.
    #[must_use]
    pub fn hash_len(&self) -> usize {
        self.selected.base_hash.digest_len().unwrap_or(0)
    }

    /// S in bytes; 0 where no signature algorithm was selected.
    #[must_use]
    pub fn signature_len(&self) -> usize {
        let pqc = self.selected.pqc_asym.signature_len();
        pqc.or_else(|| self.selected.base_asym.signature_len()).unwrap_or(0)
    }

    /// The context to decode messages with, but for what depends on the request.
    #[must_use]
    pub fn cx(&self, padding: usize) -> Cx {
        Cx::new(self.version)
            .with_padding(padding)
            .with_hash_len(self.hash_len())
            .with_connection_keys(self.connection_keys)
            .with_opaque_format(self.opaque_format())
    }

    /// The context to parse the chain of a slot with; `model` is what CERTIFICATE said.
    ///
    /// # Errors
    /// [`Incompatible`] as for [`Self::hash`] and [`Self::asym`].
    pub fn chain_context(
        &self,
        slot: SlotId,
        model: CertificateModel,
    ) -> Result<ChainContext, Incompatible> {
        let model = self.cert_model(model);
        Ok(ChainContext::new(slot, self.version, model, self.asym()?, self.hash()?))
    }

    /// The model of a slot's chain; `model` is what CERTIFICATE or DIGESTS said.
    pub(crate) fn cert_model(&self, model: CertificateModel) -> CertModel {
        // Without multi-key, only ALIAS_CERT_CAP tells (1.2); before, nothing does.
        let alias = self.responder.flags.contains(CapabilityFlags::ALIAS_CERT_CAP);
        match (model, alias) {
            (CertificateModel::DeviceCert, _) => CertModel::DeviceCert,
            (CertificateModel::AliasCert, _) => CertModel::AliasCert,
            (CertificateModel::GenericCert, _) => CertModel::GenericCert,
            (_, true) => CertModel::AliasCert,
            (_, false) if self.version >= SpdmVersion::V1_2 => CertModel::DeviceCert,
            (_, false) => CertModel::Unknown,
        }
    }
}
