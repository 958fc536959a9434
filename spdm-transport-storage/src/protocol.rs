//! What a driver implements.

use core::time::Duration;

/// Which way the data of a security command goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum TransferDirection {
    /// To the drive: IF-SEND.
    Send,
    /// From the drive: IF-RECV.
    Receive,
}

/// The security commands of a drive, whatever its interface: what DSP0286 calls IF-SEND and IF-RECV.
///
/// A driver that can only move whole blocks, as ATA's, pads with zeros and has a buffer of its own.
pub trait SecurityProtocol {
    /// Why a command failed: the interface's status, or the operating system's error.
    type Error: core::error::Error;

    /// The most data that one command can move, in bytes.
    fn max_transfer(&self) -> usize;

    /// Carries out one command with data for the drive. `specific` has SPSP1 in the high byte.
    ///
    /// # Errors
    /// When the drive refused, or took longer than `timeout`.
    fn send(
        &mut self,
        protocol: u8,
        specific: u16,
        data: &[u8],
        timeout: Duration,
    ) -> Result<(), Self::Error>;

    /// Carries out one command with data from the drive, at most as much as `buffer` holds; gives how many bytes
    /// came.
    ///
    /// # Errors
    /// When the drive refused, or took longer than `timeout`.
    fn receive(
        &mut self,
        protocol: u8,
        specific: u16,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, Self::Error>;
}

/// A drive that is lent.
impl<P: SecurityProtocol + ?Sized> SecurityProtocol for &mut P {
    type Error = P::Error;

    fn max_transfer(&self) -> usize {
        (**self).max_transfer()
    }

    fn send(
        &mut self,
        protocol: u8,
        specific: u16,
        data: &[u8],
        timeout: Duration,
    ) -> Result<(), Self::Error> {
        (**self).send(protocol, specific, data, timeout)
    }

    fn receive(
        &mut self,
        protocol: u8,
        specific: u16,
        buffer: &mut [u8],
        timeout: Duration,
    ) -> Result<usize, Self::Error> {
        (**self).receive(protocol, specific, buffer, timeout)
    }
}
