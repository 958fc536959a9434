//! Who logs in where, and which certificate a service has: one file, which nobody else should read.

use core::fmt;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

/// The longest user name, password and token, in bytes.
const MAX_LEN: usize = 1024;

/// The file of credentials, in JSON:
///
/// ```json
/// {
///   "default": {"user": "attester", "password": "…"},
///   "hosts": {
///     "bmc-7": {"token": "…"},
///     "10.0.0.8": {"user": "root", "password": "…", "certificate_sha256": "0123…"}
///   }
/// }
/// ```
///
/// `token` goes into X-Auth-Token. `certificate_sha256` is the SHA-256 of the certificate that the service must show, for
/// services whose certificate no authority signed; it is never that of several hosts.
///
/// What is secret is wiped when it is dropped, and never shown; copies that the HTTP client makes for a request are not
/// wiped.
#[derive(Default)]
pub struct Credentials {
    default: Option<Login>,
    hosts: BTreeMap<String, Host>,
}

#[derive(Default)]
struct Host {
    login: Option<Login>,
    certificate: Option<[u8; 32]>,
}

/// What a request carries.
pub(super) struct Login {
    /// The name of the header.
    pub(super) header: &'static str,
    /// Its value.
    pub(super) value: Zeroizing<String>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    default: Option<Entry>,
    #[serde(default)]
    hosts: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    password: Option<Zeroizing<String>>,
    #[serde(default)]
    token: Option<Zeroizing<String>>,
    #[serde(default)]
    certificate_sha256: Option<String>,
}

impl Credentials {
    /// Reads the file.
    ///
    /// # Errors
    /// [`CredentialsError`]; it repeats no secret.
    pub fn read(json: &[u8]) -> Result<Self, CredentialsError> {
        let File { default, hosts } = serde_json::from_slice(json).map_err(|error| {
            // Its text may quote a value.
            CredentialsError::Json { line: error.line(), column: error.column() }
        })?;
        let default = default.map(|entry| host("default", entry)).transpose()?;
        if default.as_ref().is_some_and(|host| host.certificate.is_some()) {
            return Err(CredentialsError::SharedCertificate);
        }
        let mut known = BTreeMap::new();
        for (name, entry) in hosts {
            let of = host(&name, entry)?;
            // As addresses have it.
            let key = name.trim_matches(['[', ']']).to_ascii_lowercase();
            if known.insert(key, of).is_some() {
                return Err(CredentialsError::Entry { host: name, what: EntryFault::Twice });
            }
        }
        Ok(Self { default: default.and_then(|host| host.login), hosts: known })
    }

    /// What a request to this host carries.
    pub(super) fn login(&self, host: &str) -> Option<&Login> {
        let own = self.hosts.get(host).and_then(|host| host.login.as_ref());
        own.or(self.default.as_ref())
    }

    /// The certificates that hosts must show.
    pub(super) fn certificates(&self) -> impl Iterator<Item = (&str, [u8; 32])> {
        self.hosts.iter().filter_map(|(name, host)| Some((name.as_str(), host.certificate?)))
    }
}

fn host(name: &str, entry: Entry) -> Result<Host, CredentialsError> {
    let fails = |what| CredentialsError::Entry { host: name.to_owned(), what };
    let is_plain = |text: &str| {
        !text.is_empty() && text.len() <= MAX_LEN && !text.chars().any(char::is_control)
    };
    let login = match (entry.user, entry.password, entry.token) {
        (Some(user), Some(password), None) => {
            // RFC 7617: the first colon ends the name.
            if !is_plain(&user) || user.contains(':') || !is_plain(&password) {
                return Err(fails(EntryFault::Text));
            }
            let plain = Zeroizing::new(format!("{user}:{}", *password));
            let encoded = Zeroizing::new(BASE64_STANDARD.encode(plain.as_bytes()));
            let value = Zeroizing::new(format!("Basic {}", *encoded));
            Some(Login { header: "Authorization", value })
        }
        (None, None, Some(token)) => {
            if !is_plain(&token) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(fails(EntryFault::Text));
            }
            Some(Login { header: "X-Auth-Token", value: token })
        }
        (None, None, None) => None,
        _ => return Err(fails(EntryFault::Kind)),
    };
    let certificate = entry.certificate_sha256.map(|text| {
        let digits = text.replace(':', "");
        let mut digest = [0; 32];
        hex::decode_to_slice(digits, &mut digest)
            .map(|()| digest)
            .map_err(|_| fails(EntryFault::Digest))
    });
    let certificate = certificate.transpose()?;
    if login.is_none() && certificate.is_none() {
        return Err(fails(EntryFault::Kind));
    }
    Ok(Host { login, certificate })
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("hosts", &self.hosts.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("header", &self.header).finish_non_exhaustive()
    }
}

/// What is wrong with a file of credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CredentialsError {
    /// It is no JSON of this form.
    Json {
        /// Where, from 1.
        line: usize,
        /// Where, from 1.
        column: usize,
    },
    /// A host.
    Entry {
        /// Its name in the file.
        host: String,
        /// What is wrong.
        what: EntryFault,
    },
    /// `default` names a certificate.
    SharedCertificate,
}

/// What is wrong with a host of a file of credentials.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EntryFault {
    /// Neither user and password, nor a token.
    Kind,
    /// A text that cannot be sent.
    Text,
    /// No digest.
    Digest,
    /// The host is there twice.
    Twice,
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { line, column } => write!(
                f,
                "line {line}, column {column}: expected {{\"default\": {{\"user\", \"password\"}}, \"hosts\": {{HOST: …}}}}"
            ),
            Self::Entry { host, what } => {
                let what = match what {
                    EntryFault::Kind => {
                        "expected user and password, or token, or certificate_sha256"
                    }
                    EntryFault::Text => {
                        "user, password and token have 1 to 1024 bytes without control characters, a user no colon, a token no space"
                    }
                    EntryFault::Digest => "certificate_sha256 has 64 hexadecimal digits",
                    EntryFault::Twice => "the host is there twice",
                };
                write!(f, "{host:?}: {what}")
            }
            Self::SharedCertificate => {
                f.write_str("\"default\": a certificate is that of one host, under \"hosts\"")
            }
        }
    }
}

impl core::error::Error for CredentialsError {}

#[cfg(test)]
mod tests {
    use super::{Credentials, CredentialsError, EntryFault};

    fn header(credentials: &Credentials, host: &str) -> Option<(&'static str, String)> {
        credentials.login(host).map(|login| (login.header, login.value.to_string()))
    }

    #[test]
    fn a_host_has_its_own_login_or_the_default() {
        let file = br#"{"default": {"user": "u", "password": "p:w"},
            "hosts": {"BMC-7": {"token": "tk"}, "[fe80::1]": {"certificate_sha256": "00:11"}}}"#;
        let digest = "00:11".repeat(16).replace("1100", "11:00");
        let file = String::from_utf8_lossy(file).replace("00:11", &digest);
        let credentials = Credentials::read(file.as_bytes()).unwrap();
        assert_eq!(header(&credentials, "bmc-7"), Some(("X-Auth-Token", "tk".to_owned())));
        let basic = Some(("Authorization", "Basic dTpwOnc=".to_owned()));
        assert_eq!(header(&credentials, "other"), basic);
        assert_eq!(header(&credentials, "fe80::1"), basic);
        let pinned: Vec<_> = credentials.certificates().collect();
        assert_eq!(pinned.len(), 1);
        assert_eq!((pinned[0].0, &pinned[0].1[..4]), ("fe80::1", &[0, 0x11, 0, 0x11][..]));
        let longest = format!(r#"{{"default": {{"token": "{}"}}}}"#, "a".repeat(1024));
        assert!(Credentials::read(longest.as_bytes()).is_ok());
        let none = Credentials::read(b"{}").unwrap();
        assert_eq!(header(&none, "bmc-7"), None);
    }

    #[test]
    fn no_secret_is_shown() {
        let file = br#"{"default": {"user": "u", "password": "hunter2"}, "hosts": {"a": {"token": "hunter2"}}}"#;
        let credentials = Credentials::read(file).unwrap();
        let shown = format!("{credentials:?} {:?}", credentials.login("a"));
        assert!(!shown.contains("hunter2"), "{shown}");
        for file in [
            r#"{"default": {"user": 7, "password": "hunter2"}}"#,
            r#"{"default": {"user": "u", "password": "hunter2", "x": 1}}"#,
            r#"{"default": "hunter2"}"#,
            r#"{"default": {"user": "u", "password": "hunter2", "token": "hunter2"}}"#,
            r#"{"default": {"user": "a:b", "password": "hunter2"}}"#,
            r#"{"default": {"token": "hunter2\n"}}"#,
        ] {
            let error = Credentials::read(file.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let of = |what| CredentialsError::Entry { host: "a".to_owned(), what };
        for (file, error) in [
            (r#"{"hosts": {"a": {}}}"#, of(EntryFault::Kind)),
            (r#"{"hosts": {"a": {"user": "u"}}}"#, of(EntryFault::Kind)),
            (r#"{"hosts": {"a": {"user": "u", "certificate_sha256": "X"}}}"#, of(EntryFault::Kind)),
            (r#"{"hosts": {"a": {"token": ""}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"token": "a b"}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"token": "Y"}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"user": "", "password": "p"}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"user": "u\n", "password": "p"}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"user": "u", "password": ""}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"user": "u", "password": "Y"}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"user": "u", "password": "\u0000"}}}"#, of(EntryFault::Text)),
            (r#"{"hosts": {"a": {"certificate_sha256": "00"}}}"#, of(EntryFault::Digest)),
            (r#"{"hosts": {"A": {"token": "x"}, "a": {"token": "x"}}}"#, of(EntryFault::Twice)),
            (r#"{"default": {"certificate_sha256": "X"}}"#, CredentialsError::SharedCertificate),
        ] {
            let file = file.replace('X', &"0".repeat(64)).replace('Y', &"a".repeat(1025));
            assert_eq!(Credentials::read(file.as_bytes()).unwrap_err(), error, "{file}");
        }
    }
}
