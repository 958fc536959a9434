//! Attests a device from a microcontroller: no std, no allocator, every buffer is the program's own.
//!
//! The mailbox, the timer and the random number generator stand for memory-mapped registers; `black_box`
//! keeps the compiler from knowing what they return, so that a linked program holds everything.
//!
//! ```text
//! cargo build --release --manifest-path examples/bare_metal/Cargo.toml
//! ```
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::hint::black_box;
use core::panic::PanicInfo;

use spdm_crypto::rustcrypto::{PROVIDER, Running};
use spdm_crypto::{Bank, HashAlgorithm, Provider, RandomUnavailable, SecureRandom};
use spdm_requester::{AttestationPlan, Connection, Requester, Storage, blocking};
use spdm_transport::{Clock, Duration, Instant, Limits, MessageKind, Received, Transport};
use spdm_x509::{Anchor, Policy, ValidityCheck};
use static_cell::{ConstStaticCell, StaticCell};

#[cfg(feature = "recorded")]
mod recorded;

/// The hardware's random number generator. Where it fails, so does the attestation.
#[derive(Debug)]
struct Trng;

impl SecureRandom for Trng {
    fn fill(&self, out: &mut [u8]) -> Result<(), RandomUnavailable> {
        for byte in out {
            *byte = black_box(RANDOM).ok_or(RandomUnavailable)?;
        }
        Ok(())
    }
}

/// What the generator's register holds.
#[cfg(not(feature = "recorded"))]
const RANDOM: Option<u8> = None;
#[cfg(feature = "recorded")]
const RANDOM: Option<u8> = Some(recorded::RANDOM);

const BACKEND: Provider = Provider { random: &Trng, ..PROVIDER };

/// A free-running microsecond counter.
struct Timer;

impl Clock for Timer {
    fn now(&self) -> Instant {
        Instant::from_micros(black_box(0))
    }

    fn sleep_until(&self, until: Instant) {
        while self.now() < until {
            core::hint::spin_loop();
        }
    }
}

/// A mailbox with one message each way.
struct Mailbox;

impl Transport for Mailbox {
    type Error = core::convert::Infallible;

    fn limits(&self) -> Limits {
        Limits::new(0x1000, 0x1000).with_padding(3)
    }

    fn send(&mut self, _: MessageKind, message: &[u8], _: Duration) -> Result<(), Self::Error> {
        black_box(message);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Duration) -> Result<Option<Received>, Self::Error> {
        let len = black_box(arrived(black_box(buffer)));
        Ok((len > 0).then_some(Received { kind: MessageKind::Plain, len }))
    }

    fn abandon(&mut self) {}
}

/// How many bytes the mailbox wrote.
#[cfg(not(feature = "recorded"))]
const fn arrived(_: &mut [u8]) -> usize {
    0
}
#[cfg(feature = "recorded")]
use recorded::arrived;

/// The SHA-384 of the vendor's root: 48 bytes instead of a certificate.
#[cfg(not(feature = "recorded"))]
static ROOT: [u8; 48] = [0; 48];
#[cfg(feature = "recorded")]
use recorded::ROOT;

/// Memory that the requester is lent for the program's whole life, and that starts as zeros.
struct Buffers {
    message: [u8; 0x800],
    chain: [u8; 0x1000],
    record: [u8; 0x400],
}

static LENT_BUFFERS: ConstStaticCell<Buffers> =
    ConstStaticCell::new(Buffers { message: [0; 0x800], chain: [0; 0x1000], record: [0; 0x400] });
static LENT_HASHES: ConstStaticCell<Bank<Running, 2>> = ConstStaticCell::new(Bank::new());
/// A connection does not start as zeros: a constant one would be in flash, too.
static LENT_CONNECTION: StaticCell<Connection> = StaticCell::new();

/// Apart, so that what it is copied from is off the stack before the attestation begins.
#[inline(never)]
fn connection() -> &'static mut Connection {
    LENT_CONNECTION.init(Connection::new(0))
}

/// 0 where the device is what it should be.
fn attest() -> i32 {
    let digest = black_box(&ROOT);
    let anchors = [Anchor::RootHash { hash: HashAlgorithm::Sha384, digest }];
    let policy = Policy::new(&BACKEND, &anchors, ValidityCheck::Unchecked);
    let Buffers { message, chain, record } = LENT_BUFFERS.take();
    let (hashes, connection) = (LENT_HASHES.take(), connection());
    let mut mailbox = Mailbox;
    let storage = Storage::new(message, hashes, connection);
    let requester = Requester::new(BACKEND, storage, mailbox.limits());
    let flow = requester.attest(AttestationPlan::new(&policy), chain, record);
    match blocking::run(flow, &mut mailbox, &Timer) {
        Ok((_, attested)) => i32::from(black_box(attested.measured).is_none()),
        Err(failure) => {
            black_box(failure.error);
            2
        }
    }
}

#[expect(unsafe_code, reason = "the symbol that start code jumps to; there is no unsafe block")]
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    attest()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
