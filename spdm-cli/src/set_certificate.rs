//! `spdm set-cert`: a chain for a slot of a device.

use std::path::Path;

use serde::Serialize;
use spdm_codec::{CertificateModel, ConnectionKeys};
use spdm_evidence::ChainContent;
#[cfg(test)]
use spdm_evidence::schema;
use spdm_requester::{
    Effect, Error, Incompatible, Negotiated, Recovered, Requester, RunError, blocking,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, Chain, ChainContext, InstallableChain, Policy, X509Certificate};

use crate::args::SetCertArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::device_change::DeviceChange;
use crate::exit::{Exit, Failure};
use crate::file_kind::Reader;
use crate::host::Host;
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::line::LineError;
use crate::live::{LiveDevice, Telling};
use crate::object_head::{AskedDevice, FormVersion};
use crate::render::Table;
use crate::trust::{self, Trust};
use crate::trusted_session::{TrustedPeer, converse};
use crate::{file, render};

/// The longest chain that is sent, in bytes.
const LEN: usize = 0x1_0000;
/// Bytes of SET_CERTIFICATE beside the chain.
const FIELDS: usize = 4;

/// What `spdm set-cert --json` prints: `docs/schema/set-cert.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "What became of a slot",
        description = "What spdm set-cert --json prints where the device did it; otherwise a report, or an error."
    )
)]
pub(crate) struct SlotChange {
    schema: FormVersion<1>,
    #[serde(flatten)]
    asked: AskedDevice,
    #[cfg_attr(test, schemars(range(max = 7)))]
    slot: u8,
    /// Whether the chain was removed.
    erased: bool,
    /// When it takes effect.
    effect: EffectWord,
    /// The digest of the chain that was sent, by the negotiated hash.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    digest: Option<String>,
    /// Whether the device was asked again and shows it; null where it was not asked, because a reset is due.
    shown: Option<bool>,
    /// What a reader should know besides.
    notes: Vec<String>,
}

/// When something takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum EffectWord {
    /// It has.
    Now,
    /// With the next reset of the device.
    AfterReset,
}

impl From<Effect> for EffectWord {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Now => Self::Now,
            Effect::AfterReset => Self::AfterReset,
        }
    }
}

/// Installs or erases.
pub(crate) fn run(
    args: &SetCertArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let mut trust = Trust::load(&args.trust, None, console)?;
    let content = match &args.file {
        Some(path) => Some(read(path, console)?),
        None => None,
    };
    if !args.yes {
        let files = args.session.files(&args.trust);
        return Err(files.withheld(&intention(args, &content), crypto, console));
    }
    args.session.check_keys_unused()?;
    let secrets_out = args.session.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&args.session.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    device.sends(FIELDS + LEN);
    if args.session.session {
        trust.or_own(device.anchors());
    }
    let peer = args.session.choice().map(|choice| TrustedPeer::read(&choice, &trust, &mut device));
    let peer = peer.transpose()?;
    device.settle()?;
    let change = change(args, &content);
    let peer = peer.as_ref();
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |inquiry, requester| {
        let Some(content) = &content else {
            return erase(args, &change, peer, inquiry, requester);
        };
        install(args, content, &change, &trust, peer, inquiry, requester, crypto)
    });
    device.finish()?;
    match inquired.result {
        Ok(done) => show(&done?, console),
        Err(verdict) => render::not_done(&change.told(verdict), console),
    }
}

/// What a person gave.
pub(crate) struct Given<'p> {
    path: &'p Path,
    content: ChainContent,
}

/// Reads the file of a chain.
pub(crate) fn read<'p>(path: &'p Path, console: &Console) -> Result<Given<'p>, Failure> {
    let bytes = file::read_unpacked(path)?;
    let content = ChainContent::read(&bytes);
    let content = content.map_err(|error| Reader::Chain.refuses(path, &error))?;
    if let ChainContent::Certificates(list) = &content {
        trust::note_blocks(path, list, console);
    }
    Ok(Given { path, content })
}

/// What would be done.
fn intention(args: &SetCertArgs, content: &Option<Given<'_>>) -> String {
    let (target, slot) = (&args.device.target, args.slot);
    match content {
        None => format!("the chain of slot {slot} of {target} would be removed"),
        Some(given) => {
            let path = given.path.display();
            format!(
                "{path} would be put into slot {slot} of {target}, in place of a chain that is there"
            )
        }
    }
}

/// What is asked for.
fn change(args: &SetCertArgs, content: &Option<Given<'_>>) -> DeviceChange {
    let (target, slot) = (&args.device.target, args.slot);
    let (may, has) = match content {
        Some(_) => ("may have the new chain", "has the new chain, as the device has answered"),
        None => ("may have no chain any more", "has no chain any more, as the device has answered"),
    };
    let may = format!("SET_CERTIFICATE was sent and not answered: slot {slot} {may}");
    let look = format!("spdm certs {target} --slot {slot}");
    DeviceChange::new(may, format!("slot {slot} {has}"), look)
}

/// The chain structure for this connection.
fn structure(
    given: &Given<'_>,
    trust: &Trust,
    context: &ChainContext,
    crypto: Crypto,
) -> Result<Vec<u8>, Failure> {
    match &given.content {
        ChainContent::Structure(bytes) => Ok(bytes.clone()),
        ChainContent::Certificates(list) => {
            let anchors = trust.anchors();
            list.to_structure(&anchors, context.hash, crypto.provider).map_err(Failure::usage)
        }
        _ => Err(Failure::usage("a chain of unknown form")),
    }
}

#[expect(clippy::too_many_arguments, reason = "what is sent, to whom, and where")]
fn install(
    args: &SetCertArgs,
    given: &Given<'_>,
    change: &DeviceChange,
    trust: &Trust,
    peer: Option<&TrustedPeer<'_>>,
    mut inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
    crypto: Crypto,
) -> Result<Result<SlotChange, Failure>, RunError<LineError>> {
    let clock = inquiry.clock;
    let negotiated = *requester.negotiated();
    let context = match context(args, &negotiated) {
        Ok(context) => context,
        Err(error) => return Err(RunError::Requester(error.into())),
    };
    with_installable(given, trust, peer, context, crypto, |chain, installable| {
        let (requester, (effect, session)) =
            converse(peer, requester, &mut inquiry, |requester, place, line| {
                let flow = place.enter(requester).set_certificate(installable, args.pair.id());
                let (requester, effect) =
                    change.ask(line, |line| Ok(blocking::run(flow, line, &clock)?))?;
                Ok((requester, (effect, place.session_id())))
            })?;
        let shown = match effect {
            Effect::AfterReset => None,
            Effect::Now => {
                let mut buffer = vec![0; LEN];
                let flow = requester.fetch_chain(args.slot, &mut buffer);
                let (_, now) =
                    blocking::run(flow, inquiry.line, &clock).map_err(|failure| failure.error)?;
                // In the alias model the device adds its own certificate.
                let sent = chain.certificate_ders();
                let count = usize::from(chain.certificate_count());
                Some(now.certificate_ders().take(count).eq(sent))
            }
        };
        Ok(SlotChange {
            schema: FormVersion,
            asked: AskedDevice {
                target: args.device.target.to_string(),
                version: negotiated.version.as_str(),
                session,
            },
            slot: args.slot.get(),
            erased: false,
            effect: effect.into(),
            digest: Some(hex::encode(chain.digest().as_bytes())),
            shown,
            notes: notes(shown),
        })
    })
}

/// Reads what a person gave as a chain of this context, holds it to the rules of chains that are installed, and has it sent.
pub(crate) fn with_installable<T>(
    given: &Given<'_>,
    trust: &Trust,
    peer: Option<&TrustedPeer<'_>>,
    context: ChainContext,
    crypto: Crypto,
    send: impl FnOnce(&Chain<'_>, InstallableChain<'_>) -> Result<T, RunError<LineError>>,
) -> Result<Result<T, Failure>, RunError<LineError>> {
    let bytes = match structure(given, trust, &context, crypto) {
        Ok(bytes) => bytes,
        Err(failure) => return Ok(Err(failure)),
    };
    let refused = |error: &dyn core::fmt::Display| {
        Failure::new(Exit::Rejected, format!("{}: {error}", given.path.display()))
    };
    let chain = match Chain::parse(Untrusted::new(&bytes), context, crypto.provider) {
        Ok(chain) => chain,
        Err(error) => {
            let asym = context.asym.name();
            let hint = format!("with this device the chain is one for {asym}");
            return Ok(Err(refused(&error).with_hint(Some(&hint))));
        }
    };
    let own = own_root(&chain);
    let mut anchors = trust.anchors();
    if trust.is_empty() || peer.is_some() {
        if own.is_none()
            && let Some(first) = chain.certificates().next()
        {
            let why = format!("its issuer {} is not in the file", first.issuer());
            let which = match chain.certificate_count() {
                1 => "there is the leaf alone",
                _ => "the first certificate is no root",
            };
            let hint = match peer {
                None => {
                    "put the certificates of the issuers into the file, or name the root with --trust"
                }
                Some(_) => "put the certificates of the issuers into the file",
            };
            return Ok(Err(refused(&format_args!("{which}: {why}")).with_hint(Some(hint))));
        }
        anchors = own.as_deref().map(Anchor::Certificate).into_iter().collect();
    }
    let revocations = trust.revocations();
    let policy: Policy<'_> = match trust.policy(crypto.provider, &anchors, &revocations) {
        Ok(policy) => policy,
        Err(failure) => return Ok(Err(failure)),
    };
    let installable = match policy.validate_to_install(&chain) {
        Ok(installable) => installable,
        Err(error) => return Ok(Err(refused(&error))),
    };
    send(&chain, installable).map(Ok)
}

/// How the chain has to be read for this connection.
fn context(args: &SetCertArgs, negotiated: &Negotiated) -> Result<ChainContext, Incompatible> {
    let model = match negotiated.connection_keys {
        ConnectionKeys::Multi => args.pair.model(),
        _ => CertificateModel::None,
    };
    negotiated.chain_context(args.slot, model)
}

/// The root in the chain: nobody else is to be trusted where the options name nobody.
fn own_root(chain: &Chain<'_>) -> Option<Vec<u8>> {
    let first = chain.certificates().next().filter(X509Certificate::is_self_issued);
    first.map(|root| root.der().to_vec())
}

fn erase(
    args: &SetCertArgs,
    change: &DeviceChange,
    peer: Option<&TrustedPeer<'_>>,
    mut inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
) -> Result<Result<SlotChange, Failure>, RunError<LineError>> {
    let clock = inquiry.clock;
    let version = requester.negotiated().version.as_str();
    let (requester, filled) = match blocking::run(requester.get_digests(), inquiry.line, &clock) {
        Ok((requester, ())) => {
            let filled: Vec<_> = requester.connection().provisioned_slots().collect();
            (requester, Some(filled))
        }
        // A device that waits for a reset may refuse to tell.
        Err(spdm_requester::Failure {
            error: RunError::Requester(Error::Refused(_) | Error::Incompatible(_)),
            requester: Recovered::Kept(requester),
            ..
        }) => (requester, None),
        Err(failure) => return Err(failure.error),
    };
    if filled.as_ref().is_some_and(|filled| !filled.contains(&args.slot)) {
        let (slot, target) = (args.slot, &args.device.target);
        let message = format!("{target}: slot {slot} has no chain: nothing was erased");
        let filled: Vec<String> = filled.iter().flatten().map(ToString::to_string).collect();
        let hint = format!("slots with a chain: {}", filled.join(", "));
        let hint = (!filled.is_empty()).then_some(hint.as_str());
        return Ok(Err(Failure::new(Exit::Rejected, message).with_hint(hint)));
    }
    let (requester, (effect, session)) =
        converse(peer, requester, &mut inquiry, |requester, place, line| {
            let flow = place.enter(requester).erase_certificate(args.slot, args.pair.id());
            let (requester, effect) =
                change.ask(line, |line| Ok(blocking::run(flow, line, &clock)?))?;
            Ok((requester, (effect, place.session_id())))
        })?;
    let shown = match effect {
        Effect::AfterReset => None,
        Effect::Now => {
            let flow = requester.get_digests();
            let (requester, ()) =
                blocking::run(flow, inquiry.line, &clock).map_err(|failure| failure.error)?;
            let mut slots = requester.connection().provisioned_slots();
            Some(!slots.any(|slot| slot == args.slot))
        }
    };
    Ok(Ok(SlotChange {
        schema: FormVersion,
        asked: AskedDevice { target: args.device.target.to_string(), version, session },
        slot: args.slot.get(),
        erased: true,
        effect: effect.into(),
        digest: None,
        shown,
        notes: notes(shown),
    }))
}

/// What a device that does not show a change may still do.
fn notes(shown: Option<bool>) -> Vec<String> {
    let late = (shown == Some(false))
        .then(|| "some devices show it after a restart: spdm certs".to_owned());
    late.into_iter().collect()
}

fn show(change: &SlotChange, console: &mut Console) -> Result<Exit, Failure> {
    let (target, slot) = (&change.asked.target, change.slot);
    if console.json() {
        console.object(change)?;
    } else {
        let (word, done) = match change.erased {
            true => ("ERASED", "has no chain any more"),
            false => ("INSTALLED", "has the new chain"),
        };
        let when = match (change.effect, change.shown) {
            (EffectWord::AfterReset, _) => "after the next reset of the device",
            (EffectWord::Now, Some(true)) => "the device shows it",
            (EffectWord::Now, _) => "the device does not show it yet",
        };
        let mut table = Table::default();
        if let Some(digest) = &change.digest {
            table.row(["digest of the chain".to_owned(), digest.clone()]);
        }
        let digest = table.plain(console.style());
        console.report(&format!("{word}  {target}: slot {slot} {done}; {when}\n{digest}"))?;
    }
    for note in &change.notes {
        console.note(&format!("note: {note}"));
    }
    Ok(Exit::Done)
}
