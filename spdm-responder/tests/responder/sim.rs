//! A device with one key, and a connection to it.

use spdm_codec::{
    BaseAsymAlgo, BaseHashAlgo, CapabilityFlags, Challenge, Cx, EncodeError, KeySlot,
    MeasurementHashAlgo, MeasurementSummary, Message, OtherParams, RequesterNonce, SlotId,
    SlotMask, SpdmVersion, TransferSizes,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running, SoftwareKey};
use spdm_crypto::{
    AsymAlgorithm, Bank, EcCurve, HashAlgorithm, RandomUnavailable, SignError, SignedMessage,
};
use spdm_responder::{
    Config, Connection, Coverage, Device, HASH_PLACES, Hook, MeasuredBlock, MeasurementWanted,
    Memory, NoHook, Responder, Suite,
};
use spdm_untrusted::Untrusted;

pub(crate) const ASYM: AsymAlgorithm = AsymAlgorithm::Ecdsa(EcCurve::P256);
pub(crate) const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// Two measurements, one chain of bytes that are no certificates: a responder does not look.
#[derive(Debug)]
pub(crate) struct OneKey {
    pub(crate) key: SoftwareKey,
    pub(crate) chain: Vec<u8>,
    counter: u8,
}

impl OneKey {
    pub(crate) fn new() -> Self {
        let key = SoftwareKey::from_seed(ASYM, [7; 32]).unwrap();
        Self { key, chain: (0..=255).cycle().take(1000).collect(), counter: 0 }
    }
}

impl Device for OneKey {
    fn provisioned(&self, _: &Suite) -> SlotMask {
        SlotMask(1)
    }

    fn chain(&self, slot: SlotId, _: &Suite) -> Option<&[u8]> {
        (slot == SlotId::ZERO).then_some(&self.chain)
    }

    fn sign(
        &mut self,
        _: KeySlot,
        suite: &Suite,
        message: &SignedMessage,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        message.sign(&self.key, suite.hash, out)
    }

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.counter += 1;
        out.fill(self.counter);
        Ok(())
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
}

pub(crate) fn config() -> Config<'static> {
    Config {
        versions: &SpdmVersion::ALL,
        capabilities: CapabilityFlags::CERT_CAP
            | CapabilityFlags::CHAL_CAP
            | CapabilityFlags::MEAS_CAP_SIG
            | CapabilityFlags::CHUNK_CAP,
        ct_exponent: 14,
        sizes: TransferSizes { data_transfer_size: 0x1200, max_spdm_msg_size: 0x1200 },
        asyms: &[ASYM],
        hashes: &[HASH],
        measurement_hash: MeasurementHashAlgo::SHA_256,
        opaque_formats: OtherParams::OPAQUE_DATA_FMT_1,
        padding: 3,
    }
}

/// A device, and what its responder is lent.
pub(crate) struct Sim {
    pub(crate) device: OneKey,
    pub(crate) config: Config<'static>,
    pub(crate) connection: Box<Connection>,
    bank: Bank<Running, HASH_PLACES>,
    pub(crate) message: Vec<u8>,
    pub(crate) out: Vec<u8>,
    /// What was received and sent, negotiation first.
    pub(crate) said: Vec<u8>,
}

impl Sim {
    pub(crate) fn new(config: Config<'static>) -> Self {
        Self {
            device: OneKey::new(),
            config,
            connection: Box::default(),
            bank: Bank::new(),
            message: vec![0; 0x4000],
            out: vec![0; 0x1200],
            said: Vec::new(),
        }
    }

    /// A connection after ALGORITHMS.
    pub(crate) fn negotiated(config: Config<'static>, version: SpdmVersion) -> Self {
        let mut sim = Self::new(config);
        sim.negotiate(version);
        sim
    }

    pub(crate) fn negotiate(&mut self, version: SpdmVersion) {
        let sizes = self.config.sizes;
        for request in negotiation(version, sizes) {
            let answer = self.send(&request).unwrap();
            assert_ne!(answer[1], 0x7F, "{version} {answer:02x?}");
        }
    }

    pub(crate) fn send(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.send_with(&mut NoHook, request)
    }

    pub(crate) fn send_with(&mut self, hook: &mut dyn Hook, request: &[u8]) -> Option<Vec<u8>> {
        let memory = Memory {
            connection: &mut self.connection,
            message: &mut self.message,
            hashes: &mut self.bank,
        };
        let mut responder = Responder::new(PROVIDER, self.config, memory);
        let len = responder.process(&mut self.device, hook, request, &mut self.out)?;
        let answer = self.out[..len].to_vec();
        self.said.extend(request);
        self.said.extend(&answer);
        Some(answer)
    }
}

/// GET_VERSION, GET_CAPABILITIES and NEGOTIATE_ALGORITHMS.
pub(crate) fn negotiation(version: SpdmVersion, sizes: TransferSizes) -> [Vec<u8>; 3] {
    let byte = version.to_byte();
    let mut capabilities = vec![byte, 0xE1, 0, 0];
    if version > SpdmVersion::V1_0 {
        let chunks = if version >= SpdmVersion::V1_2 {
            CapabilityFlags::CHUNK_CAP
        } else {
            CapabilityFlags::empty()
        };
        capabilities.extend([0, 14, 0, 0]);
        capabilities.extend(chunks.bits().to_le_bytes());
    }
    if version >= SpdmVersion::V1_2 {
        capabilities.extend(sizes.data_transfer_size.to_le_bytes());
        capabilities.extend(sizes.max_spdm_msg_size.to_le_bytes());
    }
    let mut algorithms = vec![byte, 0xE3, 0, 0, 32, 0, 1, 2];
    algorithms.extend(BaseAsymAlgo::ECDSA_P256.bits().to_le_bytes());
    algorithms.extend(BaseHashAlgo::SHA_256.bits().to_le_bytes());
    algorithms.extend([0; 16]);
    if version < SpdmVersion::V1_2 {
        algorithms[7] = 0;
    }
    [vec![0x10, 0x84, 0, 0], capabilities, algorithms]
}

pub(crate) fn challenge(version: SpdmVersion, nonce: u8) -> Vec<u8> {
    let mut out = [0; 64];
    let context = (version >= SpdmVersion::V1_3).then_some(spdm_codec::RequesterContext([9; 8]));
    let message = Challenge {
        slot: KeySlot::Slot(SlotId::ZERO),
        summary: MeasurementSummary::None,
        nonce: RequesterNonce([nonce; 32]),
        context,
    };
    let len = message.encode(version, &mut out).unwrap();
    out[..len].to_vec()
}

pub(crate) fn decode<'a, M: Message<'a>>(bytes: &'a [u8], cx: &Cx) -> M {
    M::decode(Untrusted::new(bytes), cx).unwrap().message
}
