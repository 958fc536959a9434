//! A management controller with its resources.

use core::sync::atomic::{AtomicU32, Ordering};
use std::io;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::device::AttestedDevice;
use crate::http::{Request, Response, Service, serve};

const COLLECTION: &str = "/redfish/v1/ComponentIntegrity";
const TASK: &str = "/redfish/v1/TaskService/Tasks/1";
const MONITOR: &str = "/redfish/v1/TaskService/Tasks/1/Monitor";
const DATA: &str = "/redfish/v1/Results/1";

/// How it answers the action.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TaskForm {
    /// At once, with the measurements.
    None,
    /// With a task whose monitor answers 202 so often, and then with the measurements.
    Monitor(u32),
    /// With a task that names at the end where the measurements are.
    Recorded,
    /// With a task whose monitor answers 204 at the end, and which then names where the measurements are.
    Silent,
    /// With a task that does not end.
    Forever,
}

/// A management controller.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "tests change it")]
pub struct Controller {
    /// Its components: name, and what their resource says besides.
    pub components: Vec<(String, Value)>,
    /// Devices of the same names.
    pub devices: Vec<(String, Mutex<AttestedDevice>)>,
    /// Answers in the place of its own, by method and path.
    pub replaced: Vec<(String, Response)>,
    /// Requests that are never answered.
    pub unanswered: Vec<String>,
    /// The header that every request must have.
    pub login: Option<(String, String)>,
    /// How it answers the action.
    pub task: TaskForm,
    /// The nonce that it uses instead of the client's.
    pub nonce: Option<[u8; 32]>,
    /// The index that it asks for instead of the client's.
    pub index: Option<u8>,
    /// What it was asked.
    pub log: Mutex<Vec<Request>>,
    /// How often its task was looked at.
    pub polls: AtomicU32,
    /// What its last task came to.
    pub result: Mutex<Value>,
}

impl Controller {
    /// One with these devices, named `GPU_0` and so on.
    #[must_use]
    pub fn new(devices: Vec<AttestedDevice>) -> Self {
        let devices = devices.into_iter().enumerate();
        let devices: Vec<_> =
            devices.map(|(n, device)| (format!("GPU_{n}"), Mutex::new(device))).collect();
        let components =
            devices.iter().map(|(name, _)| (name.clone(), Self::component(name))).collect();
        Self {
            components,
            devices,
            replaced: Vec::new(),
            unanswered: Vec::new(),
            login: None,
            task: TaskForm::None,
            nonce: None,
            index: None,
            log: Mutex::default(),
            polls: AtomicU32::new(0),
            result: Mutex::default(),
        }
    }

    /// The path of a component.
    #[must_use]
    pub fn path(name: &str) -> String {
        format!("{COLLECTION}/{name}")
    }

    /// The path of its action.
    #[must_use]
    pub fn action(name: &str) -> String {
        format!("{COLLECTION}/{name}/Actions/ComponentIntegrity.SPDMGetSignedMeasurements")
    }

    /// The path of its certificate.
    #[must_use]
    pub fn certificate(name: &str) -> String {
        format!("/redfish/v1/Chassis/{name}/Certificates/CertChain")
    }

    /// The resource of an enabled component of SPDM.
    #[must_use]
    pub fn component(name: &str) -> Value {
        json!({
            "@odata.id": Self::path(name),
            "@odata.type": "#ComponentIntegrity.v1_2_0.ComponentIntegrity",
            "Id": name,
            "Name": format!("Component {name}"),
            "ComponentIntegrityEnabled": true,
            "ComponentIntegrityType": "SPDM",
            "ComponentIntegrityTypeVersion": "1.2.0",
            "TargetComponentURI": format!("/redfish/v1/Chassis/{name}"),
            "SPDM": {
                "Requester": {"@odata.id": "/redfish/v1/Managers/BMC_0"},
                "IdentityAuthentication": {
                    "ResponderAuthentication": {
                        "ComponentCertificate": {"@odata.id": Self::certificate(name)},
                        "VerificationStatus": "Success",
                    },
                },
            },
            "Actions": {
                "#ComponentIntegrity.SPDMGetSignedMeasurements": {"target": Self::action(name)},
            },
        })
    }

    /// Starts it, in clear text.
    #[must_use]
    pub fn start(self) -> (Service, Arc<Self>) {
        let controller = Arc::new(self);
        let serving = Arc::clone(&controller);
        // A client may hang up.
        let service = Service::start(move |mut stream| drop(serving.serve(&mut stream)));
        (service, controller)
    }

    /// Answers requests on a connection.
    ///
    /// # Errors
    /// Those of the connection.
    pub fn serve(&self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        serve(stream, |request| self.answer(request))
    }

    fn answer(&self, request: &Request) -> Option<Response> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        let line = request.line.as_str();
        if let Some((name, value)) = &self.login
            && request.header(name) != Some(value)
        {
            return Some(Response::new(401, "{}"));
        }
        if self.unanswered.iter().any(|unanswered| unanswered == line) {
            return None;
        }
        if let Some((_, response)) = self.replaced.iter().find(|(of, _)| of == line) {
            return Some(response.clone());
        }
        Some(match line.split_once(' ').unwrap() {
            ("GET", COLLECTION) => json(200, &self.collection()),
            ("GET", MONITOR) => self.monitor(),
            ("GET", TASK) => json(200, &task(self.has_ended())),
            ("GET", DATA) => json(200, &self.result.lock().unwrap()),
            ("GET", path) => self.resource(path),
            ("POST", path) => self.act(path, &request.body),
            _ => Response::new(405, "{}"),
        })
    }

    fn collection(&self) -> Value {
        let members = self.components.iter();
        let members: Vec<_> =
            members.map(|(name, _)| json!({"@odata.id": Self::path(name)})).collect();
        json!({"@odata.id": COLLECTION, "Members@odata.count": members.len(), "Members": members})
    }

    fn resource(&self, path: &str) -> Response {
        let component = self.components.iter().find(|(name, _)| Self::path(name) == path);
        if let Some((_, component)) = component {
            return json(200, component);
        }
        match self.devices.iter().find(|(name, _)| Self::certificate(name) == path) {
            Some((_, device)) => {
                let pem = device.lock().unwrap().chain_pem();
                let resource = json!({
                    "@odata.id": path,
                    "@odata.type": "#Certificate.v1_8_0.Certificate",
                    "CertificateString": pem,
                    "CertificateType": "PEMchain",
                    "SPDM": {"SlotId": 0},
                });
                json(200, &resource)
            }
            None => Response::new(404, "{}"),
        }
    }

    fn act(&self, path: &str, body: &[u8]) -> Response {
        let device = self.devices.iter().find(|(name, _)| Self::action(name) == path);
        let Some((name, device)) = device else { return Response::new(404, "{}") };
        let body: Value = serde_json::from_slice(body).unwrap();
        let mut nonce = [0; 32];
        hex::decode_to_slice(body["Nonce"].as_str().unwrap(), &mut nonce).unwrap();
        let index = body["MeasurementIndices"][0].as_u64().unwrap();
        let slot = body["SlotId"].as_u64().unwrap();
        let transcript = device.lock().unwrap().measure(
            self.index.unwrap_or_else(|| u8::try_from(index).unwrap()),
            self.nonce.unwrap_or(nonce),
            u8::try_from(slot).unwrap(),
        );
        let result = json!({
            "SignedMeasurements": BASE64_STANDARD.encode(transcript),
            "HashingAlgorithm": "TPM_ALG_SHA_384",
            "SigningAlgorithm": "TPM_ALG_ECDSA_ECC_NIST_P384",
            "Version": "1.2.0",
            "Certificate": {"@odata.id": Self::certificate(name)},
        });
        if self.task == TaskForm::None {
            return json(200, &result);
        }
        *self.result.lock().unwrap() = result;
        let accepted = json(202, &task(false)).with("Retry-After", "0");
        match self.task {
            TaskForm::Recorded => accepted,
            _ => accepted.with("Location", MONITOR),
        }
    }

    fn has_ended(&self) -> bool {
        match self.task {
            TaskForm::Forever => false,
            TaskForm::Monitor(polls) => self.polls.fetch_add(1, Ordering::Relaxed) >= polls,
            TaskForm::None | TaskForm::Recorded | TaskForm::Silent => true,
        }
    }

    fn monitor(&self) -> Response {
        match (self.has_ended(), self.task) {
            (false, _) => json(202, &task(false)).with("Retry-After", "0"),
            (true, TaskForm::Silent) => Response::new(204, ""),
            (true, _) => json(200, &self.result.lock().unwrap()),
        }
    }
}

fn task(has_ended: bool) -> Value {
    let headers: &[String] = if has_ended { &[format!("Location: {DATA}")] } else { &[] };
    json!({
        "@odata.id": TASK,
        "@odata.type": "#Task.v1_7_0.Task",
        "Id": "1",
        "TaskState": if has_ended { "Completed" } else { "Running" },
        "Payload": {"HttpHeaders": headers, "TargetUri": "/redfish/v1"},
    })
}

fn json(status: u16, value: &Value) -> Response {
    Response::new(status, value.to_string()).with("Content-Type", "application/json")
}
