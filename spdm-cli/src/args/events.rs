//! `spdm events`.

use core::fmt;

use clap::Args;
use spdm_codec::{DmtfEventType, EventGroup, StandardsBody};
use spdm_transport::Duration;

use super::send::{Standard, VendorId};
use super::{OWN, SessionVerbArgs, values};

/// `spdm events`.
#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) verb: SessionVerbArgs,
    /// Waits for events, and shows each one: all that the device supports, or a list of groups such as DMTF or PCI-SIG:VENDOR,
    /// of DMTF's types by name, and of GROUP/NUMBER. DMTF's EventLost is always among them
    #[arg(help_heading = OWN, long, value_name = "all|LIST", value_delimiter = ',', value_parser = WantedEvents::parse)]
    pub(crate) subscribe: Vec<WantedEvents>,
    /// Ends behind so many events; fewer are an error
    #[arg(help_heading = OWN, long, value_name = "N", requires = "subscribe", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: Option<u32>,
    /// How many seconds it waits for events; they come on top of those of --deadline where that is not given
    #[arg(help_heading = OWN, long, value_name = "SECS", requires = "subscribe", value_parser = values::seconds, default_value = "10")]
    pub(crate) wait: Duration,
}

/// Events that somebody wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum WantedEvents {
    /// Whatever there is.
    All,
    /// Of a group.
    Of {
        /// The standards body.
        body: StandardsBody,
        /// The vendor in its registry; any where none is named.
        vendor: Option<Vec<u8>>,
        /// The type; all of the group where none is named.
        type_id: Option<u16>,
    },
}

impl WantedEvents {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let plain = |name: &str| name.eq_ignore_ascii_case(text);
        let dmtf = DmtfEventType::ALL.into_iter().find(|id| id.name().is_some_and(plain));
        if let Some(DmtfEventType(id)) = dmtf {
            return Ok(Self::Of { body: StandardsBody::DMTF, vendor: None, type_id: Some(id) });
        }
        let (group, type_id) = match text.split_once('/') {
            None => (text, None),
            Some((group, number)) => {
                let number = number.parse().map_err(|_| "expected GROUP/NUMBER".to_owned())?;
                (group, Some(number))
            }
        };
        let (body, vendor) = match group.split_once(':') {
            None => (group, None),
            Some((body, vendor)) => (body, Some(VendorId::parse(vendor)?.0)),
        };
        let Standard(body) = Standard::parse(body).map_err(|_| {
            let names = DmtfEventType::ALL.map(|id| id.name().unwrap_or_default()).join(", ");
            format!("expected all, a standards body such as DMTF, {names}, or GROUP/NUMBER")
        })?;
        Ok(Self::Of { body, vendor, type_id })
    }

    /// Whether they are of this group.
    pub(crate) fn is_of(&self, group: &EventGroup<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Of { body, vendor, .. } => {
                let id = group.id;
                id.id == *body && vendor.as_deref().is_none_or(|vendor| vendor == id.vendor_id)
            }
        }
    }

    /// Whether this type of such a group is among them.
    pub(crate) fn has_type(&self, id: u16) -> bool {
        match self {
            Self::All => true,
            Self::Of { type_id, .. } => type_id.is_none_or(|wanted| wanted == id),
        }
    }
}

impl fmt::Display for WantedEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Of { body, vendor, type_id } = self else { return f.write_str("all") };
        match body.name() {
            Some(name) => f.write_str(name)?,
            None => write!(f, "{}", body.0)?,
        }
        if let Some(vendor) = vendor {
            write!(f, ":{}", hex::encode(vendor))?;
        }
        match type_id {
            None => Ok(()),
            Some(id) => write!(f, "/{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StandardsBody, WantedEvents};

    #[test]
    fn events_have_names_and_numbers() {
        let of = |body, vendor, type_id| WantedEvents::Of { body, vendor, type_id };
        for (text, wanted, shown) in [
            ("all", WantedEvents::All, "all"),
            ("dmtf", of(StandardsBody::DMTF, None, None), "DMTF"),
            ("certificatechanged", of(StandardsBody::DMTF, None, Some(4)), "DMTF/4"),
            (
                "PCI-SIG:0100/7",
                of(StandardsBody::PCI_SIG, Some(vec![1, 0]), Some(7)),
                "PCI-SIG:0100/7",
            ),
        ] {
            assert_eq!(WantedEvents::parse(text).as_ref(), Ok(&wanted), "{text}");
            assert_eq!(wanted.to_string(), shown);
        }
        for text in ["", "Lost", "DMTF/x", "DMTF:1", "DMTF/65536"] {
            assert!(WantedEvents::parse(text).is_err(), "{text}");
        }
    }
}
