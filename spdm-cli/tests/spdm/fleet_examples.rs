//! The scripts of examples/fleet, against emulated devices.

use core::fmt::Write as _;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use crate::fleet::{good, outcomes};
use crate::process::{Folder, Run};

/// A script with the command and the roots that it is told.
fn script(name: &str, folder: &Folder, root: &str) -> Command {
    let path = format!("{}/../examples/fleet/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut script = Command::new("bash");
    script.arg(path).current_dir(folder.path("."));
    script.env("SPDM", env!("CARGO_BIN_EXE_spdm")).env("SPDM_TRUST", root);
    script.stdin(Stdio::null());
    script
}

/// So many devices, with lines that are none between them.
fn list(folder: &Folder, devices: usize) -> (String, BTreeSet<String>) {
    let site = good(folder);
    let targets: BTreeSet<_> = (0..devices).map(|number| site.target(number)).collect();
    let mut list = "# the devices of this site\n\n".to_owned();
    for target in &targets {
        writeln!(list, "{target} class=ssd\n  # next\n").unwrap();
    }
    folder.write("targets.txt", list);
    (site.root, targets)
}

/// The targets of these journals, each of which is verified, once.
fn verified(journals: &[String]) -> BTreeSet<String> {
    let mut targets = BTreeSet::new();
    for outcome in journals.iter().flat_map(|journal| outcomes(journal)) {
        assert_eq!(outcome["outcome"], "verified", "{outcome}");
        let target = outcome["target"].as_str().unwrap().to_owned();
        assert!(targets.insert(target), "attested twice: {outcome}");
    }
    targets
}

#[test]
fn every_device_is_in_one_slice() {
    let folder = Folder::new();
    let (root, targets) = list(&folder, 7);
    let slice = |variable: &str, number: usize| -> Run {
        let mut script = script("slice", &folder, &root);
        script.args(["3", "targets.txt", "."]).env(variable, number.to_string());
        script.output().unwrap().into()
    };
    for number in 0..3 {
        let ran = slice("JOB_COMPLETION_INDEX", number);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let journals: Vec<_> =
        (0..3).map(|number| folder.path(&format!("results-{number}.jsonl"))).collect();
    assert_eq!(verified(&journals), targets);
    // A pod that starts again goes on from its journal.
    let ran = slice("SLURM_ARRAY_TASK_ID", 1);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(verified(&journals), targets);
    // Who has no number is told so.
    let mut script = script("slice", &folder, &root);
    script.args(["1", "targets.txt", "."]).env_remove("JOB_COMPLETION_INDEX");
    let ran: Run = script.output().unwrap().into();
    assert_ne!(ran.code, 0);
    assert!(ran.err.contains("no number of this process"), "{}", ran.err);
}

#[test]
fn every_device_is_in_one_task_of_slurm() {
    let folder = Folder::new();
    let (root, targets) = list(&folder, 20);
    for number in 0..16 {
        let mut script = script("slurm.sbatch", &folder, &root);
        let slice = format!("{}/../examples/fleet/slice", env!("CARGO_MANIFEST_DIR"));
        script.env("SLURM_ARRAY_TASK_ID", number.to_string()).env("SLICE", slice);
        let ran: Run = script.output().unwrap().into();
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let journals: Vec<_> =
        (0..16).map(|number| folder.path(&format!("results/results-{number}.jsonl"))).collect();
    assert_eq!(verified(&journals), targets);
}

#[test]
fn every_device_is_in_one_piece_of_parallel() {
    // The moreutils have another program of this name.
    let version = Command::new("parallel").arg("--version").stdin(Stdio::null()).output();
    if !version.is_ok_and(|version| version.stdout.starts_with(b"GNU parallel")) {
        eprintln!(
            "SKIPPED every_device_is_in_one_piece_of_parallel: GNU parallel is not installed"
        );
        return;
    }
    let folder = Folder::new();
    let (root, targets) = list(&folder, 7);
    let ran: Run = script("parallel", &folder, &root)
        .arg("targets.txt")
        .env("PIECE", "3")
        .env("HOME", folder.path("."))
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, 0, "{ran:?}");
    let journals: Vec<_> =
        (1..=3).map(|number| folder.path(&format!("results/{number}.jsonl"))).collect();
    assert_eq!(verified(&journals), targets);
    let log = fs::read_to_string(folder.path("results/joblog")).unwrap();
    assert_eq!(log.lines().count(), 4, "{log}");
}
