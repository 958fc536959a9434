//! Rights of the process.

use rustix::process::geteuid;
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use rustix::{fs::Gid, fs::Uid};

use crate::exit::Failure;

/// The user and group `nobody`.
const NOBODY: u32 = 65_534;

/// Gives up root for good, where the command has it: every file that needs it is open. The command has one thread.
pub(crate) fn give_up() -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(user, user, user))
        .and_then(|()| set_no_new_privs(true))
        .map_err(|error| Failure::transport(format!("root could not be given up: {error}")))
}
