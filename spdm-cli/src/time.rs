//! The time that certificates are held against.

use std::time::{SystemTime, UNIX_EPOCH};

use spdm_x509::ValidityCheck;

/// The option `--at`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum At {
    /// The system's clock.
    #[default]
    Now,
    /// Seconds since 1970.
    Unix(u64),
    /// Validity periods are not looked at.
    Unchecked,
}

impl At {
    /// Reads an RFC 3339 time, `unix:N`, `now` or `unchecked`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(seconds) = text.strip_prefix("unix:") {
            return seconds
                .parse()
                .map(Self::Unix)
                .map_err(|_| "not a number of seconds".to_owned());
        }
        match text {
            "now" => Ok(Self::Now),
            "unchecked" => Ok(Self::Unchecked),
            _ => {
                let time: jiff::Timestamp = text.parse().map_err(|_| {
                    "expected 2026-11-23T07:53:12Z or the like, unix:N, now or unchecked".to_owned()
                })?;
                u64::try_from(time.as_second())
                    .map(Self::Unix)
                    .map_err(|_| "before 1970".to_owned())
            }
        }
    }

    /// The time, or `None` where the system's clock is before 1970.
    pub(crate) fn validity(self) -> Option<ValidityCheck> {
        Some(match self {
            Self::Unix(seconds) => ValidityCheck::At(seconds),
            Self::Unchecked => ValidityCheck::Unchecked,
            Self::Now => {
                ValidityCheck::At(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs())
            }
        })
    }
}

/// The system's time in RFC 3339, in whole seconds.
pub(crate) fn now() -> String {
    rfc_3339(At::Now).unwrap_or_default()
}

/// The time in RFC 3339, in whole seconds; `None` where validity periods are not looked at, or where it has no year.
pub(crate) fn rfc_3339(at: At) -> Option<String> {
    let ValidityCheck::At(seconds) = at.validity()? else { return None };
    let seconds = i64::try_from(seconds).ok()?;
    Some(jiff::Timestamp::from_second(seconds).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::At;

    #[test]
    fn times() {
        for (text, expected) in [
            ("2026-11-23T07:53:12Z", At::Unix(1_795_420_392)),
            ("2026-11-23T09:53:12+02:00", At::Unix(1_795_420_392)),
            ("unix:12", At::Unix(12)),
            ("unchecked", At::Unchecked),
            ("now", At::Now),
        ] {
            assert_eq!(At::parse(text), Ok(expected), "{text}");
        }
        for text in ["", "unix:", "unix:-1", "tomorrow", "2026-11-23", "1969-12-31T23:59:59Z"] {
            assert!(At::parse(text).is_err(), "{text}");
        }
    }
}
