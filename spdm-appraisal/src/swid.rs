//! SWID tags (ISO/IEC 19770-2:2015) of a vendor of GPUs and switches: signed XML with reference values.

mod canonical;
mod resource;
mod signature;
mod xml;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use roxmltree::Node;
use spdm_crypto::HashAlgorithm;
use spdm_untrusted::Untrusted;

use self::resource::Resource;
use self::signature::Signer;
use crate::cbor::Result;
use crate::claims::Claims;
use crate::corim::{MAX_FILE, MAX_MEASUREMENTS};
use crate::digest::{Digest, DigestAlgorithm, DigestValue, Digests};
use crate::environment::{ElementId, Environment};
use crate::error::{Error, ReadError, Rule};
use crate::nvidia::{Nvdec0, NvidiaOpaque, is_vbios};
use crate::signed::ReferenceTrust;
use crate::state::{Authority, Origin, ReferenceState, ReferenceValue, ReferenceValues};

const NAMESPACE: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";

/// The vendor whose files these are, as its devices write it.
const VENDOR: &str = "NVIDIA";

/// The index, in these files, of what the first video decoder measures.
const NVDEC0_INDEX: u8 = 35;

/// A SWID tag whose signature is that of somebody whom the caller trusts. Everything is taken from the tree that was
/// hashed.
///
/// Its measurements are counted from 0, those of SPDM from 1: [`Self::states`] has the latter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Swid {
    name: String,
    version: String,
    product: String,
    signer: Signer,
    /// The active ones, by rising index.
    resources: Vec<Resource>,
    inactive: u32,
}

impl Swid {
    /// Whether a file begins like XML.
    #[must_use]
    pub const fn is_swid(bytes: &[u8]) -> bool {
        matches!(bytes, [b'<', ..])
    }

    /// Reads a file and verifies its signature. There is none without: the chain of certificates is in the file, and leads
    /// to one of the caller's anchors.
    ///
    /// # Errors
    /// [`Error`] with the first broken rule, the element or attribute and its offset in the file.
    pub fn read(
        file: Untrusted<&[u8]>,
        trust: &ReferenceTrust<'_>,
    ) -> core::result::Result<Self, Error> {
        let bytes = file.into_inner_less_safe();
        if bytes.len() > MAX_FILE {
            return Err(ReadError::new(Rule::TooLarge, "XML", MAX_FILE).into());
        }
        let document = xml::parse(bytes)?;
        let root = document.root_element();
        if !root.has_tag_name((NAMESPACE, "SoftwareIdentity")) {
            return Err(error(Rule::NotSwid, "SoftwareIdentity", root).into());
        }
        let (signer, signature) = signature::verify(&document, trust)?;
        Ok(Self::contents(root, signature, signer)?)
    }

    fn contents(root: Node<'_, '_>, signature: Node<'_, '_>, signer: Signer) -> Result<Self> {
        // A patch or supplement means nothing without what it belongs to.
        for flag in ["corpus", "patch", "supplemental"] {
            if root.attribute(flag).is_some_and(|value| value != "false") {
                return Err(error(Rule::SwidValue, flag, root));
            }
        }
        if !xml::has_elements_only(root) {
            return Err(error(Rule::SwidElement, "SoftwareIdentity", root));
        }
        let (mut meta, mut payload) = (None, None);
        for element in root.children().filter(|child| child.is_element() && *child != signature) {
            let tag = element.tag_name();
            let place = match tag.name() {
                _ if tag.namespace() != Some(NAMESPACE) => None,
                // Who made it, and where more is to be found.
                "Entity" | "Link" => continue,
                "Meta" => Some(&mut meta),
                "Payload" => Some(&mut payload),
                _ => None,
            };
            let excess = error(Rule::SwidElement, "SoftwareIdentity", element);
            if place.ok_or(excess)?.replace(element).is_some() {
                return Err(excess);
            }
        }
        let missing = |field| error(Rule::SwidElement, field, root);
        let meta = meta.ok_or_else(|| missing("Meta"))?;
        let payload = payload.ok_or_else(|| missing("Payload"))?;
        let text = |field: &'static str| {
            let value = meta.attribute(field).filter(|value| !value.is_empty());
            value.map(str::to_string).ok_or_else(|| error(Rule::SwidValue, field, meta))
        };
        let (version, product) = (text("colloquialVersion")?, text("product")?);
        let (resources, inactive) = resources(payload)?;
        Ok(Self { name: String::new(), version, product, signer, resources, inactive })
    }

    /// The same under a name that reports show: that of its file.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_string(), ..self }
    }

    /// The name that [`Self::named`] gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `colloquialVersion`: the version of the driver or firmware that it is about.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `product`: the chip that it is about.
    #[must_use]
    pub fn product(&self) -> &str {
        &self.product
    }

    /// The subject of the signer's certificate.
    #[must_use]
    pub fn signer(&self) -> &str {
        &self.signer.name
    }

    /// Who vouches for it.
    #[must_use]
    pub fn authority(&self) -> Authority<'_> {
        let Signer { name, certificate, anchor } = &self.signer;
        Authority::Chain { signer: name, certificate, anchor: *anchor }
    }

    /// How many measurements it names without expecting anything of them.
    #[must_use]
    pub const fn inactive(&self) -> u32 {
        self.inactive
    }

    /// How many measurements it expects something of.
    #[must_use]
    pub fn measurements(&self) -> usize {
        self.resources.len()
    }

    /// The first SPDM measurement index of which both expect something. Of two files for one device there is none.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<u8> {
        let indices = |swid: &Self| swid.resources.iter().map(Resource::spdm_index).collect();
        let (own, others): (Vec<u8>, Vec<u8>) = (indices(self), indices(other));
        own.into_iter().find(|index| others.contains(index))
    }

    /// Every reference state, whatever the device: for lists of them. A state is an alternative for one measurement.
    #[must_use]
    pub fn states(&self) -> SwidStates<'_> {
        SwidStates { swid: self, model: &self.product, skipped: None, resource: 0, alternative: 0 }
    }

    /// The reference states for a device that says this of itself in its OpaqueData. `model` is its product in the name
    /// that is in its certificate, where that has one.
    ///
    /// # Errors
    /// [`SwidMismatch`] where they are about another version, or where the device does not say what it needs to say.
    pub fn states_of<'s>(
        &'s self,
        device: &NvidiaOpaque<'s>,
        model: Option<&'s str>,
    ) -> core::result::Result<SwidStates<'s>, SwidMismatch<'s>> {
        let file = self.version.as_str();
        let is_version = match is_vbios(file) {
            true => device.vbios.map(|vbios| vbios.is(file)),
            false => device.driver.map(|driver| driver == file),
        };
        match is_version {
            Some(true) => {}
            Some(false) => return Err(SwidMismatch::Version { file, device: *device }),
            None => return Err(SwidMismatch::NoVersion { file, device: *device }),
        }
        let measures_nvdec0 = self.resources.iter().any(|resource| resource.index == NVDEC0_INDEX);
        let skipped = match device.nvdec0 {
            _ if !measures_nvdec0 => None,
            Some(Nvdec0::Enabled) => None,
            Some(Nvdec0::Disabled) => Some(NVDEC0_INDEX),
            status => return Err(SwidMismatch::Nvdec0 { status }),
        };
        // Certificates and files write it with and without a line: LS_10 and LS10.
        let model = model.filter(|model| is_same_model(model, &self.product));
        let model = model.unwrap_or(&self.product);
        Ok(SwidStates { model, skipped, ..self.states() })
    }
}

fn is_same_model(model: &str, product: &str) -> bool {
    let letters = |text: &'_ str| text.chars().filter(|it| *it != '_').collect::<String>();
    letters(model) == letters(product)
}

fn error(rule: Rule, field: &'static str, node: Node<'_, '_>) -> ReadError {
    ReadError::new(rule, field, node.range().start)
}

/// The active ones by rising index, and how many are not active.
fn resources(payload: Node<'_, '_>) -> Result<(Vec<Resource>, u32)> {
    if !xml::has_elements_only(payload) {
        return Err(error(Rule::SwidElement, "Payload", payload));
    }
    let (mut active, mut inactive, mut alternatives) = (Vec::new(), 0, 0_usize);
    let mut seen = [false; 256];
    for element in payload.children().filter(Node::is_element) {
        if !element.has_tag_name((NAMESPACE, "Resource")) {
            return Err(error(Rule::SwidElement, "Payload", element));
        }
        let (resource, is_active) = Resource::read(element)?;
        let seen = seen.get_mut(usize::from(resource.index));
        if seen.is_some_and(|seen| core::mem::replace(seen, true)) {
            return Err(error(Rule::SwidTwice, "index", element));
        }
        if is_active {
            alternatives += resource.hashes.len();
            active.push(resource);
        } else {
            inactive += 1;
        }
        if u32::try_from(alternatives).is_ok_and(|count| count > MAX_MEASUREMENTS) {
            return Err(error(Rule::TooManyMeasurements, "Payload", element));
        }
    }
    if active.is_empty() {
        return Err(error(Rule::SwidElement, "Resource", payload));
    }
    active.sort_unstable_by_key(|resource| resource.index);
    Ok((active, inactive))
}

/// The reference states of a [`Swid`].
#[derive(Clone, Debug)]
pub struct SwidStates<'s> {
    swid: &'s Swid,
    model: &'s str,
    /// The measurement, in the file's numbering, that is left out.
    skipped: Option<u8>,
    resource: usize,
    alternative: usize,
}

impl<'s> Iterator for SwidStates<'s> {
    type Item = ReferenceState<'s>;

    fn next(&mut self) -> Option<ReferenceState<'s>> {
        loop {
            let resource = self.swid.resources.get(self.resource)?;
            let hash = resource.hashes.get(self.alternative);
            let Some(hash) = hash.filter(|_| self.skipped != Some(resource.index)) else {
                self.resource += 1;
                self.alternative = 0;
                continue;
            };
            self.alternative += 1;
            let algorithm = DigestAlgorithm::Known(HashAlgorithm::Sha384);
            let digests = Digests::one(Digest { algorithm, value: DigestValue::Hex(hash) });
            let claims = Claims { digests: Some(digests), ..Claims::NOTHING };
            let id = ElementId::Index(resource.spdm_index().into());
            let (vendor, model) = (Some(VENDOR), Some(self.model));
            return Some(ReferenceState {
                environment: Environment { vendor, model, ..Environment::default() },
                values: ReferenceValues::one(ReferenceValue { id, claims, authorized_by: None }),
                authority: self.swid.authority(),
                origin: Origin { file: &self.swid.name, tag: 0, triple: resource.index.into() },
            });
        }
    }
}

/// Why the reference values of a file do not apply to a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SwidMismatch<'s> {
    /// They are about another version.
    Version {
        /// The version in the file.
        file: &'s str,
        /// What the device says.
        device: NvidiaOpaque<'s>,
    },
    /// The device does not say which version it has.
    NoVersion {
        /// The version in the file.
        file: &'s str,
        /// What the device says.
        device: NvidiaOpaque<'s>,
    },
    /// The device does not say whether its first video decoder is measured, of which something is expected.
    Nvdec0 {
        /// What it says instead.
        status: Option<Nvdec0>,
    },
}

impl fmt::Display for SwidMismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version { file, device } | Self::NoVersion { file, device } => {
                let file = file.escape_debug();
                write!(f, "it is about version {file}, and the device has {device}")?;
                match device.vbios_rim() {
                    Some(name) => write!(f, " (the file of its VBIOS is {name})"),
                    None => Ok(()),
                }
            }
            Self::Nvdec0 { status: Some(Nvdec0::Other(status)) } => {
                write!(
                    f,
                    "the device says 0x{status:02X} of its first video decoder (NVDEC0), which is neither 0x55 nor 0xAA"
                )
            }
            Self::Nvdec0 { .. } => f.write_str(
                "the device does not say whether its first video decoder (NVDEC0) is enabled",
            ),
        }
    }
}

impl core::error::Error for SwidMismatch<'_> {}
