//! HTTP to a service: everything bounded, nothing to another origin.

use core::time::Duration;
use std::io;
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response};
use ureq::{Body, RequestBuilder};

use super::access::Access;
use super::address::{Origin, ResourcePath};
use super::error::{RedfishError, quoted};

/// The largest body that is taken, in bytes.
pub const MAX_BODY_LEN: usize = 1 << 20;
/// How many redirects are followed, of the same origin.
const MAX_REDIRECTS: u32 = 3;
/// The message identifiers of registries that say that something cannot be done end so.
const NOT_SUPPORTED: [&str; 2] = ["NotSupported", "NotImplemented"];

/// When an item's time is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    started: Instant,
    time: Duration,
}

impl Deadline {
    /// So long from now on.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self { started: Instant::now(), time }
    }

    /// What is left.
    pub(super) fn left(&self, path: &ResourcePath) -> Result<Duration, RedfishError> {
        let left = self.time.saturating_sub(self.started.elapsed());
        if left.is_zero() { Err(self.over(path)) } else { Ok(left) }
    }

    pub(super) fn over(&self, path: &ResourcePath) -> RedfishError {
        RedfishError::Timeout { path: path.to_string(), waited: self.time }
    }
}

/// One service, for one item.
#[derive(Debug)]
pub(super) struct Client<'a> {
    access: &'a Access,
    pub(super) origin: &'a Origin,
    pub(super) deadline: Deadline,
    /// Requests that were answered.
    pub(super) answered: u32,
}

/// What a service answered: 2xx, or an error already.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) path: ResourcePath,
    pub(super) status: u16,
    pub(super) location: Option<ResourcePath>,
    pub(super) retry_after: Option<Duration>,
    /// It was read, not called.
    pub(super) is_polled: bool,
    body: Vec<u8>,
}

impl<'a> Client<'a> {
    pub(super) const fn new(access: &'a Access, origin: &'a Origin, deadline: Deadline) -> Self {
        Self { access, origin, deadline, answered: 0 }
    }

    /// Reads a resource. Redirects inside of the service are followed.
    pub(super) fn get(&mut self, path: &ResourcePath) -> Result<Answer, RedfishError> {
        let mut path = path.clone();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.access.agent.get(self.origin.url(&path));
            let left = self.deadline.left(&path)?;
            let request = self.authorized(request).config().timeout_global(Some(left)).build();
            let response = request.call();
            let (response, body) = self.answer(&path, response)?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                let answer = self.checked(path, &response, body)?;
                return Ok(Answer { is_polled: true, ..answer });
            }
            let to = header(response.headers(), "location").unwrap_or_default();
            path = self.origin.location(to).ok_or_else(|| self.leaves("a redirect", &path, to))?;
        }
        Err(RedfishError::protocol(&path, format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// Calls an action. Redirects are none of an action.
    pub(super) fn post(
        &mut self,
        path: &ResourcePath,
        body: &[u8],
    ) -> Result<Answer, RedfishError> {
        let request = self.access.agent.post(self.origin.url(path));
        let left = self.deadline.left(path)?;
        let request = self.authorized(request).header("Content-Type", "application/json");
        let response = request.config().timeout_global(Some(left)).build().send(body);
        let (response, body) = self.answer(path, response)?;
        self.checked(path.clone(), &response, body)
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        let request = request.header("OData-Version", "4.0");
        let Some(login) = self.access.credentials.login(self.origin.host()) else { return request };
        let Ok(mut value) = HeaderValue::from_str(&login.value) else { return request };
        value.set_sensitive(true);
        request.header(login.header, value)
    }

    /// The answer with its whole body.
    fn answer(
        &mut self,
        path: &ResourcePath,
        response: Result<Response<Body>, ureq::Error>,
    ) -> Result<(Response<()>, Vec<u8>), RedfishError> {
        let failed = |error| failed(error, path, &self.deadline);
        let (parts, mut body) = response.map_err(failed)?.into_parts();
        let limit = u64::try_from(MAX_BODY_LEN).unwrap_or(u64::MAX);
        let bytes = body.with_config().limit(limit).read_to_vec().map_err(failed)?;
        self.answered += 1;
        Ok((Response::from_parts(parts, ()), bytes))
    }

    /// Makes errors of those statuses that are.
    fn checked(
        &self,
        path: ResourcePath,
        response: &Response<()>,
        body: Vec<u8>,
    ) -> Result<Answer, RedfishError> {
        let status = response.status().as_u16();
        if !(200..300).contains(&status) {
            return Err(self.refused(&path, status, &body));
        }
        let location = match header(response.headers(), "location") {
            None => None,
            Some(to) => {
                let inside = self.origin.location(to);
                Some(inside.ok_or_else(|| self.leaves("Location", &path, to))?)
            }
        };
        // In seconds; a date is as good as nothing, since clocks of controllers are what they are.
        let seconds = header(response.headers(), "retry-after").and_then(|text| text.parse().ok());
        let retry_after = seconds.map(Duration::from_secs);
        Ok(Answer { path, status, location, retry_after, is_polled: false, body })
    }

    fn leaves(&self, what: &str, path: &ResourcePath, to: &str) -> RedfishError {
        let (to, origin) = (quoted(to), self.origin);
        RedfishError::protocol(path, format!("{what} leads to {to:?}, away from {origin}"))
    }

    fn refused(&self, path: &ResourcePath, status: u16, body: &[u8]) -> RedfishError {
        let login = self.access.credentials.login(self.origin.host());
        match status {
            401 if login.is_none() => return RedfishError::NoCredentials,
            401 | 403 => return RedfishError::Denied { path: path.to_string(), status },
            _ => {}
        }
        let messages = serde_json::from_slice(body).map(|Failure { error }| error.messages);
        let messages = messages.unwrap_or_default();
        if let Some(message) = messages.iter().find(|message| message.says_not_supported()) {
            return RedfishError::not_supported(path, message.shown());
        }
        match status {
            404 | 410 => RedfishError::Missing { path: path.to_string() },
            405 | 501 => {
                RedfishError::not_supported(path, format!("the service answered {status}"))
            }
            429 | 500 | 502..=504 => RedfishError::Busy { path: path.to_string(), status },
            _ => {
                let said = messages.first().map(|message| format!(": {}", message.shown()));
                let said = said.unwrap_or_default();
                RedfishError::protocol(path, format!("the service answered {status}{said}"))
            }
        }
    }
}

impl Answer {
    /// The body. Its depth is bounded by the parser.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, RedfishError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            RedfishError::protocol(&self.path, format!("no JSON of its kind: {error}"))
        })
    }
}

fn header<'h>(headers: &'h HeaderMap<HeaderValue>, name: &'static str) -> Option<&'h str> {
    headers.get(HeaderName::from_static(name))?.to_str().ok()
}

/// What the HTTP client says.
fn failed(error: ureq::Error, path: &ResourcePath, deadline: &Deadline) -> RedfishError {
    let connection = |detail: &str| RedfishError::Connection { detail: detail.to_owned() };
    match error {
        ureq::Error::Timeout(_) => deadline.over(path),
        ureq::Error::BodyExceedsLimit(_) => {
            RedfishError::protocol(path, format!("a body of more than {MAX_BODY_LEN} bytes"))
        }
        ureq::Error::HostNotFound => connection("no host of this name"),
        ureq::Error::ConnectionFailed => connection("it failed"),
        ureq::Error::Io(error) => match (tls_error(&error), error.kind()) {
            (Some(detail), _) => RedfishError::Tls { detail },
            (None, io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => deadline.over(path),
            (None, _) => RedfishError::Connection { detail: error.to_string() },
        },
        ureq::Error::Tls(detail) => RedfishError::Tls { detail: detail.to_owned() },
        // Broken HTTP, headers that are too long.
        error => RedfishError::protocol(path, quoted(&error.to_string())),
    }
}

fn tls_error(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    let tls = inner.downcast_ref::<rustls::Error>().or_else(|| inner.source()?.downcast_ref())?;
    Some(match tls {
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "no authority of --redfish-ca signed its certificate, and certificate_sha256 of the credentials names none"
                .to_owned()
        }
        tls => quoted(&tls.to_string()),
    })
}

/// The body of an error (DSP0266).
#[derive(Deserialize)]
struct Failure {
    error: FailureMessages,
}

#[derive(Deserialize)]
struct FailureMessages {
    #[serde(rename = "@Message.ExtendedInfo", default)]
    messages: Vec<Message>,
}

/// A message of a registry.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    #[serde(rename = "MessageId", default)]
    id: Option<String>,
    #[serde(rename = "Message", default)]
    text: Option<String>,
}

impl Message {
    pub(super) fn says_not_supported(&self) -> bool {
        let key = self.id.as_deref().and_then(|id| id.rsplit('.').next()).unwrap_or_default();
        NOT_SUPPORTED.iter().any(|end| key.ends_with(end))
    }

    pub(super) fn shown(&self) -> String {
        let text = self.text.as_deref().or(self.id.as_deref()).unwrap_or("no reason");
        quoted(text)
    }
}
