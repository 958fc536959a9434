//! `--store`: outcomes in an SQLite file, with the feature `sqlite`.

#[cfg(not(feature = "sqlite"))]
mod absent;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(not(feature = "sqlite"))]
pub(super) use absent::FleetStore;
#[cfg(feature = "sqlite")]
pub(super) use sqlite::FleetStore;
