//! Services, and what they bring.

use std::time::Instant;

use spdm_codec::RequesterNonce;
use spdm_fleet::redfish::{
    Access, Authorities, Credentials, Deadline, Disabled, MeasurementRequest, RedfishTarget,
    collect, expand,
};
use spdm_fleet::{Attempt, Fault, OutcomeKind, Target, WantedMeasurements, Work};

use super::judge::{Judged, judge};
use crate::args::{FleetAttestArgs, RedfishArgs, San, SlotChoice};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::Failure;
use crate::file;
use crate::fleet::attester::{DeviceAttester, finding, undecidable};
use crate::fleet::class_rules::ClassRules;
use crate::provenance::Stopwatch;
use crate::trust::LeafName;
use crate::verdict::PrintedVerdict;

/// Reaches services.
#[derive(Debug)]
pub(crate) struct RedfishSource(Access);

/// The form of an address.
pub(crate) fn check(target: &str) -> Result<(), String> {
    match RedfishTarget::parse(target) {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("expected redfish://HOST".to_owned()),
    }
}

impl RedfishSource {
    pub(crate) fn read(
        args: &RedfishArgs,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let credentials = match &args.redfish_credentials {
            None => Credentials::default(),
            Some(path) => Credentials::read(&file::read_secret(path, console)?)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?,
        };
        let authorities = match &args.redfish_ca {
            None => Authorities::none(),
            Some(path) => Authorities::read(&file::read(path)?)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?,
        };
        let access = Access::new(credentials, authorities, crypto.provider);
        access.map(Self).map_err(Failure::usage)
    }

    /// Puts their components in the place of services. What is left out is noted.
    pub(crate) fn expand(
        &self,
        targets: Vec<Target>,
        args: &FleetAttestArgs,
        console: &Console,
    ) -> Vec<Target> {
        let disabled = match args.redfish.redfish_skip_disabled {
            true => Disabled::LeftOut,
            false => Disabled::Targets,
        };
        let expansion =
            expand(targets, &self.0, disabled, usize::from(args.pace.jobs), args.pace.deadline);
        for note in &expansion.notes {
            console.note(&format!("note: {note}"));
        }
        expansion.targets
    }

    pub(crate) fn attest(
        &self,
        attester: &DeviceAttester<'_>,
        rules: &ClassRules<'_>,
        work: &Work<'_>,
    ) -> Result<Attempt, Failure> {
        let options = &rules.args().options;
        if let Some(detail) = unfit(rules, attester) {
            return Ok(undecidable("options", detail));
        }
        let target = &work.item.target;
        let parsed = match RedfishTarget::parse(&target.target) {
            Some(Ok(parsed)) => parsed,
            Some(Err(error)) => return Err(Failure::usage(error)),
            None => return Err(Failure::usage("expected redfish://HOST")),
        };
        let trust = &options.trust;
        let given = target.san.as_deref().map(San::parse).transpose().map_err(Failure::usage)?;
        let name = LeafName::of(given.as_ref().or(trust.san.as_ref()), trust.pci_id, None)?;
        let crypto = attester.crypto;
        let mut stopwatch = Stopwatch::of(crypto.backend, trust.at);
        let mut nonce = [0; 32];
        crypto.provider.random.fill(&mut nonce).map_err(|_| Failure::usage("no random bytes"))?;
        let request = MeasurementRequest {
            nonce,
            slot: match options.slot {
                SlotChoice::Slot(slot) => slot.get(),
                SlotChoice::Any => 0,
            },
            indices: match &options.measurements {
                WantedMeasurements::Indices(indices) => Some(indices.to_vec()),
                WantedMeasurements::All | WantedMeasurements::None => None,
            },
        };
        let begun = Instant::now();
        let collected = collect(&self.0, &parsed, &request, Deadline::after(work.deadline));
        let device_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (kind, fault) = (OutcomeKind::InternalError, Fault::Us);
        let mut attempt = Attempt::without_device(kind, fault, "redfish", "nothing was judged");
        (attempt.device_ms, attempt.round_trips) = (device_ms, collected.answered);
        let document = match collected.evidence {
            Ok(document) => document,
            Err(error) => return Ok(Attempt { finding: error.finding(), ..attempt }),
        };
        attempt.evidence = attester.keep(work, || Ok(document.clone()))?;
        let round = rules.round(&[], crypto);
        let nonce = RequesterNonce(nonce);
        match judge(&round, &name, &rules.args().connection, &document, nonce, &request, target)? {
            Judged::Reported(verdict) => {
                attempt.finding = finding(&verdict);
                let printed =
                    PrintedVerdict { verdict: &verdict, provenance: stopwatch.lap(), chain: None };
                attempt.report =
                    Some(serde_json::value::to_raw_value(&printed).map_err(Failure::usage)?);
            }
            Judged::Broken(finding) => attempt.finding = finding,
        }
        Ok(attempt)
    }
}

/// What the options of a class ask for, and a service cannot do or say.
fn unfit(rules: &ClassRules<'_>, attester: &DeviceAttester<'_>) -> Option<String> {
    let options = &rules.args().options;
    let why = if rules.trusts_nobody() {
        return Some("nobody is trusted for this class: --trust names who is".to_owned());
    } else if options.measurements == WantedMeasurements::None {
        "--measurements none leaves nothing to be signed: a Redfish service passes on no CHALLENGE"
    } else if options.session {
        "--session: a Redfish service opens no session with the device for us"
    } else if options.attributes.raw {
        "--raw: a Redfish service has no parameter for it"
    } else if options.attributes.new_measurements {
        "--new-measurements: a Redfish service has no parameter for it"
    } else if rules.host().is_some() {
        "--identity: a Redfish service, not this host, talks to the device"
    } else if attester.known.is_some() {
        "--known: devices behind Redfish services are not known by their certificates yet"
    } else {
        return None;
    };
    Some(why.to_owned())
}
