//! `spdm endpoint`: which classes of devices a device is of, signed unless told otherwise.

use serde::Serialize;
use spdm_codec::{DeviceClassIdentifiers, SlotId};
use spdm_crypto::{AsymAlgorithm, HashAlgorithm};
#[cfg(test)]
use spdm_evidence::schema;
use spdm_evidence::{AttestationCheck, CheckStatus};
use spdm_requester::{Error, Negotiated, Requester, RunError, blocking};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainContext, Identity, Policy, ProvisionedKey};

use crate::args::{EndpointArgs, SlotChoice};
use crate::backend::Crypto;
use crate::chain::{builder, judge};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::line::LineError;
use crate::live::{LiveDevice, Telling};
use crate::object_head::{AskedDevice, FormVersion};
use crate::render::{self, Style, Table};
use crate::trust::{self, Trust};
use crate::trusted_session::{TrustedPeer, converse, provisioned_key, trusted_key};
use crate::verdict::Verdict;

/// The longest chain and the longest EPInfo that are taken, in bytes.
const CHAIN_LEN: usize = 0x1_0000;
const INFO_LEN: usize = 0x1_0000;

/// What `spdm endpoint --json` prints: `docs/schema/endpoint.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The endpoint info of a device",
        description = "What spdm endpoint --json prints. Where there is none, or its signature is wrong, there is a report \
                       instead (report.json), or an error (error.json) where the device cannot be reached."
    )
)]
pub(crate) struct ShownEndpoint {
    schema: FormVersion<1>,
    #[serde(flatten)]
    asked: AskedDevice,
    /// Who signed; null with --unsigned, where nothing is authentic.
    signature: Option<ShownSignature>,
    /// The device classes.
    classes: Vec<DeviceClass>,
}

/// A signature that is right.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownSignature {
    /// The slot whose key signed; null for the key of --peer-key.
    #[cfg_attr(test, schemars(range(max = 7)))]
    slot: Option<u8>,
    /// Our nonce in what was signed.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    nonce: String,
    /// Whether that key is trusted: its chain, or the file that names it.
    trusted: bool,
    /// Why it is not.
    error: Option<String>,
}

/// A device class identifier.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct DeviceClass {
    /// The standards body whose class it is: StandardID.
    standard_id: u16,
    /// Its name, where it is known.
    standard: Option<&'static str>,
    /// The vendor in the registry of that body.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    vendor_id: String,
    /// SubIdentifiers, in hexadecimal.
    sub_ids: Vec<String>,
}

impl DeviceClass {
    fn all(identifiers: &DeviceClassIdentifiers<'_>) -> Vec<Self> {
        let class = |identifier: spdm_codec::DeviceClassIdentifier<'_>| Self {
            standard_id: identifier.header.id.0,
            standard: identifier.header.id.name(),
            vendor_id: hex::encode(identifier.header.vendor_id),
            sub_ids: identifier.sub_ids().map(hex::encode).collect(),
        };
        identifiers.iter().map(class).collect()
    }
}

/// What came, and whose key signed it.
struct Fetched {
    version: &'static str,
    session: Option<String>,
    classes: Vec<DeviceClass>,
    signer: Option<Signer>,
}

/// Whose key signed.
struct Signer {
    identity: SigningIdentity,
    nonce: String,
}

/// What judges the key.
enum SigningIdentity {
    Chain {
        context: ChainContext,
        bytes: Vec<u8>,
    },
    /// `--peer-key`.
    Key {
        spki: Vec<u8>,
        asym: AsymAlgorithm,
        hash: HashAlgorithm,
    },
}

/// Asks, and judges the chain of the key that signed.
pub(crate) fn run(
    args: &EndpointArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    args.session.check_identity_unused()?;
    if args.unsigned && !args.session.session {
        let option = match args.session.peer_key {
            Some(_) => Some("--peer-key"),
            None => args.trust.names_anchors().then_some("--trust"),
        };
        if let Some(option) = option {
            let message = format!("nobody is verified with --unsigned: leave out {option}");
            return Err(Failure::usage(message));
        }
    }
    let secrets_out = args.session.secrets_out.as_deref();
    console.share_output(&[args.device.pcap.as_deref(), secrets_out])?;
    let host = Host::read(&args.session.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    let whom = if trust.is_empty() { Whom::Anyone } else { Whom::Trusted };
    trust.or_own(device.anchors());
    let peer_key = args.session.peer_key.as_deref();
    let key = peer_key.map(|path| trust::public_key(path, crypto.provider)).transpose()?;
    device.takes_peer_key(peer_key);
    let peer = args.session.choice().map(|choice| TrustedPeer::read(&choice, &trust, &mut device));
    let peer = peer.transpose()?;
    device.settle()?;
    let inquired = inquire(&mut device, WithoutAgreement::GiveUp, |inquiry, requester| {
        match (args.unsigned, &key) {
            (true, _) => unsigned(inquiry, requester, peer.as_ref()),
            (false, None) => signed_by_chain(inquiry, requester, args.slot, peer.as_ref()),
            (false, Some(spki)) => signed_by_key(inquiry, requester, spki, peer.as_ref(), crypto),
        }
    });
    let target = device.name();
    device.finish()?;
    let Fetched { version, session, classes, signer } = match inquired.result {
        Ok(fetched) => fetched,
        Err(verdict) => return render::not_done(&verdict, console),
    };
    let (anchors, revocations) = (trust.anchors(), trust.revocations());
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let judged = signer.map(|signer| signer.judge(&target, &policy, crypto, whom)).transpose()?;
    let (signature, exit) = judged.unzip();
    let asked = AskedDevice { target, version, session };
    let shown = ShownEndpoint { schema: FormVersion, asked, signature, classes };
    if console.json() {
        console.object(&shown)?;
    } else {
        console.report(&text(&shown, console.style()))?;
    }
    Ok(exit.unwrap_or_default())
}

fn unsigned(
    mut inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
    peer: Option<&TrustedPeer<'_>>,
) -> Result<Fetched, RunError<LineError>> {
    let clock = inquiry.clock;
    let version = requester.negotiated().version.as_str();
    let asked = converse(peer, requester, &mut inquiry, |requester, place, line| {
        let mut buffer = vec![0; INFO_LEN];
        let flow = place.enter(requester).fetch_endpoint_info_unsigned(&mut buffer);
        let (requester, info) = blocking::run(flow, line, &clock)?;
        let classes = DeviceClass::all(&info.identifiers);
        let session = place.session_id();
        Ok((requester, Fetched { version, session, classes, signer: None }))
    });
    asked.map(|(_, fetched)| fetched)
}

fn signed_by_chain(
    inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
    choice: SlotChoice,
    peer: Option<&TrustedPeer<'_>>,
) -> Result<Fetched, RunError<LineError>> {
    let (line, clock) = (&mut *inquiry.line, inquiry.clock);
    let mut chain = vec![0; CHAIN_LEN];
    let (requester, _) =
        blocking::run(requester.get_digests(), line, &clock).map_err(|failure| failure.error)?;
    let first = requester.connection().provisioned_slots().next();
    let slot = match choice {
        SlotChoice::Slot(slot) => slot,
        // Without any, that slot 0 is empty says it.
        SlotChoice::Any => first.unwrap_or(SlotId::ZERO),
    };
    let flow = requester.fetch_chain(slot, &mut chain);
    let (requester, chain) = blocking::run(flow, line, &clock).map_err(|failure| failure.error)?;
    let (context, bytes) = (*chain.context(), chain.bytes().to_vec());
    let identity = SigningIdentity::Chain { context, bytes };
    signed(inquiry, requester, Identity::Chain(chain), identity, peer)
}

fn signed_by_key(
    inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
    spki: &[u8],
    peer: Option<&TrustedPeer<'_>>,
    crypto: Crypto,
) -> Result<Fetched, RunError<LineError>> {
    let negotiated = requester.negotiated();
    let key = provisioned_key(spki, negotiated, crypto)?;
    let (asym, hash) =
        (negotiated.asym().map_err(Error::from)?, negotiated.hash().map_err(Error::from)?);
    let identity = SigningIdentity::Key { spki: spki.to_vec(), asym, hash };
    signed(inquiry, requester, Identity::Key(key), identity, peer)
}

/// Asks for the signature of `signer`, which `identity` judges afterwards.
fn signed(
    mut inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
    signer: Identity<'_>,
    identity: SigningIdentity,
    peer: Option<&TrustedPeer<'_>>,
) -> Result<Fetched, RunError<LineError>> {
    let clock = inquiry.clock;
    let version = requester.negotiated().version.as_str();
    let nonce = requester.nonce().map_err(RunError::Requester)?;
    let mut buffer = vec![0; INFO_LEN];
    let asked = converse(peer, requester, &mut inquiry, |requester, place, line| {
        let requester = place.enter(requester);
        let flow = requester.fetch_endpoint_info_signed(signer, nonce, &mut buffer);
        let (requester, info) = blocking::run(flow, line, &clock)?;
        Ok((requester, (place.session_id(), info)))
    });
    let (_, (session, info)) = asked?;
    let proof = info.proof.ok_or(RunError::Requester(Error::IdentityMismatch))?;
    let signer = Signer { identity, nonce: hex::encode(proof.nonce().0) };
    let classes = DeviceClass::all(&info.identifiers);
    Ok(Fetched { version, session, classes, signer: Some(signer) })
}

/// Whom the options want to have signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Whom {
    /// Somebody who is trusted.
    Trusted,
    /// They name nobody.
    Anyone,
}

impl Signer {
    fn judge(
        self,
        target: &str,
        policy: &Policy<'_>,
        crypto: Crypto,
        whom: Whom,
    ) -> Result<(ShownSignature, Exit), Failure> {
        let nonce = self.nonce;
        match self.identity {
            SigningIdentity::Chain { context, bytes } => {
                // It was parsed once, while it was fetched.
                let raw = Untrusted::new(bytes.as_slice());
                let chain = Chain::parse(raw, context, crypto.provider).map_err(Failure::usage)?;
                let verdict = judge(builder(target, crypto.provider), &chain, policy);
                let trusted = verdict.verified();
                let error =
                    verdict.error().filter(|_| !trusted).map(|(_, message)| message.to_owned());
                let slot = Some(chain.slot().get());
                Ok((ShownSignature { slot, nonce, trusted, error }, exit(&verdict, whom)))
            }
            SigningIdentity::Key { spki, asym, hash } => {
                let raw = Untrusted::new(spki.as_slice());
                let key = ProvisionedKey::parse(raw, asym, hash, crypto.provider);
                let judged = trusted_key(key.map_err(Failure::usage)?, policy);
                let exit = if judged.is_ok() { Exit::Done } else { Exit::Rejected };
                let (trusted, error) =
                    (judged.is_ok(), judged.err().map(|error| error.to_string()));
                Ok((ShownSignature { slot: None, nonce, trusted, error }, exit))
            }
        }
    }
}

/// Who asks whom to trust decides: without an anchor, what the device signed is what was asked for.
fn exit(verdict: &Verdict, whom: Whom) -> Exit {
    let failed = |check: &AttestationCheck| verdict.report.status(*check) == CheckStatus::Fail;
    let mut failed = AttestationCheck::ALL.iter().filter(|check| failed(check));
    match whom == Whom::Anyone && failed.all(|check| *check == AttestationCheck::ChainAnchor) {
        true => Exit::Done,
        false => verdict.exit,
    }
}

/// The endpoint info for people.
fn text(shown: &ShownEndpoint, style: Style) -> String {
    let mut table = Table::default();
    let mut line = |name: &str, value: String| table.row([name.to_owned(), value]);
    for class in &shown.classes {
        let body = class.standard.map_or_else(|| class.standard_id.to_string(), str::to_owned);
        let vendor = match class.vendor_id.as_str() {
            "" => String::new(),
            vendor => format!(", vendor {vendor}"),
        };
        line("class of", format!("{body}{vendor}"));
        for sub_id in &class.sub_ids {
            line("  identifier", sub_id.clone());
        }
    }
    if shown.classes.is_empty() {
        line("class", "none is named".to_owned());
    }
    match &shown.signature {
        None => line("signature", "none: nothing of this is authentic".to_owned()),
        Some(signature) => {
            let (whose, what) = match signature.slot {
                Some(slot) => (format!("the key of slot {slot}"), "chain"),
                None => ("the key of --peer-key".to_owned(), "key"),
            };
            line("signature", format!("right, by {whose}"));
            let chain = match &signature.error {
                _ if signature.trusted => "trusted".to_owned(),
                Some(error) => format!("not trusted: {error}"),
                None => "not trusted".to_owned(),
            };
            line(what, chain);
        }
    }
    format!("{}\n{}", style.strong(&shown.asked.target), table.plain(style.whole_in_pipes()))
}
