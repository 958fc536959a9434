//! Waiting for the events of a session.

use spdm_requester::{
    Error, EventSink, Events, Negotiated, Requester, SessionDue, SessionFate, UpdatedKeys, blocking,
};
use spdm_transport::{Clock as _, Duration};

use super::WantedList;
use super::shown::{self, ShownEvent};
use crate::args::EventsArgs;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::run_time::RunTime;
use crate::tap::Tap;
use crate::trusted_session::{Failed, Meeting};

/// How long nobody asks a device that had nothing to tell.
const PAUSE: Duration = Duration::from_millis(500);

/// Who waits.
pub(super) struct Subscriber<'w, 'l> {
    pub(super) args: &'w EventsArgs,
    pub(super) target: &'w str,
    pub(super) meeting: Meeting,
    pub(super) line: &'w mut Tap<'l>,
    pub(super) console: &'w mut Console,
    /// How many events came.
    pub(super) received: &'w mut u32,
}

/// What one poll brought.
#[derive(Default)]
struct Heard {
    events: Vec<ShownEvent>,
    /// Why a SEND_EVENT was refused.
    refused: Vec<String>,
}

impl EventSink for Heard {
    fn received(&mut self, events: &Events<'_>) {
        self.events.extend(events.iter().map(|event| ShownEvent::new(&event)));
    }

    fn refused(&mut self, error: &Error) {
        self.refused.push(error.to_string());
    }
}

/// A requester, and what its session came to.
type Waited<'a> = Result<(Requester<'a, Negotiated>, Result<Exit, Failure>), Failed<'a>>;

impl Subscriber<'_, '_> {
    /// Subscribes, and shows what comes until the time is over or enough came.
    pub(super) fn wait<'a>(
        mut self,
        requester: Requester<'a, Negotiated>,
        wanted: &WantedList,
    ) -> Waited<'a> {
        let clock = self.line.clock();
        let groups = match wanted.groups() {
            Ok(groups) => groups,
            Err(failure) => return Ok((requester, Err(failure))),
        };
        let session = self.meeting.session;
        let flow = requester.subscribe(session, groups);
        let (mut requester, mut subscription) = blocking::run(flow, self.line, &clock)?;
        let names = shown::type_names(&groups).join(", ");
        self.console.note(&format!("{}: subscribed to {names}", self.target));
        let end = clock.now().after(self.args.wait);
        let mut refused = Vec::new();
        loop {
            let mut heard = Heard::default();
            let flow = requester.receive_events(session, &mut subscription, &mut heard);
            let (next, served) = blocking::run(flow, self.line, &clock)?;
            requester = next;
            for event in heard.events {
                *self.received = self.received.saturating_add(1);
                if let Err(failure) = self.show(event) {
                    return Ok((requester, Err(failure)));
                }
            }
            refused.extend(heard.refused);
            let count = *self.received;
            if served.session == SessionFate::Ended {
                let enough = self.args.count.is_some_and(|most| count >= most);
                let ended = Failure::new(Exit::Rejected, "the device ended the session");
                let judged = match enough || !refused.is_empty() {
                    true => judge(count, self.args.count, self.args.wait, &refused),
                    false => Err(ended),
                };
                return Ok((requester, judged));
            }
            if self.args.count.is_some_and(|most| count >= most) || clock.now() >= end {
                break;
            }
            if served.requests == 0 {
                clock.sleep_until(end.min(clock.now().after(PAUSE)));
            }
            requester = self.attend(requester, &clock)?;
        }
        let EventsArgs { count: wanted, wait, .. } = *self.args;
        Ok((requester, judge(*self.received, wanted, wait, &refused)))
    }

    /// What keeps the session alive.
    fn attend<'a>(
        &mut self,
        requester: Requester<'a, Negotiated>,
        clock: &RunTime,
    ) -> Result<Requester<'a, Negotiated>, Failed<'a>> {
        let (requester, ()) = match requester.session_due() {
            Some(SessionDue::Heartbeat { session, at }) if at <= clock.now() => {
                blocking::run(requester.heartbeat(session), self.line, clock)?
            }
            Some(SessionDue::KeyUpdate { session }) => {
                let flow = requester.update_keys(session, UpdatedKeys::Both);
                blocking::run(flow, self.line, clock)?
            }
            _ => (requester, ()),
        };
        Ok(requester)
    }

    fn show(&mut self, event: ShownEvent) -> Result<(), Failure> {
        let event = event.of(self.target, self.meeting.id());
        match self.console.json() {
            true => self.console.object(&event),
            false => self.console.report(&event.text()),
        }
    }
}

/// Events that break a rule count for nothing, and are not passed over.
fn judge(
    count: u32,
    wanted: Option<u32>,
    wait: Duration,
    refused: &[String],
) -> Result<Exit, Failure> {
    if let Some(first) = refused.first() {
        let many = refused.len();
        let message = format!("SEND_EVENT was refused, {many} in all; the first because {first}");
        return Err(Failure::new(Exit::Protocol, message));
    }
    match wanted {
        Some(wanted) if count < wanted => {
            let seconds = wait.as_secs_f64();
            let message = format!("{count} of {wanted} events came within {seconds} s (--wait)");
            Err(Failure::transport(message))
        }
        _ => Ok(Exit::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::exit::Exit;
    use spdm_transport::Duration;

    #[test]
    fn what_breaks_a_rule_counts_more_than_what_came() {
        let wait = Duration::from_secs(1);
        assert_eq!(judge(2, Some(2), wait, &[]), Ok(Exit::Done));
        assert_eq!(judge(0, None, wait, &[]), Ok(Exit::Done));
        assert_eq!(judge(1, Some(2), wait, &[]).unwrap_err().exit, Exit::Transport);
        let refused = ["EventInstanceID".to_owned()];
        let failure = judge(2, Some(2), wait, &refused).unwrap_err();
        assert_eq!(failure.exit, Exit::Protocol);
        assert!(failure.message.contains("EventInstanceID"), "{failure:?}");
    }
}
