//! Many devices by many machines, over a queue. One file per verb.

mod access;
mod submit;
mod watch;
mod work;

pub(crate) use access::QueueArgs;
pub(crate) use submit::FleetSubmitArgs;
pub(crate) use watch::FleetWatchArgs;
pub(crate) use work::FleetWorkArgs;
#[cfg(feature = "nats")]
pub(crate) use work::RoleChoice;

/// The longest name of a job, in characters.
const MAX_JOB_LEN: usize = 128;
/// A name that is the same wherever it is written.
fn job(text: &str) -> Result<String, String> {
    let is_plain = text.trim() == text && !text.chars().any(char::is_control);
    match text.chars().count() {
        1..=MAX_JOB_LEN if is_plain => Ok(text.to_owned()),
        _ => {
            Err(format!("expected 1 to {MAX_JOB_LEN} characters, without white space around them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::job;

    #[test]
    fn a_job_has_a_name_that_can_be_written() {
        for good in ["nightly", "2026-11-30 nightly", "é"] {
            assert_eq!(job(good).as_deref(), Ok(good));
        }
        for wrong in ["", " a", "a\n", "a\u{1b}[2J", &"x".repeat(129)] {
            assert!(job(wrong).is_err(), "{wrong}");
        }
    }
}
