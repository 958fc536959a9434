//! Entity Attestation Tokens of the OCP profile 1.0: a device's claims about itself, signed.

use core::fmt;

use minicbor::data::Type;

use crate::cbor::{Item, Label, Reader, Result};
use crate::concise_evidence::ConciseEvidence;
use crate::dialect::Dialect;
use crate::error::{Error, ReadError, Rule};
use crate::rim_locators::RimLocators;
use crate::token::{Token, TokenSigner, TokenTrust, VerifiedToken};

/// 1.3.6.1.4.1.42623.1.3, as the content of its DER.
const PROFILE: [u8; 10] = [0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0xCC, 0x7F, 0x01, 0x03];
const PROFILE_TEXT: &[u8] = b"1.3.6.1.4.1.42623.1.3";
/// The content format of concise evidence (`application/ce+cbor`).
const CONCISE_EVIDENCE: i64 = 10571;

/// Labels of claims.
mod claim {
    pub(super) const ISS: i64 = 1;
    pub(super) const CTI: i64 = 7;
    pub(super) const NONCE: i64 = 10;
    pub(super) const UEID: i64 = 256;
    pub(super) const OEM_ID: i64 = 258;
    pub(super) const HARDWARE_MODEL: i64 = 259;
    pub(super) const UPTIME: i64 = 261;
    pub(super) const DEBUG_STATUS: i64 = 263;
    pub(super) const PROFILE: i64 = 265;
    pub(super) const BOOT_COUNT: i64 = 267;
    pub(super) const BOOT_SEED: i64 = 268;
    pub(super) const MEASUREMENTS: i64 = 273;
    pub(super) const RIM_LOCATORS: i64 = -70001;
}

/// `dbgstat`: whether the device can be debugged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9711 has these five")]
pub enum DebugStatus {
    /// 0.
    Enabled,
    /// 1.
    Disabled,
    /// 2.
    DisabledSinceBoot,
    /// 3.
    DisabledPermanently,
    /// 4.
    DisabledFullyAndPermanently,
}

impl DebugStatus {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let wrong = reader.error(Rule::DebugStatus, "dbgstat");
        Ok(match reader.uint("dbgstat")? {
            0 => Self::Enabled,
            1 => Self::Disabled,
            2 => Self::DisabledSinceBoot,
            3 => Self::DisabledPermanently,
            4 => Self::DisabledFullyAndPermanently,
            _ => return Err(wrong),
        })
    }

    /// The name of RFC 9711 in JSON, with `_` for `-`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::DisabledSinceBoot => "disabled_since_boot",
            Self::DisabledPermanently => "disabled_permanently",
            Self::DisabledFullyAndPermanently => "disabled_fully_and_permanently",
        }
    }
}

/// Where a token differs from the profile, or one of two ways that documents of it name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Divergence {
    /// The profile is a tagged OID.
    ProfileTagged,
    /// The profile is text.
    ProfileText,
    /// There is no content type.
    NoContentType,
    /// A key id stands for the certificates.
    KeyId,
    /// The concise evidence has no tag.
    EvidenceUntagged,
}

impl Divergence {
    const ALL: [Self; 5] = [
        Self::ProfileTagged,
        Self::ProfileText,
        Self::NoContentType,
        Self::KeyId,
        Self::EvidenceUntagged,
    ];

    const fn bit(self) -> u8 {
        match self {
            Self::ProfileTagged => 1,
            Self::ProfileText => 2,
            Self::NoContentType => 4,
            Self::KeyId => 8,
            Self::EvidenceUntagged => 16,
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProfileTagged => "the token's profile is a tagged OID (111)",
            Self::ProfileText => "the token's profile is written as text",
            Self::NoContentType => "the token has no content type",
            Self::KeyId => "the token names its key by a key id, without certificates",
            Self::EvidenceUntagged => "the token's concise evidence has no tag (571)",
        })
    }
}

/// The divergences of a token, as bits.
#[derive(Clone, Copy, Debug, Default)]
struct Divergences(u8);

impl Divergences {
    const fn add(&mut self, divergence: Divergence) {
        self.0 |= divergence.bit();
    }
}

/// A token of the OCP profile, whose signature verifies. What it claims is true only of a device that is trusted, and at
/// the time of its nonce: [`Self::check_nonce`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Eat<'a> {
    /// Whose key signed it.
    pub signer: TokenSigner<'a>,
    /// `eat_nonce`: 8 to 64 bytes.
    pub nonce: &'a [u8],
    nonce_at: usize,
    /// `dbgstat`.
    pub debug: DebugStatus,
    /// `iss`: the common name in the certificate of the key, as the profile asks for; it is not compared.
    pub issuer: Option<&'a str>,
    /// `cti`: the number of the token.
    pub id: Option<&'a [u8]>,
    /// `ueid`.
    pub ueid: Option<&'a [u8]>,
    /// `oemid`, where it is bytes or the number of an enterprise.
    pub oem_id: Option<OemId<'a>>,
    /// `hwmodel`.
    pub hardware_model: Option<&'a [u8]>,
    /// `uptime`, in seconds.
    pub uptime: Option<u64>,
    /// `bootcount`.
    pub boot_count: Option<u64>,
    /// `bootseed`.
    pub boot_seed: Option<&'a [u8]>,
    /// Where the device says that its reference values are.
    pub rim_locators: Option<RimLocators<'a>>,
    /// How many claims, measurements and kinds of triples are in it that are not looked into.
    pub ignored: u32,
    measurements: Item<'a>,
    divergences: Divergences,
}

/// `oemid`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9711 has these two")]
pub enum OemId<'a> {
    /// A random number, or an identifier of IEEE.
    Bytes(&'a [u8]),
    /// A private enterprise number of IANA.
    Enterprise(u64),
}

/// What is found in the claims.
#[derive(Default)]
struct Claims<'a> {
    nonce: Option<(&'a [u8], usize)>,
    debug: Option<DebugStatus>,
    issuer: Option<&'a str>,
    id: Option<&'a [u8]>,
    ueid: Option<&'a [u8]>,
    oem_id: Option<OemId<'a>>,
    hardware_model: Option<&'a [u8]>,
    uptime: Option<u64>,
    boot_count: Option<u64>,
    boot_seed: Option<&'a [u8]>,
    rim_locators: Option<RimLocators<'a>>,
    measurements: Option<Item<'a>>,
    has_profile: bool,
    divergences: Divergences,
    ignored: u32,
}

impl<'a> Eat<'a> {
    /// Verifies the signature of a token, and reads its claims. `scratch` is lent for the time of the call, as for
    /// [`Corim::read`](crate::Corim::read).
    ///
    /// # Errors
    /// [`Error`] with the first broken rule. [`Rule::KeyId`] where the token names its key by an id that is not that of
    /// [`TokenTrust::leaf`]: then nothing can be said about it without a key of the caller.
    pub fn read(
        token: &Token<'a>,
        dialect: Dialect,
        trust: &TokenTrust<'_>,
        scratch: &mut [u8],
    ) -> core::result::Result<Self, Error> {
        let VerifiedToken { mut payload, signer, has_content_type, has_certificates } =
            token.verify(trust, scratch)?;
        let at = payload.at();
        let mut claims = Claims::default();
        payload.map("claims", |reader, label| claims.read_one(reader, label, dialect))?;
        payload.finish("claims")?;
        let missing = |rule, field| ReadError::new(rule, field, at);
        if !claims.has_profile {
            return Err(missing(Rule::EatProfileMissing, "eat_profile").into());
        }
        let (nonce, nonce_at) =
            claims.nonce.ok_or_else(|| missing(Rule::NonceMissing, "eat_nonce"))?;
        let debug = claims.debug.ok_or_else(|| missing(Rule::DebugStatus, "dbgstat"))?;
        let measurements = claims.measurements;
        let measurements =
            measurements.ok_or_else(|| missing(Rule::NoMeasurements, "measurements"))?;
        let mut divergences = claims.divergences;
        if !has_content_type {
            divergences.add(Divergence::NoContentType);
        }
        if !has_certificates {
            divergences.add(Divergence::KeyId);
        }
        Ok(Self {
            signer,
            nonce,
            nonce_at,
            debug,
            issuer: claims.issuer,
            id: claims.id,
            ueid: claims.ueid,
            oem_id: claims.oem_id,
            hardware_model: claims.hardware_model,
            uptime: claims.uptime,
            boot_count: claims.boot_count,
            boot_seed: claims.boot_seed,
            rim_locators: claims.rim_locators,
            ignored: claims.ignored,
            measurements,
            divergences,
        })
    }

    /// Whether the nonce is one of those that were sent: that of the GET_MEASUREMENTS which carried the token, or one of the
    /// caller's. Without one of them none is.
    ///
    /// # Errors
    /// [`Rule::Nonce`].
    pub fn check_nonce(&self, sent: &[&[u8]]) -> Result<()> {
        if sent.contains(&self.nonce) {
            Ok(())
        } else {
            Err(ReadError::new(Rule::Nonce, "eat_nonce", self.nonce_at))
        }
    }

    /// Where it differs from the profile.
    pub fn divergences(&self) -> impl Iterator<Item = Divergence> + use<> {
        let Divergences(bits) = self.divergences;
        Divergence::ALL.into_iter().filter(move |divergence| bits & divergence.bit() != 0)
    }

    /// Its concise evidence, at least one.
    pub fn evidence(&self) -> impl Iterator<Item = ConciseEvidence<'a>> + use<'a> {
        let items = self.measurements.elements("measurements").ok();
        items.into_iter().flatten().filter_map(|item| {
            let mut evidence = None;
            read_measurement(&mut item.ok()?.reader(), &mut |read, _| evidence = Some(read))
                .ok()?;
            evidence
        })
    }
}

impl<'a> Claims<'a> {
    fn read_one(
        &mut self,
        reader: &mut Reader<'a>,
        label: Label<'a>,
        dialect: Dialect,
    ) -> Result<()> {
        let Label::Number(number) = label else { return self.ignore(reader) };
        match number {
            claim::ISS => self.issuer = Some(reader.text("iss")?),
            claim::CTI => self.id = Some(reader.bytes("cti")?),
            claim::NONCE => self.nonce = Some(read_nonce(reader)?),
            claim::UEID => self.ueid = Some(reader.bytes("ueid")?),
            claim::OEM_ID => {
                self.oem_id = Some(match reader.peek("oemid")? {
                    Type::Bytes => OemId::Bytes(reader.bytes("oemid")?),
                    _ => OemId::Enterprise(reader.uint("oemid")?),
                });
            }
            claim::HARDWARE_MODEL => self.hardware_model = Some(reader.bytes("hwmodel")?),
            claim::UPTIME => self.uptime = Some(reader.uint("uptime")?),
            claim::DEBUG_STATUS => self.debug = Some(DebugStatus::read(reader)?),
            claim::PROFILE => self.read_profile(reader, dialect)?,
            claim::BOOT_COUNT => self.boot_count = Some(reader.uint("bootcount")?),
            claim::BOOT_SEED => self.boot_seed = Some(reader.bytes("bootseed")?),
            claim::MEASUREMENTS => self.read_measurements(reader)?,
            claim::RIM_LOCATORS => self.rim_locators = Some(RimLocators::read(reader)?),
            _ => self.ignore(reader)?,
        }
        Ok(())
    }

    fn ignore(&mut self, reader: &mut Reader<'a>) -> Result<()> {
        self.ignored = self.ignored.saturating_add(1);
        reader.skip("claims")
    }

    /// The OID of OCP's profile: its content, or in tag 111, and as text in either.
    fn read_profile(&mut self, reader: &mut Reader<'a>, dialect: Dialect) -> Result<()> {
        let item = reader.item("eat_profile")?;
        let wrong = |rule| ReadError::new(rule, "eat_profile", item.at());
        let mut inner = item.reader();
        if inner.peek("eat_profile")? == Type::Tag {
            inner.expect_tag(111, "eat_profile").map_err(|_| wrong(Rule::EatProfile))?;
            self.divergences.add(Divergence::ProfileTagged);
        }
        // A URI is another profile.
        let bytes = inner.bytes("eat_profile").map_err(|_| wrong(Rule::EatProfile))?;
        if bytes == PROFILE_TEXT {
            if dialect == Dialect::Strict {
                return Err(wrong(Rule::EatProfileText));
            }
            self.divergences.add(Divergence::ProfileText);
        } else if bytes != PROFILE {
            return Err(wrong(Rule::EatProfile));
        }
        self.has_profile = true;
        Ok(())
    }

    fn read_measurements(&mut self, reader: &mut Reader<'a>) -> Result<()> {
        let item = reader.item("measurements")?;
        let (mut count, mut known, mut ignored) = (0_u32, 0_u32, 0_u32);
        let mut is_untagged = false;
        item.reader().array("measurements", |reader| {
            count = count.saturating_add(1);
            read_measurement(reader, &mut |evidence, is_tagged| {
                known = known.saturating_add(1);
                ignored = ignored.saturating_add(evidence.ignored());
                is_untagged |= !is_tagged;
            })
        })?;
        if known == 0 {
            return Err(ReadError::new(Rule::NoMeasurements, "measurements", item.at()));
        }
        if is_untagged {
            self.divergences.add(Divergence::EvidenceUntagged);
        }
        let others = ignored.saturating_add(count.saturating_sub(known));
        self.ignored = self.ignored.saturating_add(others);
        self.measurements = Some(item);
        Ok(())
    }
}

/// `eat_nonce`: 8 to 64 bytes, with its offset.
pub(crate) fn read_nonce<'a>(reader: &mut Reader<'a>) -> Result<(&'a [u8], usize)> {
    let at = reader.at();
    let nonce = reader.bytes("eat_nonce")?;
    match nonce.len() {
        8..=64 => Ok((nonce, at)),
        _ => Err(ReadError::new(Rule::NonceLength, "eat_nonce", at)),
    }
}

/// `[type, bstr]`; tells `each` concise evidence, and whether it is tagged.
fn read_measurement<'a>(
    reader: &mut Reader<'a>,
    each: &mut dyn FnMut(ConciseEvidence<'a>, bool),
) -> Result<()> {
    let (mut kind, mut is_there) = (None, false);
    let at = reader.at();
    reader.array("measurements", |reader| match kind {
        None => {
            kind = Some(reader.label("measurements")?);
            Ok(())
        }
        Some(_) if is_there => Err(reader.error(Rule::Excess, "measurements")),
        Some(Label::Number(CONCISE_EVIDENCE) | Label::Name("application/ce+cbor")) => {
            is_there = true;
            let mut inside = reader.embedded("measurements")?;
            let (evidence, is_tagged) = ConciseEvidence::read_either(&mut inside)?;
            inside.finish("concise-evidence")?;
            each(evidence, is_tagged);
            Ok(())
        }
        Some(_) => {
            is_there = true;
            reader.skip("measurements")
        }
    })?;
    if is_there { Ok(()) } else { Err(ReadError::new(Rule::Missing, "measurements", at)) }
}
