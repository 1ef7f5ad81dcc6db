//! Who may administer what. A token is kept as its digest and compared in constant time.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};

use super::error::Problem;
use crate::http::headers::{Single, single};

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Look at everything that is not secret.
    Read,
    /// Open sessions for users whom the caller authenticated himself, and nothing else.
    Issue,
    /// Look, and end sessions.
    Operate,
    /// Everything.
    Own,
}

impl Role {
    /// The role with this name in configuration.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "read" => Some(Self::Read),
            "issue" => Some(Self::Issue),
            "operate" => Some(Self::Operate),
            "own" => Some(Self::Own),
            _ => None,
        }
    }

    fn allows(self, asked: Self) -> bool {
        self == asked || self == Self::Own || (self == Self::Operate && asked == Self::Read)
    }
}

/// The admin tokens of a node.
#[derive(Clone, Debug, Default)]
pub struct AdminTokens(Arc<[(blake3::Hash, Role)]>);

impl AdminTokens {
    /// Keeps the digests of these tokens.
    #[must_use]
    pub fn new<'a>(tokens: impl IntoIterator<Item = (&'a str, Role)>) -> Self {
        Self(
            tokens
                .into_iter()
                .map(|(token, role)| (blake3::hash(token.as_bytes()), role))
                .collect(),
        )
    }

    fn role_of(&self, presented: &[u8]) -> Option<Role> {
        let digest = blake3::hash(presented);
        self.0
            .iter()
            .find(|(known, _)| *known == digest)
            .map(|(_, role)| *role)
    }
}

/// A caller whose token is known.
pub(super) struct Caller(Role);

impl Caller {
    /// Checks that the caller may do what needs this role.
    pub(super) fn may(&self, asked: Role) -> Result<(), Problem> {
        if self.0.allows(asked) {
            Ok(())
        } else {
            Err(Problem::Forbidden)
        }
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tokens = request.app_data::<web::Data<AdminTokens>>();
        let presented = match single(request.headers(), &AUTHORIZATION) {
            Single::One(value) => value.strip_prefix(b"Bearer "),
            Single::Absent | Single::Repeated => None,
        };
        let role = tokens
            .zip(presented)
            .and_then(|(tokens, presented)| tokens.role_of(presented));
        ready(role.map(Caller).ok_or(Problem::Unauthorized))
    }
}
