//! F8, F15: a nonce says when it was made, for which item and which attempt.

use core::time::Duration;

use spdm_codec::RequesterNonce;
use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{
    FleetKey, Item, Job, NonceFault, NonceKind, Nonces, Target, Timestamp, Want, WantedMeasurements,
};

const NOW: Timestamp = Timestamp::from_unix_ms(1_764_513_600_000);
const HOUR: Duration = Duration::from_secs(3600);

fn key(byte: u8) -> FleetKey {
    FleetKey::from_file(&[byte; 32]).unwrap()
}

fn item(job: &str, target: &str, class: &str) -> Item {
    Item::new(&PROVIDER, job, Target { class: class.to_owned(), ..Target::new(target) }).unwrap()
}

fn after(time: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_unix_ms(time.unix_ms() + u64::try_from(by.as_millis()).unwrap())
}

fn checked(
    nonce: &RequesterNonce,
    item: &Item,
    attempt: u32,
    now: Timestamp,
) -> Result<Timestamp, NonceFault> {
    let key = key(1);
    Nonces::new(&PROVIDER, &key)
        .check(nonce, NonceKind::Measurements, item, attempt, now, Nonces::WINDOW)
        .unwrap()
}

fn issued(by: &FleetKey, kind: NonceKind, item: &Item, attempt: u32) -> RequesterNonce {
    Nonces::new(&PROVIDER, by).issue(kind, item, attempt, NOW).unwrap()
}

#[test]
fn f8_a_nonce_counts_for_its_item_and_attempt_alone() {
    let (own, measuring) = (item("job", "tcp:a", "gpu"), NonceKind::Measurements);
    let nonce = issued(&key(1), measuring, &own, 1);
    assert_eq!(checked(&nonce, &own, 1, NOW), Ok(NOW));
    for other in
        [item("job", "tcp:b", "gpu"), item("job", "tcp:a", "ssd"), item("job2", "tcp:a", "gpu")]
    {
        assert_eq!(checked(&nonce, &other, 1, NOW), Err(NonceFault::NotOurs));
    }
    assert_eq!(checked(&nonce, &own, 2, NOW), Err(NonceFault::NotOurs));
    for foreign in [
        issued(&key(2), measuring, &own, 1),
        issued(&key(1), NonceKind::Challenge, &own, 1),
        RequesterNonce([0; 32]),
    ] {
        assert_eq!(checked(&foreign, &own, 1, NOW), Err(NonceFault::NotOurs));
    }
    // Whoever collects can neither make one younger nor guess a bit of it.
    for byte in 0..32 {
        let mut forged = nonce;
        forged.0[byte] ^= 1;
        assert_eq!(checked(&forged, &own, 1, NOW), Err(NonceFault::NotOurs), "{byte}");
    }
}

#[test]
fn f8_a_nonce_counts_for_a_while() {
    let own = item("job", "tcp:a", "gpu");
    let nonce = issued(&key(1), NonceKind::Measurements, &own, 1);
    let last = after(NOW, Nonces::WINDOW);
    assert_eq!(checked(&nonce, &own, 1, last), Ok(NOW));
    let late = after(last, Duration::from_millis(1));
    assert!(matches!(checked(&nonce, &own, 1, late), Err(NonceFault::Old { .. })));
}

#[test]
fn f15_a_clock_that_is_off_by_an_hour_is_named() {
    let own = item("job", "tcp:a", "gpu");
    let nonce = issued(&key(1), NonceKind::Measurements, &own, 1);
    let before = |by| {
        Timestamp::from_unix_ms(NOW.unix_ms() - u64::try_from(Duration::as_millis(&by)).unwrap())
    };
    assert_eq!(checked(&nonce, &own, 1, before(Nonces::SKEW)), Ok(NOW));
    let fault = checked(&nonce, &own, 1, before(HOUR)).unwrap_err();
    assert_eq!(fault, NonceFault::Ahead { by: HOUR });
    assert!(fault.to_string().contains("the clock of who submitted is ahead"), "{fault}");
    let fault = checked(&nonce, &own, 1, after(NOW, HOUR)).unwrap_err();
    assert!(fault.to_string().contains("clock of who submitted is behind"), "{fault}");
}

#[test]
fn a_seal_covers_what_the_name_does_not() {
    let key = key(1);
    let nonces = Nonces::new(&PROVIDER, &key);
    let own = item("job", "tcp:a", "gpu");
    let want = Want::default();
    let seal = nonces.seal(&own, 1, &want).unwrap();
    assert!(nonces.has_sealed(&own, 1, &want, &seal).unwrap());
    let mut renamed = own.clone();
    renamed.target.san = Some("dmtf:*:*:*".to_owned());
    let mut labelled = own.clone();
    labelled.target.labels.insert("rack".to_owned(), "r1".to_owned());
    // C6: a job of the same name with other targets, or another question.
    let job = Job { name: "job".to_owned(), digest: "aa".to_owned() };
    let redone = Item::of_job(&PROVIDER, &job, own.target.clone()).unwrap();
    for changed in [renamed, labelled, redone] {
        assert_eq!(changed.item, own.item);
        assert!(!nonces.has_sealed(&changed, 1, &want, &seal).unwrap());
    }
    let less = Want { measurements: WantedMeasurements::None, ..Want::default() };
    assert!(!nonces.has_sealed(&own, 1, &less, &seal).unwrap());
    // Nor another attempt.
    assert!(!nonces.has_sealed(&own, 2, &want, &seal).unwrap());
    for wrong in ["", "00", &seal[2..], "no digits"] {
        assert!(!nonces.has_sealed(&own, 1, &want, wrong).unwrap());
    }
}
