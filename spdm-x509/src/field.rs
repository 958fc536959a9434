//! Which field of a certificate a byte belongs to.

use crate::check::Check;
use crate::defect::Defect;
use crate::error::ChainError;
use crate::rule::Rule;
use crate::tlv::{RawElement, explicit, implicit};

/// The error of `check` in the certificate `der`, which starts `base` bytes into the chain: it names the field that
/// the place lies in where the rule itself is about no particular one.
pub(crate) fn certificate_error(
    defect: Defect,
    check: Check,
    base: usize,
    der: &[u8],
) -> ChainError {
    let error = defect.during(check, base, der);
    match (defect.rule, defect.offset_in(der)) {
        (
            Rule::Der
            | Rule::Nesting
            | Rule::TooManyElements
            | Rule::CertificateSyntax
            | Rule::NameSyntax,
            Some(at),
        ) => ChainError { field: field_at(der, at), ..error },
        _ => error,
    }
}

const CERTIFICATE: [&str; 3] = ["tbsCertificate", "signatureAlgorithm", "signatureValue"];
/// The fields of TBSCertificate from serialNumber on, up to those that are optional.
const TBS: [&str; 6] =
    ["serialNumber", "signature", "issuer", "validity", "subject", "subjectPublicKeyInfo"];

/// The field of the certificate `der` that the byte `at` belongs to, as far as the encoding can be followed.
fn field_at(der: &[u8], at: usize) -> &'static str {
    let Ok((certificate, _)) = RawElement::split(der) else { return "Certificate" };
    match find(certificate, at) {
        (0, Some(tbs), at @ 1..) => tbs_field_at(tbs, at),
        (index, ..) => CERTIFICATE.get(index).copied().unwrap_or("Certificate"),
    }
}

fn tbs_field_at(tbs: RawElement<'_>, at: usize) -> &'static str {
    let first = tbs.inside().read().ok().flatten();
    let has_version = first.is_some_and(|first| first.tag() == explicit(0));
    let (index, element, _) = find(tbs, at);
    if has_version && index == 0 {
        return "version";
    }
    match (TBS.get(index - usize::from(has_version)), element.map(RawElement::tag)) {
        (Some(name), _) => name,
        (None, Some(tag)) if tag == implicit(1) => "issuerUniqueID",
        (None, Some(tag)) if tag == implicit(2) => "subjectUniqueID",
        (None, Some(tag)) if tag == explicit(3) => "extensions",
        (None, _) => "tbsCertificate",
    }
}

/// Of the elements inside of `parent`, how many come before the one that its byte `at` lies in, that one where
/// its header can be read, and which of its bytes it is. The header of `parent` counts for its first element.
fn find(parent: RawElement<'_>, at: usize) -> (usize, Option<RawElement<'_>>, usize) {
    let mut fields = parent.inside();
    let mut at = at.saturating_sub(parent.encoded().len() - fields.remaining().len());
    let mut before = 0;
    loop {
        match fields.read() {
            Ok(Some(element)) if at >= element.encoded().len() => {
                at -= element.encoded().len();
                before += 1;
            }
            Ok(element) => return (before, element, at),
            Err(_) => return (before, None, at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::field_at;
    use crate::testing::certificates;
    use std::vec::Vec;

    #[test]
    fn every_byte_belongs_to_a_field() {
        let der = certificates(0).remove(1);
        let mut names: Vec<_> = (0..der.len()).map(|at| field_at(&der, at)).collect();
        names.dedup();
        let expected = [
            "tbsCertificate",
            "version",
            "serialNumber",
            "signature",
            "issuer",
            "validity",
            "subject",
            "subjectPublicKeyInfo",
            "extensions",
            "signatureAlgorithm",
            "signatureValue",
        ];
        assert_eq!(names, expected);
        assert_eq!(field_at(&der, der.len()), "Certificate");
        assert_eq!(field_at(&[0x30], 0), "Certificate");
    }
}
