//! The units of workers in examples/fleet: what they start works on a server with the rights of nats.conf.

use crate::devices::good;
use crate::documentation::example;
use crate::process::run;
use crate::queue::{Queue, Worker};
use crate::server::Server;
use crate::stand::JOB;

/// What is behind this in a unit.
fn said_of<'u>(unit: &'u str, setting: &str) -> Vec<&'u str> {
    unit.lines().filter_map(|line| line.strip_prefix(setting)).collect()
}

/// Starts what a unit does, with files of the folder in the place of those of systemd and /etc.
fn start(queue: &Queue, name: &str, root: &str) -> (Worker, String) {
    let unit = example(&format!("spdm-fleet-{name}.service"));
    let credentials = queue.folder.path(name);
    std::fs::create_dir_all(&credentials).unwrap();
    // A worker sees the copies that systemd makes, and no other secret.
    for credential in said_of(&unit, "LoadCredential=") {
        let (copy, file) = credential.split_once(':').unwrap();
        let file = file.strip_prefix("/etc/spdm/").unwrap();
        std::fs::copy(queue.folder.path(file), format!("{credentials}/{copy}")).unwrap();
    }
    let [line] = said_of(&unit, "ExecStart=/usr/bin/spdm ")[..] else { panic!("{unit}") };
    let words: Vec<_> = line.split(' ').collect();
    let place = words.iter().position(|word| *word == "--metrics").unwrap();
    let metrics = words[place + 1].to_owned();
    let line = line
        .replace("${SPDM_QUEUE}", queue.server.address())
        .replace("${CREDENTIALS_DIRECTORY}", &credentials)
        .replace("/etc/spdm/roots", root)
        .replace(&metrics, "127.0.0.1:0")
        .replace("$SPDM_OPTIONS", "--drain");
    assert!(!line.contains(['$', '%']) && !line.contains("/etc/"), "{line}");
    // What systemctl enable needs.
    assert_eq!(said_of(&unit, "WantedBy="), ["multi-user.target"]);
    (queue.starts(&format!("{name}.log"), &line), metrics)
}

#[test]
fn what_units_of_workers_start_collects_and_judges() {
    let server = Server::with_configuration("cli-units", &example("nats.conf"));
    let Some(queue) = server.map(Queue::of) else { return };
    let site = good(&queue.folder);
    queue.list(&[site.target(1), site.target(2)]);
    for user in ["submit", "collect", "judge"] {
        queue.folder.write(&format!("{user}-login"), format!("{user}:password-of-{user}\n"));
    }
    let submit = format!("--queue-login {}", queue.folder.path("submit-login"));
    let submitted = queue.submit(&submit);
    assert_eq!(submitted.code, 0, "{submitted:?}");
    let (collector, of_collector) = start(&queue, "collect", &site.root);
    let (judge, of_judge) = start(&queue, "judge", &site.root);
    assert_ne!(of_collector, of_judge, "both may run on one machine");
    let watched = run(&format!("fleet watch {} --job {JOB} {submit} --wait 20", queue.option()));
    assert_eq!(watched.code, 0, "{watched:?}");
    for worker in [collector, judge] {
        let (code, last) = worker.ended();
        assert_eq!(code, Some(0), "{last}");
    }
}
