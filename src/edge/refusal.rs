//! The answers that are given before the framework has seen a request: short, complete, and the last of a connection.

use std::fmt::Write as _;

use super::date::date;

/// Why a connection gets no more than this answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A head that is not framed as HTTP/1.1 is.
    Malformed,
    /// The client took too long for a head.
    TooSlow,
    /// The first line alone is longer than a head may be.
    TargetTooLong,
    /// A head longer than [`super::gate::HEAD_BYTES_MAX`].
    HeadTooLong,
    /// There are as many connections as there may be.
    Full,
}

impl Refusal {
    fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::TooSlow => "408 Request Timeout",
            Self::TargetTooLong => "414 URI Too Long",
            Self::HeadTooLong => "431 Request Header Fields Too Large",
            Self::Full => "503 Service Unavailable",
        }
    }

    /// The answer as it goes out.
    pub(super) fn answer(self) -> Vec<u8> {
        let date = date();
        let mut text = format!(
            "HTTP/1.1 {}\r\ncontent-length: 0\r\nconnection: close\r\ncache-control: no-store\r\n\
             x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\ndate: {}\r\n",
            self.status(),
            String::from_utf8_lossy(&date)
        );
        if self == Self::Full {
            // Writing to a string does not fail.
            let _ = write!(text, "retry-after: 1\r\n");
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}
