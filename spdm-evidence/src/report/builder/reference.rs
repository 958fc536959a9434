//! What a report makes of reference values.

use spdm_codec::ContentChanged;
use spdm_requester::{AttestationCheck, CheckStatus, Proof};

use super::{ReportBuilder, place};
use crate::recorder::Recorder;
use crate::reference::{Reference, ReferenceFormat, ReferenceVerdict};
use crate::report::objection::Objection;
use crate::report::{ExitClass, ReferenceSummary, ReportErrorKind};

impl ReportBuilder {
    /// What the device signed besides its measurements, as the sink of the same connection heard it: the versions that SWID
    /// tags are about. To be called behind the flow that this report observed, and before [`Self::reference`].
    pub fn recorded(&mut self, recorder: &Recorder) -> &mut Self {
        let opaque = recorder
            .signed_opaque()
            .iter()
            .filter(|opaque| self.digest.as_ref().is_none_or(|digest| *digest == opaque.signer));
        let opaque = opaque.map(|opaque| opaque.bytes.clone()).collect();
        self.opaque(opaque)
    }

    /// OpaqueData of each MEASUREMENTS whose signature covers the measurements: to be called before [`Self::reference`].
    pub(crate) fn opaque(&mut self, opaque: Vec<Vec<u8>>) -> &mut Self {
        self.subject.opaque = opaque;
        self
    }

    /// Compares the measurements with reference values, and demands that they match: to be called behind
    /// [`Self::measurements`] and [`Self::possession`], for unsigned measurements match nothing.
    ///
    /// Where the device says that something changed while it was read, the check fails: what was compared is not what
    /// the device holds by now, and it does not say which of the values is meant.
    pub fn reference(&mut self, reference: &Reference<'_>) -> &mut Self {
        let check = AttestationCheck::MeasurementsReference;
        self.require(check);
        self.reference = Some(ReferenceSummary::of(reference));
        if self.reference_files(reference) == CheckStatus::Fail {
            return self.skip(check, "not compared, for a file of reference values does not count");
        }
        if !self.proven.get(place(Proof::Measurements)).is_some_and(|proven| *proven) {
            let why = AttestationCheck::MEASUREMENTS.iter().find_map(|of_message| {
                let (status, why) = self.results.get(of_message)?;
                (*status == CheckStatus::Skipped).then(|| why.clone())
            });
            return self.skip(check, why.unwrap_or_else(|| "no signed measurements".to_owned()));
        }
        self.subject.hash = self.measurement_hash();
        let (subject, provider) = (&self.subject, &self.provider);
        let mut compared = reference.compare(&mut self.measurements, subject, provider);
        if compared.verdict == ReferenceVerdict::Match
            && let Err(before) = reference.check(&mut self.measured_before, subject, provider)
        {
            compared = before;
        }
        if let Some(summary) = &mut self.reference {
            summary.verdict = compared.verdict;
        }
        let mismatch = match (compared.verdict, self.content_changed) {
            (ReferenceVerdict::Match, ContentChanged::Changed) => {
                "measurements changed while they were read, as the device says: the values may be \
                 out of date"
                    .to_owned()
            }
            (ReferenceVerdict::Match, _) => return self.pass(check, compared.told),
            _ => compared.told,
        };
        self.fail(check, mismatch.clone());
        let kind = ReportErrorKind::Reference;
        self.contest(check, Objection::new(kind, mismatch, ExitClass::Rejected))
    }

    /// Decides over signature and validity of each file that can have them. Whether all of them count.
    fn reference_files(&mut self, reference: &Reference<'_>) -> CheckStatus {
        let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
        let mut status = CheckStatus::Pass;
        for file in &reference.files {
            if file.format() == ReferenceFormat::Json {
                continue;
            }
            match (file.refusal(), file.signer()) {
                (Some(refusal), _) => {
                    status = CheckStatus::Fail;
                    let why = format!("{}: {}", file.name(), refusal.why);
                    self.fail(refusal.check, why.clone());
                    let kind = ReportErrorKind::Reference;
                    self.object(Objection::new(kind, why, ExitClass::Rejected));
                }
                (None, Some((signer, _))) => signed.push(format!("{}: {signer}", file.name())),
                (None, None) => unsigned.push(file.name()),
            }
        }
        let (signature, validity) =
            (AttestationCheck::ReferenceSignature, AttestationCheck::ReferenceValidity);
        if !signed.is_empty() {
            self.pass(signature, format!("signed by a trusted key: {}", signed.join(", ")));
        }
        if !unsigned.is_empty() {
            self.skip(signature, format!("nobody signed {}", unsigned.join(", ")));
        }
        if !signed.is_empty() || !unsigned.is_empty() {
            self.pass(validity, "no file says that its time is over, or still to come");
        }
        status
    }
}
