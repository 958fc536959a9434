//! Answers a host from a microcontroller: no std, no allocator, every buffer is the program's own.
//!
//! The mailbox, the key store and the random number generator stand for memory-mapped registers; `black_box` keeps the
//! compiler from knowing what they return, so that a linked program holds everything: the attestation path and sessions
//! with P-384, SHA-384 and AES-256-GCM.
//!
//! ```text
//! cargo build --release --manifest-path examples/bare_responder/Cargo.toml
//! ```
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;
use core::panic::PanicInfo;

use spdm_codec::{
    CapabilityFlags, EncodeError, KeySlot, MeasurementHashAlgo, OtherParams, RecordBinding, SlotId,
    SlotMask, SpdmVersion, TransferSizes,
};
use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{
    AeadAlgorithm, AsymAlgorithm, Bank, EcCurve, HashAlgorithm, KeyExchangeAlgorithm, Provider,
    RandomUnavailable, SecureRandom, SignError, SignedMessage,
};
use spdm_responder::{
    Config, Connection, Coverage, Device, MeasuredBlock, MeasurementWanted, Memory, NoHook,
    Responder, SessionSlot, Suite, hash_places,
};
use static_cell::ConstStaticCell;

/// The hardware's random number generator. Where it fails, nothing is answered that needs it.
#[derive(Debug)]
struct Trng;

impl SecureRandom for Trng {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        for byte in out {
            *byte = black_box(None).ok_or(RandomUnavailable)?;
        }
        Ok(())
    }
}

const BACKEND: Provider = Provider { random: &Trng, ..PROVIDER };

/// What the device is: a chain in flash, a key that a key store keeps, one measurement.
#[derive(Debug)]
struct Board;

static CHAIN: [u8; 0x600] = [0; 0x600];

impl Device for Board {
    fn provisioned(&self, _: &Suite) -> SlotMask {
        SlotMask(1)
    }

    fn chain(&self, slot: SlotId, _: &Suite) -> Option<&[u8]> {
        (slot == SlotId::ZERO).then_some(black_box(&CHAIN))
    }

    fn sign(
        &mut self,
        _: KeySlot,
        _: &Suite,
        message: &SignedMessage,
        out: &mut [u8],
    ) -> Result<usize, SignError> {
        // The key store signs.
        black_box(message);
        let place = out.get_mut(..96).ok_or(SignError::BufferTooSmall { needed: 96 })?;
        place.fill(black_box(0));
        Ok(96)
    }

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        Trng.fill(out)
    }

    fn measurement_count(&self, _: SpdmVersion) -> u8 {
        1
    }

    fn measurement(
        &self,
        _: u8,
        _: &MeasurementWanted,
        out: &mut [u8],
    ) -> Result<MeasuredBlock, EncodeError> {
        // Index 1, DMTF, 51 bytes: the digest of mutable firmware.
        let needed = 7 + 48;
        let place = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
        place.fill(black_box(0));
        place.iter_mut().zip([1, 1, 51, 0, 1, 48, 0]).for_each(|(place, byte)| *place = byte);
        let coverage = Coverage::TrustedComputingBase;
        Ok(MeasuredBlock { index: 1, len: needed, coverage })
    }
}

const CONFIG: Config<'static> = Config {
    versions: &[SpdmVersion::V1_2, SpdmVersion::V1_3],
    capabilities: CapabilityFlags::CERT_CAP
        .union(CapabilityFlags::CHAL_CAP)
        .union(CapabilityFlags::MEAS_CAP_SIG)
        .union(CapabilityFlags::ENCRYPT_CAP)
        .union(CapabilityFlags::MAC_CAP)
        .union(CapabilityFlags::KEY_EX_CAP)
        .union(CapabilityFlags::KEY_UPD_CAP)
        .union(CapabilityFlags::HBEAT_CAP)
        .union(CapabilityFlags::CHUNK_CAP),
    ct_exponent: 20,
    sizes: TransferSizes { data_transfer_size: 0x400, max_spdm_msg_size: 0x800 },
    asyms: &[AsymAlgorithm::Ecdsa(EcCurve::P384)],
    hashes: &[HashAlgorithm::Sha384],
    measurement_hash: MeasurementHashAlgo::SHA_384,
    opaque_formats: OtherParams::OPAQUE_DATA_FMT_1,
    key_exchanges: &[KeyExchangeAlgorithm::Ecdh(EcCurve::P384)],
    aeads: &[AeadAlgorithm::Aes256Gcm],
    heartbeat_period: 30,
    records: RecordBinding::PciDoe,
    padding: 3,
};

const SESSIONS: usize = 1;

/// What the responder is lent for the program's whole life.
static CONNECTION: ConstStaticCell<Connection> = ConstStaticCell::new(Connection::new());
static MESSAGE: ConstStaticCell<[u8; 0x1000]> = ConstStaticCell::new([0; 0x1000]);
static HASHES: ConstStaticCell<Bank<Running, { hash_places(SESSIONS) }>> =
    ConstStaticCell::new(Bank::new());
static SLOTS: ConstStaticCell<[SessionSlot; SESSIONS]> =
    ConstStaticCell::new([const { SessionSlot::new() }; SESSIONS]);
/// The mailbox's memory.
static RECEIVED: ConstStaticCell<[u8; 0x420]> = ConstStaticCell::new([0; 0x420]);
static SENT: ConstStaticCell<[u8; 0x460]> = ConstStaticCell::new([0; 0x460]);

/// The type of a data object of DOE.
enum Kind {
    Plain,
    Secured,
}

/// The length and kind of the object that the mailbox holds; `None` at reset.
fn received(_: &mut [u8]) -> Option<(usize, Kind)> {
    match black_box(0) {
        1 => Some((black_box(0), Kind::Plain)),
        2 => Some((black_box(0), Kind::Secured)),
        _ => None,
    }
}

fn serve() -> i32 {
    let memory = Memory {
        connection: CONNECTION.take(),
        message: MESSAGE.take(),
        hashes: HASHES.take(),
        sessions: SLOTS.take(),
    };
    let mut responder = Responder::new(BACKEND, CONFIG, memory);
    let (buffer, out) = (RECEIVED.take(), SENT.take());
    while let Some((len, kind)) = received(black_box(buffer)) {
        let Some(message) = buffer.get_mut(..len) else { return 1 };
        let answer = match kind {
            Kind::Plain => responder.process(&mut Board, &mut NoHook, message, out),
            Kind::Secured => responder.process_secured(&mut Board, &mut NoHook, message, out),
        };
        if let Some(answer) = answer.and_then(|len| out.get(..len)) {
            black_box(answer);
        }
    }
    0
}

#[expect(unsafe_code, reason = "the symbol that start code jumps to; there is no unsafe block")]
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    serve()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
