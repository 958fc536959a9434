//! The memory of one device.

use crate::connection::Connection;
use crate::core::Storage;

/// Everything that an attestation of one device is lent, in one value: 12 KiB with the sizes of [`Self::new`],
/// without an allocator. A program that attests many devices at once has one for each; between two attestations
/// nothing has to be cleared.
///
/// `H` is the backend's bank of two running hashes. The buffers, in bytes:
///
/// | | holds | how large |
/// |---|---|---|
/// | `MESSAGE` | a request and its response | 4 KiB: a chain in one or two portions, all measurements of most devices. ML-DSA needs 8 KiB. The larger, the fewer round trips |
/// | `CHAIN` | a certificate chain | 4 KiB: three certificates of elliptic curves or RSA 3072. ML-DSA-87 needs 24 KiB |
/// | `RECORD` | measurement blocks | 1 KiB: 20 digests of SHA-384. Manifests need more |
///
/// ```
/// use spdm_crypto::{Bank, rustcrypto::{PROVIDER, Running}};
/// use spdm_requester::{DeviceMemory, Requester};
/// # let limits = spdm_transport::Limits::new(4096, 4096);
///
/// let mut memory = DeviceMemory::new(Bank::<Running, 2>::new());
/// let (storage, chain, record) = memory.lend();
/// let requester = Requester::new(PROVIDER, storage, limits);
/// // requester.attest(plan, chain, record)
/// # let _ = (requester, chain, record);
/// ```
#[derive(Debug)]
pub struct DeviceMemory<
    H,
    const MESSAGE: usize = 0x1000,
    const CHAIN: usize = 0x1000,
    const RECORD: usize = 0x400,
> {
    hashes: H,
    connection: Connection,
    message: [u8; MESSAGE],
    chain: [u8; CHAIN],
    record: [u8; RECORD],
}

impl<H> DeviceMemory<H> {
    /// The sizes that suffice for most devices; `const`, so that it can be a `static`.
    #[must_use]
    pub const fn new(hashes: H) -> Self {
        Self::with_sizes(hashes)
    }
}

impl<H, const MESSAGE: usize, const CHAIN: usize, const RECORD: usize>
    DeviceMemory<H, MESSAGE, CHAIN, RECORD>
{
    /// Sizes of the caller's.
    #[must_use]
    pub const fn with_sizes(hashes: H) -> Self {
        Self {
            hashes,
            connection: Connection::new(0),
            message: [0; MESSAGE],
            chain: [0; CHAIN],
            record: [0; RECORD],
        }
    }

    /// Memory for a requester, a chain and a measurement record.
    #[must_use]
    pub fn lend(&mut self) -> (Storage<'_>, &mut [u8], &mut [u8])
    where
        H: spdm_crypto::HashBank + 'static,
    {
        let Self { hashes, connection, message, chain, record } = self;
        (Storage::new(message, hashes, connection), chain, record)
    }
}
