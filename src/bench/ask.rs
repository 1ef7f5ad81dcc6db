//! What is asked, byte for byte and in advance, and what the answer must be.
//!
//! Every answer is judged: by its status, and by whether it speaks of the session that was asked for.

use std::ops::Range;

use super::reply::{Reply, text_after};

/// Requests that are rendered already, drawn one after the other and over again.
#[derive(Default)]
pub(super) struct Book {
    bytes: Vec<u8>,
    asks: Vec<Ask>,
}

#[derive(Clone, Debug)]
struct Ask {
    request: Range<usize>,
    wanted: Wanted,
}

/// What an answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// 200, and this public id in `X-Sessile-Session`.
    Session(Range<usize>),
    /// 200, and a body that begins so.
    Begins(Range<usize>),
    /// 200, and exactly this body.
    Is(Range<usize>),
    /// This status, whatever the body.
    Status(u16),
    /// 200, and a new secret in it.
    Opened(Opening),
    /// What may come of a login.
    Login,
}

/// How a new secret is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// xData's `session.open_session`.
    Xdata,
    /// Trusted issue, one session.
    Issued,
}

/// A session that was opened while the load ran, for a later request to end it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Opened {
    /// Its public id, where it is told.
    pub(super) id: Vec<u8>,
    pub(super) secret: Vec<u8>,
}

/// What an answer came to.
#[derive(PartialEq, Eq)]
pub(super) enum Verdict {
    /// One of the outcomes that the operation has, by number; the first is the one that was wanted.
    Outcome(u8),
    /// The same, and a session was opened.
    Opened(Opened),
    /// Wrong.
    Failed(Failure),
}

/// What went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Failure {
    /// The answer has this status, which nobody wanted.
    Status(u16),
    /// The answer says that the session is not live.
    Dead,
    /// The answer speaks of another session, or does not say what it must.
    Identity,
    /// A refusal for now that does not say for how long.
    WithoutRetryAfter(u16),
    /// What came is no answer.
    Malformed,
    /// The connection ended before the answer did.
    Cut,
    /// There was no answer in time.
    Timeout,
}

impl Failure {
    /// The name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Dead => "dead",
            Self::Identity => "identity",
            Self::WithoutRetryAfter(_) => "without_retry_after",
            Self::Malformed => "malformed",
            Self::Cut => "cut",
            Self::Timeout => "timeout",
        }
    }

    /// The status that came with it.
    pub(super) fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) | Self::WithoutRetryAfter(status) => Some(status),
            Self::Dead | Self::Identity | Self::Malformed | Self::Cut | Self::Timeout => None,
        }
    }
}

/// What may come of a login, in the order of [`Verdict::Outcome`].
pub(super) const LOGIN_OUTCOMES: [&str; 4] = ["opened", "wrong_password", "throttled", "refused"];

impl Book {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.asks.len()
    }

    /// The request of this number.
    pub(super) fn request(&self, number: usize) -> &[u8] {
        self.asks
            .get(number)
            .map_or(b"", |ask| self.piece(&ask.request))
    }

    /// Adds a request that is answered 200 with this public id in `X-Sessile-Session`.
    pub(super) fn wants_session(&mut self, request: &[u8], id: &str) {
        let id = self.keep(id.as_bytes());
        self.add(request, Wanted::Session(id));
    }

    /// Adds one that is answered 200 with a body that begins so.
    pub(super) fn wants_beginning(&mut self, request: &[u8], beginning: &[u8]) {
        let beginning = self.keep(beginning);
        self.add(request, Wanted::Begins(beginning));
    }

    /// Adds one that is answered 200 with exactly this body.
    pub(super) fn wants_body(&mut self, request: &[u8], body: &[u8]) {
        let body = self.keep(body);
        self.add(request, Wanted::Is(body));
    }

    /// Adds one that is answered with this status.
    pub(super) fn wants_status(&mut self, request: &[u8], status: u16) {
        self.add(request, Wanted::Status(status));
    }

    /// Adds one that is answered with a new session.
    pub(super) fn wants_opening(&mut self, request: &[u8], how: Opening) {
        self.add(request, Wanted::Opened(how));
    }

    /// Adds a login.
    pub(super) fn wants_login(&mut self, request: &[u8]) {
        self.add(request, Wanted::Login);
    }

    fn add(&mut self, request: &[u8], wanted: Wanted) {
        let request = self.keep(request);
        self.asks.push(Ask { request, wanted });
    }

    fn keep(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }

    fn piece(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Judges the answer to the request of this number.
    pub(super) fn judge(&self, number: usize, reply: &Reply<'_>) -> Verdict {
        let Some(ask) = self.asks.get(number) else {
            return Verdict::Failed(Failure::Malformed);
        };
        let status = match ask.wanted {
            Wanted::Status(status) => status,
            _ => 200,
        };
        if ask.wanted == Wanted::Login {
            return login(reply);
        }
        if reply.status != status {
            return Verdict::Failed(Failure::Status(reply.status));
        }
        let right = match &ask.wanted {
            Wanted::Session(id) => reply.session == Some(self.piece(id)),
            Wanted::Begins(beginning) => reply.body.starts_with(self.piece(beginning)),
            Wanted::Is(body) => reply.body == self.piece(body),
            Wanted::Status(_) | Wanted::Login => true,
            Wanted::Opened(how) => match opened(*how, reply.body) {
                Some(opened) => return Verdict::Opened(opened),
                None => false,
            },
        };
        if right {
            Verdict::Outcome(0)
        } else if memchr::memmem::find(reply.body, br#""active":false"#).is_some() {
            Verdict::Failed(Failure::Dead)
        } else {
            Verdict::Failed(Failure::Identity)
        }
    }
}

fn login(reply: &Reply<'_>) -> Verdict {
    match reply.status {
        200 if text_after(reply.body, br#""data":""#).is_some_and(|s| !s.is_empty()) => {
            Verdict::Outcome(0)
        }
        200 => Verdict::Failed(Failure::Identity),
        401 => Verdict::Outcome(1),
        429 if reply.retry_after => Verdict::Outcome(2),
        503 if reply.retry_after => Verdict::Outcome(3),
        429 | 503 => Verdict::Failed(Failure::WithoutRetryAfter(reply.status)),
        other => Verdict::Failed(Failure::Status(other)),
    }
}

fn opened(how: Opening, body: &[u8]) -> Option<Opened> {
    let (id, secret): (&[u8], _) = match how {
        Opening::Xdata => (b"", text_after(body, br#""access_token":""#)?),
        Opening::Issued => (
            text_after(body, br#""id":""#)?,
            text_after(body, br#""secret":""#)?,
        ),
    };
    (!secret.is_empty()).then(|| Opened {
        id: id.to_vec(),
        secret: secret.to_vec(),
    })
}

/// An answer that is awaited for a request that was rendered on the spot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Awaited {
    pub(super) status: u16,
    /// How its body begins.
    pub(super) beginning: Vec<u8>,
}

impl Awaited {
    pub(super) fn judge(&self, reply: &Reply<'_>) -> Verdict {
        if reply.status != self.status {
            Verdict::Failed(Failure::Status(reply.status))
        } else if reply.body.starts_with(&self.beginning) {
            Verdict::Outcome(0)
        } else {
            Verdict::Failed(Failure::Identity)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &'static [u8]) -> Reply<'static> {
        Reply {
            status,
            session: None,
            retry_after: false,
            closes: false,
            body,
        }
    }

    fn failure(verdict: Verdict) -> Option<Failure> {
        match verdict {
            Verdict::Failed(failure) => Some(failure),
            Verdict::Outcome(_) | Verdict::Opened(_) => None,
        }
    }

    #[test]
    fn another_session_is_told_from_the_one_that_was_asked_for() {
        let mut book = Book::default();
        book.wants_session(b"a", "sess_1");
        book.wants_beginning(b"b", b"{\"userId\":1,");
        book.wants_body(b"c", b"{\"active\":true}");
        let with = |session| Reply {
            session: Some(session),
            ..reply(200, b"")
        };
        assert_eq!(failure(book.judge(0, &with(b"sess_1"))), None);
        let other = failure(book.judge(0, &with(b"sess_2")));
        assert_eq!(other, Some(Failure::Identity));
        assert_eq!(
            failure(book.judge(0, &reply(200, b""))),
            Some(Failure::Identity)
        );
        assert_eq!(
            failure(book.judge(0, &reply(401, b""))),
            Some(Failure::Status(401))
        );
        assert_eq!(
            failure(book.judge(1, &reply(200, b"{\"userId\":1,x"))),
            None
        );
        let other = failure(book.judge(1, &reply(200, b"{\"userId\":12,x")));
        assert_eq!(other, Some(Failure::Identity));
        assert_eq!(
            failure(book.judge(2, &reply(200, b"{\"active\":true}"))),
            None
        );
        let dead = failure(book.judge(2, &reply(200, b"{\"active\":false}")));
        assert_eq!(dead, Some(Failure::Dead));
        assert_eq!((book.request(0), book.request(2)), (&b"a"[..], &b"c"[..]));
    }

    #[test]
    fn what_comes_of_a_login_is_told_apart() {
        let mut book = Book::default();
        book.wants_login(b"x");
        let later = |status| Reply {
            retry_after: true,
            ..reply(status, b"")
        };
        let opened = reply(200, b"{\"status\":\"ok\",\"data\":\"abc\"}");
        for (answer, outcome) in [
            (opened, 0),
            (reply(401, b""), 1),
            (later(429), 2),
            (later(503), 3),
        ] {
            assert!(book.judge(0, &answer) == Verdict::Outcome(outcome));
        }
        for (answer, wanted) in [
            (reply(429, b""), Failure::WithoutRetryAfter(429)),
            (reply(503, b""), Failure::WithoutRetryAfter(503)),
            (reply(200, b"{}"), Failure::Identity),
            (reply(500, b""), Failure::Status(500)),
        ] {
            assert_eq!(failure(book.judge(0, &answer)), Some(wanted));
        }
    }

    #[test]
    fn what_was_opened_is_found() {
        let mut book = Book::default();
        book.wants_opening(b"x", Opening::Xdata);
        book.wants_opening(b"y", Opening::Issued);
        let body = br#"{"result":{"access_token":"t-1","expires_in":60},"id":1,"jsonrpc":"2.0"}"#;
        let Verdict::Opened(opened) = book.judge(0, &reply(200, body)) else {
            panic!("not opened");
        };
        assert_eq!(opened.secret, b"t-1");
        let body = br#"{"sessions":[{"expires_at_ms":1,"id":"sess_1","secret":"s-1"}]}"#;
        let Verdict::Opened(opened) = book.judge(1, &reply(200, body)) else {
            panic!("not opened");
        };
        assert_eq!(
            (&opened.id[..], &opened.secret[..]),
            (&b"sess_1"[..], &b"s-1"[..])
        );
        for number in [0, 1] {
            let nothing = failure(book.judge(number, &reply(200, b"{}")));
            assert_eq!(nothing, Some(Failure::Identity));
        }
    }
}
