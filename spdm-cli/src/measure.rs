//! `spdm measure`: measurements, signed unless told otherwise.

use spdm_evidence::{AttestationCheck, CheckStatus, KnownChains, SecretsLog};
use spdm_fleet::WantedMeasurements;
use spdm_requester::Requirement;

use crate::advice::Waivable;
use crate::args::MeasureArgs;
use crate::attest::{Inputs, nonce};
use crate::backend::Crypto;
use crate::console::Console;
use crate::ear::{self, EarFile};
use crate::examination::{Examination, Expected, Signer, Task, Waived, examine};
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::known::KnownFile;
use crate::live::{LiveDevice, SessionOffer, Telling};
use crate::render;
use crate::session::Course;
use crate::trust::Trust;
use crate::verdict::Verdict;

/// Measures.
pub(crate) fn run(
    args: &MeasureArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    if args.measurements == WantedMeasurements::None {
        return Err(Failure::usage("--measurements none leaves measure nothing to do"));
    }
    let inputs = Inputs::read(&args.judge, &args.trust, crypto, console)?;
    let nonce = nonce(&args.nonce.nonce)?;
    let signer = match args.unsigned {
        true => Signer::Nobody,
        false => Signer::of(inputs.peer_key.as_deref()),
    };
    if args.unsigned && inputs.reference.is_given() {
        return Err(Failure::usage("--reference needs signed measurements"));
    }
    if args.unsigned && args.known.known.is_some() {
        return Err(Failure::usage("--known needs signed measurements"));
    }
    let reference = inputs.reference.read(crypto)?;
    let token_keys = inputs.tokens.keys();
    let secrets_out = args.secrets_out.as_deref();
    let outputs = [args.device.pcap.as_deref(), args.ear.ear.as_deref(), secrets_out];
    console.share_output(&outputs)?;
    let host = Host::read(&args.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    if args.session {
        device.offer_sessions(SessionOffer::Identity);
        device.log_secrets(secrets_out, SecretsLog::new())?;
    }
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    let place = device.output_place();
    let ear = EarFile::create(&args.ear, nonce.as_ref(), place, console)?;
    let mut known_file = KnownFile::of(&args.known, place)?;
    let name = device.name();
    device.settle()?;
    let anyone = trust.is_empty();
    trust.or_own(device.anchors());
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let challenge = match args.session {
        true => "KEY_EXCHANGE takes the place of CHALLENGE",
        false => "measure sends no CHALLENGE",
    };
    let waived = Waived { requirement: Requirement::Measurements, challenge };
    let task = Task {
        policy: Some(&policy),
        slot: args.slot,
        signer,
        peer_key_path: args.judge.peer_key.as_deref(),
        waived,
        negotiation: args.device.connection.negotiation(),
        waivable: if args.unsigned { Waivable::Nothing } else { Waivable::TheSignature },
        measurements: &args.measurements,
        attributes: args.attributes.attributes(),
        nonce,
        reference: reference.as_ref(),
        tokens: inputs.tokens.options(&token_keys),
        verdict_policy: inputs.policy.as_ref(),
        expected: known_file.as_ref().map(|file| Expected::of(file, &name)),
        session: args.session.then_some(Course::MEASUREMENTS),
    };
    let Examination { verdict, learned, .. } =
        examine(&mut device, &task, &mut KnownChains::new(0));
    if let (Some(file), Some(learned)) = (&mut known_file, learned) {
        file.learn(vec![learned])?;
    }
    ear::write(ear, &verdict, console)?;
    device.finish()?;
    render::show_measured(&verdict, console)?;
    console.hint(verdict.hint());
    // Who has to be known, or to meet a policy, has to be trusted, too.
    if known_file.is_some() || inputs.policy.is_some() {
        return Ok(verdict.exit);
    }
    Ok(exit(&verdict, signer, anyone))
}

/// Who asks whom to trust decides: without an anchor, measurements that the device signed are what was asked
/// for, and without a signature those that came.
fn exit(verdict: &Verdict, signer: Signer<'_>, anyone: bool) -> Exit {
    let checks = verdict.report.checks().iter();
    let nothing_but_trust = checks
        .filter(|row| row.status == CheckStatus::Fail)
        .all(|row| row.check == AttestationCheck::ChainAnchor);
    let signed =
        verdict.report.status(AttestationCheck::MeasurementsSignature) == CheckStatus::Pass;
    let formed = verdict.report.status(AttestationCheck::MeasurementsFormat) == CheckStatus::Pass;
    match signer {
        Signer::Chain | Signer::Key(_) if anyone && signed && nothing_but_trust => Exit::Done,
        Signer::Nobody if formed && nothing_but_trust => Exit::Done,
        _ => verdict.exit,
    }
}
