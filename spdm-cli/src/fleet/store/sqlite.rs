//! A store of spdm-fleet, with failures that name its file.

use std::path::{Path, PathBuf};

use spdm_fleet::{JournalHead, Outcome, Store, StoreError};

use crate::args::StorePlace;
use crate::exit::Failure;

/// The store of `--store`.
#[derive(Debug)]
pub(crate) struct FleetStore {
    path: PathBuf,
    store: Store,
}

impl FleetStore {
    pub(crate) fn open(place: &StorePlace, head: &JournalHead) -> Result<Self, Failure> {
        let path = place.path.clone();
        match Store::open(&path, head) {
            Ok(store) => Ok(Self { path, store }),
            Err(error) => Err(failure(&path, &error)),
        }
    }

    /// Whether outcomes have waited for long enough.
    pub(crate) fn is_due(&self) -> bool {
        self.store.is_due()
    }

    pub(crate) fn take(&mut self, outcome: &Outcome) -> Result<(), Failure> {
        self.store.append(outcome).map_err(|error| failure(&self.path, &error))
    }

    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        self.store.sync().map_err(|error| failure(&self.path, &error))
    }
}

fn failure(path: &Path, error: &StoreError) -> Failure {
    Failure::usage(format!("{}: {error}", path.display()))
}
