//! `spdm chain`: one certificate chain, without a device.

mod explained;
mod object;

pub(crate) use explained::{Explained, name_of};
pub(crate) use object::ChainObject;

use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Provider};
use spdm_evidence::{AttestationCheck, ChainContent, Freshness, ReportBuilder};
use spdm_requester::{Error, Observation, Observer as _};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Anchor, CertModel, Chain, ChainContext, ChainError, Policy, Rule, X509Certificate,
};

use crate::args::{ChainArgs, ModelChoice};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::trust::Trust;
use crate::verdict::Verdict;
use crate::{file, render};

/// Validates the chain in a file.
pub(crate) fn run(
    args: &ChainArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let trust = Trust::load(&args.trust, None, console)?;
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let bytes = file::read(&args.file)?;
    let name = file::name(&args.file);
    if bytes.is_empty() {
        return Err(Failure::usage(format!("{name}: the file is empty")));
    }
    let content =
        ChainContent::read(&bytes).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let structure = structure(content, &anchors, args.base_hash, crypto.provider)?;
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let explain = args.explain;
    match parse(&structure, args, crypto.provider)? {
        Ok(chain) => {
            let explained = Explained::new(&chain, &policy);
            let verdict = judge(&name, &chain, &policy, crypto.provider);
            show(&verdict, Some(&Shown { explained, explain }), console)?;
            Ok(verdict.exit)
        }
        Err(error) => {
            let mut report = builder(&name, crypto.provider);
            report.failed(&Error::Chain(error));
            let verdict = Verdict::new(report.build());
            show(&verdict, None, console)?;
            if !console.json() {
                let certificates = readable(&structure);
                console.report(&render::readable(&certificates, console.style()))?;
            }
            Ok(verdict.exit)
        }
    }
}

/// What is shown beside the verdict.
struct Shown<'a> {
    explained: Explained<'a>,
    /// Whether every rule is.
    explain: bool,
}

fn show(
    verdict: &Verdict,
    shown: Option<&Shown<'_>>,
    console: &mut Console,
) -> Result<(), Failure> {
    if console.json() {
        let mut object = serde_json::to_value(verdict).map_err(Failure::usage)?;
        if let Some(object) = object.as_object_mut() {
            let chain = shown.map(|shown| ChainObject::new(&shown.explained, shown.explain));
            let chain = serde_json::to_value(chain).map_err(Failure::usage)?;
            object.insert("chain".to_owned(), chain);
        }
        return console.object(&object);
    }
    let explained = shown.map(|shown| &shown.explained);
    render::show_chain(verdict, explained, console)?;
    match shown {
        Some(shown) if shown.explain => {
            console.report(&render::explanation(&shown.explained, console.style()))
        }
        _ => Ok(()),
    }
}

/// The certificates of a structure that is no chain, as far as they can be told apart.
fn readable(structure: &[u8]) -> Vec<Result<X509Certificate<'_>, ChainError>> {
    let starts = [32, 48, 64].into_iter().filter_map(|digest| structure.get(4 + digest..));
    let lists = starts.map(|mut rest| {
        let mut certificates = Vec::new();
        while let Some((certificate, behind)) = split_certificate(rest) {
            certificates.push(X509Certificate::parse(Untrusted::new(certificate)));
            rest = behind;
        }
        certificates
    });
    lists.max_by_key(|list| list.iter().filter(|read| read.is_ok()).count()).unwrap_or_default()
}

/// Splits a DER certificate off, by its length alone.
fn split_certificate(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (digits, content) = match *bytes {
        [0x30, 0x82, high, low, ..] => (vec![high, low], 4),
        [0x30, 0x83, high, middle, low, ..] => (vec![high, middle, low], 5),
        _ => return None,
    };
    let len = digits.into_iter().fold(0, |len, digit| len << 8 | usize::from(digit));
    bytes.split_at_checked(len + content)
}

fn builder(name: &str, provider: &Provider) -> ReportBuilder {
    let mut report = ReportBuilder::new(name, Freshness::Unknown, provider);
    let of_device = AttestationCheck::ALL.into_iter().filter(|check| {
        let name = check.name();
        name.starts_with("challenge.") || name.starts_with("measurements.")
    });
    for check in of_device {
        report.skip(check, "a chain alone: no device is asked");
    }
    report.skip(AttestationCheck::ChainDigest, "a chain alone: there is no DIGESTS");
    report
}

/// The verdict over a chain alone: who has its key is not known.
pub(crate) fn judge(
    name: &str,
    chain: &Chain<'_>,
    policy: &Policy<'_>,
    provider: &Provider,
) -> Verdict {
    let mut report = builder(name, provider);
    let appraisal = policy.appraise(chain);
    report.observe(&Observation::Appraised(&appraisal));
    let report = report.build();
    match appraisal.into_trusted() {
        Ok(_) => Verdict::chain_trusted(report),
        Err(_) => Verdict::new(report),
    }
}

/// The chain structure in a file: as it is, or made of certificates.
fn structure(
    content: ChainContent,
    anchors: &[Anchor<'_>],
    hash: Option<HashAlgorithm>,
    provider: &Provider,
) -> Result<Vec<u8>, Failure> {
    match content {
        ChainContent::Structure(bytes) => Ok(bytes),
        ChainContent::Certificates(list) => {
            let hash = hash.unwrap_or(HashAlgorithm::Sha384);
            list.to_structure(anchors, hash, provider).map_err(Failure::usage)
        }
        _ => Err(Failure::usage("a chain of unknown form")),
    }
}

/// Reads the chain; what the options do not say about the negotiation, the chain itself must.
fn parse<'c>(
    structure: &'c [u8],
    args: &ChainArgs,
    provider: &Provider,
) -> Result<Result<Chain<'c>, ChainError>, Failure> {
    let hashes = HashAlgorithm::ALL.into_iter();
    let hashes = hashes.filter(|hash| args.base_hash.is_none_or(|only| *hash == only));
    let asyms = AsymAlgorithm::ALL.into_iter();
    let asyms = asyms.filter(|asym| args.base_asym.is_none_or(|only| *asym == only));
    let contexts = hashes.flat_map(|hash| {
        asyms.clone().map(move |asym| {
            ChainContext::new(args.slot, args.max_version, args.model.into(), asym, hash)
        })
    });
    let parsed = contexts.map(|context| Chain::parse(Untrusted::new(structure), context, provider));
    // Of several readings the one whose RootHash fits; of none the error of the one that got furthest.
    let best = parsed.reduce(|best, next| match (&best, &next) {
        (Ok(chain), _) if has_its_root(chain, provider) => best,
        (Ok(_), Ok(chain)) if has_its_root(chain, provider) => next,
        (Err(_), Ok(_)) => next,
        (Err(known), Err(error)) if rank(error) > rank(known) => next,
        _ => best,
    });
    best.ok_or_else(|| Failure::usage("no algorithm fits"))
}

/// Whether RootHash is the digest of the first certificate: then the hash is no guess.
fn has_its_root(chain: &Chain<'_>, provider: &Provider) -> bool {
    let first = chain.certificate_ders().next().unwrap_or_default();
    let digest = provider.hash.digest(chain.context().hash, &[first]);
    digest.is_ok_and(|digest| digest.as_bytes() == chain.root_hash())
}

/// The error of the guess that got furthest.
fn rank(error: &ChainError) -> (bool, Option<u16>, Option<usize>) {
    let of_key = matches!(error.rule, Rule::KeyAlgorithm | Rule::InvalidKey);
    (of_key, error.certificate, error.at)
}

impl From<ModelChoice> for CertModel {
    fn from(choice: ModelChoice) -> Self {
        match choice {
            ModelChoice::Unknown => Self::Unknown,
            ModelChoice::Device => Self::DeviceCert,
            ModelChoice::Alias => Self::AliasCert,
            ModelChoice::Generic => Self::GenericCert,
        }
    }
}
