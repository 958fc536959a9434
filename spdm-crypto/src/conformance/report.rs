//! What came out.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One suite: how much was checked, and what did not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Suite {
    /// The name.
    pub name: &'static str,
    /// How many statements were checked.
    pub checked: usize,
    /// How many vectors are about what SPDM does not have: other lengths, encodings, parameters.
    pub not_applicable: usize,
    /// What did not hold.
    pub failures: Vec<String>,
}

impl Suite {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, checked: 0, not_applicable: 0, failures: Vec::new() }
    }

    /// Notes whether a statement holds.
    pub(super) fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.failures.push(what());
        }
    }

    /// Notes whether two values are equal, and both where they are not.
    pub(super) fn equal<T: PartialEq + fmt::Debug>(
        &mut self,
        got: T,
        expected: T,
        what: impl FnOnce() -> String,
    ) {
        let holds = got == expected;
        self.check(holds, || {
            alloc::format!("{}: got {got:02x?}, expected {expected:02x?}", what())
        });
    }
}

/// What a provider does, and what it does not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConformanceReport {
    suites: Vec<Suite>,
    missing: Vec<String>,
}

impl ConformanceReport {
    pub(super) const fn new(suites: Vec<Suite>, missing: Vec<String>) -> Self {
        Self { suites, missing }
    }

    /// The suites in the order in which they ran. A suite that is about something missing checks nothing.
    #[must_use]
    pub fn suites(&self) -> &[Suite] {
        &self.suites
    }

    /// What the provider does not implement, by name.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether everything held of what is implemented.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        self.suites.iter().all(|suite| suite.failures.is_empty())
    }
}

impl fmt::Display for ConformanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// So many failures of a suite are shown.
        const SHOWN: usize = 10;

        for suite in &self.suites {
            let Suite { name, checked, not_applicable, failures } = suite;
            let failed = failures.len();
            writeln!(
                f,
                "{name}: {checked} checked, {failed} failed, {not_applicable} not applicable"
            )?;
            failures.iter().take(SHOWN).try_for_each(|what| writeln!(f, "    {what}"))?;
        }
        self.missing.iter().try_for_each(|what| writeln!(f, "missing: {what}"))
    }
}
