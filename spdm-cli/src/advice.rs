//! What a person can do about a device that lacks or refuses something: only what leads on with this device.

mod provisioning;
mod refusal;
mod version;

use std::path::Path;

use spdm_codec::{CapabilityFlags, Code, SlotId, VersionNumberEntry};
use spdm_requester::{Error, Incompatible, Misbehaviour, Misuse, Refusal, SessionFault};
use spdm_x509::{ChainError, Check, Rule};

use crate::exit::Exit;
use crate::overheard::{Overheard, SlotOption};
use crate::render::version_entry;

/// What the options of a verb can do without.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Waivable {
    /// One of the two signatures: `--challenge none`, `--measurements none`.
    OneOfTwo,
    /// The signature of measurements: `--unsigned`.
    TheSignature,
    /// Measurements: `--measurements none`, for a session proves the key as well.
    Measurements,
    /// Nothing.
    Nothing,
    /// Nothing either, for there is no verdict.
    NoVerdict,
}

/// Whether only the extensions of a certification request are wrong.
fn concerns_extensions(error: &ChainError) -> bool {
    error.check == Check::LeafProfile
        || matches!(
            error.rule,
            Rule::ExtensionSyntax
                | Rule::TooManyExtensions
                | Rule::DuplicateExtension
                | Rule::BasicConstraintsSyntax
                | Rule::KeyUsageSyntax
                | Rule::ExtendedKeyUsageSyntax
                | Rule::SanSyntax
                | Rule::SpdmExtensionSyntax
                | Rule::NameConstraintsSyntax
        )
}

/// The next step, where there is one.
pub(crate) fn hint(error: &Error, heard: &Overheard, waivable: Waivable) -> Option<String> {
    match error {
        Error::Incompatible(Incompatible::Version) => {
            let alpha =
                |entry: &VersionNumberEntry| entry.alpha() != 0 && entry.version().is_some();
            let any = heard.versions.iter().any(alpha);
            let way = match any {
                true => "--alpha-versions takes a version of an unfinished specification, too",
                false => "--min-version and --max-version say what is allowed",
            };
            Some(way.to_owned())
        }
        Error::Csr(error) if concerns_extensions(error) => Some(
            "--any-extensions takes it without them, for an authority that brings its own"
                .to_owned(),
        ),
        Error::Csr(ChainError { rule: Rule::RequestedKey, .. }) => {
            Some("--any-key takes one for another key than that of --slot".to_owned())
        }
        Error::SignatureOrder { .. } => {
            Some("--compat little-endian-ecdsa accepts what such devices sign".to_owned())
        }
        Error::Incompatible(Incompatible::UnsignedNegotiation(_)) => {
            Some("--min-version 1.0 accepts an unsigned negotiation".to_owned())
        }
        Error::Incompatible(Incompatible::SlotEmpty { .. } | Incompatible::NoSlot) => slots(heard),
        Error::Incompatible(Incompatible::Capability("CERT_CAP")) => without_chain(heard, waivable),
        Error::Incompatible(Incompatible::Capability("PUB_KEY_ID_CAP"))
            if heard.has(CapabilityFlags::CERT_CAP) =>
        {
            Some("this device has certificates: leave out --peer-key".to_owned())
        }
        Error::Incompatible(Incompatible::Capability("CHAL_CAP")) => {
            without_challenge(heard, waivable)
        }
        Error::Incompatible(Incompatible::Capability(name)) if name.starts_with("MEAS_CAP") => {
            without_signature(heard, waivable)
        }
        Error::Incompatible(Incompatible::Capability("KEY_EX_CAP"))
            if heard.capabilities.is_some_and(|(_, own)| own.flags.psk_cap() != 0) =>
        {
            Some(
                "this device has sessions with a pre-shared key: spdm session --psk FILE"
                    .to_owned(),
            )
        }
        Error::Incompatible(Incompatible::Capability("PSK_CAP"))
            if heard.has(CapabilityFlags::KEY_EX_CAP) =>
        {
            Some("this device has sessions with its identity: leave out --psk".to_owned())
        }
        Error::Incompatible(Incompatible::Capability(name))
            if version::hint(name, heard).is_some() =>
        {
            version::hint(name, heard)
        }
        Error::Misuse(Misuse::Provisioning(rule)) => {
            provisioning::broken(rule, heard)?.hint.map(str::to_owned)
        }
        Error::Session(SessionFault::VerifyData { message: "PSK_EXCHANGE_RSP" }) => {
            Some("is --psk the key that --psk-hint names?".to_owned())
        }
        Error::Incompatible(Incompatible::Capability("EP_INFO_CAP with signatures"))
            if heard.has(CapabilityFlags::EP_INFO_CAP_NO_SIG) =>
        {
            Some(
                "--unsigned asks without a signature: nothing of the answer is authentic"
                    .to_owned(),
            )
        }
        Error::Incompatible(Incompatible::MeasurementSlot { .. }) => {
            let others =
                if waivable == Waivable::OneOfTwo { ", or --measurements none" } else { "" };
            Some(format!("--slot 0{others}"))
        }
        Error::Incompatible(Incompatible::NoAlgorithm { .. })
        | Error::Refused(Refusal { request: Code::NEGOTIATE_ALGORITHMS, .. }) => {
            Some("spdm info shows what the device tells of itself all the same".to_owned())
        }
        Error::Refused(Refusal { request: Code::CHALLENGE, .. }) => {
            without_challenge(heard, waivable)
        }
        Error::Refused(Refusal { request: Code::GET_MEASUREMENTS, .. })
            if heard.index.is_some() =>
        {
            Some("--measurements all shows which ones the device has".to_owned())
        }
        Error::Refused(Refusal { request: Code::GET_MEASUREMENTS, .. }) => {
            without_signature(heard, waivable)
        }
        Error::Refused(refusal) => refusal::hint(refusal, heard).map(str::to_owned),
        _ => None,
    }
}

/// How the command ends, where the library cannot tell whether the options or the device are to blame.
pub(crate) fn exit(error: &Error, heard: &Overheard) -> Option<Exit> {
    match error {
        Error::Misuse(Misuse::Provisioning(rule)) => {
            provisioning::broken(rule, heard).map(|broken| broken.exit)
        }
        _ => None,
    }
}

/// What the library's sentence cannot tell: which measurement was asked for, which versions there are.
pub(crate) fn sentence(error: &Error, heard: &Overheard) -> Option<String> {
    match (error, heard.index) {
        (Error::Incompatible(what @ Incompatible::Version), _) => {
            let versions = heard.versions.iter().map(|entry| version_entry(*entry));
            let versions = versions.collect::<Vec<_>>().join(", ");
            Some(format!("{what}; it speaks {versions}"))
        }
        (Error::Incompatible(Incompatible::Capability(name)), _) => version::sentence(name, heard),
        (Error::Misuse(Misuse::Provisioning(rule)), _) => {
            provisioning::broken(rule, heard).map(|broken| broken.sentence.to_owned())
        }
        (
            Error::Refused(Refusal { request: Code::GET_MEASUREMENTS, code, data, .. }),
            Some(index),
        ) => Some(format!(
            "the device answered GET_MEASUREMENTS for index {index} with ERROR {code} (data {data:#04x})"
        )),
        (Error::Misbehaved(wrong @ Misbehaviour { message: "MEASUREMENTS", .. }), Some(index)) => {
            Some(format!("{wrong}, when index {index} was asked for"))
        }
        _ => None,
    }
}

/// What the library's sentence cannot tell: which file the public key is in that the device does not sign with.
pub(crate) fn of_key(error: &Error, path: &Path) -> Option<String> {
    let other = match error {
        Error::Misbehaved(Misbehaviour {
            message: "CHALLENGE_AUTH",
            field: "CertChainHash",
            ..
        }) => "the device names another public key as its own",
        Error::Signature { .. } => "the device's signature is not of this public key",
        _ => return None,
    };
    Some(format!("{} (--peer-key): {other}", path.display()))
}

fn slots(heard: &Overheard) -> Option<String> {
    let numbers =
        |slots: &[SlotId]| slots.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (option, any) = match heard.slot_option {
        SlotOption::SlotOrAny => ("--slot", ", or --slot any"),
        SlotOption::Slot => ("--slot", ""),
        SlotOption::SessionSlot => ("--session-slot", ""),
    };
    match heard.slots.as_deref()? {
        [] => None,
        [only] => Some(format!("slot {only} has one: {option} {only}")),
        several @ [first, ..] => {
            let several = numbers(several);
            Some(format!("slots {several} have one: {option} {first}{any}"))
        }
    }
}

fn without_chain(heard: &Overheard, waivable: Waivable) -> Option<String> {
    if heard.has(CapabilityFlags::PUB_KEY_ID_CAP) {
        let verb = if waivable == Waivable::NoVerdict { "spdm attest with " } else { "" };
        return Some(format!(
            "a device without certificates needs its public key: {verb}--peer-key FILE"
        ));
    }
    unsigned(heard, waivable)
}

fn without_challenge(heard: &Overheard, waivable: Waivable) -> Option<String> {
    let measures = heard.has(CapabilityFlags::MEAS_CAP_SIG);
    (measures && waivable == Waivable::OneOfTwo)
        .then(|| "--challenge none waives CHALLENGE".to_owned())
}

fn without_signature(heard: &Overheard, waivable: Waivable) -> Option<String> {
    match waivable {
        Waivable::Measurements => Some("--measurements none waives measurements".to_owned()),
        Waivable::OneOfTwo if heard.has(CapabilityFlags::CHAL_CAP) => {
            Some("--measurements none waives measurements".to_owned())
        }
        _ => unsigned(heard, waivable),
    }
}

fn unsigned(heard: &Overheard, waivable: Waivable) -> Option<String> {
    let flags = CapabilityFlags::MEAS_CAP_NO_SIG | CapabilityFlags::MEAS_CAP_SIG;
    let measures = heard.capabilities.is_some_and(|(_, own)| own.flags.intersects(flags));
    (measures && waivable == Waivable::TheSignature).then(|| {
        "--unsigned takes measurements without a signature: nothing of them is authentic".to_owned()
    })
}
