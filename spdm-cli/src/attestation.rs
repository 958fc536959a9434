//! One attestation over one connection, step by step, so that a report tells as much as can be told.

use std::collections::VecDeque;

use spdm_codec::{MeasurementAttributes, MeasurementSummary, RequesterNonce, SlotId};
use spdm_crypto::Provider;
use spdm_evidence::{
    Check, Freshness, MeasuredValue, Recorder, Recording, Reference, ReportBuilder,
};
use spdm_requester::{
    Error, Failure as FlowFailure, Fresh, Incompatible, Negotiated, Possession, Proof, Recovered,
    Requester, RunError, Selection, Verified, blocking, summary_of,
};
use spdm_transport::{StdClock, Transport};
use spdm_untrusted::Untrusted;
use spdm_x509::{
    Appraisal, Chain, ChainContext, Identity, Policy, ProvisionedKey, SanPolicy, Trusted,
    VerifiedLinks,
};

use crate::args::{IndexList, SlotChoice};
use crate::line::LineError;
use crate::live::{LiveDevice, Memory, requester};
use crate::tap::Tap;
use crate::verdict::Verdict;

/// The longest chain that is taken, in bytes.
const CHAIN_LEN: usize = 0x1_0000;
/// The largest measurement record that is taken, in bytes.
const RECORD_LEN: usize = 0x10_0000;
/// Slots of a device.
const SLOTS: usize = 8;
/// Chains that are remembered: two of each slot. A device that shows another one at every connection would fill
/// the memory.
const KNOWN_CHAINS: usize = 2 * SLOTS;

/// What is to be done, and what is required.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'p> {
    /// What the chain must fulfil; `None` where nobody judges it.
    pub(crate) policy: Option<&'p Policy<'p>>,
    pub(crate) slot: SlotChoice,
    pub(crate) challenge: ChallengeStep,
    pub(crate) measurements: &'p IndexList,
    /// Of GET_MEASUREMENTS.
    pub(crate) attributes: MeasurementAttributes,
    pub(crate) signing: Signing,
    /// The nonce of the last signature; random where `None`.
    pub(crate) nonce: Option<RequesterNonce>,
    /// DER SubjectPublicKeyInfo of a device without certificates.
    pub(crate) peer_key: Option<&'p [u8]>,
    pub(crate) reference: Option<&'p Reference>,
}

/// Whether CHALLENGE is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ChallengeStep {
    Required,
    /// Not sent, and why.
    Left(&'static str),
}

/// Whether measurements are signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Signing {
    Required,
    /// `--unsigned`.
    Waived,
}

/// A chain that an earlier connection brought, and the proof about its signatures: it is neither fetched
/// nor verified again.
#[derive(Debug)]
pub(crate) struct Known {
    context: ChainContext,
    bytes: Vec<u8>,
    links: VerifiedLinks,
}

impl Known {
    fn of(trusted: &Trusted<'_>) -> Option<Self> {
        let Identity::Chain(chain) = trusted.identity() else { return None };
        let (context, bytes) = (*chain.context(), chain.bytes().to_vec());
        Some(Self { context, bytes, links: trusted.links()? })
    }
}

/// Carries the plan out over a new connection. A chain that was trusted before is among `known`; one that is
/// trusted now comes to it, in place of the oldest one where they are too many.
pub(crate) fn run(
    device: &mut LiveDevice<'_>,
    plan: &Plan<'_>,
    known: &mut VecDeque<Known>,
) -> (Verdict, Vec<Recording>) {
    let mut report = ReportBuilder::new(&device.name(), Freshness::Own);
    let (args, crypto) = (device.args, device.crypto);
    let mut line = match device.connect() {
        Ok(line) => line,
        Err(error) => {
            return (Verdict::failed(report.build(), error), Vec::new());
        }
    };
    let mut recorder = Recorder::new(line.limits().padding);
    let mut memory = Memory::new(crypto);
    let requester = requester(args, &line, &mut memory, &mut recorder);
    let mut run = Run {
        plan,
        provider: crypto.provider,
        line: &mut line,
        clock: StdClock::new(),
        report: &mut report,
        known,
        unfetched: None,
    };
    let end = run.attest(requester);
    if let Some((slot, chain)) = run.unfetched {
        recorder.chain(slot, &chain);
    }
    if let Some(reference) = plan.reference {
        report.reference(reference);
    }
    let silence = line.hang_up();
    let report = report.build();
    let verdict = match end {
        Ok(()) | Err(End::Reported) => Verdict::new(report).explained(silence),
        Err(End::Line(error)) => Verdict::failed(report, error),
    };
    // A connection that was given up for the chain of another slot proves nothing.
    let mut recordings = recorder.into_recordings();
    let last = recordings.len().saturating_sub(1);
    (verdict, recordings.split_off(last))
}

/// Why an attestation ends early.
enum End {
    /// The report says why.
    Reported,
    /// The transport failed.
    Line(LineError),
}

struct Run<'r, 'l> {
    plan: &'r Plan<'r>,
    provider: &'static Provider,
    line: &'r mut Tap<'l>,
    clock: StdClock,
    report: &'r mut ReportBuilder,
    known: &'r mut VecDeque<Known>,
    /// A chain that this connection did not bring, for the record.
    unfetched: Option<(SlotId, Vec<u8>)>,
}

/// Who answers, and whether it is trusted.
struct Peer<'c> {
    identity: Identity<'c>,
    trusted: Option<Trusted<'c>>,
    /// Every check on the chain, where there is one and somebody judges it.
    appraisal: Option<Appraisal<'c>>,
}

impl Run<'_, '_> {
    fn attest(&mut self, requester: Requester<'_, Fresh>) -> Result<(), End> {
        self.require();
        let result = blocking::run(requester.negotiate(), self.line, &self.clock);
        let (requester, ()) = result.map_err(|failure| self.lost(failure))?;
        self.report.negotiated(requester.negotiated());
        let mut buffers: [Vec<u8>; SLOTS] = Default::default();
        let (requester, peer) = match self.plan.peer_key {
            Some(key) => {
                let peer = self.provisioned(requester.negotiated(), key)?;
                (requester, Some(peer))
            }
            None if self.plan.signing == Signing::Waived => (requester, None),
            None => {
                let (requester, peer) = self.chain(requester, &mut buffers)?;
                (requester, Some(peer))
            }
        };
        let requester = self.challenge(requester, peer.as_ref())?;
        self.measure(requester, peer.as_ref())
    }

    /// What the plan demands, whatever the device can do.
    fn require(&mut self) {
        if let ChallengeStep::Left(why) = self.plan.challenge {
            for check in
                [Check::ChallengeNonce, Check::ChallengeChainHash, Check::ChallengeSignature]
            {
                self.report.skip(check, why);
            }
        } else {
            self.report.require(Check::ChallengeSignature);
        }
        if *self.plan.measurements == IndexList::None {
            for check in [
                Check::MeasurementsFormat,
                Check::MeasurementsNonce,
                Check::MeasurementsSignature,
                Check::MeasurementsReference,
            ] {
                self.report.skip(check, "waived: --measurements none");
            }
        } else if self.plan.signing == Signing::Waived {
            for check in [Check::MeasurementsNonce, Check::MeasurementsSignature] {
                self.report.skip(check, "waived: --unsigned");
            }
        } else {
            self.report.require(Check::MeasurementsSignature);
        }
        if self.plan.reference.is_none() {
            self.report.skip(Check::MeasurementsReference, "no reference values are given");
        }
    }

    /// The connection is over.
    fn lost<P>(&mut self, failure: FlowFailure<'_, P, RunError<LineError>>) -> End {
        match failure.error {
            RunError::Requester(error) => {
                self.report.failed(&error);
                End::Reported
            }
            RunError::Transport(error) => End::Line(error),
            _ => End::Reported,
        }
    }

    /// The requester, where the device merely refused.
    fn refused<'a>(
        &mut self,
        failure: FlowFailure<'a, Negotiated, RunError<LineError>>,
    ) -> Result<Requester<'a, Negotiated>, End> {
        let error = failure.error;
        match (error, failure.requester) {
            (RunError::Requester(error), Recovered::Kept(requester)) => {
                self.report.failed(&error);
                Ok(requester)
            }
            (RunError::Transport(error), _) => Err(End::Line(error)),
            (RunError::Requester(error), Recovered::Fresh(_)) => {
                self.report.failed(&error);
                Err(End::Reported)
            }
            _ => Err(End::Reported),
        }
    }

    fn reported<T>(&mut self, error: &Error) -> Result<T, End> {
        self.report.failed(error);
        Err(End::Reported)
    }

    /// The identity of a device without certificates: the caller vouches for its key, unless it is revoked.
    fn provisioned<'c>(
        &mut self,
        negotiated: &Negotiated,
        spki: &'c [u8],
    ) -> Result<Peer<'c>, End> {
        let san = self.plan.policy.map_or(SanPolicy::None, |policy| policy.san);
        self.report.provisioned_key(&san);
        let algorithms = negotiated.asym().and_then(|asym| Ok((asym, negotiated.hash()?)));
        let key = match algorithms {
            Ok((asym, hash)) => {
                ProvisionedKey::parse(Untrusted::new(spki), asym, hash, self.provider)
            }
            Err(error) => return self.reported(&error.into()),
        };
        match key {
            Ok(key) => {
                let trusted = match self.plan.policy.map(|policy| policy.validate_key(key)) {
                    Some(Ok(trusted)) => Some(trusted),
                    Some(Err(error)) => {
                        self.report.failed(&Error::Chain(error));
                        None
                    }
                    None => None,
                };
                Ok(Peer { identity: Identity::Key(key), trusted, appraisal: None })
            }
            Err(error) => self.reported(&Error::Chain(error)),
        }
    }

    /// Fetches the chain of the slot; of `any`, the first one that the policy trusts, or else the first that can be
    /// read.
    fn chain<'a, 'c>(
        &mut self,
        requester: Requester<'a, Negotiated>,
        buffers: &'c mut [Vec<u8>; SLOTS],
    ) -> Result<(Requester<'a, Negotiated>, Peer<'c>), End> {
        let requester = self.digests(requester)?;
        let slots: Vec<SlotId> = match self.plan.slot {
            SlotChoice::Slot(slot) => vec![slot],
            SlotChoice::Any => requester.connection().provisioned_slots().collect(),
        };
        let mut left = Recovered::Kept(requester);
        let (mut first, mut unreadable) = (None, None);
        for (slot, buffer) in slots.into_iter().zip(buffers) {
            let requester = self.resume(left)?;
            let known = self.find_known(&requester, slot).map(|known| {
                buffer.clone_from(&known.bytes);
                (known.context, known.links)
            });
            let peer = match known {
                Some((context, links)) => {
                    left = Recovered::Kept(requester);
                    self.recall(buffer, context, links)?
                }
                None => {
                    buffer.resize(CHAIN_LEN, 0);
                    let flow = requester.fetch_chain(slot, buffer);
                    match blocking::run(flow, self.line, &self.clock) {
                        Ok((again, chain)) => {
                            left = Recovered::Kept(again);
                            judged(chain, self.plan.policy.map(|policy| policy.appraise(&chain)))
                        }
                        Err(FlowFailure {
                            error: RunError::Requester(Error::Chain(error)),
                            requester,
                            ..
                        }) if self.plan.slot == SlotChoice::Any => {
                            left = requester;
                            unreadable = unreadable.or(Some(error));
                            continue;
                        }
                        Err(failure) => return Err(self.lost(failure)),
                    }
                }
            };
            if peer.trusted.is_some() || self.plan.policy.is_none() {
                self.show(&peer);
                return Ok((self.resume(left)?, peer));
            }
            first.get_or_insert(peer);
        }
        match (first, unreadable) {
            (Some(peer), unreadable) => {
                self.show(&peer);
                if let (Identity::Chain(chain), Some(_)) = (&peer.identity, unreadable) {
                    self.unfetched = Some((chain.slot(), chain.bytes().to_vec()));
                }
                Ok((self.resume(left)?, peer))
            }
            (None, Some(error)) => self.reported(&Error::Chain(error)),
            (None, None) => self.reported(&Incompatible::SlotEmpty { slot: 0 }.into()),
        }
    }

    fn digests<'a>(
        &mut self,
        requester: Requester<'a, Negotiated>,
    ) -> Result<Requester<'a, Negotiated>, End> {
        let result = blocking::run(requester.get_digests(), self.line, &self.clock);
        let (requester, ()) = result.map_err(|failure| self.lost(failure))?;
        Ok(requester)
    }

    /// The connection, negotiated anew where a chain that cannot be read has ended it.
    fn resume<'a>(
        &mut self,
        left: Recovered<'a, Negotiated>,
    ) -> Result<Requester<'a, Negotiated>, End> {
        let requester = match left {
            Recovered::Kept(requester) => return Ok(requester),
            Recovered::Fresh(requester) => requester,
        };
        let result = blocking::run(requester.negotiate(), self.line, &self.clock);
        let (requester, ()) = result.map_err(|failure| self.lost(failure))?;
        self.report.negotiated(requester.negotiated());
        self.digests(requester)
    }

    /// The chain of this slot, where an earlier connection brought the one that DIGESTS states.
    fn find_known(&self, requester: &Requester<'_, Negotiated>, slot: SlotId) -> Option<&Known> {
        let connection = requester.connection();
        let model = connection.slot_key(slot).map(|key| key.model).unwrap_or_default();
        let context = requester.negotiated().chain_context(slot, model).ok()?;
        let digest = connection.slot_digest(slot)?;
        self.known.iter().find(|known| known.context == context && known.links.digest() == digest)
    }

    /// Judges a chain that is known; its signatures are not verified again.
    fn recall<'c>(
        &mut self,
        bytes: &'c [u8],
        context: ChainContext,
        links: VerifiedLinks,
    ) -> Result<Peer<'c>, End> {
        match Chain::parse(Untrusted::new(bytes), context, self.provider) {
            Ok(chain) => {
                self.unfetched = Some((context.slot, bytes.to_vec()));
                let policy = self.plan.policy;
                Ok(judged(chain, policy.map(|policy| policy.appraise_known(&chain, &links))))
            }
            Err(error) => self.reported(&Error::Chain(error)),
        }
    }

    /// Every check on the chain that was chosen.
    fn show(&mut self, peer: &Peer<'_>) {
        if let Some(appraisal) = &peer.appraisal {
            // FetchChain compares it.
            self.report.digest_checked();
            self.report.chain(appraisal, self.provider);
        }
        let known = peer.trusted.as_ref().and_then(Known::of);
        let is_new = |new: &Known| self.known.iter().all(|known| known.links != new.links);
        if let Some(new) = known.filter(is_new) {
            if self.known.len() >= KNOWN_CHAINS {
                self.known.pop_front();
            }
            self.known.push_back(new);
        }
    }

    fn challenge<'a>(
        &mut self,
        requester: Requester<'a, Negotiated>,
        peer: Option<&Peer<'_>>,
    ) -> Result<Requester<'a, Negotiated>, End> {
        let (Some(peer), ChallengeStep::Required) = (peer, self.plan.challenge) else {
            return Ok(requester);
        };
        let last = *self.plan.measurements == IndexList::None;
        let nonce = self.nonce(&requester, self.plan.nonce.filter(|_| last))?;
        self.report.asked(Proof::Challenge, &nonce);
        let flow = requester.challenge(peer.identity, self.summary(), nonce);
        match blocking::run(flow, self.line, &self.clock) {
            Ok((requester, possession)) => {
                self.proven(&possession, peer)?;
                Ok(requester)
            }
            Err(failure) => self.refused(failure),
        }
    }

    /// A summary hash is asked for where it can be compared with the measurements that follow.
    fn summary(&self) -> MeasurementSummary {
        let raw = MeasurementAttributes::RAW_BIT_STREAM_REQUESTED;
        match self.plan.measurements {
            IndexList::All if !self.plan.attributes.contains(raw) => MeasurementSummary::All,
            _ => MeasurementSummary::None,
        }
    }

    fn measure(
        &mut self,
        requester: Requester<'_, Negotiated>,
        peer: Option<&Peer<'_>>,
    ) -> Result<(), End> {
        let selection = match self.plan.measurements {
            IndexList::None => return Ok(()),
            IndexList::All => Selection::All,
            IndexList::Indices(indices) => Selection::Indices(indices),
        };
        let attributes = self.plan.attributes;
        let mut record = vec![0; RECORD_LEN];
        let flow = match (self.plan.signing, peer) {
            (Signing::Required, Some(peer)) => {
                let nonce = self.nonce(&requester, self.plan.nonce)?;
                self.report.asked(Proof::Measurements, &nonce);
                let identity = peer.identity;
                requester.measure_signed(selection, attributes, identity, nonce, &mut record)
            }
            _ => requester.measure_unsigned(selection, attributes, &mut record),
        };
        match blocking::run(flow, self.line, &self.clock) {
            Ok((_, measured)) => {
                self.report.measurements(MeasuredValue::of_record(&measured.record));
                match (measured.possession, peer) {
                    (Some(possession), Some(peer)) => {
                        let (hash, provider) = (possession.identity().hash(), self.provider);
                        let summary = (selection == Selection::All)
                            .then(|| summary_of(attributes, &measured.record, hash, provider));
                        self.report.measured_summary(summary.flatten());
                        self.proven(&possession, peer)
                    }
                    _ => {
                        self.report.pass(Check::MeasurementsFormat, "every block is well formed");
                        Ok(())
                    }
                }
            }
            Err(failure) => Err(self.lost(failure)),
        }
    }

    fn nonce(
        &mut self,
        requester: &Requester<'_, Negotiated>,
        given: Option<RequesterNonce>,
    ) -> Result<RequesterNonce, End> {
        match given.map_or_else(|| requester.nonce(), Ok) {
            Ok(nonce) => Ok(nonce),
            Err(error) => self.reported(&error),
        }
    }

    /// The device has the key; it is authenticated where the key is also trusted.
    fn proven<'c>(&mut self, possession: &Possession<'c>, peer: &Peer<'c>) -> Result<(), End> {
        self.report.possession(possession);
        let Some(trusted) = &peer.trusted else { return Ok(()) };
        match Verified::new(*possession, trusted) {
            Ok(verified) => {
                self.report.verified(&verified);
                Ok(())
            }
            Err(error) => self.reported(&error),
        }
    }
}

fn judged<'c>(chain: Chain<'c>, appraisal: Option<Appraisal<'c>>) -> Peer<'c> {
    let trusted = appraisal.and_then(|appraisal| appraisal.into_trusted().ok());
    Peer { identity: Identity::Chain(chain), trusted, appraisal }
}

/// What a person can do about a device that lacks what is required.
pub(crate) fn hint(verdict: &Verdict) -> Option<&'static str> {
    let failed = |check| verdict.report.status(check) == spdm_evidence::Status::Fail;
    let (kind, _) = verdict.error()?;
    match kind {
        _ if verdict.hint().is_some() => verdict.hint(),
        "incompatible" | "refused" if failed(Check::ChallengeSignature) => {
            Some("--challenge none waives CHALLENGE")
        }
        "incompatible" | "refused" if failed(Check::MeasurementsSignature) => {
            Some("--measurements none waives measurements")
        }
        "incompatible" if failed(Check::ChainFormat) => {
            Some("a device without certificates needs its public key: --peer-key FILE")
        }
        _ => None,
    }
}
