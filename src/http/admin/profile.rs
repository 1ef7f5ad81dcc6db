//! What administrators say of the person behind an account, and how they are shown it.
//!
//! The names are those of `session::profile`, in which nothing is read or written; here every text is
//! checked against its bounds.

use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Problem;
use super::input::{check, nullable, object};
use crate::session::profile::{Billing, Details, METADATA_BYTES_MAX, Profile, TEXT_CHARS_MAX};

/// The highest access level.
const ACCESS_LEVEL_MAX: u16 = 1_000;

/// What is said of a profile; what is not mentioned stays as it is.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    email: Option<CompactString>,
    email_verified: Option<bool>,
    first_name: Option<CompactString>,
    last_name: Option<CompactString>,
    gender: Option<CompactString>,
    phone: Option<CompactString>,
    image_url: Option<CompactString>,
    access_level: Option<u16>,
    #[serde(deserialize_with = "nullable")]
    trial_until: Option<Option<CompactString>>,
    public_metadata: Option<Map<String, Value>>,
    unsafe_metadata: Option<Map<String, Value>>,
    #[serde(deserialize_with = "object")]
    details: Option<Option<DetailsText>>,
    #[serde(deserialize_with = "object")]
    billing: Option<Option<BillingText>>,
}

/// A profile as administrators see it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    email: &'a str,
    email_verified: bool,
    first_name: &'a str,
    last_name: &'a str,
    gender: &'a str,
    phone: &'a str,
    image_url: &'a str,
    access_level: u16,
    trial_until: Option<&'a str>,
    public_metadata: Value,
    unsafe_metadata: Value,
    details: Option<DetailsText>,
    billing: Option<BillingText>,
}

impl<'a> From<&'a Profile> for Shown<'a> {
    fn from(profile: &'a Profile) -> Self {
        // They were checked when they came in.
        let object = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self {
            email: &profile.email,
            email_verified: profile.email_verified,
            first_name: &profile.first_name,
            last_name: &profile.last_name,
            gender: &profile.gender,
            phone: &profile.phone,
            image_url: &profile.image_url,
            access_level: profile.access_level,
            trial_until: profile.trial_until.as_deref(),
            public_metadata: object(&profile.public_metadata),
            unsafe_metadata: object(&profile.unsafe_metadata),
            details: profile.details.as_deref().map(DetailsText::from),
            billing: profile.billing.as_deref().map(BillingText::from),
        }
    }
}

/// A member that has bounds.
trait Bounded {
    fn fits(&self) -> bool;
}

impl Bounded for CompactString {
    fn fits(&self) -> bool {
        self.chars().count() <= TEXT_CHARS_MAX && !self.chars().any(char::is_control)
    }
}

impl Bounded for u32 {
    fn fits(&self) -> bool {
        true
    }
}

impl<T: Bounded> Bounded for Option<T> {
    fn fits(&self) -> bool {
        self.as_ref().is_none_or(Bounded::fits)
    }
}

/// The text form of a struct of `session::profile`: the same members by the same names.
macro_rules! text_form {
    ($name:ident of $kind:ident, $prefix:literal: $($field:ident: $type:ty),* $(,)?) => {
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct $name {
            $($field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self::from(&$kind::default())
            }
        }

        impl From<&$kind> for $name {
            fn from(kept: &$kind) -> Self {
                Self { $($field: kept.$field.clone(),)* }
            }
        }

        impl $name {
            /// Checks every member.
            fn checked(self) -> Result<$kind, Problem> {
                $(fits(concat!($prefix, ".", stringify!($field)), &self.$field)?;)*
                country(concat!($prefix, ".country_code"), &self.country_code)?;
                Ok($kind { $($field: self.$field,)* })
            }
        }
    };
}

text_form! { DetailsText of Details, "profile.details":
    account_type: u32,
    company_name: Option<CompactString>,
    vat_number: Option<CompactString>,
    coc_number: Option<CompactString>,
    first_name: CompactString,
    last_name: CompactString,
    address: CompactString,
    street_number: CompactString,
    zip_code: CompactString,
    city: CompactString,
    country_code: CompactString,
    email_address: CompactString,
    unconfirmed_email: Option<CompactString>,
    unconfirmed_email_expires_at: u32,
    email_address_validated: Option<u32>,
    phone_number: Option<CompactString>,
    phone_number_mobile: Option<CompactString>,
    language: u32,
    email_address_abuse: Option<CompactString>,
    newsletter: Option<u32>,
    agree_toc: Option<u32>,
    agree_aup: Option<u32>,
    agree_dpa: Option<u32>,
    is_allowed_flex_metal: u32,
}

text_form! { BillingText of Billing, "profile.billing":
    first_name: CompactString,
    last_name: CompactString,
    address: CompactString,
    street_number: CompactString,
    zip_code: CompactString,
    city: CompactString,
    country_code: CompactString,
    phone_number: Option<CompactString>,
    phone_number_mobile: Option<CompactString>,
    email_address_billing: Option<CompactString>,
    bundle_invoices_of_same_category: u32,
    receive_payment_confirmations_via_email: u32,
    preferred_payment_method: u32,
}

impl Wanted {
    /// The profile that `base` becomes.
    pub(super) fn applied_to(self, base: &Profile) -> Result<Arc<Profile>, Problem> {
        let mut profile = base.clone();
        for (name, said, kept) in [
            ("profile.email", self.email, &mut profile.email),
            (
                "profile.first_name",
                self.first_name,
                &mut profile.first_name,
            ),
            ("profile.last_name", self.last_name, &mut profile.last_name),
            ("profile.gender", self.gender, &mut profile.gender),
            ("profile.phone", self.phone, &mut profile.phone),
            ("profile.image_url", self.image_url, &mut profile.image_url),
        ] {
            if let Some(text) = said {
                fits(name, &text)?;
                *kept = text;
            }
        }
        profile.email_verified = self.email_verified.unwrap_or(profile.email_verified);
        if let Some(level) = self.access_level {
            let fine = level <= ACCESS_LEVEL_MAX;
            check("profile.access_level", yes(fine, "0 to 1000"))?;
            profile.access_level = level;
        }
        if let Some(until) = self.trial_until {
            let fine = until.as_deref().is_none_or(is_day);
            check("profile.trial_until", yes(fine, "a day, YYYY-MM-DD"))?;
            profile.trial_until = until;
        }
        if let Some(said) = self.public_metadata {
            profile.public_metadata = metadata("profile.public_metadata", said)?;
        }
        if let Some(said) = self.unsafe_metadata {
            profile.unsafe_metadata = metadata("profile.unsafe_metadata", said)?;
        }
        if let Some(said) = self.details {
            profile.details = said.map(DetailsText::checked).transpose()?.map(Box::new);
        }
        if let Some(said) = self.billing {
            profile.billing = said.map(BillingText::checked).transpose()?.map(Box::new);
        }
        Ok(Arc::new(profile))
    }
}

fn yes(fine: bool, rule: &'static str) -> Result<(), &'static str> {
    if fine { Ok(()) } else { Err(rule) }
}

fn fits(name: &str, value: &impl Bounded) -> Result<(), Problem> {
    let rule = "at most 256 characters, no control characters";
    check(name, yes(value.fits(), rule))
}

fn country(name: &str, code: &str) -> Result<(), Problem> {
    let fine = code.is_empty() || (code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase()));
    check(name, yes(fine, "two capital letters, or empty"))
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn metadata(name: &str, said: Map<String, Value>) -> Result<Box<str>, Problem> {
    let text = Value::from(said).to_string();
    check(
        name,
        yes(text.len() <= METADATA_BYTES_MAX, "at most 8 KiB of JSON"),
    )?;
    Ok(text.into_boxed_str())
}
