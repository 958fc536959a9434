//! `rim-locators`: where a device says that its reference values are. Nothing is fetched.

use core::fmt;

use minicbor::data::Type;

use crate::cbor::{Item, Label, Reader, Result};
use crate::error::{ReadError, Rule};

/// A list of `corim-locator-map`: `{0: uri / [+ uri], ?1: thumbprint}`.
#[derive(Clone, Copy)]
pub struct RimLocators<'a>(Item<'a>);

impl<'a> RimLocators<'a> {
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let item = reader.item("rim-locators")?;
        let count = item.reader().array("rim-locators", |reader| read_one(reader, &mut |_| ()))?;
        if count == 0 {
            return Err(ReadError::new(Rule::Empty, "rim-locators", item.at()));
        }
        Ok(Self(item))
    }

    /// Tells `each` every address, in their order. They are claims of the device.
    pub fn for_each(&self, mut each: impl FnMut(&'a str)) {
        // It was read before, so that no address is missing.
        let _ = self.0.reader().array("rim-locators", |reader| read_one(reader, &mut each));
    }
}

fn read_one<'a>(reader: &mut Reader<'a>, each: &mut dyn FnMut(&'a str)) -> Result<()> {
    let at = reader.at();
    let mut is_there = false;
    reader.map("rim-locators", |reader, label| match label {
        Label::Number(0) => {
            is_there = true;
            if reader.peek("href")? != Type::Array {
                return read_uri(reader).map(&mut *each);
            }
            let count = reader.array("href", |reader| read_uri(reader).map(&mut *each))?;
            if count == 0 { Err(reader.error(Rule::Empty, "href")) } else { Ok(()) }
        }
        _ => reader.skip("rim-locators"),
    })?;
    if is_there { Ok(()) } else { Err(ReadError::new(Rule::Missing, "href", at)) }
}

/// `#6.32(text)`.
fn read_uri<'a>(reader: &mut Reader<'a>) -> Result<&'a str> {
    let mut inner = reader.item("href")?.reader();
    inner.expect_tag(32, "href")?;
    inner.text("href")
}

impl fmt::Debug for RimLocators<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        self.for_each(|uri| {
            list.entry(&uri);
        });
        list.finish()
    }
}
