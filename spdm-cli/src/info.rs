//! `spdm info`: what a negotiation tells.

use spdm_codec::{CapabilityFlags, SlotId};
use spdm_evidence::Report;
use spdm_requester::{Connection, Negotiated, blocking};

use crate::args::InfoArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::inquiry::inquire;
use crate::live::LiveDevice;
use crate::render::{self, Info, Slot};

/// Negotiates, and asks for digests where the device has certificates.
pub(crate) fn run(args: &InfoArgs, crypto: Crypto, console: &mut Console) -> Result<Exit, Failure> {
    let mut device = LiveDevice::new(&args.device, crypto, console)?;
    device.settle()?;
    let result = inquire(&mut device, |inquiry, requester| {
        let negotiated = *requester.negotiated();
        let requester = if negotiated.responder.flags.contains(CapabilityFlags::CERT_CAP) {
            let result = blocking::run(requester.get_digests(), inquiry.line, &inquiry.clock);
            result.map_err(|failure| failure.error)?.0
        } else {
            requester
        };
        let report = inquiry.report.clone().build();
        Ok(describe(&report, requester.connection(), &negotiated))
    });
    device.finish()?;
    match result {
        Ok(info) if console.json() => console.object(&info)?,
        Ok(info) => {
            let text = render::info(&info, console.style());
            console.report(&text)?;
        }
        Err(verdict) => return render::not_done(&verdict, console),
    }
    Ok(Exit::Done)
}

fn describe(report: &Report, connection: &Connection, negotiated: &Negotiated) -> Info {
    let responder = &negotiated.responder;
    let unknown = responder.flags - CapabilityFlags::all();
    let names = responder.flags.iter_names().map(|(name, _)| name.to_owned());
    let unknown = (!unknown.is_empty()).then(|| format!("{:#x}", unknown.bits()));
    let slot = |slot: SlotId| {
        let digest = connection.slot_digest(slot)?;
        Some(Slot { slot: slot.get(), digest: hex::encode(digest.as_bytes()) })
    };
    Info {
        schema: Info::SCHEMA,
        target: report.target().to_owned(),
        version: negotiated.version.as_str(),
        versions: connection.versions().map(|version| version.as_str()).collect(),
        capabilities: names.chain(unknown).collect(),
        ct_exponent: responder.ct_exponent,
        data_transfer_size: responder.sizes.map(|sizes| sizes.data_transfer_size),
        max_spdm_msg_size: responder.sizes.map(|sizes| sizes.max_spdm_msg_size),
        algorithms: serde_json::to_value(report.algorithms()).unwrap_or_default(),
        slots: connection.provisioned_slots().filter_map(slot).collect(),
        error: None,
    }
}
