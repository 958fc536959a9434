//! Sessions: one more place that a message can travel in (DSP0274 §Sessions, DSP0277).

mod application_data;
mod bank;
mod handle;
mod key_log;
mod slot;

pub(crate) use bank::{Arrived, Unsealed};
pub use bank::{SessionBank, Sessions};
pub use handle::SessionHandle;
pub use key_log::{KeyLog, LoggedSessions, SessionSecret};
pub(crate) use slot::Established;
pub use slot::SessionSlot;

pub use crate::error::SessionFault;
