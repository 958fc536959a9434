//! The scripts of examples/fleet, against emulated devices.

use core::fmt::Write as _;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use crate::fleet::{good, outcomes};
use crate::process::{Folder, Run, command};

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

/// What an example runs, with the files of a folder in the place of its own.
fn line_of(folder: &Folder, root: &str, line: &str) -> Run {
    let line = line
        .replace("/etc/spdm/roots", root)
        .replace("/fleet/root.pem", root)
        .replace("/etc/spdm/targets.txt", &folder.path("targets.txt"))
        .replace("/fleet/targets.txt", &folder.path("targets.txt"))
        .replace("/var/lib/prometheus/node-exporter/", &folder.path(""))
        .replace("/results/", &folder.path(""));
    let mut command = command(&line.split_whitespace().collect::<Vec<_>>());
    command.current_dir(folder.path(".")).output().unwrap().into()
}

fn example(name: &str) -> String {
    fs::read_to_string(format!("{}/../examples/fleet/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn what_the_unit_of_every_night_runs_leaves_its_files() {
    let folder = Folder::new();
    let (root, targets) = list(&folder, 3);
    let unit = example("spdm-fleet.service");
    let lines = unit.lines().filter_map(|line| {
        let (setting, line) = line.split_once("/usr/bin/spdm ")?;
        ["ExecStart=", "ExecStopPost=-", "ExecStopPost=-+"].contains(&setting).then_some(line)
    });
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), unit.matches("/usr/bin/spdm").count());
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in lines {
        let ran = line_of(&folder, &root, line);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}: {ran:?}");
    }
    assert_eq!(verified(&[folder.path("results.jsonl")]), targets);
    let metrics = fs::read_to_string(folder.path("spdm-fleet.prom")).unwrap();
    assert!(metrics.contains("spdm_items{state=\"verified\"} 3\n"), "{metrics}");
    assert!(fs::read_to_string(folder.path("report.html")).unwrap().contains("</html>"));
}

#[test]
fn what_the_cron_job_runs_leaves_its_files() {
    let folder = Folder::new();
    let (root, targets) = list(&folder, 3);
    let manifest = example("cronjob.yaml");
    let args = manifest.lines().find_map(|line| line.trim().strip_prefix("args: [")).unwrap();
    let line = args.trim_end_matches(']').replace(", ", " ");
    let ran = line_of(&folder, &root, &line);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}: {ran:?}");
    assert_eq!(verified(&[folder.path("results.jsonl")]), targets);
    assert!(fs::read_to_string(folder.path("junit.xml")).unwrap().contains("<testsuites"));
}

#[test]
fn what_a_manifest_reads_and_writes_is_mounted() {
    for name in ["cronjob.yaml", "job.yaml", "worker.yaml"] {
        for document in example(name).split("\n---\n") {
            let is_command = |line: &&str| {
                let line = line.trim_start();
                ["args: [", "command: [", "value: /"].iter().any(|start| line.starts_with(start))
            };
            let words = document.lines().filter(is_command).flat_map(|line| {
                line.split([' ', ',', '[', ']', '"']).filter(|word| word.starts_with('/'))
            });
            let folders: BTreeSet<_> = words
                .filter(|word| !["/bin/sh", "/usr/bin/spdm"].contains(word))
                .map(|word| word.split('/').nth(1).unwrap())
                .collect();
            assert!(!folders.is_empty(), "{name}");
            for folder in folders {
                let mount = format!("mountPath: /{folder}");
                assert!(document.contains(&mount), "{name}: {mount}");
            }
            // Each mount has a volume of its name.
            let volumes = document.split("volumes:").nth(1).unwrap();
            for mount in document.lines().filter_map(|line| line.trim().strip_prefix("- {name: ")) {
                let (volume, is_mount) = mount.split_once(", ").unwrap();
                if is_mount.starts_with("mountPath") {
                    assert!(volumes.contains(&format!("- name: {volume}\n")), "{name}: {volume}");
                }
            }
        }
    }
}
