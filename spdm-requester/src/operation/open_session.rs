//! KEY_EXCHANGE and FINISH.

#[cfg(feature = "mutual-auth")]
use spdm_codec::KeyExchangeRsp;
use spdm_codec::{
    CapabilityFlags, Code, FinishRsp, Handshake, KeyExchange, MeasCap, MeasurementSummary,
    MutAuthRequested, OpaqueData, RequesterNonce,
};
use spdm_crypto::{Direction, EphemeralKey, SharedSecret};
use spdm_x509::Identity;

use super::session_handshake::{
    Agreement, OPAQUE_ROOM, Opened, Place, SecondMessage, SessionPlan, SessionTerms, establish,
    keep, offer, prepare, schedule, transcript_of,
};
#[cfg(feature = "mutual-auth")]
use super::signed_finish::SignedFinish;
use crate::accepted::Accepted;
use crate::answer::Answer;
#[cfg(feature = "mutual-auth")]
use crate::encapsulation::Outcome;
use crate::env::{Ask, Env, fill};
use crate::error::{Error, SessionFault};
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::possession::Possession;
use crate::requester::Requester;

/// Bytes of KEY_EXCHANGE in front of ExchangeData.
const EXCHANGE_DATA_AT: usize = 40;
/// As much ExchangeData as any key exchange has, until it is there: that of ML-KEM-1024.
static NO_EXCHANGE_DATA: [u8; 1568] = [0; 1568];

/// KEY_EXCHANGE and FINISH: see [`Requester::open_session`].
#[derive(Debug)]
pub struct OpenSession<'c> {
    identity: Identity<'c>,
    plan: SessionPlan,
    place: Option<Place>,
    /// Our part of the key exchange, from its request to its response.
    key: Option<EphemeralKey>,
    finish: Option<Second>,
    /// What KEY_EXCHANGE_RSP agreed on.
    agreed: Option<(Agreement, Possession<'c>)>,
    opened: Option<(Opened, Possession<'c>)>,
}

/// FINISH.
#[derive(Clone, Copy, Debug)]
enum Second {
    Known(SecondMessage),
    #[cfg(feature = "mutual-auth")]
    Signed(SignedFinish),
}

impl<'a> Requester<'a, Negotiated> {
    /// KEY_EXCHANGE and FINISH: a session with the holder of an identity's key. The memory for it comes with
    /// [`Storage::with_sessions`](crate::Storage::with_sessions), and [`Offer::with_sessions`](crate::Offer::with_sessions)
    /// offers what it takes.
    ///
    /// The signature of KEY_EXCHANGE_RSP proves possession of the key, and covers the negotiation. Whether the identity
    /// can be trusted is another question: ask it before anything is sent in the session.
    ///
    /// A device that wants to authenticate the requester, too (mutual authentication), gets what it wants where the
    /// requester was lent an identity, with the feature `mutual-auth`; elsewhere no session begins.
    #[must_use]
    pub fn open_session<'c>(
        self,
        plan: SessionPlan,
        identity: Identity<'c>,
    ) -> Flow<'a, OpenSession<'c>> {
        Flow::new(self.core, OpenSession::new(plan, identity))
    }
}

impl<'c> OpenSession<'c> {
    pub(super) const fn new(plan: SessionPlan, identity: Identity<'c>) -> Self {
        Self { identity, plan, place: None, key: None, finish: None, agreed: None, opened: None }
    }

    /// The proof by the signature of KEY_EXCHANGE_RSP, once that is accepted.
    pub(super) fn possession(&self) -> Option<&Possession<'c>> {
        self.agreed.as_ref().map(|(_, possession)| possession)
    }
}

impl OpenSession<'_> {
    fn key_exchange<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let errors = ask.errors;
        let (agreed, place) = prepare(ask, CapabilityFlags::KEY_EX_CAP, "KEY_EX_CAP")?;
        let exchange = agreed.key_exchange().map_err(|error| errors.incompatible(error))?;
        let mut random_data = RequesterNonce([0; 32]);
        fill(ask.provider, errors, &mut random_data.0)?;
        let mut opaque = [0; OPAQUE_ROOM];
        let opaque_len = offer(errors, agreed, self.plan.secured_versions, &mut opaque)?;
        let measures = agreed.responder.flags.meas_cap() != MeasCap::None;
        let request = KeyExchange {
            summary: if measures { self.plan.summary } else { MeasurementSummary::None },
            slot: self.identity.key_slot(),
            req_session_id: place.session.req_session_id(),
            session_policy: agreed.session_policy(self.plan.policy),
            random_data,
            exchange_data: NO_EXCHANGE_DATA.get(..exchange.request_len()).unwrap_or_default(),
            opaque: OpaqueData::from_bytes(opaque.get(..opaque_len).unwrap_or_default()),
        };
        let len = ask.encode(&request, agreed.version, out)?;
        let end = EXCHANGE_DATA_AT.saturating_add(exchange.request_len());
        // The message was encoded with it.
        let public = out.get_mut(EXCHANGE_DATA_AT..end).unwrap_or_default();
        let key = ask.provider.start_key_exchange(exchange, public);
        self.key = Some(key.map_err(|error| errors.stop(SessionFault::from(error)))?);
        self.place = Some(place);
        Ok(len)
    }
}

impl<'c> OpenSession<'c> {
    fn key_exchanged<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let errors = env.errors;
        let (Some(place), Some(key)) = (self.place, self.key.take()) else {
            return Err(errors.unfinished());
        };
        let session = place.session;
        let agreed = *env.agreed()?;
        let th = transcript_of(session);
        let mut handshake = None;
        let mut shared = SharedSecret::new();
        env.accept_by(answer, |connection, errors, crypto| {
            let identity = Some(&self.identity);
            let keyed = connection.accept_key_exchange(
                errors,
                crypto,
                answer,
                identity,
                session.index(),
            )?;
            key.finish(keyed.message.exchange_data, &mut shared)
                .map_err(|error| errors.stop(SessionFault::from(error)))?;
            let schedule = schedule(errors, crypto.provider, &agreed)?;
            let secrets = schedule
                .from_key_exchange(&shared, &keyed.th1)
                .map_err(|error| errors.stop(SessionFault::from(error)))?;
            let verify_data = keyed.message.verify_data;
            if agreed.handshake() == Handshake::Secured {
                let message = "KEY_EXCHANGE_RSP";
                secrets
                    .check_verify_data(Direction::Response, &keyed.th1, verify_data)
                    .map_err(|_| errors.stop(SessionFault::VerifyData { message }))?;
            }
            let hashes = &mut *crypto.hashes;
            hashes.update(th, verify_data).map_err(|error| errors.stop(error))?;
            let finish = match keyed.message.mut_auth {
                MutAuthRequested::No => {
                    let (version, code) = (agreed.version, Code::FINISH);
                    Some(SecondMessage::new(errors, version, code, &secrets, hashes, th)?)
                }
                #[cfg(feature = "mutual-auth")]
                _ => None,
                #[cfg(not(feature = "mutual-auth"))]
                _ => {
                    let at = &crate::error_cell::At("KEY_EXCHANGE_RSP", "MutAuthRequested");
                    return Err(errors.unexpected(at));
                }
            };
            let accepted = keyed.accepted();
            handshake = Some((keyed, secrets, finish));
            Ok(accepted)
        })?;
        let Some((keyed, secrets, finish)) = handshake else { return Err(errors.unfinished()) };
        // The identity was given, so the signature was checked.
        let possession = keyed.possession.ok_or_else(|| errors.unfinished())?;
        let algorithm = agreed.key_exchange().map_err(|error| errors.incompatible(error))?;
        env.log_handshake(keyed.session_id, Some((algorithm, &shared)), &secrets)?;
        shared.clear();
        let terms = SessionTerms {
            session_id: keyed.session_id,
            heartbeat_period: keyed.message.heartbeat_period,
            secured_version: keyed.secured_version,
            aead_limit: keyed.aead_limit,
        };
        let agreement = keep(env, place, &keyed.th1, terms, secrets)?;
        self.agreed = Some((agreement, possession));
        if agreed.handshake() == Handshake::Secured {
            env.enter(agreement.session);
        }
        self.finish = match finish {
            Some(finish) => Some(Second::Known(finish)),
            #[cfg(feature = "mutual-auth")]
            None => Some(Second::Signed(self.authenticate(env, &keyed.message)?)),
            #[cfg(not(feature = "mutual-auth"))]
            None => None,
        };
        Ok(Next::Again)
    }

    /// KEY_EXCHANGE_RSP wants to know who the requester is.
    #[cfg(feature = "mutual-auth")]
    fn authenticate<'f>(
        &self,
        env: &mut Env<'_, 'f>,
        message: &KeyExchangeRsp<'_>,
    ) -> Result<SignedFinish, &'f Error> {
        let (agreement, _) = self.agreed.ok_or_else(|| env.errors.unfinished())?;
        let session = agreement.session;
        let finish = match message.mut_auth {
            MutAuthRequested::WithEncapsulation => {
                env.begin_in_handshake(session)?;
                SignedFinish::to_be_chosen(session)
            }
            MutAuthRequested::WithGetDigests => {
                env.begin_with_digests(session)?;
                SignedFinish::to_be_chosen(session)
            }
            MutAuthRequested::WithoutEncapsulation | MutAuthRequested::No => {
                env.identity()?;
                SignedFinish::of_slot(session, message.req_slot)
            }
        };
        Ok(finish)
    }

    fn finished<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        const MESSAGE: &str = "FINISH_RSP";
        let errors = env.errors;
        let (agreement, possession) = self.agreed.ok_or_else(|| errors.unfinished())?;
        let session = agreement.session;
        let th = transcript_of(session);
        let negotiated = *env.agreed()?;
        let decoded = errors
            .decode::<FinishRsp<'_>>(
                answer.response,
                &negotiated.session_cx(env.connection.answer_padding()),
            )
            .inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        let verify_data = decoded.message.verify_data;
        let head = decoded.bytes.len().saturating_sub(verify_data.len());
        let head = decoded.bytes.get(..head).unwrap_or_default();
        env.hashes.update(th, head).map_err(|error| errors.stop(error))?;
        if negotiated.handshake() == Handshake::InTheClear {
            let digest = env.hashes.snapshot(th).map_err(|error| errors.stop(error))?;
            let slot = env.sessions.as_deref_mut().and_then(|sessions| sessions.slot(session));
            let slot = slot.and_then(|slot| {
                slot.handshake().map(|secrets| {
                    secrets.check_verify_data(Direction::Response, &digest, verify_data)
                })
            });
            match slot {
                Some(Ok(())) => {}
                Some(Err(_)) => {
                    let error = errors.stop(SessionFault::VerifyData { message: MESSAGE });
                    env.reject(answer.request, answer.response, error);
                    return Err(error);
                }
                None => return Err(errors.stop(SessionFault::Over)),
            }
            env.hashes.update(th, verify_data).map_err(|error| errors.stop(error))?;
        }
        let Accepted::Other(_) = env.accept(answer, None)? else {
            return Err(errors.unfinished());
        };
        #[cfg(feature = "mutual-auth")]
        if let Some(Second::Signed(finish)) = &self.finish {
            env.connection.authenticated_as = Some(finish.slot());
        }
        self.opened = Some((establish(env, &agreement)?, possession));
        Ok(Next::Done)
    }
}

impl<'c> sealed::Operation for OpenSession<'c> {
    type Phase = Negotiated;
    type Output = (Opened, Possession<'c>);

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        match &self.finish {
            None => self.key_exchange(ask, out),
            Some(Second::Known(finish)) => finish.encode(ask, ask.agreed()?.version, out),
            #[cfg(feature = "mutual-auth")]
            Some(Second::Signed(_)) => Err(ask.errors.unfinished()),
        }
    }

    #[cfg(feature = "mutual-auth")]
    fn signed_request<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        out: &mut [u8],
    ) -> Result<Option<usize>, &'f Error> {
        match &self.finish {
            Some(Second::Signed(finish)) => finish.encode(env, out).map(Some),
            Some(Second::Known(_)) | None => Ok(None),
        }
    }

    #[cfg(feature = "mutual-auth")]
    fn encapsulated(&mut self, outcome: &Outcome) {
        if let Some(Second::Signed(finish)) = &mut self.finish {
            finish.choose(outcome);
        }
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        match self.finish {
            None => self.key_exchanged(env, answer),
            Some(_) => self.finished(env, answer),
        }
    }

    fn ends_session(&self) -> bool {
        self.agreed.is_some()
    }

    fn failed(&mut self) {
        self.key = None;
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Self::Output, &'f Error> {
        self.opened.take().ok_or_else(|| errors.unfinished())
    }
}
