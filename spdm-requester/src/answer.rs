//! A request and the response that answers it.

use spdm_codec::Header;
use spdm_untrusted::Untrusted;

/// A complete response, and the request that it answers. Nothing of it is checked but that it has a header.
#[expect(
    unnameable_types,
    reason = "sealed: appears in the signatures of `sealed::Operation` only"
)]
#[derive(Clone, Copy, Debug)]
pub struct Answer<'q, 'r> {
    /// The request as it was sent.
    pub(crate) request: &'q [u8],
    /// The response, put together from chunks; transport padding included.
    pub(crate) response: Untrusted<&'r [u8]>,
    /// Of the response.
    pub(crate) header: Header,
}
