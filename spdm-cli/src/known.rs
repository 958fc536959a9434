//! `--known`: the file of known devices.

use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::Path;

use spdm_evidence::{KnownDevice, KnownDevices};

use crate::exit::Failure;
use crate::file;

/// The largest file that is read, in bytes.
const MAX_LEN: u64 = 1 << 26;

/// Whether a new device is learned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Learning {
    /// `--learn`
    On,
    Off,
}

/// Known devices, and the open file that they are from: when a device is learned, the rights to open it may be gone.
#[derive(Debug)]
pub(crate) struct KnownFile<'p> {
    path: &'p Path,
    file: File,
    pub(crate) devices: KnownDevices,
    pub(crate) learning: Learning,
}

impl<'p> KnownFile<'p> {
    /// Reads the file. Where devices are learned, it need not be there yet.
    pub(crate) fn open(path: &'p Path, learning: Learning) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        options.read(true);
        if learning == Learning::On {
            options.write(true).create(true).truncate(false);
        }
        let file = options.open(path).map_err(|error| file::of(path, &error))?;
        let bytes = file::read_whole(&file, MAX_LEN, path)?;
        let devices = match (bytes.is_empty(), learning) {
            (true, Learning::On) => KnownDevices::default(),
            _ => KnownDevices::read(&bytes)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?,
        };
        Ok(Self { path, file, devices, learning })
    }

    /// Adds a device that was verified.
    pub(crate) fn learn(&mut self, device: KnownDevice) -> Result<(), Failure> {
        self.devices.add(device);
        let json = self.devices.to_json().map_err(Failure::usage)?;
        let mut file = &self.file;
        // Shortened last: what a crash leaves is then no JSON, and no file without devices, for which any device would
        // be new.
        let written = file.rewind().and_then(|()| {
            file.write_all(json.as_bytes())?;
            file.set_len(u64::try_from(json.len()).unwrap_or(u64::MAX))
        });
        written.map_err(|error| file::of(self.path, &error))
    }
}
