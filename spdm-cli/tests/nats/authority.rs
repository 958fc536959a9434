//! A certificate authority for servers and users of NATS.

use std::process::{Command, Stdio};

use crate::process::Folder;

/// Its certificate is `NAME.pem` in the folder, its key `NAME.key`.
pub(crate) struct Authority<'f> {
    folder: &'f Folder,
    name: &'static str,
}

impl<'f> Authority<'f> {
    pub(crate) fn new(folder: &'f Folder, name: &'static str) -> Self {
        let subject = format!("/CN=authority {name}");
        openssl(
            folder,
            &["req", "-x509", "-nodes", "-days", "2", "-subj", &subject],
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            &["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")],
        );
        Self { folder, name }
    }

    /// The option that names it.
    pub(crate) fn option(&self) -> String {
        format!("--queue-ca {}", self.folder.path(&format!("{}.pem", self.name)))
    }

    /// Signs a certificate of these names for so many days: `NAME.pem` and `NAME.key`.
    pub(crate) fn issue(&self, name: &str, names: &str, days: u32) {
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        openssl(
            self.folder,
            &["req", "-new", "-nodes", "-subj", &format!("/CN={name}")],
            &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            &["-keyout", &key, "-out", &request],
        );
        self.folder.write("extensions", format!("subjectAltName = {names}\n"));
        openssl(
            self.folder,
            &["x509", "-req", "-in", &request, "-out", &format!("{name}.pem")],
            &["-CA", &format!("{}.pem", self.name), "-CAkey", &format!("{}.key", self.name)],
            &["-days", &days.to_string(), "-extfile", "extensions"],
        );
    }
}

fn openssl(folder: &Folder, what: &[&str], how: &[&str], rest: &[&str]) {
    let mut command = Command::new("openssl");
    command.args(what).args(how).args(rest).current_dir(folder.path("."));
    let ran = command.stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}
