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
    /// The person or business as a customer.
    pub details: Option<Box<Details>>,
    /// Where invoices go.
    pub billing: Option<Box<Billing>>,
}

/// A customer, as i3D's account details have it. Counts and flags are whole numbers there.
/// Source: V-19.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is what its name says; what is not said there stands beside it"
)]
pub struct Details {
    /// 1 consumer, 2 business.
    pub account_type: u32,
    pub company_name: Option<CompactString>,
    pub vat_number: Option<CompactString>,
    pub coc_number: Option<CompactString>,
    pub first_name: CompactString,
    pub last_name: CompactString,
    pub address: CompactString,
    pub street_number: CompactString,
    pub zip_code: CompactString,
    pub city: CompactString,
    /// ISO 3166 alpha-2, or empty.
    pub country_code: CompactString,
    pub email_address: CompactString,
    /// An address that was not confirmed yet.
    pub unconfirmed_email: Option<CompactString>,
    /// Until when it can be confirmed, in seconds since 1970.
    pub unconfirmed_email_expires_at: u32,
    pub email_address_validated: Option<u32>,
    pub phone_number: Option<CompactString>,
    pub phone_number_mobile: Option<CompactString>,
    /// 0 English, 1 Dutch.
    pub language: u32,
    pub email_address_abuse: Option<CompactString>,
    pub newsletter: Option<u32>,
    pub agree_toc: Option<u32>,
    pub agree_aup: Option<u32>,
    pub agree_dpa: Option<u32>,
    pub is_allowed_flex_metal: u32,
}

/// Where invoices go, as i3D's billing details have it. Source: V-20.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each field is what its name says; what is not said there stands beside it"
)]
pub struct Billing {
    pub first_name: CompactString,
    pub last_name: CompactString,
    pub address: CompactString,
    pub street_number: CompactString,
    pub zip_code: CompactString,
    pub city: CompactString,
    /// ISO 3166 alpha-2, or empty.
    pub country_code: CompactString,
    pub phone_number: Option<CompactString>,
    pub phone_number_mobile: Option<CompactString>,
    pub email_address_billing: Option<CompactString>,
    pub bundle_invoices_of_same_category: u32,
    pub receive_payment_confirmations_via_email: u32,
    pub preferred_payment_method: u32,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            account_type: 1,
            company_name: None,
            vat_number: None,
            coc_number: None,
            first_name: CompactString::default(),
            last_name: CompactString::default(),
            address: CompactString::default(),
            street_number: CompactString::default(),
            zip_code: CompactString::default(),
            city: CompactString::default(),
            country_code: CompactString::default(),
            email_address: CompactString::default(),
            unconfirmed_email: None,
            unconfirmed_email_expires_at: 0,
            email_address_validated: None,
            phone_number: None,
            phone_number_mobile: None,
            language: 0,
            email_address_abuse: None,
            newsletter: None,
            agree_toc: None,
            agree_aup: None,
            agree_dpa: None,
            is_allowed_flex_metal: 0,
        }
    }
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
            details: None,
            billing: None,
        }
    }
}
