//! Attestation results for relying parties: EAR, EAT Attestation Results (draft-ietf-rats-ear-03).

mod jws;
mod trustworthiness;

use std::collections::{BTreeMap, BTreeSet};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::Serialize;
use spdm_codec::RequesterNonce;

pub use self::jws::EarKeyError;
use self::trustworthiness::{Appraised, Tier, TrustVector};
use crate::error::Error;
#[cfg(feature = "schema")]
use crate::pattern;
use crate::report::{IdentitySummary, Report, ReportErrorKind};
use crate::text::printable_text;

/// The profile of the draft that is written.
const PROFILE: &str = "tag:ietf.org,2026:rats/ear#03";

/// An attestation result over one or more verdicts, each a submodule.
///
/// ```text
/// let mut ear = Ear::new(developer, build, now);
/// for report in &reports { ear.add(report, None); }
/// ear.to_jws(&key)?     // a signed token, or
/// ear.to_json()?        // its claims alone, which nobody signs
/// ```
///
/// It says nothing that the reports do not say: what is affirmed rests on a device that is authenticated.
#[derive(Clone, Debug)]
pub struct Ear {
    claims: Claims,
    /// The nonces of the submodules; `None` where one is not known to be fresh.
    fresh: BTreeSet<Option<String>>,
    /// The last number behind each name that came more than once.
    numbers: BTreeMap<String, usize>,
}

/// The claims of an EAR, as its payload has them.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "EAT Attestation Result",
        description = "What --ear writes without --ear-key; with it, the payload of the token."
    )
)]
pub(crate) struct Claims {
    /// The draft that it is of.
    #[cfg_attr(feature = "schema", schemars(extend("const" = PROFILE)))]
    eat_profile: &'static str,
    /// When it was made, in seconds since 1970.
    iat: u64,
    /// Who appraised.
    ear_verifier_id: VerifierId,
    /// The nonce that was given, or else the one that every submodule's signature covers; in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    eat_nonce: Option<String>,
    /// The verdicts: a submodule for each connection and slot, by its target.
    #[cfg_attr(feature = "schema", schemars(extend("minProperties" = 1)))]
    submods: BTreeMap<String, Submodule>,
}

/// Who appraised.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct VerifierId {
    /// Who made the program.
    developer: String,
    /// The program, with its version.
    build: String,
}

/// A verdict.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct Submodule {
    /// The verdict; never affirming where the device is not verified.
    ear_status: Tier,
    /// What it rests on. Left out where there is nothing to judge.
    #[serde(skip_serializing_if = "Option::is_none")]
    ear_trustworthiness_vector: Option<TrustVector>,
    /// SHA-256 of the policy in hexadecimal; left out without a policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = pattern::HEX_32))))]
    ear_appraisal_policy_ids: Vec<String>,
    /// Who the device is; left out where it did not prove that, or where nobody who is trusted vouches for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    spdm_identity: Option<ProvenIdentity>,
}

/// Who a device is that proved it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct ProvenIdentity {
    /// The slot whose key signed: 0 to 7, or 255 for a provisioned public key.
    slot: Option<u8>,
    /// SHA-256 of the leaf certificate in hexadecimal; null without a chain.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX_32)))]
    leaf_sha256: Option<String>,
    #[serde(flatten)]
    summary: IdentitySummary,
}

impl Ear {
    /// A result without a submodule yet. `developer` and `build` say who appraised and with what, `issued_at` when, in
    /// seconds since 1970.
    #[must_use]
    pub fn new(developer: &str, build: &str, issued_at: u64) -> Self {
        let ear_verifier_id =
            VerifierId { developer: developer.to_owned(), build: build.to_owned() };
        let claims = Claims {
            eat_profile: PROFILE,
            iat: issued_at,
            ear_verifier_id,
            eat_nonce: None,
            submods: BTreeMap::new(),
        };
        Self { claims, fresh: BTreeSet::new(), numbers: BTreeMap::new() }
    }

    /// The nonce that a relying party gave. Whatever is affirmed was signed over it: where a report was asked for a nonce,
    /// it is not verified without.
    pub fn nonce(&mut self, nonce: &RequesterNonce) -> &mut Self {
        self.claims.eat_nonce = Some(BASE64_URL_SAFE_NO_PAD.encode(nonce.0));
        self
    }

    /// Adds a verdict. `failed` says how the connection failed behind what the report knows: the device is not verified
    /// then.
    ///
    /// The submodule has the name of the report's target; where that is taken, a number behind it.
    pub fn add(&mut self, report: &Report, failed: Option<ReportErrorKind>) -> &mut Self {
        let appraised = Appraised::of(report, failed);
        let is_fresh = appraised.is_proven() && report.fresh() == Some(true);
        self.fresh.insert(is_fresh.then(|| signed_nonce(report)).flatten());
        let identity = || ProvenIdentity {
            slot: report.slot(),
            leaf_sha256: report.leaf_sha256().map(str::to_owned),
            summary: report.identity().clone(),
        };
        let submodule = Submodule {
            ear_status: appraised.status(),
            ear_trustworthiness_vector: Some(appraised.vector()),
            ear_appraisal_policy_ids: report.policy().iter().map(|it| it.sha256.clone()).collect(),
            spdm_identity: appraised.is_proven().then(identity),
        };
        self.insert(report.target(), submodule)
    }

    /// Adds something that could not be judged, such as a file that cannot be read: nothing is said of it.
    pub fn add_unjudged(&mut self, name: &str) -> &mut Self {
        self.fresh.insert(None);
        let submodule = Submodule {
            ear_status: Tier::None,
            ear_trustworthiness_vector: None,
            ear_appraisal_policy_ids: Vec::new(),
            spdm_identity: None,
        };
        self.insert(&printable_text(name), submodule)
    }

    /// Whatever was added stays: two devices under one name would be one verdict.
    fn insert(&mut self, name: &str, submodule: Submodule) -> &mut Self {
        let submods = &mut self.claims.submods;
        let mut free = name.to_owned();
        // Numbers that were tried are not tried again: there may be thousands of one name.
        while submods.contains_key(&free) {
            let number = self.numbers.entry(name.to_owned()).or_insert(1);
            *number = number.saturating_add(1);
            free = format!("{name} ({number})");
        }
        submods.insert(free, submodule);
        self
    }

    /// The claims as JSON that nobody signs, for who made them to read.
    ///
    /// # Errors
    /// [`Error::Json`].
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(&self.claims()).map_err(|error| Error::Json(error.to_string()))
    }

    /// With the nonce of the submodules, where nobody gave one and all of them have the same.
    fn claims(&self) -> Claims {
        let mut claims = self.claims.clone();
        if let (None, 1, Some(Some(nonce))) =
            (&claims.eat_nonce, self.fresh.len(), self.fresh.first())
        {
            claims.eat_nonce = Some(nonce.clone());
        }
        claims
    }
}

/// The nonce of the signature that is fresh: as [`Freshness`](crate::Freshness) asks for it.
fn signed_nonce(report: &Report) -> Option<String> {
    let nonces = report.nonces();
    let nonce = [&nonces.measurements, &nonces.challenge, &nonces.key_exchange];
    let nonce = hex::decode(nonce.into_iter().flatten().next()?).ok()?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(nonce))
}
