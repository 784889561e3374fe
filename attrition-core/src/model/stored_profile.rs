//! The training profile as it is stored.

use std::sync::OnceLock;

use crate::profile::Profile;
use crate::{Error, Result};

/// A profile as JSON, parsed when it is first asked for: it is the largest part of most models, drift and explanations
/// need it, predictions do not.
#[derive(Debug, Clone)]
pub(crate) struct StoredProfile {
    json: Vec<u8>,
    parsed: OnceLock<Profile>,
}

impl StoredProfile {
    /// Of a profile, which is read back once: nothing unreadable is ever stored.
    pub(crate) fn of(profile: &Profile) -> Result<StoredProfile> {
        let stored = StoredProfile::from_json(profile.to_bytes()?);
        stored.get().map_err(|e| Error::Internal(format!("the profile was written and cannot be read back: {e}")))?;
        Ok(stored)
    }

    /// Of a file's bytes, which are not looked at yet.
    pub(crate) fn from_json(json: Vec<u8>) -> StoredProfile {
        StoredProfile { json, parsed: OnceLock::new() }
    }

    /// The bytes, as they came.
    pub(crate) fn json(&self) -> &[u8] {
        &self.json
    }

    /// The profile.
    ///
    /// # Errors
    /// [`Error::Artifact`] when the bytes are not one.
    pub(crate) fn get(&self) -> Result<&Profile> {
        if let Some(profile) = self.parsed.get() {
            return Ok(profile);
        }
        let profile = Profile::from_bytes(&self.json)?;
        Ok(self.parsed.get_or_init(|| profile))
    }
}
