//! How long a run may take: `--timeout` bounds the wait for one answer, `--deadline` everything together.

use core::fmt;

use spdm_codec::{Code, Header};
use spdm_transport::{Clock, Duration, Instant, StdClock};
use spdm_untrusted::Untrusted;

use crate::interrupt;
use crate::line::LineError;

/// What one round may take where `--deadline` does not say it.
const EACH_ROUND: Duration = Duration::from_secs(60);

/// The time of a run. As a clock it does not sleep beyond the deadline, nor after a signal: who goes on then is told
/// that the run is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunTime {
    clock: StdClock,
    deadline: Duration,
}

impl RunTime {
    /// Begins now: `--deadline`, or a minute for each of `rounds`.
    pub(crate) fn new(deadline: Option<Duration>, rounds: u32) -> Self {
        let deadline = deadline.unwrap_or_else(|| EACH_ROUND.saturating_mul(rounds));
        Self { clock: StdClock::new(), deadline }
    }

    /// What is left; `None` where nothing is.
    pub(crate) fn left(&self) -> Option<Duration> {
        let end = Instant::default().after(self.deadline);
        Some(end.since(self.clock.now())).filter(|left| !left.is_zero())
    }

    /// Whether there is time left, and nobody asked for the end.
    pub(crate) fn goes_on(&self) -> bool {
        self.left().is_some() && !interrupt::is_requested()
    }

    /// Why the run ends, and what the device did until then.
    pub(crate) fn over(&self, progress: &Progress) -> LineError {
        if interrupt::is_requested() {
            return LineError::transport(format_args!("interrupted; {progress}"));
        }
        let seconds = self.deadline.as_secs_f64();
        LineError::timeout(format_args!(
            "the run takes longer than the {seconds} s of --deadline; {progress}"
        ))
    }
}

impl Clock for RunTime {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep_until(&self, until: Instant) {
        let until = until.min(Instant::default().after(self.deadline));
        while !interrupt::is_requested() {
            let now = self.now();
            if now >= until {
                break;
            }
            self.clock.sleep_until(until.min(now.after(interrupt::STEP)));
        }
    }
}

/// What a device has answered on one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    requested: Option<Code>,
    answered: Option<(u32, Code)>,
}

impl Progress {
    /// This request goes out.
    pub(crate) fn request(&mut self, message: &[u8]) {
        let header = Header::peek(Untrusted::new(message));
        self.requested = header.ok().map(|header| header.code);
    }

    /// It was answered.
    pub(crate) fn answer(&mut self) {
        if let Some(code) = self.requested {
            let before = self.answered.map_or(0, |(count, _)| count);
            self.answered = Some((before.saturating_add(1), code));
        }
    }
}

impl Progress {
    /// Whether the device has answered anything.
    pub(crate) const fn has_answer(&self) -> bool {
        self.answered.is_some()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answered {
            None => f.write_str("the device answered nothing"),
            Some((1, code)) => write!(f, "the device answered one request, {code}"),
            Some((count, code)) => {
                write!(f, "the device answered {count} requests, the last one {code}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, RunTime};
    use spdm_transport::{Clock, Duration, Instant};

    #[test]
    fn nobody_sleeps_beyond_the_deadline() {
        let run = RunTime::new(Some(Duration::from_millis(5)), 1);
        assert!(run.left().is_some());
        run.sleep_until(Instant::from_micros(u64::MAX));
        assert_eq!(run.left(), None);
        let each = RunTime::new(None, 3);
        assert!(each.left().unwrap() > Duration::from_secs(179));
    }

    #[test]
    fn what_a_device_did_is_told() {
        let mut progress = Progress::default();
        progress.request(&[0x10, 0x84, 0, 0]);
        let over = |progress: &Progress| {
            RunTime::new(Some(Duration::from_millis(1500)), 1).over(progress).message
        };
        let long = "the run takes longer than the 1.5 s of --deadline; the device answered";
        assert_eq!(over(&progress), format!("{long} nothing"));
        progress.answer();
        assert_eq!(over(&progress), format!("{long} one request, GET_VERSION"));
        progress.request(&[0x12, 0x82, 0, 0]);
        progress.answer();
        assert_eq!(over(&progress), format!("{long} 2 requests, the last one GET_CERTIFICATE"));
    }
}
