//! Peer-controlled values that cannot be used before they are checked.
//!
//! [`Untrusted<T>`] marks bytes, lengths and indices that came from the other side of a wire. There is
//! no way to compare, print, index or dereference one; the only ways out are
//!
//! * [`Untrusted::validate`]: turn the value into a type whose existence is the proof ([`Validate`]);
//! * [`Untrusted::validate_with`]: the same with a closure;
//! * [`Untrusted::at_most`]: bound an integer and get an index;
//! * [`Untrusted::into_inner_less_safe`]: the escape hatch that reviewers search for.
//!
//! What it is not: a taint tracker. A parser that validates nothing still compiles; it is merely easy
//! to find.
//!
//! ```
//! use spdm_untrusted::{Untrusted, Validate};
//!
//! /// A length that fits our buffer.
//! struct PortionLength(usize);
//!
//! impl Validate<Untrusted<u16>> for PortionLength {
//!     type Context = usize; // what is left in the buffer
//!     type Error = &'static str;
//!     fn validate(raw: Untrusted<u16>, left: usize) -> Result<Self, Self::Error> {
//!         raw.at_most(left, "PortionLength exceeds the buffer").map(Self)
//!     }
//! }
//!
//! let from_device = Untrusted::new(0xffff_u16);
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

mod bytes;
mod outgoing;

use core::fmt;

pub use outgoing::{Outgoing, TooLong};

/// A value the peer chose.
///
/// `Clone` and `Copy` follow `T`; `Debug` does not show the content.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Untrusted<T>(T);

/// Proof by construction: a `Self` can only be had from a checked `Input`.
///
/// `Input` is an [`Untrusted`] by value (`Untrusted<u16>`, `Untrusted<&[u8]>`, `Untrusted<[u8; 4]>`), a
/// shared borrow (`&Untrusted<T>`) or an exclusive one (`&mut Untrusted<T>`, for checks that work in
/// place).
pub trait Validate<Input>: Sized {
    /// What the check depends on: the negotiated version, sizes, the request that was sent.
    type Context;
    /// Why the value was refused.
    type Error;

    /// Checks `raw` and builds `Self` from it.
    ///
    /// # Errors
    /// The implementor's reason for refusing the value.
    fn validate(raw: Input, cx: Self::Context) -> Result<Self, Self::Error>;
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
    pub fn validate<V: Validate<Self>>(self, cx: V::Context) -> Result<V, V::Error> {
        V::validate(self, cx)
    }

    /// [`Self::validate`] on a shared borrow.
    ///
    /// # Errors
    /// What the implementation of [`Validate`] for `V` refuses.
    pub fn validate_ref<'t, V: Validate<&'t Self>>(
        &'t self,
        cx: V::Context,
    ) -> Result<V, V::Error> {
        V::validate(self, cx)
    }

    /// [`Self::validate`] on an exclusive borrow.
    ///
    /// # Errors
    /// What the implementation of [`Validate`] for `V` refuses.
    pub fn validate_mut<'t, V: Validate<&'t mut Self>>(
        &'t mut self,
        cx: V::Context,
    ) -> Result<V, V::Error> {
        V::validate(self, cx)
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

    /// Keeps the mark while borrowing.
    pub const fn as_ref(&self) -> Untrusted<&T> {
        Untrusted(&self.0)
    }

    /// Keeps the mark while borrowing exclusively.
    pub const fn as_mut(&mut self) -> Untrusted<&mut T> {
        Untrusted(&mut self.0)
    }

    /// Applies a function that keeps the value unproved (a conversion, a projection to a field).
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Untrusted<U> {
        Untrusted(f(self.0))
    }
}

impl<T: TryInto<usize>> Untrusted<T> {
    /// The value as a length or index, provided it does not exceed `max`.
    ///
    /// # Errors
    /// `error` when the value exceeds `max` or does not fit a `usize`.
    pub fn at_most<E>(self, max: usize, error: E) -> Result<usize, E> {
        match self.0.try_into() {
            Ok(value) if value <= max => Ok(value),
            _ => Err(error),
        }
    }
}

impl<T> fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untrusted").finish_non_exhaustive()
    }
}
