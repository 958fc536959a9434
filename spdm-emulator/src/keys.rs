//! The private keys of a device: made from its seed, or one of the RSA keys in the folder `keys`.

use core::fmt;

use spdm_codec::SlotId;
use spdm_crypto::rustcrypto::{KeyError, SoftwareKey};
use spdm_crypto::{AsymAlgorithm, RsaBits};

use crate::entropy::Entropy;

/// What a key signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyRole {
    /// The root's own certificate and that of the intermediate CA.
    RootCa,
    /// The certificate below it.
    IntermediateCa,
    /// The alias certificate.
    DeviceCa,
    /// The messages of the device, with the chain in this slot.
    Device(SlotId),
    /// What a key outside of the chain signs, for a fault.
    Another,
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RootCa => f.write_str("root CA"),
            Self::IntermediateCa => f.write_str("intermediate CA"),
            Self::DeviceCa => f.write_str("device CA"),
            Self::Device(slot) => write!(f, "device {slot}"),
            Self::Another => f.write_str("another key"),
        }
    }
}

/// The name of a key: its algorithm and role. The two schemes of an RSA size share their keys.
pub(crate) fn key_name(asym: AsymAlgorithm, role: KeyRole) -> String {
    let family = match asym {
        AsymAlgorithm::Rsa(_, RsaBits::B2048) => "RSA_2048",
        AsymAlgorithm::Rsa(_, RsaBits::B3072) => "RSA_3072",
        AsymAlgorithm::Rsa(_, RsaBits::B4096) => "RSA_4096",
        other => other.name(),
    };
    format!("{family} {role}")
}

impl Entropy {
    /// The key that plays this role. A device with a seed takes its RSA keys from the folder `keys`, as far as
    /// they are there, because to make one takes seconds.
    pub(crate) fn key(&self, asym: AsymAlgorithm, role: KeyRole) -> Result<SoftwareKey, KeyError> {
        let AsymAlgorithm::Rsa(scheme, bits) = asym else {
            return SoftwareKey::from_seed(asym, self.key_seed(&key_name(asym, role)));
        };
        let key = match fixed_rsa_key(bits, role).filter(|_| self.is_seeded()) {
            Some(der) => SoftwareKey::from_pkcs8_der(der)?,
            None => SoftwareKey::from_seed(asym, self.key_seed(&key_name(asym, role)))?,
        };
        Ok(key.with_scheme(scheme).unwrap_or(key))
    }
}

/// The key in the folder `keys`; none for slots other than 0.
fn fixed_rsa_key(bits: RsaBits, role: KeyRole) -> Option<&'static [u8]> {
    let [root_ca, intermediate_ca, device_ca, device_0, another]: [&[u8]; 5] = match bits {
        RsaBits::B2048 => [
            include_bytes!("../keys/rsa-2048/root-ca.der"),
            include_bytes!("../keys/rsa-2048/intermediate-ca.der"),
            include_bytes!("../keys/rsa-2048/device-ca.der"),
            include_bytes!("../keys/rsa-2048/device-0.der"),
            include_bytes!("../keys/rsa-2048/another.der"),
        ],
        RsaBits::B3072 => [
            include_bytes!("../keys/rsa-3072/root-ca.der"),
            include_bytes!("../keys/rsa-3072/intermediate-ca.der"),
            include_bytes!("../keys/rsa-3072/device-ca.der"),
            include_bytes!("../keys/rsa-3072/device-0.der"),
            include_bytes!("../keys/rsa-3072/another.der"),
        ],
        RsaBits::B4096 => [
            include_bytes!("../keys/rsa-4096/root-ca.der"),
            include_bytes!("../keys/rsa-4096/intermediate-ca.der"),
            include_bytes!("../keys/rsa-4096/device-ca.der"),
            include_bytes!("../keys/rsa-4096/device-0.der"),
            include_bytes!("../keys/rsa-4096/another.der"),
        ],
    };
    match role {
        KeyRole::RootCa => Some(root_ca),
        KeyRole::IntermediateCa => Some(intermediate_ca),
        KeyRole::DeviceCa => Some(device_ca),
        KeyRole::Device(SlotId::ZERO) => Some(device_0),
        KeyRole::Device(_) => None,
        KeyRole::Another => Some(another),
    }
}

#[cfg(test)]
mod tests {
    use spdm_codec::SlotId;
    use spdm_crypto::rustcrypto::SoftwareKey;
    use spdm_crypto::{AsymAlgorithm, RsaBits, RsaScheme, Sign as _};

    use super::{KeyRole, fixed_rsa_key};

    #[test]
    fn each_fixed_key_has_its_size_and_is_there_once() {
        let device = KeyRole::Device(SlotId::ZERO);
        let roles =
            [KeyRole::RootCa, KeyRole::IntermediateCa, KeyRole::DeviceCa, device, KeyRole::Another];
        let mut seen = Vec::new();
        for bits in [RsaBits::B2048, RsaBits::B3072, RsaBits::B4096] {
            for role in roles {
                let key = SoftwareKey::from_pkcs8_der(fixed_rsa_key(bits, role).unwrap()).unwrap();
                assert_eq!(key.algorithm(), AsymAlgorithm::Rsa(RsaScheme::Pss, bits));
                assert!(!seen.contains(&key.public_key()), "{bits:?} {role}");
                seen.push(key.public_key());
            }
        }
        assert_eq!(seen.len(), 15);
    }
}
