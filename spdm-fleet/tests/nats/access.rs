//! How a server is reached: what is refused before anything is said.

use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;

use spdm_crypto::rustcrypto::PROVIDER;
use spdm_fleet::{Classes, NatsAccess, NatsLogin, NatsSite};
use test_redfish::AttestedDevice;

fn refused(access: &NatsAccess) -> String {
    NatsSite::join(access, Classes::All, &PROVIDER).unwrap_err().to_string()
}

fn access(servers: &str) -> NatsAccess {
    let login = NatsLogin::from_file(b"collect:secret").ok();
    NatsAccess { servers: servers.to_owned(), login, ..NatsAccess::default() }
}

#[test]
fn an_address_has_no_password_in_it() {
    for address in ["nats://collect:secret@127.0.0.1:1", "nats://127.0.0.1:1,tls://a:b@127.0.0.1:1"]
    {
        let text = refused(&access(address));
        assert!(text.contains("belong in a file"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[test]
fn a_domain_is_one_word() {
    for domain in ["", "a.b", ">", "a b"] {
        let domain = Some(domain.to_owned());
        let text = refused(&NatsAccess { domain, ..access("nats://127.0.0.1:1") });
        assert!(text.contains("is no domain"), "{text}");
    }
}

#[test]
fn nobody_at_the_address_is_said() {
    let text = refused(&access("nats://127.0.0.1:1"));
    assert!(text.contains("refused"), "{text}");
}

/// What a server without TLS hears that says it wants none.
fn heard(access: impl FnOnce(String) -> NatsAccess) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let access = access(format!("127.0.0.1:{port}"));
    thread::scope(|scope| {
        let server = scope.spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            let info = r#"{"server_id":"a","version":"2.9.10","max_payload":1048576,"proto":1,"#;
            let info = format!("INFO {info}\"headers\":true,\"tls_required\":false}}\r\n");
            stream.write_all(info.as_bytes()).unwrap();
            let mut heard = vec![0; 4096];
            let len = stream.read(&mut heard).unwrap();
            heard.truncate(len);
            heard
        });
        refused(&access);
        server.join().unwrap()
    })
}

fn has_secret(heard: &[u8]) -> bool {
    heard.windows(6).any(|window| window == b"secret")
}

fn roots() -> PathBuf {
    let file = format!("spdm-nats-roots-{}.pem", std::process::id());
    let file = std::env::temp_dir().join(file);
    std::fs::write(&file, AttestedDevice::new(1).root_pem()).unwrap();
    file
}

#[test]
fn no_password_is_said_without_tls_where_tls_is_wanted() {
    assert!(has_secret(&heard(|host| access(&format!("nats://{host}")))), "the server listens");
    let file = roots();
    let with_roots = |host: String| NatsAccess {
        roots: Some(file.clone()),
        ..access(&format!("nats://{host}"))
    };
    let heard_of = [heard(|host| access(&format!("tls://{host}"))), heard(with_roots)];
    std::fs::remove_file(Path::new(&file)).unwrap();
    for heard in heard_of {
        assert_eq!(heard.first(), Some(&0x16), "a handshake of TLS");
        assert!(!has_secret(&heard), "{}", String::from_utf8_lossy(&heard));
    }
}
