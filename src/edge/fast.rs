//! The fast path: requests that are answered at the gate, and never reach the framework.
//!
//! A verification costs less than the framework's way to it. So a request that is there as a whole and says nothing
//! unusual is shown to whoever answers on the spot ([`FastPath`]), together with those of other connections, and the answer
//! goes out from here. Everything else is the framework's, as it came: what is in doubt, what is not all there yet, what
//! nobody answers on the spot.
//!
//! It must never know a path.
//!
//! Invariants: answers are in the order of the requests; of one connection no request is shown before the one before it is
//! answered.

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::mem::MaybeUninit;
use std::net::IpAddr;

use actix_web::http::Method;
use arrayvec::ArrayVec;
use httparse::Header;

use super::connection::Peer;
use super::date::Date;
use super::usual::{End, FIELDS_MAX, parse};

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

/// A request that may be answered on the spot.
pub struct Asked<'a> {
    /// It.
    pub request: Request<'a>,
    /// What its answer has, whatever it is.
    pub frame: Frame<'a>,
    /// To this the whole answer is appended.
    pub out: &'a mut Vec<u8>,
    /// Whether it was. If not, `out` is as it was, and the request is left to the framework.
    pub answered: bool,
}

/// Whoever answers requests on the spot.
pub trait FastPath {
    /// Answers of these requests, at most [`TOGETHER_MAX`] and each of another connection, those that it can. By one that it
    /// does not answer nothing may have been changed but what reading changes.
    fn answer(&self, asked: &mut [Asked<'_>]);
}

/// The most requests that are answered together.
pub const TOGETHER_MAX: usize = 8;

/// The fast path of one worker.
pub(super) struct Fast {
    path: Box<dyn FastPath>,
    scratch: RefCell<Vec<u8>>,
}

impl fmt::Debug for Fast {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Fast")
    }
}

/// What was read of one connection, and what is answered to it.
pub(super) struct Heard<'a> {
    bytes: &'a [u8],
    peer: Peer,
    date: Date,
    answers: &'a mut Vec<u8>,
    answered: End,
    /// Nothing more of it is answered here for now.
    over: bool,
}

impl<'a> Heard<'a> {
    /// What came from this peer; answers are appended to `answers`.
    pub(super) fn new(bytes: &'a [u8], peer: Peer, date: Date, answers: &'a mut Vec<u8>) -> Self {
        Self {
            bytes,
            peer,
            date,
            answers,
            answered: End::default(),
            over: false,
        }
    }

    /// Where what was answered ends.
    pub(super) fn answered(&self) -> End {
        self.answered
    }

    /// What is to be sent.
    pub(super) fn answers(&self) -> &[u8] {
        self.answers
    }

    /// What was not answered.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.answered.bytes..).unwrap_or_default()
    }
}

impl Fast {
    pub(super) fn new(path: Box<dyn FastPath>) -> Self {
        Self {
            path,
            scratch: RefCell::default(),
        }
    }

    /// Room for the answers of one connection.
    pub(super) fn scratch(&self) -> RefMut<'_, Vec<u8>> {
        let mut scratch = self.scratch.borrow_mut();
        scratch.clear();
        scratch
    }

    /// Answers what stands at the head of what was read of each of at most [`TOGETHER_MAX`] connections, one request after
    /// the other, for as long as it is known how: of all connections the first together, then the next.
    pub(super) fn answer(&self, heard: &mut [Heard<'_>]) {
        while self.answer_next(heard) {}
    }

    /// Answers one request of each connection. Whether there was any.
    fn answer_next(&self, heard: &mut [Heard<'_>]) -> bool {
        let mut fields = [[MaybeUninit::uninit(); FIELDS_MAX]; TOGETHER_MAX];
        let mut asked = ArrayVec::<_, TOGETHER_MAX>::new();
        let mut ends = ArrayVec::<_, TOGETHER_MAX>::new();
        let going = heard.iter_mut().filter(|heard| !heard.over);
        for (heard, fields) in going.zip(&mut fields) {
            heard.over = true;
            let Some((request, end)) = parse(heard.rest(), heard.peer, fields) else {
                continue;
            };
            asked.push(Asked {
                frame: Frame {
                    date: &heard.date,
                    closes: end.last,
                    without_body: *request.method == Method::HEAD,
                },
                request,
                out: heard.answers,
                answered: false,
            });
            ends.push((&mut heard.answered, &mut heard.over, end));
        }
        if asked.is_empty() {
            return false;
        }
        self.path.answer(&mut asked);
        for (asked, (answered, over, end)) in asked.iter().zip(ends) {
            if asked.answered {
                answered.bytes += end.bytes;
                answered.last = end.last;
                *over = end.last || asked.out.len() >= ANSWERS_BYTES;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::date::date;
    use super::*;

    /// Answers a request for `/N` with `N`, but not for `/0`, and notes whom it was shown.
    #[derive(Default)]
    struct Echo(RefCell<Vec<String>>);

    impl FastPath for Rc<Echo> {
        fn answer(&self, asked: &mut [Asked<'_>]) {
            let targets: Vec<_> = asked.iter().map(|asked| asked.request.target).collect();
            self.0.borrow_mut().push(targets.join(" "));
            for asked in asked {
                let name = asked.request.target.trim_start_matches('/');
                asked.answered = name != "0";
                if asked.answered {
                    asked.out.extend_from_slice(name.as_bytes());
                }
            }
        }
    }

    #[test]
    fn the_next_request_of_each_connection_is_shown_with_those_of_the_others() {
        let text = |names: &[&str]| {
            let one = |name: &&str| match name.strip_suffix('!') {
                Some(name) => {
                    format!("GET /{name} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                }
                None => format!("GET /{name} HTTP/1.1\r\nhost: a\r\n\r\n"),
            };
            names.iter().map(one).collect::<String>()
        };
        let long = "9".repeat(ANSWERS_BYTES / 2);
        let sent = [
            text(&["1", "2", "3"]),
            text(&["4", "0", "5"]),
            text(&["0", "6"]),
            text(&["7!", "8"]),
            text(&[&long, &long, "8"]),
            String::from("nothing"),
        ];
        let mut answers = [const { Vec::new() }; 6];
        let echo = Rc::new(Echo::default());
        let mut heard: Vec<_> = sent
            .iter()
            .zip(&mut answers)
            .map(|(text, out)| Heard::new(text.as_bytes(), Peer::Owner, date(), out))
            .collect();
        Fast::new(Box::new(echo.clone())).answer(&mut heard);
        let ends: Vec<_> = heard.iter().map(Heard::answered).collect();
        let all = |n: usize, last| End {
            bytes: n * text(&["1"]).len(),
            last,
        };
        let closed = text(&["7!"]).len();
        let after_long = text(&[&long, &long]).len();
        let one = |bytes, last| End { bytes, last };
        let wanted = [
            all(3, false),
            all(1, false),
            all(0, false),
            one(closed, true),
            one(after_long, false),
            all(0, false),
        ];
        assert_eq!(ends, wanted);
        let found = answers.map(|answer| String::from_utf8(answer).unwrap());
        assert_eq!(found, ["123", "4", "", "7", &*long.repeat(2), ""]);
        let shown = [
            format!("/1 /4 /0 /7 /{long}"),
            format!("/2 /0 /{long}"),
            "/3".into(),
        ];
        assert_eq!(*echo.0.borrow(), shown);
    }
}
