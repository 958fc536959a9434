//! Why a server and whoever asks do not come to TLS.

use core::error::Error;
use core::fmt;
use std::io;

use async_nats::rustls;
use async_nats::rustls::pki_types::UnixTime;
use async_nats::rustls::{CertificateError, InvalidMessage};

use crate::timestamp::Timestamp;

/// Why nothing is said to a server.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsRefusal {
    /// Nobody who is believed has signed its certificate.
    UnknownAuthority,
    /// Its certificate is of other names.
    OtherNames(Vec<String>),
    /// Its certificate was valid until this time.
    Expired(Timestamp),
    /// Its certificate is valid from this time on.
    NotYet(Timestamp),
    /// Something else is wrong with its certificate.
    Certificate(String),
    /// It speaks no TLS.
    NoTls,
    /// It does not let in whoever has this certificate, or none.
    Refused(String),
}

impl fmt::Display for TlsRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAuthority => {
                f.write_str("nobody who is believed has signed the server's certificate")
            }
            Self::OtherNames(names) if names.is_empty() => {
                f.write_str("the server's certificate is of no name")
            }
            Self::OtherNames(names) => {
                let names = names.join(", ");
                write!(f, "the server's certificate is not of this name, but of {names}")
            }
            Self::Expired(at) => write!(f, "the server's certificate expired at {at}"),
            Self::NotYet(at) => write!(f, "the server's certificate is not valid before {at}"),
            Self::Certificate(why) => write!(f, "the server's certificate: {why}"),
            Self::NoTls => f.write_str("the server speaks no TLS, and nothing is said without it"),
            Self::Refused(why) => {
                write!(f, "the server does not believe the certificate of whoever asks: {why}")
            }
        }
    }
}

impl TlsRefusal {
    /// What an error of the client comes to, where TLS is why.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        use CertificateError as Wrong;
        let wrong = match cause(error)? {
            rustls::Error::InvalidCertificate(wrong) => wrong,
            // What a server says that understands no greeting is no record.
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                return Some(Self::NoTls);
            }
            rustls::Error::AlertReceived(alert) => {
                return Some(Self::Refused(format!("{alert:?}")));
            }
            _ => return None,
        };
        Some(match wrong {
            Wrong::UnknownIssuer => Self::UnknownAuthority,
            Wrong::NotValidForNameContext { presented, .. } => Self::OtherNames(
                presented.iter().map(|name| name.escape_debug().to_string()).collect(),
            ),
            Wrong::ExpiredContext { not_after, .. } => Self::Expired(timestamp(*not_after)),
            Wrong::NotValidYetContext { not_before, .. } => Self::NotYet(timestamp(*not_before)),
            other => Self::Certificate(other.to_string()),
        })
    }
}

fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp::from_unix_ms(time.as_secs().saturating_mul(1000))
}

/// The error of TLS behind an error.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut error = error;
    loop {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        // What is in an error of the system is not its source.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        error = match inner {
            Some(inner) => inner,
            None => error.source()?,
        };
    }
}
