//! What holds for the devices of a site, by class.

use std::collections::BTreeMap;

use spdm_fleet::{Attempt, JobDigest, Target};

use crate::args::ClassArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::Failure;
use crate::fleet::attester::undecidable;
use crate::fleet::class_profile::Classes;
use crate::fleet::class_rules::{ClassInputs, ClassRules};

/// What holds for each class, files read.
#[derive(Debug)]
pub(crate) struct SiteInputs<'i> {
    named: BTreeMap<&'i str, ClassInputs<'i>>,
    default: Option<ClassInputs<'i>>,
}

impl<'i> SiteInputs<'i> {
    /// Reads the files of every class of a profile; where there is none, the options of the command hold for all.
    pub(crate) fn read(
        args: &'i ClassArgs,
        profile: Option<&'i Classes>,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let default = match profile {
            Some(profile) => profile.default.as_ref(),
            None => Some(args),
        };
        let mut named = BTreeMap::new();
        for (class, args) in profile.into_iter().flat_map(|profile| &profile.named) {
            let inputs = ClassInputs::read(args, crypto, console).map_err(|failure| Failure {
                message: format!("class {class}: {}", failure.message),
                ..failure
            })?;
            named.insert(class.as_str(), inputs);
        }
        let default = default.map(|args| ClassInputs::read(args, crypto, console));
        Ok(Self { named, default: default.transpose()? })
    }

    /// The same, ready to judge.
    pub(crate) fn rules(&self, crypto: Crypto) -> Result<SiteRules<'_>, Failure> {
        let rules = self
            .named
            .iter()
            .map(|(class, inputs)| ClassRules::new(inputs, crypto).map(|rules| (*class, rules)));
        let default = self.default.as_ref().map(|inputs| ClassRules::new(inputs, crypto));
        Ok(SiteRules { named: rules.collect::<Result<_, _>>()?, default: default.transpose()? })
    }

    /// Everything that decides about the devices; `None` where the backend has no SHA-256.
    pub(crate) fn digest(
        &self,
        targets: &[Target],
        profile: Option<&Classes>,
        crypto: Crypto,
    ) -> Option<JobDigest> {
        let provider = crypto.provider;
        let mut digest = JobDigest::new().with_targets(provider, targets)?;
        if let Some(profile) = profile {
            digest = digest.with(provider, "profile", &profile.bytes)?;
        }
        let mut classes = self.named.values().chain(&self.default);
        classes.try_fold(digest, |digest, class| class.digest(provider, digest))
    }
}

/// The rules of each class.
#[derive(Debug)]
pub(crate) struct SiteRules<'i> {
    named: BTreeMap<&'i str, ClassRules<'i>>,
    /// For classes that are not among them.
    default: Option<ClassRules<'i>>,
}

impl<'i> SiteRules<'i> {
    /// The rules of a class, or what an item comes to for which there are none.
    #[expect(clippy::result_large_err, reason = "the error is the outcome")]
    pub(crate) fn of(&self, class: &str) -> Result<&ClassRules<'i>, Attempt> {
        self.named.get(class).or(self.default.as_ref()).ok_or_else(|| {
            let detail = format!("no profile is for the class {class}, and none for all others");
            undecidable("profile", detail)
        })
    }
}
