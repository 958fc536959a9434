//! Bytes that a peer sent, and that can only be parsed.
//!
//! [`Untrusted<T>`] marks what came from the other side of a wire. There is no way to compare, print, index or
//! dereference it; the only ways out are
//!
//! * [`Untrusted::validate`]: turn it into a type whose existence is the proof ([`Validate`]). `spdm-codec`
//!   implements this for every message, so a message is had from bytes in this way only;
//! * [`Untrusted::validate_with`]: the same with a closure;
//! * [`Untrusted::into_inner_less_safe`]: the escape hatch that reviewers search for.
//!
//! It does not track taint: a validator that checks nothing still compiles; it is merely easy to find.
//!
//! ```
//! use spdm_untrusted::{Untrusted, Validate};
//!
//! /// The length of a portion that fits our buffer.
//! struct PortionLength(usize);
//!
//! impl<'a> Validate<&'a [u8]> for PortionLength {
//!     type Context = usize; // what is left in the buffer
//!     type Error = &'static str;
//!     fn validate(raw: &'a [u8], left: usize) -> Result<Self, Self::Error> {
//!         let raw = raw.try_into().map_err(|_| "PortionLength has two bytes")?;
//!         match usize::from(u16::from_le_bytes(raw)) {
//!             len if len <= left => Ok(Self(len)),
//!             _ => Err("PortionLength exceeds the buffer"),
//!         }
//!     }
//! }
//!
//! let from_device = Untrusted::new(&[0xff, 0xff][..]);
//! assert!(from_device.validate::<PortionLength>(1024).is_err());
//! ```
//!
//! Each of these does not compile, and a doctest holds it to that:
//!
//! ```compile_fail,E0614
//! let n = *spdm_untrusted::Untrusted::new(3_u8); // no Deref
//! ```
//! ```compile_fail,E0369
//! let same = spdm_untrusted::Untrusted::new(3_u8) == spdm_untrusted::Untrusted::new(3_u8); // no PartialEq
//! ```
//! ```compile_fail,E0277
//! println!("{}", spdm_untrusted::Untrusted::new(3_u8)); // no Display
//! ```
//! ```compile_fail,E0608
//! let b = spdm_untrusted::Untrusted::new(&[1_u8, 2][..])[0]; // no Index
//! ```
//! ```compile_fail,E0277
//! fn wants_bytes(_: impl AsRef<[u8]>) {}
//! wants_bytes(spdm_untrusted::Untrusted::new(&[1_u8, 2][..])); // no AsRef
//! ```
//! ```compile_fail,E0277
//! let n = [0_u8; 4][spdm_untrusted::Untrusted::new(3_usize)]; // is no index
//! ```
#![no_std]
#![forbid(unsafe_code)]

use core::fmt;

/// A value that the peer chose.
///
/// `Clone` and `Copy` follow `T`; `Debug` does not show the content.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Untrusted<T>(T);

/// Proof by construction: a `Self` is made of a peer's `Raw` value only after checking it.
pub trait Validate<Raw>: Sized {
    /// What the check depends on: the negotiated version, sizes, the request that was sent.
    type Context;
    /// Why the value was refused.
    type Error;

    /// Checks `raw` and builds `Self` from it.
    ///
    /// # Errors
    /// The implementor's reason for refusing the value.
    fn validate(raw: Raw, cx: Self::Context) -> Result<Self, Self::Error>;
}

impl<T> Untrusted<T> {
    /// Marks `value` as peer-controlled. Call it where bytes enter the process.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Proves the value by turning it into something else.
    ///
    /// # Errors
    /// What the implementation of [`Validate`] for `V` refuses.
    pub fn validate<V: Validate<T>>(self, cx: V::Context) -> Result<V, V::Error> {
        V::validate(self.0, cx)
    }

    /// Proves the value with a closure that parses or refuses it.
    ///
    /// # Errors
    /// What the closure returns.
    pub fn validate_with<V, E>(self, check: impl FnOnce(T) -> Result<V, E>) -> Result<V, E> {
        check(self.0)
    }

    /// The raw value, unproved. Reviewers search for this name.
    pub fn into_inner_less_safe(self) -> T {
        self.0
    }
}

impl<T> Untrusted<&[T]> {
    /// The number of elements. It is public: the transport counted them.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the peer sent nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untrusted").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::{Untrusted, Validate};
    use std::format;

    struct Header([u8; 2]);

    impl<'a> Validate<&'a [u8]> for Header {
        type Context = u8;
        type Error = &'static str;
        fn validate(raw: &'a [u8], version: u8) -> Result<Self, Self::Error> {
            let head = raw.first_chunk().ok_or("short")?;
            if head[0] == version { Ok(Self(*head)) } else { Err("version") }
        }
    }

    #[test]
    fn validation_with_a_context_accepts_or_names_the_reason() {
        let raw = Untrusted::new(&[0x12, 0x84, 0][..]);
        assert!(raw.validate::<Header>(0x12).is_ok_and(|header| header.0 == [0x12, 0x84]));
        assert_eq!(raw.validate::<Header>(0x13).err(), Some("version"));
        assert_eq!(Untrusted::new(&[0x12][..]).validate::<Header>(0x12).err(), Some("short"));
    }

    #[test]
    fn debug_shows_no_content() {
        let raw = Untrusted::new(&[0xAB, 0xCD][..]);
        assert_eq!((format!("{raw:?}"), raw.len()), ("Untrusted { .. }".into(), 2));
    }
}
