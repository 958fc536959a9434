//! How services are reached.

use core::fmt;
use core::time::Duration;

use spdm_crypto::Provider;
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, TcpConnector};

use super::connector::TlsConnector;
use super::credentials::Credentials;
use super::tls::{self, Authorities};

/// The longest head of an answer, in bytes.
const MAX_HEAD_LEN: usize = 1 << 14;
/// Connections that are kept for the next request: of one service, and of all.
const KEPT: (usize, usize) = (2, 128);
/// How long they are kept.
const KEPT_FOR: Duration = Duration::from_secs(15);

/// Credentials, trust anchors and open connections, for every service of a run. Threads share it.
#[derive(Debug)]
pub struct Access {
    pub(super) agent: Agent,
    pub(super) credentials: Credentials,
}

/// TLS cannot be set up.
#[derive(Debug)]
pub struct AccessError(rustls::Error);

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS: {}", self.0)
    }
}

impl core::error::Error for AccessError {}

impl Access {
    /// Services whose certificate is signed by one of these authorities, or named in the credentials. Proxies of the
    /// environment are not used: no credential goes to one.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn new(
        credentials: Credentials,
        authorities: Authorities,
        hash: &Provider,
    ) -> Result<Self, AccessError> {
        let tls = tls::config(&credentials, authorities, hash).map_err(AccessError)?;
        let config = Config::builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MAX_HEAD_LEN)
            .max_idle_connections_per_host(KEPT.0)
            .max_idle_connections(KEPT.1)
            .max_idle_age(KEPT_FOR)
            .user_agent(concat!("spdm-fleet/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .build();
        let connector = ().chain(TcpConnector::default()).chain(TlsConnector(tls));
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self { agent, credentials })
    }
}
