//! `spdm csr`: a certification request of a device.

use std::path::Path;

use serde::Serialize;
use spdm_codec::{CapabilityFlags, ConnectionKeys, PendingCsr};
#[cfg(test)]
use spdm_evidence::schema;
use spdm_requester::{CsrOutcome, CsrPlan, Negotiated, Requester, RunError, blocking};
use spdm_untrusted::Untrusted;
use spdm_x509::{CertModel, Chain, RequesterInfo, SigningRequest, Tolerance};

use crate::args::CsrArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::line::LineError;
use crate::live::{LiveDevice, Telling};
use crate::object_head::{AskedDevice, FormVersion};
use crate::trust::Trust;
use crate::trusted_session::{TrustedPeer, converse};
use crate::{file, pem, render};

/// The longest request and chain that are taken, in bytes.
const LEN: usize = 0x1_0000;
/// Bytes of GET_CSR beside what a person adds.
const FIELDS: usize = 8;

/// What `--any-extensions` does.
const UNREAD_EXTENSIONS: &str =
    "the extensions that it asks for were not read: sign it with others";

/// What `spdm csr --json` prints: `docs/schema/csr.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "A certification request of a device",
        description = "What spdm csr --json prints where the device answered; otherwise a report, or an error."
    )
)]
pub(crate) struct FetchedCsr {
    schema: FormVersion<1>,
    #[serde(flatten)]
    asked: AskedDevice,
    /// Whether the device makes the request in its next reset: nothing else is known then.
    reset_required: bool,
    /// What --tag fetches it with after the reset (1.3).
    #[cfg_attr(test, schemars(range(min = 1, max = 7)))]
    tracking_tag: Option<u8>,
    /// The request as PEM, signed with the key that it is for.
    csr: Option<String>,
    /// The subject that it asks for.
    subject: Option<String>,
    /// The key's algorithm.
    key: Option<String>,
    /// The SubjectPublicKeyInfo of the key.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    key_info: Option<String>,
    /// The names that it asks for, as manufacturer:product:serial.
    dmtf_name: Option<String>,
    /// Whether the slot has a certificate for the same key; null where that was not asked.
    key_is_known: Option<bool>,
    /// What a reader should know besides.
    notes: Vec<String>,
}

/// Fetches it.
pub(crate) fn run(args: &CsrArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    let info = args.info.as_deref().map(requester_info).transpose()?.unwrap_or_default();
    args.session.check_unused(&args.trust)?;
    let secrets_out = args.session.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), args.out.as_deref(), secrets_out])?;
    let host = Host::read(&args.session.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    device.sends(FIELDS + info.len());
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    trust.or_own(device.anchors());
    let peer = args.session.choice().map(|choice| TrustedPeer::read(&choice, &trust, &mut device));
    let peer = peer.transpose()?;
    let out = match &args.out {
        Some(path) => Some(file::Output::create(path, device.output_place())?),
        None => None,
    };
    device.settle()?;
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |inquiry, requester| {
        ask(args, &info, peer.as_ref(), inquiry, requester)
    });
    device.finish()?;
    let fetched = match inquired.result {
        Ok(fetched) => fetched,
        Err(verdict) => {
            let of_info =
                "a device takes of --info what its policy allows: without, it decides itself";
            let verdict = verdict.or_hint(args.info.as_ref().map(|_| of_info));
            return render::not_done(&verdict, console);
        }
    };
    if let (Some(out), Some(csr)) = (out, &fetched.csr) {
        out.write(csr.as_bytes())?;
    }
    show(args, &fetched, console)
}

/// The file of `--info`.
fn requester_info(path: &Path) -> Result<Vec<u8>, Failure> {
    let info = file::read(path)?;
    let name = path.display();
    let refused = |why: &dyn core::fmt::Display| Failure::usage(format!("{name} (--info): {why}"));
    if info.is_empty() {
        return Err(refused(&"it is empty, and a DER CertificationRequestInfo is expected"));
    }
    if let Err(error) = RequesterInfo::parse(Untrusted::new(&info)) {
        return Err(refused(&format_args!("no DER CertificationRequestInfo: {error}")).with_hint(
            Some("it is SEQUENCE { 0, subject, subjectPKInfo, [0] attributes }, the first element of a PKCS #10 request"),
        ));
    }
    match u16::try_from(info.len()) {
        Ok(_) => Ok(info),
        Err(_) => Err(refused(&format_args!("{} bytes: 65535 are the most", info.len()))),
    }
}

fn ask(
    args: &CsrArgs,
    info: &[u8],
    peer: Option<&TrustedPeer<'_>>,
    mut inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
) -> Result<FetchedCsr, RunError<LineError>> {
    let (line, clock) = (&mut *inquiry.line, inquiry.clock);
    let negotiated = *requester.negotiated();
    let single = negotiated.connection_keys != ConnectionKeys::Multi;
    let has_chains = negotiated.responder.flags.contains(CapabilityFlags::CERT_CAP);
    let mut known = None;
    let mut requester = requester;
    if single && has_chains && !args.any_key {
        let flow = requester.get_digests();
        let (next, ()) = blocking::run(flow, line, &clock).map_err(|failure| failure.error)?;
        requester = next;
        if requester.connection().provisioned_slots().any(|slot| slot == args.slot) {
            let mut buffer = vec![0; LEN];
            let flow = requester.fetch_chain(args.slot, &mut buffer);
            let (next, chain) =
                blocking::run(flow, line, &clock).map_err(|failure| failure.error)?;
            known = requested_key(&chain);
            requester = next;
        }
    }
    let mut plan = CsrPlan::NEW;
    plan.requester_info = info;
    plan.key_pair_id = args.pair.id();
    plan.model = args.pair.model();
    plan.tracking_tag = args.tag.unwrap_or_default();
    plan.pending = if args.overwrite { PendingCsr::Overwrite } else { PendingCsr::Keep };
    plan.key_info = known.as_deref();
    if args.any_extensions {
        plan.odd_extensions = Tolerance::Accept;
    }
    let asked = converse(peer, requester, &mut inquiry, |requester, place, line| {
        let mut buffer = vec![0; LEN];
        let flow = place.enter(requester).get_csr(plan, &mut buffer);
        let (requester, outcome) = blocking::run(flow, line, &clock)?;
        let asked = AskedDevice {
            target: args.device.target.to_string(),
            version: negotiated.version.as_str(),
            session: place.session_id(),
        };
        let notes = args.any_extensions.then(|| UNREAD_EXTENSIONS.to_owned());
        let notes = notes.into_iter().collect();
        let described = described(asked, &outcome, known.is_some());
        Ok((requester, FetchedCsr { notes, ..described }))
    });
    asked.map(|(_, fetched)| fetched)
}

/// Whose key the device asks a certificate for: the leaf's, and in the alias model that of who has issued the leaf.
fn requested_key(chain: &Chain<'_>) -> Option<Vec<u8>> {
    let from_end = match chain.context().model {
        CertModel::AliasCert => 2,
        _ => 1,
    };
    let place = usize::from(chain.certificate_count()).checked_sub(from_end)?;
    chain.certificates().nth(place).map(|certificate| certificate.key_info().to_vec())
}

fn described(asked: AskedDevice, outcome: &CsrOutcome<'_>, key_is_known: bool) -> FetchedCsr {
    let nothing = FetchedCsr {
        schema: FormVersion,
        asked,
        reset_required: true,
        tracking_tag: None,
        csr: None,
        subject: None,
        key: None,
        key_info: None,
        dmtf_name: None,
        key_is_known: None,
        notes: Vec::new(),
    };
    match outcome {
        CsrOutcome::ResetRequired { tracking_tag } => {
            FetchedCsr { tracking_tag: *tracking_tag, ..nothing }
        }
        CsrOutcome::Csr(request) => FetchedCsr {
            reset_required: false,
            csr: pem::certification_request(request.der()),
            subject: Some(request.subject().to_string()),
            key: Some(request.key_algorithm().to_string()),
            key_info: Some(hex::encode(request.key_info())),
            dmtf_name: name_of(request),
            key_is_known: key_is_known.then_some(true),
            ..nothing
        },
    }
}

fn name_of(request: &SigningRequest<'_>) -> Option<String> {
    request.dmtf_name().map(|name| name.to_string())
}

fn show(args: &CsrArgs, fetched: &FetchedCsr, console: &mut Console) -> Result<Exit, Failure> {
    if console.json() {
        console.object(fetched)?;
    }
    let target = &fetched.asked.target;
    for note in &fetched.notes {
        console.note(&format!("note: {note}"));
    }
    let Some(csr) = &fetched.csr else {
        let next = match fetched.tracking_tag {
            Some(tag) => format!("reset the device, then fetch it with --tag {tag}"),
            None => "reset the device, then ask for the same again".to_owned(),
        };
        let message = format!("{target}: the device makes the request in its next reset");
        return Err(Failure::new(Exit::Rejected, message).with_hint(Some(&next)));
    };
    if console.json() {
        return Ok(Exit::Done);
    }
    match &args.out {
        Some(path) if path != Path::new("-") => {
            let subject = fetched.subject.as_deref().unwrap_or_default();
            let key = fetched.key.as_deref().unwrap_or_default();
            let whose = match fetched.key_is_known {
                Some(_) => format!("the key of slot {}'s certificate", args.slot),
                None => "nothing was known of the key".to_owned(),
            };
            let name = fetched.dmtf_name.as_deref().map(|name| format!("{name}\n"));
            let name = name.unwrap_or_default();
            console.report(&format!(
                "CSR  {target}: signed with the key that it is for, {key}; {whose}\n{subject}\n{name}"
            ))?;
        }
        Some(_) => {}
        None => console.payload(csr)?,
    }
    Ok(Exit::Done)
}
