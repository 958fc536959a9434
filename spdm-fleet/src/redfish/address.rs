//! Addresses: of services, and of what they answer for.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

/// The longest path that is taken from a service, in bytes.
const MAX_PATH_LEN: usize = 1024;
/// Where every service begins (DSP0266).
const ROOT: &str = "/redfish/v1/";

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    /// Over TLS.
    Https,
    /// In clear text, on this machine only: `redfish+http://127.0.0.1:8000`.
    Http,
}

impl Scheme {
    const fn target(self) -> &'static str {
        match self {
            Self::Https => "redfish://",
            Self::Http => "redfish+http://",
        }
    }

    const fn url(self) -> &'static str {
        match self {
            Self::Https => "https://",
            Self::Http => "http://",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// Where a service is. Nothing that it answers leads away from there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    scheme: Scheme,
    /// In small letters, IPv6 without its brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// `HOST`, `HOST:PORT`, `[V6]` or `[V6]:PORT`.
    fn parse(scheme: Scheme, authority: &str) -> Result<Self, AddressError> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(AddressError::Host)?;
                host.parse::<Ipv6Addr>().map_err(|_| AddressError::Host)?;
                (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("")),
            },
        };
        let is_v6 = authority.starts_with('[');
        let is_name = |host: &str| {
            host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        if host.is_empty() || host.len() > 253 || !is_v6 && !is_name(host) {
            return Err(AddressError::Host);
        }
        let port = match port {
            Some("") if !authority.ends_with(':') => scheme.port(),
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|port| *port != 0).ok_or(AddressError::Port)?
            }
            _ => return Err(AddressError::Port),
        };
        let host = host.to_ascii_lowercase();
        let is_loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if scheme == Scheme::Http && !is_loopback {
            return Err(AddressError::ClearText);
        }
        Ok(Self { scheme, host, port })
    }

    /// The host, in small letters.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The URL of a resource.
    pub(super) fn url(&self, path: &ResourcePath) -> String {
        format!("{}{}{path}", self.scheme.url(), Authority(self))
    }

    /// What `Location` names: a path, or a URL of this origin.
    pub(super) fn location(&self, text: &str) -> Option<ResourcePath> {
        if text.starts_with('/') {
            return ResourcePath::new(text);
        }
        let (scheme, rest) = [Scheme::Https, Scheme::Http]
            .into_iter()
            .find_map(|scheme| Some((scheme, text.strip_prefix(scheme.url())?)))?;
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let other = Self::parse(scheme, authority).ok()?;
        (other == *self).then(|| ResourcePath::new(path)).flatten()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.scheme.target(), Authority(self))
    }
}

/// `HOST[:PORT]` of an origin.
struct Authority<'o>(&'o Origin);

impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { scheme, host, port } = self.0;
        match host.contains(':') {
            true => write!(f, "[{host}]")?,
            false => f.write_str(host)?,
        }
        if *port == scheme.port() { Ok(()) } else { write!(f, ":{port}") }
    }
}

/// A path inside of a service: absolute, printable, without a fragment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourcePath(String);

impl ResourcePath {
    /// `None` where it is no absolute path: `//host/…` and `https://…` lead elsewhere.
    #[must_use]
    pub fn new(path: &str) -> Option<Self> {
        let path = path.split('#').next().unwrap_or(path);
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
        let is_absolute = path.starts_with('/') && !path.starts_with("//");
        let is_whole = path.len() <= MAX_PATH_LEN && path.bytes().all(is_plain);
        (is_absolute && is_whole).then(|| Self(path.to_owned()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourcePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A target of the kind `redfish://HOST[:PORT][/redfish/v1/ComponentIntegrity/ID]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedfishTarget {
    /// The service.
    pub(super) origin: Origin,
    /// The one component; `None` for all of the service.
    pub(super) component: Option<ResourcePath>,
}

impl RedfishTarget {
    /// Reads a target. `None` where it is one of another kind.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(target: &str) -> Option<Result<Self, AddressError>> {
        let schemes = [Scheme::Https, Scheme::Http].into_iter();
        let (scheme, rest) = schemes
            .filter_map(|scheme| Some((scheme, target.strip_prefix(scheme.target())?)))
            .next()?;
        Some(Self::parse_rest(scheme, rest))
    }

    fn parse_rest(scheme: Scheme, rest: &str) -> Result<Self, AddressError> {
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        if authority.contains('@') {
            return Err(AddressError::Credentials);
        }
        let origin = Origin::parse(scheme, authority)?;
        let component = match path.trim_end_matches('/') {
            "" => None,
            path => {
                let is_component = path.starts_with(ROOT) && !path.contains(['?', '#']);
                let path = is_component.then(|| ResourcePath::new(path)).flatten();
                Some(path.ok_or(AddressError::Path)?)
            }
        };
        Ok(Self { origin, component })
    }

    /// The target of one component of the same service.
    pub(super) fn of_component(&self, path: &ResourcePath) -> String {
        format!("{}{path}", self.origin)
    }

    /// Where the service is.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it stands for every component of its service.
    #[must_use]
    pub const fn is_whole_service(&self) -> bool {
        self.component.is_none()
    }
}

/// What is wrong with the address of a Redfish service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AddressError {
    /// No host, or one that cannot be.
    Host,
    /// No port.
    Port,
    /// A path that is not below `/redfish/v1/`.
    Path,
    /// A user name or password: they belong into the file of credentials.
    Credentials,
    /// Clear text to another machine than this one.
    ClearText,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "expected redfish://HOST, a name or an address, IPv6 in brackets",
            Self::Port => "expected a port from 1 to 65535 behind the host",
            Self::Path => {
                "expected nothing behind the host, or a path such as /redfish/v1/ComponentIntegrity/GPU_0"
            }
            Self::Credentials => {
                "no user name or password belongs into an address: --redfish-credentials names their file"
            }
            Self::ClearText => {
                "redfish+http is clear text, for services on 127.0.0.1 or [::1] alone: redfish:// uses TLS"
            }
        })
    }
}

impl core::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::{AddressError, RedfishTarget, ResourcePath};

    fn parse(target: &str) -> Result<RedfishTarget, AddressError> {
        RedfishTarget::parse(target).unwrap()
    }

    #[test]
    fn targets_are_services_or_components_of_them() {
        for (target, shown) in [
            ("redfish://BMC-7", "redfish://bmc-7"),
            ("redfish://bmc-7/", "redfish://bmc-7"),
            ("redfish://bmc-7:443", "redfish://bmc-7"),
            ("redfish://10.0.0.7:8443", "redfish://10.0.0.7:8443"),
            ("redfish://[FE80::1]:8443", "redfish://[fe80::1]:8443"),
            ("redfish+http://127.0.0.1:8000", "redfish+http://127.0.0.1:8000"),
            ("redfish+http://[::1]", "redfish+http://[::1]"),
        ] {
            let of = parse(target).unwrap();
            assert_eq!((of.origin.to_string().as_str(), of.component), (shown, None), "{target}");
        }
        let of = parse("redfish://bmc/redfish/v1/ComponentIntegrity/GPU_0").unwrap();
        assert_eq!(of.component.unwrap().as_str(), "/redfish/v1/ComponentIntegrity/GPU_0");
        assert!(RedfishTarget::parse("tcp:bmc").is_none());
    }

    #[test]
    fn other_addresses_are_refused() {
        for (target, error) in [
            ("redfish://", AddressError::Host),
            ("redfish:///redfish/v1/x", AddressError::Host),
            ("redfish://a b", AddressError::Host),
            (&format!("redfish://{}", "a".repeat(254)), AddressError::Host),
            ("redfish://fe80::1", AddressError::Port),
            ("redfish://[fe80::1", AddressError::Host),
            ("redfish://[bmc]", AddressError::Host),
            ("redfish://[::1]8000", AddressError::Port),
            ("redfish://bmc:", AddressError::Port),
            ("redfish://bmc:0", AddressError::Port),
            ("redfish://bmc:+1", AddressError::Port),
            ("redfish://bmc:65536", AddressError::Port),
            ("redfish://bmc/elsewhere", AddressError::Path),
            ("redfish://bmc/redfish/v1/a?b", AddressError::Path),
            ("redfish://bmc/redfish/v1/a b", AddressError::Path),
            ("redfish://bmc?x", AddressError::Path),
            ("redfish://root:calvin@bmc", AddressError::Credentials),
            ("redfish+http://10.0.0.7", AddressError::ClearText),
            ("redfish+http://localhost", AddressError::ClearText),
        ] {
            assert_eq!(parse(target), Err(error), "{target}");
        }
    }

    #[test]
    fn nothing_leaves_the_origin() {
        let origin = parse("redfish://bmc:8443").unwrap().origin;
        for (text, path) in [
            ("/redfish/v1/TaskService/Tasks/1", Some("/redfish/v1/TaskService/Tasks/1")),
            ("https://BMC:8443/a", Some("/a")),
            ("https://bmc/a", None),
            ("http://bmc:8443/a", None),
            ("https://other:8443/a", None),
            ("https://bmc:8443@other/a", None),
            ("https://bmc:8443", None),
            ("//other/a", None),
            ("/\\other/a", None),
            ("a", None),
            ("/a\r\nHost: other", None),
        ] {
            assert_eq!(origin.location(text).as_ref().map(ResourcePath::as_str), path, "{text}");
        }
        assert_eq!(ResourcePath::new("/a#/b").unwrap().as_str(), "/a");
        let here = parse("redfish://127.0.0.1:8443").unwrap().origin;
        assert!(here.location("https://127.0.0.1:8443/a").is_some());
        assert!(here.location("http://127.0.0.1:8443/a").is_none());
        assert!(ResourcePath::new(&format!("/{}", "a".repeat(1023))).is_some());
        assert!(ResourcePath::new(&format!("/{}", "a".repeat(1024))).is_none());
    }
}
