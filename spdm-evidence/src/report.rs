//! What the `spdm` command prints: one object per connection and attested slot.

mod basis;
mod builder;
mod check;
mod claims;
mod content_changed;
mod error_kind;
mod measured;
mod missing_algorithm;
mod objection;
mod reference;
mod session;
mod summary;

pub use basis::{Basis, BasisSignature, NegotiationCover};
pub(crate) use builder::BundleFindings;
pub use builder::{Freshness, ReportBuilder, TokenOptions};
pub use check::CheckResult;
pub use claims::{
    ClaimedDigest, ClaimedElement, ClaimedEnvironment, ClaimedRegister, ClaimsSummary, TokenClaims,
};
pub use error_kind::ReportErrorKind;
pub(crate) use measured::Debugging;
pub use measured::{DeviceModes, MeasuredValue, ReferenceStatus};
pub use missing_algorithm::missing_algorithm;
pub use reference::{ReferenceFileSummary, ReferenceSummary};
pub use session::{
    DeviceRequests, HandshakeProtection, RecordProtection, SessionEnd, SessionKeys, SessionKind,
    SessionSummary, VendorExchange,
};

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use spdm_codec::ContentChanged;
use spdm_requester::{AttestationCheck, CheckStatus, SummaryAgreement};

use crate::note::CountedNote;
#[cfg(feature = "schema")]
use crate::pattern;
use crate::policy::PolicySummary;

/// The version of the report's form.
const SCHEMA: u32 = 1;

/// The exit code of the command that a report calls for. The worst of several is the largest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "the command's contract")]
#[repr(u8)]
pub enum ExitClass {
    /// 0: verified.
    Ok = 0,
    /// 1: rejected: chain, signature, name, anchor, nonce, reference value, capability, version policy, or
    /// an ERROR in answer to something required.
    Rejected = 1,
    /// 2: the input cannot be judged: unreadable, or an algorithm that is not implemented.
    Usage = 2,
    /// 3: transport failure or timeout.
    Transport = 3,
    /// 4: the device broke the protocol.
    Protocol = 4,
}

impl ExitClass {
    /// The exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Rejected => 1,
            Self::Usage => 2,
            Self::Transport => 3,
            Self::Protocol => 4,
        }
    }
}

/// The verdict over one connection and slot. Serializes as `docs/schema/report.json`.
///
/// Only [`ReportBuilder`] makes one; [`Self::verified`] is computed, never set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "Verdict over one SPDM connection and slot",
        description = "What spdm attest, measure and verify print, one object per line."
    )
)]
pub struct Report {
    #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA)))]
    schema: u32,
    /// What was judged. Of several connections in one file each has # and its number behind it.
    target: String,
    /// True only if nothing failed and nothing that was required was skipped.
    verified: bool,
    /// What the verdict rests on; null where it is not verified.
    basis: Option<Basis>,
    /// Every check, in order of evaluation; known.device only where a known device was asked for, those of sessions only
    /// where one was opened or asked for.
    #[cfg_attr(
        feature = "schema",
        schemars(length(
            min = AttestationCheck::ALL.len(),
            max = AttestationCheck::ALL.len() + AttestationCheck::OCCASIONAL.len()
        ))
    )]
    checks: Vec<CheckResult>,
    /// The version that was negotiated.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::VERSION)))]
    version: Option<&'static str>,
    /// What was negotiated, in the names of DSP0274; null where nothing was selected, hexadecimal where the value has no
    /// name. Empty without a negotiation.
    algorithms: BTreeMap<&'static str, Option<String>>,
    /// 0 to 7, or 255 for a provisioned public key.
    slot: Option<u8>,
    nonces: Nonces,
    /// Whether a verified signature covers the expected nonce; null where none was expected.
    fresh: Option<bool>,
    identity: IdentitySummary,
    /// SHA-256 of the leaf certificate in hexadecimal; null without a chain.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX_32)))]
    leaf_sha256: Option<String>,
    /// The measurements: signed ones, or unsigned ones where nothing is signed.
    measurements: Vec<MeasuredValue>,
    /// The files of reference values, and what they say of the measurements; null without any.
    reference: Option<ReferenceSummary>,
    /// Whether the device says that measurements changed while they were read: what was read before is then not what the
    /// device holds. Null where it signed no such statement: without signed measurements, and before 1.2.
    #[serde(serialize_with = "content_changed::word")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<content_changed::ContentChangedWord>"))]
    content_changed: Option<ContentChanged>,
    /// Whether MeasurementSummaryHash of CHALLENGE_AUTH, or that of KEY_EXCHANGE_RSP, is the hash of the signed measurements.
    /// It decides nothing: DSP0274 does not say exactly what it covers.
    #[serde(serialize_with = "summary::word")]
    #[cfg_attr(feature = "schema", schemars(with = "summary::SummaryWord"))]
    measurement_summary: SummaryAgreement,
    /// What the device claims in a signed measurement manifest, and whoever signed a bundle; null where there is none, or none
    /// whose signature verifies.
    claims: Option<ClaimsSummary>,
    /// What the policy says; null without one.
    policy: Option<PolicySummary>,
    /// The session, where one was opened; null elsewhere, and for sessions on record.
    session: Option<SessionSummary>,
    /// Why it is not verified; null exactly where it is.
    error: Option<ReportError>,
    /// What was left out of the evidence, in words. What a whole file leaves out is in its first report.
    #[serde(serialize_with = "in_words")]
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>"))]
    notes: Vec<CountedNote>,
    #[serde(skip)]
    exit_class: ExitClass,
    /// How another slot of the same connection fared.
    #[serde(skip)]
    other_slots: OtherSlots,
}

/// How the slots of a connection fared that a report is not about.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum OtherSlots {
    /// Nothing is known to be wrong with them.
    #[default]
    Hold,
    /// What was asked of one of them does not hold.
    Failed,
}

fn in_words<S: Serializer>(notes: &[CountedNote], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(notes.iter().map(CountedNote::to_string))
}

/// The nonces of the requests whose answers the report is about, in hexadecimal.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct Nonces {
    /// Of CHALLENGE.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX_32)))]
    pub challenge: Option<String>,
    /// Of the signed GET_MEASUREMENTS.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX_32)))]
    pub measurements: Option<String>,
    /// Of KEY_EXCHANGE: its RandomData.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX_32)))]
    pub key_exchange: Option<String>,
}

/// Who the device says it is. Texts of the device are escaped.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct IdentitySummary {
    /// The leaf's subject.
    pub subject: Option<String>,
    /// The leaf's serialNumber in hexadecimal.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX)))]
    pub serial: Option<String>,
    /// The otherNames of the leaf's subjectAltName that are texts.
    pub san: Vec<String>,
    /// SHA-256 of the root certificate in hexadecimal, also where no anchor vouches for it.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = pattern::HEX_32)))]
    pub root_sha256: Option<String>,
}

/// Why it is not verified: the gravest reason, and of equal ones the first.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[non_exhaustive]
pub struct ReportError {
    /// A word for programs.
    pub kind: ReportErrorKind,
    /// A sentence for people.
    pub message: String,
    /// MESSAGE.Field, in the spelling of DSP0274.
    pub field: Option<String>,
    /// Offset of the field in bytes.
    pub offset: Option<usize>,
}

impl Report {
    /// Whether the device is authenticated and everything that was required holds.
    #[must_use]
    pub const fn verified(&self) -> bool {
        self.verified
    }

    /// What the verdict rests on; `None` where it is not verified.
    #[must_use]
    pub const fn basis(&self) -> Option<&Basis> {
        self.basis.as_ref()
    }

    /// What was judged.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// All checks, in order of evaluation; those of [`AttestationCheck::OCCASIONAL`] only where there was a reason to.
    #[must_use]
    pub fn checks(&self) -> &[CheckResult] {
        &self.checks
    }

    /// How a check ended.
    #[must_use]
    pub fn status(&self, check: AttestationCheck) -> CheckStatus {
        self.checks
            .iter()
            .find(|result| result.check == check)
            .map_or(CheckStatus::Skipped, |r| r.status)
    }

    /// The negotiated version, for example `1.2`.
    #[must_use]
    pub const fn version(&self) -> Option<&'static str> {
        self.version
    }

    /// What was negotiated, by category; `None` where nothing was selected.
    #[must_use]
    pub const fn algorithms(&self) -> &BTreeMap<&'static str, Option<String>> {
        &self.algorithms
    }

    /// The slot: 0 to 7, or 255 for a provisioned public key.
    #[must_use]
    pub const fn slot(&self) -> Option<u8> {
        self.slot
    }

    /// The nonces.
    #[must_use]
    pub const fn nonces(&self) -> &Nonces {
        &self.nonces
    }

    /// Whether a verified signature covers the expected nonce; `None` where none was expected.
    #[must_use]
    pub const fn fresh(&self) -> Option<bool> {
        self.fresh
    }

    /// Who the device says it is.
    #[must_use]
    pub const fn identity(&self) -> &IdentitySummary {
        &self.identity
    }

    /// SHA-256 of the leaf certificate in hexadecimal; `None` without a chain.
    #[must_use]
    pub fn leaf_sha256(&self) -> Option<&str> {
        self.leaf_sha256.as_deref()
    }

    /// The measurements: signed ones, or unsigned ones where nothing is signed.
    #[must_use]
    pub fn measurements(&self) -> &[MeasuredValue] {
        &self.measurements
    }

    /// The measurements that somebody signed: others are not there.
    pub(crate) fn signed_measurements(&self) -> &[MeasuredValue] {
        match self.status(AttestationCheck::MeasurementsSignature) {
            CheckStatus::Pass => &self.measurements,
            CheckStatus::Fail | CheckStatus::Skipped => &[],
        }
    }

    /// How the slots of the connection fared that it is not about.
    pub(crate) const fn other_slots(&self) -> OtherSlots {
        self.other_slots
    }

    /// The files of reference values, and what they say of the measurements; `None` where none are given.
    #[must_use]
    pub const fn reference(&self) -> Option<&ReferenceSummary> {
        self.reference.as_ref()
    }

    /// Whether the device says that measurements changed while they were read; `None` where it signed no such statement:
    /// without signed measurements, and before 1.2.
    ///
    /// It does not decide whether the device is verified, for whose key signed is not in doubt; the measurements are
    /// what may be out of date, so no reference values match ([`AttestationCheck::MeasurementsReference`] fails).
    #[must_use]
    pub const fn content_changed(&self) -> Option<ContentChanged> {
        self.content_changed
    }

    /// Whether `MeasurementSummaryHash` of CHALLENGE_AUTH is the hash of the measurements. No check: DSP0274
    /// does not say exactly which form of the blocks it covers; it is for people and their policies.
    #[must_use]
    pub const fn measurement_summary(&self) -> SummaryAgreement {
        self.measurement_summary
    }

    /// What the device claims in a signed measurement manifest.
    #[must_use]
    pub const fn claims(&self) -> Option<&ClaimsSummary> {
        self.claims.as_ref()
    }

    /// What the policy says; `None` without one.
    #[must_use]
    pub const fn policy(&self) -> Option<&PolicySummary> {
        self.policy.as_ref()
    }

    /// The session, where one was opened.
    #[must_use]
    pub const fn session(&self) -> Option<&SessionSummary> {
        self.session.as_ref()
    }

    /// Why it is not verified.
    #[must_use]
    pub const fn error(&self) -> Option<&ReportError> {
        self.error.as_ref()
    }

    /// The exit code that it calls for.
    #[must_use]
    pub const fn exit_class(&self) -> ExitClass {
        self.exit_class
    }

    /// What was left out, equal notes counted. What a whole file leaves out is in its first report.
    #[must_use]
    pub fn notes(&self) -> &[CountedNote] {
        &self.notes
    }

    /// Puts the notes on what a whole file leaves out in front.
    pub(crate) fn note_first(&mut self, notes: &[CountedNote]) {
        self.notes.splice(0..0, notes.iter().copied());
    }
}
