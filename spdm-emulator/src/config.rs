//! What a device is like.

use core::fmt;
use std::path::PathBuf;

use spdm_codec::{
    AeadCipherSuite, BaseAsymAlgo, BaseHashAlgo, CapabilityExtFlags, CapabilityFlags, Code,
    DheNamedGroup, KemAlgo, MeasurementHashAlgo, OtherParams, PciIdentity, PqcAsymAlgo,
    RecordBinding, SlotId, SpdmVersion,
};
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_crypto::{
    AeadAlgorithm, AsymAlgorithm, EcCurve, FfdheGroup, HashAlgorithm, Kdf, KdfError,
    KeyExchangeAlgorithm, MlDsaSet, MlKemSet, PreSharedKey, PskBytes, RsaBits, RsaScheme, Secret,
};
use spdm_responder::Environment;

use crate::device_identity::DeviceIdentity;
use crate::fault::Fault;
use crate::mutual_authentication::MutualAuthentication;
use crate::own_device::OPAQUE_TEXT;
use crate::script::ScriptStep;

/// What a [`Device`](crate::Device) supports, who it is, and how it misbehaves.
///
/// ```
/// use spdm_codec::{BaseAsymAlgo, SpdmVersion};
/// use spdm_emulator::{DeviceConfig, Fault};
///
/// let config = DeviceConfig {
///     versions: vec![SpdmVersion::V1_2],
///     base_asym: BaseAsymAlgo::ECDSA_P384,
///     faults: vec![Fault::BadSignature],
///     ..DeviceConfig::default()
/// };
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it from its default")]
pub struct DeviceConfig {
    /// Versions, in the order in which VERSION lists them.
    pub versions: Vec<SpdmVersion>,
    /// Signature algorithms. The device has a key and a chain for each of them in each slot, made by
    /// [`Device::new`](crate::Device::new). The default has no RSA, because to make its keys takes seconds
    /// where there is no [`Self::seed`].
    pub base_asym: BaseAsymAlgo,
    /// Post-quantum signature algorithms (1.4), which the device prefers; of these it has ML-DSA.
    pub pqc_asym: PqcAsymAlgo,
    /// Hash algorithms.
    pub base_hash: BaseHashAlgo,
    /// The one `MeasurementHashAlgo`; [`MeasurementHashAlgo::RAW_BIT_STREAM`] for a device that has no
    /// measurements in digest form.
    pub measurement_hash: MeasurementHashAlgo,
    /// The provisioned slots.
    pub slots: Vec<SlotId>,
    /// Slots that DIGESTS lists as supported, but that have no chain (1.3).
    pub empty_slots: Vec<SlotId>,
    /// Slots whose chain is said to be of the generic model on a multi-key connection (1.3).
    pub generic_slots: Vec<SlotId>,
    /// How Requesters know the public key.
    pub provisioning: KeyProvisioning,
    /// The certificate model of generated chains.
    pub model: DeviceModel,
    /// Flags to announce instead of those that fit the rest of the configuration. Bits that the negotiated
    /// version does not define are left out.
    pub capabilities: Option<CapabilityFlags>,
    /// Flags to announce besides those that fit the rest: CHUNK_CAP (1.2), MULTI_KEY_CAP with
    /// GET_KEY_PAIR_INFO_CAP, MEL_CAP, EVENT_CAP, with which comes ENCAP_CAP (1.3). Without effect where [`Self::capabilities`] is given.
    pub more_capabilities: CapabilityFlags,
    /// `ExtFlags` (1.4): SLOT_MGMT_CAP for SLOT_MANAGEMENT, whose layouts no released specification at hand confirms.
    pub ext_capabilities: CapabilityExtFlags,
    /// `CTExponent`: cryptographic answers take up to 2^n microseconds.
    pub ct_exponent: u8,
    /// `DataTransferSize` in bytes: what the device receives and sends at most in one message.
    pub data_transfer_size: u32,
    /// `MaxSPDMmsgSize` in bytes: what the device puts together from chunks, and sends at most in such.
    /// Without CHUNK_CAP the device announces its DataTransferSize.
    pub max_spdm_msg_size: u32,
    /// Groups of sessions that begin with KEY_EXCHANGE (KEY_EX_CAP in [`Self::more_capabilities`]).
    pub dhe_groups: DheNamedGroup,
    /// Key encapsulation in place of a group (1.4), which the device prefers.
    pub kems: KemAlgo,
    /// What the records of sessions are sealed with.
    pub cipher_suites: AeadCipherSuite,
    /// Pre-shared keys (PSK_CAP or PSK_CAP_CONTEXT in [`Self::more_capabilities`]): each with the hint that names it.
    pub pre_shared_keys: Vec<SharedKey>,
    /// HeartbeatPeriod in seconds (HBEAT_CAP).
    pub heartbeat_period: u8,
    /// How the transport carries the records of sessions.
    pub records: RecordBinding,
    /// Makes keys, certificates and nonces the same in every run. The private keys are no secret then: RSA
    /// keys of roots, authorities and slot 0 are even the same for each seed, and published with this crate.
    pub seed: Option<u64>,
    /// The device's name, an otherName of generated leaf certificates.
    pub dmtf_name: Option<DmtfName>,
    /// The PCI function whose CMA otherName generated leaf certificates carry.
    pub pci_identity: Option<PciIdentity>,
    /// The first second in which generated certificates are valid, in seconds since 1970.
    pub not_before: u64,
    /// The last one.
    pub not_after: u64,
    /// What the device wants to know of its Requesters. It announces MUT_AUTH_CAP and ENCAP_CAP where it asks.
    pub mutual_authentication: MutualAuthentication,
    /// Who may change slots and key pairs (SET_CERT_CAP and SET_KEY_PAIR_INFO_CAP in [`Self::more_capabilities`]): of a
    /// device in a laboratory, which this one is, everybody.
    pub environment: Environment,
    /// The folder where the device keeps its keys and what it was given, so that another one that is made with it is the
    /// same device. Without it what it was given is there as long as it is.
    pub state: Option<PathBuf>,
    /// Own keys and chain instead of generated ones: the same in every slot, and the only algorithm.
    pub identity: Option<DeviceIdentity>,
    /// OpaqueData of CHALLENGE_AUTH and MEASUREMENTS where its form is free, as before 1.2: at most 1024 bytes.
    pub free_opaque_data: Vec<u8>,
    /// Zero bytes that are appended to every response, 0 to 3, as DOE does.
    pub padding: usize,
    /// How many bytes a transport may have appended to a request, which are no part of it: 3 with DOE, 511 where it
    /// comes in whole blocks of a drive. More than 3 have to be zeros.
    pub request_padding: usize,
    /// How the device misbehaves; empty for a correct device.
    pub faults: Vec<Fault>,
    /// The one request whose answers are faulty; `None` for all that a fault concerns.
    pub fault_target: Option<Code>,
    /// What else goes wrong, step by step.
    pub script: Vec<ScriptStep>,
}

/// Bytes that are appended to a message where it comes in doublewords.
pub(crate) const MAX_PADDING: usize = 3;

impl Default for DeviceConfig {
    fn default() -> Self {
        Self {
            versions: SpdmVersion::ALL.to_vec(),
            base_asym: BaseAsymAlgo::ECDSA_P256
                | BaseAsymAlgo::ECDSA_P384
                | BaseAsymAlgo::ECDSA_P521
                | BaseAsymAlgo::EDDSA_ED25519,
            pqc_asym: PqcAsymAlgo::empty(),
            base_hash: HashAlgorithm::ALL.iter().map(|hash| hash.base_hash()).collect(),
            measurement_hash: MeasurementHashAlgo::SHA_384,
            slots: vec![SlotId::ZERO],
            empty_slots: Vec::new(),
            generic_slots: Vec::new(),
            provisioning: KeyProvisioning::default(),
            model: DeviceModel::default(),
            capabilities: None,
            more_capabilities: CapabilityFlags::empty(),
            ext_capabilities: CapabilityExtFlags::empty(),
            ct_exponent: 14,
            data_transfer_size: 0x1200,
            max_spdm_msg_size: 0x1200,
            dhe_groups: PROVIDER.dhe_groups(),
            kems: PROVIDER.kems(),
            cipher_suites: PROVIDER.cipher_suites(),
            pre_shared_keys: Vec::new(),
            heartbeat_period: 240,
            records: RecordBinding::PciDoe,
            seed: None,
            dmtf_name: Some(DmtfName::default()),
            pci_identity: None,
            not_before: 1_577_836_800,
            not_after: 253_402_300_799,
            mutual_authentication: MutualAuthentication::default(),
            environment: Environment::Trusted,
            state: None,
            identity: None,
            free_opaque_data: OPAQUE_TEXT.to_vec(),
            padding: 0,
            request_padding: MAX_PADDING,
            faults: Vec::new(),
            fault_target: None,
            script: Vec::new(),
        }
    }
}

impl DeviceConfig {
    /// What the device announces; the version of a connection may define less.
    pub(crate) fn flags(&self) -> CapabilityFlags {
        let measurements = CapabilityFlags::MEAS_CAP_SIG | CapabilityFlags::MEAS_FRESH_CAP;
        let common = CapabilityFlags::CHAL_CAP | measurements | CapabilityFlags::LARGE_RESP_CAP;
        self.capabilities.unwrap_or_else(|| {
            let keys = match (self.provisioning, self.model) {
                (KeyProvisioning::PublicKey, _) => CapabilityFlags::PUB_KEY_ID_CAP,
                (KeyProvisioning::Certificates, DeviceModel::DeviceCert) => {
                    CapabilityFlags::CERT_CAP
                }
                (KeyProvisioning::Certificates, DeviceModel::AliasCert) => {
                    CapabilityFlags::CERT_CAP | CapabilityFlags::ALIAS_CERT_CAP
                }
            };
            let events = match self.more_capabilities.contains(CapabilityFlags::EVENT_CAP) {
                // A Requester polls for what it is told.
                true => CapabilityFlags::ENCAP_CAP,
                false => CapabilityFlags::empty(),
            };
            let mutual = self.mutual_authentication.flags();
            common | keys | self.more_capabilities | mutual | events
        })
    }

    /// The opaque formats that the device selects one of.
    pub(crate) fn opaque_formats(&self) -> OtherParams {
        if self.faults.contains(&Fault::OpaqueWhenNone) {
            return OtherParams::empty();
        }
        OtherParams::OPAQUE_DATA_FMT_0 | OtherParams::OPAQUE_DATA_FMT_1
    }
}

/// A pre-shared key of a device.
#[derive(Clone, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct SharedKey {
    /// `PSKHint`, at most 32 bytes.
    pub hint: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
}

impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey").field("hint", &self.hint).finish_non_exhaustive()
    }
}

impl PreSharedKey for SharedKey {
    fn extract(
        &self,
        kdf: &dyn Kdf,
        hash: HashAlgorithm,
        salt: &Secret,
    ) -> Result<Secret, KdfError> {
        PskBytes(&self.key).extract(kdf, hash, salt)
    }
}

/// How Requesters know the device's public key.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 knows these two")]
pub enum KeyProvisioning {
    /// The device has certificate chains (CERT_CAP).
    #[default]
    Certificates,
    /// The public key was provisioned to them (PUB_KEY_ID_CAP, 1.1): slot 0xFF, no chain.
    PublicKey,
}

/// The certificate model of generated chains (DSP0274 §Certificates and certificate chains).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the generic model needs multi-key connections")]
pub enum DeviceModel {
    /// Root CA, intermediate CA, and a device certificate with the hardware identity.
    #[default]
    DeviceCert,
    /// Root CA, intermediate CA, a device certificate CA with the hardware identity, and an alias
    /// certificate. ALIAS_CERT_CAP says so from 1.2 on.
    AliasCert,
}

/// The parts of the otherName `manufacturer:product:serial` (DSP0274 §Subject alternative name).
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are its parts")]
pub struct DmtfName {
    /// The manufacturer.
    pub manufacturer: String,
    /// The product.
    pub product: String,
    /// The serial number.
    pub serial: String,
}

impl Default for DmtfName {
    fn default() -> Self {
        Self {
            manufacturer: "ACME".to_owned(),
            product: "WIDGET".to_owned(),
            serial: "0123456789".to_owned(),
        }
    }
}

impl fmt::Display for DmtfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.manufacturer, self.product, self.serial)
    }
}

/// Which algorithm the device prefers: post-quantum ones, then the strongest first, and of equals the one with
/// the smaller key.
const ASYM_PREFERENCE: [AsymAlgorithm; 13] = [
    AsymAlgorithm::MlDsa(MlDsaSet::P87),
    AsymAlgorithm::MlDsa(MlDsaSet::P65),
    AsymAlgorithm::MlDsa(MlDsaSet::P44),
    AsymAlgorithm::Ecdsa(EcCurve::P521),
    AsymAlgorithm::Ecdsa(EcCurve::P384),
    AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B4096),
    AsymAlgorithm::Rsa(RsaScheme::Pkcs1, RsaBits::B4096),
    AsymAlgorithm::Ed25519,
    AsymAlgorithm::Ecdsa(EcCurve::P256),
    AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B3072),
    AsymAlgorithm::Rsa(RsaScheme::Pkcs1, RsaBits::B3072),
    AsymAlgorithm::Rsa(RsaScheme::Pss, RsaBits::B2048),
    AsymAlgorithm::Rsa(RsaScheme::Pkcs1, RsaBits::B2048),
];

/// Which hash the device prefers.
const HASH_PREFERENCE: [HashAlgorithm; 6] = [
    HashAlgorithm::Sha512,
    HashAlgorithm::Sha3_512,
    HashAlgorithm::Sha384,
    HashAlgorithm::Sha3_384,
    HashAlgorithm::Sha256,
    HashAlgorithm::Sha3_256,
];

/// The algorithms of the sets that can be used, the preferred one first.
pub(crate) fn preferred_asyms(
    base: BaseAsymAlgo,
    pqc: PqcAsymAlgo,
) -> impl Iterator<Item = AsymAlgorithm> {
    ASYM_PREFERENCE.into_iter().filter(move |asym| {
        asym.base_asym().is_some_and(|bit| base.contains(bit))
            || asym.pqc_asym().is_some_and(|bit| pqc.contains(bit))
    })
}

/// The hashes of the set that can be used, the preferred one first.
pub(crate) fn preferred_hashes(set: BaseHashAlgo) -> impl Iterator<Item = HashAlgorithm> {
    HASH_PREFERENCE.into_iter().filter(move |hash| set.contains(hash.base_hash()))
}

/// Which key exchange the device prefers: a KEM, then the strongest first, and of equals the one with less to send.
const KEY_EXCHANGE_PREFERENCE: [KeyExchangeAlgorithm; 9] = [
    KeyExchangeAlgorithm::MlKem(MlKemSet::K1024),
    KeyExchangeAlgorithm::MlKem(MlKemSet::K768),
    KeyExchangeAlgorithm::MlKem(MlKemSet::K512),
    KeyExchangeAlgorithm::Ecdh(EcCurve::P521),
    KeyExchangeAlgorithm::Ecdh(EcCurve::P384),
    KeyExchangeAlgorithm::Ecdh(EcCurve::P256),
    KeyExchangeAlgorithm::Ffdhe(FfdheGroup::B4096),
    KeyExchangeAlgorithm::Ffdhe(FfdheGroup::B3072),
    KeyExchangeAlgorithm::Ffdhe(FfdheGroup::B2048),
];

/// Which AEAD the device prefers.
const AEAD_PREFERENCE: [AeadAlgorithm; 3] =
    [AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305, AeadAlgorithm::Aes128Gcm];

/// The key exchanges of the sets, the preferred one first.
pub(crate) fn preferred_key_exchanges(
    groups: DheNamedGroup,
    kems: KemAlgo,
) -> impl Iterator<Item = KeyExchangeAlgorithm> {
    KEY_EXCHANGE_PREFERENCE.into_iter().filter(move |exchange| {
        exchange.dhe_group().is_some_and(|bit| groups.contains(bit))
            || exchange.kem().is_some_and(|bit| kems.contains(bit))
    })
}

/// The AEADs of the set, the preferred one first.
pub(crate) fn preferred_aeads(set: AeadCipherSuite) -> impl Iterator<Item = AeadAlgorithm> {
    AEAD_PREFERENCE.into_iter().filter(move |aead| set.contains(aead.cipher_suite()))
}
