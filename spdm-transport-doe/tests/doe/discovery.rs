//! Which objects a mailbox knows.

use spdm_transport::{Duration, FieldError, MessageKind, Transport};
use spdm_transport_doe::{DoeStatus, DoeTransport, ObjectType};

use crate::exchange::SECOND;
use crate::function::{Bench, DOE, Error, Quirk, mailbox};

/// A mailbox with this list: vendor and type, next index.
fn listing(list: &'static [u32]) -> Bench {
    Bench::new(move |object| {
        assert_eq!(object[..2], [0x0000_0001, 3]);
        let index = usize::try_from(object[2] & 0xFF).unwrap();
        Some(vec![0x0000_0001, 3, list.get(index).copied().unwrap_or(0xFFFF)])
    })
}

fn discover(bench: &mut Bench) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    bench.transport.discover(2 * SECOND, |object| found.push(object.to_string()))?;
    Ok(found)
}

#[test]
fn the_objects_of_cma() {
    let mut bench = listing(&[0x0100_0001, 0x0201_0001, 0x0002_0001]);
    let names = ["discovery", "CMA-SPDM", "secured CMA-SPDM"].map(str::to_owned);
    assert_eq!(discover(&mut bench), Ok(names.to_vec()));
    // Messages follow over the same mailbox.
    let other = ObjectType { vendor: 0x1E98, object_type: 2 };
    assert_eq!(other.to_string(), "CXL table access");
    assert_eq!(bench.aborts(), 1);
}

#[test]
fn capability_version_2_asks_with_a_version() {
    let mut bench = listing(&[0x0000_0001]);
    bench.function.0.borrow_mut().config[usize::from(DOE) / 4] = 0x0002_002E;
    bench.transport = DoeTransport::new(mailbox(&bench.function), bench.clock.clone());
    assert_eq!(discover(&mut bench).map(|found| found.len()), Ok(1));
    assert_eq!(bench.function.0.borrow().objects, [vec![1, 3, 0x0200]]);
}

#[test]
fn n31_next_index_cycles() {
    for (list, index, asked) in [
        (&[0x0100_0001, 0x0101_0001][..], 1, 2),
        (&[0x0100_0001, 0x0201_0001, 0x0102_0001], 1, 3),
        (&[0x0300_0001, 0, 0x0301_0001, 0x0201_0001], 3, 3),
    ] {
        let mut bench = listing(list);
        assert_eq!(discover(&mut bench), Err(Error::DiscoveryLoop { index }));
        assert_eq!(bench.function.0.borrow().objects.len(), asked);
    }
}

#[test]
fn n31_lists_without_end_are_bounded_by_256_and_by_time() {
    let mut bench = Bench::new(|object| Some(vec![1, 3, (object[2] + 1) << 24 | 1]));
    assert_eq!(discover(&mut bench).map(|found| found.len()), Ok(256));
    let mut bench = Bench::new(|object| Some(vec![1, 3, (object[2] + 1) << 24 | 1]));
    bench.set(&[Quirk::Late(Duration::from_millis(900))]);
    let timeout = Error::Timeout { status: DoeStatus(0), waited: 2 * SECOND };
    assert_eq!(discover(&mut bench), Err(timeout));
    assert!(bench.clock.elapsed() <= 2 * SECOND);
}

#[test]
fn wrong_answers() {
    for (answer, field) in [
        (vec![0x0001_0001, 3, 0], "Data Object Type"),
        (vec![0x0000_1E98, 3, 0], "Vendor ID"),
        (vec![0x0000_0001, 4, 0, 0], "Length"),
        (vec![0x0000_0001, 2], "Length"),
        (vec![0x0000_0001, 3, 0x0000_FFFF], "Vendor ID"),
    ] {
        let mut bench = Bench::answering(&answer);
        match discover(&mut bench) {
            Err(Error::Object(FieldError { field: found, .. })) => assert_eq!(found, field),
            other => panic!("{answer:?}: {other:?}"),
        }
    }
}

#[test]
fn a_mailbox_that_is_silent_about_itself() {
    let mut bench = Bench::with(&[Quirk::Silent]);
    let timeout = Error::Timeout { status: DoeStatus(0), waited: 2 * SECOND };
    assert_eq!(discover(&mut bench), Err(timeout));
    bench.set(&[]);
    bench.transport.send(MessageKind::Plain, b"next", SECOND).unwrap();
    let mut buffer = [0; 4];
    bench.transport.receive(&mut buffer, SECOND).unwrap().unwrap();
    assert_eq!(&buffer, b"next");
}
