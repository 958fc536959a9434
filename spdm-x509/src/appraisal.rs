//! The result of a policy: one outcome per check, and the proof that all of them passed.

use crate::chain::Chain;
use crate::error::{ChainError, Check};
use crate::identity::{Identity, ProvisionedKey};
use crate::rule::Rule;

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a check ends in one of these ways")]
pub enum Outcome {
    /// It passed.
    Pass,
    /// It failed.
    Fail(ChainError),
    /// It was not made: the policy does not ask for it, or what it needs is missing.
    Skipped,
}

impl From<Result<(), ChainError>> for Outcome {
    fn from(result: Result<(), ChainError>) -> Self {
        match result {
            Ok(()) => Self::Pass,
            Err(error) => Self::Fail(error),
        }
    }
}

/// How a check ended, without what follows from which check it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ending {
    Pass,
    Fail { certificate: Option<u16>, rule: Rule },
    Skipped,
}

impl Ending {
    /// As the outcome of this check.
    pub(crate) const fn of(self, check: Check) -> Outcome {
        match self {
            Self::Pass => Outcome::Pass,
            Self::Fail { certificate, rule } => {
                Outcome::Fail(ChainError { certificate, ..ChainError::new(check, rule) })
            }
            Self::Skipped => Outcome::Skipped,
        }
    }
}

/// The checks of a policy, in their order.
const JUDGED: [Check; 6] = [
    Check::Root,
    Check::Certificates,
    Check::Signatures,
    Check::Anchor,
    Check::LeafProfile,
    Check::San,
];

/// Every check of a [`Policy`](crate::Policy) on one chain.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Appraisal<'c> {
    pub(crate) chain: Chain<'c>,
    pub(crate) time_checked: bool,
    pub(crate) anchor_index: Option<usize>,
    /// The first certificate whose signature was verified.
    pub(crate) first_judged: u16,
    pub(crate) root: Ending,
    pub(crate) certificates: Ending,
    pub(crate) signatures: Ending,
    pub(crate) anchor: Ending,
    pub(crate) leaf_profile: Ending,
    pub(crate) san: Ending,
}

impl<'c> Appraisal<'c> {
    /// Before any check was made.
    pub(crate) const fn unmade(chain: &Chain<'c>) -> Self {
        Self {
            chain: *chain,
            time_checked: false,
            anchor_index: None,
            first_judged: 0,
            root: Ending::Skipped,
            certificates: Ending::Skipped,
            signatures: Ending::Skipped,
            anchor: Ending::Skipped,
            leaf_profile: Ending::Skipped,
            san: Ending::Skipped,
        }
    }

    /// [`Check::Root`]; skipped where the chain leaves out a root that no anchor is.
    #[must_use]
    pub const fn root(&self) -> Outcome {
        self.outcome(Check::Root)
    }

    /// [`Check::Certificates`].
    #[must_use]
    pub const fn certificates(&self) -> Outcome {
        self.outcome(Check::Certificates)
    }

    /// [`Check::Signatures`]; skipped where the issuer of the first certificate is not known.
    #[must_use]
    pub const fn signatures(&self) -> Outcome {
        self.outcome(Check::Signatures)
    }

    /// [`Check::Anchor`].
    #[must_use]
    pub const fn anchor(&self) -> Outcome {
        self.outcome(Check::Anchor)
    }

    /// [`Check::LeafProfile`].
    #[must_use]
    pub const fn leaf_profile(&self) -> Outcome {
        self.outcome(Check::LeafProfile)
    }

    /// [`Check::San`]; skipped with [`SanPolicy::None`](crate::SanPolicy::None).
    #[must_use]
    pub const fn san(&self) -> Outcome {
        self.outcome(Check::San)
    }

    /// Every check with its outcome, in the order of [`Check`].
    pub fn outcomes(&self) -> impl Iterator<Item = (Check, Outcome)> + use<> {
        JUDGED.map(|check| (check, self.outcome(check))).into_iter()
    }

    const fn outcome(&self, check: Check) -> Outcome {
        self.ending(check).of(check)
    }

    const fn ending(&self, check: Check) -> Ending {
        match check {
            // A chain is there.
            Check::Format => Ending::Pass,
            Check::Root => self.root,
            Check::Certificates => self.certificates,
            Check::Signatures => self.signatures,
            Check::Anchor => self.anchor,
            Check::LeafProfile => self.leaf_profile,
            Check::San => self.san,
        }
    }

    /// The chain that was appraised.
    #[must_use]
    pub const fn chain(&self) -> &Chain<'c> {
        &self.chain
    }

    /// Which of [`Policy::anchors`](crate::Policy::anchors) the path starts with, counted from 0.
    #[must_use]
    pub const fn anchor_index(&self) -> Option<usize> {
        self.anchor_index
    }

    /// What it comes to: a chain that nobody vouches for is another matter than one that is wrong.
    pub fn verdict(self) -> Verdict<'c> {
        let wrong = self.outcomes().find_map(|(check, outcome)| match outcome {
            Outcome::Fail(error) if check != Check::Anchor => Some(error),
            _ => None,
        });
        match (wrong, self.anchor(), self.into_trusted()) {
            (Some(error), ..) => Verdict::BadChain(error),
            (None, Outcome::Fail(error), _) => Verdict::UnknownAuthority(error),
            (None, _, Ok(trusted)) => Verdict::Trusted(trusted),
            (None, _, Err(error)) => Verdict::BadChain(error),
        }
    }

    /// Trusts the chain where every check passed.
    ///
    /// # Errors
    /// The first failure in the order of [`Check`].
    pub fn into_trusted(self) -> Result<Trusted<'c>, ChainError> {
        match self.objection() {
            Some(error) => Err(error),
            None => Ok(Trusted {
                identity: Identity::Chain(self.chain),
                time_checked: self.time_checked,
                anchor_index: self.anchor_index,
                first_judged: self.first_judged,
            }),
        }
    }

    /// The first failure; where there is none, the first check that trust depends on and that was not made.
    fn objection(&self) -> Option<ChainError> {
        let mut not_made = None;
        for &check in &JUDGED {
            match (self.ending(check), check) {
                (Ending::Fail { certificate, rule }, _) => {
                    return Some(ChainError { certificate, ..ChainError::new(check, rule) });
                }
                // A name is the one thing that a policy may choose not to ask for.
                (Ending::Pass, _) | (Ending::Skipped, Check::San) => {}
                (Ending::Skipped, check) => not_made = not_made.or(Some(check)),
            }
        }
        not_made.map(|check| ChainError::new(check, Rule::NotChecked))
    }
}

/// What an [`Appraisal`] comes to.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "callers must tell all three apart")]
#[must_use]
pub enum Verdict<'c> {
    /// Every check passed.
    Trusted(Trusted<'c>),
    /// Nothing is wrong with the chain, as far as it can be checked, but it leads to no trust anchor.
    UnknownAuthority(ChainError),
    /// Something is wrong with the chain, or it is not the one that the policy asks for; this comes first.
    BadChain(ChainError),
}

/// Proof that a policy trusts a chain, or that the caller provisioned a key.
///
/// It does not say that the peer on the line has the key: that takes a signature over a fresh nonce.
#[derive(Clone, Copy, Debug)]
pub struct Trusted<'c> {
    identity: Identity<'c>,
    time_checked: bool,
    anchor_index: Option<usize>,
    pub(crate) first_judged: u16,
}

impl<'c> Trusted<'c> {
    /// A key is trusted because the caller got it out of band.
    #[must_use]
    pub const fn provisioned(key: ProvisionedKey<'c>) -> Self {
        Self {
            identity: Identity::Key(key),
            time_checked: false,
            anchor_index: None,
            first_judged: 0,
        }
    }

    /// Who is trusted.
    #[must_use]
    pub const fn identity(&self) -> &Identity<'c> {
        &self.identity
    }

    /// Whether validity periods were held against a clock; `false` also for a provisioned key, which has
    /// none.
    #[must_use]
    pub const fn time_checked(&self) -> bool {
        self.time_checked
    }

    /// Which of [`Policy::anchors`](crate::Policy::anchors) vouches for it, counted from 0; `None` for a
    /// provisioned key.
    #[must_use]
    pub const fn anchor_index(&self) -> Option<usize> {
        self.anchor_index
    }
}
