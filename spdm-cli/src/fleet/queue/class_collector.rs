//! Collects as the class of a device says that it is reached.

use core::time::Duration;

use spdm_fleet::{Collected, Collector, WorkMessage};

use crate::args::ClassArgs;
use crate::backend::Crypto;
use crate::fleet::class_profile::Classes;
use crate::fleet::collector::DeviceCollector;

/// Collects from devices of every class.
#[derive(Debug)]
pub(super) struct ClassCollector<'c> {
    /// What holds for a class that is not in the profile: whoever judges says what that comes to.
    pub(super) class: &'c ClassArgs,
    pub(super) profile: Option<&'c Classes>,
    /// How long one attempt may take.
    pub(super) deadline: Duration,
    pub(super) crypto: Crypto,
}

impl Collector for ClassCollector<'_> {
    fn collect(&self, work: &WorkMessage) -> Collected {
        let class = &work.item.target.class;
        let own =
            self.profile.and_then(|profile| profile.named.get(class).or(profile.default.as_ref()));
        let args = own.unwrap_or(self.class);
        let collector = DeviceCollector {
            connection: &args.connection,
            slot: args.options.slot,
            deadline: self.deadline,
            crypto: self.crypto,
        };
        collector.collect(work)
    }
}
