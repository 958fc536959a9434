//! `spdm certs`: the chains of a device.

use std::fs;
use std::path::Path;

use serde::Serialize;
#[cfg(test)]
use spdm_evidence::{AttestationCheck, schema};
use spdm_evidence::{CheckResult, IdentitySummary};
use spdm_requester::blocking;
use spdm_untrusted::Untrusted;
use spdm_x509::{Chain, ChainContext};

use crate::args::{CertsArgs, SlotChoice};
use crate::backend::Crypto;
use crate::chain::{builder, judge};
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::inquiry::{Inquiry, WithoutAgreement, inquire};
use crate::live::{LiveDevice, Telling};
use crate::object_head::FormVersion;
use crate::trust::Trust;
use crate::verdict::Verdict;
use crate::{file, pem, render};

/// The longest chain that is taken, in bytes.
const CHAIN_LEN: usize = 0x1_0000;
/// Slots of a device.
const SLOTS: usize = 8;

/// The chain of one slot, as it came.
#[derive(Debug)]
struct Fetched {
    context: ChainContext,
    bytes: Vec<u8>,
}

/// What is said of a chain: `docs/schema/certs.json`.
#[derive(Debug, Serialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        deny_unknown_fields,
        title = "The certificate chain of one slot",
        description = "What spdm certs --json prints, one object per line. Where no chain could be fetched, there is a \
                       report instead (report.json), or an error (error.json) where the device cannot be reached."
    )
)]
pub(crate) struct ShownChain<'v> {
    schema: FormVersion<1>,
    /// The device, as the command line names it.
    target: &'v str,
    #[cfg_attr(test, schemars(range(max = 7)))]
    slot: u8,
    /// The digest of the chain, by the negotiated hash.
    #[cfg_attr(test, schemars(regex(pattern = schema::HEX)))]
    digest: String,
    /// Whether the chain is trusted; who has its key was not asked.
    trusted: bool,
    /// Who the leaf certificate says that the device is.
    identity: &'v IdentitySummary,
    /// Every check, in order of evaluation; those that need more than the chain are skipped.
    #[cfg_attr(
        test,
        schemars(length(min = AttestationCheck::ALL.len(), max = AttestationCheck::ALL.len()))
    )]
    checks: &'v [CheckResult],
    /// PEM, from the root's side to the leaf.
    certificates: Vec<String>,
}

/// Fetches the chains, prints or writes them.
pub(crate) fn run(
    args: &CertsArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    console.share_output(&[args.device.pcap.as_deref(), args.out.as_deref()])?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    let mut trust = Trust::load(&args.trust, device.pci_identity(), console)?;
    // Which files there will be, the device's slots decide.
    let is_standard = file::is_standard(args.out.as_deref());
    let folder = args.out.as_deref().filter(|_| !is_standard);
    if folder.is_none() {
        device.settle()?;
    }
    trust.or_own(device.anchors());
    let fetched = fetch(&mut device, args.slot);
    let target = device.name();
    device.finish()?;
    let fetched = match fetched {
        Ok(fetched) => fetched,
        Err(verdict) => return render::not_done(&verdict, console),
    };
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(|error| file::of(folder, &error))?;
    }
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    for fetched in &fetched {
        let raw = Untrusted::new(fetched.bytes.as_slice());
        // It was parsed once, while it was fetched.
        let chain = Chain::parse(raw, fetched.context, crypto.provider).map_err(Failure::usage)?;
        let verdict = judge(builder(&target, crypto.provider), &chain, &policy);
        let slot = chain.slot();
        let certificates: Vec<String> =
            chain.certificate_ders().filter_map(pem::certificate).collect();
        if is_standard {
            file::write(Path::new("-"), certificates.concat().as_bytes())?;
        }
        if let Some(folder) = folder {
            file::write(&folder.join(format!("slot{slot}.pem")), certificates.concat().as_bytes())?;
            file::write(&folder.join(format!("slot{slot}.bin")), &fetched.bytes)?;
        }
        if console.json() {
            console.object(&ShownChain {
                schema: FormVersion,
                target: &target,
                slot: slot.get(),
                digest: hex::encode(chain.digest().as_bytes()),
                trusted: verdict.verified(),
                identity: verdict.report.identity(),
                checks: verdict.report.checks(),
                certificates,
            })?;
            continue;
        }
        let mut text = render::chain(&chain, &verdict, console.style());
        if args.out.is_none() {
            text.push_str(&certificates.concat());
        }
        console.report(&text)?;
    }
    Ok(Exit::Done)
}

fn fetch(device: &mut LiveDevice<'_>, choice: SlotChoice) -> Result<Vec<Fetched>, Box<Verdict>> {
    let fetched =
        |chain: &Chain<'_>| Fetched { context: *chain.context(), bytes: chain.bytes().to_vec() };
    let inquired = inquire(device, WithoutAgreement::GiveUp, |inquiry, requester| {
        let Inquiry { line, clock, .. } = inquiry;
        let mut buffer = vec![0; SLOTS * CHAIN_LEN];
        match choice {
            SlotChoice::Slot(slot) => {
                let flow = requester.fetch_chain(slot, &mut buffer);
                let (_, chain) =
                    blocking::run(flow, line, &clock).map_err(|failure| failure.error)?;
                Ok(vec![fetched(&chain)])
            }
            SlotChoice::Any => {
                let flow = requester.fetch_every_chain(&mut buffer);
                let (_, chains) =
                    blocking::run(flow, line, &clock).map_err(|failure| failure.error)?;
                Ok(chains.iter().map(fetched).collect())
            }
        }
    });
    inquired.result
}
