//! What services list.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use spdm_fleet::redfish::{
    Deadline, Disabled, MAX_COMPONENTS, RedfishError, collect, components, expand,
};
use spdm_fleet::{OutcomeKind, Target};
use test_redfish::{AttestedDevice, Controller, Response, Service, TaskForm};

use crate::{SHORT, TIME, access, controller, request, target};

const COLLECTION: &str = "GET /redfish/v1/ComponentIntegrity";

fn three() -> Controller {
    let devices = (1..=3).map(AttestedDevice::new).collect();
    let mut controller = Controller::new(devices);
    controller.components[1].1["ComponentIntegrityEnabled"] = json!(false);
    let mut tpm = Controller::component("TPM_0");
    tpm["ComponentIntegrityType"] = json!("TPM");
    controller.components.push(("TPM_0".to_owned(), tpm));
    controller
}

#[test]
fn f19_a_service_stands_for_its_enabled_components_and_says_what_is_left_out() {
    let (service, _) = three().start();
    let mut list = Target::new(service.target(""));
    list.class = "gpu".to_owned();
    list.labels.insert("rack".to_owned(), "r12".to_owned());
    let other = Target::new("tcp:10.0.0.7");
    let of = |name| Target { target: service.target(&Controller::path(name)), ..list.clone() };
    let targets = || vec![other.clone(), list.clone()];
    let expansion = expand(targets(), &access(), Disabled::LeftOut, 8, TIME);
    assert_eq!(expansion.targets, [other.clone(), of("GPU_0"), of("GPU_2")]);
    let [note] = &expansion.notes[..] else { panic!("{:?}", expansion.notes) };
    let expected = format!(
        "{}: components that are not attested: 1 disabled ({}); 1 not of SPDM ({})",
        service.target(""),
        Controller::path("GPU_1"),
        Controller::path("TPM_0")
    );
    assert_eq!(*note, expected);
    // What nobody left out is an item, and nobody attests it.
    let expansion = expand(targets(), &access(), Disabled::Targets, 8, TIME);
    assert_eq!(expansion.targets, [other.clone(), of("GPU_0"), of("GPU_2"), of("GPU_1")]);
    assert!(!expansion.notes[0].contains("disabled"), "{:?}", expansion.notes);
    let disabled = target(&service, &Controller::path("GPU_1"));
    let collected = collect(&access(), &disabled, &request(), Deadline::after(TIME));
    let finding = collected.evidence.unwrap_err().finding();
    assert_eq!((finding.kind, finding.passing), (OutcomeKind::Undecidable, false));
}

#[test]
fn a_component_that_is_listed_by_itself_keeps_its_class() {
    let (service, _) = three().start();
    let mut own = Target::new(service.target(&Controller::path("GPU_2")));
    own.class = "special".to_owned();
    let whole = Target::new(service.target(""));
    let expansion =
        expand(vec![whole.clone(), own.clone(), whole], &access(), Disabled::LeftOut, 8, TIME);
    let first = Target::new(service.target(&Controller::path("GPU_0")));
    assert_eq!(expansion.targets, [first, own]);
}

#[test]
fn f19_a_service_that_lists_nothing_stays_an_item_that_is_not_verified() {
    let mut none = three();
    none.components.remove(2);
    none.components.remove(0);
    let mut denied = three();
    denied.login = Some(("x-auth-token".to_owned(), "x".to_owned()));
    let broken = Controller {
        replaced: vec![(COLLECTION.to_owned(), Response::new(200, "[]"))],
        ..controller()
    };
    let later = controller();
    for (controller, service_lists, kind) in [
        (none, false, OutcomeKind::Undecidable),
        (denied, false, OutcomeKind::Undecidable),
        (broken, false, OutcomeKind::DeviceError),
        (later, true, OutcomeKind::Undecidable),
    ] {
        let (service, _) = controller.start();
        let list = vec![Target::new(service.target(""))];
        let expansion = expand(list, &access(), Disabled::LeftOut, 1, TIME);
        assert_eq!(expansion.targets.len(), 1);
        // Whoever attests the service as a whole says why there is nothing to attest.
        let collected =
            collect(&access(), &target(&service, ""), &request(), Deadline::after(TIME));
        let error = collected.evidence.unwrap_err();
        assert_eq!(error.finding().kind, kind, "{error}");
        let listed = matches!(error, RedfishError::NotListed { components: 1 });
        assert_eq!(listed, service_lists, "{error:?}");
    }
}

#[test]
fn a_component_that_cannot_be_read_is_an_item() {
    let line = format!("GET {}", Controller::path("GPU_0"));
    let (service, _) =
        Controller { replaced: vec![(line, Response::new(500, ""))], ..three() }.start();
    let found = components(&access(), &target(&service, ""), Deadline::after(TIME)).unwrap();
    assert_eq!(found.targets.len(), 2);
}

#[test]
fn a_service_that_refuses_to_tell_is_not_known() {
    let line = format!("GET {}", Controller::path("GPU_0"));
    let error = listed(Controller { replaced: vec![(line, Response::new(403, ""))], ..three() });
    assert!(matches!(error, Err(RedfishError::Denied { status: 403, .. })), "{error:?}");
}

#[test]
fn a_note_names_three_of_those_that_are_left_out() {
    for (count, rest) in [(3, ""), (4, ", …")] {
        let mut controller = Controller::new((0..count).map(AttestedDevice::new).collect());
        for (_, component) in &mut controller.components {
            component["ComponentIntegrityEnabled"] = json!(false);
        }
        let (service, _) = controller.start();
        let found = components(&access(), &target(&service, ""), Deadline::after(TIME)).unwrap();
        let [a, b, c] = ["GPU_0", "GPU_1", "GPU_2"].map(Controller::path);
        let expected =
            format!("x: components that are not attested: {count} disabled ({a}, {b}, {c}{rest})");
        assert_eq!(found.note(&"x"), Some(expected));
    }
}

/// Services that take a moment, and so many that are asked at once.
#[test]
fn so_many_services_are_asked_at_once() {
    for (jobs, expected) in [(0, 1), (2, 2), (9, 3)] {
        let busy = Arc::new([const { AtomicUsize::new(0) }; 2]);
        let service = || {
            let busy = Arc::clone(&busy);
            Service::start(move |_| {
                let [now, most] = &*busy;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(200));
                now.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let services = [service(), service(), service()];
        let targets = services.iter().map(|service| Target::new(service.target(""))).collect();
        let expansion = expand(targets, &access(), Disabled::Targets, jobs, TIME);
        assert_eq!(expansion.targets.len(), 3);
        assert_eq!(busy[1].load(Ordering::SeqCst), expected);
    }
}

#[test]
fn f19_services_that_do_not_answer_are_not_waited_for() {
    let silent = Controller { unanswered: vec![COLLECTION.to_owned()], ..three() };
    let (service, _) = silent.start();
    let begun = Instant::now();
    let targets = vec![Target::new(service.target(""))];
    let expansion = expand(targets.clone(), &access(), Disabled::Targets, 1, SHORT);
    assert_eq!(expansion.targets, targets);
    assert!(begun.elapsed() < TIME / 2);
}

fn listed(controller: Controller) -> Result<usize, RedfishError> {
    let (service, _) = controller.start();
    let found = components(&access(), &target(&service, ""), Deadline::after(TIME))?;
    Ok(found.targets.len())
}

fn page(members: impl IntoIterator<Item = String>, next: &str) -> Value {
    let members: Vec<_> = members.into_iter().map(|path| json!({"@odata.id": path})).collect();
    json!({"Members": members, "Members@odata.nextLink": next})
}

#[test]
fn f19_lists_in_portions_end() {
    let line = |path: &str| format!("GET {path}");
    let body = |value: Value| Response::new(200, value.to_string());
    let first = page([Controller::path("GPU_0")], "/redfish/v1/ComponentIntegrity?$skip=1");
    let last = json!({"Members": [{"@odata.id": Controller::path("GPU_2")}]});
    let replaced = vec![
        (COLLECTION.to_owned(), body(first)),
        (line("/redfish/v1/ComponentIntegrity?$skip=1"), body(last)),
    ];
    assert_eq!(listed(Controller { replaced, ..three() }), Ok(2));

    for (list, why) in [
        (page([], "/redfish/v1/ComponentIntegrity"), "portions"),
        (page([], "https://bmc/redfish/v1/ComponentIntegrity"), "absolute path"),
        (page(["https://bmc/redfish/v1/ComponentIntegrity/0".to_owned()], "/a"), "absolute path"),
        (page([Controller::path("a"), Controller::path("a")], "/a"), "twice"),
        (page((0..=MAX_COMPONENTS).map(|n| Controller::path(&n.to_string())), "/a"), "more than"),
    ] {
        let replaced = vec![(COLLECTION.to_owned(), body(list))];
        let error = listed(Controller { replaced, task: TaskForm::None, ..three() }).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.finding().kind, OutcomeKind::DeviceError);
    }
    // As many as there may be.
    let mut most = page((0..MAX_COMPONENTS).map(|n| Controller::path(&n.to_string())), "");
    most.as_object_mut().unwrap().remove("Members@odata.nextLink");
    let replaced = vec![(COLLECTION.to_owned(), body(most))];
    assert_eq!(listed(Controller { replaced, ..three() }), Ok(MAX_COMPONENTS));
}
