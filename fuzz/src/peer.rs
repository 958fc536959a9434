//! A device with sessions: the responder of spdm-responder, keys that cost a hash, and a hook through which the input
//! changes answers before they are signed, and before they are sealed.

use std::sync::{Arc, LazyLock};

use spdm_codec::{
    CapabilityFlags, EncodeError, KeySlot, MeasurementHashAlgo, OtherParams, RecordBinding, SlotId,
    SlotMask, SpdmVersion, TransferSizes,
};
use spdm_crypto::rustcrypto::Running;
use spdm_crypto::{
    AeadAlgorithm, AsymAlgorithm, Bank, EcCurve, HashAlgorithm, KeyExchangeAlgorithm, MlKemSet,
    PreSharedKey, PskBytes, RandomUnavailable, SignError, SignedMessage,
};
use spdm_responder::{
    About, Config, Connection, Coverage, Device, Draft, Hook, MeasuredBlock, MeasurementWanted,
    Memory, Responder, SessionSlot, Suite, hash_places,
};
use spdm_transport::MessageKind;

use crate::hashed::{HashedKey, PROVIDER};
use crate::input::Input;
use crate::testing::{certificates_for, structure};

pub const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
pub const HASH: HashAlgorithm = HashAlgorithm::Sha256;
pub const HINT: &[u8] = b"hint";
pub const PSK: &[u8] = b"a key that both sides have";
/// Fewer than a requester may ask for.
const SESSIONS: usize = 3;
static KEY_EXCHANGES: [KeyExchangeAlgorithm; 2] =
    [KeyExchangeAlgorithm::MlKem(MlKemSet::K512), KeyExchangeAlgorithm::Ecdh(EcCurve::P256)];
const SIZES: [u32; 4] = [42, 64, 300, 4608];

/// The key of the device and its certificates, the root first.
pub struct Credentials {
    key: Arc<HashedKey>,
    pub certificates: Vec<Vec<u8>>,
    /// The certificate chain structure.
    pub chain: Vec<u8>,
}

pub static CREDENTIALS: LazyLock<Credentials> = LazyLock::new(|| {
    let issuers = ["Root", "Root", "CA 1"].map(|name| HashedKey::of(ASYM, name));
    let certificates = certificates_for(ASYM, 1);
    let certificates: Vec<_> = certificates
        .iter()
        .zip(issuers)
        .map(|(certificate, issuer)| issuer.sign_certificate(certificate).expect("a certificate"))
        .collect();
    let chain = structure(&certificates[0], &certificates);
    Credentials { key: Arc::new(HashedKey::of(ASYM, "Leaf")), certificates, chain }
});

/// Two measurements and one chain.
#[derive(Debug)]
struct OneKey;

impl Device for OneKey {
    fn provisioned(&self, _: &Suite) -> SlotMask {
        SlotMask(1)
    }

    fn chain(&self, slot: SlotId, _: &Suite) -> Option<&[u8]> {
        (slot == SlotId::ZERO).then_some(&CREDENTIALS.chain)
    }

    fn sign(
        &mut self,
        _: KeySlot,
        suite: &Suite,
        message: &SignedMessage,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        message.sign(&*CREDENTIALS.key, suite.hash, out)
    }

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        PROVIDER.random.fill(out)
    }

    fn measurement_count(&self, _: SpdmVersion) -> u8 {
        2
    }

    fn measurement(
        &self,
        nth: u8,
        _: &MeasurementWanted,
        out: &mut [u8],
    ) -> Result<MeasuredBlock, EncodeError> {
        let block = [nth + 1, 1, 7, 0, 0x80, 4, 0, nth, 2, 3, 4];
        let needed = block.len();
        let place = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
        place.copy_from_slice(&block);
        let coverage = if nth == 0 { Coverage::TrustedComputingBase } else { Coverage::AllOnly };
        Ok(MeasuredBlock { index: nth + 1, len: needed, coverage })
    }

    fn pre_shared_key(&self, hint: &[u8]) -> Option<&dyn PreSharedKey> {
        const KEY: PskBytes<'_> = PskBytes(PSK);
        (hint == HINT).then_some(&KEY)
    }
}

/// What the input makes of a device with sessions: its first four bytes.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub version: SpdmVersion,
    pub binding: RecordBinding,
    pub flags: CapabilityFlags,
    pub size: u32,
    key_exchange: usize,
    aead: usize,
}

impl Offer {
    pub fn read(input: &mut Input<'_>) -> Self {
        type F = CapabilityFlags;
        let versions = &SpdmVersion::ALL[1..];
        let version = versions[usize::from(input.byte()) % versions.len()];
        let (way, kinds, size) = (input.byte(), input.byte(), input.byte());
        let binding = match way & 3 {
            1 => RecordBinding::Mctp,
            2 => RecordBinding::Tcp,
            3 => RecordBinding::Storage,
            _ => RecordBinding::PciDoe,
        };
        let mut flags = F::CERT_CAP | F::CHAL_CAP | F::MEAS_CAP_SIG | F::MAC_CAP | F::KEY_EX_CAP;
        flags |= F::HBEAT_CAP | F::KEY_UPD_CAP;
        if version >= SpdmVersion::V1_2 {
            flags |= F::CHUNK_CAP;
        }
        flags |= if kinds & 1 == 0 { F::ENCRYPT_CAP } else { F::empty() };
        flags |= if kinds & 2 == 0 { F::empty() } else { F::HANDSHAKE_IN_THE_CLEAR_CAP };
        // Keys that both sides have, without anything of the device in what they make.
        flags |= if kinds & 4 == 0 { F::PSK_CAP_CONTEXT } else { F::PSK_CAP };
        Self {
            version,
            binding,
            flags,
            size: SIZES[usize::from(!size & 3)],
            key_exchange: usize::from(kinds >> 3 & 1),
            aead: usize::from(kinds >> 4) % AeadAlgorithm::ALL.len(),
        }
    }

    /// How many bytes the transport may append to a message.
    pub const fn padding(&self) -> usize {
        match self.binding {
            RecordBinding::PciDoe => 3,
            _ => 0,
        }
    }

    fn config(&self) -> Config<'static> {
        let versions: &'static [SpdmVersion] = &SpdmVersion::ALL;
        let at = versions.iter().position(|version| *version == self.version).expect("a version");
        let chunks = self.version >= SpdmVersion::V1_2;
        let size = if chunks { self.size } else { 0x1200 };
        Config {
            versions: &versions[at..=at],
            capabilities: self.flags,
            ct_exponent: 14,
            sizes: TransferSizes { data_transfer_size: size, max_spdm_msg_size: size.max(0x1200) },
            asyms: &[ASYM],
            hashes: &[HASH],
            measurement_hash: MeasurementHashAlgo::SHA_256,
            opaque_formats: OtherParams::OPAQUE_DATA_FMT_1,
            key_exchanges: &KEY_EXCHANGES[self.key_exchange..],
            aeads: core::slice::from_ref(&AeadAlgorithm::ALL[self.aead]),
            heartbeat_period: 240,
            records: self.binding,
            padding: self.padding(),
        }
    }
}

/// The device.
pub struct Peer {
    pub config: Config<'static>,
    pub connection: Box<Connection>,
    bank: Box<Bank<Running, { hash_places(SESSIONS) }>>,
    pub sessions: [SessionSlot; SESSIONS],
    message: Vec<u8>,
    out: Vec<u8>,
    /// The last answer before it was sealed.
    pub inner: Vec<u8>,
    /// Every record that it sent.
    pub sealed: Vec<Vec<u8>>,
}

impl Peer {
    pub fn new(offer: &Offer) -> Self {
        Self {
            config: offer.config(),
            connection: Box::default(),
            bank: Box::new(Bank::new()),
            sessions: Default::default(),
            message: vec![0; 0x5000],
            out: vec![0; 0x1800],
            inner: Vec::new(),
            sealed: Vec::new(),
        }
    }

    /// Answers what came, as the input wants it.
    pub fn answer(
        &mut self,
        input: &mut Input<'_>,
        kind: MessageKind,
        message: &[u8],
    ) -> Option<Vec<u8>> {
        let memory = Memory {
            connection: &mut self.connection,
            message: &mut self.message,
            hashes: &mut *self.bank,
            sessions: &mut self.sessions,
        };
        let mut responder = Responder::new(PROVIDER, self.config, memory);
        let mut liar = Liar { input, inner: &mut self.inner };
        let len = match kind {
            MessageKind::Plain => {
                responder.process(&mut OneKey, &mut liar, message, &mut self.out)?
            }
            MessageKind::Secured => {
                let mut record = message.to_vec();
                responder.process_secured(&mut OneKey, &mut liar, &mut record, &mut self.out)?
            }
        };
        let answer = self.out.get(..len).expect("it is as long as it says").to_vec();
        if kind == MessageKind::Secured {
            self.sealed.push(answer.clone());
        }
        Some(answer)
    }
}

/// Changes answers before they are signed, and before they leave.
#[derive(Debug)]
struct Liar<'i, 'd, 'p> {
    input: &'i mut Input<'d>,
    inner: &'p mut Vec<u8>,
}

impl Hook for Liar<'_, '_, '_> {
    fn compose(&mut self, _: &About, _: &[u8], answer: &mut Draft<'_>) {
        change(self.input, answer);
    }

    fn leave(&mut self, _: &About, answer: &mut Draft<'_>) {
        change(self.input, answer);
        self.inner.clear();
        self.inner.extend_from_slice(answer.as_bytes());
    }
}

/// Without input left an answer stays as it is.
fn change(input: &mut Input<'_>, answer: &mut Draft<'_>) {
    match input.byte() {
        0..=199 => {}
        200..=223 => {
            let (at, bits) = (input.number(), input.byte());
            let len = answer.len().max(1);
            if let Some(byte) = answer.as_bytes_mut().get_mut(at % len) {
                *byte ^= bits;
            }
        }
        224..=231 => answer.truncate(input.number() % (answer.len() + 1)),
        232..=239 => {
            let len = usize::from(input.byte());
            let more = input.bytes(len);
            let _ = answer.append(&more);
        }
        240..=247 => {
            let len = input.number() & 0x1FF;
            let bytes = input.bytes(len);
            let _ = answer.replace(&bytes);
        }
        _ => {
            let error = [answer.as_bytes().first().copied().unwrap_or(0x12), 0x7F];
            let rest = [input.byte(), input.byte()];
            let _ = answer.replace(&[error, rest].concat());
        }
    }
}
