//! An identity for a Requester: what a device can be told to trust.

use spdm_codec::SlotId;
use spdm_crypto::AsymAlgorithm;
use spdm_crypto::rustcrypto::SoftwareKey;

use crate::entropy::Entropy;
use crate::error::DeviceError;
use crate::keys::{KeyRole, key_name};
use crate::mint::{Issuer, Role, Template, Valid};

/// A private key for a Requester and its certificates: a root, and a leaf with the requester's extended key usage.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a key and its certificates")]
pub struct RequesterIdentity {
    /// The leaf's private key.
    pub key: SoftwareKey,
    /// The DER certificates, root first, leaf last.
    pub certificates: Vec<Vec<u8>>,
}

impl RequesterIdentity {
    /// Makes an identity that is valid from `not_before` to `not_after`, in seconds since 1970; with a seed the same each
    /// time, and no secret then.
    ///
    /// # Errors
    /// [`DeviceError`] where a key or a certificate could not be made.
    pub fn new(
        asym: AsymAlgorithm,
        seed: Option<u64>,
        not_before: u64,
        not_after: u64,
    ) -> Result<Self, DeviceError> {
        let entropy = Entropy::new(seed).map_err(|_| DeviceError::RandomUnavailable)?;
        // Another root than that of a device with this seed.
        let (root_role, leaf_role) = (KeyRole::Another, KeyRole::Device(SlotId::ZERO));
        let (root, key) = (entropy.key(asym, root_role)?, entropy.key(asym, leaf_role)?);
        let root_name = format!("{} of requesters", key_name(asym, KeyRole::RootCa));
        let leaf_name = format!("{} requester", asym.name());
        let valid = Valid { not_before, not_after };
        let mut certificates = Vec::new();
        for (subject, key, role) in
            [(&root_name, &root, Role::Authority), (&leaf_name, &key, Role::Requester)]
        {
            let serial = &entropy.serial_number(subject);
            let issuer = &root_name;
            let issuer = Issuer::Own(issuer);
            let key_info = &key.to_spki_der();
            let template =
                Template { subject, key_info, issuer, signer: &root, serial, valid, role };
            certificates.push(template.sign()?);
        }
        Ok(Self { key, certificates })
    }
}
