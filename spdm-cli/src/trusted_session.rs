//! A session with a device that is trusted, for what a person wants done in it.

use spdm_codec::{CapabilityFlags, SlotId};
use spdm_evidence::SecretsLog;
use spdm_requester::{
    Error, Incompatible, Misuse, Negotiated, Observation, Observer as _, Opened, Recovered,
    Requester, RunError, SessionFault, SessionHandle, SessionPlan, Verified, blocking,
};
use spdm_untrusted::Untrusted;
use spdm_x509::{Identity, Policy, ProvisionedKey, SanPolicy, Trusted};

use crate::args::PeerChoice;
use crate::backend::Crypto;
use crate::exit::Failure;
use crate::inquiry::Inquiry;
use crate::line::LineError;
use crate::live::{LiveDevice, SessionOffer};
use crate::overheard::SlotOption;
use crate::run_time::RunTime;
use crate::tap::Tap;
use crate::trust::{self, Trust};

/// The longest chain that is taken, in bytes.
const LEN: usize = 0x1_0000;

/// Why something could not be done, and the requester for what comes next.
pub(crate) type Failed<'a> = Box<spdm_requester::Failure<'a, Negotiated, RunError<LineError>>>;

/// Whom a session is opened with: what the options name, files read.
#[derive(Debug)]
pub(crate) struct TrustedPeer<'t> {
    trust: &'t Trust,
    key: PeerKey,
    slot_option: SlotOption,
    crypto: Crypto,
}

/// Whose key signs KEY_EXCHANGE_RSP.
#[derive(Debug)]
enum PeerKey {
    /// That of the chain in this slot.
    Slot(SlotId),
    /// `--peer-key`: a DER SubjectPublicKeyInfo.
    Provisioned(Vec<u8>),
}

impl<'t> TrustedPeer<'t> {
    /// Reads the files, and has the device offer sessions.
    pub(crate) fn read<'l>(
        choice: &PeerChoice<'l>,
        trust: &'t Trust,
        device: &mut LiveDevice<'l>,
    ) -> Result<Self, Failure> {
        let crypto = device.crypto;
        let key = match choice.peer_key {
            None => PeerKey::Slot(choice.slot),
            Some(path) => PeerKey::Provisioned(trust::public_key(path, crypto.provider)?),
        };
        device.offer_sessions(SessionOffer::Identity);
        device.takes_peer_key(choice.peer_key);
        device.log_secrets(choice.secrets_out, SecretsLog::new())?;
        Ok(Self { trust, key, slot_option: choice.slot_option, crypto })
    }

    /// Opens it. Nothing is said in it before it is known who is there.
    fn open<'a>(
        &self,
        requester: Requester<'a, Negotiated>,
        inquiry: &mut Inquiry<'_, '_>,
    ) -> Result<(Requester<'a, Negotiated>, Opened), RunError<LineError>> {
        let (line, clock) = (&mut *inquiry.line, &inquiry.clock);
        let (anchors, revocations) = (self.trust.anchors(), self.trust.revocations());
        let policy = self.trust.policy(self.crypto.provider, &anchors, &revocations);
        let policy =
            policy.map_err(|failure| RunError::Transport(LineError::usage(failure.message)))?;
        match &self.key {
            PeerKey::Slot(slot) => {
                let mut buffer = vec![0; LEN];
                let flow = requester.fetch_chain(*slot, &mut buffer);
                let (requester, chain) =
                    blocking::run(flow, line, clock).map_err(|failure| failure.error)?;
                let appraisal = policy.appraise(&chain);
                // Of a chain that leads to no anchor, the report names the root.
                inquiry.report.observe(&Observation::Appraised(&appraisal));
                let trusted = appraisal.into_trusted().map_err(Error::from)?;
                open_with(requester, Identity::Chain(chain), &trusted, line, clock)
            }
            PeerKey::Provisioned(spki) => {
                let key = provisioned_key(spki, requester.negotiated(), self.crypto)?;
                let trusted = trusted_key(key, &policy)?;
                open_with(requester, Identity::Key(key), &trusted, line, clock)
            }
        }
    }
}

fn open_with<'a, 'c>(
    requester: Requester<'a, Negotiated>,
    identity: Identity<'c>,
    trusted: &Trusted<'c>,
    line: &mut Tap<'_>,
    clock: &RunTime,
) -> Result<(Requester<'a, Negotiated>, Opened), RunError<LineError>> {
    let flow = requester.open_session(SessionPlan::DEFAULT, identity);
    let (requester, (opened, possession)) =
        blocking::run(flow, line, clock).map_err(|failure| failure.error)?;
    // Its proof is all that is needed of it.
    let _verified = Verified::new(possession, trusted)?;
    Ok((requester, opened))
}

/// The key in `--peer-key`, for what was negotiated.
pub(crate) fn provisioned_key<'k>(
    spki: &'k [u8],
    negotiated: &Negotiated,
    crypto: Crypto,
) -> Result<ProvisionedKey<'k>, Error> {
    if !negotiated.responder.flags.contains(CapabilityFlags::PUB_KEY_ID_CAP) {
        return Err(Incompatible::Capability("PUB_KEY_ID_CAP").into());
    }
    let (asym, hash) = (negotiated.asym()?, negotiated.hash()?);
    Ok(ProvisionedKey::parse(Untrusted::new(spki), asym, hash, crypto.provider)?)
}

/// Who names the key vouches for it, unless it is revoked. No key can have the name that a policy may ask for.
pub(crate) fn trusted_key<'k>(
    key: ProvisionedKey<'k>,
    policy: &Policy<'_>,
) -> Result<Trusted<'k>, Error> {
    match policy.san {
        SanPolicy::None => Ok(policy.validate_key(key)?),
        _ => Err(Error::Misuse(Misuse::Identity)),
    }
}

/// A session that was opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meeting {
    pub(crate) session: SessionHandle,
    session_id: u32,
}

impl Meeting {
    /// `SessionID` as reports show it.
    pub(crate) fn id(self) -> String {
        format!("{:#010x}", self.session_id)
    }
}

/// Where something is asked: outside of sessions, or in one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(Option<Meeting>);

impl Place {
    /// The requester, whose next operation runs there.
    pub(crate) fn enter<'a>(
        self,
        requester: Requester<'a, Negotiated>,
    ) -> Requester<'a, Negotiated> {
        match self.0 {
            None => requester,
            Some(meeting) => requester.in_session(meeting.session),
        }
    }

    /// `SessionID` as reports show it; `None` outside of sessions.
    pub(crate) fn session_id(self) -> Option<String> {
        self.0.map(Meeting::id)
    }
}

/// Lets `ask` ask in a session with the peer, which is closed afterwards, also where the device refused something.
pub(crate) fn meet<'a, 'l, T>(
    peer: &TrustedPeer<'_>,
    requester: Requester<'a, Negotiated>,
    inquiry: &mut Inquiry<'_, 'l>,
    ask: impl FnOnce(
        Requester<'a, Negotiated>,
        Meeting,
        &mut Tap<'l>,
    ) -> Result<(Requester<'a, Negotiated>, T), Failed<'a>>,
) -> Result<(Requester<'a, Negotiated>, T), RunError<LineError>> {
    *inquiry.slot_option = peer.slot_option;
    let (requester, Opened { session, session_id, .. }) = peer.open(requester, inquiry)?;
    *inquiry.slot_option = SlotOption::default();
    let (line, clock) = (&mut *inquiry.line, inquiry.clock);
    match ask(requester, Meeting { session, session_id }, line) {
        Ok((requester, asked)) => {
            match blocking::run(requester.close_session(session), line, &clock) {
                Ok((requester, _)) => Ok((requester, asked)),
                // The device has ended it itself, and `ask` knows: a session that is lost is its error.
                Err(spdm_requester::Failure {
                    error: RunError::Requester(Error::Session(SessionFault::Over)),
                    requester: Recovered::Kept(requester),
                    ..
                }) => Ok((requester, asked)),
                Err(failure) => Err(failure.error),
            }
        }
        Err(failure) => {
            if let Recovered::Kept(requester) = failure.requester {
                // Why it was to be asked no further is known already.
                let _ = blocking::run(requester.close_session(session), line, &clock);
            }
            Err(failure.error)
        }
    }
}

/// [`meet`] where there is a peer; otherwise `ask` asks outside of sessions.
pub(crate) fn converse<'a, T>(
    peer: Option<&TrustedPeer<'_>>,
    requester: Requester<'a, Negotiated>,
    inquiry: &mut Inquiry<'_, '_>,
    ask: impl FnOnce(
        Requester<'a, Negotiated>,
        Place,
        &mut Tap<'_>,
    ) -> Result<(Requester<'a, Negotiated>, T), Failed<'a>>,
) -> Result<(Requester<'a, Negotiated>, T), RunError<LineError>> {
    match peer {
        None => ask(requester, Place(None), inquiry.line).map_err(|failure| failure.error),
        Some(peer) => meet(peer, requester, inquiry, |requester, meeting, line| {
            ask(requester, Place(Some(meeting)), line)
        }),
    }
}
