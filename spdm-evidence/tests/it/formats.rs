//! Files of no format, and of formats that no sample has.

use spdm_evidence::{Error, Evidence, FileKind, Note, ReadOptions};

fn read(bytes: &[u8]) -> Result<Evidence, Error> {
    Evidence::read(bytes, &ReadOptions::default())
}

#[test]
fn files_of_no_format() {
    assert_eq!(read(b"").unwrap_err(), Error::NotEvidence(FileKind::Empty));
    assert_eq!(read(b"hello").unwrap_err(), Error::Format);
    assert_eq!(read(b"[]").unwrap_err(), Error::NoEvidence);
    assert_eq!(read(b"{}").unwrap_err(), Error::NoEvidence);
    assert!(matches!(read(b"{").unwrap_err(), Error::Json(_)));
    assert!(matches!(read(&[0x10, 0x84]).unwrap_err(), Error::Message(_)));
    let other = br#"{"format": "x", "version": 1, "exchanges": []}"#;
    assert_eq!(read(other).unwrap_err(), Error::NoEvidence);
    let later = br#"{"format": "spdm-evidence", "version": 2, "exchanges": []}"#;
    assert_eq!(read(later).unwrap_err(), Error::SchemaVersion(2));
    let odd = br#"{"format": "spdm-evidence", "version": 1, "exchanges": [{"request": "1"}]}"#;
    assert_eq!(read(odd).unwrap_err(), Error::Hex { field: "request" });
    let header = |link: u32| {
        let head = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0];
        [&head[..], &link.to_le_bytes()].concat()
    };
    assert_eq!(read(&header(127)).unwrap_err(), Error::LinkType(127));
    assert_eq!(read(&header(291)).unwrap_err(), Error::Empty);
}

/// Link types that the corpus does not have.
#[test]
fn cooked_mctp_and_doe_as_user0() {
    let message = [0x10, 0x84, 0, 0];
    let capture = |link: u32, packets: &[&[u8]]| {
        let head = [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0];
        let mut file = [&head[..], &link.to_le_bytes()].concat();
        for packet in packets {
            let len = u32::try_from(packet.len()).unwrap().to_le_bytes();
            file.extend([&[0; 8][..], &len, &len, packet].concat());
        }
        read(&file).map(|evidence| evidence.recordings[0].exchanges[0].request.clone())
    };
    let cooked = |flags: u8, payload: &[u8]| {
        [&[0; 14][..], &[0x00, 0xFA], &[1, 8, 9, flags], payload].concat()
    };
    let whole = cooked(0xC8, &[&[5], &message[..]].concat());
    assert_eq!(capture(113, &[&whole]), Ok(message.to_vec()));
    let (first, last) = (cooked(0x88, &[5, 0x10, 0x84]), cooked(0x58, &[0, 0]));
    assert_eq!(capture(113, &[&first, &last]), Ok(message.to_vec()));
    let lost = |packet| Err(Error::Incomplete(Note::LostPacket { packet }));
    assert_eq!(capture(113, &[&last]), lost(1));
    // Packets are numbered modulo 4 from any number on; a gap is no message, and neither is one that never ends.
    let start = |number: u8| cooked(0x88 | number << 4, &[5, 0x10]);
    let middle = |number: u8| cooked(0x08 | number << 4, &[0x84]);
    let end = |number: u8| cooked(0x48 | number << 4, &[0, 0]);
    assert_eq!(capture(113, &[&start(2), &middle(3), &end(0)]), Ok(message.to_vec()));
    assert_eq!(capture(113, &[&start(2), &end(0)]), lost(2));
    assert_eq!(capture(113, &[&start(2), &middle(3), &middle(3), &end(0)]), lost(3));
    assert_eq!(capture(113, &[&whole, &start(1), &end(3), &start(2), &whole]), lost(3));
    // A message is counted once, however many of its packets are of no use without the one that is missing.
    assert_eq!(capture(113, &[&start(0), &middle(2), &middle(3), &end(0), &whole]), lost(2));
    assert_eq!(capture(113, &[&whole, &middle(1), &middle(2), &end(3), &whole]), lost(2));
    // Where the capture began late, what is missing may have been SPDM.
    assert_eq!(capture(113, &[&middle(1), &end(2), &whole]), lost(1));
    // What another protocol lost is no part of the evidence.
    let (other, other_end) = (cooked(0x88, &[1, 2]), cooked(0x78, &[3]));
    assert_eq!(capture(113, &[&whole, &other, &other_end]), Ok(message.to_vec()));
    let object = [&[1, 0, 1, 0, 3, 0, 0, 0], &message[..]].concat();
    assert_eq!(capture(147, &[&object]), Ok(message.to_vec()));
    assert_eq!(capture(147, &[&message]), Ok(message.to_vec()));
    assert_eq!(capture(292, &[&object]), Ok(message.to_vec()));
}
