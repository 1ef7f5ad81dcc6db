//! The JSON of this contract, spelled as it spells it. Times are engine time in milliseconds.
//! Source: C-32 to C-37.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::engine::clients::{ClientSession, SessionStatus};
use crate::session::account::Account;
use crate::session::client::SignIn;
use crate::session::id::{AccountId, ClientId, SessionId, SignInId};
use crate::session::state::Factors;
use crate::session::time::Timestamp;

/// What every answer but a token is wrapped in.
#[derive(Serialize)]
pub(super) struct Envelope<R, C> {
    pub(super) response: R,
    pub(super) client: C,
}

#[derive(Serialize)]
pub(super) struct Token<'a> {
    object: &'static str,
    jwt: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn new(jwt: &'a str) -> Self {
        Self {
            object: "token",
            jwt,
        }
    }
}

#[derive(Serialize)]
pub(super) struct SessionJson<'a> {
    id: SessionId,
    object: &'static str,
    status: &'static str,
    expire_at: Timestamp,
    abandon_at: Timestamp,
    last_active_at: Timestamp,
    last_active_token: Option<Token<'a>>,
    actor: Option<()>,
    tasks: Option<()>,
    last_active_organization_id: Option<()>,
    user: UserJson<'a>,
    public_user_data: PublicUserData<'a>,
    factor_verification_age: [i64; 2],
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl<'a> SessionJson<'a> {
    /// A session of `account` as it stands at `now`, with its youngest token if there is one to show.
    pub(super) fn new(
        session: &ClientSession,
        account: &'a Account,
        status: &'static str,
        token: Option<&'a str>,
        now: Timestamp,
    ) -> Self {
        let profile = &account.profile;
        Self {
            id: session.id,
            object: "session",
            status,
            expire_at: session.absolute,
            abandon_at: session.abandoned(),
            last_active_at: session.last_active,
            last_active_token: token.map(Token::new),
            actor: None,
            tasks: None,
            last_active_organization_id: None,
            user: UserJson::new(session.account, account),
            public_user_data: PublicUserData {
                first_name: text(&profile.first_name),
                last_name: text(&profile.last_name),
                image_url: &profile.image_url,
                has_image: !profile.image_url.is_empty(),
                identifier: account.username.as_str(),
                user_id: user_id(session.account),
                username: account.username.as_str(),
            },
            factor_verification_age: factor_ages(session, now),
            created_at: session.created,
            updated_at: session.ended.unwrap_or(session.last_active),
        }
    }
}

/// The name of a status.
pub(super) fn status(status: SessionStatus) -> &'static str {
    match status {
        SessionStatus::Active => "active",
        SessionStatus::Ended => "ended",
        SessionStatus::Expired => "expired",
    }
}

/// Minutes since the first and the second factor were proven; −1 for never.
pub(super) fn factor_ages(session: &ClientSession, now: Timestamp) -> [i64; 2] {
    let minutes = i64::try_from(now.since_ms(session.created) / 60_000).unwrap_or(i64::MAX);
    let proven = |factor| {
        if session.factors.has(factor) {
            minutes
        } else {
            -1
        }
    };
    let first = proven(Factors::PASSWORD).max(proven(Factors::VOUCHED));
    [first, proven(Factors::TOTP)]
}

/// The text form of a user's id: the number that other surfaces show, with its prefix.
pub(super) fn user_id(account: AccountId) -> String {
    format!("user_{}", account.user_id())
}

fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[derive(Serialize)]
struct PublicUserData<'a> {
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    image_url: &'a str,
    has_image: bool,
    identifier: &'a str,
    user_id: String,
    username: &'a str,
}

/// A user. The lists of what is not kept here are empty.
#[derive(Serialize)]
pub(super) struct UserJson<'a> {
    id: String,
    object: &'static str,
    username: &'a str,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    image_url: &'a str,
    has_image: bool,
    primary_email_address_id: Option<String>,
    primary_phone_number_id: Option<String>,
    primary_web3_wallet_id: Option<()>,
    password_enabled: bool,
    two_factor_enabled: bool,
    totp_enabled: bool,
    backup_code_enabled: bool,
    email_addresses: Vec<EmailAddress<'a>>,
    phone_numbers: Vec<PhoneNumber<'a>>,
    web3_wallets: [(); 0],
    passkeys: [(); 0],
    external_accounts: [(); 0],
    saml_accounts: [(); 0],
    organization_memberships: [(); 0],
    public_metadata: Option<&'a RawValue>,
    unsafe_metadata: Option<&'a RawValue>,
    external_id: Option<&'a str>,
    last_sign_in_at: Option<()>,
    banned: bool,
    locked: bool,
    lockout_expires_in_seconds: Option<()>,
    verification_attempts_remaining: Option<()>,
    created_at: Timestamp,
    updated_at: Timestamp,
    delete_self_enabled: bool,
    create_organization_enabled: bool,
    last_active_at: Option<()>,
    mfa_enabled_at: Option<()>,
    mfa_disabled_at: Option<()>,
    legal_accepted_at: Option<()>,
}

#[derive(Serialize)]
struct EmailAddress<'a> {
    id: String,
    object: &'static str,
    email_address: &'a str,
    reserved: bool,
    verification: Option<Verification>,
    linked_to: [(); 0],
    matches_sso_connection: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct PhoneNumber<'a> {
    id: String,
    object: &'static str,
    phone_number: &'a str,
    reserved_for_second_factor: bool,
    default_second_factor: bool,
    reserved: bool,
    verification: Option<Verification>,
    linked_to: [(); 0],
    backup_codes: Option<()>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct Verification {
    status: &'static str,
    strategy: &'static str,
    attempts: Option<()>,
    expire_at: Option<()>,
}

impl<'a> UserJson<'a> {
    /// The user of an account.
    pub(super) fn new(id: AccountId, account: &'a Account) -> Self {
        let profile = &account.profile;
        let number = id.user_id();
        let (created_at, updated_at) = (account.created, account.updated);
        let email = text(&profile.email).map(|email_address| EmailAddress {
            id: format!("idn_email_{number}"),
            object: "email_address",
            email_address,
            reserved: false,
            verification: profile.email_verified.then_some(verified("admin")),
            linked_to: [],
            matches_sso_connection: false,
            created_at,
            updated_at,
        });
        let phone = text(&profile.phone).map(|phone_number| PhoneNumber {
            id: format!("idn_phone_{number}"),
            object: "phone_number",
            phone_number,
            reserved_for_second_factor: false,
            default_second_factor: false,
            reserved: false,
            verification: None,
            linked_to: [],
            backup_codes: None,
            created_at,
            updated_at,
        });
        Self {
            id: user_id(id),
            object: "user",
            username: account.username.as_str(),
            first_name: text(&profile.first_name),
            last_name: text(&profile.last_name),
            image_url: &profile.image_url,
            has_image: !profile.image_url.is_empty(),
            primary_email_address_id: email.as_ref().map(|email| email.id.clone()),
            primary_phone_number_id: phone.as_ref().map(|phone| phone.id.clone()),
            primary_web3_wallet_id: None,
            password_enabled: account.password.is_some(),
            two_factor_enabled: account.totp.is_some(),
            totp_enabled: account.totp.is_some(),
            backup_code_enabled: false,
            email_addresses: email.into_iter().collect(),
            phone_numbers: phone.into_iter().collect(),
            web3_wallets: [],
            passkeys: [],
            external_accounts: [],
            saml_accounts: [],
            organization_memberships: [],
            public_metadata: raw(&profile.public_metadata),
            unsafe_metadata: raw(&profile.unsafe_metadata),
            external_id: account.external_subject.as_deref(),
            last_sign_in_at: None,
            banned: !account.enabled,
            locked: account.locked,
            lockout_expires_in_seconds: None,
            verification_attempts_remaining: None,
            created_at,
            updated_at,
            delete_self_enabled: false,
            create_organization_enabled: false,
            last_active_at: None,
            mfa_enabled_at: None,
            mfa_disabled_at: None,
            legal_accepted_at: None,
        }
    }
}

/// Metadata was checked when it came in, so it is there to be read.
fn raw(json: &str) -> Option<&RawValue> {
    serde_json::from_str(json).ok()
}

fn verified(strategy: &'static str) -> Verification {
    Verification {
        status: "verified",
        strategy,
        attempts: None,
        expire_at: None,
    }
}

#[derive(Serialize)]
pub(super) struct ClientJson<'a> {
    object: &'static str,
    pub(super) id: ClientId,
    pub(super) sessions: Vec<Box<RawValue>>,
    pub(super) sign_in: Option<SignInJson<'a>>,
    sign_up: Option<()>,
    pub(super) last_active_session_id: Option<SessionId>,
    last_authentication_strategy: Option<()>,
    cookie_expires_at: Option<()>,
    captcha_bypass: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl ClientJson<'_> {
    /// A client without sessions and logins.
    pub(super) fn new(id: ClientId, created_at: Timestamp, updated_at: Timestamp) -> Self {
        Self {
            object: "client",
            id,
            sessions: Vec::new(),
            sign_in: None,
            sign_up: None,
            last_active_session_id: None,
            last_authentication_strategy: None,
            cookie_expires_at: None,
            captcha_bypass: false,
            created_at,
            updated_at,
        }
    }
}

#[derive(Serialize)]
pub(super) struct SignInJson<'a> {
    object: &'static str,
    id: String,
    status: &'static str,
    supported_identifiers: [&'static str; 1],
    supported_first_factors: Option<[Factor; 1]>,
    supported_second_factors: Option<[Factor; 1]>,
    first_factor_verification: Option<Verification>,
    second_factor_verification: Option<Verification>,
    identifier: &'a str,
    user_data: Option<()>,
    created_session_id: Option<SessionId>,
    abandon_at: Timestamp,
}

#[derive(Serialize)]
struct Factor {
    strategy: &'static str,
}

impl<'a> SignInJson<'a> {
    fn base(id: String, status: &'static str, identifier: &'a str, abandon_at: Timestamp) -> Self {
        Self {
            object: "sign_in_attempt",
            id,
            status,
            supported_identifiers: ["username"],
            supported_first_factors: None,
            supported_second_factors: None,
            first_factor_verification: None,
            second_factor_verification: None,
            identifier,
            user_data: None,
            created_session_id: None,
            abandon_at,
        }
    }

    /// A login that waits for the password. It is the same whoever is meant (R19).
    pub(super) fn waiting(id: String, identifier: &'a str, abandon_at: Timestamp) -> Self {
        Self {
            supported_first_factors: Some([Factor {
                strategy: "password",
            }]),
            ..Self::base(id, "needs_first_factor", identifier, abandon_at)
        }
    }

    /// A login that waits for the second factor.
    pub(super) fn pending(pending: &SignIn, identifier: &'a str) -> Self {
        Self {
            supported_second_factors: Some([Factor { strategy: "totp" }]),
            first_factor_verification: Some(verified("password")),
            ..Self::base(
                pending.id.to_string(),
                "needs_second_factor",
                identifier,
                pending.expires,
            )
        }
    }

    /// A login that is complete.
    pub(super) fn complete(
        id: SignInId,
        identifier: &'a str,
        session: SessionId,
        factors: Factors,
        abandon_at: Timestamp,
    ) -> Self {
        Self {
            first_factor_verification: Some(verified("password")),
            second_factor_verification: factors.has(Factors::TOTP).then_some(verified("totp")),
            created_session_id: Some(session),
            ..Self::base(id.to_string(), "complete", identifier, abandon_at)
        }
    }
}
