//! `spdm endpoint`: which classes of devices a device is of, signed unless told otherwise.

use serde::Serialize;
use spdm_codec::{DeviceClassIdentifiers, SlotId};
#[cfg(test)]
use spdm_evidence::schema;
use spdm_evidence::{AttestationCheck, CheckStatus};
use spdm_requester::{Error, Negotiated, Requester, RunError, blocking};
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainContext, Identity, Policy};

use crate::args::{EndpointArgs, SlotChoice};
use crate::backend::Crypto;
use crate::chain::{builder, judge};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::line::LineError;
use crate::live::LiveDevice;
use crate::render::{self, Style, Table};
use crate::trust::Trust;
use crate::verdict::Verdict;

/// The version of the object's form.
const SCHEMA: u32 = 1;
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
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    schema: u32,
    /// The device, as the command line names it.
    target: String,
    /// The version that was negotiated.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    version: &'static str,
    /// Who signed; null with --unsigned, where nothing is authentic.
    signature: Option<ShownSignature>,
    /// The device classes.
    classes: Vec<DeviceClass>,
}

/// A signature that is right.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
struct ShownSignature {
    /// The slot whose key signed.
    #[cfg_attr(test, schemars(range(max = 7)))]
    slot: u8,
    /// Our nonce in what was signed.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    nonce: String,
    /// Whether the chain of that key is trusted.
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
    classes: Vec<DeviceClass>,
    signer: Option<SigningChain>,
}

/// A chain whose key signed.
struct SigningChain {
    context: ChainContext,
    bytes: Vec<u8>,
    nonce: String,
}

/// Asks, and judges the chain of the key that signed.
pub(crate) fn run(
    args: &EndpointArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    if args.unsigned && args.trust.names_anchors() {
        return Err(Failure::usage("nobody is verified with --unsigned: leave out --trust"));
    }
    console.share_output(&[args.device.pcap.as_deref()])?;
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    device.settle()?;
    let anyone = trust.is_empty();
    trust.or_own(device.anchors());
    let inquired =
        inquire(&mut device, WithoutAgreement::GiveUp, |inquiry, requester| match args.unsigned {
            true => unsigned(inquiry, requester),
            false => signed(inquiry, requester, args.slot),
        });
    let target = device.name();
    device.finish()?;
    let Fetched { version, classes, signer } = match inquired.result {
        Ok(fetched) => fetched,
        Err(verdict) => return render::not_done(&verdict, console),
    };
    let (anchors, revocations) = (trust.anchors(), trust.revocations());
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let judged = signer.map(|signer| signer.judge(&target, &policy, crypto)).transpose()?;
    let (signature, verdict) = judged.unzip();
    let shown = ShownEndpoint { schema: SCHEMA, target, version, signature, classes };
    if console.json() {
        console.object(&shown)?;
    } else {
        console.report(&text(&shown, console.style()))?;
    }
    Ok(verdict.map_or(Exit::Done, |verdict| exit(&verdict, anyone)))
}

fn unsigned(
    inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
) -> Result<Fetched, RunError<LineError>> {
    let version = requester.negotiated().version.as_str();
    let mut buffer = vec![0; INFO_LEN];
    let flow = requester.fetch_endpoint_info_unsigned(&mut buffer);
    let (_, info) =
        blocking::run(flow, inquiry.line, &inquiry.clock).map_err(|failure| failure.error)?;
    Ok(Fetched { version, classes: DeviceClass::all(&info.identifiers), signer: None })
}

fn signed(
    inquiry: Inquiry<'_, '_>,
    requester: Requester<'_, Negotiated>,
    choice: SlotChoice,
) -> Result<Fetched, RunError<LineError>> {
    let Inquiry { line, clock, .. } = inquiry;
    let version = requester.negotiated().version.as_str();
    let (mut chain, mut buffer) = (vec![0; CHAIN_LEN], vec![0; INFO_LEN]);
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
    let nonce = requester.nonce().map_err(RunError::Requester)?;
    let identity = Identity::Chain(chain);
    let flow = requester.fetch_endpoint_info_signed(identity, nonce, &mut buffer);
    let (_, info) = blocking::run(flow, line, &clock).map_err(|failure| failure.error)?;
    let proof = info.proof.ok_or(RunError::Requester(Error::IdentityMismatch))?;
    let signer = SigningChain {
        context: *chain.context(),
        bytes: chain.bytes().to_vec(),
        nonce: hex::encode(proof.nonce().0),
    };
    Ok(Fetched { version, classes: DeviceClass::all(&info.identifiers), signer: Some(signer) })
}

impl SigningChain {
    fn judge(
        self,
        target: &str,
        policy: &Policy<'_>,
        crypto: Crypto,
    ) -> Result<(ShownSignature, Verdict), Failure> {
        // It was parsed once, while it was fetched.
        let raw = Untrusted::new(self.bytes.as_slice());
        let chain = Chain::parse(raw, self.context, crypto.provider).map_err(Failure::usage)?;
        let verdict = judge(builder(target, crypto.provider), &chain, policy);
        let trusted = verdict.verified();
        let error = verdict.error().filter(|_| !trusted).map(|(_, message)| message.to_owned());
        let slot = chain.slot().get();
        Ok((ShownSignature { slot, nonce: self.nonce, trusted, error }, verdict))
    }
}

/// Who asks whom to trust decides: without an anchor, what the device signed is what was asked for.
fn exit(verdict: &Verdict, anyone: bool) -> Exit {
    let failed = |check: &AttestationCheck| verdict.report.status(*check) == CheckStatus::Fail;
    let mut failed = AttestationCheck::ALL.iter().filter(|check| failed(check));
    match anyone && failed.all(|check| *check == AttestationCheck::ChainAnchor) {
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
            line("signature", format!("right, by the key of slot {}", signature.slot));
            let chain = match &signature.error {
                _ if signature.trusted => "trusted".to_owned(),
                Some(error) => format!("not trusted: {error}"),
                None => "not trusted".to_owned(),
            };
            line("chain", chain);
        }
    }
    format!("{}\n{}", style.strong(&shown.target), table.plain(style.whole_in_pipes()))
}
