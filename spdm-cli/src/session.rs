//! `spdm session`: a session with a device, which is opened, used and closed.

mod course;
mod psk;

use spdm_evidence::{KnownChains, SecretsLog};
use spdm_fleet::WantedMeasurements;
use spdm_requester::{Requirement, ToUntrusted, UpdatedKeys};

use crate::advice::Waivable;
use crate::args::SessionArgs;
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
use crate::trust::Trust;
use crate::vendor_message::VendorMessage;
pub(crate) use course::{Complaints, Course, run as run_course};

/// Opens a session, says what was agreed, measures inside, closes it.
pub(crate) fn run(
    args: &SessionArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let updates: Vec<UpdatedKeys> =
        args.course.update_keys.iter().map(|choice| (*choice).into()).collect();
    let untrusted = match args.course.allow_untrusted {
        true => ToUntrusted::AsPlanned,
        false => ToUntrusted::Nothing,
    };
    let messages = match args.messages.standard {
        None => Vec::new(),
        Some(standard) => {
            let (vendor, send) = (&args.messages.vendor, args.messages.send.iter());
            let read = send.map(|payload| VendorMessage::read(standard, vendor, payload));
            read.collect::<Result<_, Failure>>()?
        }
    };
    let (heartbeats, polls) = (args.course.heartbeat, args.course.poll);
    let policy = args.course.session_policy.into();
    let course =
        Course { untrusted, updates: &updates, heartbeats, polls, messages: &messages, policy };
    let secrets_out = args.course.secrets_out.as_deref();
    let outputs = [args.device.pcap.as_deref(), args.ear.ear.as_deref(), secrets_out];
    console.share_output(&outputs)?;
    if let Some(path) = &args.course.psk {
        return psk::run(args, path, course, crypto, console);
    }
    let inputs = Inputs::read(&args.judge, &args.trust, crypto, console)?;
    let nonce = nonce(&args.nonce.nonce)?;
    let measures = args.measurements != WantedMeasurements::None;
    if nonce.is_some() && !measures {
        return Err(Failure::usage("--nonce is that of GET_MEASUREMENTS: it needs measurements"));
    }
    if inputs.reference.is_given() && !measures {
        return Err(Failure::usage("--reference needs measurements"));
    }
    let reference = inputs.reference.read(crypto)?;
    let token_keys = inputs.tokens.keys();
    let host = Host::read(&args.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.offer_sessions(match args.course.clear_handshake {
        true => SessionOffer::ClearHandshake,
        false => SessionOffer::Identity,
    });
    device.identify(host.as_ref());
    if polls > 0 {
        device.serves_device();
    }
    device.sends(course.longest_request());
    device.log_secrets(secrets_out, SecretsLog::new())?;
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    let place = device.output_place();
    let ear = EarFile::create(&args.ear, nonce.as_ref(), place, console)?;
    let mut known_file = KnownFile::of(&args.known, place)?;
    let name = device.name();
    device.settle()?;
    trust.or_own(device.anchors());
    let (anchors, revocations) = (trust.anchors(), trust.revocations());
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let requirement = if measures { Requirement::Measurements } else { Requirement::Session };
    let task = Task {
        policy: Some(&policy),
        slot: args.slot,
        signer: Signer::of(inputs.peer_key.as_deref()),
        peer_key_path: args.judge.peer_key.as_deref(),
        waived: Waived { requirement, challenge: "KEY_EXCHANGE takes the place of CHALLENGE" },
        negotiation: args.device.connection.negotiation(),
        waivable: if measures { Waivable::Measurements } else { Waivable::Nothing },
        measurements: &args.measurements,
        attributes: args.attributes.attributes(),
        nonce,
        reference: reference.as_ref(),
        tokens: inputs.tokens.options(&token_keys),
        verdict_policy: inputs.policy.as_ref(),
        expected: known_file.as_ref().map(|file| Expected::of(file, &name)),
        session: Some(course),
    };
    let Examination { verdict, learned, .. } =
        examine(&mut device, &task, &mut KnownChains::new(0));
    if let (Some(file), Some(learned)) = (&mut known_file, learned) {
        file.learn(vec![learned])?;
    }
    ear::write(ear, &verdict, console)?;
    device.finish()?;
    render::show(&verdict, console)?;
    console.hint(verdict.hint());
    Ok(verdict.exit)
}
