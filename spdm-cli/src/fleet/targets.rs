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
            None => Ok(()),
            Some(Err(why)) => Err(("san", why)),
            Some(Ok(_)) if target.transport() == Transport::Pci => {
                Err(("san", "this target is held against its own PCI function".to_owned()))
            }
            Some(Ok(San::Dmtf(Some(name)))) if !name.contains('*') => Ok(()),
            // A list says which device it is. What a class demands it does not loosen.
            Some(Ok(_)) => Err((
                "san",
                "expected the name of one device: dmtf:MANUFACTURER:PRODUCT:SERIAL".to_owned(),
            )),
        }
    };
    read_targets(reader, check).map_err(|error| Failure::usage(format!("{name}: {error}")))
}
