//! `--out` and `--resume`: the journal of this run, and what is in it already.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use spdm_crypto::Provider;
use spdm_fleet::{
    ItemId, JobDigest, Journal, JournalError, JournalFile, JournalHead, JournalReader, Outcome,
    OutcomeKind, Target, Timestamp,
};

use crate::exit::Failure;

/// What runs before came to.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// For each target how many attempts were made; `None` where its outcome is final.
    pub(crate) attempts: Vec<Option<u32>>,
    /// Final outcomes.
    pub(crate) ended: Vec<OutcomeKind>,
    /// Outcomes of devices that are not among those of today: a service listed others then.
    pub(crate) others: u64,
}

/// The head of the journal: where a run goes on, the job has the name that it has there.
pub(crate) fn head(
    out: Option<&Path>,
    resumes: bool,
    digest: &JobDigest,
    targets: &[Target],
) -> JournalHead {
    let now = Timestamp::now();
    let mut job = digest.job(now);
    let found = out.filter(|_| resumes).and_then(|path| File::open(path).ok());
    let found = found.and_then(|file| JournalReader::new(BufReader::new(file)).ok());
    if let Some(found) = found {
        job.name.clone_from(&found.head().job.name);
    }
    JournalHead::new(job, u64::try_from(targets.len()).unwrap_or(u64::MAX), now)
}

/// Begins the journal, or goes on with it: `seen` is given what is in it of the targets.
pub(crate) fn begin<'f>(
    file: &'f mut JournalFile,
    path: &Path,
    resumes: bool,
    head: &JournalHead,
    targets: &[Target],
    provider: &Provider,
    seen: &mut dyn FnMut(&Outcome),
) -> Result<(Journal<'f>, Before), Failure> {
    if !resumes {
        let journal = file.begin(head).map_err(|error| of(path, &error))?;
        return Ok((journal, Before::default()));
    }
    let named =
        |target: &Target| ItemId::of(provider, &head.job.name, &target.target, &target.class);
    let named =
        targets.iter().enumerate().filter_map(|(index, target)| Some((named(target)?, index)));
    let places: HashMap<ItemId, usize> = named.collect();
    let mut last = vec![(Some(0), None); targets.len()];
    let mut others = 0;
    let journal = file.resume(head, |outcome| {
        // The item says what the line is about, and the line must say the same.
        let place = places.get(&outcome.item).copied();
        let place = place.filter(|place| {
            let target = targets.get(*place);
            target.is_some_and(|it| it.target == outcome.target && it.class == outcome.class)
        });
        let Some(last) = place.and_then(|place| last.get_mut(place)) else {
            others += 1;
            return;
        };
        seen(&outcome);
        *last = match outcome.is_final {
            true => (None, Some(outcome.outcome)),
            false => (Some(outcome.attempt), None),
        };
    });
    let journal = journal.map_err(|error| of(path, &error))?;
    let ended = last.iter().filter_map(|(_, kind)| *kind).collect();
    let attempts = last.into_iter().map(|(made, _)| made).collect();
    Ok((journal, Before { attempts, ended, others }))
}

/// A journal that cannot be used.
pub(crate) fn of(path: &Path, error: &JournalError) -> Failure {
    let hint = match error {
        JournalError::NotEmpty => Some("--resume goes on with the run that is in it"),
        _ => None,
    };
    Failure::usage(format!("{}: {error}", path.display())).with_hint(hint)
}
