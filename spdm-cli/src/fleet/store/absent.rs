//! Without the feature: `--store` is refused before anything else happens.

use spdm_fleet::{JournalHead, Outcome};

use crate::args::StorePlace;
use crate::exit::Failure;

/// There is none.
#[derive(Debug)]
pub(crate) enum FleetStore {}

impl FleetStore {
    pub(crate) fn open(_: &StorePlace, _: &JournalHead) -> Result<Self, Failure> {
        Err(Failure::usage("--store: this program was built without the feature sqlite"))
    }

    pub(crate) const fn is_due(&self) -> bool {
        match *self {}
    }

    pub(crate) const fn take(&mut self, _: &Outcome) -> Result<(), Failure> {
        match *self {}
    }

    pub(crate) const fn sync(&mut self) -> Result<(), Failure> {
        match *self {}
    }
}
