//! Who was measured.

use core::fmt;

use spdm_appraisal::{Element, ElementId, Environment, EvidenceKey, Identifier};
use spdm_codec::{DmtfMeasurement, MeasurementForm};
use spdm_crypto::HashAlgorithm;
use spdm_x509::Chain;

use crate::report::MeasuredValue;

/// Whose measurements are compared, and what their digests are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    /// Manufacturer, product and serial number in the leaf's DMTF otherName (DSP0274, id-DMTF-device-info).
    name: Option<[String; 3]>,
    /// Key and certificate of the leaf and of each certificate above it.
    keys: Vec<[Vec<u8>; 2]>,
    /// MeasurementHashAlgo.
    pub(crate) hash: Option<HashAlgorithm>,
}

impl Subject {
    pub(crate) fn of(chain: &Chain<'_>) -> Self {
        let name = chain.leaf().dmtf_name().and_then(|name| {
            let name = name.to_string();
            let mut parts = name.split(':').map(str::to_owned);
            let name = [parts.next()?, parts.next()?, parts.next()?];
            parts.next().is_none().then_some(name)
        });
        let keys = chain
            .certificates()
            .map(|certificate| [certificate.key_info().to_vec(), certificate.der().to_vec()]);
        Self { name, keys: keys.collect(), hash: None }
    }

    /// What the certificate says that it is.
    pub(super) fn environment(&self) -> Option<Environment<'_>> {
        let [vendor, model, serial] = self.name.as_ref()?;
        Some(Environment {
            vendor: Some(vendor),
            model: Some(model),
            instance: Some(Identifier::Bytes(serial.as_bytes())),
            ..Environment::default()
        })
    }

    pub(super) fn keys(&self) -> Vec<EvidenceKey<'_>> {
        let keys =
            self.keys.iter().map(|[key_info, certificate]| EvidenceKey { key_info, certificate });
        keys.collect()
    }

    /// The algorithm of a measurement digest of this length. Evidence of 1.0 and 1.1 without its negotiation states none;
    /// then it is the one of SHA-2.
    pub(super) fn hash_of(&self, len: usize) -> Option<HashAlgorithm> {
        let presumed = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
        let all = match &self.hash {
            Some(hash) => core::slice::from_ref(hash),
            None => &presumed,
        };
        all.iter().copied().find(|hash| hash.digest_len() == len)
    }

    /// A measurement of it, in the form that is compared.
    pub(super) fn element<'v>(&self, value: &'v MeasuredValue) -> Element<'v> {
        let Some(value_type) = value.value_type else {
            return Element { id: ElementId::Index(value.index.into()), ..Element::EMPTY };
        };
        let form = match value.raw {
            true => MeasurementForm::RawBitStream,
            false => MeasurementForm::Digest,
        };
        let measurement = DmtfMeasurement { value_type, form, value: &value.value };
        Element::of_block(value.index, &measurement, self.hash_of(value.value.len()))
    }
}

/// `vendor …, model …`, for a sentence.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some([vendor, model, _]) => {
                write!(f, "vendor {}, model {}", vendor.escape_debug(), model.escape_debug())
            }
            None => f.write_str("whose certificate has no name of vendor and model"),
        }
    }
}
