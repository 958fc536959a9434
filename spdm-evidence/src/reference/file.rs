//! A file of reference values, of any format.

use serde::Serialize;
use spdm_appraisal::{
    Authority, Corim, Dialect, ReferenceState, ReferenceTrust, ReferenceValue, ReferenceValues,
    Swid, SwidStates,
};
use spdm_requester::AttestationCheck;
use spdm_untrusted::Untrusted;

use super::own::OwnValues;
use super::subject::Subject;
use crate::error::Error;

/// The format of a file of reference values.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReferenceFormat {
    /// JSON as `docs/schema/reference.json` describes it, which nobody signs.
    Json,
    /// CoRIM (draft-ietf-rats-corim).
    Corim,
    /// A SWID tag of NVIDIA's: XML with a signature.
    Swid,
}

impl ReferenceFormat {
    /// The format of a file, by its first bytes: a CoRIM begins with the head of a CBOR tag, XML with an angle bracket.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xC0..=0xDF, ..] => Self::Corim,
            [b'<', ..] => Self::Swid,
            _ => Self::Json,
        }
    }
}

/// A file of reference values that can be read. Whether it counts is another matter: where its signature, its signer or its
/// validity does not hold, a report says so, and nothing is compared.
#[derive(Clone, Debug)]
pub struct ReferenceFile<'f> {
    name: &'f str,
    pub(super) content: Result<Content<'f>, Refusal>,
    format: ReferenceFormat,
}

/// The reference values of a file.
#[derive(Clone, Debug)]
pub(super) enum Content<'f> {
    Own(OwnValues),
    Corim { corim: Corim<'f>, states: Vec<KeptState<'f>> },
    Swid(Swid),
}

/// A state whose values were decoded once: a comparison goes through all of them several times.
#[derive(Clone, Debug)]
pub(super) struct KeptState<'f> {
    state: ReferenceState<'f>,
    values: Vec<ReferenceValue<'f>>,
}

impl<'f> KeptState<'f> {
    fn of(state: ReferenceState<'f>) -> Self {
        Self { state, values: state.values.iter().collect() }
    }

    fn state(&self) -> ReferenceState<'_> {
        ReferenceState { values: ReferenceValues::list(&self.values), ..self.state }
    }
}

/// Why a file that can be read does not count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// The check that fails.
    pub(crate) check: AttestationCheck,
    pub(crate) why: String,
    /// The group of the broken rule ([`spdm_appraisal::Error::clause`]).
    pub(crate) clause: &'static str,
}

/// What more than the file is needed to verify it: the header and RootHash of a chain, and what surrounds a payload that is
/// signed.
const SCRATCH: usize = 256;

impl<'f> ReferenceFile<'f> {
    /// Reads a file of any format, and verifies its signature where it has one. `name` is shown in reports.
    ///
    /// Where `trust` names a signer, a CoRIM that nobody signed is refused: who replaces a file could leave the signature
    /// out. JSON has no signature; it counts as what it is, the word of the caller.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Hex`] and [`Error::Reference`]: the file cannot be read.
    pub fn read(
        name: &'f str,
        bytes: &'f [u8],
        dialect: Dialect,
        trust: &ReferenceTrust<'_>,
    ) -> Result<Self, Error> {
        let format = ReferenceFormat::of(bytes);
        let content = match format {
            ReferenceFormat::Json => Ok(Content::Own(OwnValues::read(bytes)?)),
            ReferenceFormat::Corim => {
                let mut scratch = vec![0; bytes.len() + SCRATCH];
                let corim = Corim::read(Untrusted::new(bytes), dialect, trust, &mut scratch);
                of_corim(corim.map(|corim| corim.named(name)), trust)?
            }
            ReferenceFormat::Swid => {
                let swid = Swid::read(Untrusted::new(bytes), trust);
                swid.map(|swid| Content::Swid(swid.named(name)))
                    .map_or_else(refused, |it| Ok(Ok(it)))?
            }
        };
        Ok(Self { name, content, format })
    }

    /// Reads JSON of this project.
    ///
    /// # Errors
    /// [`Error::Json`] and [`Error::Hex`].
    pub fn read_json(name: &'f str, json: &[u8]) -> Result<Self, Error> {
        let content = Ok(Content::Own(OwnValues::read(json)?));
        Ok(Self { name, content, format: ReferenceFormat::Json })
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'f str {
        self.name
    }

    /// Its format.
    #[must_use]
    pub const fn format(&self) -> ReferenceFormat {
        self.format
    }

    /// Who signed it, escaped, and whether the caller gave the key; `None` where nobody did, or where it does not count.
    pub(crate) fn signer(&self) -> Option<(String, SignerKind)> {
        match self.authority() {
            Authority::Key { signer, .. } => Some((escaped(signer), SignerKind::GivenKey)),
            Authority::Chain { signer, .. } => Some((escaped(signer), SignerKind::Chain)),
            _ => None,
        }
    }

    fn authority(&self) -> Authority<'_> {
        match &self.content {
            Ok(Content::Corim { corim, .. }) => corim.authority(),
            Ok(Content::Swid(swid)) => swid.authority(),
            Ok(Content::Own(_)) | Err(_) => Authority::None,
        }
    }

    /// The group of the rule that it breaks ([`spdm_appraisal::Error::clause`]), and a sentence; `None` where it counts.
    #[must_use]
    pub fn refused(&self) -> Option<(&'static str, &str)> {
        self.refusal().map(|refusal| (refusal.clause, refusal.why.as_str()))
    }

    /// Why it does not count; `None` where it does.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        self.content.as_ref().err()
    }

    pub(crate) fn state_count(&self) -> u32 {
        match &self.content {
            Ok(Content::Own(own)) => own.state_count(),
            Ok(Content::Corim { corim, .. }) => corim.state_count(),
            Ok(Content::Swid(swid)) => swid.states().count().try_into().unwrap_or(u32::MAX),
            Err(_) => 0,
        }
    }

    /// How much is in it that is no reference value.
    pub(crate) fn ignored(&self) -> u32 {
        let ignored = match &self.content {
            Ok(Content::Corim { corim, .. }) => corim.ignored(),
            Ok(Content::Swid(swid)) => return swid.inactive(),
            Ok(Content::Own(_)) | Err(_) => return 0,
        };
        let parts = [ignored.coswids, ignored.tags, ignored.triples, ignored.entries];
        parts.into_iter().fold(0, u32::saturating_add)
    }

    /// Its reference states for this device, in their order.
    pub(super) fn states<'s>(
        &'s self,
        subject: &'s Subject,
    ) -> impl Iterator<Item = ReferenceState<'s>> + Clone {
        let swid = self.swid().and_then(|swid| swid_states(swid, subject).ok());
        self.states_beside(subject, swid)
    }

    /// Its reference states, in their order, whatever version of firmware they are for.
    pub(super) fn all_states<'s>(
        &'s self,
        subject: &'s Subject,
    ) -> impl Iterator<Item = ReferenceState<'s>> + Clone {
        self.states_beside(subject, self.swid().map(Swid::states))
    }

    fn states_beside<'s>(
        &'s self,
        subject: &'s Subject,
        swid: Option<SwidStates<'s>>,
    ) -> impl Iterator<Item = ReferenceState<'s>> + Clone {
        let (own, corim) = match &self.content {
            Ok(Content::Own(own)) => (Some(own), None),
            Ok(Content::Corim { states, .. }) => (None, Some(states)),
            Ok(Content::Swid(_)) | Err(_) => (None, None),
        };
        let own = own.into_iter().flat_map(move |own| own.states(self.name, subject));
        own.chain(corim.into_iter().flatten().map(KeptState::state))
            .chain(swid.into_iter().flatten())
    }

    const fn swid(&self) -> Option<&Swid> {
        match &self.content {
            Ok(Content::Swid(swid)) => Some(swid),
            Ok(_) | Err(_) => None,
        }
    }

    /// Why its states cannot be compared with the measurements of this device.
    pub(super) fn misfit(&self, subject: &Subject) -> Option<String> {
        let why = swid_states(self.swid()?, subject).err()?;
        Some(format!("{}: {why}", self.name))
    }

    /// The first measurement of which both files expect something, where that cannot be for one device.
    pub(super) fn overlap(&self, other: &Self) -> Option<u8> {
        self.swid()?.overlap(other.swid()?)
    }
}

/// How a signer is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SignerKind {
    /// By a key of the caller.
    GivenKey,
    /// By certificates.
    Chain,
}

fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

fn of_corim<'f>(
    read: Result<Corim<'f>, spdm_appraisal::Error>,
    trust: &ReferenceTrust<'_>,
) -> Result<Result<Content<'f>, Refusal>, Error> {
    let asks_for_signer = !trust.anchors.is_empty() || !trust.keys.is_empty();
    match read {
        Ok(corim) if corim.authority() == Authority::None && asks_for_signer => Ok(Err(Refusal {
            check: AttestationCheck::ReferenceSignature,
            why: "nobody signed it, and a signer is asked for".to_owned(),
            clause: "cose.signature",
        })),
        Ok(corim) => {
            let states = corim.states().map(KeptState::of).collect();
            Ok(Ok(Content::Corim { corim, states }))
        }
        Err(error) => refused(error),
    }
}

/// A file that can be read and does not count, or one that cannot be read.
fn refused<'f>(error: spdm_appraisal::Error) -> Result<Result<Content<'f>, Refusal>, Error> {
    match check_of(&error) {
        Some(check) => Ok(Err(Refusal { check, why: error.to_string(), clause: error.clause() })),
        None => Err(Error::Reference(error)),
    }
}

/// The states for the device that signed this of itself.
fn swid_states<'s>(swid: &'s Swid, subject: &'s Subject) -> Result<SwidStates<'s>, String> {
    let device = subject.nvidia()?;
    swid.states_of(&device, subject.model()).map_err(|mismatch| mismatch.to_string())
}

/// The check that an error decides; `None` where the file cannot be read, or not with this build.
fn check_of(error: &spdm_appraisal::Error) -> Option<AttestationCheck> {
    use spdm_appraisal::Rule;
    let rule = match error {
        spdm_appraisal::Error::Read(error) => error.rule,
        _ => return Some(AttestationCheck::ReferenceSignature),
    };
    match rule {
        Rule::NotYetValid | Rule::Expired => Some(AttestationCheck::ReferenceValidity),
        // What the caller gave, or what this build lacks.
        Rule::Key | Rule::Scratch | Rule::AlgUnknown | Rule::AlgBackend | Rule::HashEnvelope => {
            None
        }
        Rule::MetaMissing | Rule::MetaDiffers => Some(AttestationCheck::ReferenceSignature),
        rule if ["cose.", "xml.signature", "xml.digest"]
            .iter()
            .any(|group| rule.clause().starts_with(group)) =>
        {
            Some(AttestationCheck::ReferenceSignature)
        }
        _ => None,
    }
}
