//! `--known`: the file of known devices.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use fd_lock::RwLock;
use spdm_evidence::{KnownDevice, KnownDevices};

use crate::args::KnownArgs;
use crate::exit::{Exit, Failure};
use crate::file::{self, Output, OutputPlace};

/// The largest file that is read, in bytes.
const MAX_LEN: u64 = 1 << 26;

/// Whether a new device is learned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Learning {
    /// `--learn`
    On(OutputPlace),
    Off,
}

/// Known devices, and where a new one is added.
#[derive(Debug)]
pub(crate) struct KnownFile<'p> {
    path: &'p Path,
    pub(crate) devices: KnownDevices,
    addition: Option<Addition>,
}

/// What adding a device needs. Opened early: when a device is learned, the rights to open a file may be gone.
#[derive(Debug)]
struct Addition {
    /// `FILE.lock`: who has it may change the file.
    lock: RwLock<File>,
    /// The file itself, where no other may take its place.
    file: Option<File>,
}

impl<'p> KnownFile<'p> {
    /// The file of the options, where they name one; a device is learned at `place`.
    pub(crate) fn of(args: &'p KnownArgs, place: OutputPlace) -> Result<Option<Self>, Failure> {
        let learning = if args.learn { Learning::On(place) } else { Learning::Off };
        args.known.as_deref().map(|path| Self::open(path, learning)).transpose()
    }

    /// Reads the file. Where devices are learned, it need not be there yet.
    pub(crate) fn open(path: &'p Path, learning: Learning) -> Result<Self, Failure> {
        let addition = match learning {
            Learning::Off => None,
            Learning::On(place) => Some(Addition::open(path, place)?),
        };
        let devices = match File::open(path) {
            Ok(file) => read(
                file,
                path,
                if addition.is_some() { Emptiness::NoDevices } else { Emptiness::Damage },
            )?,
            Err(error) if addition.is_some() && error.kind() == io::ErrorKind::NotFound => {
                KnownDevices::default()
            }
            Err(error) => {
                let missing = error.kind() == io::ErrorKind::NotFound;
                let hint = "--learn makes the file, of the first device that is verified";
                return Err(file::of(path, &error).with_hint(missing.then_some(hint)));
            }
        };
        Ok(Self { path, devices, addition })
    }

    /// Where the file is, whatever folder a run is started in. A file need not be there yet, but its folder is.
    pub(crate) fn place(&self) -> PathBuf {
        let folder = self.path.parent().filter(|folder| *folder != Path::new(""));
        let folder = fs::canonicalize(folder.unwrap_or_else(|| Path::new(".")));
        match (folder, self.path.file_name()) {
            (Ok(folder), Some(name)) => folder.join(name),
            _ => self.path.to_owned(),
        }
    }

    /// Whether a new device is learned.
    pub(crate) const fn learns(&self) -> bool {
        self.addition.is_some()
    }

    /// Adds devices that were verified to what is in the file by now: another run may have learned some in between.
    pub(crate) fn learn(&mut self, learned: Vec<KnownDevice>) -> Result<(), Failure> {
        let Some(addition) = &mut self.addition else { return Ok(()) };
        let path = self.path;
        let failed = |error: io::Error| file::of(path, &error);
        let _guard = addition.lock.write().map_err(failed)?;
        let mut devices = match &mut addition.file {
            Some(file) => {
                file.rewind().map_err(failed)?;
                read(file, path, Emptiness::NoDevices)?
            }
            None => match File::open(path) {
                Ok(file) => read(file, path, Emptiness::NoDevices)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => KnownDevices::default(),
                Err(error) => return Err(failed(error)),
            },
        };
        if let Some(target) = devices.add_all(learned) {
            return Err(Failure::new(
                Exit::Rejected,
                format_args!(
                    "{}: another run has learned another device for {target}",
                    path.display()
                ),
            ));
        }
        let json = devices.to_json().map_err(Failure::usage)?;
        match &mut addition.file {
            // Shortened last: what a crash leaves is then no JSON, and no file without devices, for which any device
            // would be new.
            Some(file) => file
                .rewind()
                .and_then(|()| {
                    file.write_all(json.as_bytes())?;
                    file.set_len(u64::try_from(json.len()).unwrap_or(u64::MAX))
                })
                .map_err(failed)?,
            None => Output::create(path, OutputPlace::Beside)?.write(json.as_bytes())?,
        }
        self.devices = devices;
        Ok(())
    }
}

impl Addition {
    fn open(path: &Path, place: OutputPlace) -> Result<Self, Failure> {
        let mut name: OsString = path.into();
        name.push(".lock");
        let create = |path: &Path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).open(path)
        };
        // A link leads to the file whose lock it is.
        let lock = match fs::canonicalize(path) {
            Ok(target) => {
                let mut name: OsString = target.into();
                name.push(".lock");
                create(Path::new(&name))
            }
            Err(_) => create(Path::new(&name)),
        };
        let lock = lock.map_err(|error| file::of(Path::new(&name), &error))?;
        let file = match place {
            OutputPlace::Beside => None,
            OutputPlace::Itself => Some(create(path).map_err(|error| file::of(path, &error))?),
        };
        Ok(Self { lock: RwLock::new(lock), file })
    }
}

/// What a file without a byte is.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Emptiness {
    /// A file that is about to be filled.
    NoDevices,
    /// A file that was cut.
    Damage,
}

/// The devices in a file.
fn read(source: impl Read, path: &Path, empty: Emptiness) -> Result<KnownDevices, Failure> {
    let bytes = file::read_whole(source, MAX_LEN, path)?;
    if empty == Emptiness::NoDevices && bytes.is_empty() {
        return Ok(KnownDevices::default());
    }
    KnownDevices::read(&bytes)
        .map_err(|error| Failure::usage(format!("{}: no known devices: {error}", path.display())))
}
