//! The functions that have mailboxes, for `spdm list`.

use std::time::Instant;

use spdm_codec::PciIdentity;
use spdm_transport::Duration;
use spdm_transport_doe::linux::{BoundDriver, PciError, PciFunction};
use spdm_transport_doe::{ConfigError, ExtendedCapability, ObjectType};

use super::super::listing::{FoundDevice, FoundPart, Listing};
use super::{DISCOVERY, names, objects};
use crate::args::ListArgs;
use crate::line::LineError;

/// The functions with mailboxes. A mailbox is asked for its objects only where no driver is bound, or that is allowed.
pub(in crate::device) fn list(args: &ListArgs) -> Listing {
    let mut listing = Listing::new("PCI functions with a mailbox (DOE)");
    let functions = PciFunction::all().unwrap_or_else(|error| {
        listing.notes.push(error.to_string());
        Vec::new()
    });
    let mut hidden = 0;
    for function in &functions {
        match describe(function, args) {
            Ok(found) => listing.found.extend(found),
            Err(ConfigError::Access { error: PciError::Restricted, .. }) => hidden += 1,
            Err(ConfigError::Gone) => {}
            Err(error) => listing.notes.push(format!("{}: {error}", function.address())),
        }
    }
    if hidden > 0 {
        listing
            .notes
            .push(format!("{hidden} functions could not be looked at: {}", PciError::Restricted));
    }
    listing
}

fn describe(
    function: &PciFunction,
    args: &ListArgs,
) -> Result<Option<FoundDevice>, ConfigError<PciError>> {
    let opened = function.look().map_err(|error| ConfigError::Access { offset: 0, error })?;
    let mailboxes = opened.mailboxes()?;
    if mailboxes.is_empty() {
        return Ok(None);
    }
    let PciIdentity { vendor, device, class_code, .. } = opened.identity()?;
    let driver = function.driver();
    let bound =
        driver.as_ref().map_or_else(|| "no driver".to_owned(), |name| format!("driver {name}"));
    let mut found = FoundDevice {
        kind: "pci",
        target: format!("pci:{}", function.address()),
        name: format!("{vendor:04x}:{device:04x} {}, {bound}", class(class_code)),
        parts: Vec::new(),
    };
    let deadline = Instant::now() + DISCOVERY;
    let mut part = |name: String, detail: String| found.parts.push(FoundPart { name, detail });
    for mailbox in mailboxes {
        let name = format!("DOE at {:#x}", mailbox.offset);
        let detail = match &driver {
            Some(driver) if !args.allow_bound => {
                format!("not asked: {driver} is bound (--allow-bound asks all the same)")
            }
            _ => match ask(function, mailbox, deadline) {
                Ok(objects) => names(&objects),
                Err(error) => error.to_string(),
            },
        };
        part(name, detail);
    }
    if let Some(features) = function.doe_features() {
        part("the kernel found".to_owned(), names(&features));
    }
    Ok(Some(found))
}

fn ask(
    function: &PciFunction,
    mailbox: ExtendedCapability,
    deadline: Instant,
) -> Result<Vec<ObjectType>, LineError> {
    let config = function.open(BoundDriver::Allowed).map_err(LineError::transport)?;
    config.lock(Duration::ZERO).map_err(LineError::transport)?;
    objects(&config, mailbox, deadline)
}

/// What the class code says, in words (PCI Code and ID Assignment).
const fn class(code: u32) -> &'static str {
    match (code >> 16, code >> 8 & 0xFF) {
        (0x01, 0x08) => "NVMe controller",
        (0x01, _) => "storage controller",
        (0x02, _) => "network controller",
        (0x03, _) => "display controller",
        (0x04, _) => "multimedia device",
        (0x05, 0x02) => "CXL memory device",
        (0x05, _) => "memory controller",
        (0x06, 0x04) => "PCI bridge",
        (0x06, _) => "bridge",
        (0x07, _) => "communication controller",
        (0x08, _) => "system peripheral",
        (0x0C, _) => "serial bus controller",
        (0x0D, _) => "wireless controller",
        (0x10, _) => "encryption controller",
        (0x11, _) => "signal processor",
        (0x12, _) => "processing accelerator",
        _ => "device",
    }
}
