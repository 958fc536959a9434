//! What a requester would like to see in a certification request: RequesterInfo of GET_CSR.

use spdm_untrusted::Untrusted;

use crate::check::Check;
use crate::defect::Defect;
use crate::error::ChainError;
use crate::name::Name;
use crate::rule::Rule;
use crate::tlv::{Budget, Checked, Tag, explicit};

/// A CertificationRequestInfo (RFC 2986 §4.1) as RequesterInfo of GET_CSR takes it (DSP0274 §GET_CSR): subject and attributes
/// that are wanted.
///
/// ```text
/// SEQUENCE { 0, subject, subjectPKInfo, [0] attributes }
/// ```
///
/// The key of the request is the device's own whatever subjectPKInfo says, so nothing but its tag is read here.
#[derive(Clone, Copy, Debug)]
pub struct RequesterInfo<'a> {
    subject: Name<'a>,
}

impl<'a> RequesterInfo<'a> {
    /// Reads strict DER, with nothing behind it. The attributes have to be there, and may be empty.
    ///
    /// # Errors
    /// [`ChainError`] of [`Check::Format`]; its place is an offset in `der`.
    pub fn parse(der: Untrusted<&'a [u8]>) -> Result<Self, ChainError> {
        let bytes = der.into_inner_less_safe();
        Self::read(bytes).map_err(|defect| defect.during(Check::Format, 0, bytes))
    }

    fn read(der: &'a [u8]) -> Result<Self, Defect> {
        let rule = Rule::RequestSyntax;
        let info = match Checked::within(&mut Budget::new(), der)? {
            checked if checked.is_empty() => return Err(Defect::new(Rule::Der, der)),
            checked => checked.only(Tag::SEQUENCE, rule)?,
        };
        let mut fields = info.inside().elements();
        let version = fields.required(Tag::INTEGER, rule)?;
        if version.content() != [0] {
            return Err(version.defect(rule));
        }
        let subject = fields.required(Tag::SEQUENCE, Rule::NameSyntax)?;
        fields.required(Tag::SEQUENCE, Rule::PublicKeySyntax)?;
        fields.required(explicit(0), rule)?;
        fields.finish(rule)?;
        Ok(Self { subject: Name::parse(subject)? })
    }

    /// The subject that is wanted.
    #[must_use]
    pub const fn subject(&self) -> Name<'a> {
        self.subject
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, RequesterInfo, Rule};
    use crate::testing::{key, name, tlv};
    use spdm_untrusted::Untrusted;
    use std::string::ToString;

    fn rule_of(der: &[u8]) -> (Rule, Option<usize>) {
        let error = RequesterInfo::parse(Untrusted::new(der)).unwrap_err();
        assert_eq!(error.check, Check::Format);
        (error.rule, error.at)
    }

    #[test]
    fn what_a_requester_may_want() {
        let spki = key("Device").to_spki_der();
        for spki in [&spki[..], &[0x30, 0]] {
            let der = tlv(0x30, &[&[2, 1, 0], &name("Wanted"), spki, &tlv(0xA0, &[])]);
            let info = RequesterInfo::parse(Untrusted::new(&der)).unwrap();
            assert_eq!(info.subject().to_string(), "CN=Wanted");
            for len in 0..der.len() {
                assert_eq!(rule_of(&der[..len]).0, Rule::Der, "{len}");
            }
            let more = [&der[..], &[5, 0]].concat();
            assert_eq!(rule_of(&more), (Rule::RequestSyntax, Some(der.len())));
        }
    }

    #[test]
    fn p5_what_is_no_requester_info() {
        let (subject, spki, none) = (name("Wanted"), [0x30, 0], tlv(0xA0, &[]));
        for (der, at) in [
            (tlv(0x30, &[&[2, 1, 1], &subject, &spki, &none]), Some(2)),
            (tlv(0x30, &[&[4, 1, 0], &subject, &spki, &none]), Some(2)),
            (tlv(0x30, &[&[2, 1, 0], &subject, &spki]), None),
            (tlv(0x30, &[&[2, 1, 0], &subject, &spki, &none, &[5, 0]]), None),
            (tlv(0x31, &[&[2, 1, 0], &subject, &spki, &none]), Some(0)),
        ] {
            let (rule, place) = rule_of(&der);
            assert_eq!(rule, Rule::RequestSyntax, "{der:02x?}");
            assert!(at.is_none() || place == at, "{der:02x?}: {place:?}");
            assert!(place.is_some(), "{der:02x?}");
        }
        let names = tlv(0x30, &[&[2, 1, 0], &[4, 0], &spki, &none]);
        assert_eq!(rule_of(&names), (Rule::NameSyntax, Some(5)));
        let keys = tlv(0x30, &[&[2, 1, 0], &subject, &[4, 0], &none]);
        assert_eq!(rule_of(&keys).0, Rule::PublicKeySyntax);
    }
}
