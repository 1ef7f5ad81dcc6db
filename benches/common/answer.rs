//! One answer from the wire: read from Sessile, handed to the no-op, compared with what the no-op sends.
//!
//! The no-op sends the same bytes by construction; they are compared all the same, because the framework adds
//! headers of its own. Only the order of the headers and the value of `date` may differ.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest head that is read.
const HEAD_BYTES_MAX: u64 = 64 * 1024;
/// Longest body that is read.
const BODY_BYTES_MAX: u64 = 1024 * 1024;

/// Status, headers and body of one answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Every header in wire order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// Length of the whole answer on the wire.
    pub(crate) wire_bytes: u64,
}

impl Answer {
    /// The headers a handler sets; the framework writes the others itself.
    pub(crate) fn handler_headers(&self) -> impl Iterator<Item = &(String, String)> {
        self.headers.iter().filter(|(name, _)| {
            !matches!(
                name.as_str(),
                "content-length" | "date" | "connection" | "keep-alive" | "transfer-encoding"
            )
        })
    }

    /// Checks that `other` is this answer again.
    ///
    /// Errors: what differs.
    pub(crate) fn expect_same(&self, other: &Self) -> Result<()> {
        self.expect_alike(other)?;
        ensure!(
            self.sorted_headers() == other.sorted_headers(),
            "headers {:?} and {:?}",
            self.headers,
            other.headers
        );
        ensure!(self.body == other.body, "another body of the same length");
        Ok(())
    }

    /// Checks that `other` has the same shape: status, header names, and every length. For another session's answer.
    ///
    /// Errors: what differs.
    pub(crate) fn expect_alike(&self, other: &Self) -> Result<()> {
        let names = |answer: &Self| {
            let mut names: Vec<String> = answer
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect();
            names.sort_unstable();
            names
        };
        ensure!(
            self.status == other.status,
            "status {} and {}",
            self.status,
            other.status
        );
        ensure!(
            names(self) == names(other),
            "headers {:?} and {:?}",
            names(self),
            names(other)
        );
        ensure!(
            self.body.len() == other.body.len(),
            "{} and {} body bytes",
            self.body.len(),
            other.body.len()
        );
        ensure!(
            self.wire_bytes == other.wire_bytes,
            "{} and {} bytes in all",
            self.wire_bytes,
            other.wire_bytes
        );
        Ok(())
    }

    fn sorted_headers(&self) -> Vec<&(String, String)> {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| name != "date")
            .collect();
        headers.sort_unstable();
        headers
    }
}

/// A connection for asking one thing after another.
#[derive(Debug)]
pub(crate) struct Asker {
    stream: BufReader<TcpStream>,
}

impl Asker {
    /// Connects to a server.
    ///
    /// Errors: nothing listens there.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, WITHIN)?;
        stream.set_read_timeout(Some(WITHIN))?;
        stream.set_write_timeout(Some(WITHIN))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends the bytes of one request and reads the answer.
    ///
    /// Errors: no answer in time, or one that has no `content-length` although its status allows a body.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.get_mut().write_all(request)?;
        let mut wire_bytes = 0;
        let status_line = self.line(&mut wire_bytes)?;
        let status: u16 = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3)?.parse().ok())
            .with_context(|| format!("not a status line: {status_line}"))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line(&mut wire_bytes)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line
                .split_once(':')
                .with_context(|| format!("not a header: {line}"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: u64 = match length {
            Some((_, text)) => text.parse().context("content-length")?,
            None if matches!(status, 204 | 304) => 0,
            None => bail!("an answer without content-length"),
        };
        ensure!(length <= BODY_BYTES_MAX, "an answer of {length} bytes");
        let mut body = vec![0; usize::try_from(length)?];
        self.stream.read_exact(&mut body)?;
        Ok(Answer {
            status,
            headers,
            body,
            wire_bytes: wire_bytes + length,
        })
    }

    /// One line of the head, without its end; adds its length to `wire_bytes`.
    fn line(&mut self, wire_bytes: &mut u64) -> Result<String> {
        let left = HEAD_BYTES_MAX.saturating_sub(*wire_bytes);
        let mut line = String::new();
        let read = (&mut self.stream)
            .take(left)
            .read_line(&mut line)
            .context("no answer")?;
        *wire_bytes += u64::try_from(read)?;
        let text = line
            .strip_suffix("\r\n")
            .context("the answer ends, or its head is too long")?;
        Ok(text.to_owned())
    }
}
