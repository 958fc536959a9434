//! Fixed layouts: decoding and encoding share one struct, and the specification's names stand beside its fields.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::spdm_version::SpdmVersion;

/// Several fields of fixed size that follow each other. [`wire!`] declares one.
pub(crate) trait Wire: FromBytes + Immutable + IntoBytes + KnownLayout + Unaligned {
    /// Name and length of each field, in order.
    const FIELDS: &'static [WireField];
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

impl WireField {
    /// The field's name, where `version` has it.
    pub(crate) fn name_in(&self, version: SpdmVersion) -> Option<&'static str> {
        match self.presence {
            Presence::Since(since, name) if version >= since => Some(name),
            Presence::Since(..) | Presence::Reserved => None,
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
        }
    };
}
pub(crate) use wire;
