//! What is known of the person behind an account. Surfaces show it; nothing in here decides anything.

use compact_str::CompactString;

/// Characters a text of a profile may have.
pub const TEXT_CHARS_MAX: usize = 256;
/// Bytes that each of the two metadata objects may have, as JSON.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;

/// The person behind an account. What is not known is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is what its name says; what is not said there stands beside it"
)]
pub struct Profile {
    pub email: CompactString,
    pub email_verified: bool,
    pub first_name: CompactString,
    pub last_name: CompactString,
    pub gender: CompactString,
    pub phone: CompactString,
    pub image_url: CompactString,
    /// What the account may do, as i3D counts it: 0 guest, 10 regular, 20 management.
    pub access_level: u16,
    /// The day on which a trial account ends, `YYYY-MM-DD`; `None` for an account that is no trial.
    pub trial_until: Option<CompactString>,
    /// A JSON object that everybody may see.
    pub public_metadata: Box<str>,
    /// A JSON object that the person may write.
    pub unsafe_metadata: Box<str>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            email: CompactString::default(),
            email_verified: false,
            first_name: CompactString::default(),
            last_name: CompactString::default(),
            gender: CompactString::default(),
            phone: CompactString::default(),
            image_url: CompactString::default(),
            access_level: 10,
            trial_until: None,
            public_metadata: "{}".into(),
            unsafe_metadata: "{}".into(),
        }
    }
}
