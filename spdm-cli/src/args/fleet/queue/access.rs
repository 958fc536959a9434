//! How the server of a queue is reached, and who asks.

use std::path::PathBuf;

use clap::Args;

/// How the server of a queue is reached, and who asks.
#[derive(Args, Debug)]
#[command(next_help_heading = "Queue")]
pub(crate) struct QueueArgs {
    /// The NATS server with JetStream: nats://HOST:PORT or tls://HOST:PORT; those of a cluster with commas
    #[arg(long, value_name = "URL", value_parser = servers)]
    pub(crate) queue: String,
    /// Who asks: the token in this file
    #[arg(long, value_name = "FILE")]
    pub(crate) queue_token: Option<PathBuf>,
    /// Who asks: the line USER:PASSWORD in this file
    #[arg(long, value_name = "FILE", conflicts_with = "queue_token")]
    pub(crate) queue_login: Option<PathBuf>,
    /// Certificates of the authorities that sign the server's, in PEM, instead of those of this machine. Nothing is said
    /// without TLS then
    #[arg(long, value_name = "FILE")]
    pub(crate) queue_ca: Option<PathBuf>,
    /// Who asks: a certificate, in PEM. Nothing is said without TLS then
    #[arg(long, value_name = "FILE", requires = "queue_key")]
    pub(crate) queue_cert: Option<PathBuf>,
    /// The key of --queue-cert, in PEM
    #[arg(long, value_name = "FILE", requires = "queue_cert")]
    pub(crate) queue_key: Option<PathBuf>,
    /// The domain of JetStream, as behind a leaf node
    #[arg(long, value_name = "NAME")]
    pub(crate) queue_domain: Option<String>,
}

/// Addresses without anything secret: other users of this machine see them.
fn servers(text: &str) -> Result<String, String> {
    for server in text.split(',') {
        let rest = server.strip_prefix("nats://").or_else(|| server.strip_prefix("tls://"));
        let rest = rest.filter(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', ' ']));
        let Some(rest) = rest else {
            return Err("expected nats://HOST:PORT or tls://HOST:PORT".to_owned());
        };
        if rest.contains('@') {
            return Err("expected no user and no password: other users of this machine see them; --queue-login \
                        names a file"
                .to_owned());
        }
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::servers;

    #[test]
    fn addresses_hold_no_secrets() {
        for good in ["nats://a", "nats://127.0.0.1:4222", "tls://[::1]:4222,tls://b:1"] {
            assert_eq!(servers(good).as_deref(), Ok(good));
        }
        for wrong in ["", "a:4222", "http://a", "nats://", "nats://a,", "nats://a/b", "tls://a b"] {
            assert!(servers(wrong).is_err(), "{wrong}");
        }
        let error = servers("nats://user:hunter2@a").unwrap_err();
        assert!(error.contains("no password") && !error.contains("hunter2"), "{error}");
    }
}
