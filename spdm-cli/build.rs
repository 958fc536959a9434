//! Tells the command what it was built from: the commit of the repository or of the package, and the backends.

use std::path::Path;
use std::process::Command;

fn main() {
    let package = ".cargo_vcs_info.json";
    println!("cargo:rerun-if-changed={package}");
    let commit = match std::fs::read_to_string(package) {
        Ok(info) => {
            info.split("\"sha1\": \"").nth(1).and_then(|rest| rest.get(..12)).map(str::to_owned)
        }
        Err(_) => {
            if let Some(head) = git(&["rev-parse", "--git-path", "logs/HEAD"])
                && Path::new(&head).exists()
            {
                println!("cargo:rerun-if-changed={head}");
            }
            git(&["rev-parse", "--short=12", "HEAD"])
        }
    };
    println!("cargo:rustc-env=SPDM_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    let backends = match std::env::var_os("CARGO_FEATURE_AWS_LC_RS") {
        Some(_) => "aws-lc-rs (default), rustcrypto",
        None => "rustcrypto",
    };
    println!("cargo:rustc-env=SPDM_BACKENDS={backends}");
}

/// What git prints; `None` where there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
