//! Answers that bring no evidence.

use core::time::Duration;
use std::net::TcpListener;
use std::time::Instant;

use serde_json::json;
use spdm_fleet::redfish::{MAX_BODY_LEN, RedfishError, RedfishTarget};
use spdm_fleet::{Fault, OutcomeKind};
use test_redfish::{Controller, Response, Service, TaskForm};

use crate::{SHORT, TIME, access, collected, controller, error, request, target};

fn replaced(line: String, response: Response) -> Controller {
    Controller { replaced: vec![(line, response)], ..controller() }
}

fn action() -> String {
    format!("POST {}", Controller::action("GPU_0"))
}

fn component() -> String {
    format!("GET {}", Controller::path("GPU_0"))
}

/// What it comes to, and whether it is tried again.
fn outcome(error: &RedfishError) -> (OutcomeKind, Fault, bool) {
    let finding = error.finding();
    assert_eq!(finding.reason.unwrap().detail, error.to_string());
    (finding.kind, finding.fault, finding.passing)
}

const UNDECIDABLE: (OutcomeKind, Fault, bool) =
    (OutcomeKind::Undecidable, Fault::Configuration, false);
const NOT_SUPPORTED: (OutcomeKind, Fault, bool) = (OutcomeKind::Undecidable, Fault::Device, false);
const UNREACHABLE: (OutcomeKind, Fault, bool) = (OutcomeKind::Unreachable, Fault::Transport, true);
const BROKEN: (OutcomeKind, Fault, bool) = (OutcomeKind::DeviceError, Fault::Transport, false);

#[test]
fn f19_a_service_that_answers_202_forever_is_unreachable() {
    let started = Instant::now();
    let collected = collected(Controller { task: TaskForm::Forever, ..controller() }, SHORT);
    let error = collected.evidence.unwrap_err();
    assert_eq!(outcome(&error), UNREACHABLE, "{error}");
    assert!(matches!(error, RedfishError::Timeout { waited: SHORT, .. }), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn f19_a_service_that_wants_more_time_than_there_is_is_not_waited_for() {
    let started = Instant::now();
    let later = Response::new(202, "")
        .with("Location", "/redfish/v1/TaskService/Tasks/1/Monitor")
        .with("Retry-After", "4000000000");
    let error = error(replaced(action(), later));
    assert_eq!(outcome(&error), UNREACHABLE, "{error}");
    assert!(started.elapsed() < TIME / 2);
}

#[test]
fn f19_a_service_that_does_not_answer_is_unreachable() {
    let started = Instant::now();
    for line in [component(), action()] {
        let silent = Controller { unanswered: vec![line], ..controller() };
        let error = collected(silent, SHORT).evidence.unwrap_err();
        assert_eq!(outcome(&error), UNREACHABLE, "{error}");
    }
    assert!(started.elapsed() < Duration::from_secs(5));
    // One that hangs up, a port where nobody listens, and a name that nobody has.
    let gone = Service::start(drop);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = Controller::path("GPU_0");
    for address in [
        gone.target(&path),
        format!("redfish+http://{closed}{path}"),
        format!("redfish://nobody.invalid{path}"),
    ] {
        let target = RedfishTarget::parse(&address).unwrap().unwrap();
        let deadline = spdm_fleet::redfish::Deadline::after(TIME);
        let collected = spdm_fleet::redfish::collect(&access(), &target, &request(), deadline);
        let error = collected.evidence.unwrap_err();
        assert_eq!(outcome(&error), UNREACHABLE, "{address} {error}");
    }
}

#[test]
fn f19_401_and_403_are_a_fault_of_the_configuration() {
    let login = Some(("x-auth-token".to_owned(), "right".to_owned()));
    let anonymous = error(Controller { login: login.clone(), ..controller() });
    assert_eq!(anonymous, RedfishError::NoCredentials);
    assert_eq!(outcome(&anonymous), UNDECIDABLE);

    let (service, _) = Controller { login, ..controller() }.start();
    let target = target(&service, &Controller::path("GPU_0"));
    let evidence = |token| {
        let file = json!({"hosts": {"127.0.0.1": {"token": token}}}).to_string();
        let deadline = spdm_fleet::redfish::Deadline::after(TIME);
        let access = crate::access_with(&file);
        spdm_fleet::redfish::collect(&access, &target, &request(), deadline).evidence
    };
    let error = evidence("wrong").unwrap_err();
    assert!(matches!(error, RedfishError::Denied { status: 401, .. }), "{error:?}");
    assert_eq!(outcome(&error), UNDECIDABLE);
    assert!(!format!("{error} {error:?}").contains("wrong"));
    assert!(evidence("right").is_ok());

    let error = crate::error(replaced(action(), Response::new(403, "{}")));
    assert_eq!(outcome(&error), UNDECIDABLE, "{error}");
}

#[test]
fn f19_what_is_not_supported_is_undecidable() {
    let message = |id: &str| {
        json!({"error": {"@Message.ExtendedInfo": [{"MessageId": id, "Message": "No."}]}})
            .to_string()
    };
    for (status, body) in [
        (501, String::new()),
        (405, "{}".to_owned()),
        (400, message("Base.1.18.1.ActionNotSupported")),
        (500, message("Base.1.18.1.ActionParameterNotSupported")),
        (500, message("Vendor.1.0.SPDMNotImplemented")),
    ] {
        let error = error(replaced(action(), Response::new(status, body)));
        assert_eq!(outcome(&error), NOT_SUPPORTED, "{status} {error}");
    }
    let failed = json!({"TaskState": "Exception", "Messages": [{"MessageId": "X.1.NotSupported"}]});
    let error = error(replaced(action(), Response::new(200, failed.to_string())));
    assert_eq!(outcome(&error), NOT_SUPPORTED, "{error}");
    for status in [404, 410] {
        for line in [component(), action()] {
            let error = crate::error(replaced(line, Response::new(status, "{}")));
            assert_eq!(outcome(&error), UNDECIDABLE, "{error}");
        }
    }
}

#[test]
fn f19_a_component_that_cannot_be_asked_is_undecidable() {
    for (member, value) in [
        ("ComponentIntegrityEnabled", json!(false)),
        ("ComponentIntegrityEnabled", json!(null)),
        ("ComponentIntegrityType", json!("TPM")),
        ("ComponentIntegrityType", json!(null)),
        ("Actions", json!({})),
        ("Actions", json!(null)),
    ] {
        let mut controller = controller();
        controller.components[0].1[member] = value;
        let error = error(controller);
        assert_eq!(outcome(&error), NOT_SUPPORTED, "{member} {error}");
    }
}

#[test]
fn f19_a_task_that_fails_or_brings_nothing_is_an_error() {
    for (status, body) in [
        (200, json!({"TaskState": "Exception", "Messages": [{"Message": "No."}]})),
        (200, json!({"TaskState": "Cancelled"})),
        (200, json!({"TaskState": "Completed"})),
        (200, json!({})),
        (200, json!([])),
        (202, json!({})),
        (204, json!({})),
        (418, json!({})),
    ] {
        let error = error(replaced(action(), Response::new(status, body.to_string())));
        assert_eq!(outcome(&error), BROKEN, "{body} {error}");
    }
    for status in [429, 500, 502, 503, 504] {
        let error = error(replaced(action(), Response::new(status, "")));
        assert_eq!(outcome(&error), UNREACHABLE, "{error}");
    }
}

#[test]
fn f19_a_body_of_1_mib_and_1_byte_is_refused() {
    let body = |len: usize| {
        let mut body = Controller::component("GPU_0");
        let spaces = len - body.to_string().len();
        body["Name"] = json!(body["Name"].as_str().unwrap().to_owned() + &" ".repeat(spaces));
        body.to_string()
    };
    assert_eq!(body(MAX_BODY_LEN).len(), 1 << 20);
    let whole = replaced(component(), Response::new(200, body(MAX_BODY_LEN)));
    assert!(collected(whole, TIME).evidence.is_ok());
    let error = error(replaced(component(), Response::new(200, body(MAX_BODY_LEN + 1))));
    assert_eq!(outcome(&error), BROKEN, "{error}");
    assert!(error.to_string().contains("more than 1048576 bytes"), "{error}");
}

#[test]
fn f19_a_head_of_more_than_16_kib_is_refused() {
    let with = |len: usize| {
        let body = Controller::component("GPU_0").to_string();
        replaced(component(), Response::new(200, body).with("X-Long", &"a".repeat(len)))
    };
    assert!(collected(with(15 << 10), TIME).evidence.is_ok());
    let error = error(with(16 << 10));
    assert_eq!(outcome(&error), BROKEN, "{error}");
}

#[test]
fn f19_without_time_nothing_is_asked() {
    let (service, controller) = controller().start();
    let target = target(&service, &Controller::path("GPU_0"));
    let deadline = spdm_fleet::redfish::Deadline::after(Duration::ZERO);
    let collected = spdm_fleet::redfish::collect(&access(), &target, &request(), deadline);
    assert_eq!(outcome(&collected.evidence.unwrap_err()), UNREACHABLE);
    assert!(controller.log.lock().unwrap().is_empty());
}

#[test]
fn f19_a_redirect_to_another_host_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        for to in ["http://127.0.0.2/redfish/v1", "https://bmc/a", "//bmc/a", "elsewhere", ""] {
            let away = Response::new(status, "").with("Location", to);
            let error = error(replaced(component(), away));
            assert_eq!(outcome(&error), BROKEN, "{error}");
            assert!(error.to_string().contains("away from"), "{error}");
        }
        // An action is not redirected at all: it would be called twice, with one nonce.
        let inside = Response::new(status, "").with("Location", &Controller::action("GPU_0"));
        let error = error(replaced(action(), inside));
        assert_eq!(outcome(&error), BROKEN, "{error}");
    }
}

#[test]
fn redirects_inside_of_the_service_are_followed_so_often() {
    let moved =
        |from: &str, to: &str| (format!("GET {from}"), Response::new(308, "").with("Location", to));
    let path = Controller::certificate("GPU_0");
    // Three of them, and one more.
    for (first, is_followed) in [("/2", true), ("/1", false)] {
        let mut controller = controller();
        let linked = &mut controller.components[0].1["SPDM"]["IdentityAuthentication"];
        linked["ResponderAuthentication"]["ComponentCertificate"] = json!({"@odata.id": first});
        controller.replaced =
            vec![moved("/1", "/2"), moved("/2", "/3"), moved("/3", "/4"), moved("/4", &path)];
        assert_eq!(collected(controller, TIME).evidence.is_ok(), is_followed);
    }
    let error = error(replaced(component(), moved("", &Controller::path("GPU_0")).1));
    assert_eq!(outcome(&error), BROKEN, "{error}");
    assert!(error.to_string().contains("redirects"), "{error}");
}

#[test]
fn f19_a_location_of_another_origin_is_not_asked() {
    for to in ["http://127.0.0.1:1/task", "https://127.0.0.1/task", "//bmc/task", "task"] {
        let away = Response::new(202, "").with("Location", to);
        let error = error(replaced(action(), away));
        assert_eq!(outcome(&error), BROKEN, "{error}");
        assert!(error.to_string().contains("away from"), "{error}");
    }
    for body in [
        json!({"TaskState": "Running", "TaskMonitor": "https://bmc/monitor"}),
        json!({"TaskState": "Running", "@odata.id": "//bmc/task"}),
        json!({"TaskState": "Completed", "Payload": {"HttpHeaders": ["Location: http://bmc/a"]}}),
    ] {
        let error = error(replaced(action(), Response::new(200, body.to_string())));
        assert_eq!(outcome(&error), BROKEN, "{error}");
    }
}

#[test]
fn f19_links_to_another_origin_are_not_followed() {
    for to in ["https://bmc/a", "//bmc/a", "a", ""] {
        let mut links = controller();
        links.components[0].1["Actions"]["#ComponentIntegrity.SPDMGetSignedMeasurements"] =
            json!({"target": to});
        assert_eq!(outcome(&error(links)), BROKEN, "{to}");
        let mut links = controller();
        links.components[0].1["SPDM"]["IdentityAuthentication"]["ResponderAuthentication"] =
            json!({"ComponentCertificate": {"@odata.id": to}});
        assert_eq!(outcome(&error(links)), BROKEN, "{to}");
    }
}

#[test]
fn f19_deep_json_is_refused() {
    for body in [
        "[".repeat(500_000),
        format!("{{\"ComponentIntegrityType\":{}", "[".repeat(500_000)),
        format!("{{\"Oem\":{}", "[{\"a\":".repeat(100_000)),
    ] {
        let error = error(replaced(component(), Response::new(200, body)));
        assert_eq!(outcome(&error), BROKEN, "{error}");
    }
}

#[test]
fn f19_a_member_twice_is_refused() {
    let twice = Controller::component("GPU_0").to_string();
    let twice = twice.replacen('{', "{\"ComponentIntegrityType\":\"SPDM\",", 1);
    let error = error(replaced(component(), Response::new(200, twice)));
    assert_eq!(outcome(&error), BROKEN, "{error}");
}

#[test]
fn f19_a_certificate_without_text_or_in_another_form_is_undecidable() {
    for body in [
        json!({}),
        json!({"CertificateString": ""}),
        json!({"CertificateString": "x", "CertificateType": "PKCS7"}),
    ] {
        let line = format!("GET {}", Controller::certificate("GPU_0"));
        let error = error(replaced(line, Response::new(200, body.to_string())));
        assert_eq!(outcome(&error), NOT_SUPPORTED, "{error}");
    }
}
