//! The fast path: requests that are answered at the gate, and never reach the framework.
//!
//! A verification costs less than the framework's way to it. So a request that is there as a whole and says nothing
//! unusual is shown to whoever answers on the spot ([`FastPath`]), and the answer goes out from here. Everything else is
//! the framework's, as it came: what is in doubt, what is not all there yet, what nobody answers on the spot.
//!
//! Heads are parsed by the parser that the framework uses, and only behind the same look at its lines as every other one,
//! so that no request is framed here in a way that it would not be framed there. It must never know a path.
//!
//! Invariants: answers are in the order of the requests; nothing is answered here while the framework has something
//! under way, and nothing is read while an answer waits for its client; requests are read and answers rendered into one
//! buffer per worker, and a connection keeps no more than what its client did not take of it.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::Context;

use actix_web::http::Method;
use httparse::{Header, Status};

use super::connection::Peer;
use super::heads::{Head, Scanned};
use super::outgoing::Outgoing;
use super::transport::Transport;

/// The most header fields of a request that is answered here.
const FIELDS_MAX: usize = 32;
/// So much is read at a time before a connection is the framework's.
const READ_BYTES: usize = 16 << 10;
/// Once so much is rendered it goes out before the next request is looked at.
const ANSWERS_BYTES: usize = 16 << 10;

/// A request that is there as a whole, and HTTP/1.1.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// GET, HEAD or POST.
    pub method: &'a Method,
    /// The target as it was sent; it begins with a slash.
    pub target: &'a str,
    /// The header fields, as they were sent, in their order.
    pub fields: &'a [Header<'a>],
    /// The body; empty if there is none.
    pub body: &'a [u8],
    /// Who asks.
    pub peer: Peer,
}

impl Request<'_> {
    /// From where, if it came over a network.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.peer {
            Peer::Address(address) => Some(address),
            Peer::Owner | Peer::Stranger => None,
        }
    }
}

/// What every answer has that does not depend on the request's target.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The value of `Date`.
    pub date: &'a [u8],
    /// The connection ends with this answer, which has to say so.
    pub closes: bool,
    /// No body is sent, whatever length is told.
    pub without_body: bool,
}

/// Whoever answers requests on the spot.
pub trait FastPath {
    /// Appends a whole answer to `out`; `false`, with `out` as it was, leaves the request to the framework. Nothing may
    /// have been changed then but what reading changes.
    fn answer(&self, request: &Request<'_>, frame: Frame<'_>, out: &mut Vec<u8>) -> bool;
}

/// The fast path of one worker.
pub(super) struct Fast {
    path: Box<dyn FastPath>,
    scratch: RefCell<Vec<u8>>,
    room: RefCell<Vec<u8>>,
}

impl fmt::Debug for Fast {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Fast")
    }
}

/// What became of the requests at the head of what was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// Bytes of the requests that were answered.
    pub(super) bytes: usize,
    /// The last of them wanted to be the last of its connection.
    pub(super) last: bool,
}

impl Fast {
    pub(super) fn new(path: Box<dyn FastPath>) -> Self {
        Self {
            path,
            scratch: RefCell::default(),
            room: RefCell::new(vec![0; READ_BYTES]),
        }
    }

    /// Room to read into.
    pub(super) fn room(&self) -> RefMut<'_, Vec<u8>> {
        self.room.borrow_mut()
    }

    /// Answers what stands at the head of `bytes`, one request after the other, for as long as it is known how. The
    /// answers are put behind what is in `outgoing`, or given to the transport.
    pub(super) fn answer(
        &self,
        bytes: &[u8],
        peer: Peer,
        date: &[u8],
        transport: Pin<&mut Transport>,
        context: &mut Context<'_>,
        outgoing: &mut Outgoing,
    ) -> io::Result<Answered> {
        let mut scratch = self.scratch.borrow_mut();
        scratch.clear();
        let mut answered = Answered::default();
        while !answered.last && scratch.len() < ANSWERS_BYTES {
            let rest = bytes.get(answered.bytes..).unwrap_or_default();
            let one = parse(rest, peer, |request, closes| {
                let frame = Frame {
                    date,
                    closes,
                    without_body: *request.method == Method::HEAD,
                };
                self.path.answer(request, frame, &mut scratch)
            });
            let Some(one) = one else { break };
            answered.bytes += one.bytes;
            answered.last = one.last;
        }
        outgoing.send(&scratch, transport, context)?;
        Ok(answered)
    }
}

/// Shows the request at the head of `bytes` to `answer`, if it is whole and there is nothing unusual about it, with
/// whether its connection is to end. What was answered.
fn parse(
    bytes: &[u8],
    peer: Peer,
    answer: impl FnOnce(&Request<'_>, bool) -> bool,
) -> Option<Answered> {
    let Scanned::End(length) = Head::default().scan(bytes) else {
        return None;
    };
    let (head, rest) = bytes.split_at_checked(length)?;
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    let whole = parsed.parse_with_uninit_headers(head, &mut fields);
    if !matches!(whole, Ok(Status::Complete(all)) if all == length) {
        return None;
    }
    let (Some(method), Some(target), Some(1)) = (parsed.method, parsed.path, parsed.version) else {
        return None;
    };
    let method = match method {
        "GET" => &Method::GET,
        "HEAD" => &Method::HEAD,
        "POST" => &Method::POST,
        _ => return None,
    };
    let framing = Framing::of(parsed.headers)?;
    let body = rest.get(..framing.length.unwrap_or(0))?;
    if !target.starts_with('/') || (framing.length.is_some() && *method != Method::POST) {
        return None;
    }
    let request = Request {
        method,
        target,
        fields: parsed.headers,
        body,
        peer,
    };
    answer(&request, framing.closes).then_some(Answered {
        bytes: length + body.len(),
        last: framing.closes,
    })
}

/// What the header fields say about what follows. Source: RFC 9112 §3.2, §6.3 and §9.3.
struct Framing {
    length: Option<usize>,
    closes: bool,
}

impl Framing {
    /// `None` if it is anything but usual.
    fn of(fields: &[Header<'_>]) -> Option<Self> {
        let mut framing = Self {
            length: None,
            closes: false,
        };
        let (mut hosts, mut said) = (0, false);
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            // By length first: most names are none of these.
            match field.name.len() {
                4 if is("host") => hosts += 1,
                6 if is("expect") => return None,
                7 if is("upgrade") => return None,
                10 if is("connection") => {
                    if std::mem::replace(&mut said, true) {
                        return None;
                    }
                    framing.closes = match field.value {
                        value if value.eq_ignore_ascii_case(b"keep-alive") => false,
                        value if value.eq_ignore_ascii_case(b"close") => true,
                        _ => return None,
                    };
                }
                14 if is("content-length") => {
                    let digits = std::str::from_utf8(field.value).ok()?;
                    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                    if !is_number || framing.length.is_some() {
                        return None;
                    }
                    framing.length = Some(digits.parse().ok()?);
                }
                17 if is("transfer-encoding") => return None,
                _ => {}
            }
        }
        (hosts == 1).then_some(framing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body that is shown with the request at the head of `text`, and what becomes of it; `None` if it is the
    /// framework's.
    fn shown(text: &str) -> Option<(String, Answered)> {
        let mut body = None;
        let answered = parse(text.as_bytes(), Peer::Owner, |request, _| {
            body = Some(String::from_utf8_lossy(request.body).into_owned());
            true
        });
        body.zip(answered)
    }

    #[test]
    fn what_is_whole_and_usual_is_shown_and_ends_where_it_ends() {
        for (head, body, last) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "", false),
            (
                "HEAD /x HTTP/1.1\r\nhost: a\r\nsession: b\r\n\r\n",
                "",
                false,
            ),
            (
                "GET / HTTP/1.1\r\nhost: a\r\nConnection: Keep-Alive\r\n\r\n",
                "",
                false,
            ),
            (
                "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
                "",
                true,
            ),
            ("POST / HTTP/1.1\r\nhost: a\r\n\r\n", "", false),
            (
                "POST / HTTP/1.1\r\nhost: a\r\nContent-Length: 3\r\n\r\n",
                "abc",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
                "",
                false,
            ),
        ] {
            let all = format!("{head}{body}GET / HTTP/1.1\r\nhost: a\r\n\r\n");
            let bytes = head.len() + body.len();
            let found = Some((body.to_owned(), Answered { bytes, last }));
            assert_eq!(shown(&all), found, "{all:?}");
        }
    }

    #[test]
    fn what_is_in_doubt_is_the_frameworks() {
        for (first, fields, body) in [
            ("GET / HTTP/1.0", "host: a", ""),
            ("GET http://a/ HTTP/1.1", "host: a", ""),
            ("OPTIONS * HTTP/1.1", "host: a", ""),
            ("PUT / HTTP/1.1", "host: a", ""),
            ("GET  / HTTP/1.1", "host: a", ""),
            ("GET / HTTP/1.1", "x: a", ""),
            ("GET / HTTP/1.1", "host: a\r\nhost: a", ""),
            ("GET / HTTP/1.1", "host: a\r\ncontent-length: 0", ""),
            ("GET / HTTP/1.1", "host: a\r\nexpect: 100-continue", ""),
            ("GET / HTTP/1.1", "host: a\r\nupgrade: x", ""),
            ("GET / HTTP/1.1", "host: a\r\nconnection: upgrade", ""),
            (
                "GET / HTTP/1.1",
                "host: a\r\nconnection: keep-alive, close",
                "",
            ),
            (
                "GET / HTTP/1.1",
                "host: a\r\nconnection: close\r\nconnection: close",
                "",
            ),
            ("GET / HTTP/1.1", "host: a\r\nx : y", ""),
            ("GET / HTTP/1.1", "host: a\r\nx: y\r\n z", ""),
            ("POST / HTTP/1.1", "host: a\r\ncontent-length: 3", "ab"),
            ("POST / HTTP/1.1", "host: a\r\ncontent-length: +2", "ab"),
            ("POST / HTTP/1.1", "host: a\r\ncontent-length: 2, 2", "ab"),
            ("POST / HTTP/1.1", "host: a\r\ncontent-length: ", ""),
            (
                "POST / HTTP/1.1",
                "host: a\r\ncontent-length: 2\r\ncontent-length: 2",
                "ab",
            ),
            (
                "POST / HTTP/1.1",
                "host: a\r\ncontent-length: 99999999999999999999",
                "ab",
            ),
            (
                "POST / HTTP/1.1",
                "host: a\r\ntransfer-encoding: chunked",
                "0\r\n\r\n",
            ),
            (
                "POST / HTTP/1.1",
                "host: a\r\ntransfer-encoding: identity",
                "",
            ),
        ] {
            let text = format!("{first}\r\n{fields}\r\n\r\n{body}");
            assert_eq!(shown(&text), None, "{text:?}");
        }
        let whole = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(shown(whole.get(..end).unwrap_or_default()), None, "{end}");
        }
        assert_eq!(shown("GET / HTTP/1.1\nhost: a\r\n\r\n"), None);
        let many = "x: y\r\n".repeat(FIELDS_MAX);
        assert_eq!(
            shown(&format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")),
            None
        );
    }

    #[test]
    fn what_nobody_answers_is_left() {
        let text = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        assert_eq!(parse(text, Peer::Owner, |_, _| false), None);
    }
}
