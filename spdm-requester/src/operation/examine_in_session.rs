//! The examination of a device with a session: KEY_EXCHANGE and FINISH in front of the measurements, which travel in it.

use super::attestation_plan::{AttestationPlan, KeySource};
use super::examined::Examined;
use super::open_session::OpenSession;
use super::sequence::{Course, Persistence, Sequence, Where};
use super::session_handshake::{Opened, SessionPlan};
use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::observer::{Audience, Observation, Observer};
use crate::operation::{Next, sealed};
use crate::possession::Possession;
use crate::requester::{Fresh, Requester};

/// What is said in a session to a device whose identity is not trusted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "nothing is said, or what is planned")]
pub enum ToUntrusted {
    /// Nothing.
    #[default]
    Nothing,
    /// What the plan asks for.
    AsPlanned,
}

/// An examination with a session: see [`Requester::examine_in_session`].
#[derive(Debug)]
pub struct ExamineInSession<'p, 'c, 'm> {
    sequence: Sequence<'p, 'c, 'm, InSession<'c>>,
    plan: SessionPlan,
    untrusted: ToUntrusted,
    opening: Option<OpenSession<'c>>,
    opened: Option<Opened>,
}

/// [`Persistence::AsFarAsPossible`], in a session.
#[derive(Debug)]
struct InSession<'c> {
    keyed: Option<Possession<'c>>,
}

impl<'c> Course<'c> for InSession<'c> {
    const PERSISTENCE: Persistence = Persistence::AsFarAsPossible;
    const MEASURES: Where = Where::InSession;

    fn keyed(&self) -> Option<&Possession<'c>> {
        self.keyed.as_ref()
    }
}

impl<'p> Flow<'_, ExamineInSession<'p, '_, '_>> {
    /// Tells `observer` of every step. To be called before the first one.
    #[must_use]
    pub fn observed_by(mut self, observer: &'p mut (dyn Observer + Send + 'p)) -> Self {
        self.operation_mut().sequence.audience = Audience::new(observer);
        self
    }
}

impl<'a> Requester<'a, Fresh> {
    /// The steps of [`Self::examine`], with a session: behind CHALLENGE, where the plan requires it, come KEY_EXCHANGE and
    /// FINISH, and the measurements travel in the session. The device is verified where the policy trusts the key, and the
    /// signature of KEY_EXCHANGE_RSP and every other one that is required are by it.
    ///
    /// The session stays open for the caller, who closes it. A session that cannot be opened ends the examination. Nothing
    /// is said in it to a device that is not trusted, unless `untrusted` says otherwise.
    #[must_use]
    pub fn examine_in_session<'p, 'c, 'm>(
        self,
        plan: AttestationPlan<'p>,
        session: SessionPlan,
        untrusted: ToUntrusted,
        source: KeySource<'c>,
        record: &'m mut [u8],
    ) -> Flow<'a, ExamineInSession<'p, 'c, 'm>> {
        let sequence = Sequence::new(plan, source, record, InSession { keyed: None });
        let opening = None;
        let operation =
            ExamineInSession { sequence, plan: session, untrusted, opening, opened: None };
        Flow::new(self.core, operation)
    }
}

impl ExamineInSession<'_, '_, '_> {
    /// The handshake goes on, or is complete: then the rest travels in the session.
    fn handshake<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        let errors = env.errors;
        let Self { sequence, untrusted, opening, opened, .. } = self;
        let step = opening.as_mut().ok_or_else(|| errors.unfinished())?;
        let next = sealed::Operation::answered(step, env, answer)?;
        if let (None, Some(possession)) = (sequence.course.keyed, step.possession()) {
            sequence.audience.tell(&Observation::KeyExchanged(possession));
            sequence.proven(env, possession)?;
            sequence.course.keyed = Some(*possession);
        }
        if next == Next::Again {
            return Ok(next);
        }
        let (session, _) = sealed::Operation::finish(step, errors)?;
        *opening = None;
        sequence.audience.tell(&Observation::SessionOpened(&session));
        env.enter(session.session);
        *opened = Some(session);
        match (sequence.trusted(), *untrusted) {
            (None, ToUntrusted::Nothing) => sequence.withhold(),
            (Some(_), _) | (None, ToUntrusted::AsPlanned) => sequence.measurements(env)?,
        }
        Ok(sequence.next())
    }
}

impl<'c, 'm> sealed::Operation for ExamineInSession<'_, 'c, 'm> {
    type Phase = Negotiated;
    type Output = (Opened, Examined<'c, 'm>);

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let Some(identity) = self.sequence.awaits_session() else {
            return self.sequence.request(ask, out);
        };
        let opening = self.opening.get_or_insert_with(|| OpenSession::new(self.plan, *identity));
        sealed::Operation::request(opening, ask, out)
    }

    #[cfg(feature = "mutual-auth")]
    fn signed_request<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        out: &mut [u8],
    ) -> Result<Option<usize>, &'f Error> {
        match &mut self.opening {
            Some(opening) => opening.signed_request(env, out),
            None => Ok(None),
        }
    }

    #[cfg(feature = "mutual-auth")]
    fn encapsulated(&mut self, outcome: &crate::encapsulation::Outcome) {
        if let Some(opening) = &mut self.opening {
            opening.encapsulated(outcome);
        }
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        match self.sequence.awaits_session() {
            Some(_) => self.handshake(env, answer),
            None => self.sequence.answered(env, answer),
        }
    }

    fn refused<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        let handshake = self.sequence.awaits_session().is_some();
        if handshake || (self.opened.is_some() && !error.leaves_session()) {
            return Ok(None);
        }
        self.sequence.refused(env, error)
    }

    fn ends_session(&self) -> bool {
        self.opening.is_some() || self.opened.is_some()
    }

    fn stopped(&mut self, error: &Error) {
        self.sequence.stopped(error);
    }

    fn failed(&mut self) {
        self.sequence.failed();
        if let Some(opening) = &mut self.opening {
            sealed::Operation::failed(opening);
        }
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<Self::Output, &'f Error> {
        let opened = self.opened.take().ok_or_else(|| errors.unfinished())?;
        Ok((opened, self.sequence.examined()))
    }
}
