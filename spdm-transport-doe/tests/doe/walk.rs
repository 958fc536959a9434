//! The list of extended capabilities, and the function's identity.

use core::convert::Infallible;

use spdm_transport_doe::{
    ConfigError, ConfigSpace, ExtendedCapabilities, ExtendedCapability, Mailbox, pci_identity,
};

/// A configuration space that can only be read.
#[derive(Debug)]
struct Space {
    dwords: Vec<u32>,
    reads: usize,
}

impl Space {
    /// Offsets and values; everything else is 0.
    fn new(values: &[(usize, u32)]) -> Self {
        let mut dwords = vec![0; 1024];
        for (offset, value) in values {
            dwords[offset / 4] = *value;
        }
        Self { dwords, reads: 0 }
    }

    fn walk(&mut self) -> Vec<Result<ExtendedCapability, ConfigError<Infallible>>> {
        ExtendedCapabilities::new(self).collect()
    }
}

impl ConfigSpace for Space {
    type Error = Infallible;

    fn read(&mut self, offset: u16) -> Result<u32, Infallible> {
        assert_eq!(offset % 4, 0);
        self.reads += 1;
        Ok(self.dwords[usize::from(offset) / 4])
    }

    fn write(&mut self, _: u16, _: u32) -> Result<(), Infallible> {
        panic!("nothing is written");
    }
}

#[test]
fn several_mailboxes() {
    let mut space = Space::new(&[
        (0x100, 0x2001_0001),
        (0x200, 0x3002_002E),
        (0x300, 0xFE81_002E),
        (0xFE8, 0x0001_002E),
    ]);
    let found: Vec<_> = space.walk().into_iter().map(Result::unwrap).collect();
    let rows: Vec<_> = found.iter().map(|it| (it.id, it.version, it.offset)).collect();
    assert_eq!(rows, [(1, 1, 0x100), (0x2E, 2, 0x200), (0x2E, 1, 0x300), (0x2E, 1, 0xFE8)]);
    let mailbox = Mailbox::new(&mut space, found[1]).unwrap();
    assert_eq!((mailbox.offset(), mailbox.version()), (0x200, 2));
    assert!(Mailbox::new(&mut space, found[0]).is_none(), "no mailbox");
    assert!(Mailbox::new(&mut space, found[3]).is_some(), "it just fits");
    let beyond = ExtendedCapability { offset: 0xFEC, ..found[3] };
    assert!(Mailbox::new(&mut space, beyond).is_none(), "its registers leave the space");
    let overflow = ExtendedCapability { offset: 0xFFFC, ..found[3] };
    assert!(Mailbox::new(&mut space, overflow).is_none());
}

#[test]
fn no_extended_space() {
    for first in [0, u32::MAX] {
        let mut space = Space::new(&[(0x100, first)]);
        assert_eq!(space.walk(), []);
        assert_eq!(space.reads, 1);
    }
}

#[test]
fn lists_that_loop_or_leave() {
    for (values, offset, next, good) in [
        (&[(0x100, 0x1001_0001)][..], 0x100, 0x100, 1),
        (&[(0x100, 0x2001_0001), (0x200, 0x1001_002E)], 0x200, 0x100, 2),
        (&[(0x100, 0x2001_0001), (0x200, 0x2001_002E)], 0x200, 0x200, 2),
        (&[(0x100, 0x0FC1_0001)], 0x100, 0x0FC, 1),
        (&[(0x100, 0x0041_0001)], 0x100, 0x004, 1),
    ] {
        let mut space = Space::new(values);
        let walked = space.walk();
        assert_eq!(walked.len(), good + 1, "{walked:?}");
        assert_eq!(walked[good], Err(ConfigError::CapabilityList { offset, next }));
        assert!(walked[..good].iter().all(Result::is_ok), "no entry comes twice");
    }
}

#[test]
fn the_longest_list() {
    let mut space = Space::new(&[]);
    for place in 0x40..1024_u32 {
        let next = if place == 1023 { 0 } else { (place + 1) * 4 };
        space.dwords[usize::try_from(place).unwrap()] = next << 20 | 0x1_000B;
    }
    assert_eq!(space.walk().len(), 960);
    // The reserved bits of Next Capability Offset do not lead elsewhere.
    space.dwords[0x40] = 0x1071_000B;
    assert_eq!(space.walk()[1].unwrap().offset, 0x104);
}

#[test]
fn a_function_that_vanishes() {
    let mut space = Space::new(&[(0x100, 0x2001_0001), (0x200, u32::MAX)]);
    assert_eq!(space.walk()[1], Err(ConfigError::Gone));
    let mut space = Space::new(&[(0, u32::MAX)]);
    assert_eq!(pci_identity(&mut space), Err(ConfigError::Gone));
}

#[test]
fn identities() {
    let mut values =
        vec![(0x00, 0x0010_1B36), (0x08, 0x0108_0202), (0x0C, 0x0080_0000), (0x2C, 0x1100_1AF4)];
    let name = |values: &[_]| pci_identity(&mut Space::new(values)).unwrap().to_string();
    let qemu = "Vendor=1b36:Device=0010:CC=010802:REV=02:SSVID=1af4:SSID=1100";
    assert_eq!(name(&values), qemu);
    // A serial number that is zero is none.
    values.push((0x100, 0x1401_0001));
    values.push((0x140, 0x0001_0003));
    assert_eq!(name(&values), qemu);
    values.push((0x144, 0x89AB_CDEF));
    values.push((0x148, 0x0123_4567));
    assert_eq!(name(&values), format!("{qemu}:0123456789abcdef"));
    // A bridge has no subsystem id in its header.
    values.push((0x0C, 0x0001_0000));
    let bridge = "Vendor=1b36:Device=0010:CC=010802:REV=02:0123456789abcdef";
    assert_eq!(name(&values), bridge);
    // At the very end there is no room for the number: the list's entry is wrong, not the program.
    let edge = [(0x00, 0x0010_1B36), (0x100, 0xFFC1_0001), (0xFFC, 0x0001_0003)];
    assert!(matches!(pci_identity(&mut Space::new(&edge)), Err(ConfigError::Beyond(_))));
}
