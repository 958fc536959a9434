//! What holds for a class of devices, files read once and shared by all threads.

use spdm_crypto::Provider;
use spdm_evidence::{Reference, sha256_hex};
use spdm_fleet::{Inputs as InputDigests, JobDigest};
use spdm_x509::{Anchor, Revocation};

use crate::args::ClassArgs;
use crate::attest::{Inputs, Round};
use crate::backend::Crypto;
use crate::console::Console;
use crate::examination::Waived;
use crate::exit::Failure;
use crate::host::Host;
use crate::time;
use crate::trust::Trust;

/// The options of a class, and what is in the files that they name.
#[derive(Debug)]
pub(crate) struct ClassInputs<'a> {
    args: &'a ClassArgs,
    waived: Waived,
    inputs: Inputs,
    trust: Trust,
    host: Option<Host>,
}

impl<'a> ClassInputs<'a> {
    /// Reads every file.
    pub(crate) fn read(
        args: &'a ClassArgs,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let ClassArgs { connection, options } = args;
        connection.check()?;
        if options.judge.token.eat_nonce.is_some() {
            return Err(Failure::usage("--eat-nonce: no nonce is used for several devices"));
        }
        let waived = options.waived()?;
        let inputs = Inputs::read(&options.judge, &options.trust, crypto, console)?;
        inputs.check_measurements(options)?;
        let trust = Trust::files(&options.trust, console)?;
        let host = Host::read(&options.identity, console)?;
        Ok(Self { waived, inputs, trust, host, args })
    }

    /// Adds everything that decides about a device of this class.
    pub(crate) fn digest(&self, provider: &Provider, digest: JobDigest) -> Option<JobDigest> {
        let options = format!("{:?}", self.args);
        let digest = digest.with(provider, "options", options.as_bytes())?;
        let mut files = self.trust.files_in().chain(self.inputs.files_in());
        files.try_fold(digest, |digest, (name, bytes)| digest.with(provider, name, bytes))
    }
}

/// The same, ready to attest.
#[derive(Debug)]
pub(crate) struct ClassRules<'c> {
    inputs: &'c ClassInputs<'c>,
    reference: Option<Reference<'c>>,
    token_keys: Vec<&'c [u8]>,
    anchors: Vec<Anchor<'c>>,
    revocations: Vec<Revocation<'c>>,
    /// SHA-256 of what outcomes name.
    pub(crate) digests: InputDigests,
}

impl<'c> ClassRules<'c> {
    /// Verifies the files of reference values.
    pub(crate) fn new(inputs: &'c ClassInputs<'c>, crypto: Crypto) -> Result<Self, Failure> {
        Ok(Self {
            reference: inputs.inputs.reference.read(crypto)?,
            token_keys: inputs.inputs.tokens.keys(),
            anchors: inputs.trust.anchors(),
            revocations: inputs.trust.revocations(),
            digests: digests(inputs, crypto.provider),
            inputs,
        })
    }

    pub(crate) const fn args(&self) -> &'c ClassArgs {
        self.inputs.args
    }

    pub(crate) const fn host(&self) -> Option<&'c Host> {
        self.inputs.host.as_ref()
    }

    /// Whether nobody is trusted, not even a key.
    pub(crate) const fn trusts_nobody(&self) -> bool {
        self.anchors.is_empty() && self.inputs.inputs.peer_key.is_none()
    }

    /// What an attestation needs; `own` are the anchors that a device brings with it, for where nobody is trusted.
    pub(crate) fn round<'r>(&'r self, own: &'r [Anchor<'r>], crypto: Crypto) -> Round<'r> {
        Round {
            options: &self.inputs.args.options,
            inputs: &self.inputs.inputs,
            reference: self.reference.as_ref(),
            token_keys: &self.token_keys,
            anchors: if self.anchors.is_empty() { own } else { &self.anchors },
            revocations: &self.revocations,
            trust: &self.inputs.trust,
            waived: self.inputs.waived,
            nonce: None,
            crypto,
        }
    }
}

/// What outcomes say about what they rest on.
fn digests(class: &ClassInputs<'_>, provider: &Provider) -> InputDigests {
    let of = |parts: Vec<(&str, &[u8])>| {
        let bytes: Vec<_> = parts.into_iter().map(|(_, bytes)| bytes).collect();
        sha256_hex(provider, &bytes).filter(|_| !bytes.is_empty())
    };
    InputDigests {
        policy_sha256: class.inputs.policy.as_ref().map(|policy| policy.sha256().to_owned()),
        references_sha256: of(class.inputs.reference.files_in().collect()),
        anchors_sha256: of(class.trust.anchors_in().collect()),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        at: time::rfc_3339(class.args.options.trust.at),
    }
}
