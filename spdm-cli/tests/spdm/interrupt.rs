//! SIGINT: the device gets a proper end, and there is no half file.

use core::time::Duration;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::Instant;

use spdm_codec::Code;
use spdm_emulator::DeviceConfig;

use crate::process::{Folder, Run, command, run};
use crate::scripted::{serve_each, small};

/// What a run leaves that is interrupted while the device takes its time for the chain.
fn interrupted(options: &str, signals: u32) -> (Run, Folder, Duration) {
    let (asked, chain_is_asked_for) = mpsc::channel();
    let device = serve_each(vec![DeviceConfig { ..small() }], move |_, code| {
        if code == Code::GET_CERTIFICATE {
            let _ = asked.send(());
            sleep(Duration::from_secs(3));
        }
    });
    let line = format!("attest {} --trust {} {options}", device.target, device.root);
    let line = line.replace("FOLDER", &device.folder.path(""));
    let args: Vec<_> = line.split_whitespace().collect();
    let mut child = command(&args);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    chain_is_asked_for.recv().unwrap();
    let begun = Instant::now();
    for _ in 0..signals {
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }
    let output = child.wait_with_output().unwrap();
    (output.into(), device.folder, begun.elapsed())
}

#[test]
fn a_run_that_is_interrupted_leaves_whole_files() {
    let (ended, folder, took) =
        interrupted("--evidence FOLDER/e.json --pcap FOLDER/e.pcap --repeat 5", 1);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    let first = ended.out.lines().next().unwrap();
    let message = "interrupted; the device answered 4 requests, the last one GET_DIGESTS";
    assert!(first.ends_with(message), "{first}");
    // One round, not five.
    assert_eq!(ended.out.matches("NOT VERIFIED").count(), 1, "{}", ended.out);
    // What was exchanged until then can be read, and is no proof of anything.
    for name in ["e.json", "e.pcap"] {
        let offline = run(&format!("verify {} --json", folder.path(name)));
        assert_eq!(offline.code, 1, "{name}: {offline:?}");
    }
    let others = std::fs::read_dir(folder.path("")).unwrap().flatten();
    let others: Vec<_> =
        others.filter(|entry| entry.file_name().to_string_lossy().ends_with(".part")).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// What was there before stays as it was until the new file is whole.
#[test]
fn a_file_is_replaced_when_it_is_complete() {
    let folder = Folder::new();
    let before = folder.write("e.json", "before");
    assert_eq!(run(&format!("attest emulated --evidence {before} --deadline 9 -q")).code, 0);
    assert_ne!(std::fs::read(&before).unwrap(), b"before");
    let nowhere = folder.path("no/such/folder/e.json");
    assert_eq!(run(&format!("attest emulated --evidence {nowhere}")).code, 2);
    // A link stays one.
    #[cfg(unix)]
    {
        let link = folder.path("link.json");
        std::os::unix::fs::symlink(&before, &link).unwrap();
        assert_eq!(run(&format!("attest emulated --evidence {link} -q")).code, 0);
        assert!(Path::new(&link).is_symlink());
    }
    // What is no file is written as it is.
    assert_eq!(run("attest emulated --evidence /dev/null -q").code, 0);
}
