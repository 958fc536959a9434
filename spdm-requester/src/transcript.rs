//! The running transcripts of a connection (DSP0274 §Transcript and transcript hash calculation).

use core::fmt;

use spdm_crypto::{Digest, HashAlgorithm, HashBank, HashError, Provider};

use crate::error::{Bound, Error};
use crate::error_cell::ErrorCell;

/// Algorithms and running hashes that a [`Connection`](crate::Connection) works with, lent per call.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it for each call")]
pub struct Crypto<'b> {
    /// Hashes and verifies.
    pub provider: &'b Provider,
    /// The running hashes. Two places are used, 0 for M1 and 1 for L1; with sessions also 2 for A and D, and from 3 on
    /// one for each session.
    pub hashes: &'b mut dyn HashBank,
}

/// A running transcript: its place in the bank, and how many exchanges it holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RunningTranscript {
    place: usize,
    exchanges: u16,
}

impl RunningTranscript {
    pub(crate) const M1: Self = Self { place: 0, exchanges: 0 };
    pub(crate) const L1: Self = Self { place: 1, exchanges: 0 };
    /// A and D, which the transcripts of sessions begin with on a multi-key connection.
    pub(crate) const D: usize = 2;

    /// The place of the session with this index: of TH until it is established, then of its L1.
    pub(crate) const fn place_of_session(index: usize) -> usize {
        index.saturating_add(3)
    }

    /// L1 of the session with this index.
    pub(crate) const fn of_session(index: usize, exchanges: u16) -> Self {
        Self { place: Self::place_of_session(index), exchanges }
    }

    /// Its place in the bank.
    #[cfg(feature = "mutual-auth")]
    pub(crate) const fn place(&self) -> usize {
        self.place
    }

    /// How many exchanges were added since the last reset.
    pub(crate) const fn exchanges(&self) -> u16 {
        self.exchanges
    }

    pub(crate) const fn reset(&mut self) {
        self.exchanges = 0;
    }

    /// Adds an exchange; the first one starts the hash with `head`.
    pub(crate) fn add<'f>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        hash: HashAlgorithm,
        head: &[u8],
        exchange: [&[u8]; 2],
    ) -> Result<(), &'f Error> {
        self.update(crypto.hashes, hash, head, exchange).map_err(|error| errors.stop(error))
    }

    fn update(
        &mut self,
        hashes: &mut dyn HashBank,
        hash: HashAlgorithm,
        head: &[u8],
        exchange: [&[u8]; 2],
    ) -> Result<(), HashError> {
        if self.exchanges == 0 {
            hashes.start(self.place, hash)?;
            hashes.update(self.place, head)?;
        }
        for message in exchange {
            hashes.update(self.place, message)?;
        }
        self.exchanges = self.exchanges.saturating_add(1);
        Ok(())
    }

    /// Adds the exchange that ends with `signature`, without the signature, and empties the transcript:
    /// what was signed is not signed again, whether or not the signature turns out right.
    pub(crate) fn sign_off<'f>(
        &mut self,
        errors: &'f ErrorCell,
        crypto: &mut Crypto<'_>,
        hash: HashAlgorithm,
        head: &[u8],
        exchange: [&[u8]; 2],
        signature: &[u8],
    ) -> Result<Digest, &'f Error> {
        let [request, response] = exchange;
        let signed = response.len().saturating_sub(signature.len());
        let signed = response.get(..signed).unwrap_or_default();
        let added = self.add(errors, crypto, hash, head, [request, signed]);
        self.reset();
        added?;
        crypto.hashes.snapshot(self.place).map_err(|error| errors.stop(error))
    }
}

/// A (VCA): the messages of the negotiation, kept until their hash is known and for every later transcript.
#[derive(Clone, Copy)]
pub(crate) struct Vca {
    bytes: [u8; Self::MAX],
    len: usize,
}

/// The messages: what is behind them is of no connection, or of the one before.
impl fmt::Debug for Vca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Vca").field(&self.as_bytes()).finish()
    }
}

impl Vca {
    /// Enough for VERSION with its most entries and the largest other messages without external algorithms.
    const MAX: usize = 1024;

    pub(crate) const fn new() -> Self {
        Self { bytes: [0; Self::MAX], len: 0 }
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Adds both messages or, where they do not fit, none.
    #[inline(never)]
    pub(crate) fn add<'f>(
        &mut self,
        errors: &'f ErrorCell,
        exchange: [&[u8]; 2],
    ) -> Result<(), &'f Error> {
        let [request, response] = exchange;
        let end = self.len.saturating_add(request.len()).saturating_add(response.len());
        let room = self.bytes.get_mut(self.len..end);
        let room = room.ok_or_else(|| errors.stop(Error::Bound(Bound::Negotiation(Self::MAX))))?;
        for (place, byte) in room.iter_mut().zip(request.iter().chain(response)) {
            *place = *byte;
        }
        self.len = end;
        Ok(())
    }
}
