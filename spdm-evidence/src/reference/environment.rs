//! What the caller says that the device is.

use core::fmt;

use spdm_appraisal::{Environment, Identifier};

/// What is known of a device beside what its certificate says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a device is known, said to be something, or any")]
pub enum DeviceEnvironment {
    /// Nothing.
    #[default]
    OfCertificate,
    /// The caller says that it is this one, too.
    Asserted(AssertedEnvironment),
    /// The caller says that all reference values are about it: their environments do not count.
    Any,
}

/// What the caller says that a device is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "callers build it")]
pub struct AssertedEnvironment {
    /// `vendor`.
    pub vendor: Option<String>,
    /// `model`.
    pub model: Option<String>,
    /// `class-id`.
    pub class_id: Option<ClassId>,
}

/// A `class-id`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "CoRIM has these three")]
pub enum ClassId {
    /// The content of the DER of an object identifier (tag 111).
    Oid(Vec<u8>),
    /// A UUID (tag 37).
    Uuid([u8; 16]),
    /// Bytes (tag 560).
    Bytes(Vec<u8>),
}

impl AssertedEnvironment {
    pub(super) fn environment(&self) -> Environment<'_> {
        let class_id = self.class_id.as_ref().map(|id| match id {
            ClassId::Oid(content) => Identifier::Oid(content),
            ClassId::Uuid(uuid) => Identifier::Uuid(uuid),
            ClassId::Bytes(bytes) => Identifier::Bytes(bytes),
        });
        Environment {
            vendor: self.vendor.as_deref(),
            model: self.model.as_deref(),
            class_id,
            ..Environment::default()
        }
    }
}

/// `vendor …, model …`, for a sentence.
impl fmt::Display for AssertedEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class_id = self.class_id.as_ref().map(|id| match id {
            ClassId::Oid(bytes) | ClassId::Bytes(bytes) => hex::encode(bytes),
            ClassId::Uuid(uuid) => hex::encode(uuid),
        });
        let parts = [("vendor", &self.vendor), ("model", &self.model), ("class-id", &class_id)];
        let mut separator = "";
        for (name, value) in parts {
            if let Some(value) = value {
                write!(f, "{separator}{name} {}", value.escape_debug())?;
                separator = ", ";
            }
        }
        Ok(())
    }
}
