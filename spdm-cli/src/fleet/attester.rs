//! Attests one device of many: [`spdm_fleet::Attester`] over [`Round`].

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use spdm_evidence::{ExitClass, KnownChains, KnownDevice, sha256_hex};
use spdm_fleet::{
    Attempt, Attester, EvidenceFile, Failed, Fault, Finding, Inputs, OutcomeKind, Transport, Work,
};
use spdm_x509::Anchor;

use crate::args::{DeviceArgs, PcapFormat, San};
use crate::attest::Round;
use crate::backend::Crypto;
use crate::evidence::evidence;
use crate::examination::{Examination, Expected};
use crate::exit::{Exit, Failure};
use crate::file;
use crate::fleet::class_rules::ClassRules;
use crate::fleet::redfish::RedfishSource;
use crate::fleet::site_rules::SiteRules;
use crate::live::{LiveDevice, SessionOffer, Telling};
use crate::provenance::Stopwatch;
use crate::trust::LeafName;
use crate::verdict::{PrintedVerdict, Verdict};

/// Devices that are known, by target.
#[derive(Debug)]
pub(crate) struct KnownByTarget<'k> {
    pub(crate) devices: HashMap<&'k str, &'k KnownDevice>,
    /// Whether a new device is learned.
    pub(crate) learns: bool,
}

/// Attests devices of every class.
#[derive(Debug)]
pub(crate) struct DeviceAttester<'a> {
    pub(crate) rules: SiteRules<'a>,
    pub(crate) known: Option<KnownByTarget<'a>>,
    pub(crate) evidence_dir: Option<&'a Path>,
    /// Services that answer for devices.
    pub(crate) redfish: RedfishSource,
    pub(crate) crypto: Crypto,
    /// Devices that were verified for the first time, until they are in the file.
    pub(crate) learned: Mutex<Vec<KnownDevice>>,
    /// Why files cannot be written any more, and what ends the run then.
    pub(crate) lost: Mutex<Option<Failure>>,
    pub(crate) stop: &'a AtomicBool,
}

impl Attester for DeviceAttester<'_> {
    fn attest(&self, work: &Work<'_>) -> Attempt {
        let rules = match self.rules.of(&work.item.target.class) {
            Ok(rules) => rules,
            Err(attempt) => return attempt,
        };
        let begun = Instant::now();
        let attempt = match work.item.target.transport() {
            Transport::Redfish => self.redfish.attest(self, rules, work),
            _ => self.attest_by(rules, work),
        };
        let took = begun.elapsed().as_millis();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        match attempt {
            Ok(mut attempt) => {
                attempt.inputs = rules.digests.clone();
                attempt.verify_ms = took.saturating_sub(attempt.device_ms);
                attempt
            }
            Err(failure) => Attempt { inputs: rules.digests.clone(), ..of_failure(&failure) },
        }
    }
}

impl DeviceAttester<'_> {
    fn attest_by(&self, rules: &ClassRules<'_>, work: &Work<'_>) -> Result<Attempt, Failure> {
        let class = rules.args();
        let target = &work.item.target;
        let args = DeviceArgs {
            target: target.target.parse().map_err(Failure::usage)?,
            connection: class.connection.clone(),
            deadline: Some(work.deadline),
            pcap: None,
            pcap_format: PcapFormat::Wireshark,
        };
        let mut device = LiveDevice::new(&args, self.crypto, Telling::default())?;
        device.identify(rules.host());
        if class.options.session {
            device.offer_sessions(SessionOffer::Identity);
        }
        let own = device.anchors();
        if rules.trusts_nobody() && own.is_empty() {
            return Ok(trusts_nobody());
        }
        let own: Vec<_> = own.iter().map(|der| Anchor::Certificate(der)).collect();
        let trust = &class.options.trust;
        let given = target.san.as_deref().map(San::parse).transpose().map_err(Failure::usage)?;
        let san = given.as_ref().or(trust.san.as_ref());
        let name = LeafName::of(san, trust.pci_id, device.pci_identity())?;
        let round = rules.round(&own, self.crypto);
        self.examine(&round, &mut device, &name, work)
    }

    fn examine(
        &self,
        round: &Round<'_>,
        device: &mut LiveDevice<'_>,
        name: &LeafName,
        work: &Work<'_>,
    ) -> Result<Attempt, Failure> {
        let mut stopwatch = Stopwatch::of(self.crypto.backend, round.options.trust.at);
        let expected = self.known.as_ref().map(|known| {
            match (known.devices.get(work.item.target.target.as_str()), known.learns) {
                (Some(device), _) => Expected::Known(device),
                (None, true) => Expected::Learned,
                (None, false) => Expected::Unknown,
            }
        });
        // A device is attested once: nothing is to be remembered for a second connection.
        let mut chains = KnownChains::new(0);
        let examined = round.attest(device, name, expected, &mut chains)?;
        let Examination { verdict, recordings, learned, round_trips, exchange } = examined;
        let finding = finding(&verdict);
        let evidence = self.keep(work, || {
            let json = evidence(&device.name(), recordings).to_json().map_err(Failure::usage)?;
            Ok(format!("{json}\n").into_bytes())
        })?;
        if finding.kind == OutcomeKind::Verified
            && let Some(learned) = learned
        {
            self.learned.lock().unwrap_or_else(PoisonError::into_inner).push(learned);
        }
        let printed =
            PrintedVerdict { verdict: &verdict, provenance: stopwatch.lap(), chain: None };
        let report = serde_json::value::to_raw_value(&printed).map_err(Failure::usage)?;
        Ok(Attempt {
            finding,
            report: Some(report),
            evidence,
            inputs: Inputs::default(),
            device_ms: u64::try_from(exchange.as_millis()).unwrap_or(u64::MAX),
            verify_ms: 0,
            round_trips,
        })
    }

    /// Writes what the device said, where a folder is named for it. Where that fails, the run ends.
    pub(super) fn keep(
        &self,
        work: &Work<'_>,
        bytes: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Result<Option<EvidenceFile>, Failure> {
        let Some(dir) = self.evidence_dir else { return Ok(None) };
        let kept = bytes().and_then(|bytes| self.write_evidence(dir, &bytes, work));
        kept.map(Some).inspect_err(|failure| {
            let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert_with(|| failure.clone());
            self.stop.store(true, Ordering::Relaxed);
        })
    }

    /// Under the names of item and attempt.
    fn write_evidence(
        &self,
        dir: &Path,
        bytes: &[u8],
        work: &Work<'_>,
    ) -> Result<EvidenceFile, Failure> {
        let item = work.item.item.as_str().trim_start_matches("sha256:");
        let name = format!("{item}-{}.json", work.attempt);
        file::write(&dir.join(&name), bytes)?;
        let sha256 = sha256_hex(self.crypto.provider, &[bytes])
            .ok_or_else(|| Failure::usage("SHA-256 is not implemented here"))?;
        Ok(EvidenceFile {
            sha256,
            file: Some(name),
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        })
    }
}

/// What a verdict comes to: the library decides, over the report and over what only the connection knows.
pub(super) fn finding(verdict: &Verdict) -> Finding {
    let line = verdict.line_error();
    let failed = line.map(|error| Failed {
        kind: error.kind,
        message: &error.message,
        class: match error.exit {
            Exit::Done | Exit::Rejected => ExitClass::Rejected,
            Exit::Usage => ExitClass::Usage,
            Exit::Transport => ExitClass::Transport,
            Exit::Protocol => ExitClass::Protocol,
        },
    });
    let mut finding = Finding::of(&verdict.report, failed);
    // The same in a sentence that knows more.
    if let Some(reason) = &mut finding.reason {
        reason.detail = verdict.worded(&reason.detail).to_owned();
    }
    finding
}

pub(super) fn undecidable(check: &str, detail: String) -> Attempt {
    Attempt::without_device(OutcomeKind::Undecidable, Fault::Configuration, check, detail)
}

/// What a device comes to of a class for which nobody is trusted.
pub(super) fn trusts_nobody() -> Attempt {
    let detail = "nobody is trusted for this class: --trust names who is";
    undecidable("chain.anchor", detail.to_owned())
}

/// What a device comes to that could not even be opened.
pub(super) fn of_failure(failure: &Failure) -> Attempt {
    let (kind, fault, passing) = match failure.exit {
        Exit::Transport => (OutcomeKind::Unreachable, Fault::Transport, true),
        Exit::Protocol => (OutcomeKind::DeviceError, Fault::Device, false),
        Exit::Done | Exit::Rejected | Exit::Usage => {
            (OutcomeKind::Undecidable, Fault::Configuration, false)
        }
    };
    let mut attempt = Attempt::without_device(kind, fault, "device", failure.message.clone());
    attempt.finding.passing = passing;
    attempt
}
