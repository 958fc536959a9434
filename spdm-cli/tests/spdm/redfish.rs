//! Devices behind Redfish services, in `spdm fleet attest`.

#[cfg(feature = "redfish")]
use core::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "redfish")]
use std::sync::Arc;

use serde_json::Value;
#[cfg(feature = "redfish")]
use serde_json::json;
use test_redfish::{AttestedDevice, Controller, Service, TaskForm};

#[cfg(feature = "redfish")]
use crate::process::command;
use crate::process::{Folder, Run, run};

/// Two devices of one class, of which only the first one's root is trusted.
fn controller() -> Controller {
    Controller {
        task: TaskForm::Monitor(1),
        ..Controller::new(vec![AttestedDevice::new(1), AttestedDevice::new(2)])
    }
}

struct Site {
    folder: Folder,
    #[cfg_attr(
        not(feature = "redfish"),
        expect(dead_code, reason = "it serves until it is dropped")
    )]
    service: Service,
}

impl Site {
    fn start(controller: Controller) -> Self {
        let folder = Folder::new();
        folder.write("root.pem", AttestedDevice::new(1).root_pem());
        let (service, _) = controller.start();
        folder.write("targets", format!("{} class=gpu rack=r1\n", service.target("")));
        Self { folder, service }
    }

    fn attest(&self, options: &str) -> (Run, Vec<Value>) {
        let _ = std::fs::remove_file(self.folder.path("out.jsonl"));
        self.go_on(options)
    }

    /// Behind what is in the journal, with `--resume`.
    fn go_on(&self, options: &str) -> (Run, Vec<Value>) {
        let [targets, root, out] =
            ["targets", "root.pem", "out.jsonl"].map(|name| self.folder.path(name));
        // One after the other: the service keeps the result of one task.
        let outcome = run(&format!(
            "fleet attest --targets {targets} --trust {root} --per-host 1 --attempts 1 --out {out} {options}"
        ));
        let lines = std::fs::read_to_string(self.folder.path("out.jsonl")).unwrap_or_default();
        let lines = lines.lines().skip(1).map(|line| serde_json::from_str(line).unwrap());
        (outcome, lines.collect())
    }

    #[cfg(feature = "redfish")]
    fn outcome(&self, lines: &[Value], name: &str) -> Value {
        let target = self.service.target(&Controller::path(name));
        lines.iter().find(|line| line["target"] == target.as_str()).unwrap().clone()
    }
}

#[cfg(feature = "redfish")]
#[test]
fn each_component_of_a_service_is_an_item_with_a_report() {
    let mut controller = controller();
    let mut off = Controller::component("GPU_2");
    off["ComponentIntegrityEnabled"] = json!(false);
    controller.components.push(("GPU_2".to_owned(), off));
    let site = Site::start(controller);
    let (outcome, lines) = site.attest("");
    assert_eq!(outcome.code, 1, "{}", outcome.err);
    assert_eq!(lines.len(), 3);
    let first = site.outcome(&lines, "GPU_0");
    assert_eq!((&first["outcome"], &first["class"]), (&json!("verified"), &json!("gpu")));
    assert_eq!(first["labels"]["rack"], "r1");
    assert_eq!(first["report"]["verified"], true);
    assert_eq!(first["report"]["fresh"], true);
    assert_eq!(first["round_trips"], 5);
    let other = site.outcome(&lines, "GPU_1");
    assert_eq!((&other["outcome"], &other["fault"]), (&json!("rejected"), &json!("device")));
    assert_eq!(other["reason"]["check"], "chain.anchor");
    // A service does not take a device out of the run by calling it disabled; whoever runs it does.
    let off = site.outcome(&lines, "GPU_2");
    assert_eq!(
        (&off["outcome"], &off["reason"]["check"]),
        (&json!("undecidable"), &json!("redfish"))
    );
    let detail = off["reason"]["detail"].as_str().unwrap();
    assert!(detail.contains("ComponentIntegrityEnabled is not true"), "{detail}");
    assert!(!outcome.err.contains("disabled"), "{}", outcome.err);
    let (outcome, lines) = site.attest("--redfish-skip-disabled");
    assert_eq!(lines.len(), 2);
    assert!(outcome.err.contains("1 disabled"), "{}", outcome.err);
}

/// Whoever is one would see the credentials.
#[cfg(feature = "redfish")]
#[test]
fn f19_a_proxy_of_the_environment_is_not_asked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&asked);
    let proxy = Service::start(move |_| {
        seen.fetch_add(1, Ordering::Relaxed);
    });
    let site = Site::start(controller());
    let [targets, root] = ["targets", "root.pem"].map(|name| site.folder.path(name));
    let line = format!("fleet attest --targets {targets} --trust {root} --per-host 1");
    let mut command = command(&line.split(' ').collect::<Vec<_>>());
    for name in ["ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"] {
        let url = format!("http://127.0.0.1:{}", proxy.port());
        command.env(name, &url).env(name.to_lowercase(), &url);
    }
    let output = command.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(out.contains("1 of 2 devices"), "{out}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[cfg(feature = "redfish")]
#[test]
fn what_the_options_ask_for_is_asked_of_the_device_and_kept() {
    let site = Site::start(controller());
    let evidence = site.folder.path("evidence");
    let (_, lines) = site.attest(&format!("--measurements 2 --evidence-dir {evidence}"));
    let first = site.outcome(&lines, "GPU_0");
    assert_eq!(first["outcome"], "verified");
    assert_eq!(first["report"]["measurements"].as_array().unwrap().len(), 1);
    let file = format!("{evidence}/{}", first["evidence"]["file"].as_str().unwrap());
    let root = site.folder.path("root.pem");
    assert_eq!(run(&format!("verify {file} --trust {root}")).code, 0);
    // The device has no chain in slot 1.
    let (_, lines) = site.attest("--slot 1");
    assert_ne!(site.outcome(&lines, "GPU_0")["outcome"], "verified");
    // The target names another device.
    let target = site.service.target(&Controller::path("GPU_0"));
    site.folder.write("targets", format!("{target} san=dmtf:a:b:c\n"));
    let (_, lines) = site.attest("");
    assert_eq!(lines[0]["outcome"], "rejected", "{}", lines[0]);
}

/// A service that lists other components in the second run than in the first.
#[cfg(feature = "redfish")]
#[test]
fn a_run_goes_on_with_what_the_service_lists_today() {
    let equal = |count: usize| {
        Controller::new((0..count).map(|_| AttestedDevice::new(1)).collect::<Vec<_>>())
    };
    let (yesterday, mut today) = (equal(2), equal(4));
    today.components.remove(1);
    let mut off = Controller::component("GPU_3");
    off["ComponentIntegrityEnabled"] = json!(false);
    today.components[2].1 = off;
    let controllers = [yesterday, today];
    let day = Arc::new(AtomicUsize::new(0));
    let shown = Arc::clone(&day);
    let service = Service::start(move |mut stream| {
        let controller = &controllers[shown.load(Ordering::Relaxed)];
        drop(controller.serve(&mut stream));
    });
    let folder = Folder::new();
    folder.write("root.pem", AttestedDevice::new(1).root_pem());
    folder.write("targets", format!("{} class=gpu\n", service.target("")));
    let site = Site { folder, service };
    let (first, lines) = site.attest("");
    assert_eq!((first.code, lines.len()), (0, 2), "{}", first.err);
    day.store(1, Ordering::Relaxed);
    let (second, all) = site.go_on("--resume");
    // What is new is attested, what has an outcome is not, and what is gone is told.
    assert_eq!(all[..2], lines[..]);
    assert_eq!(all.len(), 4, "{}", second.err);
    assert_eq!(site.outcome(&all, "GPU_2")["outcome"], "verified");
    assert_eq!(site.outcome(&all, "GPU_3")["outcome"], "undecidable");
    assert_eq!(second.code, 1, "{}", second.err);
    let told = "1 outcomes in the journal are of devices that are not among those of today";
    assert!(second.err.contains(told), "{}", second.err);
    // Nothing is left to do.
    let (third, again) = site.go_on("--resume");
    assert_eq!((third.code, &again), (1, &all), "{}", third.err);
    // Another list is another job, whatever a service lists.
    site.folder.write("targets", format!("{} class=other\n", site.service.target("")));
    let (other, again) = site.go_on("--resume");
    assert_eq!((other.code, &again), (2, &all), "{}", other.err);
}

#[cfg(feature = "redfish")]
#[test]
fn f19_what_a_service_gets_wrong_is_never_verified() {
    let of = |change: &dyn Fn(&mut Controller)| {
        let mut controller = controller();
        change(&mut controller);
        let site = Site::start(controller);
        let (outcome, lines) = site.attest("--deadline 2");
        let line = site.outcome(&lines, "GPU_0");
        (outcome.code, line["outcome"].clone(), line["reason"]["check"].clone())
    };
    let nonce = of(&|controller| controller.nonce = Some([9; 32]));
    assert_eq!(nonce, (1, json!("rejected"), json!("measurements.nonce")));
    let forever = of(&|controller| {
        controller.task = TaskForm::Forever;
        controller.components.pop();
    });
    assert_eq!(forever, (3, json!("unreachable"), json!("connection")));
    let less = of(&|controller| {
        controller.index = Some(1);
        controller.components.pop();
    });
    assert_eq!(less, (4, json!("device_error"), json!("redfish")));
    let certificate = of(&|controller| {
        let linked = &mut controller.components[0].1["SPDM"]["IdentityAuthentication"];
        linked["ResponderAuthentication"]["ComponentCertificate"]["@odata.id"] =
            json!(Controller::certificate("GPU_1"));
    });
    assert_eq!((certificate.0, certificate.1), (1, json!("rejected")));
}

#[cfg(feature = "redfish")]
#[test]
fn options_that_a_service_cannot_fulfil_leave_the_item_undecided() {
    let site = Site::start(controller());
    let known = site.folder.path("known.json");
    let known = format!("--known {known} --learn");
    let options = ["--measurements none", "--session", "--raw", "--new-measurements", &known];
    for option in options {
        let (outcome, lines) = site.attest(option);
        let line = site.outcome(&lines, "GPU_0");
        assert_eq!(line["outcome"], "undecidable", "{option} {}", outcome.err);
    }
}

#[cfg(feature = "redfish")]
#[test]
fn f19_credentials_come_from_a_file_and_are_shown_nowhere() {
    let mut controller = controller();
    controller.login = Some(("authorization".to_owned(), "Basic dTpodW50ZXIy".to_owned()));
    let site = Site::start(controller);
    let secret = r#"{"default": {"user": "u", "password": "hunter2"}}"#;
    site.folder.write("secret.json", secret);
    let option = format!("--redfish-credentials {}", site.folder.path("secret.json"));
    let (outcome, lines) = site.attest(&option);
    assert_eq!(site.outcome(&lines, "GPU_0")["outcome"], "verified");
    // Files of tests are for everybody.
    assert!(outcome.err.contains("is secret, and others than its owner can read it"));
    site.folder.write("secret.json", secret.replace("hunter2", "hunter3"));
    let (wrong, lines) = site.attest(&option);
    assert_eq!((wrong.code, lines.len()), (1, 1));
    assert_eq!(lines[0]["fault"], "configuration");
    assert_eq!(lines[0]["reason"]["check"], "credentials");
    let shown = format!("{}{}{}{}{lines:?}", outcome.out, outcome.err, wrong.out, wrong.err);
    assert!(!shown.contains("hunter") && !shown.contains("dTpodW50ZXIy"), "{shown}");
}

#[cfg(not(feature = "redfish"))]
#[test]
fn without_the_feature_an_item_is_undecidable_and_names_it() {
    let site = Site::start(controller());
    let (outcome, lines) = site.attest("");
    assert_eq!((outcome.code, lines.len()), (1, 1), "{}", outcome.err);
    assert_eq!(lines[0]["outcome"], "undecidable");
    let detail = lines[0]["reason"]["detail"].as_str().unwrap();
    assert!(detail.contains("the feature redfish"), "{detail}");
    for option in ["--redfish-ca root.pem", "--redfish-skip-disabled"] {
        let refused = site.attest(option).0;
        assert_eq!(refused.code, 2);
        assert!(refused.err.contains("the feature redfish"), "{}", refused.err);
    }
}
