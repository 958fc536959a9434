//! How a server is reached, and who asks.

use core::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_nats::jetstream::{self, Context};
use async_nats::{ConnectOptions, Event, ServerAddr, ServerError};
use zeroize::Zeroizing;

use super::TlsRefusal;
use super::post::failed;
use crate::queue::QueueError;

/// The longest name and the longest password, in bytes.
const MAX_LEN: usize = 1024;
/// The longest text of a server that is repeated.
const MAX_REFUSAL: usize = 200;

/// How a server is reached, and who asks.
#[derive(Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "a caller chooses")]
pub struct NatsAccess {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`; several with commas, and TLS with all where it is with one. No name and no
    /// password stands in it.
    pub servers: String,
    /// Who asks, where the server wants a token.
    pub token: Option<Zeroizing<String>>,
    /// Who asks, where the server wants a name and a password.
    pub login: Option<NatsLogin>,
    /// Roots of the server's certificate (PEM), instead of those of this machine. With them, nothing is said without TLS.
    pub roots: Option<PathBuf>,
    /// Who asks: a certificate and its key (PEM). With them, nothing is said without TLS.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The domain of JetStream: `D` where requests are `$JS.D.API` instead of `$JS.API`, as behind a leaf node, and in an account
    /// that is only given some requests of another one.
    pub domain: Option<String>,
}

impl fmt::Debug for NatsAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsAccess")
            .field("servers", &self.servers)
            .field("roots", &self.roots)
            .field("identity", &self.identity)
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// The name and the password of a user of the server. It is erased when it is dropped, and has no `Debug` content.
#[derive(Clone)]
pub struct NatsLogin {
    user: String,
    password: Zeroizing<String>,
}

impl fmt::Debug for NatsLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsLogin").finish_non_exhaustive()
    }
}

/// Why a file is no [`NatsLogin`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "nothing is said of a secret's content")]
pub struct NatsLoginError;

impl fmt::Display for NatsLoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected one line USER:PASSWORD")
    }
}

impl core::error::Error for NatsLoginError {}

impl NatsLogin {
    /// The user in a file: one line `USER:PASSWORD`. The first colon ends the name.
    ///
    /// # Errors
    /// [`NatsLoginError`].
    pub fn from_file(content: &[u8]) -> Result<Self, NatsLoginError> {
        let text = core::str::from_utf8(content).map_err(|_| NatsLoginError)?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (user, password) = line.split_once(':').ok_or(NatsLoginError)?;
        let is_plain =
            |text: &str| (1..=MAX_LEN).contains(&text.len()) && !text.chars().any(char::is_control);
        if !is_plain(user) || !is_plain(password) {
            return Err(NatsLoginError);
        }
        Ok(Self { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }
}

impl NatsAccess {
    /// Connects. A connection that is lost later is made again.
    pub(super) async fn connect(&self) -> Result<(Context, Refusals), QueueError> {
        if let Some(domain) = self.domain.as_deref().filter(|domain| !is_domain(domain)) {
            return Err(failed(format_args!("{domain:?} is no domain: letters, digits and - are")));
        }
        let servers = self
            .servers
            .split(',')
            .map(|server| server.parse::<ServerAddr>().map_err(failed))
            .collect::<Result<Vec<_>, _>>()?;
        if servers.iter().any(|server| server.has_user_pass()) {
            return Err(QueueError::Failed(
                "NATS: the address has a name or a password in it, which everybody on this machine can read: they belong in a file"
                    .to_owned(),
            ));
        }
        let refusals = Refusals::default();
        let told = refusals.clone();
        let mut options = ConnectOptions::new().name("spdm").event_callback(move |event| {
            if let Event::ServerError(ServerError::Other(text)) = &event {
                told.note(text);
            }
            core::future::ready(())
        });
        if let Some(token) = &self.token {
            options = options.token(token.to_string());
        }
        if let Some(NatsLogin { user, password }) = &self.login {
            options = options.user_and_password(user.clone(), password.as_str().to_owned());
        }
        if let Some(roots) = &self.roots {
            options = options.add_root_certificates(roots.clone());
        }
        if let Some((certificate, key)) = &self.identity {
            options = options.add_client_certificate(certificate.clone(), key.clone());
        }
        // Of every server, those included that the first one names.
        let wants_tls = servers.iter().any(ServerAddr::tls_required);
        options = options.require_tls(wants_tls || self.roots.is_some() || self.identity.is_some());
        let client = options.connect(servers).await.map_err(|error| {
            TlsRefusal::of(&error).map_or_else(|| failed(error), QueueError::Tls)
        })?;
        let context = match &self.domain {
            Some(domain) => jetstream::with_domain(client, domain),
            None => jetstream::new(client),
        };
        Ok((context, refusals))
    }
}

fn is_domain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What the server refused last. It does not answer what it refuses, but says so on the side.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(Arc<Mutex<Option<(Instant, String)>>>);

impl Refusals {
    fn note(&self, text: &str) {
        let text = text.escape_debug().take(MAX_REFUSAL).collect();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), text));
    }

    /// The last one since a time.
    pub(super) fn since(&self, begun: Instant) -> Option<String> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(at, _)| *at >= begun).map(|(_, text)| text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::{NatsAccess, NatsLogin, NatsLoginError};

    #[test]
    fn a_login_is_one_line() {
        for line in ["collect:se:cret", "collect:se:cret\n", "collect:se:cret\r\n"] {
            let login = NatsLogin::from_file(line.as_bytes()).unwrap();
            assert_eq!((login.user.as_str(), login.password.as_str()), ("collect", "se:cret"));
        }
        let long = format!("a:{}", "b".repeat(1025));
        for line in ["", "collect", ":secret", "collect:", "a:b\nc:d", "a\0:b", &long] {
            assert_eq!(NatsLogin::from_file(line.as_bytes()).unwrap_err(), NatsLoginError);
        }
        assert!(NatsLogin::from_file(b"a:\xff").is_err());
    }

    #[test]
    fn no_secret_is_shown() {
        let access = NatsAccess {
            token: Some("secret".to_owned().into()),
            login: NatsLogin::from_file(b"name:secret").ok(),
            ..NatsAccess::default()
        };
        let shown = format!("{access:?} {:?}", access.login);
        assert!(!shown.contains("secret") && !shown.contains("name"), "{shown}");
    }
}
