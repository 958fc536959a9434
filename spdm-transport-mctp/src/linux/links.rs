//! The MCTP links of this machine, and the endpoints that the kernel knows behind each.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::string::String;
use std::vec::Vec;

use super::route_socket::{AF_MCTP, RouteSocket, Table, TableError, attributes};

/// A link that carries MCTP: a bus, a serial line, or the machine's own loopback.
///
/// Whoever assigns endpoint IDs, usually mctpd, enters each endpoint into the kernel's tables; that is what is read here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct LinuxLink {
    /// The name, for example `mctpi2c1`.
    pub name: String,
    /// The network, which a [`LinuxEndpoint`](super::LinuxEndpoint) names too.
    pub network: u32,
    /// How it is wired; `None` where the kernel does not say (before Linux 6.16).
    pub binding: Option<PhysicalBinding>,
    /// The endpoint IDs of this machine on it.
    pub own: BTreeSet<u8>,
    /// The endpoints behind it, by their ID.
    pub endpoints: BTreeMap<u8, LinkEndpoint>,
}

/// What the kernel knows of an endpoint behind a link.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct LinkEndpoint {
    /// Its address on the bus, where the link has addresses.
    pub address: Option<Vec<u8>>,
    /// Only a route for a range of IDs leads to it: a bridge has them to give, and nobody may be there.
    pub in_range: bool,
    /// The endpoint ID of the bridge that it is behind, where the route says so.
    pub gateway: Option<u8>,
}

/// How a link is wired, by its number in DSP0239.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PhysicalBinding(pub u8);

impl fmt::Display for PhysicalBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0x01 => "SMBus/I2C",
            0x02 => "PCIe VDM",
            0x03 => "USB",
            0x04 => "KCS",
            0x05 => "serial line",
            0x06 => "I3C",
            0x07 => "MMBI",
            0x08 => "PCC",
            0x09 => "UCIe",
            0xFF => "vendor-defined",
            other => return write!(f, "physical binding {other:#04x}"),
        })
    }
}

impl LinuxLink {
    /// The links that carry MCTP, by name; none where the kernel has no MCTP. Nothing is sent to anybody.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn all() -> Result<Vec<Self>, TableError> {
        let mut socket = RouteSocket::open()?;
        let mut tables = Tables::default();
        socket.dump(Table::Links, &mut |row| tables.link(row))?;
        if tables.links.is_empty() {
            return Ok(Vec::new());
        }
        socket.dump(Table::Routes, &mut |row| tables.route(row))?;
        socket.dump(Table::Neighbours, &mut |row| tables.neighbour(row))?;
        Ok(tables.settle())
    }
}

/// What was read so far, by the numbers of links.
#[derive(Debug, Default)]
struct Tables {
    links: BTreeMap<u32, LinuxLink>,
    /// Routes that name a bridge instead of a link. At most one for each range of each network is kept.
    gateways: BTreeMap<(u32, u8, u8), u8>,
}

// Attributes (linux/if_link.h, linux/rtnetlink.h, linux/neighbour.h).
const IFLA_IFNAME: u16 = 3;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_MCTP_NET: u16 = 1;
const IFLA_MCTP_PHYS_BINDING: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// Types of routes.
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
/// The fixed parts of rows, in bytes: `ifinfomsg`, `rtmsg`, `ndmsg`.
const IFINFOMSG: usize = 16;
const RTMSG: usize = 12;
const NDMSG: usize = 12;

impl Tables {
    fn link(&mut self, row: &[u8]) -> Result<(), TableError> {
        let (fixed, rest) = row.split_first_chunk::<IFINFOMSG>().ok_or(TableError::Malformed)?;
        let [.., i0, i1, i2, i3, _, _, _, _, _, _, _, _] = *fixed;
        let index = u32::from_ne_bytes([i0, i1, i2, i3]);
        let (mut name, mut network, mut binding) = (String::new(), None, None);
        for attribute in attributes(rest) {
            let attribute = attribute?;
            match attribute.kind() {
                IFLA_IFNAME => {
                    let text = String::from_utf8_lossy(attribute.value());
                    name = text.trim_end_matches('\0').into();
                }
                IFLA_AF_SPEC => {
                    for family in attributes(attribute.value()) {
                        let family = family?;
                        if family.kind() != u16::from(AF_MCTP) {
                            continue;
                        }
                        for detail in attributes(family.value()) {
                            let detail = detail?;
                            match detail.kind() {
                                IFLA_MCTP_NET => network = Some(number(detail.value())?),
                                // Of the loopback, 0.
                                IFLA_MCTP_PHYS_BINDING => {
                                    let code = byte(detail.value())?;
                                    binding = (code != 0).then_some(PhysicalBinding(code));
                                }
                                _ => {}
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        if let Some(network) = network {
            let (own, endpoints) = (BTreeSet::new(), BTreeMap::new());
            self.links.insert(index, LinuxLink { name, network, binding, own, endpoints });
        }
        Ok(())
    }

    fn route(&mut self, row: &[u8]) -> Result<(), TableError> {
        let (fixed, rest) = row.split_first_chunk::<RTMSG>().ok_or(TableError::Malformed)?;
        // dst_len is how many IDs follow the first.
        let [family, more, _, _, _, _, _, kind, ..] = *fixed;
        if family != AF_MCTP {
            return Ok(());
        }
        let (mut first, mut link, mut gateway) = (None, None, None);
        for attribute in attributes(rest) {
            let attribute = attribute?;
            match attribute.kind() {
                RTA_DST => first = Some(byte(attribute.value())?),
                RTA_OIF => link = Some(number(attribute.value())?),
                RTA_GATEWAY => {
                    let (network, rest) =
                        attribute.value().split_first_chunk().ok_or(TableError::Malformed)?;
                    let eid = rest.first().ok_or(TableError::Malformed)?;
                    gateway = Some((u32::from_ne_bytes(*network), *eid));
                }
                _ => {}
            }
        }
        let first = first.ok_or(TableError::Malformed)?;
        let last = first.checked_add(more).ok_or(TableError::Malformed)?;
        let link = link.and_then(|index| self.links.get_mut(&index));
        match (kind, link, gateway) {
            (RTN_LOCAL, Some(link), _) => link.own.extend(first..=last),
            (RTN_UNICAST, Some(link), _) => link.reach(first, last, None),
            (RTN_UNICAST, None, Some((network, eid))) => {
                self.gateways.insert((network, first, last), eid);
            }
            // The link went, or came after the links were read.
            _ => {}
        }
        Ok(())
    }

    fn neighbour(&mut self, row: &[u8]) -> Result<(), TableError> {
        let (fixed, rest) = row.split_first_chunk::<NDMSG>().ok_or(TableError::Malformed)?;
        let [family, _, _, _, i0, i1, i2, i3, ..] = *fixed;
        if family != AF_MCTP {
            return Ok(());
        }
        let (mut eid, mut address) = (None, None);
        for attribute in attributes(rest) {
            let attribute = attribute?;
            match attribute.kind() {
                NDA_DST => eid = Some(byte(attribute.value())?),
                NDA_LLADDR => address = Some(attribute.value().to_vec()),
                _ => {}
            }
        }
        let eid = eid.ok_or(TableError::Malformed)?;
        if let Some(link) = self.links.get_mut(&u32::from_ne_bytes([i0, i1, i2, i3])) {
            let endpoint = link.endpoints.entry(eid).or_default();
            endpoint.in_range = false;
            endpoint.address = address;
        }
        Ok(())
    }

    /// Endpoints behind a bridge are behind the bridge's link.
    fn settle(mut self) -> Vec<LinuxLink> {
        for ((network, first, last), gateway) in self.gateways {
            let mut links = self.links.values_mut();
            let link =
                links.find(|link| link.network == network && link.endpoints.contains_key(&gateway));
            if let Some(link) = link {
                link.reach(first, last, Some(gateway));
            }
        }
        let mut links: Vec<LinuxLink> = self.links.into_values().collect();
        for link in &mut links {
            let own = &link.own;
            link.endpoints.retain(|eid, _| !own.contains(eid));
        }
        links.sort_by(|a, b| a.name.cmp(&b.name));
        links
    }
}

impl LinuxLink {
    /// A route leads to these endpoints.
    fn reach(&mut self, first: u8, last: u8, gateway: Option<u8>) {
        for eid in first..=last {
            let new = LinkEndpoint { in_range: true, gateway, address: None };
            let endpoint = self.endpoints.entry(eid).or_insert(new);
            if first == last {
                endpoint.in_range = false;
            }
        }
    }
}

fn byte(value: &[u8]) -> Result<u8, TableError> {
    value.first().copied().ok_or(TableError::Malformed)
}

fn number(value: &[u8]) -> Result<u32, TableError> {
    let bytes = value.first_chunk().ok_or(TableError::Malformed)?;
    Ok(u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::{LinkEndpoint, LinuxLink, PhysicalBinding, TableError, Tables};
    use std::collections::BTreeSet;
    use std::string::ToString;
    use std::vec::Vec;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let len = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [len.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn link_row(index: u32, name: &str, mctp: &[u8]) -> Vec<u8> {
        let mut row = std::vec![0, 0, 0x22, 0x01];
        row.extend(index.to_ne_bytes());
        row.extend([0; 8]);
        row.extend(attribute(3, [name.as_bytes(), &[0]].concat().as_slice()));
        // IPv4 has something to say too; both are nested.
        let families = [attribute(2, &[0; 8]), attribute(45 | 0x8000, mctp)].concat();
        row.extend(attribute(26 | 0x8000, &families));
        row
    }

    fn route_row(kind: u8, first: u8, more: u8, link: Option<u32>) -> Vec<u8> {
        let mut row = std::vec![45, more, 0, 0, 0, 0, 0, kind, 0, 0, 0, 0];
        row.extend(attribute(1, &[first]));
        row.extend(link.map(|index| attribute(4, &index.to_ne_bytes())).unwrap_or_default());
        row
    }

    fn gateway_row(first: u8, more: u8, network: u32, gateway: u8) -> Vec<u8> {
        let mut row = route_row(1, first, more, None);
        let address = [&network.to_ne_bytes()[..], &[gateway, 0, 0, 0]].concat();
        row.extend(attribute(5, &address));
        row
    }

    fn neighbour_row(link: u32, eid: u8, address: &[u8]) -> Vec<u8> {
        let mut row = std::vec![45, 0, 0, 0];
        row.extend(link.to_ne_bytes());
        row.extend([0; 4]);
        row.extend(attribute(1, &[eid]));
        row.extend(attribute(2, address));
        row
    }

    fn network(number: u32) -> Vec<u8> {
        attribute(1, &number.to_ne_bytes())
    }

    fn eids(link: &LinuxLink) -> Vec<u8> {
        link.endpoints.keys().copied().collect()
    }

    #[test]
    fn endpoints_behind_links() {
        let mut tables = Tables::default();
        let i2c = [network(1), attribute(2, &[1])].concat();
        tables.link(&link_row(5, "mctpi2c1", &i2c)).unwrap();
        tables.link(&link_row(1, "lo", &[network(1), attribute(2, &[0])].concat())).unwrap();
        tables.link(&link_row(7, "mctpserial0", &network(2))).unwrap();
        // Without MCTP.
        let mut other = std::vec![0; 16];
        other.extend(attribute(3, b"eth0\0"));
        tables.link(&other).unwrap();

        for row in [
            route_row(2, 8, 0, Some(5)),
            route_row(1, 9, 0, Some(5)),
            route_row(1, 20, 2, Some(5)),
            route_row(1, 12, 0, Some(7)),
            // A route to what is ours, and one over a link that is gone.
            route_row(1, 8, 0, Some(5)),
            route_row(1, 99, 0, Some(77)),
            gateway_row(30, 1, 1, 9),
            gateway_row(40, 1, 2, 9),
        ] {
            tables.route(&row).unwrap();
        }
        // Another family's.
        tables.route(&[2; 12]).unwrap();
        tables.neighbour(&[10; 12]).unwrap();
        for row in [
            neighbour_row(5, 9, &[0x1D]),
            neighbour_row(5, 21, &[0x1E]),
            neighbour_row(5, 50, &[0x1F]),
            neighbour_row(77, 51, &[0x1F]),
        ] {
            tables.neighbour(&row).unwrap();
        }
        let links = tables.settle();
        let names: Vec<_> = links.iter().map(|link| (link.name.as_str(), link.network)).collect();
        assert_eq!(names, [("lo", 1), ("mctpi2c1", 1), ("mctpserial0", 2)]);
        let [lo, i2c, serial] = links.as_slice() else { panic!("{links:?}") };
        assert_eq!((lo.binding, eids(lo)), (None, Vec::new()));
        assert_eq!(i2c.binding.map(|it| it.to_string()).as_deref(), Some("SMBus/I2C"));
        assert_eq!(i2c.own, BTreeSet::from([8]));
        assert_eq!(eids(i2c), [9, 20, 21, 22, 30, 31, 50]);
        let at = |address: u8| Some(std::vec![address]);
        let (address, gateway) = (None, None);
        let lone = LinkEndpoint { address, in_range: false, gateway };
        assert_eq!(i2c.endpoints[&9], LinkEndpoint { address: at(0x1D), ..lone.clone() });
        assert_eq!(i2c.endpoints[&20], LinkEndpoint { in_range: true, ..lone.clone() });
        assert_eq!(i2c.endpoints[&21], LinkEndpoint { address: at(0x1E), ..lone.clone() });
        let behind = LinkEndpoint { in_range: true, gateway: Some(9), ..lone.clone() };
        assert_eq!(i2c.endpoints[&30], behind);
        assert_eq!((eids(serial), &serial.endpoints[&12]), (std::vec![12], &lone));
    }

    /// However many rows there are, a link has at most 256 endpoints.
    #[test]
    fn many_rows() {
        let mut tables = Tables::default();
        tables.link(&link_row(5, "mctpi2c1", &network(1))).unwrap();
        for round in 0..50_000_u32 {
            let eid = round.to_ne_bytes()[0];
            tables.neighbour(&neighbour_row(5, eid, &round.to_ne_bytes())).unwrap();
            tables.route(&route_row(1, 0, 255, Some(5))).unwrap();
            tables.route(&gateway_row(0, eid, 1, 9)).unwrap();
        }
        assert_eq!(tables.settle()[0].endpoints.len(), 256);
    }

    #[test]
    fn malformed_rows() {
        let mut tables = Tables::default();
        let whole = link_row(5, "mctpi2c1", &[network(1), attribute(2, &[1])].concat());
        for len in 0..whole.len() {
            // Cut between two attributes, it is a shorter row.
            let _ = tables.link(&whole[..len]);
        }
        let bad = Err(TableError::Malformed);
        assert_eq!(tables.link(&[0; 15]), bad);
        assert_eq!(tables.link(&link_row(5, "x", &attribute(1, &[1, 0, 0]))), bad);
        assert_eq!(tables.link(&link_row(5, "x", &attribute(2, &[]))), bad);
        assert_eq!(tables.route(&[45; 11]), bad);
        assert_eq!(tables.route(&[45, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), bad);
        assert_eq!(tables.route(&route_row(1, 255, 1, Some(5))), bad);
        assert_eq!(tables.neighbour(&[45; 11]), bad);
        assert_eq!(tables.neighbour(&[45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), bad);
        let mut row = route_row(1, 9, 0, Some(5));
        row.extend(attribute(5, &[1, 0, 0, 0]));
        assert_eq!(tables.route(&row), bad);
        for length in [0_u16, 3, 5, 0xFFFF] {
            let mut row = neighbour_row(5, 9, &[0x1D]);
            row.splice(20..22, length.to_ne_bytes());
            let result = tables.neighbour(&row);
            assert!(result == bad || length == 5, "{length}: {result:?}");
        }
        assert_eq!(PhysicalBinding(0x42).to_string(), "physical binding 0x42");
    }
}
