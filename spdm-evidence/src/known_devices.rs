//! Devices that are known by their chain: what `known_hosts` is for hosts.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use spdm_codec::{SlotId, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Provider};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, ChainContext, ChainError};

use crate::error::Error;

/// Known devices by target, as `docs/schema/known.json` describes them.
///
/// A device is in it because somebody verified it once. There is no trust in the file beyond that: who can write it
/// decides which devices are known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KnownDevices {
    devices: Vec<KnownDevice>,
}

/// A device that was verified once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownDevice {
    target: String,
    context: ChainContext,
    chain: Vec<u8>,
}

/// Who a chain says that a device is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fingerprint {
    /// SHA-256 of the leaf certificate.
    pub(crate) leaf: Vec<u8>,
    /// RootHash, by the negotiated hash algorithm.
    pub(crate) root: Vec<u8>,
}

impl Fingerprint {
    /// `None` where the provider lacks SHA-256.
    pub(crate) fn of(chain: &Chain<'_>, provider: &Provider) -> Option<Self> {
        let leaf = chain.certificate_ders().last()?;
        let leaf = provider.hash.digest(HashAlgorithm::Sha256, &[leaf]).ok()?;
        Some(Self { leaf: leaf.as_bytes().to_vec(), root: chain.root_hash().to_vec() })
    }
}

/// The version of the file's form.
const SCHEMA: u32 = 1;

#[derive(Deserialize, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(title = "Known devices: what spdm attest --learn writes, and --known reads")
)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    schema: u32,
    devices: Vec<DeviceRow>,
}

/// A device that was verified once.
#[derive(Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct DeviceRow {
    /// As the command line names it; each target once.
    target: String,
    /// The version that was negotiated.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::pattern::VERSION)))]
    version: String,
    #[cfg_attr(feature = "schema", schemars(range(max = 7)))]
    slot: u8,
    /// The certificate model of the slot.
    model: Model,
    /// The negotiated signature algorithm, for example ECDSA_P384.
    asym: String,
    /// The negotiated hash algorithm, for example SHA_384.
    hash: String,
    /// The certificate chain as GET_CERTIFICATE delivers it, in hexadecimal.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^([0-9a-f]{2})+$")))]
    chain: String,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Model {
    Unknown,
    DeviceCert,
    AliasCert,
    GenericCert,
}

impl From<CertModel> for Model {
    fn from(model: CertModel) -> Self {
        match model {
            CertModel::DeviceCert => Self::DeviceCert,
            CertModel::AliasCert => Self::AliasCert,
            CertModel::GenericCert => Self::GenericCert,
            _ => Self::Unknown,
        }
    }
}

impl From<Model> for CertModel {
    fn from(model: Model) -> Self {
        match model {
            Model::Unknown => Self::Unknown,
            Model::DeviceCert => Self::DeviceCert,
            Model::AliasCert => Self::AliasCert,
            Model::GenericCert => Self::GenericCert,
        }
    }
}

impl DeviceRow {
    fn read(self) -> Result<KnownDevice, Error> {
        let odd = |field, value: &str| Error::Json(format!("{field} {value:?} is not known"));
        let version = self.version.parse::<SpdmVersion>();
        let version = version.map_err(|_| odd("version", &self.version))?;
        let slot = SlotId::new(self.slot).ok_or_else(|| odd("slot", &self.slot.to_string()))?;
        let asym = AsymAlgorithm::ALL.into_iter().find(|asym| asym.name() == self.asym);
        let asym = asym.ok_or_else(|| odd("asym", &self.asym))?;
        let hash = HashAlgorithm::ALL.into_iter().find(|hash| hash.name() == self.hash);
        let hash = hash.ok_or_else(|| odd("hash", &self.hash))?;
        let chain = hex::decode(&self.chain).map_err(|_| Error::Hex { field: "chain" })?;
        let context = ChainContext::new(slot, version, self.model.into(), asym, hash);
        Ok(KnownDevice { target: self.target, context, chain })
    }
}

impl KnownDevices {
    /// Reads known devices from JSON.
    ///
    /// # Errors
    /// [`Error::Json`] and [`Error::Hex`]; also where a target occurs twice, for only one of its devices can be
    /// meant.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        let document: Document =
            serde_json::from_slice(json).map_err(|error| Error::Json(error.to_string()))?;
        if document.schema != SCHEMA {
            return Err(Error::Json(format!("schema {} is not known", document.schema)));
        }
        let devices = document.devices.into_iter().map(DeviceRow::read);
        let known = Self { devices: devices.collect::<Result<_, _>>()? };
        let mut targets = HashSet::new();
        let twice = known.devices.iter().find(|device| !targets.insert(device.target.as_str()));
        match twice {
            Some(device) => Err(Error::Json(format!("{} is there twice", device.target))),
            None => Ok(known),
        }
    }

    /// As JSON.
    ///
    /// # Errors
    /// [`Error::Json`], which does not occur.
    pub fn to_json(&self) -> Result<String, Error> {
        let rows = self.devices.iter().map(|device| DeviceRow {
            target: device.target.clone(),
            version: device.context.version.as_str().to_owned(),
            slot: device.context.slot.get(),
            model: device.context.model.into(),
            asym: device.context.asym.name().to_owned(),
            hash: device.context.hash.name().to_owned(),
            chain: hex::encode(&device.chain),
        });
        let document = Document { schema: SCHEMA, devices: rows.collect() };
        let text = serde_json::to_string_pretty(&document);
        text.map(|text| text + "\n").map_err(|error| Error::Json(error.to_string()))
    }

    /// The device that is known for a target.
    #[must_use]
    pub fn find(&self, target: &str) -> Option<&KnownDevice> {
        self.devices.iter().find(|device| device.target == target)
    }

    /// Every device.
    pub fn iter(&self) -> impl Iterator<Item = &KnownDevice> {
        self.devices.iter()
    }

    /// Adds a device, which the caller has verified. One that is known for the target stays: nothing replaces a
    /// device in silence.
    pub fn add(&mut self, device: KnownDevice) {
        if self.find(&device.target).is_none() {
            self.devices.push(device);
        }
    }

    /// Adds several as [`Self::add`] does. The first target for which another device is known than the one that is to be
    /// added: nothing is added then.
    #[must_use]
    pub fn add_all(&mut self, devices: Vec<KnownDevice>) -> Option<String> {
        let known: HashMap<&str, &KnownDevice> =
            self.devices.iter().map(|device| (device.target(), device)).collect();
        let mut new = HashMap::new();
        for device in devices {
            match known.get(device.target()).copied().or_else(|| new.get(device.target())) {
                Some(known) if *known == device => {}
                Some(_) => return Some(device.target),
                None => {
                    new.insert(device.target.clone(), device);
                }
            }
        }
        let mut new: Vec<_> = new.into_values().collect();
        new.sort_unstable_by(|one, other| one.target.cmp(&other.target));
        self.devices.append(&mut new);
        None
    }
}

impl KnownDevice {
    /// The device behind a target, by the chain that it was verified with.
    #[must_use]
    pub fn new(target: &str, chain: &Chain<'_>) -> Self {
        let (context, chain) = (*chain.context(), chain.bytes().to_vec());
        Self { target: target.to_owned(), context, chain }
    }

    /// The target.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The chain, read as it was then. Whether it is trusted today is another question.
    ///
    /// # Errors
    /// [`ChainError`] where it cannot be read.
    pub fn chain(&self, provider: &Provider) -> Result<Chain<'_>, ChainError> {
        Chain::parse(Untrusted::new(&self.chain), self.context, provider)
    }
}
