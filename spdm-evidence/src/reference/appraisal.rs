//! Measurements against reference values.

use std::collections::BTreeSet;

use serde::Serialize;
use spdm_appraisal::{
    Comparison, Element, ElementId, Environment, Environments, Evidence, EvidenceKey, Extent,
    MAX_ELEMENTS, Outcome, Verdict, alternatives,
};
use spdm_crypto::Provider;

use super::environment::DeviceEnvironment;
use super::expected::{ExpectedValue, MissingValue, missing_words};
use super::file::{ReferenceFile, ReferenceFormat, SignerKind};
use super::subject::Subject;
use crate::error::Error;
use crate::report::{MeasuredValue, ReferenceStatus};

/// What the measurements of a device should be: files of any formats, whose states are taken together.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct Reference<'f> {
    /// The files, at least one. Each of them has to be about the device.
    pub files: Vec<ReferenceFile<'f>>,
    /// What the device is, beside what its certificate says.
    pub environment: DeviceEnvironment,
    /// Whether measurements may lack a reference value.
    pub completeness: Completeness,
}

/// Whether measurements may lack a reference value.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "they may or may not")]
pub enum Completeness {
    /// They may, as long as at least one has one.
    #[default]
    Some,
    /// Each must have one.
    Every,
}

/// What reference values say of the measurements.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReferenceVerdict {
    /// They are as expected.
    Match,
    /// One is not, or is missing, or none is.
    Mismatch,
    /// They are as expected, but one that must have a reference value has none.
    Incomplete,
    /// A file is about other devices.
    NotAbout,
    /// Nothing says what the device is, and the values are about several.
    Undecidable,
    /// They were not compared.
    NotCompared,
}

/// A comparison, in words.
pub(crate) struct Appraised {
    pub(crate) verdict: ReferenceVerdict,
    /// One sentence: what matches, or all that does not.
    pub(crate) told: String,
}

impl<'f> Reference<'f> {
    /// These files, for a device that is known by its certificate.
    #[must_use]
    pub fn new(files: Vec<ReferenceFile<'f>>) -> Self {
        let (environment, completeness) = Default::default();
        Self { files, environment, completeness }
    }

    /// Reads one file of JSON (`docs/schema/reference.json`).
    ///
    /// # Errors
    /// [`Error::Json`] and [`Error::Hex`]; also where there is no value at all, for that would let every device pass.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        Ok(Self::new(vec![ReferenceFile::read_json("the reference values", json)?]))
    }

    /// Marks every measured value, and says what matches, or all that does not. No file may be refused.
    pub(crate) fn compare(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
    ) -> Appraised {
        self.judge(measured, subject, provider, Extent::Whole)
    }

    /// As [`Self::compare`], for measurements that need not be all, and however many: none of them may differ.
    pub(crate) fn check(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
    ) -> Result<(), Appraised> {
        for part in measured.chunks_mut(MAX_ELEMENTS) {
            let appraised = self.judge(part, subject, provider, Extent::Part);
            let differs = part.iter().any(|value| value.reference == ReferenceStatus::Mismatch);
            match appraised.verdict {
                ReferenceVerdict::Match => {}
                // None of them matches, for nothing is expected of them.
                ReferenceVerdict::Mismatch if !differs => {}
                _ => return Err(appraised),
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        measured: &mut [MeasuredValue],
        subject: &Subject,
        provider: &Provider,
        extent: Extent,
    ) -> Appraised {
        if let Some(appraised) = self.misfit(subject) {
            return appraised;
        }
        let (environments, keys) = (self.environments(subject), subject.keys());
        let mut elements = measured.iter().map(|value| subject.element(value)).collect();
        // What the device claims is in the latest record, of which a part says nothing.
        if extent == Extent::Whole {
            elements = subject.with_claimed(elements);
        }
        if self.environment != DeviceEnvironment::Any {
            elements.retain(|element| !is_of_another(element, &environments));
        }
        let evidence = self.evidence(&environments, &elements, &keys, extent);
        let states = || self.files.iter().flat_map(|file| file.states(subject));
        let comparison = match Comparison::new(&evidence, states(), provider) {
            Ok(comparison) => comparison,
            Err(error) => return Appraised::new(ReferenceVerdict::NotCompared, error.to_string()),
        };
        let verdict = comparison.verdict();
        let mut expected: Vec<Vec<_>> = vec![Vec::new(); measured.len()];
        let collected = alternatives(&evidence, states(), provider, |place, alternative| {
            // Of a device that is as expected, it tells nobody anything what it could have been.
            let is_expected = verdict == Verdict::Match;
            if is_expected
                && alternative.difference.is_some()
                && comparison.outcome(place) == Outcome::Match
            {
                return;
            }
            if let (Some(all), Some(value)) = (expected.get_mut(place), measured.get(place)) {
                all.push(ExpectedValue::of(&alternative, value, subject));
            }
        });
        let mut missing = BTreeSet::new();
        let lacking = match comparison.missing() {
            0 => Ok(()),
            _ => comparison.each_missing(&evidence, states(), provider, |_, value| {
                missing.insert(missing_words(&value.id, &value.claims));
            }),
        };
        if let Err(error) = collected.and(lacking) {
            return Appraised::new(ReferenceVerdict::NotCompared, error.to_string());
        }
        let elsewhere = self
            .files
            .iter()
            .find(|file| !file.states(subject).any(|state| evidence.is_in(&state.environment)));
        let is_undecidable = matches!(verdict, Verdict::Undecidable { .. });
        let statuses: Vec<_> =
            (0..measured.len()).map(|place| status(comparison.outcome(place))).collect();
        let claimed = elements.iter().enumerate().skip(measured.len());
        let claimed = claimed.filter(|(place, _)| comparison.outcome(*place) == Outcome::Mismatch);
        let claimed: Vec<_> = claimed.map(|(_, element)| claimed_words(element)).collect();
        drop(elements);
        for ((value, mut all), status) in measured.iter_mut().zip(expected).zip(statuses) {
            all.sort_by_key(|(distance, _)| *distance);
            value.expected = all.into_iter().map(|(_, expected)| expected).collect();
            value.reference = status;
        }
        match (verdict, elsewhere) {
            (_, Some(file)) if !is_undecidable => Appraised::new(
                ReferenceVerdict::NotAbout,
                format!(
                    "none of the {} reference states of {} is about this device ({})",
                    file.state_count(),
                    file.name(),
                    self.device(subject)
                ),
            ),
            (Verdict::Match, _) => self.complete(measured, &comparison),
            (Verdict::Mismatch, _) => {
                let missing: Vec<_> = missing.into_iter().collect();
                let differs = |value: &MeasuredValue| value.reference == ReferenceStatus::Mismatch;
                let of_record = !missing.is_empty() || measured.iter().any(differs);
                let mut told = Vec::new();
                if of_record || claimed.is_empty() {
                    told.push(self.differences(measured, &missing));
                }
                if !claimed.is_empty() {
                    let names = claimed.join(", ");
                    told.push(format!("the device claims what is not expected: {names}"));
                }
                let told = told.join("; ");
                Appraised::new(ReferenceVerdict::Mismatch, told)
            }
            (Verdict::Undecidable { .. }, _) => {
                Appraised::new(ReferenceVerdict::Undecidable, verdict.to_string())
            }
            (other, _) => Appraised::new(ReferenceVerdict::NotAbout, other.to_string()),
        }
    }

    /// Files that cannot be compared with this device, or not together.
    fn misfit(&self, subject: &Subject) -> Option<Appraised> {
        if let Some(told) = self.files.iter().find_map(|file| file.misfit(subject)) {
            return Some(Appraised::new(ReferenceVerdict::NotAbout, told));
        }
        let mut rest = &self.files[..];
        while let [file, others @ ..] = rest {
            for other in others {
                if let Some(index) = file.overlap(other) {
                    let (file, other) = (file.name(), other.name());
                    let told =
                        format!("both {file} and {other} expect something of measurement {index}");
                    return Some(Appraised::new(ReferenceVerdict::NotCompared, told));
                }
            }
            rest = others;
        }
        None
    }

    fn environments<'s>(&'s self, subject: &'s Subject) -> Vec<Environment<'s>> {
        let asserted = match &self.environment {
            DeviceEnvironment::Asserted(asserted) => Some(asserted.environment()),
            DeviceEnvironment::OfCertificate | DeviceEnvironment::Any => None,
        };
        subject.environments().chain(asserted).collect()
    }

    fn evidence<'e, 'a>(
        &self,
        environments: &'e [Environment<'a>],
        elements: &'e [Element<'a>],
        keys: &'e [EvidenceKey<'a>],
        extent: Extent,
    ) -> Evidence<'e, 'a> {
        let environments = match self.environment {
            DeviceEnvironment::Any => Environments::Any,
            DeviceEnvironment::OfCertificate | DeviceEnvironment::Asserted(_) => {
                Environments::Known(environments)
            }
        };
        Evidence { environments, elements, keys, extent }
    }

    /// What the device is, for a sentence.
    fn device(&self, subject: &Subject) -> String {
        match &self.environment {
            DeviceEnvironment::Asserted(asserted) => {
                format!("{subject}; asserted: {asserted}")
            }
            DeviceEnvironment::OfCertificate | DeviceEnvironment::Any => subject.to_string(),
        }
    }

    /// Nothing differs: whether every measurement has a reference value, where that is asked.
    fn complete(&self, measured: &[MeasuredValue], comparison: &Comparison) -> Appraised {
        let without = measured.iter().filter(|value| value.reference == ReferenceStatus::None);
        let without: Vec<String> =
            without.map(|value| format!("{} ({})", value.index, value.kind)).collect();
        if self.completeness == Completeness::Every && !without.is_empty() {
            let told = format!("measurements without a reference value: {}", without.join(", "));
            return Appraised::new(ReferenceVerdict::Incomplete, told);
        }
        let matching = measured.iter().filter(|value| value.reference == ReferenceStatus::Match);
        let about = match (&self.environment, comparison.is_environment_assumed()) {
            (DeviceEnvironment::Any, _) => "; what they are about was not looked at".to_owned(),
            (DeviceEnvironment::Asserted(asserted), _) => {
                format!("; that it is {asserted} is asserted")
            }
            (DeviceEnvironment::OfCertificate, true) => {
                "; that they are about this device is assumed, for nothing says what it is"
                    .to_owned()
            }
            (DeviceEnvironment::OfCertificate, false) => String::new(),
        };
        let count = matching.count();
        let authorities = self.authorities();
        let told =
            format!("{count} measurements match the reference values of {authorities}{about}");
        Appraised::new(ReferenceVerdict::Match, told)
    }

    /// Whose reference values they are, as the end of a sentence.
    fn authorities(&self) -> String {
        let files = self.files.iter().map(|file| {
            let signer = match file.signer() {
                Some((signer, SignerKind::GivenKey)) => format!("signed by {signer} (a given key)"),
                Some((signer, SignerKind::Chain)) => format!("signed by {signer}"),
                None => "which nobody signed".to_owned(),
            };
            format!("{}, {signer}", file.name())
        });
        files.collect::<Vec<_>>().join(", and ")
    }

    /// What differs and what is missing, all of it by index.
    fn differences(&self, measured: &[MeasuredValue], missing: &[MissingValue]) -> String {
        let differing: Vec<&MeasuredValue> =
            measured.iter().filter(|v| v.reference == ReferenceStatus::Mismatch).collect();
        match (&differing[..], missing) {
            ([], []) => format!("no measurement is what {} expects", self.names()),
            ([one], []) => {
                let MeasuredValue { index, kind, value, expected, .. } = one;
                let Some(first) = expected.first().filter(|first| first.difference.is_some())
                else {
                    return format!(
                        "measurement {index} ({kind}) is an expected value, but not together with the others"
                    );
                };
                let first = first.words();
                let more = match expected.len() {
                    0 | 1 => String::new(),
                    2 => " or another value".to_owned(),
                    count => format!(" or one of {} other values", count.saturating_sub(1)),
                };
                let got = hex::encode(value);
                format!("measurement {index} ({kind}) is {got}, but {first}{more} is expected")
            }
            ([], [one @ MissingValue { index: Some(_), .. }]) if self.is_own() => {
                format!("the {} of measurement {} is missing", one.form, one.name)
            }
            _ => self.many(&differing, missing),
        }
    }

    fn many(&self, differing: &[&MeasuredValue], missing: &[MissingValue]) -> String {
        let differing: Vec<String> =
            differing.iter().map(|value| format!("{} ({})", value.index, value.kind)).collect();
        let missing: Vec<String> =
            missing.iter().map(|value| format!("{} ({})", value.name, value.form)).collect();
        let parts = [("not the expected values", differing), ("missing", missing)];
        let parts = parts.into_iter().filter(|(_, indices)| !indices.is_empty());
        let parts = parts.map(|(what, indices)| format!("{what}: {}", indices.join(", ")));
        format!("measurements that are {}", parts.collect::<Vec<_>>().join("; "))
    }

    /// Whether it is one file of JSON, whose values are no more than what the user wrote.
    fn is_own(&self) -> bool {
        matches!(&self.files[..], [file] if file.format() == ReferenceFormat::Json)
    }

    fn names(&self) -> String {
        let names = self.files.iter().map(ReferenceFile::name);
        names.collect::<Vec<_>>().join(" or ")
    }
}

impl Appraised {
    const fn new(verdict: ReferenceVerdict, told: String) -> Self {
        Self { verdict, told }
    }
}

/// Whether a manifest claims an element of another vendor or model than what the device is known to be. It may have such a
/// part, but what is expected of another device cannot be fulfilled by claiming to be that one.
fn is_of_another(element: &Element<'_>, known: &[Environment<'_>]) -> bool {
    let Some(claimed) = &element.environment else { return false };
    let differs = |attribute: for<'e, 'a> fn(&'e Environment<'a>) -> Option<&'a str>| {
        let mut names = known.iter().filter_map(attribute).peekable();
        let value = attribute(claimed);
        value.is_some() && names.peek().is_some() && names.all(|name| Some(name) != value)
    };
    differs(|environment| environment.vendor) || differs(|environment| environment.model)
}

const fn status(outcome: Outcome) -> ReferenceStatus {
    match outcome {
        Outcome::Match => ReferenceStatus::Match,
        Outcome::Mismatch => ReferenceStatus::Mismatch,
        Outcome::None => ReferenceStatus::None,
    }
}

/// An element of a manifest, as a sentence names it.
fn claimed_words(element: &Element<'_>) -> String {
    let id = match element.id {
        ElementId::Index(index) => format!("element {index}"),
        ElementId::Name(name) => format!("element \"{}\"", name.escape_debug()),
        _ => "an element without an index".to_owned(),
    };
    let environment = element.environment.unwrap_or_default();
    let names = [environment.vendor, environment.model].into_iter().flatten();
    let names = names.map(|name| name.escape_debug().to_string()).collect::<Vec<_>>().join(" ");
    if names.is_empty() { id } else { format!("{id} of {names}") }
}

#[cfg(test)]
mod tests {
    use spdm_codec::{DmtfMeasurement, MeasurementForm, MeasurementType};
    use spdm_crypto::rustcrypto::PROVIDER;

    use super::super::Subject;
    use super::{MAX_ELEMENTS, Reference};
    use crate::report::MeasuredValue;

    fn digest(index: u8, first: u8, second: u8) -> MeasuredValue {
        let mut value = [first; 48];
        value[1] = second;
        let (value_type, form) = (MeasurementType::MutableFirmware, MeasurementForm::Digest);
        MeasuredValue::of_measurement(index, &DmtfMeasurement { value_type, form, value: &value })
    }

    /// A device that was measured again and again: however many values there are, each is judged.
    #[test]
    fn earlier_measurements_are_judged_however_many_there_are() {
        let expected = hex::encode(digest(1, 5, 5).value);
        let json = format!(r#"{{"measurements": [{{"index": 1, "value": "{expected}"}}]}}"#);
        let reference = Reference::read(json.as_bytes()).unwrap();
        let check = |values: &[MeasuredValue]| {
            let judged = reference.check(&mut values.to_vec(), &Subject::default(), &PROVIDER);
            judged.map_err(|appraised| appraised.told)
        };
        // Of the others nothing is expected.
        let others = (0..=u8::MAX).flat_map(|number| [digest(2, 1, number), digest(2, 2, number)]);
        let mut values: Vec<_> = others.collect();
        assert!(values.len() > MAX_ELEMENTS);
        assert_eq!(check(&values), Ok(()));
        for place in [0, MAX_ELEMENTS - 1, MAX_ELEMENTS, values.len() - 1] {
            values[place] = digest(1, 5, 5);
        }
        assert_eq!(check(&values), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        for place in [0, MAX_ELEMENTS - 1, MAX_ELEMENTS, values.len() - 1] {
            let mut changed = values.clone();
            changed[place] = digest(1, 5, 6);
            let told = check(&changed).unwrap_err();
            assert!(told.contains("1 (mutable_firmware)"), "{told}");
        }
    }
}
