//! What objects for programs begin with.

use serde::{Serialize, Serializer};
#[cfg(test)]
use spdm_evidence::schema;

/// The version of an object's form: its member `schema`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormVersion<const NUMBER: u32>;

impl<const NUMBER: u32> Serialize for FormVersion<NUMBER> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(NUMBER)
    }
}

#[cfg(test)]
impl<const NUMBER: u32> schemars::JsonSchema for FormVersion<NUMBER> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FormVersion".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = u32::json_schema(generator);
        schema.insert("const".to_owned(), NUMBER.into());
        schema
    }
}

/// Who was asked, and where.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AskedDevice {
    /// The device, as the command line names it.
    pub(crate) target: String,
    /// The version that was negotiated.
    #[cfg_attr(test, schemars(regex(pattern = schema::VERSION)))]
    pub(crate) version: &'static str,
    /// SessionID in hexadecimal; null outside of sessions.
    pub(crate) session: Option<String>,
}
