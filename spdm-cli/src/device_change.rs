//! A request that changes a device, and what is known of it where the run ends early.

use core::cell::Cell;

use spdm_requester::{Error, Negotiated, Requester, RunError};

use crate::tap::Tap;
use crate::trusted_session::Failed;
use crate::verdict::Verdict;

/// A change that is asked for.
#[derive(Debug)]
pub(crate) struct DeviceChange {
    fate: Cell<Fate>,
    /// What may be so where no answer came.
    may: String,
    /// What is so where the device has answered.
    has: String,
    /// What shows it.
    look: String,
}

/// How far it came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// Nothing was sent, or the device refused it.
    NotMade,
    /// It was sent, and no answer came that can be read.
    Unknown,
    /// The device has answered.
    Made,
}

impl DeviceChange {
    /// Nothing was sent yet. `may` and `has` are sentences, `look` is a command.
    pub(crate) const fn new(may: String, has: String, look: String) -> Self {
        Self { fate: Cell::new(Fate::NotMade), may, has, look }
    }

    /// Has `ask` ask for it.
    pub(crate) fn ask<'a, 'l, T>(
        &self,
        line: &mut Tap<'l>,
        ask: impl FnOnce(&mut Tap<'l>) -> Result<(Requester<'a, Negotiated>, T), Failed<'a>>,
    ) -> Result<(Requester<'a, Negotiated>, T), Failed<'a>> {
        let before = line.sent();
        let asked = ask(line);
        self.fate.set(match &asked {
            Ok(_) => Fate::Made,
            Err(failure) if matches!(failure.error, RunError::Requester(Error::Refused(_))) => {
                Fate::NotMade
            }
            Err(_) if line.sent() == before => Fate::NotMade,
            Err(_) => Fate::Unknown,
        });
        asked
    }

    /// Adds to why the run ended what has become of the change.
    pub(crate) fn told(&self, verdict: Box<Verdict>) -> Box<Verdict> {
        let sentence = match self.fate.get() {
            Fate::NotMade => return verdict,
            Fate::Unknown => &self.may,
            Fate::Made => &self.has,
        };
        Box::new(verdict.with_more(sentence, format!("{} shows it", self.look)))
    }
}
