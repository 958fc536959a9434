//! The endpoints behind the links that carry MCTP, for `spdm list`.

use std::time::Instant;

use spdm_transport::Duration;
use spdm_transport_mctp::{
    InquiryError, LinkEndpoint, LinuxEndpoint, LinuxLink, MessageTypes, message_types,
};

use super::super::listing::{FoundDevice, FoundPart, Listing};

/// How long the endpoints that are asked together may take. DSP0237 gives one 100 ms on a bus.
const PATIENCE: Duration = Duration::from_millis(500);
/// For how long endpoints are asked at all, however many there are.
const INQUIRY: Duration = Duration::from_secs(4);
/// How many are asked together: each takes a socket.
const TOGETHER: usize = 32;

/// What asking an endpoint came to; `None` where the time was over before.
type Answer = Option<Result<MessageTypes, InquiryError>>;

/// The endpoints that the kernel knows, each asked which message types it takes.
pub(in crate::device) fn list() -> Listing {
    let deadline = Instant::now() + INQUIRY;
    match LinuxLink::all() {
        Ok(links) => describe(&links, |endpoints| ask(endpoints, deadline)),
        Err(error) => {
            let mut listing = Listing::new(TITLE);
            listing.notes.push(error.to_string());
            listing
        }
    }
}

/// Endpoints that are there by the kernel's tables are asked before those that may be.
fn ask(endpoints: &[LinuxEndpoint], deadline: Instant) -> Vec<Answer> {
    let mut answers = Vec::new();
    for some in endpoints.chunks(TOGETHER) {
        let left = deadline.saturating_duration_since(Instant::now()).min(PATIENCE);
        if left.is_zero() {
            break;
        }
        answers.extend(message_types(some, left).into_iter().map(Some));
    }
    answers.resize_with(endpoints.len(), || None);
    answers
}

pub(in crate::device) const TITLE: &str = "MCTP endpoints";

/// An endpoint that can be asked, where it is, and what the kernel knows of it.
struct Candidate<'l> {
    target: LinuxEndpoint,
    link: &'l LinuxLink,
    known: &'l LinkEndpoint,
}

fn describe(links: &[LinuxLink], ask: impl FnOnce(&[LinuxEndpoint]) -> Vec<Answer>) -> Listing {
    let mut listing = Listing::new(TITLE);
    if links.is_empty() {
        listing.notes.push("no link of this machine carries MCTP".to_owned());
    }
    let mut candidates = Vec::new();
    for link in links {
        listing.notes.push(link_note(link));
        for (eid, known) in &link.endpoints {
            match LinuxEndpoint::new(*eid, Some(link.network)) {
                Ok(target) => candidates.push(Candidate { target, link, known }),
                Err(error) => listing.notes.push(format!("{}: {error}", link.name)),
            }
        }
    }
    candidates.sort_by_key(|candidate| candidate.known.in_range);
    let targets: Vec<LinuxEndpoint> = candidates.iter().map(|found| found.target).collect();
    let (mut absent, mut unasked) = (0, 0);
    for (candidate, answer) in candidates.iter().zip(ask(&targets)) {
        match &answer {
            // That a range has nobody at most of its IDs is as it should be.
            Some(Err(_)) if candidate.known.in_range => absent += 1,
            None if candidate.known.in_range => unasked += 1,
            _ => listing.found.push(found(candidate, &answer)),
        }
    }
    if absent > 0 {
        listing
            .notes
            .push(format!("endpoint IDs of a bridge's range where nobody answered: {absent}"));
    }
    if unasked > 0 {
        listing.notes.push(format!(
            "endpoint IDs of a bridge's range that were not asked, for lack of time: {unasked}"
        ));
    }
    listing
}

/// Whose the link is, and whether there is anything behind it.
fn link_note(link: &LinuxLink) -> String {
    let kind = link.binding.map(|binding| format!("{binding}, ")).unwrap_or_default();
    let own: Vec<String> = link.own.iter().map(ToString::to_string).collect();
    let own = if own.is_empty() {
        "this machine has no endpoint ID on it".to_owned()
    } else {
        format!("this machine is {}", own.join(", "))
    };
    // Nothing is ever behind the loopback.
    let none = if link.endpoints.is_empty() && link.name != "lo" {
        "; no endpoint is known behind it: mctpd finds them, `mctp route` adds one"
    } else {
        ""
    };
    format!("{} ({kind}network {}): {own}{none}", link.name, link.network)
}

fn found(candidate: &Candidate<'_>, answer: &Answer) -> FoundDevice {
    let Candidate { target, link, known } = candidate;
    let mut name = format!("endpoint {} behind {}", target.eid(), link.name);
    if let Some(binding) = link.binding {
        name.push_str(&format!(", {binding}"));
    }
    if let Some(address) = known.address.as_ref().filter(|address| !address.is_empty()) {
        name.push_str(&format!(", address {}", hex::encode(address)));
    }
    if let Some(gateway) = known.gateway {
        name.push_str(&format!(", through the bridge {gateway}"));
    }
    let detail = match answer {
        Some(Ok(types)) => type_names(types),
        Some(Err(error)) => format!("not known: {error}"),
        None => format!("not asked: {} s were used up by others", INQUIRY.as_secs()),
    };
    let parts = vec![FoundPart { name: "message types".to_owned(), detail }];
    FoundDevice { kind: "mctp", target: format!("mctp:{target}"), name, parts }
}

/// The types with their names (DSP0239), and whether SPDM is among them.
fn type_names(types: &MessageTypes) -> String {
    let mut names: Vec<String> = types.iter().map(type_name).collect();
    if !types.contains(MessageTypes::SPDM) {
        names.push("no SPDM (0x05)".to_owned());
    }
    names.join(", ")
}

fn type_name(number: u8) -> String {
    let name = match number {
        0x00 => " control",
        0x01 => " PLDM",
        0x02 => " NC-SI",
        0x03 => " Ethernet",
        0x04 => " NVMe-MI",
        MessageTypes::SPDM => " SPDM",
        MessageTypes::SECURED => " secured SPDM",
        0x07 => " CXL FM API",
        0x08 => " CXL CCI",
        0x7E => " vendor (PCI)",
        0x7F => " vendor (IANA)",
        _ => "",
    };
    format!("{number:#04x}{name}")
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::time::Instant;

    use spdm_transport_mctp::{
        InquiryError, LinkEndpoint, LinuxLink, MessageTypes, MessageTypesError, PhysicalBinding,
    };

    use super::{Answer, ask, describe};

    fn link(name: &str, network: u32, binding: u8) -> LinuxLink {
        let mut link = LinuxLink::default();
        link.name = name.to_owned();
        link.network = network;
        link.binding = (binding != 0).then_some(PhysicalBinding(binding));
        link
    }

    fn types(numbers: &[u8]) -> Answer {
        Some(Ok(numbers.iter().copied().collect::<MessageTypes>()))
    }

    #[test]
    fn endpoints_and_what_they_speak() {
        let mut i2c = link("mctpi2c1", 1, 1);
        i2c.own.insert(8);
        for (eid, address, in_range) in
            [(9, Some(0x1D), false), (10, None, false), (20, None, true), (21, None, true)]
        {
            let mut endpoint = LinkEndpoint::default();
            endpoint.address = address.map(|address| vec![address]);
            endpoint.in_range = in_range;
            endpoint.gateway = in_range.then_some(9);
            i2c.endpoints.insert(eid, endpoint);
        }
        // No endpoint can have this ID.
        i2c.endpoints.insert(255, LinkEndpoint::default());
        let mut i3c = link("mctpi3c0", 2, 6);
        for eid in [9, 11, 12] {
            i3c.endpoints.insert(eid, LinkEndpoint::default());
        }
        let links = [i2c, i3c, link("mctpusb0", 3, 3), link("lo", 1, 0)];
        let listing = describe(&links, |targets| {
            let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
            // Those of a range come last.
            assert_eq!(targets, ["1,9", "1,10", "2,9", "2,11", "2,12", "1,20", "1,21"]);
            vec![
                types(&[0, 1, 5, 6]),
                Some(Err(InquiryError::Silent)),
                types(&[0, 0x7E, 0x42]),
                Some(Err(InquiryError::Answer(MessageTypesError::Refused { code: 5 }))),
                None,
                Some(Err(InquiryError::Silent)),
                types(&[5]),
            ]
        });
        let found: Vec<_> = listing
            .found
            .iter()
            .map(|found| {
                let details: Vec<_> = found.parts.iter().map(|it| it.detail.as_str()).collect();
                (found.target.as_str(), found.name.as_str(), details.join("/"))
            })
            .collect();
        for (got, expected) in found.iter().zip([
            (
                "mctp:1,9",
                "endpoint 9 behind mctpi2c1, SMBus/I2C, address 1d",
                "0x00 control, 0x01 PLDM, 0x05 SPDM, 0x06 secured SPDM",
            ),
            (
                "mctp:1,10",
                "endpoint 10 behind mctpi2c1, SMBus/I2C",
                "not known: no answer to Get Message Type Support",
            ),
            (
                "mctp:2,9",
                "endpoint 9 behind mctpi3c0, I3C",
                "0x00 control, 0x42, 0x7e vendor (PCI), no SPDM (0x05)",
            ),
            (
                "mctp:2,11",
                "endpoint 11 behind mctpi3c0, I3C",
                "not known: Get Message Type Support was refused with completion code 0x05",
            ),
            (
                "mctp:2,12",
                "endpoint 12 behind mctpi3c0, I3C",
                "not asked: 4 s were used up by others",
            ),
            (
                "mctp:1,21",
                "endpoint 21 behind mctpi2c1, SMBus/I2C, through the bridge 9",
                "0x05 SPDM",
            ),
        ]) {
            assert_eq!((got.0, got.1, got.2.as_str()), expected);
        }
        assert_eq!(found.len(), 6);
        let notes = [
            "mctpi2c1 (SMBus/I2C, network 1): this machine is 8",
            "mctpi2c1: endpoint ID 0xff is null, reserved or broadcast",
            "mctpi3c0 (I3C, network 2): this machine has no endpoint ID on it",
            "mctpusb0 (USB, network 3): this machine has no endpoint ID on it; no endpoint is known \
             behind it: mctpd finds them, `mctp route` adds one",
            "lo (network 1): this machine has no endpoint ID on it",
            "endpoint IDs of a bridge's range where nobody answered: 1",
        ];
        assert_eq!(listing.notes, notes);
    }

    #[test]
    fn no_link_and_no_time() {
        let listing = describe(&[], |_| Vec::new());
        assert_eq!(listing.notes, ["no link of this machine carries MCTP"]);
        // However many endpoints there are, nobody is asked when the time is over.
        let endpoint = "1,9".parse().unwrap();
        let started = Instant::now();
        let answers = ask(&vec![endpoint; 100_000], started);
        assert_eq!((answers.len(), answers.iter().flatten().count()), (100_000, 0));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
