//! The list of `--targets`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use spdm_fleet::{Target, Transport, read_targets};

use crate::args::San;
use crate::exit::Failure;
use crate::fleet::redfish;
use crate::{file, target};

/// Reads the list; every target in it has the right form.
pub(crate) fn read(path: &Path) -> Result<Vec<Target>, Failure> {
    if file::is_standard(Some(path)) {
        return parse(io::stdin().lock(), "standard input");
    }
    let file = File::open(path).map_err(|error| file::of(path, &error))?;
    parse(BufReader::new(file), &path.display().to_string())
}

fn parse(reader: impl BufRead, name: &str) -> Result<Vec<Target>, Failure> {
    let check = |target: &Target| {
        let form = match target.transport() {
            Transport::Redfish => redfish::check(&target.target),
            _ => target.target.parse::<target::Target>().map(drop),
        };
        form.map_err(|why| ("target", why))?;
        match target.san.as_deref().map(San::parse) {
            None | Some(Ok(San::None | San::Dmtf(_))) => Ok(()),
            Some(Ok(San::PciCma)) => {
                Err(("san", "a name of a PCI function belongs into a profile".to_owned()))
            }
            Some(Err(why)) => Err(("san", why)),
        }
    };
    read_targets(reader, check).map_err(|error| Failure::usage(format!("{name}: {error}")))
}
