//! TLS of the server of queues: who is believed, and what is said where somebody is not.

use crate::authority::Authority;
use crate::devices::good;
use crate::documentation::example;
use crate::process::{Folder, Run, run};
use crate::queue::Queue;
use crate::server::Server;
use crate::stand::JOB;

/// A server without users that has the certificate of this name.
fn server_of(name: &str, folder: &Folder, certificate: &str) -> Option<Server> {
    let [certificate, key] =
        [".pem", ".key"].map(|end| folder.path(&format!("{certificate}{end}")));
    let text = format!(
        "listen: \"127.0.0.1:4222\"\njetstream {{ store_dir: \"/var/lib/nats\" }}\n\
         tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}\n"
    );
    Server::with_configuration(name, &text)
}

/// A server's address with another way to speak, and another host.
fn url(server: &Server, scheme: &str, host: &str) -> String {
    let port = server.address().rsplit(':').next().unwrap();
    format!("{scheme}://{host}:{port}")
}

fn watch(url: &str, options: &str) -> Run {
    run(&format!("fleet watch --queue {url} --job {JOB} {options}"))
}

/// One sentence about why the server is not believed, or does not believe, which begins with the address, and at most a hint.
fn refused(url: &str, options: &str, words: &[&str]) {
    let ran = watch(url, options);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{url} {options}: {ran:?}");
    let is_beside = |line: &str| line.starts_with("hint: ") || line.contains("is secret");
    let lines: Vec<_> = ran.err.lines().filter(|line| !is_beside(line)).collect();
    assert_eq!(lines.len(), 1, "{options}: {}", ran.err);
    assert!(lines[0].starts_with(&format!("error: {url}: ")), "{options}: {}", ran.err);
    for word in words {
        assert!(ran.err.contains(word), "{options}: {word}: {}", ran.err);
    }
}

#[test]
fn a_server_is_believed_for_its_authority_and_its_name() {
    let folder = Folder::new();
    let ours = Authority::new(&folder, "ours");
    let other = Authority::new(&folder, "other");
    ours.issue("server", "IP:127.0.0.1", 2);
    ours.issue("elsewhere", "DNS:queue.example", 2);
    let Some(server) = server_of("cli-tls", &folder, "server") else { return };
    let (tls, nats) = (url(&server, "tls", "127.0.0.1"), url(&server, "nats", "127.0.0.1"));
    let key = folder.write("fleet.key", [7; 32]);
    let targets = folder.write("targets.txt", "tcp:127.2.0.1:1\n");
    let submitted = run(&format!(
        "fleet submit --queue {tls} --job {JOB} --targets {targets} --key {key} {}",
        ours.option()
    ));
    assert_eq!(submitted.code, 0, "{submitted:?}");
    // Its TLS is what the server asks for where nobody typed it.
    let watched = watch(&nats, &format!("--wait 1 {}", ours.option()));
    assert_eq!(watched.code, 1, "{watched:?}");
    refused(&tls, &other.option(), &["certificate", "other.pem"]);
    refused(&tls, "", &["certificate", "--queue-ca"]);
    refused(&nats, "", &["certificate", "--queue-ca"]);
    let Some(elsewhere) = server_of("cli-name", &folder, "elsewhere") else { return };
    let url = url(&elsewhere, "tls", "127.0.0.1");
    refused(&url, &ours.option(), &["not of this name", "queue.example"]);
}

#[test]
fn a_certificate_that_is_over_is_not_believed() {
    let folder = Folder::new();
    let ours = Authority::new(&folder, "ours");
    ours.issue("old", "IP:127.0.0.1", 0);
    let Some(server) = server_of("cli-expired", &folder, "old") else { return };
    std::thread::sleep(core::time::Duration::from_millis(1100));
    refused(&url(&server, "tls", "127.0.0.1"), &ours.option(), &["certificate", "expired"]);
}

#[test]
fn nothing_is_said_without_tls_where_somebody_typed_it() {
    let Some(queue) = Queue::start("cli-plain") else { return };
    let ours = Authority::new(&queue.folder, "ours");
    let login = queue.folder.write("login", "watch:hunter2");
    for (scheme, options) in [("tls", ""), ("tls", &*ours.option()), ("nats", &*ours.option())] {
        let url = url(&queue.server, scheme, "127.0.0.1");
        refused(&url, &format!("{options} --queue-login {login}"), &["TLS"]);
    }
}

#[test]
fn a_user_is_who_its_certificate_says() {
    let folder = Folder::new();
    let ours = Authority::new(&folder, "ours");
    let other = Authority::new(&folder, "other");
    ours.issue("server", "IP:127.0.0.1", 2);
    for user in ["submit", "collect", "judge", "watch"] {
        ours.issue(user, &format!("DNS:{user}"), 2);
    }
    other.issue("stranger", "DNS:watch", 2);
    ours.issue("nobody", "DNS:nobody", 2);
    let [certificate, key, authority] =
        ["server.pem", "server.key", "ours.pem"].map(|name| folder.path(name));
    // Who a user is, its certificate says: it has no password.
    let mut text = example("nats.conf");
    for user in ["SUBMIT", "COLLECT", "JUDGE", "WATCH"] {
        text = text.replace(&format!(", password: $SPDM_{user}_PASSWORD"), "");
    }
    let text = text
        + &format!(
            "\ntls {{ cert_file: \"{certificate}\", key_file: \"{key}\", ca_file: \"{authority}\", verify_and_map: true }}\n"
        );
    let Some(server) = Server::with_configuration("cli-map", &text) else { return };
    let tls = url(&server, "tls", "127.0.0.1");
    let who = |user: &str| {
        let is_elsewhere = matches!(user, "collect" | "watch");
        let domain = if is_elsewhere { "--queue-domain spdm" } else { "" };
        let [certificate, key] = [".pem", ".key"].map(|end| folder.path(&format!("{user}{end}")));
        format!("{} --queue-cert {certificate} --queue-key {key} {domain}", ours.option())
    };
    let site = good(&folder);
    let key = folder.write("fleet.key", "0123456789abcdef".repeat(4));
    let targets = folder.write("targets.txt", format!("{}\n{}\n", site.target(1), site.target(2)));
    let submit = |user: &str| {
        run(&format!(
            "fleet submit --queue {tls} --job {JOB} --targets {targets} --key {key} {}",
            who(user)
        ))
    };
    let submitted = submit("submit");
    assert_eq!(submitted.code, 0, "{submitted:?}");
    // A collector has the rights of its own user alone.
    assert_eq!(submit("collect").code, 3);
    let queue = Queue { server, folder: Folder::new() };
    let collector = format!("fleet work --queue {tls} --roles collect --drain {}", who("collect"));
    let collector = queue.starts("collector", &collector);
    let judge = format!(
        "fleet work --queue {tls} --roles judge --drain --key {key} --trust {} {}",
        site.root,
        who("judge")
    );
    let judge = queue.starts("judge", &judge);
    let without_domain = who("watch").replace("--queue-domain spdm", "");
    let lost = watch(&tls, &without_domain);
    assert_eq!(lost.code, 3, "{lost:?}");
    assert!(lost.err.contains("hint: ") && lost.err.contains("--queue-domain"), "{}", lost.err);
    let watched = watch(&tls, &format!("{} --wait 20", who("watch")));
    assert_eq!(watched.code, 0, "{watched:?}");
    for worker in [collector, judge] {
        let (code, last) = worker.ended();
        assert_eq!(code, Some(0), "{last}");
    }
    refused(&tls, &ours.option(), &["certificate", "--queue-cert"]);
    refused(&tls, &who("stranger"), &["stranger.pem"]);
    refused(&tls, &who("nobody"), &["uthoriz"]);
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let folder = Folder::new();
    let ours = Authority::new(&folder, "ours");
    ours.issue("watch", "DNS:watch", 2);
    ours.issue("judge", "DNS:judge", 2);
    let [certificate, key, other] =
        ["watch.pem", "watch.key", "judge.key"].map(|name| folder.path(name));
    let garbage = folder.write("garbage", "not a certificate\n");
    for (options, word) in [
        (format!("--queue-ca {garbage}"), "garbage: expected"),
        (format!("--queue-ca {key}"), "watch.key: expected"),
        (format!("--queue-cert {garbage} --queue-key {key}"), "garbage: expected"),
        (format!("--queue-cert {certificate} --queue-key {garbage}"), "garbage: expected"),
        (format!("--queue-cert {certificate} --queue-key {other}"), "judge.key"),
    ] {
        let ran = watch("tls://127.0.0.1:1", &options);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{options}: {ran:?}");
        assert!(ran.err.contains(word), "{options}: {}", ran.err);
    }
}
