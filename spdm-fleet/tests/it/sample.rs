//! Outcomes to test with.

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    Attempt, Fault, Finality, Inputs, Item, Job, JournalHead, Outcome, OutcomeKind, Span, Target,
    Timestamp,
};

/// The head of a job of ten items.
pub(crate) fn head(digest: &str) -> JournalHead {
    let job = Job { name: "job".to_owned(), digest: digest.to_owned() };
    JournalHead::new(job, 10, Timestamp::from_unix_ms(1_764_513_600_000))
}

/// The last outcome of a target.
pub(crate) fn outcome(target: &str, kind: OutcomeKind, fault: Fault) -> Outcome {
    let item = Item::new(&PROVIDER, "job", Target::new(target)).unwrap();
    let attempt = Attempt {
        inputs: Inputs { tool: "0.1.0".to_owned(), ..Inputs::default() },
        ..Attempt::without_device(kind, fault, "test", "as the test wants it")
    };
    let at = Timestamp::from_unix_ms;
    let span = Span {
        due: at(1_764_513_600_000),
        started: at(1_764_513_600_010),
        finished: at(1_764_513_600_030),
    };
    Outcome::new(&item, 1, attempt, Finality::Final, span, "host/1")
}
