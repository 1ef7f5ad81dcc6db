//! An answer that is all there: what the busiest calls give, on the fast path as behind the framework.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};

use super::json::write_int;
use crate::edge::fast::Frame;

/// The lines of JSON that is not to be kept by anybody. Source: [`super::reply`].
const JSON: &[u8] = b"content-type: application/json\r\ncache-control: no-store\r\n";

/// A whole answer.
#[derive(Debug)]
pub struct Ready {
    status: StatusCode,
    /// Its header fields as they are sent, each line with its end.
    fields: Cow<'static, [u8]>,
    body: Vec<u8>,
}

impl Ready {
    /// JSON.
    #[must_use]
    pub fn json(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            status,
            fields: JSON.into(),
            body,
        }
    }

    /// An answer that is all in its header fields, `name: value` and the end of the line each. Names are in lower case;
    /// no value may have a line's end in it.
    #[must_use]
    pub fn fields(status: StatusCode, fields: impl Into<Cow<'static, [u8]>>) -> Self {
        Self {
            status,
            fields: fields.into(),
            body: Vec::new(),
        }
    }

    /// The same with one more header field; see [`Self::fields`].
    #[must_use]
    pub fn with(mut self, line: &[u8]) -> Self {
        self.fields.to_mut().extend_from_slice(line);
        self
    }

    /// Appends it as it is sent, with the lines of every answer.
    pub fn send(&self, common: &[u8], frame: Frame<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(self.status.as_str().as_bytes());
        out.push(b' ');
        let reason = self.status.canonical_reason().unwrap_or_default();
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\ncontent-length: ");
        write_int(out, i64::try_from(self.body.len()).unwrap_or(i64::MAX));
        if frame.closes {
            out.extend_from_slice(b"\r\nconnection: close");
        }
        out.extend_from_slice(b"\r\ndate: ");
        out.extend_from_slice(frame.date);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.fields);
        out.extend_from_slice(common);
        out.extend_from_slice(b"\r\n");
        if !frame.without_body {
            out.extend_from_slice(&self.body);
        }
    }

    fn lines(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let lines = self.fields.split(|byte| *byte == b'\n');
        lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            let value = value.get(1..)?.trim_ascii();
            let name = HeaderName::from_bytes(name).ok()?;
            Some((name, HeaderValue::from_bytes(value).ok()?))
        })
    }
}

impl From<Ready> for HttpResponse {
    fn from(ready: Ready) -> Self {
        let mut answer = HttpResponse::new(ready.status);
        for (name, value) in ready.lines() {
            answer.headers_mut().insert(name, value);
        }
        answer.set_body(BoxBody::new(ready.body))
    }
}
