//! What the verbs of the queue print.

use core::fmt;

use serde::Serialize;
use spdm_fleet::Job;

/// The version of the objects' form.
const SCHEMA: u32 = 1;

/// What was submitted: docs/schema/fleet-submit.json.
#[derive(Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What was submitted",
        description = "What spdm fleet submit --json prints."
    )
)]
pub(crate) struct ShownSubmission<'s> {
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    schema: u32,
    /// The job. Its digest is that of the targets and of what is asked of them.
    job: &'s Job,
    /// The name of the key that its nonces are made with.
    key: &'s str,
    /// How many items it has.
    items: u64,
    /// Of which so many are in the queue now that were not before.
    new: u64,
    /// And so many were there, or have their last outcome.
    known: u64,
}

impl<'s> ShownSubmission<'s> {
    /// Of a job with so many items, of which some are new.
    pub(crate) fn new(job: &'s Job, key: &'s str, items: u64, new: u64) -> Self {
        Self { schema: SCHEMA, job, key, items, new, known: items.saturating_sub(new) }
    }
}

impl fmt::Display for ShownSubmission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, items, new, known, .. } = self;
        let devices = if *items == 1 { "device" } else { "devices" };
        write!(f, "job {}: {items} {devices}, ", job.name)?;
        match (new, known) {
            (0, _) => writeln!(f, "all of them known: a new run needs a new name"),
            (_, 0) => writeln!(f, "all of them new"),
            _ => writeln!(f, "{new} new, {known} known"),
        }
    }
}

/// What a worker did: docs/schema/fleet-work.json.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What a worker did",
        description = "What spdm fleet work --json prints in the end."
    )
)]
pub(crate) struct ShownWork<'s> {
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    schema: u32,
    /// Who: host and process, as outcomes name it.
    worker: &'s str,
    /// Attempts whose evidence it handed on, or why there is none.
    pub(super) collected: u64,
    /// Attempts whose outcome it stored.
    pub(super) judged: u64,
    /// Messages that it handed back, for somebody else or for later.
    pub(super) handed_back: u64,
    /// Messages that nobody could work on.
    pub(super) given_up: u64,
    /// Messages that nobody with the key submitted, or that are of another key: they have no outcome.
    pub(super) put_aside: u64,
}

impl<'s> ShownWork<'s> {
    /// Of a worker that did nothing.
    pub(crate) const fn new(worker: &'s str) -> Self {
        Self {
            schema: SCHEMA,
            worker,
            collected: 0,
            judged: 0,
            handed_back: 0,
            given_up: 0,
            put_aside: 0,
        }
    }
}

impl fmt::Display for ShownWork<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, collected, judged, handed_back, given_up, put_aside, .. } = self;
        write!(f, "{worker}: {collected} collected, {judged} judged")?;
        let rest = [(handed_back, "handed back"), (given_up, "given up"), (put_aside, "put aside")];
        for (count, what) in rest {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        writeln!(f)
    }
}
