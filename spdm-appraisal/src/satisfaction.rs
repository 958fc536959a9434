//! Whether what is claimed of an element satisfies what is expected of it.

use core::fmt;

use spdm_crypto::Provider;

use crate::claims::{Claims, Flags, IntRange, RawValue, Registers, Svn};
use crate::keys::{EvidenceKey, KeyList};
use crate::state::ReferenceValue;

/// The first attribute of a reference value that an element does not satisfy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Difference {
    /// The evidence has no such element.
    NoElement,
    /// No key that vouches for the evidence is the one in authorized-by.
    AuthorizedBy,
    /// An attribute that this crate does not know, or one that needs a profile.
    Unknown,
    /// Nothing is expected, which nothing satisfies.
    Nothing,
    /// DMTFSpecMeasurementValueType.
    MeasurementType,
    /// `version`.
    Version,
    /// `svn`.
    Svn,
    /// `digests`.
    Digests,
    /// `flags`.
    Flags,
    /// `raw-value`.
    RawValue,
    /// `mac-addr`, `ip-addr`, `serial-number`, `ueid`, `uuid` or `name`.
    Identity,
    /// `cryptokeys`.
    CryptoKeys,
    /// `integrity-registers`.
    Registers,
    /// `int-range`.
    IntRange,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoElement => "there is no such element",
            Self::AuthorizedBy => "authorized-by is a key that does not vouch for the evidence",
            Self::Unknown => "an attribute is expected that is not understood",
            Self::Nothing => "no attribute is expected",
            Self::MeasurementType => "the type of the measurement is another one",
            Self::Version => "version differs",
            Self::Svn => "svn is not the expected one",
            Self::Digests => "digests differ, or have no algorithm in common",
            Self::Flags => "flags differ",
            Self::RawValue => "raw-value differs",
            Self::Identity => "an address, serial number, identifier or name differs",
            Self::CryptoKeys => "cryptokeys differ",
            Self::Registers => "integrity-registers differ",
            Self::IntRange => "the integer is outside of int-range",
        })
    }
}

/// Every attribute that is expected must be there and satisfied; what the evidence says beyond is ignored.
///
/// # Errors
/// The first [`Difference`].
pub(crate) fn satisfy(
    expected: &ReferenceValue<'_>,
    got: &Claims<'_>,
    keys: &[EvidenceKey<'_>],
    provider: &Provider,
) -> Result<(), Difference> {
    let claims = &expected.claims;
    if claims.unknown.is_some() || claims.indirect.is_some() {
        return Err(Difference::Unknown);
    }
    if claims.is_nothing() {
        return Err(Difference::Nothing);
    }
    let checks = [
        (Difference::AuthorizedBy, authorized(expected.authorized_by, keys, provider)),
        (Difference::MeasurementType, is_equal(&claims.measurement_type, &got.measurement_type)),
        (Difference::Version, is_equal(&claims.version, &got.version)),
        (Difference::Svn, has(claims.svn, got.svn, svn_is_satisfied)),
        (Difference::Digests, has(claims.digests, got.digests, |e, g| e.agree(&g))),
        (Difference::Flags, has(claims.flags, got.flags, flags_are_satisfied)),
        (Difference::RawValue, has(claims.raw, got.raw, raw_is_satisfied)),
        (Difference::Identity, identities_are_equal(claims, got)),
        (Difference::CryptoKeys, has(claims.keys, got.keys, |e, g| e.iter().eq(g.iter()))),
        (Difference::Registers, has(claims.registers, got.registers, registers_are_satisfied)),
        (Difference::IntRange, has(claims.int_range, got.int_range, is_inside)),
    ];
    let broken = checks.into_iter().find(|(_, holds)| !holds);
    broken.map_or(Ok(()), |(difference, _)| Err(difference))
}

/// What is not expected is satisfied; what is expected and not there is not.
fn has<T>(expected: Option<T>, got: Option<T>, satisfies: impl FnOnce(T, T) -> bool) -> bool {
    match (expected, got) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(expected), Some(got)) => satisfies(expected, got),
    }
}

fn is_equal<T: PartialEq>(expected: &Option<T>, got: &Option<T>) -> bool {
    expected.is_none() || expected == got
}

/// Each key must be among those that vouch for the evidence.
fn authorized(wanted: Option<KeyList<'_>>, keys: &[EvidenceKey<'_>], provider: &Provider) -> bool {
    wanted.is_none_or(|wanted| {
        wanted.iter().all(|wanted| keys.iter().any(|key| wanted.is(key, provider)))
    })
}

/// What is only known to be at least something, satisfies the same demand and no other.
fn svn_is_satisfied(expected: Svn, got: Svn) -> bool {
    match (expected, got) {
        (Svn::AtLeast(least), Svn::Exact(svn)) => svn >= least,
        (expected, got) => expected == got,
    }
}

const fn flags_are_satisfied(expected: Flags, got: Flags) -> bool {
    let present = expected.present;
    present & got.present == present && (expected.set ^ got.set) & present == 0
}

fn raw_is_satisfied(expected: RawValue<'_>, got: RawValue<'_>) -> bool {
    if got.mask.is_some() || expected.value.len() != got.value.len() {
        return false;
    }
    let Some(mask) = expected.mask else { return expected.value == got.value };
    let pairs = expected.value.iter().zip(got.value);
    mask.len() == got.value.len() && pairs.zip(mask).all(|((e, g), mask)| (e ^ g) & mask == 0)
}

fn identities_are_equal(expected: &Claims<'_>, got: &Claims<'_>) -> bool {
    is_equal(&expected.mac, &got.mac)
        && is_equal(&expected.ip, &got.ip)
        && is_equal(&expected.serial, &got.serial)
        && is_equal(&expected.ueid, &got.ueid)
        && is_equal(&expected.uuid, &got.uuid)
        && is_equal(&expected.name, &got.name)
}

fn registers_are_satisfied(expected: Registers<'_>, got: Registers<'_>) -> bool {
    expected.all(|id, digests| got.get(id).is_some_and(|got| digests.agree(&got)))
}

fn is_inside(expected: IntRange, got: IntRange) -> bool {
    let above = expected.min.is_none_or(|min| got.min.is_some_and(|got| got >= min));
    let below = expected.max.is_none_or(|max| got.max.is_some_and(|got| got <= max));
    above && below
}
