//! Files of evidence messages: one line for each in one file, or one file for each in a folder.

use std::fs;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use spdm_fleet::{EvidenceMessage, MAX_LINE_LEN};

use crate::exit::Failure;
use crate::file::{self, Output, OutputPlace};

/// Where messages are written.
#[derive(Debug)]
pub(crate) enum EvidenceOutput<'o> {
    /// One line for each.
    Lines(BufWriter<fs::File>),
    /// One file for each.
    Folder(&'o Path),
}

impl<'o> EvidenceOutput<'o> {
    /// `FILE.jsonl` is one file; everything else is a folder, which is made where it is not there. Evidence of another run is
    /// left as it is: beside it, nobody could tell which is the newer.
    pub(crate) fn create(path: &'o Path) -> Result<Self, Failure> {
        if file::is_standard(Some(path)) {
            return Err(Failure::usage("--out -: expected FILE.jsonl or a folder"));
        }
        let failed = |error: io::Error| file::of(path, &error);
        let used = || {
            let message = format!("{}: there is evidence in it already", path.display());
            Err(Failure::usage(message)
                .with_hint(Some("name another file or folder, or remove it")))
        };
        if is_lines(path) {
            if fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0) {
                return used();
            }
            let file = fs::File::create(path).map_err(failed)?;
            return Ok(Self::Lines(BufWriter::new(file)));
        }
        fs::create_dir_all(path).map_err(failed)?;
        match fs::read_dir(path).map_err(failed)?.next() {
            Some(_) => used(),
            None => Ok(Self::Folder(path)),
        }
    }

    /// Writes the message of an item: there is one of each.
    pub(crate) fn write(&mut self, message: EvidenceMessage) -> io::Result<()> {
        let (message, mut json) = message.into_json()?;
        json.push(b'\n');
        match self {
            Self::Lines(file) => file.write_all(&json),
            Self::Folder(folder) => {
                let path = folder.join(format!("{}.json", message.item.item.digits()));
                let output = Output::create(&path, OutputPlace::Beside);
                let written = output.and_then(|output| output.write(&json));
                written.map_err(|failure| io::Error::other(failure.message))
            }
        }
    }

    /// Everything is written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Lines(file) => {
                file.flush()?;
                file.get_ref().sync_all()
            }
            Self::Folder(folder) => fs::File::open(folder)?.sync_all(),
        }
    }
}

fn is_lines(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl")
}

/// Reads every message: of a file, or of each file `*.json` in a folder, by name. What is none is told in words, and the others
/// are read.
pub(crate) fn read(
    path: &Path,
    take: &mut dyn FnMut(Result<EvidenceMessage, String>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if !path.is_dir() {
        return read_lines(path, take);
    }
    let failed = |error: io::Error| file::of(path, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    let is_json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    paths.retain(|path| is_json(path) && path.is_file());
    paths.sort_unstable();
    paths.iter().try_for_each(|path| read_lines(path, take))
}

fn read_lines(
    path: &Path,
    take: &mut dyn FnMut(Result<EvidenceMessage, String>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut reader = BufReader::new(file::open(path)?);
    let most = u64::try_from(MAX_LINE_LEN).unwrap_or(u64::MAX);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    loop {
        line.clear();
        number += 1;
        let read = reader.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|error| file::of(path, &error))? == 0 {
            return Ok(());
        }
        let refused =
            |why: &dyn core::fmt::Display| format!("{}: line {number}: {why}", path.display());
        if line.len() == MAX_LINE_LEN && !line.ends_with(b"\n") {
            take(Err(refused(&format!("it is longer than {MAX_LINE_LEN} bytes"))))?;
            reader.skip_until(b'\n').map_err(|error| file::of(path, &error))?;
        } else if !line.trim_ascii().is_empty() {
            take(EvidenceMessage::read(&line).map_err(|error| refused(&error)))?;
        }
    }
}
