//! Who signed reference values, and whether the caller trusts them.

use spdm_crypto::Provider;
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, Demand, Profile, ProvisionedKey, ValidityCheck};

use crate::cbor::{Item, Label, Reader, Result};
use crate::cose::{Scheme, Sign1};
use crate::dialect::Form;
use crate::error::{Error, ReadError, Rule};
use crate::state::Authority;
use crate::validity::{Validity, read_seconds};
use crate::x5chain::{self, ChainSigner};

/// What the leaf of a signer of reference values or of a token must say: keyUsage with digitalSignature. All else is as
/// strict as for a device.
pub const REFERENCE_SIGNER: Profile = Profile {
    basic_constraints: Demand::Never,
    key_usage: Demand::Always,
    responder_role: Demand::Never,
    hardware_identity: Demand::Never,
    ..Profile::STRICT
};

/// Whose reference values are taken. It is apart from whom devices are trusted by: an anchor for devices is none here,
/// unless the caller says so.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it field by field")]
pub struct ReferenceTrust<'t> {
    /// Hashes and verifies.
    pub provider: &'t Provider,
    /// Roots of signers of reference values.
    pub anchors: &'t [Anchor<'t>],
    /// Keys of signers, for files that bring no certificates.
    pub keys: &'t [ReferenceKey<'t>],
    /// The time to hold validities against: of files and of certificates.
    pub validity: ValidityCheck,
}

/// A key that the caller trusts to sign reference values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct ReferenceKey<'t> {
    /// The DER SubjectPublicKeyInfo.
    pub key_info: &'t [u8],
    /// The `kid` that a file must have; any or none where this is `None`.
    pub id: Option<&'t [u8]>,
}

/// What a signature that was verified is over.
pub(crate) struct Verified<'a> {
    pub(crate) payload: Reader<'a>,
    pub(crate) authority: Authority<'a>,
    pub(crate) has_old_content_type: bool,
}

/// Verifies a signed CoRIM: what tag 18 holds.
pub(crate) fn verify<'a>(
    message: Item<'a>,
    form: Form,
    trust: &ReferenceTrust<'_>,
    scratch: &mut [u8],
) -> core::result::Result<Verified<'a>, Error> {
    let sign1 = Sign1::read(message)?;
    let has_old_content_type = check_content_type(&sign1)?;
    let signer = read_signer(&sign1, form, trust.validity)?;
    let chain =
        sign1.headers.x5chain.filter(|_| !trust.anchors.is_empty() || trust.keys.is_empty());
    let authority = match chain {
        Some(chain) => {
            let ChainSigner { certificate, anchor } =
                x5chain::verify(&sign1, chain, trust, scratch)?;
            Authority::Chain { signer, certificate, anchor }
        }
        None => verify_by_key(&sign1, signer, trust, scratch)?,
    };
    Ok(Verified { payload: sign1.payload, authority, has_old_content_type })
}

/// Whether the content type is that of drafts up to 06.
fn check_content_type(sign1: &Sign1<'_>) -> Result<bool> {
    let missing = ReadError::new(Rule::ContentType, "content-type", sign1.headers.at);
    let item = sign1.headers.content_type.ok_or(missing)?;
    match item.reader().label("content-type")? {
        Label::Name("application/rim+cbor") => Ok(false),
        Label::Name("application/corim-unsigned+cbor") => Ok(true),
        _ => Err(ReadError::new(Rule::ContentType, "content-type", item.at())),
    }
}

/// Who signed: a name, and until when it holds.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Claimed<'a> {
    name: &'a str,
    validity: Validity,
}

/// The name of the signer, by `corim-meta`, `CWT-Claims` or both; holds their times against the caller's.
fn read_signer<'a>(sign1: &Sign1<'a>, form: Form, now: ValidityCheck) -> Result<&'a str> {
    let headers = &sign1.headers;
    let meta = headers.meta.map(|item| read_meta(item, form)).transpose()?;
    let cwt = headers.cwt.map(read_cwt).transpose()?;
    let both = [meta, cwt];
    for claimed in both.iter().flatten() {
        claimed.validity.check(now)?;
    }
    match both {
        [Some(meta), Some(cwt)] => {
            let times =
                |claimed: &Claimed<'_>| (claimed.validity.not_before, claimed.validity.not_after);
            if meta.name == cwt.name && times(&meta) == times(&cwt) {
                Ok(meta.name)
            } else {
                Err(ReadError::new(Rule::MetaDiffers, "CWT-Claims", cwt.validity.at))
            }
        }
        [Some(claimed), None] | [None, Some(claimed)] => Ok(claimed.name),
        [None, None] => Err(ReadError::new(Rule::MetaMissing, "corim-meta", headers.at)),
    }
}

/// `corim-meta`: `bstr .cbor {0: {0: name, ?1: uri}, ?1: validity}`. The sample tool leaves the byte string out, and writes
/// a list of signers.
fn read_meta<'a>(item: Item<'a>, form: Form) -> Result<Claimed<'a>> {
    let at = item.at();
    let is_sample = form == Form::Sample && item.reader().bytes("corim-meta").is_err();
    let mut reader =
        if is_sample { item.reader() } else { item.reader().embedded("corim-meta")? };
    let (mut name, mut validity) = (None, None);
    reader.map("corim-meta", |reader, label| {
        match label {
            Label::Number(0) if is_sample => {
                reader.array("signer", |reader| read_signer_name(reader, &mut name))?;
            }
            Label::Number(0) => read_signer_name(reader, &mut name)?,
            Label::Number(1) => validity = Some(Validity::read(reader, "signature-validity")?),
            _ => reader.skip("corim-meta")?,
        }
        Ok(())
    })?;
    reader_finish(&reader, is_sample)?;
    let name = name.ok_or_else(|| ReadError::new(Rule::Missing, "signer-name", at))?;
    let none = Validity { field: "signature-validity", at, not_before: None, not_after: None };
    Ok(Claimed { name, validity: validity.unwrap_or(none) })
}

/// Nothing may follow in a document of its own.
fn reader_finish(reader: &Reader<'_>, is_sample: bool) -> Result<()> {
    if is_sample { Ok(()) } else { reader.finish("corim-meta") }
}

fn read_signer_name<'a>(reader: &mut Reader<'a>, name: &mut Option<&'a str>) -> Result<()> {
    reader.map("signer", |reader, label| {
        match label {
            Label::Number(0) => *name = Some(reader.text("signer-name")?),
            _ => reader.skip("signer")?,
        }
        Ok(())
    })?;
    Ok(())
}

/// `CWT-Claims`: `{1: iss, ?2: sub, ?4: exp, ?5: nbf}` (RFC 8392).
fn read_cwt<'a>(item: Item<'a>) -> Result<Claimed<'a>> {
    let at = item.at();
    let mut name = None;
    let mut validity = Validity { field: "CWT-Claims", at, not_before: None, not_after: None };
    item.reader().map("CWT-Claims", |reader, label| {
        match label {
            Label::Number(1) => name = Some(reader.text("iss")?),
            Label::Number(4) => validity.not_after = Some(read_seconds(reader, "exp")?),
            Label::Number(5) => validity.not_before = Some(read_seconds(reader, "nbf")?),
            _ => reader.skip("CWT-Claims")?,
        }
        Ok(())
    })?;
    let name = name.ok_or_else(|| ReadError::new(Rule::Missing, "iss", at))?;
    Ok(Claimed { name, validity })
}

/// Verifies with the first of the caller's keys that fits.
fn verify_by_key<'a>(
    sign1: &Sign1<'a>,
    signer: &'a str,
    trust: &ReferenceTrust<'_>,
    scratch: &mut [u8],
) -> Result<Authority<'a>> {
    let mut last = ReadError::new(Rule::NoKey, "x5chain", sign1.headers.at);
    for (key, ReferenceKey { key_info, id }) in trust.keys.iter().enumerate() {
        if id.is_some_and(|id| sign1.headers.kid != Some(id)) {
            continue;
        }
        match verify_with(sign1, key_info, trust.provider, scratch) {
            Ok(()) => return Ok(Authority::Key { signer, key }),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Verifies with this DER SubjectPublicKeyInfo.
pub(crate) fn verify_with(
    sign1: &Sign1<'_>,
    key_info: &[u8],
    provider: &Provider,
    scratch: &mut [u8],
) -> Result<()> {
    let at = sign1.headers.at;
    for scheme in sign1.headers.algorithm.schemes() {
        let Scheme { asym, hash } = scheme;
        match ProvisionedKey::parse(Untrusted::new(key_info), asym, hash, provider) {
            Ok(key) => return sign1.verify(scheme, key.key(), provider, scratch),
            Err(error) if error.rule == spdm_x509::Rule::KeyAlgorithm => {}
            Err(error) if error.rule == spdm_x509::Rule::UnsupportedAsym => {
                return Err(ReadError::new(Rule::AlgBackend, "alg", at));
            }
            Err(_) => return Err(ReadError::new(Rule::Key, "key", at)),
        }
    }
    Err(ReadError::new(Rule::AlgKey, "alg", at))
}
