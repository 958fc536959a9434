//! Object identifiers.

use core::fmt;

use const_oid::ObjectIdentifier;

/// An object identifier; `Display` writes it dotted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Oid<'a>(&'a [u8]);

impl<'a> Oid<'a> {
    /// No object identifier at all.
    pub(crate) const EMPTY: Self = Self(&[]);

    /// From the content octets of its DER encoding; `None` where X.690 §8.19 is broken.
    ///
    /// `const_oid::ObjectIdentifierRef` draws another line: it refuses arcs beyond 32 bits (UUIDs) and first octets
    /// above 119 (`2.999`), and accepts arcs that begin with a padding octet, which X.690 §8.19.2 forbids.
    #[must_use]
    pub fn from_content(content: &'a [u8]) -> Option<Self> {
        let mut starts_arc = true;
        for byte in content {
            if starts_arc && *byte == 0x80 {
                return None; // a leading zero digit
            }
            starts_arc = byte & 0x80 == 0;
        }
        (starts_arc && !content.is_empty()).then_some(Self(content))
    }

    /// From the content octets of an OBJECT IDENTIFIER that was checked.
    pub(crate) const fn from_checked(content: &'a [u8]) -> Self {
        Self(content)
    }

    /// The name in its specification, where this crate knows it: `ecdsa-with-SHA384`, `id-kp-serverAuth`.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.find(NAMES)
    }

    /// What a table has for it.
    pub(crate) fn find<T: Copy>(self, table: &[(Oid<'static>, T)]) -> Option<T> {
        table.iter().find(|(oid, _)| *oid == self).map(|(_, value)| *value)
    }

    /// Whether it is one of TCG's for DICE certificates.
    pub(crate) fn is_dice(self) -> bool {
        self.0.len() > Oid::DICE.0.len() && self.0.starts_with(Oid::DICE.0)
    }

    /// The content octets of the DER encoding.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl Oid<'static> {
    const fn known(oid: &'static ObjectIdentifier) -> Self {
        Self(oid.as_bytes())
    }
}

macro_rules! known {
    ($($(#[doc = $doc:literal])* $vis:vis $name:ident = $dotted:literal;)+) => {
        impl Oid<'static> {
            $($(#[doc = $doc])* $vis const $name: Self = {
                const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap($dotted);
                Self::known(&OID)
            };)+
        }
    };
}

known! {
    /// id-DMTF-device-info: the DMTF otherName.
    pub DMTF_DEVICE_INFO = "1.3.6.1.4.1.412.274.1";
    /// id-DMTF-hardware-identity.
    pub DMTF_HARDWARE_IDENTITY = "1.3.6.1.4.1.412.274.2";
    /// id-DMTF-eku-responder-auth.
    pub DMTF_RESPONDER_AUTH = "1.3.6.1.4.1.412.274.3";
    /// id-DMTF-eku-requester-auth.
    pub DMTF_REQUESTER_AUTH = "1.3.6.1.4.1.412.274.4";
    /// id-DMTF-mutable-certificate.
    pub DMTF_MUTABLE_CERTIFICATE = "1.3.6.1.4.1.412.274.5";
    /// id-DMTF-SPDM-extension.
    pub DMTF_SPDM_EXTENSION = "1.3.6.1.4.1.412.274.6";
    /// PCI-SIG's otherName of Component Measurement and Authentication.
    pub PCI_CMA = "2.23.147";
    /// tcg-dice-TcbInfo.
    pub TCB_INFO = "2.23.133.5.4.1";
    /// tcg-dice-MultiTcbInfo.
    pub MULTI_TCB_INFO = "2.23.133.5.4.5";
    pub(crate) DICE = "2.23.133.5.4";
    pub(crate) NAME_CONSTRAINTS = "2.5.29.30";
    pub(crate) BASIC_CONSTRAINTS = "2.5.29.19";
    pub(crate) KEY_USAGE = "2.5.29.15";
    pub(crate) EXTENDED_KEY_USAGE = "2.5.29.37";
    pub(crate) SUBJECT_ALT_NAME = "2.5.29.17";
    pub(crate) EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
    pub(crate) EC_PUBLIC_KEY = "1.2.840.10045.2.1";
    pub(crate) P256 = "1.2.840.10045.3.1.7";
    pub(crate) P384 = "1.3.132.0.34";
    pub(crate) P521 = "1.3.132.0.35";
    pub(crate) RSA_ENCRYPTION = "1.2.840.113549.1.1.1";
    pub(crate) ED25519 = "1.3.101.112";
    pub(crate) ML_DSA_44 = "2.16.840.1.101.3.4.3.17";
    pub(crate) ML_DSA_65 = "2.16.840.1.101.3.4.3.18";
    pub(crate) ML_DSA_87 = "2.16.840.1.101.3.4.3.19";
    pub(crate) ECDSA_SHA256 = "1.2.840.10045.4.3.2";
    pub(crate) ECDSA_SHA384 = "1.2.840.10045.4.3.3";
    pub(crate) ECDSA_SHA512 = "1.2.840.10045.4.3.4";
    pub(crate) RSA_SHA256 = "1.2.840.113549.1.1.11";
    pub(crate) RSA_SHA384 = "1.2.840.113549.1.1.12";
    pub(crate) RSA_SHA512 = "1.2.840.113549.1.1.13";
    pub(crate) RSA_PSS = "1.2.840.113549.1.1.10";
    pub(crate) ANY_PURPOSE = "2.5.29.37.0";
    pub(crate) SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    pub(crate) CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    pub(crate) OCSP_SIGNING = "1.3.6.1.5.5.7.3.9";
    pub(crate) MGF1 = "1.2.840.113549.1.1.8";
    pub(crate) SHA256 = "2.16.840.1.101.3.4.2.1";
    pub(crate) SHA384 = "2.16.840.1.101.3.4.2.2";
    pub(crate) SHA512 = "2.16.840.1.101.3.4.2.3";
    pub(crate) COMMON_NAME = "2.5.4.3";
    pub(crate) SERIAL_NUMBER = "2.5.4.5";
    pub(crate) COUNTRY = "2.5.4.6";
    pub(crate) LOCALITY = "2.5.4.7";
    pub(crate) STATE = "2.5.4.8";
    pub(crate) ORGANIZATION = "2.5.4.10";
    pub(crate) ORGANIZATIONAL_UNIT = "2.5.4.11";
    pub(crate) EMAIL = "1.2.840.113549.1.9.1";
    pub(crate) DOMAIN_COMPONENT = "0.9.2342.19200300.100.1.25";
}

/// Names for those that are shown. Attribute types have their own: see `Name`.
const NAMES: &[(Oid<'static>, &str)] = &[
    (Oid::DMTF_DEVICE_INFO, "id-DMTF-device-info"),
    (Oid::DMTF_HARDWARE_IDENTITY, "id-DMTF-hardware-identity"),
    (Oid::DMTF_RESPONDER_AUTH, "id-DMTF-eku-responder-auth"),
    (Oid::DMTF_REQUESTER_AUTH, "id-DMTF-eku-requester-auth"),
    (Oid::DMTF_MUTABLE_CERTIFICATE, "id-DMTF-mutable-certificate"),
    (Oid::DMTF_SPDM_EXTENSION, "id-DMTF-SPDM-extension"),
    (Oid::PCI_CMA, "PCIe CMA"),
    (Oid::TCB_INFO, "tcg-dice-TcbInfo"),
    (Oid::MULTI_TCB_INFO, "tcg-dice-MultiTcbInfo"),
    (Oid::ED25519, "id-Ed25519"),
    (Oid::ML_DSA_44, "id-ml-dsa-44"),
    (Oid::ML_DSA_65, "id-ml-dsa-65"),
    (Oid::ML_DSA_87, "id-ml-dsa-87"),
    (Oid::ECDSA_SHA256, "ecdsa-with-SHA256"),
    (Oid::ECDSA_SHA384, "ecdsa-with-SHA384"),
    (Oid::ECDSA_SHA512, "ecdsa-with-SHA512"),
    (Oid::RSA_SHA256, "sha256WithRSAEncryption"),
    (Oid::RSA_SHA384, "sha384WithRSAEncryption"),
    (Oid::RSA_SHA512, "sha512WithRSAEncryption"),
    (Oid::RSA_PSS, "id-RSASSA-PSS"),
    (Oid::ANY_PURPOSE, "anyExtendedKeyUsage"),
    (Oid::SERVER_AUTH, "id-kp-serverAuth"),
    (Oid::CLIENT_AUTH, "id-kp-clientAuth"),
    (Oid::OCSP_SIGNING, "id-kp-OCSPSigning"),
];

impl fmt::Display for Oid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Arcs of up to 128 bits (UUIDs) are written as numbers; anything longer in hexadecimal.
        let mut first = true;
        let arcs = self.0.split_inclusive(|byte| byte & 0x80 == 0);
        for digits in arcs {
            let arc = digits.iter().try_fold(0_u128, |arc, digit| {
                arc.checked_mul(0x80).map(|high| high | u128::from(digit & 0x7F))
            });
            match arc {
                Some(arc) if first => {
                    let root = (arc / 40).min(2);
                    write!(f, "{root}.{}", arc - root * 40)?;
                }
                Some(arc) => write!(f, ".{arc}")?,
                None => {
                    f.write_str(if first { "0x" } else { ".0x" })?;
                    digits.iter().try_for_each(|digit| write!(f, "{digit:02x}"))?;
                }
            }
            first = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Oid;
    use std::string::ToString;

    #[test]
    fn dotted() {
        for (oid, text) in [
            (Oid::PCI_CMA, "2.23.147"),
            (Oid::DMTF_SPDM_EXTENSION, "1.3.6.1.4.1.412.274.6"),
            (Oid::DOMAIN_COMPONENT, "0.9.2342.19200300.100.1.25"),
            (Oid(&[0x88, 0x37]), "2.999"),
        ] {
            assert_eq!(oid.to_string(), text);
        }
        let long = Oid::from_content(&[
            0x2A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F,
        ]);
        assert!(long.unwrap().to_string().starts_with("1.2.0xffff"));
    }

    #[test]
    fn names() {
        assert_eq!(Oid::ECDSA_SHA384.name(), Some("ecdsa-with-SHA384"));
        assert_eq!(Oid(&[0x2A]).name(), None);
    }

    /// Why this type is not `const_oid::ObjectIdentifierRef`. Should one of these change, it could be.
    #[test]
    fn const_oid_draws_another_line() {
        let uuid = [&[0x69][..], &[0xFF; 17], &[0x7F]].concat();
        for (content, is_good) in
            [(&uuid[..], true), (&[0x88, 0x37], true), (&[0x2A, 0x80, 0x01], false)]
        {
            assert_eq!(Oid::from_content(content).is_some(), is_good);
            assert_eq!(const_oid::ObjectIdentifierRef::from_bytes(content).is_ok(), !is_good);
        }
        for content in [&[][..], &[0x2A, 0x81]] {
            assert!(const_oid::ObjectIdentifierRef::from_bytes(content).is_err());
        }
    }

    #[test]
    fn malformed_content_is_refused() {
        for content in [&[][..], &[0x80, 0x01], &[0x2A, 0x80, 0x01], &[0x2A, 0x81]] {
            assert_eq!(Oid::from_content(content), None);
        }
        assert!(Oid::from_content(&[0x2A, 0x81, 0x01]).is_some());
    }
}
