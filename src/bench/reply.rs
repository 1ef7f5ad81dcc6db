//! Answers out of bytes: the few things that the judge looks at.

use httparse::{EMPTY_HEADER, Header, Response, Status};

/// Header fields of an answer.
const HEADERS_MAX: usize = 64;
/// Bytes of a head, and of a body: more is no answer to anything that is asked here.
const HEAD_BYTES_MAX: usize = 32 << 10;
const BODY_BYTES_MAX: usize = 8 << 20;

/// What the bytes that came so far are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// An answer, and how many bytes it has.
    Whole(Reply<'a>, usize),
    /// The beginning of one.
    More,
    /// Nothing that could become one.
    Broken,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply<'a> {
    pub(super) status: u16,
    /// `X-Sessile-Session`.
    pub(super) session: Option<&'a [u8]>,
    /// `Retry-After` is there.
    pub(super) retry_after: bool,
    /// The server closes the connection behind it.
    pub(super) closes: bool,
    pub(super) body: &'a [u8],
}

/// Reads the first answer.
///
/// An answer says its length, or has a status that has no body: nothing else is taken (chunks are not).
pub(super) fn read(bytes: &[u8]) -> Heard<'_> {
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut head = Response::new(&mut headers);
    let begun = match head.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if bytes.len() < HEAD_BYTES_MAX => return Heard::More,
        Ok(Status::Partial) | Err(_) => return Heard::Broken,
    };
    let status = head.code.unwrap_or(0);
    let mut reply = Reply {
        status,
        session: None,
        retry_after: false,
        closes: false,
        body: b"",
    };
    let mut length = matches!(status, 204 | 304).then_some(0);
    for Header { name, value } in head.headers.iter() {
        if name.eq_ignore_ascii_case("content-length") {
            length = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
        } else if name.eq_ignore_ascii_case("x-sessile-session") {
            reply.session = Some(*value);
        } else if name.eq_ignore_ascii_case("retry-after") {
            reply.retry_after = true;
        } else if name.eq_ignore_ascii_case("connection") {
            reply.closes = value.eq_ignore_ascii_case(b"close");
        }
    }
    let Some(length) = length.filter(|length| *length <= BODY_BYTES_MAX) else {
        return Heard::Broken;
    };
    match bytes.get(begun..begun + length) {
        Some(body) => {
            reply.body = body;
            Heard::Whole(reply, begun + length)
        }
        None => Heard::More,
    }
}

/// The text between `before` and the next quote: for what never has a quote in it.
pub(super) fn text_after<'a>(body: &'a [u8], before: &[u8]) -> Option<&'a [u8]> {
    let begin = memchr::memmem::find(body, before)? + before.len();
    let rest = body.get(begin..)?;
    rest.get(..memchr::memchr(b'"', rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-sessile-session: sess_1\r\nRetry-After: 1\r\nconnection: close\r\n\r\n{}";

    #[test]
    fn an_answer_is_whole_at_its_last_byte_and_not_before() {
        let Heard::Whole(reply, length) = read(ANSWER) else {
            panic!("not whole");
        };
        assert_eq!(length, ANSWER.len());
        assert_eq!((reply.status, reply.body), (200, &b"{}"[..]));
        assert_eq!(reply.session, Some(&b"sess_1"[..]));
        assert!(reply.retry_after && reply.closes);
        for cut in 0..ANSWER.len() {
            assert_eq!(read(&ANSWER[..cut]), Heard::More, "{cut}");
        }
        let two = [ANSWER, ANSWER].concat();
        assert!(matches!(read(&two), Heard::Whole(_, length) if length == ANSWER.len()));
    }

    #[test]
    fn what_is_no_answer_is_broken() {
        for bad in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            b"SSH-2.0-x\r\n",
        ] {
            assert_eq!(read(bad), Heard::Broken, "{}", bad.escape_ascii());
        }
        let endless = [b"HTTP/1.1 200 OK\r\na: ", &vec![b'x'; HEAD_BYTES_MAX][..]].concat();
        assert_eq!(read(&endless), Heard::Broken);
        let none = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert!(matches!(read(none), Heard::Whole(..)));
    }

    #[test]
    fn a_text_ends_at_its_quote() {
        let body = br#"{"a":"x","secret":"abc","b":"y"}"#;
        assert_eq!(text_after(body, br#""secret":""#), Some(&b"abc"[..]));
        assert_eq!(text_after(body, br#""id":""#), None);
        assert_eq!(text_after(br#"{"secret":"ab"#, br#""secret":""#), None);
    }
}
