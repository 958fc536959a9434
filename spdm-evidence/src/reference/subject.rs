//! Who was measured.

use core::fmt;

use spdm_appraisal::{
    ConciseEvidence, Element, ElementId, Environment, EvidenceKey, Identifier, MAX_ELEMENTS,
    NvidiaOpaque, ReadError,
};
use spdm_codec::{DmtfMeasurement, MeasurementForm};
use spdm_crypto::HashAlgorithm;
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, Text};

use crate::dice::{self, DiceInfo};
use crate::report::MeasuredValue;

/// Whose measurements are compared, and what their digests are of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subject {
    /// Manufacturer, product and serial number in the leaf's DMTF otherName (DSP0274, id-DMTF-device-info).
    name: Option<[String; 3]>,
    /// Key and certificate of the leaf and of each certificate above it.
    keys: Vec<[Vec<u8>; 2]>,
    /// What DICE says of the leaf.
    layers: Vec<DiceLayer>,
    /// Concise evidence that the device vouches for, by the block that holds it.
    pub(crate) claimed: Vec<ClaimedEvidence>,
    /// MeasurementHashAlgo.
    pub(crate) hash: Option<HashAlgorithm>,
    /// OpaqueData of each signed MEASUREMENTS.
    pub(crate) opaque: Vec<Vec<u8>>,
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
        let infos = dice::infos(&chain.leaf());
        let layers = infos.iter().filter_map(DiceLayer::of).collect();
        Self {
            name,
            keys: keys.collect(),
            layers,
            claimed: Vec::new(),
            hash: None,
            opaque: Vec::new(),
        }
    }

    /// What it is: by the name in the leaf, and by each statement of DICE there.
    pub(crate) fn environments(&self) -> impl Iterator<Item = Environment<'_>> {
        let named = self.name.as_ref().map(|[vendor, model, serial]| Environment {
            vendor: Some(vendor),
            model: Some(model),
            instance: Some(Identifier::Bytes(serial.as_bytes())),
            ..Environment::default()
        });
        named.into_iter().chain(self.layers.iter().map(DiceLayer::environment))
    }

    /// The leaf, where there is a chain.
    pub(crate) fn leaf(&self) -> Option<EvidenceKey<'_>> {
        let [key_info, certificate] = self.keys.last()?;
        Some(EvidenceKey { key_info, certificate })
    }

    /// The elements of a record, and behind them what the device claims of others.
    pub(crate) fn with_claimed<'v>(&'v self, mut elements: Vec<Element<'v>>) -> Vec<Element<'v>> {
        for claimed in &self.claimed {
            // It was read before, of the same record.
            let _ = claimed.add_to(&mut elements);
        }
        elements
    }

    /// Its product, by its certificate.
    pub(super) fn model(&self) -> Option<&str> {
        self.name.as_ref().map(|[_, model, _]| model.as_str())
    }

    /// What it signed of itself, as NVIDIA's devices write it. Of several MEASUREMENTS all have to say the same.
    pub(super) fn nvidia(&self) -> Result<NvidiaOpaque<'_>, String> {
        let mut all = self.opaque.iter().map(|opaque| NvidiaOpaque::read(Untrusted::new(opaque)));
        let unknown = || {
            "the device's version is in the OpaqueData of its signed MEASUREMENTS, and that is not known here"
                .to_owned()
        };
        let first = all.next().ok_or_else(unknown)?.map_err(|error| error.to_string())?;
        if all.all(|other| other == Ok(first)) {
            Ok(first)
        } else {
            Err("the device says different things of itself in its signed MEASUREMENTS".to_owned())
        }
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
    pub(crate) fn element<'v>(&self, value: &'v MeasuredValue) -> Element<'v> {
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

/// Concise evidence.
#[derive(Clone, Debug)]
pub(crate) struct ClaimedEvidence {
    /// Index of the block that holds it.
    pub(crate) holder: u8,
    /// What tag 571 holds.
    pub(crate) content: Vec<u8>,
}

impl ClaimedEvidence {
    /// Adds its elements behind those of the record that holds it.
    pub(crate) fn add_to<'v>(&'v self, elements: &mut Vec<Element<'v>>) -> Result<(), ReadError> {
        let evidence = ConciseEvidence::read_content(Untrusted::new(&self.content))?;
        let count = elements.len();
        // One more than can be compared, so that they are too many where they are.
        elements.resize(count.max(MAX_ELEMENTS + 1), Element::EMPTY);
        let added = evidence.elements(self.holder, count, elements).map(<[_]>::len);
        elements.truncate(*added.as_ref().unwrap_or(&count));
        added.map(drop)
    }
}

/// A layer of a device, as `DiceTcbInfo` has it.
#[derive(Clone, Debug)]
struct DiceLayer {
    vendor: Option<String>,
    model: Option<String>,
    layer: Option<u64>,
    index: Option<u64>,
    /// `type`.
    class_id: Option<Vec<u8>>,
}

impl DiceLayer {
    /// `None` where nothing in it says what the device is.
    fn of(info: &DiceInfo<'_>) -> Option<Self> {
        let DiceInfo::Tcb(info) = info else { return None };
        let text = |text: Option<Text<'_>>| text.and_then(Text::as_str).map(str::to_owned);
        let (vendor, model) = (text(info.vendor), text(info.model));
        let class_id = info.kind.map(<[u8]>::to_vec);
        let says_nothing = vendor.is_none() && model.is_none() && class_id.is_none();
        let (layer, index) = (info.layer, info.index);
        (!says_nothing).then_some(Self { vendor, model, layer, index, class_id })
    }

    fn environment(&self) -> Environment<'_> {
        Environment {
            vendor: self.vendor.as_deref(),
            model: self.model.as_deref(),
            layer: self.layer,
            index: self.index,
            class_id: self.class_id.as_deref().map(Identifier::Bytes),
            ..Environment::default()
        }
    }
}

/// `vendor …, model …`, for a sentence.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut environments = self.environments().peekable();
        if environments.peek().is_none() {
            return f.write_str("whose certificate has no name of vendor and model");
        }
        let mut separator = "";
        for environment in environments {
            f.write_str(separator)?;
            separator = "; ";
            let shown = |text: Option<&str>| text.unwrap_or("not named").escape_debug().to_string();
            let (vendor, model) = (shown(environment.vendor), shown(environment.model));
            write!(f, "vendor {vendor}, model {model}")?;
        }
        Ok(())
    }
}
