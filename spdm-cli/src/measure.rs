//! `spdm measure`: measurements, signed unless told otherwise.

use std::collections::VecDeque;

use spdm_evidence::{Check, Status};

use crate::args::{IndexList, MeasureArgs};
use crate::attest::Inputs;
use crate::attestation::{self, ChallengeStep, Plan, Signing, hint};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::live::LiveDevice;
use crate::render;
use crate::trust::Trust;
use crate::verdict::Verdict;

/// Measures.
pub(crate) fn run(
    args: &MeasureArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    if args.measurements == IndexList::None {
        return Err(Failure::usage("measure without measurements"));
    }
    let inputs = Inputs::read(&args.judge, crypto)?;
    let signing = if args.unsigned { Signing::Waived } else { Signing::Required };
    if signing == Signing::Waived && inputs.reference.is_some() {
        return Err(Failure::usage("--reference needs signed measurements"));
    }
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    let mut trust = Trust::load(&args.trust, device.pci_identity())?;
    device.settle()?;
    let anyone = trust.is_empty();
    if anyone {
        trust.add(device.anchors());
    }
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let plan = Plan {
        policy: Some(&policy),
        slot: args.slot,
        challenge: ChallengeStep::Left("measure sends no CHALLENGE"),
        measurements: &args.measurements,
        attributes: args.attributes.attributes(),
        signing,
        nonce: inputs.nonce,
        peer_key: inputs.peer_key.as_deref(),
        reference: inputs.reference.as_ref(),
    };
    let (verdict, _) = attestation::run(&mut device, &plan, &mut VecDeque::new());
    device.finish()?;
    render::show_measured(&verdict, console)?;
    if let Some(hint) = hint(&verdict) {
        console.note(&format!("hint: {hint}"));
    }
    Ok(exit(&verdict, signing, anyone))
}

/// Who asks whom to trust decides: without an anchor, measurements that the device signed are what was asked
/// for, and without a signature those that came.
fn exit(verdict: &Verdict, signing: Signing, anyone: bool) -> Exit {
    let failed = |check: &Check| verdict.report.status(*check) == Status::Fail;
    let nothing_but_trust =
        Check::ALL.iter().filter(|check| failed(check)).all(|check| *check == Check::ChainAnchor);
    let signed = verdict.report.status(Check::MeasurementsSignature) == Status::Pass;
    let formed = verdict.report.status(Check::MeasurementsFormat) == Status::Pass;
    match signing {
        Signing::Required if anyone && signed && nothing_but_trust => Exit::Done,
        Signing::Waived if formed && nothing_but_trust => Exit::Done,
        _ => verdict.exit,
    }
}
