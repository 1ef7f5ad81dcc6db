//! Requests that are there as a whole, and say nothing unusual: what may be answered on the spot.
//!
//! Heads are parsed by the parser that the framework uses, and only behind the same look at its lines as every other one,
//! so that no request is framed here in a way that it would not be framed there. Whatever is in doubt is the framework's.
//! Source: ADR 18.

use std::mem::MaybeUninit;

use actix_web::http::Method;
use httparse::{Header, Status};

use super::connection::Peer;
use super::fast::Request;
use super::heads::{Head, Scanned};

/// The most header fields of a request that is answered on the spot.
pub(super) const FIELDS_MAX: usize = 32;

/// Room for the fields of one request.
pub(super) type Fields<'a> = [MaybeUninit<Header<'a>>; FIELDS_MAX];

/// Where one request ends, or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// Bytes up to there.
    pub(super) bytes: usize,
    /// The last of them wants to be the last of its connection.
    pub(super) last: bool,
}

/// The request at the head of `bytes`, if it is whole and there is nothing unusual about it.
pub(super) fn parse<'a>(
    bytes: &'a [u8],
    peer: Peer,
    fields: &'a mut Fields<'a>,
) -> Option<(Request<'a>, End)> {
    let Scanned::End(length) = Head::default().scan(bytes) else {
        return None;
    };
    let (head, rest) = bytes.split_at_checked(length)?;
    let mut parsed = httparse::Request::new(&mut []);
    let whole = parsed.parse_with_uninit_headers(head, fields);
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
    let end = End {
        bytes: length + body.len(),
        last: framing.closes,
    };
    Some((request, end))
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
    fn shown(text: &str) -> Option<(String, End)> {
        let mut fields = [MaybeUninit::uninit(); FIELDS_MAX];
        let (request, end) = parse(text.as_bytes(), Peer::Owner, &mut fields)?;
        Some((String::from_utf8_lossy(request.body).into_owned(), end))
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
            let found = Some((body.to_owned(), End { bytes, last }));
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
}
