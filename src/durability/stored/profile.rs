//! Profiles, field by field.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::session::profile::{Billing, Details, Profile};

/// Makes the storage form of a plain structure, whose fields it names in the order of their bytes.
macro_rules! plain {
    ($stored:ident of $domain:ident { $($field:ident: $kind:ty),+ $(,)? }) => {
        #[derive(Debug, Serialize, Deserialize)]
        pub(in crate::durability) struct $stored { $($field: $kind),+ }

        impl From<&$domain> for $stored {
            fn from(from: &$domain) -> Self {
                Self { $($field: from.$field.clone()),+ }
            }
        }

        impl From<$stored> for $domain {
            fn from(from: $stored) -> Self {
                Self { $($field: from.$field),+ }
            }
        }
    };
}

type Text = CompactString;

plain!(StoredDetails of Details {
    account_type: u32,
    company_name: Option<Text>,
    vat_number: Option<Text>,
    coc_number: Option<Text>,
    first_name: Text,
    last_name: Text,
    address: Text,
    street_number: Text,
    zip_code: Text,
    city: Text,
    country_code: Text,
    email_address: Text,
    unconfirmed_email: Option<Text>,
    unconfirmed_email_expires_at: u32,
    email_address_validated: Option<u32>,
    phone_number: Option<Text>,
    phone_number_mobile: Option<Text>,
    language: u32,
    email_address_abuse: Option<Text>,
    newsletter: Option<u32>,
    agree_toc: Option<u32>,
    agree_aup: Option<u32>,
    agree_dpa: Option<u32>,
    is_allowed_flex_metal: u32,
});

plain!(StoredBilling of Billing {
    first_name: Text,
    last_name: Text,
    address: Text,
    street_number: Text,
    zip_code: Text,
    city: Text,
    country_code: Text,
    phone_number: Option<Text>,
    phone_number_mobile: Option<Text>,
    email_address_billing: Option<Text>,
    bundle_invoices_of_same_category: u32,
    receive_payment_confirmations_via_email: u32,
    preferred_payment_method: u32,
});

/// A profile.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::durability) struct StoredProfile {
    email: Text,
    email_verified: bool,
    first_name: Text,
    last_name: Text,
    gender: Text,
    phone: Text,
    image_url: Text,
    access_level: u16,
    trial_until: Option<Text>,
    public_metadata: Box<str>,
    unsafe_metadata: Box<str>,
    details: Option<StoredDetails>,
    billing: Option<StoredBilling>,
}

impl From<&Profile> for StoredProfile {
    fn from(profile: &Profile) -> Self {
        Self {
            email: profile.email.clone(),
            email_verified: profile.email_verified,
            first_name: profile.first_name.clone(),
            last_name: profile.last_name.clone(),
            gender: profile.gender.clone(),
            phone: profile.phone.clone(),
            image_url: profile.image_url.clone(),
            access_level: profile.access_level,
            trial_until: profile.trial_until.clone(),
            public_metadata: profile.public_metadata.clone(),
            unsafe_metadata: profile.unsafe_metadata.clone(),
            details: profile.details.as_deref().map(StoredDetails::from),
            billing: profile.billing.as_deref().map(StoredBilling::from),
        }
    }
}

impl From<StoredProfile> for Profile {
    fn from(stored: StoredProfile) -> Self {
        Self {
            email: stored.email,
            email_verified: stored.email_verified,
            first_name: stored.first_name,
            last_name: stored.last_name,
            gender: stored.gender,
            phone: stored.phone,
            image_url: stored.image_url,
            access_level: stored.access_level,
            trial_until: stored.trial_until,
            public_metadata: stored.public_metadata,
            unsafe_metadata: stored.unsafe_metadata,
            details: stored.details.map(Details::from).map(Box::new),
            billing: stored.billing.map(Billing::from).map(Box::new),
        }
    }
}
