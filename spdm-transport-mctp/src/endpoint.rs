//! Where channels come from.

/// An MCTP endpoint that requests can be sent to.
///
/// Every closure that opens a channel is one: with `mctp-estack` it is `|| Ok(router.req(eid))`.
pub trait Endpoint {
    /// A channel of the stack: [`mctp::ReqChannel`] or [`mctp::AsyncReqChannel`].
    type Channel;

    /// Opens a channel for one request. While it lives, the stack must not give its tag to another one that
    /// is opened to the same endpoint; whatever answers it must never reach another one.
    ///
    /// # Errors
    /// When the stack has no more channels or tags.
    fn open(&mut self) -> Result<Self::Channel, mctp::Error>;
}

impl<C, F: FnMut() -> mctp::Result<C>> Endpoint for F {
    type Channel = C;

    fn open(&mut self) -> Result<C, mctp::Error> {
        self()
    }
}
