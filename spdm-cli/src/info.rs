//! `spdm info`: what a negotiation tells.

use core::fmt::LowerHex;

use bitflags::Flags;
use spdm_codec::{CapabilityFlags, SlotId, SpdmVersion};
use spdm_requester::blocking;

use crate::args::InfoArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{ErrorObject, Exit, Failure};
use crate::inquiry::{Inquired, WithoutAgreement, inquire};
use crate::live::{LiveDevice, Telling};
use crate::object_head::FormVersion;
use crate::overheard::Overheard;
use crate::render::{self, Info, Slot, SupportedAlgorithms};

/// Negotiates, and asks for digests where the device has certificates.
pub(crate) fn run(args: &InfoArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    console.share_output(&[args.device.pcap.as_deref()])?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.settle()?;
    let otherwise = WithoutAgreement::AskForAlgorithms;
    let Inquired { result, heard } = inquire(&mut device, otherwise, |inquiry, requester| {
        let negotiated = *requester.negotiated();
        let requester = if negotiated.responder.flags.contains(CapabilityFlags::CERT_CAP) {
            let result = blocking::run(requester.get_digests(), inquiry.line, &inquiry.clock);
            result.map_err(|failure| failure.error)?.0
        } else {
            requester
        };
        let report = inquiry.report.clone().build();
        let connection = requester.connection();
        let slot = |slot: SlotId| {
            let digest = connection.slot_digest(slot)?;
            Some(Slot { slot: slot.get(), digest: hex::encode(digest.as_bytes()) })
        };
        let algorithms = serde_json::to_value(report.algorithms()).unwrap_or_default();
        Ok(Agreed { algorithms, slots: connection.provisioned_slots().filter_map(slot).collect() })
    });
    let target = device.name();
    device.finish()?;
    let (agreed, verdict) = match result {
        Ok(agreed) => (Some(agreed), None),
        // The device said nothing at all.
        Err(verdict) if heard.versions.is_empty() => return render::not_done(&verdict, console),
        Err(verdict) => (None, Some(verdict)),
    };
    let error = verdict.as_deref().map(ErrorObject::of_verdict);
    let info = describe(target, &heard, agreed, error);
    if console.json() {
        console.object(&info)?;
    } else {
        let text = render::info(&info, console.style());
        console.report(&text)?;
    }
    let Some(verdict) = verdict else { return Ok(Exit::Done) };
    if console.json() {
        console.hint(verdict.hint());
        return Ok(verdict.exit);
    }
    // What there is to show is shown already: the hint at this verb leads nowhere.
    let message = verdict.error().map_or("nothing was agreed on", |(_, message)| message);
    Err(Failure::new(verdict.exit, format_args!("{}: {message}", info.target)))
}

/// What a complete negotiation brings.
struct Agreed {
    algorithms: serde_json::Value,
    slots: Vec<Slot>,
}

fn describe(
    target: String,
    heard: &Overheard,
    agreed: Option<Agreed>,
    error: Option<ErrorObject>,
) -> Info {
    let capability = heard.capabilities.map(|(_, capability)| capability);
    let sizes = capability.and_then(|capability| capability.sizes);
    let version = heard.capabilities.map(|(version, _)| version);
    let flags = capability.map(|capability| {
        let defined = version.map(CapabilityFlags::defined_for_responder).unwrap_or_default();
        names(capability.flags & defined)
    });
    let supported = heard.supported.map(|supported| SupportedAlgorithms {
        base_asym: names(supported.base_asym),
        base_hash: names(supported.base_hash),
        pqc_asym: names(supported.pqc_asym),
    });
    let (algorithms, slots) =
        agreed.map(|agreed| (agreed.algorithms, agreed.slots)).unwrap_or_default();
    Info {
        schema: FormVersion,
        target,
        version: version.map(SpdmVersion::as_str),
        versions: heard.versions.iter().map(|entry| render::version_entry(*entry)).collect(),
        capabilities: flags.unwrap_or_default(),
        ct_exponent: capability.map(|capability| capability.ct_exponent),
        data_transfer_size: sizes.map(|sizes| sizes.data_transfer_size),
        max_spdm_msg_size: sizes.map(|sizes| sizes.max_spdm_msg_size),
        algorithms,
        supported,
        slots,
        error,
    }
}

/// The flags by name; those without a name together, in hexadecimal.
fn names<F>(flags: F) -> Vec<String>
where
    F: Flags<Bits: LowerHex> + Copy,
{
    let named = flags.iter_names().map(|(name, _)| name.to_owned());
    let rest = flags.difference(F::all());
    named.chain((!rest.is_empty()).then(|| format!("{:#x}", rest.bits()))).collect()
}
