//! Fixed layouts: decoding and encoding share one struct, and the specification's names stand beside its fields.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::spdm_version::SpdmVersion;

/// Several fields of fixed size that follow each other. [`wire!`] declares one.
pub(crate) trait Wire: FromBytes + Immutable + IntoBytes + KnownLayout + Unaligned {
    /// Name and length of each field, in order.
    const FIELDS: &'static [WireField];

    /// Zeroes the fields that `version` does not have and returns a byte that is zero where all of them were.
    fn clear_reserved(&mut self, version: SpdmVersion) -> u8;
}

/// One field of a [`Wire`].
pub(crate) struct WireField {
    pub(crate) presence: Presence,
    /// In bytes.
    pub(crate) len: usize,
}

/// Which versions have a field.
pub(crate) enum Presence {
    /// No version: the bytes are reserved.
    Reserved,
    /// This version and later ones, under this name; before, the bytes are reserved.
    Since(SpdmVersion, &'static str),
}

/// A field that all versions have.
pub(crate) const fn always(name: &'static str) -> Presence {
    Presence::Since(SpdmVersion::V1_0, name)
}

impl Presence {
    /// The field's name in `version`.
    pub(crate) fn name_in(&self, version: SpdmVersion) -> &'static str {
        match self {
            Self::Since(since, name) if version >= *since => name,
            Self::Since(..) | Self::Reserved => "Reserved",
        }
    }

    /// [`Wire::clear_reserved`] of one field.
    // Inlined: the presence is a constant of the caller, and for a field that all versions have nothing is left.
    #[inline(always)]
    pub(crate) fn clear_reserved<F>(&self, field: &mut F, version: SpdmVersion) -> u8
    where
        F: FromBytes + IntoBytes + PartialEq,
    {
        match self {
            Self::Since(since, _) if version >= *since => 0,
            Self::Since(..) | Self::Reserved => {
                let all_zero = *field == F::new_zeroed();
                field.zero();
                u8::from(!all_zero)
            }
        }
    }
}

/// Declares a struct of fields with alignment 1 whose bytes are those of the message.
macro_rules! wire {
    ($(#[doc = $doc:literal])* struct $name:ident { $($field:ident: $type:ty = $presence:expr,)* }) => {
        $(#[doc = $doc])*
        #[derive(
            zerocopy::FromBytes, zerocopy::Immutable, zerocopy::IntoBytes, zerocopy::KnownLayout,
            zerocopy::Unaligned,
        )]
        #[repr(C)]
        struct $name { $($field: $type,)* }

        impl $crate::wire::Wire for $name {
            const FIELDS: &'static [$crate::wire::WireField] = &[
                $($crate::wire::WireField { presence: $presence, len: size_of::<$type>() },)*
            ];

            fn clear_reserved(&mut self, version: SpdmVersion) -> u8 {
                0 $(| $presence.clear_reserved(&mut self.$field, version))*
            }
        }
    };
}
pub(crate) use wire;
