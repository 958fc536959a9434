//! What a report is in the trustworthiness vector of AR4SI (draft-ietf-rats-ar4si), and in the status of EAR.
//!
//! | found in the report | claim | number |
//! |---|---|---|
//! | a trusted chain, and a signature of its key | instance-identity | 2 |
//! | the chain, a name or a signature does not hold, or it is not the known device | instance-identity | 97 |
//! | nobody vouches for the root, nothing was proven, or another slot of the connection does not hold | instance-identity | 0 |
//! | all firmware has the values of signed reference files | executables | 2 |
//! | firmware has its values, but a file is unsigned, or other firmware has none | executables | 3 |
//! | a waiver of the policy covers what differs; firmware lacks a value that it must have; or it changed meanwhile | executables | 33 |
//! | a measurement is not what is expected | executables | 96 |
//! | no reference values, or nothing compared | executables | 0 |
//! | the device says that debugging is not active | configuration | 3 |
//! | the device says that debugging is or was active | configuration | 96 |
//! | the device does not say | configuration | 0 |
//! | the hardware configuration has the values of signed reference files | hardware | 2 |
//! | the hardware configuration is not what is expected | hardware | 96 |
//! | no reference values for it | hardware | 0 |
//!
//! **UNVERIFIED**: that a number stands for just this in AR4SI. What was checked are the tiers: 2 to 31 affirming, 32 to 95
//! warning, 96 to 127 contraindicated. Numbers of the affirming tier are given only to a device with instance-identity 2.

use serde::Serialize;
use spdm_codec::MeasurementType;
use spdm_requester::{AttestationCheck as Check, CheckStatus};

use crate::reference::ReferenceVerdict;
use crate::report::{
    Debugging, MeasuredValue, OtherSlots, ReferenceStatus, Report, ReportErrorKind,
};

/// A tier of trustworthiness, the better ones first; none says nothing.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Tier {
    /// Nothing is said.
    None,
    /// It is to be trusted.
    Affirming,
    /// Something is not as it should be, and was accepted.
    Warning,
    /// It is not to be trusted.
    Contraindicated,
}

impl Tier {
    const fn of(number: u8) -> Self {
        match number {
            0..=1 => Self::None,
            2..=31 => Self::Affirming,
            32..=95 => Self::Warning,
            96.. => Self::Contraindicated,
        }
    }
}

/// The claims of AR4SI that a report says something of; 0 where it says nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
#[serde(rename_all = "kebab-case")]
pub(super) struct TrustVector {
    /// Who the device is: 0, 2, or 97.
    instance_identity: u8,
    /// How it is configured: 0, 3, or 96.
    configuration: u8,
    /// What runs on it: 0, 2, 3, 33, or 96.
    executables: u8,
    /// What it is made of: 0, 2, or 96.
    hardware: u8,
}

/// What the table has a row for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Finding {
    IdentityProven,
    IdentityRejected,
    FirmwareSigned,
    FirmwareExpected,
    FirmwareUnrecognized,
    FirmwareDiffers,
    DebuggingInactive,
    DebuggingActive,
    HardwareExpected,
    HardwareDiffers,
}

/// A claim of the vector.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Claim {
    InstanceIdentity,
    Configuration,
    Executables,
    Hardware,
}

/// The table.
const fn row(finding: Finding) -> (Claim, u8) {
    match finding {
        Finding::IdentityProven => (Claim::InstanceIdentity, 2),
        Finding::IdentityRejected => (Claim::InstanceIdentity, 97),
        Finding::FirmwareSigned => (Claim::Executables, 2),
        Finding::FirmwareExpected => (Claim::Executables, 3),
        Finding::FirmwareUnrecognized => (Claim::Executables, 33),
        Finding::FirmwareDiffers => (Claim::Executables, 96),
        Finding::DebuggingInactive => (Claim::Configuration, 3),
        Finding::DebuggingActive => (Claim::Configuration, 96),
        Finding::HardwareExpected => (Claim::Hardware, 2),
        Finding::HardwareDiffers => (Claim::Hardware, 96),
    }
}

/// The tier of a device that is not verified, by why it is not.
const fn rejected(kind: ReportErrorKind) -> Tier {
    match kind {
        ReportErrorKind::Decode
        | ReportErrorKind::Protocol
        | ReportErrorKind::Signature
        | ReportErrorKind::Identity
        | ReportErrorKind::Nonce
        | ReportErrorKind::Session
        | ReportErrorKind::Known
        | ReportErrorKind::Policy
        | ReportErrorKind::Rejected => Tier::Contraindicated,
        // A chain under an unknown root and a reference file that does not count say nothing of the device: where
        // these do, the vector says what.
        _ => Tier::None,
    }
}

/// The checks that say whose signature it is. An anchor that is missing rejects nobody, and an old signature is still
/// that of its key.
const IDENTITY: [Check; 13] = [
    Check::ChainFormat,
    Check::ChainDigest,
    Check::ChainRoot,
    Check::ChainCertificates,
    Check::ChainSignatures,
    Check::LeafProfile,
    Check::LeafSan,
    Check::ChallengeChainHash,
    Check::ChallengeSignature,
    Check::MeasurementsSignature,
    Check::KnownDevice,
    Check::SessionKeyExchange,
    Check::SessionFinish,
];
/// The checks that say what a device is that proved who it is.
const APPRAISAL: [Check; 4] = [
    Check::MeasurementsReference,
    Check::ReferenceSignature,
    Check::ReferenceValidity,
    Check::Policy,
];
/// The checks of a signature of the device.
const PROOFS: [Check; 3] =
    [Check::ChallengeSignature, Check::MeasurementsSignature, Check::SessionKeyExchange];

/// A report, and what is said of it.
pub(super) struct Appraised {
    status: Tier,
    vector: TrustVector,
    is_proven: bool,
}

impl Appraised {
    /// `failed` says how the connection failed behind what the report knows.
    pub(super) fn of(report: &Report, failed: Option<ReportErrorKind>) -> Self {
        let kind = failed.or_else(|| report.error().map(|error| error.kind));
        let is_verified = report.verified() && failed.is_none();
        let identity = identity(report, is_verified, kind);
        let is_proven = identity == Some(Finding::IdentityProven);
        let signed = report.signed_measurements();
        let is_waived = report.policy().is_some_and(|policy| policy.applied().next().is_some());
        let findings = [
            identity,
            executables(report, signed, is_waived),
            configuration(report, signed),
            hardware(report, signed),
        ];
        let mut vector = TrustVector::default();
        let mut status = match (is_verified, is_waived) {
            (true, false) => Tier::Affirming,
            (true, true) => Tier::Warning,
            (false, _) => kind.map_or(Tier::None, rejected),
        };
        for finding in findings.into_iter().flatten() {
            let (claim, number) = row(finding);
            let tier = Tier::of(number);
            if tier == Tier::Affirming && !is_proven {
                continue;
            }
            // No status is better than the worst claim. A device that is not verified is never merely warned of.
            let worst = match (tier, is_verified) {
                (Tier::Warning, false) => Tier::Contraindicated,
                (Tier::Affirming, false) => Tier::None,
                (tier, _) => tier,
            };
            status = status.max(worst);
            *match claim {
                Claim::InstanceIdentity => &mut vector.instance_identity,
                Claim::Configuration => &mut vector.configuration,
                Claim::Executables => &mut vector.executables,
                Claim::Hardware => &mut vector.hardware,
            } = number;
        }
        Self { status, vector, is_proven }
    }

    /// The status of the submodule.
    pub(super) const fn status(&self) -> Tier {
        self.status
    }

    /// The trustworthiness vector.
    pub(super) const fn vector(&self) -> TrustVector {
        self.vector
    }

    /// Whether the device proved who it is, with a chain that is trusted.
    pub(super) const fn is_proven(&self) -> bool {
        self.is_proven
    }
}

fn identity(report: &Report, is_verified: bool, kind: Option<ReportErrorKind>) -> Option<Finding> {
    let ended = |check, status| report.status(check) == status;
    // What was not verified for what runs on the device, or what a policy wants besides, is still that device: where its
    // signature covers the nonce that was asked for, and nothing is wrong with another slot of the connection, which may be
    // another error than the one that is shown.
    let is_appraised = matches!(kind, Some(ReportErrorKind::Reference | ReportErrorKind::Policy))
        && report.other_slots() == OtherSlots::Hold
        && report.fresh() != Some(false)
        && PROOFS.into_iter().any(|check| ended(check, CheckStatus::Pass))
        && report
            .checks()
            .iter()
            .all(|row| row.status != CheckStatus::Fail || APPRAISAL.contains(&row.check));
    if is_verified || is_appraised {
        return Some(Finding::IdentityProven);
    }
    // A device that does not answer, or not with what is asked for, is not another one.
    let is_rejected = matches!(
        kind,
        Some(
            ReportErrorKind::Decode
                | ReportErrorKind::Protocol
                | ReportErrorKind::Signature
                | ReportErrorKind::Chain
                | ReportErrorKind::Identity
                | ReportErrorKind::Nonce
                | ReportErrorKind::Session
                | ReportErrorKind::Known
                | ReportErrorKind::Rejected
        )
    );
    let fails = IDENTITY.into_iter().any(|check| ended(check, CheckStatus::Fail));
    (is_rejected && fails).then_some(Finding::IdentityRejected)
}

fn executables(report: &Report, signed: &[MeasuredValue], is_waived: bool) -> Option<Finding> {
    let reference = report.reference()?;
    let differs = match is_waived {
        true => Finding::FirmwareUnrecognized,
        false => Finding::FirmwareDiffers,
    };
    match (reference.verdict, report.status(Check::MeasurementsReference)) {
        (ReferenceVerdict::Match, CheckStatus::Pass) => {}
        (ReferenceVerdict::Mismatch, _) => return Some(differs),
        (ReferenceVerdict::Incomplete | ReferenceVerdict::Match, CheckStatus::Fail) => {
            return Some(Finding::FirmwareUnrecognized);
        }
        _ => return None,
    }
    let is_firmware = |value: &&MeasuredValue| {
        matches!(
            value.value_type,
            None | Some(MeasurementType::ImmutableRom | MeasurementType::MutableFirmware)
        )
    };
    let firmware: Vec<_> = signed.iter().filter(is_firmware).collect();
    let expected = firmware.iter().filter(|value| value.reference == ReferenceStatus::Match);
    match expected.count() {
        0 => None,
        count if count == firmware.len() && is_signed(report) => Some(Finding::FirmwareSigned),
        _ => Some(Finding::FirmwareExpected),
    }
}

/// Whether every file of reference values is signed by somebody who is trusted.
fn is_signed(report: &Report) -> bool {
    let mut files = report.reference().into_iter().flat_map(|reference| &reference.files);
    files.all(|file| file.signer.is_some())
}

fn configuration(report: &Report, signed: &[MeasuredValue]) -> Option<Finding> {
    let token = report.claims().and_then(|claims| claims.token.as_ref()).map(|token| token.debug);
    match (Debugging::of(signed), token) {
        (Debugging::Active(_), _) | (_, Some("enabled")) => Some(Finding::DebuggingActive),
        (Debugging::Inactive, _) | (Debugging::Unsaid, Some(_)) => Some(Finding::DebuggingInactive),
        (Debugging::Unsaid, None) | (Debugging::Unreadable(_), _) => None,
    }
}

fn hardware(report: &Report, signed: &[MeasuredValue]) -> Option<Finding> {
    let is_hardware =
        |value: &&MeasuredValue| value.value_type == Some(MeasurementType::HardwareConfiguration);
    let statuses: Vec<_> = signed.iter().filter(is_hardware).map(|value| value.reference).collect();
    let is_expected = report.status(Check::MeasurementsReference) == CheckStatus::Pass;
    if statuses.contains(&ReferenceStatus::Mismatch) {
        return Some(Finding::HardwareDiffers);
    }
    let all_match = statuses.iter().all(|status| *status == ReferenceStatus::Match);
    (!statuses.is_empty() && all_match && is_expected && is_signed(report))
        .then_some(Finding::HardwareExpected)
}
