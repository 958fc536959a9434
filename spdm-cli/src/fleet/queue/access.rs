//! The server of the queues, as the options name it.

use std::path::Path;

use spdm_fleet::{Classes, NatsAccess, NatsLogin, NatsSettings, NatsSite, QueueError, TlsRefusal};
use zeroize::Zeroizing;

use crate::args::QueueArgs;
use crate::backend::Crypto;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::file;

/// What a server is told of who asks. Files are read before anything is connected.
pub(super) struct Access<'a> {
    args: &'a QueueArgs,
    access: NatsAccess,
}

impl<'a> Access<'a> {
    /// Reads the files.
    pub(super) fn read(args: &'a QueueArgs, console: &Console) -> Result<Self, Failure> {
        // The client's own words about a file name none.
        for path in [&args.queue_ca, &args.queue_cert].into_iter().flatten() {
            drop(file::read(path)?);
        }
        if let Some(path) = &args.queue_key {
            drop(file::read_secret(path, console)?);
        }
        let token = args.queue_token.as_deref().map(|path| secret_line(path, console));
        let login = args.queue_login.as_deref().map(|path| {
            NatsLogin::from_file(&file::read_secret(path, console)?)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        });
        let access = NatsAccess {
            servers: args.queue.clone(),
            token: token.transpose()?,
            login: login.transpose()?,
            roots: args.queue_ca.clone(),
            identity: args.queue_cert.clone().zip(args.queue_key.clone()),
            domain: args.queue_domain.clone(),
        };
        access.check_files().map_err(Failure::usage)?;
        Ok(Self { args, access })
    }

    /// Connects, and makes what the queues need where it is not there.
    pub(super) fn open(
        &self,
        settings: &NatsSettings,
        crypto: Crypto,
    ) -> Result<NatsSite, Failure> {
        NatsSite::open(&self.access, settings, Classes::All, crypto.provider)
            .map_err(|error| self.failure(&error))
    }

    /// Connects to what whoever submitted has made.
    pub(super) fn join(&self, classes: Classes, crypto: Crypto) -> Result<NatsSite, Failure> {
        NatsSite::join(&self.access, classes, crypto.provider).map_err(|error| self.failure(&error))
    }

    /// What a person is told of an error of the queue.
    pub(super) fn failure(&self, error: &QueueError) -> Failure {
        let message = format!("{}: {error}", self.args.queue);
        match error {
            QueueError::OtherJob { .. } | QueueError::TooLong { .. } => Failure::usage(message),
            QueueError::Full { .. } => Failure::transport(message).with_hint(Some(
                "what is queued stays: the same command goes on once workers have made room",
            )),
            QueueError::Tls(refusal) => self.without_tls(refusal, message),
            QueueError::Failed(why) if self.is_elsewhere(why) => Failure::transport(message)
                .with_hint(Some(
                    "for a user of another account than the queues', as collectors and whoever watches are in examples/fleet/nats.conf, --queue-domain names their domain",
                )),
            _ => Failure::transport(message),
        }
    }

    /// Whether a server may have refused a request only because nobody said which domain it is for.
    fn is_elsewhere(&self, why: &str) -> bool {
        self.args.queue_domain.is_none() && why.contains("Permissions Violation")
    }

    /// What a person is told where there is no TLS: the file that says something else than the server does.
    fn without_tls(&self, refusal: &TlsRefusal, message: String) -> Failure {
        let QueueArgs { queue, queue_ca, queue_cert, .. } = self.args;
        match (refusal, queue_ca, queue_cert) {
            (TlsRefusal::UnknownAuthority, Some(file), _) => {
                let file = file.display();
                Failure::transport(format!(
                    "{queue}: nobody in {file} has signed the server's certificate"
                ))
            }
            (TlsRefusal::UnknownAuthority, None, _) => Failure::transport(message)
                .with_hint(Some("--queue-ca FILE names the authority that signed it")),
            (TlsRefusal::Refused(why), _, Some(file)) => {
                let file = file.display();
                Failure::transport(format!("{queue}: the server does not believe {file}: {why}"))
            }
            (TlsRefusal::Refused(_), _, None) => Failure::transport(format!(
                "{queue}: the server wants a certificate of whoever asks"
            ))
            .with_hint(Some("--queue-cert FILE and --queue-key FILE say who that is")),
            _ => Failure::transport(message),
        }
    }

    /// Where it is.
    pub(super) fn server(&self) -> &str {
        &self.args.queue
    }
}

/// The one line of a file that nobody else should read.
fn secret_line(path: &Path, console: &Console) -> Result<Zeroizing<String>, Failure> {
    let bytes = file::read_secret(path, console)?;
    let text = core::str::from_utf8(bytes.trim_ascii()).ok();
    let line = text.filter(|text| !text.is_empty() && !text.contains(char::is_control));
    line.map(|line| Zeroizing::new(line.to_owned())).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{}: expected one line of text", path.display()))
    })
}
