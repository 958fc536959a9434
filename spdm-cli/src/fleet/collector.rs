//! Collects evidence of one device for somebody else to judge: [`spdm_fleet::Collector`] over one examination.

use core::time::Duration;

use serde_json::value::RawValue;
use spdm_codec::MeasurementAttributes;
use spdm_evidence::{AttestationCheck, CheckStatus, KnownChains, TokenOptions};
use spdm_fleet::{
    Collected, Collector, Fault, OutcomeKind, Transport, Want, WantedMeasurements, WorkMessage,
};

use crate::args::{ChallengeChoice, ConnectionArgs, DeviceArgs, PcapFormat, SlotChoice};
use crate::backend::Crypto;
use crate::evidence::evidence;
use crate::examination::{Examination, Signer, Task, Waived, examine};
use crate::exit::Failure;
use crate::fleet::attester::{finding, of_failure};
use crate::live::{LiveDevice, Telling};
use crate::verdict::Verdict;

/// Collects evidence of devices of any class. It has no key, and no verdict.
#[derive(Debug)]
pub(crate) struct DeviceCollector<'c> {
    pub(crate) connection: &'c ConnectionArgs,
    pub(crate) slot: SlotChoice,
    /// How long one attempt may take.
    pub(crate) deadline: Duration,
    pub(crate) crypto: Crypto,
}

impl Collector for DeviceCollector<'_> {
    fn collect(&self, work: &WorkMessage) -> Collected {
        if work.item.target.transport() == Transport::Redfish {
            return Collected::nothing(
                OutcomeKind::Undecidable,
                Fault::Configuration,
                "target",
                "evidence of a Redfish service is judged where it is collected: fleet attest",
            );
        }
        self.examine(work).unwrap_or_else(|failure| {
            let failure = of_failure(&failure).finding.into();
            Collected { evidence: None, failure: Some(failure), device_ms: 0, round_trips: 0 }
        })
    }
}

impl DeviceCollector<'_> {
    fn examine(&self, work: &WorkMessage) -> Result<Collected, Failure> {
        let args = DeviceArgs {
            target: work.item.target.target.parse().map_err(Failure::usage)?,
            connection: self.connection.clone(),
            deadline: Some(self.deadline),
            pcap: None,
            pcap_format: PcapFormat::Wireshark,
        };
        let Want { challenge, measurements } = &work.want;
        let challenge = match challenge {
            true => ChallengeChoice::Required,
            false => ChallengeChoice::None,
        };
        let waived = Waived::new(challenge, measurements)?;
        let nonce = match measurements {
            WantedMeasurements::None => work.nonces.challenge,
            WantedMeasurements::All | WantedMeasurements::Indices(_) => work.nonces.measurements,
        };
        let mut device = LiveDevice::new(&args, self.crypto, Telling::default())?;
        let task = Task {
            policy: None,
            slot: self.slot,
            signer: Signer::Chain,
            peer_key_path: None,
            waived,
            negotiation: self.connection.negotiation(),
            waivable: waived.waivable(),
            measurements,
            attributes: MeasurementAttributes::empty(),
            nonce: Some(nonce),
            reference: None,
            tokens: TokenOptions::NONE,
            verdict_policy: None,
            expected: None,
            session: None,
        };
        let examined = examine(&mut device, &task, &mut KnownChains::new(0));
        let Examination { verdict, mut recordings, round_trips, exchange, .. } = examined;
        let device_ms = u64::try_from(exchange.as_millis()).unwrap_or(u64::MAX);
        let found = finding(&verdict);
        let is_complete = is_complete(&verdict, waived);
        // What did not come through is tried again. About everything else the judge decides, from what the device said.
        let is_broken = matches!(found.kind, OutcomeKind::Unreachable | OutcomeKind::DeviceError);
        let failure = (!is_complete).then(|| found.into());
        if is_broken && !is_complete {
            return Ok(Collected { evidence: None, failure, device_ms, round_trips });
        }
        // Of a device that asked to start over, the last connection counts.
        let last = recordings.pop().into_iter().collect();
        let json = evidence(&device.name(), last).to_json_line().map_err(Failure::usage)?;
        let evidence = Some(RawValue::from_string(json).map_err(Failure::usage)?);
        Ok(Collected { evidence, failure, device_ms, round_trips })
    }
}

/// What options want of a device.
pub(crate) fn want(challenge: ChallengeChoice, measurements: &WantedMeasurements) -> Want {
    Want { challenge: challenge == ChallengeChoice::Required, measurements: measurements.clone() }
}

/// Whether the device signed all that it was to sign.
fn is_complete(verdict: &Verdict, waived: Waived) -> bool {
    let passed = |check| verdict.report.status(check) == CheckStatus::Pass;
    let requirement = waived.requirement;
    (!requirement.has_challenge() || passed(AttestationCheck::ChallengeSignature))
        && (!requirement.has_measurements() || passed(AttestationCheck::MeasurementsSignature))
}
