//! Links between resources.

use serde::Deserialize;

use super::address::ResourcePath;
use super::error::{RedfishError, quoted};

/// A link: an absolute path of the same service.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Link {
    #[serde(rename = "@odata.id")]
    pub(super) id: String,
}

impl Link {
    /// Where it leads, from a resource.
    pub(super) fn path(&self, from: &ResourcePath) -> Result<ResourcePath, RedfishError> {
        path(&self.id, "@odata.id", from)
    }
}

/// The path that a member of a resource holds.
pub(super) fn path(
    text: &str,
    member: &str,
    from: &ResourcePath,
) -> Result<ResourcePath, RedfishError> {
    ResourcePath::new(text).ok_or_else(|| {
        let text = quoted(text);
        RedfishError::protocol(
            from,
            format!("{member} is {text:?}, no absolute path of the service"),
        )
    })
}
