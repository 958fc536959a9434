//! The components that a service answers for.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde::Deserialize;

use super::access::Access;
use super::address::{RedfishTarget, ResourcePath};
use super::client::{Client, Deadline};
use super::error::RedfishError;
use super::link::Link;
use crate::target::Target;

/// Where a service lists them.
const COLLECTION: &str = "/redfish/v1/ComponentIntegrity";
/// How many components one service may list.
pub const MAX_COMPONENTS: usize = 1024;
/// In how many portions it may list them.
const MAX_PAGES: usize = 64;
/// How many names a note repeats.
const NAMED: usize = 3;

/// A ComponentIntegrity resource, as far as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct Component {
    #[serde(rename = "ComponentIntegrityEnabled", default)]
    pub(super) enabled: Option<bool>,
    #[serde(rename = "ComponentIntegrityType", default)]
    pub(super) kind: Option<String>,
    #[serde(rename = "Actions", default)]
    pub(super) actions: Option<Actions>,
    #[serde(rename = "SPDM", default)]
    pub(super) spdm: Option<Spdm>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Actions {
    #[serde(rename = "#ComponentIntegrity.SPDMGetSignedMeasurements", default)]
    pub(super) get_signed_measurements: Option<Action>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Action {
    pub(super) target: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Spdm {
    #[serde(rename = "IdentityAuthentication", default)]
    pub(super) identity: Option<IdentityAuthentication>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IdentityAuthentication {
    #[serde(rename = "ResponderAuthentication", default)]
    pub(super) responder: Option<ResponderAuthentication>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ResponderAuthentication {
    #[serde(rename = "ComponentCertificate", default)]
    pub(super) certificate: Option<Link>,
}

impl Component {
    /// Whether SPDM attests it.
    pub(super) fn is_spdm(&self) -> bool {
        self.kind.as_deref() == Some("SPDM")
    }

    /// Whether the service says that its integrity is watched.
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled == Some(true)
    }
}

#[derive(Debug, Deserialize)]
struct Collection {
    #[serde(rename = "Members")]
    members: Vec<Link>,
    #[serde(rename = "Members@odata.nextLink", default)]
    next: Option<String>,
}

/// What a service lists.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Components {
    /// Targets: the enabled components that speak SPDM, and those whose resource could not be read.
    pub targets: Vec<String>,
    /// Components of SPDM that are disabled.
    pub disabled: Vec<ResourcePath>,
    /// Components of another kind, such as TPMs.
    pub others: Vec<ResourcePath>,
}

impl Components {
    /// What is left out, for people; `None` where nothing is.
    #[must_use]
    pub fn note(&self, service: &impl fmt::Display) -> Option<String> {
        let parts = [(&self.disabled, "disabled"), (&self.others, "not of SPDM")];
        let parts = parts.into_iter().filter(|(paths, _)| !paths.is_empty());
        let parts: Vec<String> = parts
            .map(|(paths, what)| {
                let names: Vec<&str> = paths.iter().take(NAMED).map(ResourcePath::as_str).collect();
                let more = if paths.len() > NAMED { ", …" } else { "" };
                format!("{} {what} ({}{more})", paths.len(), names.join(", "))
            })
            .collect();
        (!parts.is_empty())
            .then(|| format!("{service}: components that are not attested: {}", parts.join("; ")))
    }
}

/// Asks a service which components it answers for.
///
/// # Errors
/// [`RedfishError`]: nothing of the service is known then.
pub fn components(
    access: &Access,
    target: &RedfishTarget,
    deadline: Deadline,
) -> Result<Components, RedfishError> {
    let mut client = Client::new(access, &target.origin, deadline);
    let mut found = Components::default();
    for path in members(&mut client)? {
        match client.get(&path).and_then(|answer| answer.json::<Component>()) {
            Ok(component) if !component.is_spdm() => found.others.push(path),
            Ok(component) if !component.is_enabled() => found.disabled.push(path),
            // Why it cannot be read becomes the outcome of the item.
            Ok(_)
            | Err(
                RedfishError::Missing { .. }
                | RedfishError::Busy { .. }
                | RedfishError::NotSupported { .. }
                | RedfishError::Protocol { .. },
            ) => found.targets.push(target.of_component(&path)),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn members(client: &mut Client<'_>) -> Result<Vec<ResourcePath>, RedfishError> {
    let first = ResourcePath::new(COLLECTION);
    let Some(mut page) = first else { return Ok(Vec::new()) };
    let mut paths = Vec::new();
    for _ in 0..MAX_PAGES {
        let answer = client.get(&page)?;
        let collection: Collection = answer.json()?;
        for link in &collection.members {
            let path = link.path(&answer.path)?;
            if paths.contains(&path) {
                let detail = format!("it lists {path} twice");
                return Err(RedfishError::protocol(&answer.path, detail));
            }
            if paths.len() == MAX_COMPONENTS {
                let detail = format!("more than {MAX_COMPONENTS} components");
                return Err(RedfishError::protocol(&answer.path, detail));
            }
            paths.push(path);
        }
        let Some(next) = collection.next else { return Ok(paths) };
        page = Link { id: next }.path(&answer.path)?;
    }
    Err(RedfishError::protocol(&page, format!("a list of more than {MAX_PAGES} portions")))
}

/// What components of SPDM are that a service calls disabled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Disabled {
    /// Targets as the others. Nobody attests them, so that their items are not verified, and say why.
    #[default]
    Targets,
    /// Left out and noted, as whoever runs it wants.
    LeftOut,
}

/// Targets with each service in the place of its components.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Expansion {
    /// The targets. A service whose components are not known is still one, and so is a service without any: whoever attests
    /// it says why.
    pub targets: Vec<Target>,
    /// What services list and is left out, for people.
    pub notes: Vec<String>,
}

/// Puts in the place of each `redfish://HOST` its components, with class, host, labels and name of it. One that is a target
/// by itself stays as it is, with the class that it has there. So many services are asked at once, each for so long at most.
#[must_use]
pub fn expand(
    targets: Vec<Target>,
    access: &Access,
    disabled: Disabled,
    jobs: usize,
    time: Duration,
) -> Expansion {
    let services: Vec<Option<RedfishTarget>> = targets
        .iter()
        .map(|target| RedfishTarget::parse(&target.target)?.ok())
        .map(|target| target.filter(RedfishTarget::is_whole_service))
        .collect();
    let found: Vec<Mutex<Option<Components>>> = services.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let jobs = services.iter().flatten().count().min(jobs.max(1));
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some((service, place)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    services.get(index).zip(found.get(index))
                } {
                    let Some(service) = service else { continue };
                    let mut components = components(access, service, Deadline::after(time)).ok();
                    if let (Disabled::Targets, Some(found)) = (disabled, &mut components) {
                        let disabled = core::mem::take(&mut found.disabled);
                        let disabled = disabled.iter().map(|path| service.of_component(path));
                        found.targets.extend(disabled);
                    }
                    *place.lock().unwrap_or_else(PoisonError::into_inner) = components;
                }
            });
        }
    });
    // As services write them.
    let written = |target: &Target| {
        let parsed = RedfishTarget::parse(&target.target)?.ok()?;
        parsed.component.as_ref().map(|path| parsed.of_component(path))
    };
    let mut known: HashSet<String> = targets.iter().filter_map(written).collect();
    let mut expansion = Expansion::default();
    for ((target, service), found) in targets.into_iter().zip(&services).zip(found) {
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let found = found.filter(|found| !found.targets.is_empty());
        let (Some(service), Some(found)) = (service, found) else {
            expansion.targets.push(target);
            continue;
        };
        expansion.notes.extend(found.note(&service.origin));
        let new = found.targets.into_iter().filter(|component| known.insert(component.clone()));
        let of = |component| Target { target: component, ..target.clone() };
        expansion.targets.extend(new.map(of));
    }
    expansion
}
