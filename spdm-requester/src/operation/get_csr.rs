//! GET_CSR.

use core::mem;

use spdm_codec::{
    CapabilityFlags, CertificateModel, Code, ConnectionKeys, Csr, CsrAttributes, ErrorCode,
    Expected, GetCsr, OpaqueData, OpaqueFormat, PendingCsr, SpdmVersion,
};
use spdm_crypto::AsymAlgorithm;
use spdm_untrusted::Untrusted;
use spdm_x509::{RequestContext, SigningRequest, Tolerance};

use crate::answer::Answer;
use crate::env::{Ask, Env};
use crate::error::{Buffer, Error, Misuse};
use crate::error_cell::{At, ErrorCell};
use crate::flow::Flow;
use crate::negotiated::Negotiated;
use crate::operation::{Next, sealed};
use crate::requester::Requester;

/// What is asked for with GET_CSR.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CsrPlan<'q> {
    /// A DER CertificationRequestInfo with the subject and the attributes that are wanted; the device decides, and its key is
    /// always its own. Empty for whatever the device thinks fit.
    pub requester_info: &'q [u8],
    /// `OpaqueData`, where a format was negotiated.
    pub opaque: OpaqueData<'q>,
    /// `KeyPairID` on a multi-key connection (1.3), else 0.
    pub key_pair_id: u8,
    /// `CSRCertModel` on a multi-key connection (1.3), else [`CertificateModel::None`].
    pub model: CertificateModel,
    /// `CSRTrackingTag` (1.3): 0 for a new request, else that of [`CsrOutcome::ResetRequired`], to fetch it after the reset.
    pub tracking_tag: u8,
    /// What becomes of requests that wait for a reset (1.3).
    pub pending: PendingCsr,
    /// The DER SubjectPublicKeyInfo that the CSR has to be for, where it is known: that of the leaf before.
    pub key_info: Option<&'q [u8]>,
    /// Extensions that are malformed, or not fit for a device: [`Tolerance::Accept`] does not read them.
    pub odd_extensions: Tolerance,
}

impl CsrPlan<'_> {
    /// A new request for the key of a connection with one key, without wishes.
    pub const NEW: Self = Self {
        requester_info: &[],
        opaque: OpaqueData::EMPTY,
        key_pair_id: 0,
        model: CertificateModel::None,
        tracking_tag: 0,
        pending: PendingCsr::Keep,
        key_info: None,
        odd_extensions: Tolerance::Refuse,
    };
}

/// What GET_CSR brought.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "DSP0274 knows these two")]
#[expect(clippy::large_enum_variant, reason = "a value on the stack, and no allocator is there")]
pub enum CsrOutcome<'b> {
    /// The request, which is signed with the key that it is for.
    Csr(SigningRequest<'b>),
    /// The device makes it in its next reset. From 1.3 on it is fetched with this tag then; in 1.2 by the same request.
    ResetRequired {
        /// `CSRTrackingTag`, 1 to 7.
        tracking_tag: Option<u8>,
    },
}

/// GET_CSR: see [`Requester::get_csr`].
#[derive(Debug)]
pub struct FetchCsr<'q, 'b> {
    plan: CsrPlan<'q>,
    buffer: &'b mut [u8],
    outcome: Option<CsrOutcome<'b>>,
}

impl<'a> Requester<'a, Negotiated> {
    /// GET_CSR: a certification request of the device (1.2), into `buffer`. It comes out only where it is strict DER, is for
    /// a key of the negotiated algorithm (and the one of the plan, where that is known), asks for nothing that a device may
    /// not be, and is signed with its key. Where `requester_info` is long,
    /// [`Offer::longest_request`](crate::Offer::longest_request) has to be raised before the negotiation.
    ///
    /// Fails with [`Misuse::Provisioning`] where the plan contradicts the connection, and with [`Error::Csr`] for a request
    /// that is refused.
    #[must_use]
    pub fn get_csr<'q, 'b>(
        self,
        plan: CsrPlan<'q>,
        buffer: &'b mut [u8],
    ) -> Flow<'a, FetchCsr<'q, 'b>> {
        Flow::new(self.core, FetchCsr { plan, buffer, outcome: None })
    }
}

/// Whether an ERROR of this request says that the device has to be reset (DSP0274 §ERROR, ResetRequired).
pub(super) fn asks_for_reset(error: &Error, request: Code) -> Option<u8> {
    match error {
        Error::Refused(refusal)
            if refusal.code == ErrorCode::RESET_REQUIRED && refusal.request == request =>
        {
            Some(refusal.data)
        }
        _ => None,
    }
}

/// From 1.3 on CSR_CAP and SET_CERT_CAP say what a device can do; those bits are younger than 1.2.
pub(super) fn require_since_1_3<'q, 'f>(
    ask: &Ask<'q, 'f>,
    flag: CapabilityFlags,
    name: &'static str,
) -> Result<&'q Negotiated, &'f Error> {
    match ask.agreed()?.version {
        SpdmVersion::V1_0 | SpdmVersion::V1_1 => {
            Err(ask.errors.incompatible(crate::error::Incompatible::Capability(name)))
        }
        SpdmVersion::V1_2 => ask.agreed(),
        SpdmVersion::V1_3 | SpdmVersion::V1_4 => ask.require(flag, name),
    }
}

/// Whether ResetRequired may answer GET_CSR and SET_CERTIFICATE.
pub(super) fn may_need_reset(agreed: &Negotiated) -> bool {
    let flag = CapabilityFlags::CERT_INSTALL_RESET_CAP;
    agreed.version < SpdmVersion::V1_3 || agreed.responder.flags.contains(flag)
}

impl CsrPlan<'_> {
    /// The rule that the plan breaks on this connection.
    pub(super) fn broken(&self, agreed: &Negotiated) -> Option<&'static str> {
        let plan = self;
        let multi = agreed.connection_keys == ConnectionKeys::Multi;
        let names_key = plan.key_pair_id != 0 && plan.model != CertificateModel::None;
        let names_nothing = plan.key_pair_id == 0 && plan.model == CertificateModel::None;
        let tracks = plan.tracking_tag != 0;
        let resets = agreed.version >= SpdmVersion::V1_3 && may_need_reset(agreed);
        let overwrites = plan.pending == PendingCsr::Overwrite;
        let opaque = plan.opaque.as_bytes();
        let rules = [
            (multi && !names_key, "KeyPairID and CSRCertModel on a multi-key connection"),
            (
                !multi && !names_nothing,
                "no KeyPairID and CSRCertModel without a multi-key connection",
            ),
            (plan.tracking_tag > 7, "CSRTrackingTag is 7 at most"),
            (tracks && !resets, "CSRTrackingTag only with CERT_INSTALL_RESET_CAP (1.3)"),
            (
                overwrites && (tracks || agreed.version < SpdmVersion::V1_3),
                "Overwrite only in a new request (1.3)",
            ),
            (
                !opaque.is_empty() && agreed.opaque_format() == OpaqueFormat::None,
                "OpaqueData only where a format was negotiated",
            ),
        ];
        rules.into_iter().find(|(is_broken, _)| *is_broken).map(|(_, rule)| rule)
    }

    /// What the request says besides `RequesterInfo` and `OpaqueData`.
    pub(super) const fn attributes(&self) -> CsrAttributes {
        let Self { key_pair_id, model, tracking_tag, pending, .. } = *self;
        CsrAttributes { key_pair_id, model, tracking_tag, pending }
    }
}

/// Copies a CSR out of the message buffer into the caller's and checks it; `asym` is the algorithm of its key.
pub(super) fn checked_csr<'b, 'f>(
    env: &Env<'_, 'f>,
    csr: &[u8],
    buffer: &'b mut [u8],
    plan: &CsrPlan<'_>,
    asym: AsymAlgorithm,
) -> Result<SigningRequest<'b>, &'f Error> {
    let errors = env.errors;
    let agreed = env.agreed()?;
    let (needed, len) = (csr.len(), buffer.len());
    let place = buffer.get_mut(..needed).ok_or_else(|| {
        errors.stop(Error::BufferTooSmall { buffer: Buffer::Response, needed, len })
    })?;
    place.copy_from_slice(csr);
    let hash = agreed.hash().map_err(|error| errors.incompatible(error))?;
    let mut context = RequestContext::new(agreed.cert_model(plan.model), asym, hash);
    context.key_info = plan.key_info;
    context.odd_extensions = plan.odd_extensions;
    SigningRequest::parse(Untrusted::new(place), &context, env.provider)
        .map_err(|error| errors.stop(Error::Csr(error)))
}

/// What ResetRequired means where a certification request was asked for; `None` where the ERROR is another one, or may
/// not come here.
pub(super) fn postponed<'b, 'f>(
    env: &Env<'_, 'f>,
    error: &Error,
    request: Code,
) -> Result<Option<CsrOutcome<'b>>, &'f Error> {
    let Some(data) = asks_for_reset(error, request) else { return Ok(None) };
    let agreed = env.agreed()?;
    if !may_need_reset(agreed) {
        return Ok(None);
    }
    let tracking_tag = match (agreed.version >= SpdmVersion::V1_3, data) {
        (false, _) => None,
        (true, 1..=7) => Some(data),
        (true, _) => {
            let at = At("ERROR", "CSRTrackingTag");
            let expected = Expected::Range(1, 7);
            return Err(env.errors.value(&at, &expected, data));
        }
    };
    Ok(Some(CsrOutcome::ResetRequired { tracking_tag }))
}

impl<'b> FetchCsr<'_, 'b> {
    fn check<'f>(
        &mut self,
        env: &Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<SigningRequest<'b>, &'f Error> {
        let errors = env.errors;
        let agreed = env.agreed()?;
        let cx = agreed.cx(env.connection.answer_padding());
        let csr = errors.decode::<Csr<'_>>(answer.response, &cx)?.message.csr;
        let asym = agreed.asym().map_err(|error| errors.incompatible(error))?;
        checked_csr(env, csr, mem::take(&mut self.buffer), &self.plan, asym)
    }
}

impl<'b> sealed::Operation for FetchCsr<'_, 'b> {
    type Phase = Negotiated;
    type Output = CsrOutcome<'b>;

    fn request<'f>(&mut self, ask: &Ask<'_, 'f>, out: &mut [u8]) -> Result<usize, &'f Error> {
        let agreed = require_since_1_3(ask, CapabilityFlags::CSR_CAP, "CSR_CAP")?;
        if let Some(rule) = self.plan.broken(agreed) {
            return Err(ask.errors.misuse(Misuse::Provisioning(rule)));
        }
        let CsrPlan { requester_info, opaque, .. } = self.plan;
        let attributes = (agreed.version >= SpdmVersion::V1_3).then_some(self.plan.attributes());
        ask.encode(&GetCsr { attributes, requester_info, opaque }, agreed.version, out)
    }

    fn answered<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        answer: &Answer<'_, '_>,
    ) -> Result<Next, &'f Error> {
        // Checked first: nothing of a response that is refused is accepted.
        let checked = self.check(env, answer);
        let csr =
            checked.inspect_err(|error| env.reject(answer.request, answer.response, error))?;
        env.accept(answer, None)?;
        self.outcome = Some(CsrOutcome::Csr(csr));
        Ok(Next::Done)
    }

    fn refused<'f>(
        &mut self,
        env: &mut Env<'_, 'f>,
        error: &Error,
    ) -> Result<Option<Next>, &'f Error> {
        self.outcome = postponed(env, error, Code::GET_CSR)?;
        Ok(self.outcome.is_some().then_some(Next::Done))
    }

    fn finish<'f>(&mut self, errors: &'f ErrorCell) -> Result<CsrOutcome<'b>, &'f Error> {
        self.outcome.take().ok_or_else(|| errors.unfinished())
    }
}
