//! Tasks: how their answer is found, how often they are looked at, and which of them end.

use core::sync::atomic::Ordering;
use core::time::Duration;

use serde_json::{Value, json};
use spdm_fleet::OutcomeKind;
use spdm_fleet::redfish::{Collected, Deadline, MeasurementRequest, collect};
use test_redfish::{Controller, Response, TaskForm};

use crate::{SHORT, TIME, access, collected, controller, request, target};

/// The action answers this, and these paths answer that.
fn answering(first: Response, then: Vec<(&str, Response)>) -> Controller {
    let mut replaced = vec![(format!("POST {}", Controller::action("GPU_0")), first)];
    replaced.extend(then.into_iter().map(|(path, response)| (format!("GET {path}"), response)));
    Controller { replaced, ..controller() }
}

fn body(status: u16, value: &Value) -> Response {
    Response::new(status, value.to_string())
}

/// Measurements that nobody judges here.
fn signed() -> Response {
    body(200, &json!({"SignedMeasurements": "AAAA"}))
}

fn done(at: &str) -> Response {
    let headers = [format!("Location: {at}")];
    body(200, &json!({"TaskState": "Completed", "Payload": {"HttpHeaders": headers}}))
}

/// Why there are no measurements.
fn detail(collected: Collected) -> String {
    let error = collected.evidence.unwrap_err();
    assert_eq!(error.finding().kind, OutcomeKind::DeviceError, "{error}");
    error.to_string()
}

#[test]
fn an_answer_is_found_where_the_task_names_it() {
    for (first, at) in [
        (body(200, &json!({"TaskState": "Completed", "TaskMonitor": "/m"})), "/m"),
        (body(202, &json!({"TaskState": "Running", "TaskMonitor": "/m"})), "/m"),
        (body(202, &json!({})).with("Location", "/m"), "/m"),
        (done("/answer"), "/answer"),
    ] {
        let first = first.with("Retry-After", "0");
        assert!(collected(answering(first, vec![(at, signed())]), TIME).evidence.is_ok());
    }
}

#[test]
fn f19_a_task_leads_to_its_answer_in_four_steps() {
    let steps = || vec![("/1", done("/2")), ("/2", done("/3")), ("/3", done("/4"))];
    let four = [steps(), vec![("/4", signed())]].concat();
    assert!(collected(answering(done("/1"), four), TIME).evidence.is_ok());
    let five = [steps(), vec![("/4", done("/5")), ("/5", signed())]].concat();
    let detail = detail(collected(answering(done("/1"), five), TIME));
    assert!(detail.contains("from one resource to the next"), "{detail}");
}

#[test]
fn f19_a_task_that_was_given_up_is_named() {
    for state in ["Exception", "Cancelled", "Cancelling", "Killed", "Interrupted"] {
        let first = body(202, &json!({"TaskState": state})).with("Location", "/m");
        let detail = detail(collected(answering(first, vec![("/m", signed())]), TIME));
        assert!(detail.contains(&format!("the task ended as {state}")), "{detail}");
    }
}

#[test]
fn f19_what_is_no_task_is_not_waited_for() {
    let first = body(200, &json!({})).with("Location", "/m");
    let no_task = detail(collected(answering(first, vec![("/m", signed())]), TIME));
    assert!(no_task.contains("neither measurements nor a task"), "{no_task}");
    let no_json = detail(collected(answering(Response::new(200, "no"), Vec::new()), TIME));
    assert!(no_json.contains("no JSON"), "{no_json}");
}

#[test]
fn f19_a_task_is_looked_at_ten_times_a_second_at_most() {
    let (service, controller) = Controller { task: TaskForm::Forever, ..controller() }.start();
    let target = target(&service, &Controller::path("GPU_0"));
    let collected = collect(&access(), &target, &request(), Deadline::after(SHORT));
    assert_eq!(collected.evidence.unwrap_err().finding().kind, OutcomeKind::Unreachable);
    let looks = controller.log.lock().unwrap().len();
    assert!(looks <= 6, "{looks} requests in {SHORT:?}");
    assert_eq!(controller.polls.load(Ordering::Relaxed), 0);
}

/// A second where the service does not say it: there is less.
#[test]
fn f19_a_task_without_retry_after_is_left_alone() {
    let first = body(202, &json!({})).with("Location", "/m");
    let (service, controller) = answering(first, vec![("/m", signed())]).start();
    let target = target(&service, &Controller::path("GPU_0"));
    let time = Duration::from_millis(800);
    let collected = collect(&access(), &target, &request(), Deadline::after(time));
    assert_eq!(collected.evidence.unwrap_err().finding().kind, OutcomeKind::Unreachable);
    assert!(controller.log.lock().unwrap().iter().all(|request| request.line != "GET /m"));
}

#[test]
fn what_is_known_of_an_answer_is_taken_over_and_bounded() {
    let members = ["HashingAlgorithm", "SigningAlgorithm", "Version"];
    let answer = |member: &str, len: usize| {
        let text = "x".repeat(len);
        let first = body(200, &json!({"SignedMeasurements": "AAAA", "Oem": {}, member: text}));
        collected(answering(first, Vec::new()), TIME)
    };
    for member in members {
        let evidence: Value =
            serde_json::from_slice(&answer(member, 128).evidence.unwrap()).unwrap();
        assert_eq!(evidence[member], "x".repeat(128));
        assert_eq!(evidence["Oem"], Value::Null);
        let detail = detail(answer(member, 129));
        assert!(detail.contains("more than 128 bytes"), "{detail}");
    }
}

#[test]
fn f19_what_a_service_says_is_cut() {
    let message = json!({"MessageId": "Base.1.0.Error", "Message": "x".repeat(10_000)});
    let said = json!({"error": {"@Message.ExtendedInfo": [message]}});
    let detail = detail(collected(answering(body(400, &said), Vec::new()), TIME));
    assert!(detail.contains("xxx") && detail.len() < 400, "{}", detail.len());
}

#[test]
fn the_action_is_asked_for_the_slot() {
    let (service, controller) = answering(signed(), Vec::new()).start();
    let target = target(&service, &Controller::path("GPU_0"));
    let request = MeasurementRequest { slot: 5, ..request() };
    let _ = collect(&access(), &target, &request, Deadline::after(TIME));
    let log = controller.log.lock().unwrap();
    let action = log.iter().find(|request| request.line.starts_with("POST ")).unwrap();
    let body: Value = serde_json::from_slice(&action.body).unwrap();
    assert_eq!(body["SlotId"], 5);
}
