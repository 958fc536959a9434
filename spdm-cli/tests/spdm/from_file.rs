//! `spdm collect --from FILE`: evidence in another form gives the verdict of the file that it is from.

use std::fs;

use serde_json::Value;

use crate::process::{Emulator, Folder, Run, spdm};

const FORMS: [&str; 5] = ["json", "transcript", "redfish", "cmw", "nvidia"];

/// What a verdict is about, apart from CHALLENGE.
fn measured(report: &Value) -> Vec<Value> {
    let names = ["verified", "version", "slot", "leaf_sha256", "identity", "measurements"];
    let mut values: Vec<_> = names.iter().map(|name| report[name].clone()).collect();
    values.push(report["nonces"]["measurements"].clone());
    values
}

/// A device, and its evidence in every form.
struct Sources {
    device: Emulator,
    folder: Folder,
}

impl Sources {
    fn new(arguments: &str) -> Self {
        let device = Emulator::start(&format!("--seed 7 {arguments}"));
        let folder = Folder::new();
        let sources = Self { device, folder };
        for form in FORMS {
            let (file, chain, pcap) =
                (sources.path(form), sources.path("chain.pem"), sources.path("capture"));
            let nonce = "5a".repeat(32);
            let target = &sources.device.target;
            let args = ["collect", target, "-q", "--format", form, "--nonce", &nonce];
            let files = ["--evidence", &file, "--chain-out", &chain, "--pcap", &pcap];
            assert_eq!(spdm(&[&args[..], &files].concat()).code, 0);
        }
        sources
    }

    fn path(&self, name: &str) -> String {
        self.folder.path(name)
    }

    /// The options that give a file its chain, which a transcript does not hold.
    fn chain(&self, form: &str) -> Vec<String> {
        match form {
            "transcript" => vec!["--chain".to_owned(), self.path("chain.pem")],
            _ => Vec::new(),
        }
    }

    fn convert(&self, from: &str, form: &str, to: &str, more: &[String]) -> Run {
        let args = ["collect", "--from", from, "--format", form, "--evidence", to];
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        spdm(&[&args[..], more].concat())
    }

    fn verify(&self, file: &str, more: &[String]) -> Run {
        let root = self.device.root();
        let args = ["verify", file, "--trust", &root, "--json"];
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        spdm(&[&args[..], more].concat())
    }
}

#[test]
fn every_form_from_every_form() {
    for versions in ["1.1", "1.4"] {
        let asym =
            if versions == "1.1" { "--base-asym ECDSA_P384 --base-hash SHA_384" } else { "" };
        let sources = Sources::new(&format!("--versions {versions} {asym}"));
        let own = sources.verify(&sources.path("json"), &[]).object();
        assert_eq!(own["verified"], true, "{own}");
        for from in FORMS.into_iter().chain(["capture"]) {
            for form in FORMS {
                let to = sources.path("converted");
                let source = sources.path(from);
                let run = sources.convert(&source, form, &to, &sources.chain(from));
                // Before 1.2 no other form holds the negotiation.
                if versions == "1.1" && form == "json" && !["json", "capture"].contains(&from) {
                    assert_eq!(run.code, 2);
                    assert!(run.err.contains("the negotiation is not on record"), "{}", run.err);
                    continue;
                }
                assert_eq!((run.code, run.out.as_str()), (0, ""), "{from} {form}: {}", run.err);
                let run = sources.verify(&to, &sources.chain(form));
                assert_eq!(run.code, 0, "{versions}: {from} as {form}: {}", run.err);
                assert_eq!(measured(&run.object()), measured(&own), "{from} as {form}");
                // What holds no more than the source is the source.
                if from == form && form != "json" {
                    assert_eq!(fs::read(&to).unwrap(), fs::read(&source).unwrap(), "{form}");
                }
            }
        }
    }
}

#[test]
fn certificates_beside_and_out_of_a_file() {
    let sources = Sources::new("");
    let (transcript, chain) = (sources.path("transcript"), sources.path("chain.pem"));
    let (to, out) = (sources.path("to"), sources.path("out.pem"));
    // Without a chain the form lacks one, and so does what was asked for.
    let run = sources.convert(&transcript, "redfish", &to, &[]);
    assert_eq!(run.code, 0);
    assert_ne!(sources.verify(&to, &[]).code, 0);
    assert_eq!(sources.verify(&to, &["--chain".to_owned(), chain.clone()]).code, 0);
    let asks = ["--chain-out".to_owned(), out.clone()];
    fs::remove_file(&to).unwrap();
    let run = sources.convert(&transcript, "redfish", &to, &asks);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--chain-out: no slot with certificates"), "{}", run.err);
    assert!(fs::read(&to).is_err() && fs::read(&out).is_err());
    let run = sources.convert(&sources.path("cmw"), "transcript", &to, &asks);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(fs::read(&out).unwrap(), fs::read(&chain).unwrap());
    // One that the file has itself, and another one.
    let run = sources.convert(&sources.path("cmw"), "nvidia", &to, &["--chain".to_owned(), chain]);
    assert!(run.code == 0 && run.err.contains("--chain is not needed"), "{}", run.err);
    let other = Emulator::start("--seed 8");
    let run = spdm(&["collect", &other.target, "-q", "--evidence", &to, "--chain-out", &out]);
    assert_eq!(run.code, 0);
    let run = sources.convert(&sources.path("cmw"), "nvidia", &to, &["--chain".to_owned(), out]);
    assert!(run.code == 2 && run.err.contains("is not the chain of slot 0"), "{}", run.err);
}

#[test]
fn a_target_and_a_file_exclude_each_other() {
    let folder = Folder::new();
    let file = folder.write("evidence.json", "{}");
    for (options, words) in [
        (vec!["emulated", "--from", &file], "cannot be used with"),
        (vec![], "<TARGET|--from <FILE>>"),
        (vec!["--from", &file, "--timeout", "3"], "cannot be used with"),
        (vec!["--from", &file, "--framing", "dmtf-emu"], "cannot be used with"),
        (vec!["--from", &file, "--nonce", "random"], "cannot be used with"),
        (vec!["--from", &file, "--measurements", "all"], "cannot be used with"),
        (vec!["--from", &file, "--raw"], "cannot be used with"),
        (vec!["--from", &file, "--slot", "0"], "cannot be used with"),
        (vec!["--from", &file, "--challenge", "none"], "cannot be used with"),
        (vec!["emulated", "--chain", &file], "cannot be used with"),
        (vec!["--from", &file], "evidence.json"),
        (vec!["--from", &file, "--format", "bundle"], "only who signs its token"),
    ] {
        let run = spdm(&[&["collect"][..], &options].concat());
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{options:?}: {run:?}");
        assert!(run.err.contains(words), "{options:?}: {}", run.err);
    }
}

/// A transcript of 1.1 says neither of its algorithms.
#[test]
fn algorithms_that_the_file_does_not_say() {
    let sources = Sources::new("--versions 1.1 --base-asym ECDSA_P256 --base-hash SHA_256");
    let (file, to) = (sources.path("transcript"), sources.path("to"));
    let chain = sources.chain("transcript");
    let convert = |form: &str, options: &[&str]| {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        sources.convert(&file, form, &to, &[&chain[..], &options].concat())
    };
    let run = convert("redfish", &[]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("hint: --base-asym ECDSA_P256 says so\n"), "{}", run.err);
    assert!(fs::read(&to).is_err());
    let both = ["--base-asym", "ECDSA_P256", "--base-hash", "SHA_256"];
    let run = convert("redfish", &both);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    // The form says them.
    let run = sources.verify(&to, &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.object()["verified"], true);
    // What the file says itself is not overruled.
    let run = sources.convert(
        &to,
        "nvidia",
        &sources.path("more"),
        &["--base-asym".to_owned(), "ECDSA_P384".to_owned()],
    );
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--base-asym contradicts the file: leave it out"), "{}", run.err);
    for (options, words) in [
        (["--base-asym", "ECDSA_P256,ECDSA_P384"], "--base-asym: a file is signed with one"),
        (["--base-hash", "SHA_256,SHA_384"], "--base-hash: a file is signed with one"),
        (["--base-asym", "P256"], "is no algorithm"),
    ] {
        let run = convert("redfish", &options);
        assert_eq!(run.code, 2, "{options:?}");
        assert!(run.err.contains(words), "{options:?}: {}", run.err);
    }
    // They are what is offered to a device.
    let line = ["collect", "emulated", "-q", "--base-asym", "ECDSA_P521", "--evidence", &to];
    assert_eq!(spdm(&line).code, 0);
    let report = spdm(&["verify", &to, "--json"]).object();
    assert_eq!(report["algorithms"]["base_asym"], "ECDSA_P521", "{report}");
}

/// What is wrong with a file is not hidden by another form.
#[test]
fn what_another_form_would_hide_is_an_error() {
    let sources = Sources::new("--versions 1.1 --base-asym ECDSA_P384 --base-hash SHA_384");
    let to = sources.path("to");
    let read = |form: &str| -> Value {
        serde_json::from_slice(&fs::read(sources.path(form)).unwrap()).unwrap()
    };
    let mut devices = read("nvidia");
    devices[0]["nonce"] = "6b".repeat(32).into();
    let file = sources.folder.write("nonce.json", devices.to_string());
    for form in ["cmw", "nvidia", "transcript"] {
        let run = sources.convert(&file, form, &to, &[]);
        assert_eq!(run.code, 2, "{form}");
        let why = "the signed nonce is not the one that the evidence names";
        assert!(run.err.contains(why) && fs::read(&to).is_err(), "{}", run.err);
    }
    // The hash that a file names is a hint: it is not what another form names.
    let mut answer = read("redfish");
    answer["HashingAlgorithm"] = "TPM_ALG_SHA_512".into();
    let file = sources.folder.write("hint.json", answer.to_string());
    for form in ["cmw", "nvidia", "redfish"] {
        let run = sources.convert(&file, form, &to, &[]);
        assert!(run.code == 0 && !run.err.contains("--base-hash"), "{form}: {}", run.err);
        let run = sources.verify(&to, &[]);
        assert_eq!(run.code, 0, "{form}: {}", run.err);
    }
    // A capture that breaks off.
    let own = read("json");
    let mut broken = own.clone();
    let exchanges = broken["exchanges"].as_array_mut().unwrap();
    let last = exchanges.last_mut().unwrap();
    let response = last["response"].as_str().unwrap().to_owned();
    last["response"] = response[..response.len() - 2].into();
    let file = sources.folder.write("broken.json", broken.to_string());
    fs::remove_file(&to).unwrap();
    let run = sources.convert(&file, "cmw", &to, &[]);
    assert!(run.code == 2 && fs::read(&to).is_err(), "{run:?}");
}

/// Several devices in one file, and several signatures in one connection.
#[test]
fn several_devices_and_signatures() {
    let (one, two) = (Sources::new(""), Sources::new("--san pci-cma --pci-id 1234:5678:010203:04"));
    let to = one.path("to");
    let read = |sources: &Sources| -> Value {
        serde_json::from_slice(&fs::read(sources.path("nvidia")).unwrap()).unwrap()
    };
    let both = Value::Array(vec![read(&one)[0].clone(), read(&two)[0].clone()]);
    let file = one.folder.write("both.json", both.to_string());
    for (form, words) in [
        ("transcript", "the form holds one connection, and there are several"),
        ("redfish", "the form holds one connection, and there are several"),
        ("json", "its connections have different chains in one slot"),
    ] {
        let run = one.convert(&file, form, &to, &[]);
        assert!(run.code == 2 && run.err.contains(words), "{form}: {}", run.err);
    }
    let out = ["--chain-out".to_owned(), one.path("out.pem")];
    let run = one.convert(&file, "cmw", &to, &out);
    assert!(run.code == 2 && run.err.contains("different certificates"), "{}", run.err);
    let run = one.convert(&file, "cmw", &to, &[]);
    assert_eq!(run.code, 0, "{}", run.err);
    let (root, other) = (one.device.root(), two.device.root());
    let run = spdm(&["verify", &to, "--trust", &root, "--trust", &other, "--json"]);
    assert_eq!((run.code, run.objects().len()), (0, 2), "{}", run.err);

    // The same request twice: the form holds the last answer.
    let own: Value = serde_json::from_slice(&fs::read(one.path("json")).unwrap()).unwrap();
    let mut twice = own.clone();
    let exchanges = twice["exchanges"].as_array_mut().unwrap();
    let last = exchanges.last().unwrap().clone();
    exchanges.push(last);
    let file = one.folder.write("twice.json", twice.to_string());
    let run = one.convert(&file, "redfish", &to, &[]);
    assert!(run.err.contains("earlier signed MEASUREMENTS were left out"), "{run:?}");
}
