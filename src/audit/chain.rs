//! How lines hang together: each has a number, and a hash over itself and the hash of the line before.
//!
//! A line is `{"n":NUMBER,…,"hash":"64 digits"}` and ends with a line feed. Its hash is BLAKE3 of the 32 bytes of
//! the hash before it and of its own text up to `,"hash":`. The first line of a file repeats the hash before it,
//! so that files can be verified without those that were removed when their time was over.

use std::fmt;

use blake3::Hasher;

/// The longest line that is looked at.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

const NUMBER: &[u8] = b"{\"n\":";
const HASH: &[u8] = b",\"hash\":\"";
const END: &[u8] = b"\"}";
const DIGITS: usize = 64;

/// A line, as far as the next one hangs on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number, counted from 1.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Link {
    /// What the first line of all hangs on.
    pub const START: Self = Self {
        number: 0,
        hash: [0; 32],
    };

    /// The line that follows with this text, which goes up to its hash.
    #[must_use]
    pub fn next(&self, body: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(&self.hash).update(body);
        Self {
            number: self.number + 1,
            hash: *hasher.finalize().as_bytes(),
        }
    }
}

impl fmt::Display for Link {
    /// The hash, in hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.hash).to_hex())
    }
}

/// Ends a line that `body` is the text of: adds its hash and the line feed.
pub fn end_line(before: &Link, body: &mut Vec<u8>) -> Link {
    let link = before.next(body);
    body.extend_from_slice(HASH);
    body.extend_from_slice(link.to_string().as_bytes());
    body.extend_from_slice(END);
    body.push(b'\n');
    link
}

/// What a line says of itself; nothing of it is believed before it was compared.
#[derive(Clone, Copy, Debug)]
pub struct Stated<'a> {
    /// Its text up to its hash.
    pub body: &'a [u8],
    /// Its number and its hash, as it says.
    pub link: Link,
}

impl<'a> Stated<'a> {
    /// Reads a line without its line feed; `None` if it is no line of a stream.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        // Text has none of these; what a disk never wrote is zeros.
        if line.iter().any(u8::is_ascii_control) {
            return None;
        }
        let body = line.len().checked_sub(HASH.len() + DIGITS + END.len())?;
        let (body, tail) = line.split_at_checked(body)?;
        let digits = tail.strip_prefix(HASH)?.strip_suffix(END)?;
        let hash = blake3::Hash::from_hex(digits).ok()?;
        // One spelling only.
        if hash.to_hex().as_bytes() != digits {
            return None;
        }
        let rest = body.strip_prefix(NUMBER)?;
        let until = rest.iter().position(|byte| *byte == b',')?;
        let number = std::str::from_utf8(rest.get(..until)?).ok()?;
        let number = number.parse().ok().filter(|_| !number.starts_with('+'))?;
        Some(Self {
            body,
            link: Link {
                number,
                hash: *hash.as_bytes(),
            },
        })
    }

    /// The hash before it, which the first line of a file repeats.
    #[must_use]
    pub fn anchor(&self) -> Option<[u8; 32]> {
        let mut json = self.body.to_vec();
        json.push(b'}');
        let json: serde_json::Value = serde_json::from_slice(&json).ok()?;
        let digits = json.pointer("/detail/before")?.as_str()?;
        Some(*blake3::Hash::from_hex(digits).ok()?.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_back_and_hangs_on_the_one_before() {
        let mut line = b"{\"n\":1,\"what\":\"x\"".to_vec();
        let link = end_line(&Link::START, &mut line);
        let read = Stated::read(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!((read.link, link.number), (link, 1));
        assert_eq!(Link::START.next(read.body), link);
        let elsewhere = Link {
            number: 0,
            hash: [1; 32],
        };
        assert_ne!(elsewhere.next(read.body).hash, link.hash);
    }

    #[test]
    fn what_is_no_line_is_told_from_one() {
        let mut line = b"{\"n\":7,\"what\":\"x\"".to_vec();
        end_line(&Link::START, &mut line);
        let good = String::from_utf8(line).unwrap();
        let good = good.trim_end();
        assert!(Stated::read(good.as_bytes()).is_some());
        for bad in [
            "",
            "{}",
            good.strip_prefix("{").unwrap(),
            good.strip_suffix("}").unwrap(),
            &good.replace("{\"n\":7,", "{\"n\":-7,"),
            &good.replace("{\"n\":7,", "{\"n\":+7,"),
            &good.replace("{\"n\":7,", "{\"m\":7,"),
            &good.replace("\"hash\"", "\"Hash\""),
            &good.replace("what", "wh\0t"),
        ] {
            assert!(Stated::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
