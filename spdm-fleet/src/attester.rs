//! Who attests one device.

use core::any::Any;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;

use serde_json::value::RawValue;

use crate::item::Item;
use crate::outcome::{EvidenceFile, Fault, Finding, Inputs, OutcomeKind, Reason};

/// One attempt that is to be made.
#[derive(Clone, Copy, Debug)]
pub struct Work<'w> {
    /// The item.
    pub item: &'w Item,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// How long it may take.
    pub deadline: Duration,
}

/// Attests one device, in the thread of the caller. Several threads call it at once, for different devices.
pub trait Attester: Sync {
    /// Makes one attempt. What goes wrong is in the result; a panic becomes [`OutcomeKind::InternalError`].
    fn attest(&self, work: &Work<'_>) -> Attempt;
}

/// What an attempt brought.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "an attester makes it")]
pub struct Attempt {
    /// What it came to.
    pub finding: Finding,
    /// The report of `spdm attest --json`.
    pub report: Option<Box<RawValue>>,
    /// The evidence, where it was kept.
    pub evidence: Option<EvidenceFile>,
    /// What it was judged by.
    pub inputs: Inputs,
    /// The exchange with the device, in milliseconds.
    pub device_ms: u64,
    /// What was judged after it, in milliseconds.
    pub verify_ms: u64,
    /// Requests that were answered.
    pub round_trips: u32,
}

impl Attempt {
    /// What some work came to. A panic in it is a failure of this program, and of no other attempt.
    #[must_use]
    pub fn of(work: impl FnOnce() -> Self) -> Self {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let detail = format!("panic: {}", panic_message(panic.as_ref()));
            Self::without_device(OutcomeKind::InternalError, Fault::Us, "panic", detail)
        })
    }

    /// An attempt that brought nothing but why.
    #[must_use]
    pub fn without_device(
        kind: OutcomeKind,
        fault: Fault,
        check: &str,
        detail: impl Into<String>,
    ) -> Self {
        let reason = Reason { check: check.to_owned(), index: None, detail: detail.into() };
        Self {
            finding: Finding { kind, fault, reason: Some(reason), passing: false },
            report: None,
            evidence: None,
            inputs: Inputs::default(),
            device_ms: 0,
            verify_ms: 0,
            round_trips: 0,
        }
    }
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
