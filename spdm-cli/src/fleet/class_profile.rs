//! `--class-profile`: per class the options of `spdm attest`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Parser as _;
use serde::Deserialize;

use crate::args::{ClassArgs, ProfileArgs};
use crate::exit::Failure;
use crate::file;

/// The version of the file's form.
const SCHEMA: u32 = 1;

/// What holds for which class of devices.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(
        title = "Class profile of a fleet",
        description = "What spdm fleet --class-profile reads: for each class of devices the options of spdm attest, by their \
                       long names without dashes."
    )
)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClassProfile {
    #[cfg_attr(test, schemars(extend("const" = SCHEMA)))]
    schema: u32,
    /// By class. A class of the targets that is not here has the options of default; without that, nothing is decided about
    /// its devices.
    #[serde(default)]
    classes: BTreeMap<String, Options>,
    /// For all other classes.
    #[serde(default)]
    default: Option<Options>,
}

/// Options by name, such as trust or reference.
type Options = BTreeMap<String, OptionValue>;

/// The value of an option.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged)]
enum OptionValue {
    /// An option without a value; false is as if it were not there.
    Flag(bool),
    /// A number.
    Number(u32),
    /// Any other value.
    Text(String),
    /// An option that is given several times.
    List(Vec<String>),
}

/// The options of classes, read.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    pub(crate) named: BTreeMap<String, ClassArgs>,
    pub(crate) default: Option<ClassArgs>,
    /// The file, for the job's digest.
    pub(crate) bytes: Vec<u8>,
}

impl Classes {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = file::read(path)?;
        let failed = |what: String| Failure::usage(format!("{}: {what}", path.display()));
        let profile: ClassProfile =
            serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        if profile.schema != SCHEMA {
            return Err(failed(format!("schema {} instead of {SCHEMA}", profile.schema)));
        }
        let parse = |name: &str, options: &Options| {
            parse(options).map_err(|error| failed(format!("{name}: {error}")))
        };
        let named = profile.classes.iter().map(|(class, options)| {
            let args = parse(&format!("class {class}"), options)?;
            Ok((class.clone(), args))
        });
        let named = named.collect::<Result<_, Failure>>()?;
        let default = profile.default.as_ref().map(|options| parse("default", options));
        Ok(Self { named, default: default.transpose()?, bytes })
    }
}

/// What the command line makes of the options.
fn parse(options: &Options) -> Result<ClassArgs, String> {
    let mut arguments = Vec::new();
    for (name, value) in options {
        let option = format!("--{name}");
        match value {
            OptionValue::Flag(false) => {}
            OptionValue::Flag(true) => arguments.push(option),
            OptionValue::Number(number) => arguments.push(format!("{option}={number}")),
            OptionValue::Text(text) => arguments.push(format!("{option}={text}")),
            OptionValue::List(values) => {
                arguments.extend(values.iter().map(|value| format!("{option}={value}")));
            }
        }
    }
    let parsed = ProfileArgs::try_parse_from(arguments).map_err(|error| {
        let message = error.render().to_string();
        let line = message.lines().next().unwrap_or_default();
        line.trim_start_matches("error: ").to_owned()
    });
    parsed.map(|profile| profile.class)
}

#[cfg(test)]
mod tests {
    use super::{ClassProfile, parse};

    fn parsed(options: &str) -> Result<(), String> {
        let text = format!("{{\"schema\":1,\"default\":{options}}}");
        let profile: ClassProfile = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        parse(&profile.default.unwrap()).map(drop)
    }

    #[test]
    fn options_are_those_of_attest_and_so_are_errors() {
        let all = r#"{"trust":["a.pem","b.pem"],"san":"dmtf","raw":true,"session":false,"timeout":2,"min-version":"1.2"}"#;
        parsed(all).unwrap();
        for (options, expected) in [
            (r#"{"trsut":"a.pem"}"#, "unexpected argument '--trsut' found"),
            (r#"{"san":"x"}"#, "invalid value 'x' for '--san <POLICY>'"),
            (
                r#"{"reference-complete":true}"#,
                "the following required arguments were not provided",
            ),
            // What makes no sense for many devices.
            (r#"{"secrets-out":"a"}"#, "unexpected argument '--secrets-out'"),
            (r#"{"repeat":2}"#, "unexpected argument '--repeat'"),
            (r#"{"nonce":"random"}"#, "unexpected argument '--nonce'"),
            (r#"{"known":"a"}"#, "unexpected argument '--known'"),
        ] {
            let error = parsed(options).unwrap_err();
            assert!(error.starts_with(expected), "{options}: {error}");
        }
    }
}
