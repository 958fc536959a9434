//! Which command reads a file that another one was given.

use std::path::Path;

use spdm_evidence::{Error, EvidenceReader, FileKind, Presumption, ReadOptions};

use crate::exit::Failure;
use crate::{decode, file};

/// The commands that read files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reader {
    Verify,
    Chain,
    Decode,
}

impl Reader {
    /// A file that the command cannot read, and the command that can.
    pub(crate) fn refuses(self, path: &Path, error: &Error) -> Failure {
        let name = file::name(path);
        let failure = Failure::usage(format!("{name}: {error}"));
        match error {
            Error::NotEvidence(kind) | Error::NotChain(kind) => {
                failure.with_hint(self.other(*kind, &name).as_deref())
            }
            _ => failure,
        }
    }

    /// The command that reads such a file, where it is another one.
    pub(crate) fn other(self, kind: FileKind, name: &str) -> Option<String> {
        let reader = match kind {
            FileKind::Capture | FileKind::Transcript | FileKind::Wrapper => Self::Verify,
            FileKind::Json if is_evidence(name) => Self::Verify,
            FileKind::Certificates | FileKind::Chain => Self::Chain,
            FileKind::PublicKey => {
                return Some(format!("--peer-key {name} gives spdm verify a device's public key"));
            }
            _ => return None,
        };
        // Standard input is read already.
        let is_other = reader != self && name != "-";
        is_other.then(|| match reader {
            Self::Chain => format!("spdm chain {name} judges certificates"),
            _ => format!("spdm verify {name} judges it"),
        })
    }
}

/// Evidence that cannot be read, and what helps: `given` is what the options say of its algorithms.
pub(crate) fn evidence_refused(path: &Path, error: &Error, given: &Presumption) -> Failure {
    let failure = Reader::Verify.refuses(path, error);
    let name = file::name(path);
    let inner = match error {
        Error::At { error, .. } => error,
        error => error,
    };
    let hint = match inner {
        Error::OtherAlgorithm { given: other, .. } => {
            let is_asym = given.asym.is_some_and(|asym| asym.name() == *other);
            let option = if is_asym { "--base-asym" } else { "--base-hash" };
            Some(format!("{option} contradicts the file: leave it out"))
        }
        Error::SignatureLength { fitting, .. } => {
            fitting.first().map(|name| format!("--base-asym {name} says so"))
        }
        Error::MissingEvidence => {
            Some(format!("--chain {name} gives evidence in another file its certificates"))
        }
        Error::Format | Error::NotEvidence(FileKind::Hex | FileKind::Message { .. })
            if decode::shows(path) =>
        {
            Some(format!("spdm decode {name} shows the messages in it"))
        }
        _ => return failure,
    };
    failure.with_hint(hint.as_deref())
}

/// Whether there is evidence in the file: JSON may be anything.
fn is_evidence(name: &str) -> bool {
    file::open(Path::new(name))
        .is_ok_and(|source| EvidenceReader::new(source, &ReadOptions::default()).is_ok())
}
