//! What this machine has.

use super::Style;
use crate::device::Listing;

/// One kind of target.
pub(crate) fn listing(listing: &Listing, style: Style) -> String {
    let mut text = format!("{}\n", style.strong(listing.title));
    for found in &listing.found {
        text.push_str(&format!("  {}  {}\n", style.strong(&found.target), found.name));
        for part in &found.parts {
            text.push_str(&format!("      {}: {}\n", part.name, part.detail));
        }
    }
    if listing.found.is_empty() {
        text.push_str("  none\n");
    }
    for note in &listing.notes {
        text.push_str(&format!("  {}\n", style.faint(note)));
    }
    text
}
