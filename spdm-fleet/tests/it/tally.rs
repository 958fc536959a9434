//! F18: the exit code of every mixture.

use spdm_fleet::{FailOn, OutcomeKind, Tally};

/// Every set of kinds, each with some items.
fn mixtures() -> impl Iterator<Item = Vec<OutcomeKind>> {
    (0..1_u32 << OutcomeKind::ALL.len()).map(|bits| {
        let has = |place: &usize| bits >> *place & 1 == 1;
        let places = (0..OutcomeKind::ALL.len()).filter(has);
        places.map(|place| OutcomeKind::ALL[place]).collect()
    })
}

fn tally(kinds: &[OutcomeKind], each: u64) -> Tally {
    let mut tally = Tally::default();
    for kind in kinds {
        for _ in 0..each {
            tally.add(*kind);
        }
    }
    tally
}

/// As fleet's text has it.
fn expected(kinds: &[OutcomeKind]) -> u8 {
    use OutcomeKind::{Cancelled, DeviceError, InternalError, Rejected, Undecidable, Unreachable};
    let has = |kind| kinds.contains(&kind);
    match () {
        () if kinds.is_empty() => 1,
        () if has(Rejected) || has(Undecidable) || has(InternalError) || has(Cancelled) => 1,
        () if has(DeviceError) => 4,
        () if has(Unreachable) => 3,
        () => 0,
    }
}

#[test]
fn f18_every_mixture_has_the_exit_code_of_its_worst() {
    for kinds in mixtures() {
        for each in [1, 3] {
            let tally = tally(&kinds, each);
            assert_eq!(
                tally.exit_code(tally.total(), &FailOn::ANYTHING),
                expected(&kinds),
                "{kinds:?}"
            );
            let sum: u64 = OutcomeKind::ALL.into_iter().map(|kind| tally.count(kind)).sum();
            assert_eq!(sum, tally.total());
        }
    }
}

#[test]
fn f18_items_without_an_outcome_are_not_passed() {
    let tally = tally(&[OutcomeKind::Verified], 3);
    assert_eq!(tally.exit_code(3, &FailOn::ANYTHING), 0);
    assert_eq!(tally.exit_code(4, &FailOn::ANYTHING), 1);
    assert_eq!(tally.exit_code(4, &FailOn::only([])), 1);
    assert_eq!(Tally::default().exit_code(0, &FailOn::ANYTHING), 1);
    assert_eq!(Tally::default().exit_code(0, &FailOn::only([])), 1);
}

#[test]
fn f18_fail_on_excuses_only_beside_something_that_is_verified() {
    for kinds in mixtures() {
        for only in mixtures() {
            let tally = tally(&kinds, 2);
            let code = tally.exit_code(tally.total(), &FailOn::only(only.iter().copied()));
            let counts = |kind: &OutcomeKind| {
                only.contains(kind)
                    || matches!(kind, OutcomeKind::InternalError | OutcomeKind::Cancelled)
                    || !kinds.contains(&OutcomeKind::Verified)
            };
            let left: Vec<_> = kinds.iter().copied().filter(counts).collect();
            let want = match left.is_empty() && !kinds.is_empty() {
                true => 0,
                false => expected(&left),
            };
            assert_eq!(code, want, "{kinds:?} {only:?}");
            if code == 0 {
                assert!(tally.count(OutcomeKind::Verified) > 0, "{kinds:?} {only:?}");
            }
        }
    }
}
