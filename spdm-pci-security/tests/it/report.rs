//! The device interface report in portions.

use spdm_pci_security::{Fault, GetReport, ReportReader};

/// Reads a report from a device that gives `most` bytes at once.
fn read(report: &[u8], memory: &mut [u8], portion: u16, most: usize) -> Result<usize, Fault> {
    let mut reader = ReportReader::new(memory, portion);
    let mut questions = 0;
    while let Some(GetReport { offset, length }) = reader.next() {
        let rest = &report[usize::from(offset)..];
        let len = usize::from(length).min(most).min(rest.len());
        reader.take(&rest[..len], u16::try_from(rest.len() - len).unwrap())?;
        questions += 1;
    }
    assert_eq!(reader.report(), report);
    Ok(questions)
}

#[test]
fn portions_make_the_report() {
    let report: Vec<u8> = (0..200).collect();
    let mut memory = [0; 256];
    for (portion, most, questions) in
        [(256, 256, 1), (64, 64, 4), (64, 10, 20), (0, 1, 200), (200, 200, 1)]
    {
        assert_eq!(read(&report, &mut memory, portion, most), Ok(questions));
    }
    let long = vec![7; 0xFFFF];
    assert_eq!(read(&long, &mut vec![0; 0xFFFF], 0xFFFF, 0xFFFF), Ok(1));
}

#[test]
fn a_portion_that_does_not_fit_is_refused() {
    let mut memory = [0; 16];
    let field = |result| match result {
        Err(Fault::Value { field, .. }) => Some(field),
        _ => None,
    };
    let mut reader = ReportReader::new(&mut memory, 8);
    // Nothing, and more than was asked for.
    assert_eq!(field(reader.take(&[], 4)), Some("PORTION_LENGTH"));
    assert_eq!(field(reader.take(&[0; 9], 4)), Some("PORTION_LENGTH"));
    // More than there is room for: at once, not with the last portion.
    assert_eq!(reader.take(&[1; 8], 9), Err(Fault::ReportTooLarge { needed: 17, len: 16 }));
    assert_eq!(field(reader.take(&[1; 8], 0xFFFF)), Some("REMAINDER_LENGTH"));
    assert!(reader.report().is_empty());
    reader.take(&[1; 8], 4).unwrap();
    // Another length than before.
    for remainder in [0, 2, 9] {
        assert_eq!(field(reader.take(&[2; 3], remainder)), Some("REMAINDER_LENGTH"), "{remainder}");
    }
    reader.take(&[2; 3], 1).unwrap();
    assert_eq!(reader.next(), Some(GetReport { offset: 11, length: 1 }));
    reader.take(&[3], 0).unwrap();
    assert_eq!(reader.next(), None);
    assert_eq!(reader.report(), [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3]);
    // Nothing more is due.
    assert_eq!(field(reader.take(&[4], 0)), Some("PORTION_LENGTH"));
}
