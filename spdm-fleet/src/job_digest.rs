//! What a job is about, as one digest.

use spdm_crypto::{HashAlgorithm, Provider};

use crate::item::Job;
use crate::target::Target;
use crate::timestamp::Timestamp;

/// SHA-256 over targets, profiles, references and policies, part by part.
#[derive(Clone, Debug)]
pub struct JobDigest {
    state: Vec<u8>,
}

impl JobDigest {
    /// Of nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: Vec::new() }
    }

    /// Adds a part. Parts of other names or lengths, or in another order, make another digest. `None` where the backend has no
    /// SHA-256.
    #[must_use]
    pub fn with(self, provider: &Provider, name: &str, bytes: &[u8]) -> Option<Self> {
        let len = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes();
        let (name_len, bytes_len) = (len(name.as_bytes()), len(bytes));
        let parts = [&self.state[..], &name_len, name.as_bytes(), &bytes_len, bytes];
        let digest = provider.hash.digest(HashAlgorithm::Sha256, &parts).ok()?;
        Some(Self { state: digest.as_bytes().to_vec() })
    }

    /// Adds the targets in their order. `None` where the backend has no SHA-256.
    #[must_use]
    pub fn with_targets(self, provider: &Provider, targets: &[Target]) -> Option<Self> {
        targets.iter().try_fold(self, |digest, target| {
            digest.with(provider, "target", &serde_json::to_vec(target).ok()?)
        })
    }

    /// The job: its name is the time and the begin of the digest, so that two jobs that begin at once have two names.
    #[must_use]
    pub fn job(&self, started: Timestamp) -> Job {
        let digest = hex::encode(&self.state);
        let begin = digest.get(..4).unwrap_or_default();
        Job { name: format!("{started}-{begin}"), digest }
    }
}

impl Default for JobDigest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use spdm_crypto::rustcrypto::PROVIDER;

    use super::JobDigest;
    use crate::target::Target;
    use crate::timestamp::Timestamp;

    fn digest(targets: &[&str], policy: &str) -> String {
        let targets: Vec<_> = targets.iter().map(|target| Target::new(*target)).collect();
        let digest = JobDigest::new().with_targets(&PROVIDER, &targets).unwrap();
        let digest = digest.with(&PROVIDER, "policy", policy.as_bytes()).unwrap();
        digest.job(Timestamp::from_unix_ms(0)).digest
    }

    #[test]
    fn f10_every_part_counts() {
        let one = digest(&["tcp:a", "tcp:b"], "{}");
        assert_eq!(one, digest(&["tcp:a", "tcp:b"], "{}"));
        assert_ne!(one, digest(&["tcp:b", "tcp:a"], "{}"));
        assert_ne!(one, digest(&["tcp:a"], "{}"));
        assert_ne!(one, digest(&["tcp:a", "tcp:b"], "{} "));
    }

    #[test]
    fn a_job_has_the_time_in_its_name() {
        let digest = JobDigest::new().with(&PROVIDER, "a", b"b").unwrap();
        let job = digest.job(Timestamp::from_unix_ms(1_764_513_601_007));
        assert_eq!(job.name, format!("2025-11-30T14:40:01.007Z-{}", &job.digest[..4]));
    }
}
