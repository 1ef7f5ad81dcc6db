//! Bodies of this contract, spelled as it spells them. Source: V-13, V-17 to V-20, V-27 to V-35.

use std::io::Write as _;
use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Payload};

use super::error::Problem;
use crate::geo::Country;
use crate::http::body::{self, BODY_BYTES_MAX};
use crate::http::headers::{MediaType, media_type};
use crate::http::json::{self, BodyError, Members, Value, write_int, write_str};
use crate::session::account::Account;
use crate::session::id::AccountId;
use crate::session::profile::{Billing, Details, Profile};

/// Faults that one answer names.
const FAULTS_MAX: usize = 16;
/// Characters of a property's name that are said back.
const PROPERTY_CHARS_MAX: usize = 64;

/// `{"errorCode":…,"errorMessage":…,"errors":[…]}`.
pub(super) fn error(code: i64, message: &str, faults: &[(String, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(br#"{"errorCode":"#);
    write_int(&mut out, code);
    out.extend_from_slice(br#","errorMessage":"#);
    write_str(&mut out, message);
    out.extend_from_slice(br#","errors":["#);
    for (at, (property, fault)) in faults.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{" } else { b"{" });
        out.extend_from_slice(br#""property":"#);
        write_str(&mut out, property);
        out.extend_from_slice(br#","message":"#);
        write_str(&mut out, fault);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

/// SessionAuthReq: whether a one-time password is asked for, and until when, in Unix seconds.
pub(super) fn auth_req(otp_until_s: Option<u64>) -> Vec<u8> {
    let until = otp_until_s.unwrap_or(0);
    format!(
        r#"{{"requiresOtp":{},"expiresAt":{until},"otpSessionExpiresAt":{until}}}"#,
        otp_until_s.is_some()
    )
    .into_bytes()
}

/// Where a request came from, as the user is told.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) address: Option<IpAddr>,
    pub(super) country: Option<Country>,
}

/// Room for a user whose texts are of the usual length.
const USER_BYTES: usize = 1_536;

/// SessionUser.
pub(super) fn user(id: AccountId, account: &Account, origin: &Origin) -> Vec<u8> {
    let profile = &*account.profile;
    let mut object = Object::begin(Vec::with_capacity(USER_BYTES));
    object.int("userId", i64::try_from(id.user_id()).unwrap_or(i64::MAX));
    object.text("userName", account.username.as_str());
    object.text("email", &profile.email);
    object.text("firstName", &profile.first_name);
    object.text("lastName", &profile.last_name);
    object.text("gender", &profile.gender);
    object.text("phone", &profile.phone);
    object.int("accessLevel", profile.access_level.into());
    object.int("validateEmail", profile.email_verified.into());
    object.int("isTrialAccount", profile.trial_until.is_some().into());
    let trial_until = profile.trial_until.as_deref();
    object.text(
        "trialAccountExpirationDate",
        trial_until.unwrap_or_default(),
    );
    object.address("requestIp", origin.address);
    let country = origin.country.as_ref();
    let (name, code) = country.map_or(("Unknown", "ZZ"), |found| (&*found.name, &*found.code));
    object.text("requestIpCountry", name);
    object.text("requestIpCountryCode", code);
    object.inner("details");
    details(&mut object, profile);
    object.leave();
    object.inner("billingDetails");
    billing(&mut object, profile);
    object.leave();
    object.end()
}

/// AccountDetails. What is known of the person alone stands in for what is not known of the customer.
fn details(object: &mut Object, profile: &Profile) {
    let unknown;
    let of = match profile.details.as_deref() {
        Some(details) => details,
        None => {
            unknown = Details {
                first_name: profile.first_name.clone(),
                last_name: profile.last_name.clone(),
                email_address: profile.email.clone(),
                ..Details::default()
            };
            &unknown
        }
    };
    object.int("accountType", of.account_type.into());
    object.maybe_text("companyName", of.company_name.as_deref());
    object.maybe_text("vatNumber", of.vat_number.as_deref());
    object.maybe_text("cocNumber", of.coc_number.as_deref());
    object.text("firstName", &of.first_name);
    object.text("lastName", &of.last_name);
    object.text("address", &of.address);
    object.text("streetNumber", &of.street_number);
    object.text("zipCode", &of.zip_code);
    object.text("city", &of.city);
    object.text("countryCode", &of.country_code);
    object.text("emailAddress", &of.email_address);
    match &of.unconfirmed_email {
        Some(email) => {
            object.inner("unconfirmedEmail");
            object.text("email", email);
            object.int("expiresAt", of.unconfirmed_email_expires_at.into());
            object.leave();
        }
        None => object.maybe_text("unconfirmedEmail", None),
    }
    object.maybe_int("emailAddressValidated", of.email_address_validated);
    object.maybe_text("phoneNumber", of.phone_number.as_deref());
    object.maybe_text("phoneNumberMobile", of.phone_number_mobile.as_deref());
    object.int("language", of.language.into());
    object.maybe_text("emailAddressAbuse", of.email_address_abuse.as_deref());
    object.maybe_int("newsletter", of.newsletter);
    object.maybe_int("agreeToc", of.agree_toc);
    object.maybe_int("agreeAup", of.agree_aup);
    object.maybe_int("agreeDpa", of.agree_dpa);
    object.int("isAllowedFlexMetal", of.is_allowed_flex_metal.into());
}

/// AccountBillingDetails.
fn billing(object: &mut Object, profile: &Profile) {
    let unknown;
    let of = match profile.billing.as_deref() {
        Some(billing) => billing,
        None => {
            unknown = Billing {
                first_name: profile.first_name.clone(),
                last_name: profile.last_name.clone(),
                ..Billing::default()
            };
            &unknown
        }
    };
    object.text("firstName", &of.first_name);
    object.text("lastName", &of.last_name);
    object.text("address", &of.address);
    object.text("streetNumber", &of.street_number);
    object.text("zipCode", &of.zip_code);
    object.text("city", &of.city);
    object.text("countryCode", &of.country_code);
    object.maybe_text("phoneNumber", of.phone_number.as_deref());
    object.maybe_text("phoneNumberMobile", of.phone_number_mobile.as_deref());
    object.maybe_text("emailAddressBilling", of.email_address_billing.as_deref());
    let bundled = of.bundle_invoices_of_same_category;
    object.int("bundleInvoicesOfSameCategory", bundled.into());
    let confirmed = of.receive_payment_confirmations_via_email;
    object.int("receivePaymentConfirmationsViaEmail", confirmed.into());
    object.int("preferredPaymentMethod", of.preferred_payment_method.into());
}

/// A JSON object that is being written, member by member, in the order of the contract. Names are
/// constants of this file and need no escaping.
struct Object {
    out: Vec<u8>,
    first: bool,
}

impl Object {
    fn begin(mut out: Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn name(&mut self, name: &str) {
        let before: &[u8] = if self.first { b"\"" } else { b",\"" };
        self.first = false;
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        write_str(&mut self.out, text);
    }

    fn int(&mut self, name: &str, number: i64) {
        self.name(name);
        write_int(&mut self.out, number);
    }

    fn maybe_text(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.null(name),
        }
    }

    fn maybe_int(&mut self, name: &str, number: Option<u32>) {
        match number {
            Some(number) => self.int(name, number.into()),
            None => self.null(name),
        }
    }

    fn null(&mut self, name: &str) {
        self.name(name);
        self.out.extend_from_slice(b"null");
    }

    fn address(&mut self, name: &str, address: Option<IpAddr>) {
        self.name(name);
        self.out.push(b'"');
        if let Some(address) = address {
            // A Vec accepts every write, and no address needs escaping.
            let _ = write!(self.out, "{address}");
        }
        self.out.push(b'"');
    }

    /// From here on members belong to an object inside, until [`Object::leave`].
    fn inner(&mut self, name: &str) {
        self.name(name);
        self.out.push(b'{');
        self.first = true;
    }

    fn leave(&mut self) {
        self.out.push(b'}');
        self.first = false;
    }

    fn end(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

/// Reads a body, which is JSON if there is one. A type does not matter if there is nothing to read.
pub(super) async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, Problem> {
    let declared = media_type(request.headers());
    let body = body::read(payload, BODY_BYTES_MAX).await?;
    let usable = match declared {
        MediaType::Absent => true,
        MediaType::Named(name) => name == "application/json",
        MediaType::Unusable => false,
    };
    if usable || body.is_empty() {
        Ok(body)
    } else {
        Err(Problem::UnsupportedMediaType)
    }
}

/// The properties of a body that was read, and what is wrong with them: all faults are told at once.
pub(super) struct Fields<'a> {
    members: Members<'a>,
    faults: Vec<(String, &'static str)>,
}

impl<'a> Fields<'a> {
    /// Reads a body that may have the properties in `known`; no body at all has none.
    pub(super) fn of(body: &'a [u8], known: &[&str]) -> Result<Self, Problem> {
        let body: &[u8] = if body.is_empty() { b"{}" } else { body };
        let members = json::object(body)?;
        let unknown = members.iter().filter(|(name, _)| !known.contains(name));
        let faults = unknown
            .take(FAULTS_MAX)
            .map(|(name, _)| (property(name), "this property is not known"))
            .collect();
        Ok(Self { members, faults })
    }

    /// A string that must be there.
    pub(super) fn string(&mut self, name: &'static str) -> String {
        let fault = match self.members.string(name) {
            Ok(Some(text)) => return text.into_owned(),
            Ok(None) => "this property is required",
            Err(_) => "this property must be a string",
        };
        self.faults.push((name.to_owned(), fault));
        String::new()
    }

    /// A flag, 0 or 1, that may be there.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        let number = match self.members.get(name) {
            None => return false,
            Some(Value::Json(value)) => value.integer(),
            Some(Value::Text(_)) => None,
        };
        match number {
            Some(0) => false,
            Some(1) => true,
            _ => {
                let fault = "this property must be 0 or 1";
                self.faults.push((name.to_owned(), fault));
                false
            }
        }
    }

    /// Whether everything fits.
    pub(super) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::Invalid(self.faults))
        }
    }
}

fn property(name: &str) -> String {
    name.chars().take(PROPERTY_CHARS_MAX).collect()
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        let (name, fault) = match error {
            BodyError::Repeated(name) => (property(&name), "this property may be sent only once"),
            BodyError::TooDeep => (String::new(), "the body is nested too deeply"),
            BodyError::NotObject => (String::new(), "the body is not a JSON object"),
            BodyError::NotJson | BodyError::NotForm => (String::new(), "the body is not JSON"),
        };
        Self::Invalid(vec![(name, fault)])
    }
}
