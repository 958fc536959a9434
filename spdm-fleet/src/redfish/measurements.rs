//! Signed measurements of one component.
//!
//! What services do differs; it was read in their sources and documents, and tried on none, UNVERIFIED: a task that ends
//! with its answer on the monitor (DSP0266), one that names the resource with the answer among the headers of its payload,
//! and a monitor that answers 204 at the end, whose task names it so. Whether any service needs SlotId to be left out, and
//! which of them list MeasurementIndices as supported, is UNVERIFIED, too.

use core::time::Duration;
use std::thread;

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::address::{RedfishTarget, ResourcePath};
use super::client::{Answer, Client, Deadline, Message};
use super::components::{Component, components};
use super::error::{RedfishError, quoted};
use super::link::{self, Link};

/// How long a task is left alone where the service does not say it.
const PAUSE: Duration = Duration::from_secs(1);
/// The shortest and the longest time that it is left alone.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// How many resources may lie between a task and its answer.
const MAX_STEPS: u32 = 4;
/// The index that stands for every measurement.
const ALL: u8 = 255;
/// The longest texts of an answer, beside the measurements, in bytes.
const MAX_NAME_LEN: usize = 128;

/// What a component is to sign.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct MeasurementRequest {
    /// The nonce, never used before.
    pub nonce: [u8; 32],
    /// The slot whose key signs, 0 to 7.
    pub slot: u8,
    /// The measurements; `None` for all.
    pub indices: Option<Vec<u8>>,
}

/// The body of SPDMGetSignedMeasurements.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters<'r> {
    measurement_indices: &'r [u8],
    nonce: String,
    slot_id: u8,
}

/// What a service brought.
#[derive(Debug)]
pub struct Collected {
    /// The evidence, or why there is none.
    pub evidence: Result<Vec<u8>, RedfishError>,
    /// Requests that were answered.
    pub answered: u32,
}

/// Has a component sign its measurements. The evidence is the answer of the service with the certificate in it: what
/// spdm-evidence reads as [`Format::Redfish`](spdm_evidence::Format::Redfish). Nothing of it is checked here, the nonce
/// neither.
#[must_use]
pub fn collect(
    access: &Access,
    target: &RedfishTarget,
    request: &MeasurementRequest,
    deadline: Deadline,
) -> Collected {
    let mut client = Client::new(access, &target.origin, deadline);
    let evidence = match &target.component {
        Some(path) => component_evidence(&mut client, path, request),
        None => Err(unexpanded(access, target, deadline)),
    };
    Collected { evidence, answered: client.answered }
}

/// Why a whole service is still one target.
fn unexpanded(access: &Access, target: &RedfishTarget, deadline: Deadline) -> RedfishError {
    match components(access, target, deadline) {
        Err(error) => error,
        Ok(found) if found.targets.is_empty() => {
            let note = found.note(&target.origin);
            RedfishError::NoComponents { note }
        }
        Ok(found) => RedfishError::NotListed { components: found.targets.len() },
    }
}

fn component_evidence(
    client: &mut Client<'_>,
    path: &ResourcePath,
    request: &MeasurementRequest,
) -> Result<Vec<u8>, RedfishError> {
    let component: Component = client.get(path)?.json()?;
    if !component.is_spdm() {
        let kind = component.kind.as_deref().map_or_else(|| "unknown".to_owned(), quoted);
        return Err(RedfishError::not_supported(path, format!("its kind is {kind}, not SPDM")));
    }
    if !component.is_enabled() {
        return Err(RedfishError::not_supported(path, "ComponentIntegrityEnabled is not true"));
    }
    let action = component.actions.and_then(|actions| actions.get_signed_measurements);
    let action = action.ok_or_else(|| {
        RedfishError::not_supported(path, "it has no action SPDMGetSignedMeasurements")
    })?;
    let action = link::path(&action.target, "the target of SPDMGetSignedMeasurements", path)?;
    let identity = component.spdm.and_then(|spdm| spdm.identity);
    let linked = identity.and_then(|identity| identity.responder?.certificate);
    // Before the action: a nonce is not spent where nothing could be judged.
    let mut certificate = match linked {
        Some(link) => Some(Certificate::read(client, &link.path(path)?)?),
        None => None,
    };
    let all = [ALL];
    let parameters = Parameters {
        measurement_indices: request.indices.as_deref().unwrap_or(&all),
        nonce: hex::encode(request.nonce),
        slot_id: request.slot,
    };
    let body = serde_json::to_vec(&parameters)
        .map_err(|error| RedfishError::protocol(&action, error.to_string()))?;
    let answer = client.post(&action, &body)?;
    let (signed, from) = finished(client, answer)?;
    // The certificate of the component is that of one slot.
    let fits = certificate.as_ref().is_some_and(|certificate| certificate.fits(request.slot));
    if !fits && let Some(link) = &signed.certificate {
        certificate = Some(Certificate::read(client, &link.path(&from)?)?);
    }
    let certificate = certificate
        .ok_or_else(|| RedfishError::not_supported(path, "the service has no certificate of it"))?;
    signed.evidence(&certificate, &from)
}

/// A certificate resource.
#[derive(Debug, Deserialize)]
struct Certificate {
    #[serde(rename = "CertificateString", default)]
    text: Option<String>,
    #[serde(rename = "CertificateType", default)]
    kind: Option<String>,
    #[serde(rename = "SPDM", default)]
    spdm: Option<CertificateSlot>,
}

#[derive(Debug, Deserialize)]
struct CertificateSlot {
    #[serde(rename = "SlotId", default)]
    slot: Option<u8>,
}

impl Certificate {
    fn read(client: &mut Client<'_>, path: &ResourcePath) -> Result<Self, RedfishError> {
        let certificate: Self = client.get(path)?.json()?;
        if certificate.text.as_deref().unwrap_or_default().is_empty() {
            return Err(RedfishError::not_supported(path, "it has no CertificateString"));
        }
        match certificate.kind.as_deref() {
            None | Some("PEM" | "PEMchain") => Ok(certificate),
            Some(kind) => {
                let detail = format!("CertificateType {}, not PEM or PEMchain", quoted(kind));
                Err(RedfishError::not_supported(path, detail))
            }
        }
    }

    /// Whether it can be that of a slot. A service that names none has one.
    fn fits(&self, slot: u8) -> bool {
        self.spdm.as_ref().and_then(|spdm| spdm.slot).is_none_or(|own| own == slot)
    }
}

/// The answer of the action, or a task that it has not finished.
#[derive(Debug, Deserialize)]
struct Reply {
    #[serde(rename = "SignedMeasurements", default)]
    signed: Option<String>,
    #[serde(rename = "HashingAlgorithm", default)]
    hashing: Option<String>,
    #[serde(rename = "SigningAlgorithm", default)]
    signing: Option<String>,
    #[serde(rename = "Version", default)]
    version: Option<String>,
    #[serde(rename = "Certificate", default)]
    certificate: Option<Link>,
    #[serde(rename = "@odata.id", default)]
    id: Option<String>,
    #[serde(rename = "TaskState", default)]
    state: Option<String>,
    #[serde(rename = "TaskMonitor", default)]
    monitor: Option<String>,
    #[serde(rename = "Messages", default)]
    messages: Option<Vec<Message>>,
    #[serde(rename = "Payload", default)]
    payload: Option<Payload>,
}

/// What a task is about.
#[derive(Debug, Deserialize)]
struct Payload {
    #[serde(rename = "HttpHeaders", default)]
    headers: Option<Vec<String>>,
}

/// What became of the action.
enum Progress {
    Done(Box<Reply>),
    /// The answer is there.
    At(ResourcePath),
    /// Ask there again, later.
    Wait(ResourcePath),
}

/// The answer of the action, and the resource that it came from.
fn finished(
    client: &mut Client<'_>,
    mut answer: Answer,
) -> Result<(Box<Reply>, ResourcePath), RedfishError> {
    let (mut task, mut steps) = (None, 0);
    loop {
        let next = match progress(&answer, &mut task)? {
            Progress::Done(reply) => return Ok((reply, answer.path)),
            Progress::At(path) if steps < MAX_STEPS => {
                steps += 1;
                path
            }
            Progress::At(_) => {
                return Err(RedfishError::protocol(
                    &answer.path,
                    "the task leads from one resource to the next",
                ));
            }
            Progress::Wait(path) => {
                let pause = answer.retry_after.unwrap_or(PAUSE).clamp(PAUSES.0, PAUSES.1);
                // A service that asks for more time than there is has none for this item.
                if pause >= client.deadline.left(&path)? {
                    return Err(client.deadline.over(&path));
                }
                thread::sleep(pause);
                path
            }
        };
        answer = client.get(&next)?;
    }
}

/// `task` is the resource of the task, once it is known.
fn progress(answer: &Answer, task: &mut Option<ResourcePath>) -> Result<Progress, RedfishError> {
    let from = &answer.path;
    if answer.status == 204 {
        let known = task.take().filter(|task| task != from);
        let nothing = || RedfishError::protocol(from, "204 without measurements");
        return known.map(Progress::At).ok_or_else(nothing);
    }
    // 202 may come without a body.
    let reply: Reply = match answer.json() {
        Err(_) if answer.status == 202 => Reply::NOTHING,
        reply => reply?,
    };
    if reply.signed.is_some() {
        return Ok(Progress::Done(Box::new(reply)));
    }
    let inside = |text: &Option<String>, member| {
        text.as_deref().map(|text| link::path(text, member, from)).transpose()
    };
    let monitor = inside(&reply.monitor, "TaskMonitor")?;
    if reply.state.is_some() {
        *task = inside(&reply.id, "@odata.id")?;
    }
    match reply.state.as_deref() {
        Some("Completed") => {
            let headers = reply.payload.and_then(|payload| payload.headers).unwrap_or_default();
            let named = headers.iter().find_map(|header| {
                let (name, value) = header.split_once(':')?;
                name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
            });
            let named = inside(&named, "Location in the task's HttpHeaders")?;
            let at = named.or(monitor).filter(|at| at != from);
            let nothing = || RedfishError::protocol(from, "the task is done and names no answer");
            at.map(Progress::At).ok_or_else(nothing)
        }
        Some(state @ ("Exception" | "Cancelled" | "Cancelling" | "Killed" | "Interrupted")) => {
            let messages = reply.messages.unwrap_or_default();
            if let Some(message) = messages.iter().find(|one| one.says_not_supported()) {
                return Err(RedfishError::not_supported(from, message.shown()));
            }
            let said = messages.last().map(|message| format!(": {}", message.shown()));
            let detail = format!("the task ended as {state}{}", said.unwrap_or_default());
            Err(RedfishError::Failed { path: from.to_string(), detail })
        }
        state => {
            let is_pending = state.is_some() || answer.status == 202;
            // A monitor that names no other is asked again.
            let itself = || answer.is_polled.then(|| from.clone());
            let at = answer.location.clone().or(monitor).or_else(itself).or_else(|| task.clone());
            let nothing = "neither measurements nor a task to wait for";
            match at.filter(|_| is_pending) {
                Some(at) => Ok(Progress::Wait(at)),
                None => Err(RedfishError::protocol(from, nothing)),
            }
        }
    }
}

/// The evidence as spdm-evidence reads it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'d> {
    signed_measurements: &'d str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashing_algorithm: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_algorithm: Option<&'d str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'d str>,
    certificate: DocumentCertificate<'d>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DocumentCertificate<'d> {
    certificate_string: &'d str,
    certificate_type: &'d str,
}

impl Reply {
    const NOTHING: Self = Self {
        signed: None,
        hashing: None,
        signing: None,
        version: None,
        certificate: None,
        id: None,
        state: None,
        monitor: None,
        messages: None,
        payload: None,
    };

    /// Only what is known is taken over: what else a service sends is not evidence.
    fn evidence(
        &self,
        certificate: &Certificate,
        from: &ResourcePath,
    ) -> Result<Vec<u8>, RedfishError> {
        let named =
            |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > MAX_NAME_LEN);
        if [&self.hashing, &self.signing, &self.version].into_iter().any(named) {
            let detail = format!("an algorithm or version of more than {MAX_NAME_LEN} bytes");
            return Err(RedfishError::protocol(from, detail));
        }
        let document = Document {
            signed_measurements: self.signed.as_deref().unwrap_or_default(),
            hashing_algorithm: self.hashing.as_deref(),
            signing_algorithm: self.signing.as_deref(),
            version: self.version.as_deref(),
            certificate: DocumentCertificate {
                certificate_string: certificate.text.as_deref().unwrap_or_default(),
                certificate_type: certificate.kind.as_deref().unwrap_or("PEMchain"),
            },
        };
        let mut json = serde_json::to_vec_pretty(&document)
            .map_err(|error| RedfishError::protocol(from, error.to_string()))?;
        json.push(b'\n');
        Ok(json)
    }
}
