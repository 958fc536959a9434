//! Values of options.

use core::str::FromStr;
use std::path::PathBuf;

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, MIN_DATA_TRANSFER_SIZE, NONCE_LEN, PqcAsymAlgo,
    RequesterNonce, SlotId,
};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
use spdm_evidence::Format;
use spdm_transport::Duration;
use spdm_transport_tcp::{Binding, Framing};

/// `--nonce`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NonceChoice {
    Random,
    Given(RequesterNonce),
    /// 32 bytes, or as many in hexadecimal.
    File(PathBuf),
}

impl NonceChoice {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix('@') {
            return Ok(Self::File(path.into()));
        }
        match text {
            "random" => Ok(Self::Random),
            _ => nonce_from_hex(text).map(Self::Given),
        }
    }
}

/// Reads a nonce of 64 hexadecimal digits.
pub(crate) fn nonce_from_hex(text: &str) -> Result<RequesterNonce, String> {
    let bytes = from_hex(text)?;
    let len = bytes.len();
    <[u8; NONCE_LEN]>::try_from(bytes)
        .map(RequesterNonce)
        .map_err(|_| format!("{len} bytes, but a nonce has {NONCE_LEN}"))
}

pub(super) fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode(digits).map_err(|_| "not pairs of hexadecimal digits".to_owned())
}

/// `--psk-hint`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct PskHint(pub(crate) Vec<u8>);

impl PskHint {
    /// The longest hint, in bytes: with everything around it, it has to fit a request.
    const MOST: usize = 1024;

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bytes = from_hex(text)?;
        match bytes.len() {
            len if len > Self::MOST => Err(format!("{len} bytes, but {} are the most", Self::MOST)),
            _ => Ok(Self(bytes)),
        }
    }
}

/// `--trust-root-hash`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RootHash {
    pub(crate) hash: HashAlgorithm,
    pub(crate) digest: Vec<u8>,
}

impl RootHash {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let digest = from_hex(&text.replace([':', ' ', '\n'], ""))?;
        let hash = match digest.len() {
            32 => HashAlgorithm::Sha256,
            48 => HashAlgorithm::Sha384,
            64 => HashAlgorithm::Sha512,
            len => return Err(format!("{len} bytes, but a digest has 32, 48 or 64")),
        };
        Ok(Self { hash, digest })
    }
}

/// `--slot`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SlotChoice {
    Any,
    Slot(SlotId),
}

impl SlotChoice {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(Self::Any),
            _ => slot(text).map(Self::Slot),
        }
    }
}

/// A slot, 0 to 7.
pub(crate) fn slot(text: &str) -> Result<SlotId, String> {
    let slot = text.parse().ok().and_then(SlotId::new);
    slot.ok_or_else(|| "a slot is 0 to 7".to_owned())
}

/// `--slots`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SlotList(pub(crate) Vec<SlotId>);

impl SlotList {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut slots = text.split(',').map(slot).collect::<Result<Vec<_>, _>>()?;
        slots.sort_unstable();
        slots.dedup();
        Ok(Self(slots))
    }
}

/// `--san`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum San {
    #[default]
    None,
    PciCma,
    /// `manufacturer:product:serial`; `None` for any.
    Dmtf(Option<String>),
}

impl San {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("dmtf:")) {
            ("none", _) => Ok(Self::None),
            ("pci-cma", _) => Ok(Self::PciCma),
            ("dmtf", _) => Ok(Self::Dmtf(None)),
            (_, Some(name)) if name.split(':').count() == 3 => {
                Ok(Self::Dmtf(Some(name.to_owned())))
            }
            (_, Some(_)) => Err("expected dmtf:MANUFACTURER:PRODUCT:SERIAL".to_owned()),
            _ => Err("expected none, pci-cma, dmtf or dmtf:MANUFACTURER:PRODUCT:SERIAL".to_owned()),
        }
    }
}

/// `--base-asym` where several may be given: both fields of the negotiation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct AsymList {
    pub(crate) base: BaseAsymAlgo,
    pub(crate) pqc: PqcAsymAlgo,
}

impl AsymList {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let asyms = text.split(',').map(asym).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            base: asyms.iter().copied().filter_map(AsymAlgorithm::base_asym).collect(),
            pqc: asyms.iter().copied().filter_map(AsymAlgorithm::pqc_asym).collect(),
        })
    }

    /// The algorithm, where there is one alone.
    pub(super) fn only(self) -> Option<AsymAlgorithm> {
        let is_in = |asym: &AsymAlgorithm| {
            asym.base_asym().is_some_and(|bit| self.base.contains(bit))
                || asym.pqc_asym().is_some_and(|bit| self.pqc.contains(bit))
        };
        only(AsymAlgorithm::ALL.into_iter().filter(is_in))
    }
}

/// `--base-hash` where several may be given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HashList(pub(crate) BaseHashAlgo);

impl HashList {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let bits = text.split(',').map(|name| hash(name).map(HashAlgorithm::base_hash));
        bits.collect::<Result<_, _>>().map(Self)
    }

    /// The algorithm, where there is one alone.
    pub(super) fn only(self) -> Option<HashAlgorithm> {
        only(HashAlgorithm::ALL.into_iter().filter(|hash| self.0.contains(hash.base_hash())))
    }
}

fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    all.next().filter(|_| all.next().is_none())
}

/// A signature algorithm by its name in DSP0274.
pub(crate) fn asym(name: &str) -> Result<AsymAlgorithm, String> {
    let known = BaseAsymAlgo::from_name(name).is_some() || PqcAsymAlgo::from_name(name).is_some();
    let all = AsymAlgorithm::ALL;
    all.into_iter()
        .find(|asym| asym.name() == name)
        .ok_or_else(|| not_found(name, known, &all.map(AsymAlgorithm::name)))
}

/// A signature algorithm by its name in DSP0274, also one of `PqcAsymAlgo`: that of a chain in a file.
pub(crate) fn any_asym(name: &str) -> Result<AsymAlgorithm, String> {
    let known = BaseAsymAlgo::from_name(name).is_some() || PqcAsymAlgo::from_name(name).is_some();
    let mut all = AsymAlgorithm::ALL.into_iter();
    all.find(|asym| asym.name() == name)
        .ok_or_else(|| not_found(name, known, &AsymAlgorithm::ALL.map(AsymAlgorithm::name)))
}

/// A hash algorithm by its name in DSP0274.
pub(crate) fn hash(name: &str) -> Result<HashAlgorithm, String> {
    let known = BaseHashAlgo::from_name(name).is_some();
    let all = HashAlgorithm::ALL;
    all.into_iter()
        .find(|hash| hash.name() == name)
        .ok_or_else(|| not_found(name, known, &all.map(HashAlgorithm::name)))
}

fn not_found(name: &str, known: bool, names: &[&str]) -> String {
    let what = if known { "is not implemented by the backend" } else { "is no algorithm" };
    format!("{name} {what}; there are {}", names.join(", "))
}

/// Names the capabilities that begin so, for those with several values have a name for each; all where none does.
fn no_capability(name: &str) -> String {
    let known = || CapabilityFlags::all().iter_names().map(|(known, _)| known);
    let similar = |known: &&'static str| !name.is_empty() && known.starts_with(name);
    let similar: Vec<_> = known().filter(similar).collect();
    let shown = if similar.is_empty() { known().collect() } else { similar };
    format!("{name} is no capability; there are {}", shown.join(", "))
}

/// `--capabilities`: names, or one number.
pub(crate) fn capabilities(text: &str) -> Result<CapabilityFlags, String> {
    if let Some(digits) = text.strip_prefix("0x") {
        let bits = u32::from_str_radix(digits, 16).map_err(|_| "not a 32-bit number".to_owned())?;
        return Ok(CapabilityFlags::from_bits_retain(bits));
    }
    if let Ok(bits) = text.parse() {
        return Ok(CapabilityFlags::from_bits_retain(bits));
    }
    if text == "none" {
        return Ok(CapabilityFlags::empty());
    }
    let flag = |name| CapabilityFlags::from_name(name).ok_or_else(|| no_capability(name));
    text.split(',').map(flag).collect()
}

/// `--transfer-size`: what DSP0274 allows as DataTransferSize.
pub(crate) fn transfer_size(text: &str) -> Result<u32, String> {
    let size: Option<u32> = text.parse().ok().filter(|size| *size >= MIN_DATA_TRANSFER_SIZE);
    size.ok_or_else(|| format!("expected bytes, at least {MIN_DATA_TRANSFER_SIZE}"))
}

/// `--timeout`.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let longest = Duration::from_secs(24 * 60 * 60);
    duration
        .filter(|duration| !duration.is_zero() && *duration <= longest)
        .ok_or_else(|| "expected seconds, more than 0 and at most a day".to_owned())
}

/// `--format` of evidence.
pub(crate) fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| {
        "expected capture, transcript, nvidia, redfish, cmw, bundle or json".to_owned()
    })
}

/// `--format` of evidence to write.
pub(crate) fn written_format(name: &str) -> Result<Format, String> {
    match Format::from_name(name) {
        Some(Format::Capture) => Err("--pcap FILE writes a capture".to_owned()),
        Some(Format::Bundle) => Err("only who signs its token writes a bundle".to_owned()),
        Some(format) => Ok(format),
        None => Err("expected json, transcript, redfish, cmw or nvidia".to_owned()),
    }
}

/// `--framing`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FramingName(pub(crate) Framing);

impl FromStr for FramingName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        name.parse().map(Self).map_err(|error: spdm_transport_tcp::UnknownName| error.to_string())
    }
}

/// `--binding`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BindingName(pub(crate) Binding);

impl FromStr for BindingName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        name.parse().map(Self).map_err(|error: spdm_transport_tcp::UnknownName| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        AsymList, HashList, NonceChoice, RootHash, San, SlotChoice, SlotList, capabilities, seconds,
    };
    use spdm_codec::{
        BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, PqcAsymAlgo, RequesterNonce, SlotId,
    };

    #[test]
    fn nonces() {
        assert_eq!(NonceChoice::parse("random"), Ok(NonceChoice::Random));
        assert_eq!(NonceChoice::parse("@n"), Ok(NonceChoice::File("n".into())));
        assert_eq!(
            NonceChoice::parse(&"0a".repeat(32)),
            Ok(NonceChoice::Given(RequesterNonce([10; 32])))
        );
        for text in ["", "0a", "zz", &"0a".repeat(33)] {
            assert!(NonceChoice::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn slots() {
        assert_eq!(SlotChoice::parse("any"), Ok(SlotChoice::Any));
        assert_eq!(SlotChoice::parse("7"), Ok(SlotChoice::Slot(SlotId::new(7).unwrap())));
        assert!(SlotChoice::parse("8").is_err());
        let both = vec![SlotId::ZERO, SlotId::new(3).unwrap()];
        assert_eq!(SlotList::parse("3,0,3"), Ok(SlotList(both)));
    }

    #[test]
    fn names_of_algorithms() {
        let both = BaseAsymAlgo::ECDSA_P384 | BaseAsymAlgo::RSAPSS_3072;
        let list = AsymList { base: both, pqc: PqcAsymAlgo::ML_DSA_65 };
        assert_eq!(AsymList::parse("ECDSA_P384,ML_DSA_65,RSAPSS_3072"), Ok(list));
        assert_eq!(HashList::parse("SHA3_512"), Ok(HashList(BaseHashAlgo::SHA3_512)));
        let error = AsymList::parse("SLH_DSA_SHA2_128S").unwrap_err();
        assert!(
            error.starts_with("SLH_DSA_SHA2_128S is not implemented by the backend"),
            "{error}"
        );
        let error = AsymList::parse("P384").unwrap_err();
        assert!(error.starts_with("P384 is no algorithm; there are RSASSA_2048"), "{error}");
        assert!(HashList::parse("SM3_256").is_err());
    }

    #[test]
    fn names_in_leaves() {
        assert_eq!(San::parse("dmtf"), Ok(San::Dmtf(None)));
        assert_eq!(San::parse("dmtf:A:*:1"), Ok(San::Dmtf(Some("A:*:1".to_owned()))));
        for text in ["", "dmtf:", "dmtf:A:B", "dmtf:A:B:C:D", "cma"] {
            assert!(San::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digests_of_roots() {
        assert!(RootHash::parse(&"ab".repeat(32)).is_ok());
        assert!(RootHash::parse(&["ab"; 48].join(":")).is_ok());
        assert!(RootHash::parse(&"ab".repeat(20)).is_err());
    }

    #[test]
    fn flags_and_seconds() {
        let both = CapabilityFlags::CERT_CAP | CapabilityFlags::CHAL_CAP;
        assert_eq!(capabilities("CERT_CAP,CHAL_CAP"), Ok(both));
        assert_eq!(capabilities("0x6"), Ok(both));
        assert_eq!(capabilities("none"), Ok(CapabilityFlags::empty()));
        assert!(capabilities("CERT").is_err());
        assert_eq!(seconds("0.25").map(|d| d.as_millis()), Ok(250));
        for text in ["0", "-1", "nan", "inf", "1e9", "1s", "1e-12"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
