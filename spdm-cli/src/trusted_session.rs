//! A session with a device that is trusted, for one thing that a person wants done in it.

use spdm_codec::SlotId;
use spdm_requester::{
    Negotiated, Requester, RunError, SessionHandle, SessionPlan, Verified, blocking,
};
use spdm_x509::{Identity, Policy};

use crate::line::LineError;
use crate::run_time::RunTime;
use crate::tap::Tap;

/// The longest chain that is taken, in bytes.
const LEN: usize = 0x1_0000;

/// Opens it with the key of a slot. Nothing is said in it before it is known who is there.
pub(crate) fn open<'a>(
    requester: Requester<'a, Negotiated>,
    slot: SlotId,
    policy: &Policy<'_>,
    line: &mut Tap<'_>,
    clock: &RunTime,
) -> Result<(Requester<'a, Negotiated>, SessionHandle), RunError<LineError>> {
    let mut buffer = vec![0; LEN];
    let flow = requester.fetch_chain(slot, &mut buffer);
    let (requester, chain) = blocking::run(flow, line, clock).map_err(|failure| failure.error)?;
    let trusted = policy.validate(&chain).map_err(spdm_requester::Error::from)?;
    let flow = requester.open_session(SessionPlan::DEFAULT, Identity::Chain(chain));
    let (requester, (opened, possession)) =
        blocking::run(flow, line, clock).map_err(|failure| failure.error)?;
    // Its proof is all that is needed of it.
    let _verified = Verified::new(possession, &trusted)?;
    Ok((requester, opened.session))
}

/// Closes it.
pub(crate) fn close<'a>(
    requester: Requester<'a, Negotiated>,
    session: SessionHandle,
    line: &mut Tap<'_>,
    clock: &RunTime,
) -> Result<Requester<'a, Negotiated>, RunError<LineError>> {
    let flow = requester.close_session(session);
    let closed = blocking::run(flow, line, clock).map_err(|failure| failure.error)?;
    Ok(closed.0)
}
