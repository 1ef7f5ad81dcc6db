//! Where the head of a request ends. It must never interpret one: that is the framework's.
//!
//! Stricter than the framework in one point, so that nobody in front of us can see another end than we do: every line
//! ends with CR and LF. Source: RFC 9112 §2.2, OWASP ASVS 4.2.1.

use memchr::{memchr, memchr_iter};

use super::refusal::Refusal;

/// The longest head, from its first byte to its empty line.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// What became of the bytes that were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// All of them belong to it, and it goes on.
    More,
    /// It ends after so many of them.
    End(usize),
    /// It cannot be let through.
    Refused(Refusal),
}

/// A head that is coming.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Bytes so far.
    bytes: usize,
    /// Of them, those of the line that is coming.
    line: usize,
    /// The last of them.
    last: u8,
    /// There was a line that is not empty. Empty ones before it are passed over, as the framework does.
    begun: bool,
}

impl Head {
    /// Whether nothing of it has come.
    pub(super) fn is_new(&self) -> bool {
        self.bytes == 0
    }

    /// Looks at the next bytes.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Scanned {
        let mut from = 0;
        for at in memchr_iter(b'\n', bytes) {
            let before = match at.checked_sub(1) {
                Some(before) => bytes.get(before).copied().unwrap_or_default(),
                None => self.last,
            };
            if before != b'\r' {
                return Scanned::Refused(Refusal::Malformed);
            }
            // Without its LF: an empty line is its CR.
            let line = self.line + at - from;
            from = at + 1;
            self.line = 0;
            if line > 1 {
                if !self.begun && self.bytes + from > HEAD_BYTES_MAX {
                    return Scanned::Refused(Refusal::TargetTooLong);
                }
                self.begun = true;
            } else if self.begun {
                return if self.bytes + from > HEAD_BYTES_MAX {
                    Scanned::Refused(Refusal::HeadTooLong)
                } else {
                    Scanned::End(from)
                };
            }
        }
        self.line += bytes.len() - from;
        self.bytes += bytes.len();
        self.last = bytes.last().copied().unwrap_or(self.last);
        match self.bytes > HEAD_BYTES_MAX {
            true if self.begun => Scanned::Refused(Refusal::HeadTooLong),
            true => Scanned::Refused(Refusal::TargetTooLong),
            false => Scanned::More,
        }
    }
}

/// Headers that keep what follows from being handed on together with a request.
const ALONE: [&[u8]; 4] = [b"connection", b"expect", b"transfer-encoding", b"upgrade"];

/// What follows a head for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// The next head.
    Head,
    /// A body of so many bytes.
    Body(u64),
    /// Only the framework can tell.
    Unclear,
}

/// The longest head that others are handed on with: what is longer may be refused for that.
const TOGETHER_BYTES_MAX: usize = 1 << 10;

/// What follows a whole head, as far as one look tells. Asked only where something has come behind it.
pub(super) fn behind(head: &[u8]) -> Behind {
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let mut words = first.split(|byte| *byte == b' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let is_usual = target.is_some_and(|target| target.starts_with(b"/"))
        && version == Some(b"HTTP/1.1\r")
        && head.len() <= TOGETHER_BYTES_MAX;
    if !is_usual {
        return Behind::Unclear;
    }
    let mut length = None;
    for line in lines {
        let Some(colon) = memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.get(1..).unwrap_or_default().trim_ascii();
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            match digits.parse() {
                Ok(number) if is_number && length.is_none() => length = Some(number),
                Ok(_) | Err(_) => return Behind::Unclear,
            }
        } else if ALONE.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return Behind::Unclear;
        }
    }
    match length {
        Some(length) => Behind::Body(length),
        // Requests that change something come one by one.
        None if matches!(method, Some(b"GET" | b"HEAD")) => Behind::Head,
        None => Behind::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scanned whole, and cut at every place: the same.
    fn scan(text: &[u8]) -> Scanned {
        let whole = Head::default().scan(text);
        for cut in 0..text.len() {
            let mut head = Head::default();
            let (first, second) = text.split_at(cut);
            let parts = match head.scan(first) {
                Scanned::More => match head.scan(second) {
                    Scanned::End(at) => Scanned::End(cut + at),
                    other => other,
                },
                other => other,
            };
            assert_eq!(
                parts,
                whole,
                "{:?} cut at {cut}",
                text.escape_ascii().to_string()
            );
        }
        whole
    }

    #[test]
    fn a_head_ends_at_its_empty_line() {
        for (head, rest) in [
            ("GET / HTTP/1.1\r\n\r\n", ""),
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", ""),
            (
                "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n",
            ),
            ("\r\n\r\nGET / HTTP/1.1\r\n\r\n", "\r\n"),
            ("x\r\n\r\n", "\n\n"),
        ] {
            let text = format!("{head}{rest}");
            assert_eq!(scan(text.as_bytes()), Scanned::End(head.len()), "{text:?}");
        }
        for head in [
            "",
            "\r",
            "\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n",
            "\r\n\r\n\r\n",
        ] {
            assert_eq!(scan(head.as_bytes()), Scanned::More, "{head:?}");
        }
    }

    #[test]
    fn a_line_that_ends_without_cr_is_refused() {
        for text in [
            "\n",
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "GET / HTTP/1.1\n\n",
        ] {
            let found = scan(text.as_bytes());
            assert_eq!(found, Scanned::Refused(Refusal::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_head_may_have_16_kib_and_no_more() {
        let of = |bytes: usize| {
            let (start, end) = ("GET / HTTP/1.1\r\na: ", "\r\n\r\n");
            format!(
                "{start}{}{end}",
                "x".repeat(bytes - start.len() - end.len())
            )
        };
        let mut head = Head::default();
        assert_eq!(
            head.scan(of(HEAD_BYTES_MAX).as_bytes()),
            Scanned::End(HEAD_BYTES_MAX)
        );
        let longer = of(HEAD_BYTES_MAX + 1);
        let refused = Scanned::Refused(Refusal::HeadTooLong);
        assert_eq!(Head::default().scan(longer.as_bytes()), refused);
        // Before its end has come.
        let mut head = Head::default();
        let (most, _) = longer.split_at(HEAD_BYTES_MAX);
        assert_eq!(head.scan(most.as_bytes()), Scanned::More);
        assert_eq!(head.scan(b"x"), refused);
        let target = format!("GET /{}", "x".repeat(HEAD_BYTES_MAX));
        let refused = Scanned::Refused(Refusal::TargetTooLong);
        assert_eq!(Head::default().scan(target.as_bytes()), refused);
        let whole = format!("{target} HTTP/1.1\r\n\r\n");
        assert_eq!(Head::default().scan(whole.as_bytes()), refused);
    }

    #[test]
    fn what_follows_is_said_only_if_it_is_certain() {
        for (head, found) in [
            (
                "GET / HTTP/1.1\r\nhost: a\r\nsession: b\r\n\r\n",
                Behind::Head,
            ),
            ("HEAD /x HTTP/1.1\r\nhost: a\r\n\r\n", Behind::Head),
            (
                "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
                Behind::Body(5),
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length:0\r\n\r\n",
                Behind::Body(0),
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: +5\r\n\r\n",
                Behind::Unclear,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: \r\n\r\n",
                Behind::Unclear,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 5, 5\r\n\r\n",
                Behind::Unclear,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n",
                Behind::Unclear,
            ),
            (
                "POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-Encoding: chunked\r\n\r\n",
                Behind::Unclear,
            ),
            (
                "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
                Behind::Unclear,
            ),
            (
                "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
                Behind::Unclear,
            ),
            (
                "GET / HTTP/1.1\r\nexpect: 100-continue\r\n\r\n",
                Behind::Unclear,
            ),
            ("GET http://a/ HTTP/1.1\r\n\r\n", Behind::Unclear),
            ("GET / HTTP/1.0\r\nhost: a\r\n\r\n", Behind::Unclear),
            ("GET /  HTTP/1.1\r\nhost: a\r\n\r\n", Behind::Unclear),
            ("DELETE / HTTP/1.1\r\nhost: a\r\n\r\n", Behind::Unclear),
            ("CONNECT a:1 HTTP/1.1\r\n\r\n", Behind::Unclear),
        ] {
            assert_eq!(behind(head.as_bytes()), found, "{head:?}");
        }
    }
}
