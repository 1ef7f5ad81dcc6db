//! Who may administer what. A token is kept as its digest and compared in constant time; refusals are told to the
//! audit stream.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use compact_str::CompactString;

use super::error::Problem;
use crate::audit::note::Note;
use crate::door::Engine;
use crate::edge::connection::{Connection, Peer};
use crate::http::headers::{Single, single};
use crate::http::origin;
use crate::http::surroundings::Surroundings;
use crate::session::origin::{Actor, Operator, Origin, kept};

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
        let all = [Self::Read, Self::Issue, Self::Operate, Self::Own];
        all.into_iter().find(|role| role.name() == name)
    }

    /// The name of the role in configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Issue => "issue",
            Self::Operate => "operate",
            Self::Own => "own",
        }
    }

    fn allows(self, asked: Self) -> bool {
        self == asked || self == Self::Own || (self == Self::Operate && asked == Self::Read)
    }
}

/// A token as it is kept.
#[derive(Debug)]
struct Known {
    digest: blake3::Hash,
    role: Role,
    name: CompactString,
}

/// The admin tokens of a node.
#[derive(Clone, Debug, Default)]
pub struct AdminTokens(Arc<[Known]>);

impl AdminTokens {
    /// Keeps the digests of these tokens. Of each: what the operator calls it, the token, its role.
    #[must_use]
    pub fn new<'a>(tokens: impl IntoIterator<Item = (&'a str, &'a str, Role)>) -> Self {
        let known = tokens.into_iter().map(|(name, token, role)| Known {
            digest: blake3::hash(token.as_bytes()),
            role,
            name: kept(name),
        });
        Self(known.collect())
    }

    fn find(&self, presented: &[u8]) -> Option<&Known> {
        let digest = blake3::hash(presented);
        self.0.iter().find(|known| known.digest == digest)
    }
}

type Tell = dyn Fn(&Origin, Note) + Send + Sync;

/// Whom refusals are told to: the door of the engine.
pub struct Refusals(Box<Tell>);

impl Refusals {
    /// Has the audit stream of this engine told of them.
    pub fn told_to<E: Engine + Sync>(engine: E) -> Self {
        Self(Box::new(move |origin, note| engine.note(origin, note)))
    }
}

/// Tells of a call that was refused: without a known token, or beyond its role.
fn refused(origin: &Origin, request: &HttpRequest, known: bool) {
    if let Some(refusals) = request.app_data::<web::Data<Refusals>>() {
        let note = Note::AdminRefused {
            method: kept(request.method().as_str()),
            route: request.match_pattern().map(Into::into),
            known,
        };
        (refusals.0)(origin, note);
    }
}

/// A caller whose token is known.
pub(super) struct Caller {
    role: Role,
    /// Where the call comes from.
    pub(super) origin: Origin,
    request: HttpRequest,
}

impl Caller {
    /// Checks that the caller may do what needs this role.
    pub(super) fn may(&self, asked: Role) -> Result<(), Problem> {
        if self.role.allows(asked) {
            Ok(())
        } else {
            refused(&self.origin, &self.request, true);
            Err(Problem::Forbidden)
        }
    }
}

/// What the owner is called who comes without a token, by the socket of this machine.
const SOCKET: &str = "socket";

/// Whether a request comes from a process of the user who runs this one.
fn is_owner(request: &HttpRequest) -> bool {
    let connection = request.conn_data::<Rc<Connection>>();
    connection.is_some_and(|connection| connection.peer() == Peer::Owner)
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let tokens = request.app_data::<web::Data<AdminTokens>>();
        let known = match single(request.headers(), &AUTHORIZATION) {
            Single::One(value) => tokens
                .zip(value.strip_prefix(b"Bearer "))
                .and_then(|(tokens, presented)| tokens.find(presented))
                .map(|known| (known.role, known.name.clone())),
            // Whoever runs the process may do with it what he likes.
            Single::Absent if is_owner(request) => Some((Role::Own, SOCKET.into())),
            Single::Absent | Single::Repeated => None,
        };
        let surroundings = request.app_data::<web::Data<Surroundings>>();
        let caller = known.zip(surroundings).map(|((role, name), surroundings)| {
            let operator = Actor::Operator(Operator {
                role: role.name(),
                token: name,
            });
            Self {
                role,
                origin: origin::at_admin(operator, request, surroundings),
                request: request.clone(),
            }
        });
        if let (None, Some(surroundings)) = (&caller, surroundings) {
            let origin = origin::at_admin(Actor::Unknown, request, surroundings);
            refused(&origin, request, false);
        }
        ready(caller.ok_or(Problem::Unauthorized))
    }
}
