//! Why a list of targets cannot be used.

use core::fmt;
use std::io;

use super::{MAX_TARGET_LINE_LEN, MAX_TARGETS};

/// Why a list of targets cannot be used, and where.
#[derive(Debug)]
#[non_exhaustive]
pub struct TargetsError {
    /// The number of the line, from 1; 0 where it is the whole list.
    pub line: u64,
    /// The field, where it is one.
    pub field: Option<String>,
    /// What is wrong.
    pub fault: TargetsFault,
}

/// What is wrong with a list of targets.
#[derive(Debug)]
#[non_exhaustive]
pub enum TargetsFault {
    /// It cannot be read.
    Io(io::Error),
    /// The line is not UTF-8.
    NoText,
    /// The line is longer than [`MAX_TARGET_LINE_LEN`].
    LongLine,
    /// There are more than [`MAX_TARGETS`].
    TooMany,
    /// There is none.
    Empty,
    /// The target is in an earlier line, too.
    Twice {
        /// The number of that line.
        first: u64,
        /// The target.
        target: String,
    },
    /// The line or the field is not of its form: what is expected instead.
    Form(String),
}

impl fmt::Display for TargetsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if let Some(field) = &self.field {
            write!(f, "{}: ", field.escape_debug())?;
        }
        match &self.fault {
            TargetsFault::Io(error) => error.fmt(f),
            TargetsFault::NoText => f.write_str("not UTF-8"),
            TargetsFault::LongLine => {
                write!(f, "longer than {MAX_TARGET_LINE_LEN} bytes")
            }
            TargetsFault::TooMany => write!(f, "more than {MAX_TARGETS} targets"),
            TargetsFault::Empty => f.write_str("there is no target in it"),
            TargetsFault::Twice { first, target } => {
                write!(f, "{} is in line {first}, too", target.escape_debug())
            }
            TargetsFault::Form(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for TargetsError {}
