//! examples/fleet/nats.conf: each verb does its work with the rights of its user, and with no others.

use crate::devices::good;
use crate::documentation::example;
use crate::process::run;
use crate::queue::Queue;
use crate::server::Server;
use crate::stand::JOB;

/// The options of a user.
fn login(queue: &Queue, user: &str) -> String {
    let file = queue.folder.write(user, format!("{user}:password-of-{user}\n"));
    let domain = if ["collect", "watch"].contains(&user) { "--queue-domain spdm" } else { "" };
    format!("--queue-login {file} {domain}")
}

#[test]
fn each_verb_does_its_work_with_the_rights_of_its_user() {
    let server = Server::with_configuration("cli-rights", &example("nats.conf"));
    let Some(queue) = server.map(Queue::of) else { return };
    let site = good(&queue.folder);
    queue.list(&[site.target(1), site.target(2)]);
    let (submit, watch) = (login(&queue, "submit"), login(&queue, "watch"));
    // Nobody may do anything without a login, and a collector may not submit.
    let refused = queue.submit("");
    assert_eq!((refused.code, refused.out.as_str()), (3, ""), "{refused:?}");
    assert!(refused.err.contains("uthoriz"), "{}", refused.err);
    let submitted = queue.submit(&submit);
    assert_eq!(submitted.code, 0, "{submitted:?}");
    let collector = format!("--roles collect {}", login(&queue, "collect"));
    let collector = queue.worker("collector.log", &collector);
    let judge =
        format!("--roles judge {} {} --trust {}", queue.key(), login(&queue, "judge"), site.root);
    let judge = queue.worker("judge.log", &judge);
    let watched = queue.watch(&format!("{watch} --wait 20"));
    assert_eq!((watched.code, watched.err.lines().count()), (0, 1), "{watched:?}");
    for worker in [collector, judge] {
        worker.terminate();
        let (code, last) = worker.ended();
        assert_eq!(code, Some(0), "{last}");
        assert!(last.contains("2 collected") || last.contains("2 judged"), "{last}");
    }
    // A wrong password is one sentence, without it.
    let wrong = queue.folder.write("wrong", "watch:hunter2");
    let ran = run(&format!("fleet watch {} --job {JOB} --queue-login {wrong}", queue.option()));
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{ran:?}");
    assert!(!ran.err.contains("hunter2"), "{}", ran.err);
}
