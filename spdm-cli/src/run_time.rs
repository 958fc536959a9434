//! How long a run may take: `--timeout` bounds the wait for one answer, `--deadline` everything together.

use core::fmt;

use spdm_codec::Code;
use spdm_transport::{Clock, Duration, Instant, StdClock};

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

    /// Begins now: `--deadline`, or a minute and the time that passes on purpose.
    pub(crate) fn waiting(deadline: Option<Duration>, time: Duration) -> Self {
        Self::new(Some(deadline.unwrap_or_else(|| EACH_ROUND.saturating_add(time))), 1)
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
    /// `None` in the inside for a record of a session.
    requested: Option<Option<Code>>,
    answered: Option<(u32, Option<Code>)>,
}

impl Progress {
    /// This request goes out; `None` for one in a record of a session.
    pub(crate) const fn request(&mut self, code: Option<Code>) {
        self.requested = Some(code);
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
    /// How many requests were answered.
    pub(crate) const fn answers(&self) -> u32 {
        match self.answered {
            Some((count, _)) => count,
            None => 0,
        }
    }

    /// Whether the device has answered anything.
    pub(crate) const fn has_answer(&self) -> bool {
        self.answered.is_some()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answered {
            None => f.write_str("the device answered nothing"),
            Some((1, Some(code))) => write!(f, "the device answered one request, {code}"),
            Some((count, Some(code))) => {
                write!(f, "the device answered {count} requests, the last one {code}")
            }
            Some((count, None)) => {
                write!(f, "the device answered {count} requests, the last one in the session")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, RunTime};
    use spdm_codec::Code;
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
        progress.request(Some(Code::GET_VERSION));
        let over = |progress: &Progress| {
            RunTime::new(Some(Duration::from_millis(1500)), 1).over(progress).message
        };
        let long = "the run takes longer than the 1.5 s of --deadline; the device answered";
        assert_eq!(over(&progress), format!("{long} nothing"));
        progress.answer();
        assert_eq!(over(&progress), format!("{long} one request, GET_VERSION"));
        progress.request(Some(Code::GET_CERTIFICATE));
        progress.answer();
        assert_eq!(over(&progress), format!("{long} 2 requests, the last one GET_CERTIFICATE"));
        progress.request(None);
        progress.answer();
        assert_eq!(over(&progress), format!("{long} 3 requests, the last one in the session"));
    }
}
