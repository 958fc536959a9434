//! Devices behind AF_MCTP. Whether the kernel has it or not: there is none at this endpoint.
#![cfg(target_os = "linux")]

use crate::process::run;

#[test]
fn an_endpoint_that_is_not_there() {
    for verb in ["attest", "info", "certs", "measure", "collect"] {
        let run = run(&format!("{verb} mctp:4000000000,254 --timeout 1"));
        assert_eq!(run.code, 3, "{verb}: {run:?}");
    }
    let run = run("attest mctp:4000000000,254 --timeout 1 --json");
    let report = run.object();
    assert_eq!((run.code, &report["error"]["kind"]), (3, &"transport".into()));
    let message = report["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("MCTP endpoint 4000000000,254: "), "{message}");
}
