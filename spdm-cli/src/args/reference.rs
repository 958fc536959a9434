//! What measurements should be, and whose word counts for it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use spdm_evidence::{AssertedEnvironment, ClassId, Completeness, DeviceEnvironment};

use super::{ProfileChoice, VerifyArgs, help};
use crate::time::At;

/// Reference values.
#[derive(Args, Debug)]
pub(crate) struct ReferenceArgs {
    /// Reference measurements: JSON (docs/schema/reference.json), CoRIM, or a SWID tag of NVIDIA's (repeatable: what they
    /// allow is taken together)
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Vec<PathBuf>,
    /// Trust anchors of those who sign CoRIM files and SWID tags, PEM or DER (repeatable); those of --trust are none of
    /// them. A CoRIM file that nobody signed does not count then
    #[arg(long, value_name = "FILE|DIR", requires = "reference")]
    pub(crate) reference_trust: Vec<PathBuf>,
    /// The public key that a CoRIM file without certificates is signed by: SubjectPublicKeyInfo in DER or PEM, or a
    /// certificate
    #[arg(long, value_name = "FILE", requires = "reference")]
    pub(crate) reference_key: Option<PathBuf>,
    /// Every measurement must have a reference value
    #[arg(long, requires = "reference")]
    pub(crate) reference_complete: bool,
    /// What the device is, for reference values that are about it: vendor=NAME,model=NAME,class-id=ID, any of them,
    /// beside what its certificate says; or any: what they are about does not matter
    #[arg(long, value_name = "WHICH", requires = "reference", value_parser = environment)]
    pub(crate) environment: Option<DeviceEnvironment>,
}

impl ReferenceArgs {
    /// Whether every measurement must have a reference value.
    pub(crate) const fn completeness(&self) -> Completeness {
        if self.reference_complete { Completeness::Every } else { Completeness::Some }
    }
}

/// `spdm reference`.
#[derive(Args, Debug)]
pub(crate) struct ReferenceVerbArgs {
    #[command(subcommand)]
    pub(crate) verb: ReferenceVerb,
}

/// What to do with reference values.
#[derive(Debug, Subcommand)]
pub(crate) enum ReferenceVerb {
    /// A file of any format as JSON (docs/schema/reference.json); what JSON cannot say is named on standard error
    #[command(after_help = help::REFERENCE_SHOW)]
    Show(ReferenceShowArgs),
    /// What the measurements of a verified device should be, as JSON to be edited: from evidence, which is verified as
    /// verify does, or from a report of --json, which is taken at its word
    #[command(after_help = help::REFERENCE_MAKE)]
    Make(Box<VerifyArgs>),
}

/// `spdm reference show`.
#[derive(Args, Debug)]
pub(crate) struct ReferenceShowArgs {
    /// Reference values: JSON, CoRIM, or a SWID tag of NVIDIA's
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Trust anchors of those who sign CoRIM files and SWID tags, PEM or DER (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) reference_trust: Vec<PathBuf>,
    /// The public key that a CoRIM file without certificates is signed by: SubjectPublicKeyInfo in DER or PEM, or a
    /// certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) reference_key: Option<PathBuf>,
    /// For which device: vendor=NAME,model=NAME,class-id=ID, any of them; or any: the values for all devices together
    #[arg(long, value_name = "WHICH", value_parser = environment)]
    pub(crate) environment: Option<DeviceEnvironment>,
    /// The time of validity: RFC 3339, unix:N, now or unchecked
    #[arg(long, value_name = "TIME", value_parser = At::parse, default_value = "now")]
    pub(crate) at: At,
    /// strict, or compatible, which reads older forms
    #[arg(long, value_name = "PROFILE", default_value = "strict")]
    pub(crate) profile: ProfileChoice,
}

/// `any`, or a list of what it is.
fn environment(text: &str) -> Result<DeviceEnvironment, String> {
    if text == "any" {
        return Ok(DeviceEnvironment::Any);
    }
    let mut asserted = AssertedEnvironment::default();
    for part in text.split(',') {
        let (key, value) =
            part.split_once('=').ok_or_else(|| format!("{part:?} is neither any nor KEY=VALUE"))?;
        let is_new = match key {
            "vendor" => asserted.vendor.replace(value.to_owned()).is_none(),
            "model" => asserted.model.replace(value.to_owned()).is_none(),
            "class-id" => asserted.class_id.replace(class_id(value)?).is_none(),
            _ => return Err(format!("{key:?} is none of vendor, model and class-id")),
        };
        if !is_new {
            return Err(format!("{key} is there twice"));
        }
        if value.is_empty() {
            return Err(format!("{key} is empty"));
        }
    }
    Ok(DeviceEnvironment::Asserted(asserted))
}

/// An object identifier in dots, a UUID in its groups, or bytes in hexadecimal.
fn class_id(text: &str) -> Result<ClassId, String> {
    let wrong =
        || format!("class-id {text:?} is no object identifier (1.2.3), UUID or hexadecimal number");
    if text.contains('.') {
        return oid(text).map(ClassId::Oid).ok_or_else(wrong);
    }
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let bytes = hex::decode(text.replace('-', "")).map_err(|_| wrong())?;
    match groups[..] {
        [8, 4, 4, 4, 12] => bytes.try_into().map(ClassId::Uuid).map_err(|_| wrong()),
        [_] if !bytes.is_empty() => Ok(ClassId::Bytes(bytes)),
        _ => Err(wrong()),
    }
}

/// The content of the DER of an object identifier: the first two arcs in one number, seven bits to a byte.
fn oid(text: &str) -> Option<Vec<u8>> {
    let arcs: Option<Vec<u64>> = text.split('.').map(|arc| arc.parse().ok()).collect();
    let arcs = arcs?;
    let [first @ 0..=2, second, rest @ ..] = &arcs[..] else { return None };
    if *first < 2 && *second >= 40 {
        return None;
    }
    let joined = first.checked_mul(40)?.checked_add(*second)?;
    let mut content = Vec::new();
    for arc in core::iter::once(&joined).chain(rest) {
        let groups = (0..=9).rev().map(|at| arc >> (7 * at) & 0x7F);
        let mut groups: Vec<u8> = groups
            .skip_while(|group| *group == 0)
            .filter_map(|group| u8::try_from(group | 0x80).ok())
            .collect();
        match groups.last_mut() {
            Some(last) => *last &= 0x7F,
            None => groups.push(0),
        }
        content.append(&mut groups);
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    use spdm_evidence::{AssertedEnvironment, ClassId, DeviceEnvironment};

    use super::{class_id, environment};

    #[test]
    fn environments() {
        assert_eq!(environment("any"), Ok(DeviceEnvironment::Any));
        let asserted = AssertedEnvironment {
            vendor: Some("ACME".to_owned()),
            model: Some("WIDGET 2".to_owned()),
            class_id: Some(ClassId::Bytes(vec![0xAB])),
        };
        let read = environment("vendor=ACME,model=WIDGET 2,class-id=ab");
        assert_eq!(read, Ok(DeviceEnvironment::Asserted(asserted)));
        for wrong in [
            "",
            "all",
            "vendor",
            "vendor=",
            "vendor=a,vendor=b",
            "layer=1",
            "class-id=x",
            "any,model=x",
        ] {
            assert!(environment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn class_ids() {
        let oid = |text| match class_id(text) {
            Ok(ClassId::Oid(content)) => Some(hex::encode(content)),
            _ => None,
        };
        assert_eq!(oid("1.3.6.1.4.1.42623.1.3").as_deref(), Some("2b0601040182cc7f0103"));
        assert_eq!(oid("2.999.0").as_deref(), Some("883700"));
        for wrong in ["1.40.1", "3.1.1", "1.", "1.x", "1.18446744073709551616"] {
            assert_eq!(oid(wrong), None, "{wrong}");
        }
        let uuid = class_id("00112233-4455-6677-8899-aabbccddeeff");
        assert!(matches!(uuid, Ok(ClassId::Uuid([0, 0x11, ..]))));
        assert!(class_id("0011-2233").is_err() && class_id("abc").is_err());
    }
}
