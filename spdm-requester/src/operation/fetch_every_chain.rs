//! GET_DIGESTS, and the chain of every provisioned slot.

use core::mem;

use spdm_codec::SlotId;
use spdm_x509::Chain;

use super::fetch_chain::Portions;
use super::fetch_digests::FetchDigests;
use super::{Next, sealed};
use crate::answer::Answer;
use crate::connection::Connection;
use crate::env::{Ask, Env};
use crate::error::Error;
use crate::error_cell::ErrorCell;
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::requester::Requester;

/// The chains of a device, by slot.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotChains<'c>([Option<Chain<'c>>; 8]);

impl<'c> SlotChains<'c> {
    /// The chains, lowest slot first.
    pub fn iter(&self) -> impl Iterator<Item = &Chain<'c>> {
        self.0.iter().flatten()
    }

    /// The chain of a slot; `None` where it is not provisioned.
    #[must_use]
    pub fn get(&self, slot: SlotId) -> Option<&Chain<'c>> {
        self.0.get(slot.index())?.as_ref()
    }
}

#[derive(Debug)]
enum Step<'c> {
    FetchDigests(FetchDigests),
    FetchChain(Portions<'c>),
}

/// The chains of all slots: see [`Requester::fetch_every_chain`](crate::Requester::fetch_every_chain).
#[derive(Debug)]
pub struct FetchEveryChain<'c> {
    /// What the chains before left of the lent buffer.
    buffer: &'c mut [u8],
    step: Step<'c>,
    chains: SlotChains<'c>,
}

impl<'c> FetchEveryChain<'c> {
    pub(crate) fn new(buffer: &'c mut [u8]) -> Self {
        let step = Step::FetchDigests(FetchDigests::new());
        Self { buffer, step, chains: SlotChains::default() }
    }

    /// Goes on with the first provisioned slot from `first` on.
    fn fetch_from(&mut self, connection: &Connection, first: u8) -> Next {
        let Some(slot) = connection.provisioned_slots().find(|slot| slot.get() >= first) else {
            return Next::Done;
        };
        self.step = Step::FetchChain(Portions::new(slot, mem::take(&mut self.buffer)));
        Next::Again
    }
}

impl<'a> Requester<'a, Negotiated> {
    /// The chains of all provisioned slots, one behind the other into the lent buffer: GET_DIGESTS, and
    /// GET_CERTIFICATE as for [`Self::fetch_chain`].
    #[must_use]
    pub fn fetch_every_chain<'c>(self, buffer: &'c mut [u8]) -> Flow<'a, FetchEveryChain<'c>> {
        Flow::new(self.core, FetchEveryChain::new(buffer))
    }
}

impl<'c> sealed::Operation for FetchEveryChain<'c> {
    type Phase = Negotiated;
    type Output = SlotChains<'c>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        match &mut self.step {
            Step::FetchDigests(step) => step.request(ask, out),
            Step::FetchChain(portions) => portions.request(ask, out),
        }
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        match &mut self.step {
            Step::FetchDigests(step) => {
                step.answered(env, answer)?;
                Ok(self.fetch_from(env.connection, 0))
            }
            Step::FetchChain(portions) => {
                if portions.answered(env, answer)? == Next::Again {
                    return Ok(Next::Again);
                }
                let slot = portions.slot();
                let complete = mem::replace(portions, Portions::new(slot, &mut []));
                let (portions, rest) = complete.split();
                self.buffer = rest;
                let chain = portions.into_chain(env)?;
                if let Some(place) = self.chains.0.get_mut(slot.index()) {
                    *place = Some(chain);
                }
                Ok(self.fetch_from(env.connection, slot.get().saturating_add(1)))
            }
        }
    }

    fn finish<'f>(&mut self, _: &'f ErrorCell) -> Result<SlotChains<'c>, &'f Error> {
        Ok(self.chains)
    }
}
