//! `spdm send`: one vendor-defined message.

use serde::Serialize;
use spdm_codec::MeasurementAttributes;
use spdm_evidence::{KnownChains, SecretsLog, TokenOptions, VendorExchange};
use spdm_fleet::WantedMeasurements;
use spdm_requester::{Requirement, ToUntrusted};

use crate::advice::Waivable;
use crate::args::{SendArgs, unverified};
use crate::backend::Crypto;
use crate::console::Console;
use crate::examination::{Signer, Task, Waived, examine};
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::inquiry::{WithoutAgreement, inquire};
use crate::live::{LiveDevice, SessionOffer, Telling};
use crate::object_head::{AskedDevice, FormVersion};
use crate::render;
use crate::session::Course;
use crate::trust::Trust;
use crate::vendor_message::VendorMessage;

/// Bytes of an answer on one line.
const LINE_LEN: usize = 32;

/// What `spdm send --json` prints where an answer came: `docs/schema/send.json`. Otherwise it is a report, or an error.
#[derive(Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The answer to a vendor-defined message",
        description = "What spdm send --json prints where an answer came; otherwise a report, or an error."
    )
)]
pub(crate) struct Sent {
    schema: FormVersion<1>,
    #[serde(flatten)]
    asked: AskedDevice,
    /// The message and its answer.
    #[serde(flatten)]
    exchange: VendorExchange,
}

/// Sends it.
pub(crate) fn run(args: &SendArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    let message = VendorMessage::read(args.standard, &args.vendor, &args.payload)?;
    if !args.session && args.trust.names_anchors() {
        return Err(unverified("--trust"));
    }
    if !args.session && args.identity.identity_key.is_some() {
        return Err(unverified("--identity-key"));
    }
    let secrets_out = args.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&args.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    device.sends(message.request_len());
    if args.session {
        device.offer_sessions(SessionOffer::Identity);
        device.log_secrets(secrets_out, SecretsLog::new())?;
        return in_session(args, &message, device, console);
    }
    device.settle()?;
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |inquiry, requester| {
        let version = requester.negotiated().version.as_str();
        let sent = message.send(requester, inquiry.line);
        sent.map(|(_, exchange)| (version, exchange)).map_err(|failure| failure.error)
    });
    let target = device.name();
    device.finish()?;
    match inquired.result {
        Ok((version, exchange)) => {
            show(AskedDevice { target, version, session: None }, exchange, console)
        }
        Err(verdict) => render::not_done(&verdict, console),
    }
}

/// A device that is not trusted is told nothing.
fn in_session(
    args: &SendArgs,
    message: &VendorMessage,
    mut device: LiveDevice<'_>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let crypto = device.crypto;
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    device.settle()?;
    trust.or_own(device.anchors());
    let (anchors, revocations) = (trust.anchors(), trust.revocations());
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let messages = core::slice::from_ref(message);
    let task = Task {
        policy: Some(&policy),
        slot: args.slot,
        signer: Signer::Chain,
        peer_key_path: None,
        waived: Waived {
            requirement: Requirement::Session,
            challenge: "KEY_EXCHANGE takes the place of CHALLENGE",
        },
        negotiation: args.device.connection.negotiation(),
        waivable: Waivable::Nothing,
        measurements: &WantedMeasurements::None,
        attributes: MeasurementAttributes::empty(),
        nonce: None,
        reference: None,
        tokens: TokenOptions::NONE,
        verdict_policy: None,
        expected: None,
        session: Some(Course { untrusted: ToUntrusted::Nothing, messages, ..Course::MEASUREMENTS }),
    };
    let verdict = examine(&mut device, &task, &mut KnownChains::new(0)).verdict;
    let target = device.name();
    device.finish()?;
    let session = verdict.report.session();
    let sent = session
        .and_then(|session| Some((session.id.clone(), session.vendor_defined.first()?.clone())));
    match sent.filter(|_| verdict.exit == Exit::Done) {
        Some((id, exchange)) => {
            // What has a session has a version.
            let version = verdict.report.version().unwrap_or_default();
            show(AskedDevice { target, version, session: Some(id) }, exchange, console)
        }
        None => {
            render::show(&verdict, console)?;
            console.hint(verdict.hint());
            Ok(verdict.exit)
        }
    }
}

/// Nothing but the answer.
fn show(
    asked: AskedDevice,
    exchange: VendorExchange,
    console: &mut Console,
) -> Result<Exit, Failure> {
    if console.json() {
        console.object(&Sent { schema: FormVersion, asked, exchange })?;
        return Ok(Exit::Done);
    }
    let digits = exchange.response.as_bytes().chunks(2 * LINE_LEN);
    let lines = digits.map(|line| format!("{}\n", String::from_utf8_lossy(line)));
    console.payload(&lines.collect::<String>())?;
    Ok(Exit::Done)
}
