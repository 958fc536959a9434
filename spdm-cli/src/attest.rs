//! `spdm attest`.

use spdm_codec::RequesterNonce;
use spdm_evidence::{KnownChains, Reference, SecretsLog, VerdictPolicy};
use spdm_fleet::WantedMeasurements;
use spdm_x509::{Anchor, Revocation};

use crate::args::nonce_from_hex;
use crate::args::{AttestArgs, AttestOptions, JudgeArgs, NonceChoice, TrustArgs};
use crate::backend::Crypto;
use crate::console::Console;
use crate::ear::EarFile;
use crate::evidence::evidence;
use crate::examination::{Examination, Expected, Signer, Task, Waived, examine};
use crate::exit::{Exit, Failure};
use crate::file::Output;
use crate::host::Host;
use crate::known::KnownFile;
use crate::live::{LiveDevice, SessionOffer, Telling};
use crate::reference::ReferenceInput;
use crate::session::Course;
use crate::token::TokenInput;
use crate::trust::{LeafName, Trust};
use crate::{file, policy, render, trust};

/// Chains that are remembered: two of each slot.
const KNOWN_CHAINS: usize = 16;

/// Attests, once or more often.
pub(crate) fn run(
    args: &AttestArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let options = &args.options;
    let waived = options.waived()?;
    let inputs = Inputs::read(&options.judge, &options.trust, crypto, console)?;
    let nonce = nonce(&args.nonce.nonce)?;
    if nonce.is_some() && args.repeat > 1 {
        return Err(Failure::usage("no nonce is used twice: --repeat needs --nonce random"));
    }
    inputs.check_measurements(options)?;
    let reference = inputs.reference.read(crypto)?;
    let token_keys = inputs.tokens.keys();
    let secrets_out = args.secrets_out.as_deref();
    let outputs = [
        args.device.pcap.as_deref(),
        args.evidence.as_deref(),
        args.ear.ear.as_deref(),
        secrets_out,
    ];
    console.share_output(&outputs)?;
    let host = Host::read(&options.identity, console)?;
    let mut device = LiveDevice::new(&args.device, crypto, Telling::of(console))?;
    device.identify(host.as_ref());
    device.repeat(args.repeat);
    if options.session {
        device.offer_sessions(SessionOffer::Identity);
        device.log_secrets(secrets_out, SecretsLog::new())?;
    }
    let mut trust = Trust::load(&options.trust, device.pci_identity(), console)?;
    let place = device.output_place();
    let output = args.evidence.as_deref().map(|path| Output::create(path, place)).transpose()?;
    let mut ear = EarFile::create(&args.ear, nonce.as_ref(), place, console)?;
    let mut known_file = KnownFile::of(&args.known, place)?;
    let name = device.name();
    device.settle()?;
    trust.or_own(device.anchors());
    let round = Round {
        options,
        inputs: &inputs,
        reference: reference.as_ref(),
        token_keys: &token_keys,
        anchors: &trust.anchors(),
        revocations: &trust.revocations(),
        trust: &trust,
        waived,
        nonce,
        crypto,
    };
    let mut worst = Exit::Done;
    let (mut recordings, mut known) = (Vec::new(), KnownChains::new(KNOWN_CHAINS));
    for _ in 0..args.repeat {
        let expected = known_file.as_ref().map(|file| Expected::of(file, &name));
        let examined = round.attest(&mut device, trust.name(), expected, &mut known)?;
        let Examination { verdict, recordings: recording, learned, .. } = examined;
        if let (Some(file), Some(learned)) = (&mut known_file, learned) {
            file.learn(vec![learned])?;
        }
        if output.is_some() {
            recordings.extend(recording);
        }
        if let Some(ear) = &mut ear {
            ear.add(&verdict);
        }
        render::show(&verdict, console)?;
        console.hint(verdict.hint());
        worst = worst.max(verdict.exit);
        // A round that failed because the run is over is the last one.
        if verdict.exit != Exit::Done && !device.goes_on() {
            break;
        }
    }
    if let Some(output) = output {
        let evidence = evidence(&device.name(), recordings);
        output.write(format!("{}\n", evidence.to_json().map_err(Failure::usage)?).as_bytes())?;
    }
    ear.map_or(Ok(()), |ear| ear.write(console))?;
    device.finish()?;
    Ok(worst)
}

impl AttestOptions {
    /// What they waive.
    pub(crate) fn waived(&self) -> Result<Waived, Failure> {
        Waived::new(self.challenge, &self.measurements)
    }
}

/// What attestations under the same options have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round<'r> {
    pub(crate) options: &'r AttestOptions,
    pub(crate) inputs: &'r Inputs,
    pub(crate) reference: Option<&'r Reference<'r>>,
    pub(crate) token_keys: &'r [&'r [u8]],
    pub(crate) trust: &'r Trust,
    pub(crate) anchors: &'r [Anchor<'r>],
    pub(crate) revocations: &'r [Revocation<'r>],
    pub(crate) waived: Waived,
    /// The nonce of the last signature; random where `None`.
    pub(crate) nonce: Option<RequesterNonce>,
    pub(crate) crypto: Crypto,
}

impl Round<'_> {
    /// Attests a device over a new connection. The time is that of this round: certificates may expire in between.
    pub(crate) fn attest(
        &self,
        device: &mut LiveDevice<'_>,
        name: &LeafName,
        expected: Option<Expected<'_>>,
        known: &mut KnownChains,
    ) -> Result<Examination, Failure> {
        let Self { options, inputs, trust, .. } = self;
        let provider = self.crypto.provider;
        let policy = trust.policy_of(name, provider, self.anchors, self.revocations)?;
        let task = Task {
            policy: Some(&policy),
            slot: options.slot,
            signer: Signer::of(inputs.peer_key.as_deref()),
            peer_key_path: options.judge.peer_key.as_deref(),
            waived: self.waived,
            negotiation: device.args.connection.negotiation(),
            waivable: self.waived.waivable(),
            measurements: &options.measurements,
            attributes: options.attributes.attributes(),
            nonce: self.nonce,
            reference: self.reference,
            tokens: inputs.tokens.options(self.token_keys),
            verdict_policy: inputs.policy.as_ref(),
            expected,
            session: options.session.then_some(Course::MEASUREMENTS),
        };
        Ok(examine(device, &task, known))
    }
}

/// What the options of a verdict name, files read.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) peer_key: Option<Vec<u8>>,
    pub(crate) reference: ReferenceInput,
    pub(crate) tokens: TokenInput,
    pub(crate) policy: Option<VerdictPolicy>,
}

impl Inputs {
    pub(crate) fn read(
        args: &JudgeArgs,
        judged: &TrustArgs,
        crypto: Crypto,
        console: &Console,
    ) -> Result<Self, Failure> {
        let peer_key = args
            .peer_key
            .as_deref()
            .map(|path| trust::public_key(path, crypto.provider))
            .transpose()?;
        let reference = ReferenceInput::load(&args.reference, judged, crypto, console)?;
        let tokens = TokenInput::load(&args.token, judged, crypto)?;
        let policy = policy::read(args.policy.as_deref(), crypto)?;
        Ok(Self { peer_key, reference, tokens, policy })
    }

    /// What is in the files, each with a word for what it is.
    pub(crate) fn files_in(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let policy = self.policy.iter().map(|policy| ("policy", policy.sha256().as_bytes()));
        let key = self.peer_key.iter().map(|key| ("peer-key", key.as_slice()));
        let tokens = self.tokens.keys().into_iter().map(|key| ("evidence-key", key));
        self.reference.files_in().chain(policy).chain(key).chain(tokens)
    }

    /// Reference values are of measurements.
    pub(crate) fn check_measurements(&self, options: &AttestOptions) -> Result<(), Failure> {
        if self.reference.is_given() && options.measurements == WantedMeasurements::None {
            return Err(Failure::usage("--reference needs measurements"));
        }
        Ok(())
    }
}

/// The nonce that was given; `None` for a random one. A file holds 32 bytes or 64 hexadecimal digits.
pub(crate) fn nonce(choice: &NonceChoice) -> Result<Option<RequesterNonce>, Failure> {
    match choice {
        NonceChoice::Random => Ok(None),
        NonceChoice::Given(nonce) => Ok(Some(*nonce)),
        NonceChoice::File(path) => {
            let bytes = file::read(path)?;
            if let Ok(nonce) = bytes.as_slice().try_into().map(RequesterNonce) {
                return Ok(Some(nonce));
            }
            let text =
                core::str::from_utf8(&bytes).map_err(|_| "neither 32 bytes nor text".to_owned());
            let nonce = text.and_then(|text| nonce_from_hex(text.trim()));
            nonce.map(Some).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        }
    }
}
