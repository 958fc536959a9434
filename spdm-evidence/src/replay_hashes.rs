//! The running hashes of a replay: those of sessions are beside the bank that the caller lends.

use std::collections::BTreeMap;

use spdm_crypto::{Digest, HashAlgorithm, HashBank, HashError, Provider};

/// Places of the lent bank that a replay uses: M1 and L1.
const LENT: usize = 2;

/// A bank of hashes with as many places as a recording has sessions: from the third place on the bytes are kept and
/// hashed when their digest is asked for, which is a few times per session.
#[derive(Debug)]
pub(crate) struct ReplayHashes<'h> {
    lent: &'h mut (dyn HashBank + 'static),
    provider: Provider,
    kept: BTreeMap<usize, (HashAlgorithm, Vec<u8>)>,
}

impl<'h> ReplayHashes<'h> {
    pub(crate) fn new(lent: &'h mut (dyn HashBank + 'static), provider: &Provider) -> Self {
        Self { lent, provider: *provider, kept: BTreeMap::new() }
    }
}

impl HashBank for ReplayHashes<'_> {
    fn places(&self) -> usize {
        usize::MAX
    }

    fn start(&mut self, place: usize, hash: HashAlgorithm) -> Result<(), HashError> {
        if place < LENT {
            return self.lent.start(place, hash);
        }
        self.kept.insert(place, (hash, Vec::new()));
        Ok(())
    }

    fn update(&mut self, place: usize, bytes: &[u8]) -> Result<(), HashError> {
        if place < LENT {
            return self.lent.update(place, bytes);
        }
        let kept = self.kept.get_mut(&place).ok_or(HashError::NotStarted { place })?;
        kept.1.extend_from_slice(bytes);
        Ok(())
    }

    fn snapshot(&self, place: usize) -> Result<Digest, HashError> {
        if place < LENT {
            return self.lent.snapshot(place);
        }
        let (hash, bytes) = self.kept.get(&place).ok_or(HashError::NotStarted { place })?;
        Ok(self.provider.hash.digest(*hash, &[bytes])?)
    }

    fn fork(&mut self, from: usize, to: usize) -> Result<(), HashError> {
        if from < LENT && to < LENT {
            return self.lent.fork(from, to);
        }
        let copy = self.kept.get(&from).ok_or(HashError::NotStarted { place: from })?.clone();
        self.kept.insert(to, copy);
        Ok(())
    }

    fn clear(&mut self) {
        self.lent.clear();
        self.kept.clear();
    }
}
