//! `spdm chain`: one certificate chain, without a device.

mod explained;
mod flaw;
mod object;

pub(crate) use explained::{Explained, name_of};
pub(crate) use object::ChainObject;

use spdm_crypto::{AsymAlgorithm, HashAlgorithm, Provider};
use spdm_evidence::{AttestationCheck, ChainContent, Freshness, Listing, ReportBuilder};
use spdm_requester::{Error, Observation, Observer as _};
use spdm_untrusted::Untrusted;
use spdm_x509::{Anchor, CertModel, Chain, ChainContext, ChainError, Policy, Rule};

use crate::args::{ChainArgs, ModelChoice};
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file_kind::Reader;
use crate::trust::Trust;
use crate::verdict::Verdict;
use crate::{file, render, trust};
use flaw::{flaw_of, hint, key_of, readable, strange_key};

/// RootHash of a structure that is made of certificates, where no other hash is given.
const OWN_HASH: HashAlgorithm = HashAlgorithm::Sha384;

/// Validates the chain in a file.
pub(crate) fn run(
    args: &ChainArgs,
    crypto: Crypto,
    console: &mut Console,
) -> Result<Exit, Failure> {
    let trust = Trust::load(&args.trust, None, console)?;
    let anchors = trust.anchors();
    let revocations = trust.revocations();
    let bytes = file::read_unpacked(&args.file)?;
    let name = file::name(&args.file);
    let content =
        ChainContent::read(&bytes).map_err(|error| Reader::Chain.refuses(&args.file, &error))?;
    let mut report = builder(&name, crypto.provider);
    let listing = listing(&content, args.base_hash);
    if let ChainContent::Certificates(list) = &content {
        trust::note_blocks(&args.file, list, console);
    }
    if let Some(listing) = &listing {
        report.listed(listing.clone());
    }
    let flaw = flaw_of(&content);
    let structure = structure(content, &anchors, args.base_hash, crypto.provider)?;
    if let Some((check, why)) = flaw {
        report.chain_rejected(check, why);
        return refuse(&Verdict::new(report.build()), &structure, listing.as_ref(), console);
    }
    let policy = trust.policy(crypto.provider, &anchors, &revocations)?;
    let explain = args.explain;
    match parse(&structure, args, crypto.provider)? {
        Ok(chain) => {
            let explained = Explained { listing, ..Explained::new(&chain, &policy) };
            let verdict = judge(report, &chain, &policy);
            show(&verdict, Some(&Shown { explained, explain }), console)?;
            hint(&chain, &policy, console);
            Ok(verdict.exit)
        }
        Err(error) => {
            match key_of(&structure, &error).filter(|_| args.base_asym.is_none()) {
                Some(key) => strange_key(&mut report, &error, key, listing.as_ref()),
                None => report.failed(&Error::Chain(error)),
            };
            refuse(&Verdict::new(report.build()), &structure, listing.as_ref(), console)
        }
    }
}

/// Shows what can be read of a chain that is none.
fn refuse(
    verdict: &Verdict,
    structure: &[u8],
    listing: Option<&Listing>,
    console: &mut Console,
) -> Result<Exit, Failure> {
    show(verdict, None, console)?;
    if !console.json() {
        let certificates = readable(structure);
        console.report(&render::readable(&certificates, listing, console.style()))?;
    }
    Ok(verdict.exit)
}

fn listing(content: &ChainContent, hash: Option<HashAlgorithm>) -> Option<Listing> {
    match content {
        ChainContent::Certificates(list) => Some(Listing::new(list, hash.unwrap_or(OWN_HASH))),
        _ => None,
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
        let chain = shown.map(|shown| ChainObject::new(&shown.explained, shown.explain));
        let chain = serde_json::to_value(chain).map_err(Failure::usage)?;
        return console.verdict(verdict, Some(chain));
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

/// The report about a chain alone.
pub(crate) fn builder(name: &str, provider: &Provider) -> ReportBuilder {
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
pub(crate) fn judge(mut report: ReportBuilder, chain: &Chain<'_>, policy: &Policy<'_>) -> Verdict {
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
            let hash = hash.unwrap_or(OWN_HASH);
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
