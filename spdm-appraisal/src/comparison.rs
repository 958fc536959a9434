//! Evidence against reference states.
//!
//! Every element has one of three outcomes:
//!
//! * [`Outcome::Match`]: a state that names it matches as a whole;
//! * [`Outcome::Mismatch`]: states name it, and none matches as a whole;
//! * [`Outcome::None`]: no state that is about the device names it.

use core::fmt;

use spdm_crypto::Provider;

use crate::element::Element;
use crate::environment::{ElementId, Environment};
use crate::keys::EvidenceKey;
use crate::satisfaction::{Difference, satisfy};
use crate::state::{ReferenceState, ReferenceValue};

/// How many elements can be compared: a measurement record has no more than 254 blocks.
pub const MAX_ELEMENTS: usize = 256;

/// What is known of the device that a measurement record is of.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a device is known, unknown or said to be any")]
pub enum Environments<'e, 'a> {
    /// It is each of these: by the name in its certificate, by DICE, by the caller. Without one it is unknown: then the
    /// reference values have to be about one environment only.
    Known(&'e [Environment<'a>]),
    /// The caller says that the reference values are about it, whatever their environment.
    Any,
}

/// How much of a device the evidence is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "all or not all")]
pub enum Extent {
    /// All measurements: what is expected and not there, is missing.
    Whole,
    /// Those that were asked for.
    Part,
}

/// What is compared.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Evidence<'e, 'a> {
    /// What the measurement record is of.
    pub environments: Environments<'e, 'a>,
    /// The elements: at most [`MAX_ELEMENTS`].
    pub elements: &'e [Element<'a>],
    /// The leaf key, and each key of its chain.
    pub keys: &'e [EvidenceKey<'a>],
    /// How much of the device they are.
    pub extent: Extent,
}

/// What the reference values say of an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "these three are all")]
pub enum Outcome {
    /// It is as expected.
    Match,
    /// It is not.
    Mismatch,
    /// Nothing is expected of it.
    None,
}

/// What the reference values say of the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// At least one element matches, none does not, and nothing is missing.
    Match,
    /// An element does not match, or is missing, or none matches.
    Mismatch,
    /// None of the states is about this device.
    NotAbout {
        /// How many there are.
        states: u32,
    },
    /// Nothing is known of the device, and the states are about several.
    Undecidable {
        /// How many there are.
        states: u32,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match => f.write_str("the measurements are as expected"),
            Self::Mismatch => f.write_str("the measurements are not as expected"),
            Self::NotAbout { states } => {
                write!(f, "none of the {states} reference states is about this device")
            }
            Self::Undecidable { states } => write!(
                f,
                "the {states} reference states are about several devices, and nothing says which of them this is"
            ),
        }
    }
}

/// More than [`MAX_ELEMENTS`] elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there are more than 256 elements to compare")
    }
}

impl core::error::Error for TooMany {}

/// What reference states say of evidence.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    named: Set,
    matched: Set,
    states: u32,
    applicable: u32,
    missing: u32,
    is_undecidable: bool,
    is_assumed: bool,
}

impl Comparison {
    /// Compares. States of several files can be chained; their order does not matter.
    ///
    /// Takes time in proportion to the reference values and, where elements are beside those of a measurement record, to
    /// their number.
    ///
    /// # Errors
    /// [`TooMany`] elements.
    pub fn new<'s>(
        evidence: &Evidence<'_, '_>,
        states: impl Iterator<Item = ReferenceState<'s>> + Clone,
        provider: &Provider,
    ) -> Result<Self, TooMany> {
        let judge = Judge::new(evidence, provider)?;
        let mut comparison = Self {
            named: Set::EMPTY,
            matched: Set::EMPTY,
            states: 0,
            applicable: 0,
            missing: 0,
            is_undecidable: false,
            is_assumed: false,
        };
        let mut first = None;
        let mut lacks_any = false;
        for state in states.clone() {
            comparison.states = comparison.states.saturating_add(1);
            // What is about no environment is about every device, so that nothing has to be decided or assumed.
            if judge.is_unknown && state.environment != Environment::default() {
                let environment = *first.get_or_insert(state.environment);
                comparison.is_undecidable |= environment != state.environment;
                comparison.is_assumed = true;
            }
            if !judge.is_about(&state) {
                continue;
            }
            comparison.applicable = comparison.applicable.saturating_add(1);
            let judged = judge.state(&state);
            comparison.named.add_all(&judged.named);
            if judged.is_whole {
                comparison.matched.add_all(&judged.named);
            }
            lacks_any |= judged.lacks > 0;
        }
        if lacks_any && evidence.extent == Extent::Whole {
            let missing = &mut comparison.missing;
            judge.missing(states, &comparison.matched, |_, _| *missing = missing.saturating_add(1));
        }
        Ok(comparison)
    }

    /// Tells `each` every value of an element that the evidence lacks, with its state: as many as [`Self::missing`] says,
    /// where the arguments are those of [`Self::new`] and the extent is [`Extent::Whole`].
    ///
    /// # Errors
    /// [`TooMany`] elements.
    pub fn each_missing<'s>(
        &self,
        evidence: &Evidence<'_, '_>,
        states: impl Iterator<Item = ReferenceState<'s>>,
        provider: &Provider,
        each: impl FnMut(&ReferenceState<'s>, &ReferenceValue<'s>),
    ) -> Result<(), TooMany> {
        Judge::new(evidence, provider)?.missing(states, &self.matched, each);
        Ok(())
    }

    /// What is said of the device.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let states = self.states;
        if self.is_undecidable {
            Verdict::Undecidable { states }
        } else if self.applicable == 0 {
            Verdict::NotAbout { states }
        } else if self.missing == 0 && self.named == self.matched && self.matched != Set::EMPTY {
            Verdict::Match
        } else {
            Verdict::Mismatch
        }
    }

    /// What is said of the element at this place of [`Evidence::elements`].
    #[must_use]
    pub fn outcome(&self, place: usize) -> Outcome {
        match (self.named.has(place), self.matched.has(place)) {
            (_, true) => Outcome::Match,
            (true, false) => Outcome::Mismatch,
            (false, false) => Outcome::None,
        }
    }

    /// How many states are about the device.
    #[must_use]
    pub const fn applicable(&self) -> u32 {
        self.applicable
    }

    /// How many values are of elements that the evidence lacks, in states that have no alternative which matches.
    #[must_use]
    pub const fn missing(&self) -> u32 {
        self.missing
    }

    /// Nothing is known of the device: that the states are about it, was assumed because they are about one only.
    #[must_use]
    pub const fn is_environment_assumed(&self) -> bool {
        self.is_assumed
    }
}

/// An alternative for an element.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Alternative<'r, 'a> {
    /// The state that it is in.
    pub state: &'r ReferenceState<'a>,
    /// What is expected.
    pub value: &'r ReferenceValue<'a>,
    /// What differs; `None`: this value is as expected, which alone does not make the state match.
    pub difference: Option<Difference>,
}

/// Tells `each` what is expected of the elements: every alternative, with the place of the element in
/// [`Evidence::elements`], in the order of the states. Takes time in proportion to the reference values, as
/// [`Comparison::new`] does.
///
/// # Errors
/// [`TooMany`] elements.
pub fn alternatives<'s>(
    evidence: &Evidence<'_, '_>,
    states: impl Iterator<Item = ReferenceState<'s>>,
    provider: &Provider,
    mut each: impl FnMut(usize, Alternative<'_, 's>),
) -> Result<(), TooMany> {
    let judge = Judge::new(evidence, provider)?;
    for state in states.filter(|state| judge.is_about(state)) {
        state.values.each(|value| {
            for (place, element) in judge.places_of(&state, value) {
                let difference = satisfy(value, &element.claims, judge.keys, provider).err();
                each(place, Alternative { state: &state, value, difference });
            }
        });
    }
    Ok(())
}

impl Evidence<'_, '_> {
    /// Whether reference values for this environment are about the device. Where nothing says what it is, all are.
    #[must_use]
    pub fn is_in(&self, wanted: &Environment<'_>) -> bool {
        let mut own = self.elements.iter().filter_map(|element| element.environment);
        is_record_in(self.environments, self.is_unknown(), wanted)
            || own.any(|own| is_of_own(&own, wanted))
    }

    /// Whether nothing says what it is of.
    fn is_unknown(&self) -> bool {
        matches!(self.environments, Environments::Known([]))
            && self.elements.iter().all(|element| element.environment.is_none())
    }
}

fn is_record_in(
    environments: Environments<'_, '_>,
    is_unknown: bool,
    wanted: &Environment<'_>,
) -> bool {
    match environments {
        Environments::Any => true,
        Environments::Known([]) => is_unknown || *wanted == Environment::default(),
        Environments::Known(known) => known.iter().any(|device| wanted.covers(device)),
    }
}

/// Whether an element that names its environment is of a wanted one. Where no environment is wanted, the measurement record
/// is meant: what a manifest claims of other elements cannot make up for a block that is not there.
fn is_of_own(own: &Environment<'_>, wanted: &Environment<'_>) -> bool {
    *wanted != Environment::default() && wanted.covers(own)
}

/// The evidence with a table of its measurement indices.
#[derive(Clone, Copy)]
struct Judge<'e, 'a> {
    environments: Environments<'e, 'a>,
    elements: &'e [Element<'a>],
    keys: &'e [EvidenceKey<'a>],
    provider: &'e Provider,
    is_unknown: bool,
    /// The place of each measurement block, by its index.
    places: [Option<u8>; 256],
    /// The elements that are not in that table.
    others: Set,
}

/// A state, judged.
struct Judged {
    /// The elements that it names.
    named: Set,
    /// How many of its values are of elements that are not there.
    lacks: u32,
    /// Whether every value matches.
    is_whole: bool,
}

impl<'e, 'a> Judge<'e, 'a> {
    fn new(evidence: &Evidence<'e, 'a>, provider: &'e Provider) -> Result<Self, TooMany> {
        let Evidence { environments, elements, keys, .. } = *evidence;
        if elements.len() > MAX_ELEMENTS {
            return Err(TooMany);
        }
        let (mut places, mut others) = ([None; 256], Set::EMPTY);
        for (place, element) in (0_u8..=u8::MAX).zip(elements) {
            let slot = element.index().and_then(|index| places.get_mut(usize::from(index)));
            match slot {
                Some(slot @ None) => *slot = Some(place),
                // A record has an index once; what comes twice is looked at like anything else.
                _ => others.add(place.into()),
            }
        }
        let is_unknown = evidence.is_unknown();
        Ok(Self { environments, elements, keys, provider, is_unknown, places, others })
    }

    fn is_in(&self, element: &Element<'_>, wanted: &Environment<'_>) -> bool {
        match &element.environment {
            Some(own) => is_of_own(own, wanted),
            None => is_record_in(self.environments, self.is_unknown, wanted),
        }
    }

    /// Whether a state is about any of the elements' environments. Those that name one of their own are among the others.
    fn is_about(&self, state: &ReferenceState<'_>) -> bool {
        is_record_in(self.environments, self.is_unknown, &state.environment)
            || self.others.places().any(|place| {
                let own = self.elements.get(place).and_then(|element| element.environment);
                own.is_some_and(|own| is_of_own(&own, &state.environment))
            })
    }

    fn is_of(
        &self,
        element: &Element<'_>,
        state: &ReferenceState<'_>,
        value: &ReferenceValue<'_>,
    ) -> bool {
        element.id == value.id && self.is_in(element, &state.environment)
    }

    /// The places of the elements that a value is of.
    fn places_of(
        &self,
        state: &ReferenceState<'_>,
        value: &ReferenceValue<'_>,
    ) -> impl Iterator<Item = (usize, &'e Element<'a>)> {
        let in_table = match value.id {
            ElementId::Index(index) => usize::try_from(index).ok(),
            _ => None,
        };
        let place = in_table.and_then(|index| *self.places.get(index)?).map(usize::from);
        let places = place.into_iter().chain(self.others.places());
        let elements = self.elements;
        places
            .filter_map(move |place| Some((place, elements.get(place)?)))
            .filter(move |(_, element)| self.is_of(element, state, value))
    }

    fn state(&self, state: &ReferenceState<'_>) -> Judged {
        let mut judged = Judged { named: Set::EMPTY, lacks: 0, is_whole: true };
        let mut is_empty = true;
        state.values.each(|value| {
            is_empty = false;
            let (mut is_there, mut all_satisfy) = (false, true);
            // All of them: a manifest that claims the right digest of an element cannot make up for the block of it.
            for (place, element) in self.places_of(state, value) {
                is_there = true;
                judged.named.add(place);
                all_satisfy &= satisfy(value, &element.claims, self.keys, self.provider).is_ok();
            }
            judged.is_whole &= is_there && all_satisfy;
            judged.lacks = judged.lacks.saturating_add(u32::from(!is_there));
        });
        judged.is_whole &= !is_empty;
        judged
    }

    /// Tells `each` the values of elements that are not there, in states without an alternative that matches: one which
    /// names an element of theirs.
    fn missing<'s>(
        &self,
        states: impl Iterator<Item = ReferenceState<'s>>,
        matched: &Set,
        mut each: impl FnMut(&ReferenceState<'s>, &ReferenceValue<'s>),
    ) {
        for state in states.filter(|state| self.is_about(state)) {
            let judged = self.state(&state);
            if judged.is_whole || judged.lacks == 0 || judged.named.meets(matched) {
                continue;
            }
            state.values.each(|value| {
                if self.places_of(&state, value).next().is_none() {
                    each(&state, value);
                }
            });
        }
    }
}

/// A set of places.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Set([u64; 4]);

impl Set {
    const EMPTY: Self = Self([0; 4]);

    fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn add_all(&mut self, other: &Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.into_iter().zip(other.0).any(|(word, other)| word & other != 0)
    }

    fn places(self) -> impl Iterator<Item = usize> {
        let end = if self == Self::EMPTY { 0 } else { MAX_ELEMENTS };
        (0..end).filter(move |place| self.has(*place))
    }
}
