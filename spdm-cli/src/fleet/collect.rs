//! `spdm fleet collect`: evidence of many devices, for somebody else to judge.

use core::sync::atomic::Ordering;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use spdm_fleet::{
    Attempt, Attester, CollectFailure, Collector as _, EvidenceMessage, Finding, FleetKey, ItemId,
    Nonces, Outcome, OutcomeKind, OutcomeSink, Run, Tally, Target, Timestamp, Transport, Want,
    Work, WorkMessage,
};

use crate::args::{FleetCollectArgs, FleetWantArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::examination::Waived;
use crate::exit::{Exit, Failure};
use crate::fleet::attest::worker;
use crate::fleet::attester::undecidable;
use crate::fleet::collector::{DeviceCollector, want};
use crate::fleet::evidence_files::EvidenceOutput;
use crate::fleet::progress::{self, InFlight, Progress};
use crate::fleet::targets;
use crate::{file, interrupt};

/// Collects; there is no verdict. It exits as if everything that was collected were verified.
pub(crate) fn run(
    args: &FleetCollectArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let stop = interrupt::catch_to_stop()?;
    let want = args.want.want()?;
    args.connection.check()?;
    let targets = targets::read(&args.targets)?;
    without_services(&targets)?;
    let key = read_key(&args.key, console)?;
    let worker = worker();
    let collector = Collecting {
        collector: DeviceCollector {
            connection: &args.connection,
            slot: args.slot,
            deadline: args.pace.deadline,
            crypto,
        },
        nonces: Nonces::new(crypto.provider, &key),
        want,
        worker: &worker,
        brought: Mutex::default(),
    };
    let in_flight = InFlight::default();
    let mut sink = EvidenceSink {
        output: EvidenceOutput::create(&args.out)?,
        brought: &collector.brought,
        collected: 0,
        others: Tally::default(),
        reasons: Vec::new(),
        progress: Progress::new(&targets, 0, &in_flight, console),
        console,
    };
    let run = Run {
        job: &args.job,
        targets: &targets,
        before: &[],
        limits: args.pace.limits(None),
        deadline: args.pace.deadline,
        worker: &worker,
        provider: crypto.provider,
        cancel: stop,
        seed: Timestamp::now().unix_ms() ^ u64::from(std::process::id()),
    };
    let ran = spdm_fleet::run(&run, &collector, &mut sink, &in_flight);
    let ran = ran.and_then(|()| sink.output.finish());
    sink.progress.end();
    ran.map_err(|error| file::of(&args.out, &error))?;
    let EvidenceSink { collected, others, reasons, console, .. } = sink;
    for reason in &reasons {
        console.note(reason);
    }
    if stop.load(Ordering::Relaxed) {
        console.note("stopped: there is no evidence of devices that were not asked yet");
    }
    let all = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    console.note(&format!("evidence of {collected} of {all} devices is in {}", args.out.display()));
    Ok(exit(all.saturating_sub(collected), &others))
}

/// How it ends, where there is no evidence of so many: as `fleet attest`, whose devices all are verified of which there is.
fn exit(missing: u64, others: &Tally) -> Exit {
    let (broken, silent) =
        (others.count(OutcomeKind::DeviceError), others.count(OutcomeKind::Unreachable));
    match missing.saturating_sub(broken).saturating_sub(silent) {
        0 if missing == 0 => Exit::Done,
        0 if broken == 0 => Exit::Transport,
        0 => Exit::Protocol,
        _ => Exit::Rejected,
    }
}

/// The key of nonces; a person is warned where others can read it.
pub(crate) fn read_key(path: &Path, console: &Console) -> Result<FleetKey, Failure> {
    let bytes = file::read_secret(path, console)?;
    FleetKey::from_file(&bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// Services judge and collect in one: there is nothing to hand on.
pub(crate) fn without_services(targets: &[Target]) -> Result<(), Failure> {
    match targets.iter().find(|target| target.transport() == Transport::Redfish) {
        Some(target) => Err(Failure::usage(format!(
            "{}: evidence of a Redfish service is judged where it is collected",
            target.target
        ))
        .with_hint(Some("spdm fleet attest takes it"))),
        None => Ok(()),
    }
}

impl FleetWantArgs {
    /// What is to be collected.
    pub(crate) fn want(&self) -> Result<Want, Failure> {
        Waived::new(self.challenge, &self.measurements)?;
        Ok(want(self.challenge, &self.measurements))
    }
}

/// Makes the message of each attempt itself, and keeps what comes of it until the outcome is written.
struct Collecting<'c> {
    collector: DeviceCollector<'c>,
    nonces: Nonces<'c>,
    want: Want,
    worker: &'c str,
    brought: Brought,
}

/// By item and attempt.
type Brought = Mutex<HashMap<(ItemId, u32), EvidenceMessage>>;

impl Attester for Collecting<'_> {
    fn attest(&self, work: &Work<'_>) -> Attempt {
        let (now, item) = (Timestamp::now(), work.item.clone());
        let (window, want) = (work.deadline, self.want.clone());
        let message = WorkMessage::new(&self.nonces, item, work.attempt, now, window, want);
        let message = match message {
            Ok(message) => message,
            Err(error) => return undecidable("nonce", error.to_string()),
        };
        let message = self.collector.collect(&message).into_message(&message, self.worker);
        let mut attempt = match &message.failure {
            None => undecidable("collected", "nobody has judged it yet".to_owned()),
            Some(failure) => {
                let CollectFailure { outcome, fault, reason, passing } = failure.clone();
                let attempt = Attempt::without_device(outcome, fault, "collected", "");
                let finding = Finding { reason, passing, ..attempt.finding };
                Attempt { finding, ..attempt }
            }
        };
        (attempt.device_ms, attempt.round_trips) = (message.device_ms, message.round_trips);
        let mut brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        brought.insert((work.item.item.clone(), work.attempt), message);
        attempt
    }
}

/// Writes the last message of each item.
struct EvidenceSink<'s> {
    output: EvidenceOutput<'s>,
    brought: &'s Brought,
    /// Devices whose evidence was collected.
    collected: u64,
    /// The others, by why there is none.
    others: Tally,
    /// Why there is no evidence.
    reasons: Vec<String>,
    progress: Progress<'s>,
    console: &'s mut Console,
}

impl OutcomeSink for EvidenceSink<'_> {
    fn outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        let mut brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner);
        let message = brought.remove(&(outcome.item.clone(), outcome.attempt));
        drop(brought);
        if !outcome.is_final {
            return Ok(());
        }
        let is_collected = message.as_ref().is_some_and(|message| message.failure.is_none());
        if is_collected {
            self.collected += 1;
        } else {
            self.others.add(outcome.outcome);
            let detail = outcome.reason.map(|reason| reason.detail).unwrap_or_default();
            self.reasons.push(format!("{}: {}: {detail}", outcome.target, outcome.outcome));
        }
        message.map_or(Ok(()), |message| self.output.write(message))
    }

    fn idle(&mut self) -> io::Result<()> {
        let mut words = vec![format!("{} collected", self.collected)];
        words.extend(progress::outcomes(&self.others));
        self.progress.show(self.collected + self.others.total(), words, self.console);
        Ok(())
    }
}
