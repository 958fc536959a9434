//! The good chain that is mutated: every field and extension that this crate reads is in it.

use crate::testing::{
    BASIC_CONSTRAINTS, NAME_CONSTRAINTS, PCI_CMA, TRUE, Template, directory_subtrees, dmtf,
    extended_key_usage, extension, key_usage, name, other_name, subject_alt_name, tlv,
};

pub(crate) const NOW: u64 = 1_790_000_000;

fn basic_constraints(fields: &[&[u8]]) -> Vec<u8> {
    extension(BASIC_CONSTRAINTS, TRUE, &tlv(0x30, fields))
}

fn tcb_info() -> Vec<u8> {
    let fwid =
        tlv(0x30, &[&tlv(6, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]]), &tlv(4, &[&[7; 32]])]);
    let fields = [tlv(0x80, &[b"ACME"]), tlv(0x83, &[&[3]]), tlv(0xA6, &[&fwid])];
    extension(&[0x67, 0x81, 5, 5, 4, 1], &[], &tlv(0x30, &[&fields.concat()]))
}

/// Root, an authority with constraints, and a leaf with names.
pub(crate) fn certificates() -> [Vec<u8>; 3] {
    let constraints = directory_subtrees(&["Leaf"], &["Other"]);
    with_authority(&[extension(NAME_CONSTRAINTS, TRUE, &constraints)])
}

/// The same without nameConstraints, which rustls-webpki reads in a way of its own.
pub(crate) fn certificates_without_name_constraints() -> [Vec<u8>; 3] {
    with_authority(&[])
}

fn with_authority(more: &[Vec<u8>]) -> [Vec<u8>; 3] {
    let root = Template::authority("Root", "Root");
    let mut authority = Template::authority("Root", "CA");
    authority.extensions = vec![
        basic_constraints(&[TRUE, &[2, 1, 0]]),
        key_usage(0x04),
        extension(&[0x55, 0x1D, 0x0E], &[], &tlv(4, &[&[0xC1; 20]])),
    ];
    authority.extensions.extend_from_slice(more);
    let mut leaf = Template::leaf("CA");
    leaf.extensions.extend([
        extended_key_usage(&[3, 4]),
        subject_alt_name(&[
            other_name(&dmtf(1), 0x0C, "ACME:WIDGET:0123"),
            other_name(PCI_CMA, 0x0C, "Vendor=1af4:Device=0010:CC=010802:REV=02"),
            tlv(0xA4, &[&name("Leaf")]),
        ]),
        tcb_info(),
    ]);
    [root.signed_by("Root"), authority.signed_by("Root"), leaf.signed_by("CA")]
}
