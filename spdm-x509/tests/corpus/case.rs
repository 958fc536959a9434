//! The cases of `x509/chains.json`, and what this crate makes of them.

use core::error::Error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use spdm_codec::{BaseAsymAlgo, BaseHashAlgo, PciIdentity, PqcAsymAlgo, SlotId, SpdmVersion};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm, rustcrypto::PROVIDER};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, CertModel, Chain, ChainContext, Policy, SanPolicy, ValidityCheck};

#[derive(Deserialize)]
struct Case {
    name: String,
    spdm_version: String,
    cert_model: String,
    negotiated: Negotiated,
    chain: String,
    trust_anchors: Vec<String>,
    now: u64,
    device: Option<Device>,
    require_san: String,
    expected: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct Negotiated {
    base_asym: String,
    base_hash: String,
}

#[derive(Deserialize)]
struct Device {
    vendor: u16,
    device: u16,
    class_code: u32,
    revision: u8,
    subsystem_vendor: u16,
    subsystem_device: u16,
    has_subsystem: bool,
    serial: Option<String>,
}

/// What came of all cases.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Cases to accept that were.
    pub(crate) accepted: usize,
    /// Cases to refuse that were.
    pub(crate) refused: usize,
    /// Cases without a verdict: that they end is all that is asked.
    pub(crate) either: usize,
    /// One line per case with another result than expected, or that cannot be run.
    pub(crate) mismatches: Vec<String>,
}

/// Runs every case of `json`.
pub(crate) fn run_all(json: &str) -> Result<Summary, Box<dyn Error>> {
    let cases: Vec<Case> = serde_json::from_str(json)?;
    let mut summary = Summary::default();
    for case in cases {
        let result = match case.run() {
            Ok(result) => result,
            Err(error) => {
                summary.mismatches.push(format!("{}: cannot be run: {error}", case.name));
                continue;
            }
        };
        match (case.expected.as_str(), result) {
            ("accept", Ok(())) => summary.accepted += 1,
            ("reject", Err(_)) => summary.refused += 1,
            ("either", _) => summary.either += 1,
            (expected, result) => {
                let got = result.map_or_else(|why| why, |()| "trusted".into());
                let Case { name, reason, .. } = case;
                summary.mismatches.push(format!("{name}: expected {expected} ({reason}): {got}"));
            }
        }
    }
    Ok(summary)
}

impl Case {
    /// `None` for an algorithm that this crate does not have: it trusts no such chain.
    fn context(&self) -> Result<Option<ChainContext>, Box<dyn Error>> {
        let name = self.negotiated.base_asym.as_str();
        let classical = BaseAsymAlgo::from_name(name).and_then(AsymAlgorithm::from_base_asym);
        let pqc = || PqcAsymAlgo::from_name(name).and_then(AsymAlgorithm::from_pqc_asym);
        let asym = classical.or_else(pqc);
        let hash = BaseHashAlgo::from_name(&self.negotiated.base_hash);
        let hash = hash.and_then(HashAlgorithm::from_base_hash);
        let model = match self.cert_model.as_str() {
            "device" => CertModel::DeviceCert,
            "alias" => CertModel::AliasCert,
            "generic" => CertModel::GenericCert,
            other => return Err(format!("unknown cert_model {other}").into()),
        };
        let version: SpdmVersion = self.spdm_version.parse()?;
        Ok(asym
            .zip(hash)
            .map(|(asym, hash)| ChainContext::new(SlotId::ZERO, version, model, asym, hash)))
    }

    /// The verdict: why it is not trusted.
    fn run(&self) -> Result<Result<(), String>, Box<dyn Error>> {
        let Some(context) = self.context()? else {
            return Ok(Err("an algorithm that is not implemented".into()));
        };
        let chain = STANDARD.decode(&self.chain)?;
        let anchors = self
            .trust_anchors
            .iter()
            .map(|anchor| STANDARD.decode(anchor))
            .collect::<Result<Vec<_>, _>>()?;
        let anchors: Vec<_> = anchors.iter().map(|der| Anchor::Certificate(der)).collect();
        let san = self.san_policy()?;
        let policy =
            Policy { san, ..Policy::new(&PROVIDER, &anchors, ValidityCheck::At(self.now)) };
        Ok(Chain::parse(Untrusted::new(&chain), context, &PROVIDER)
            .and_then(|chain| policy.validate(&chain).map(drop))
            .map_err(|error| error.to_string()))
    }

    fn san_policy(&self) -> Result<SanPolicy<'static>, Box<dyn Error>> {
        match (self.require_san.as_str(), &self.device) {
            ("none", _) => Ok(SanPolicy::None),
            ("dmtf", _) => Ok(SanPolicy::Dmtf { pattern: "*:*:*" }),
            ("pci_cma", Some(device)) => Ok(SanPolicy::PciCma(device.identity()?)),
            (other, _) => Err(format!("unknown require_san {other}").into()),
        }
    }
}

impl Device {
    fn identity(&self) -> Result<PciIdentity, Box<dyn Error>> {
        let serial = self.serial.as_deref().map(|serial| u64::from_str_radix(serial, 16));
        Ok(PciIdentity {
            vendor: self.vendor,
            device: self.device,
            class_code: self.class_code,
            revision: self.revision,
            subsystem: self.has_subsystem.then_some((self.subsystem_vendor, self.subsystem_device)),
            serial: serial.transpose()?,
        })
    }
}
