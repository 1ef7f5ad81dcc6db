//! HTTP/1.1 towards a server that may die at any byte: an answer counts only if it came whole.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than anything here takes: a server that says nothing for so long has failed the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came back.
pub(crate) enum Outcome {
    /// A whole answer.
    Answered(Answer),
    /// A part of one.
    Cut,
    /// Not one byte, or the call could not even be sent.
    Silent,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body; null if it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Outcome {
    /// The answer, from a server that is known to live.
    pub(crate) fn whole(self) -> Answer {
        match self {
            Self::Answered(answer) => answer,
            Self::Cut => panic!("the answer was cut"),
            Self::Silent => panic!("there was no answer"),
        }
    }
}

/// A request as it is sent.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        text.push_str("content-type: application/json\r\n");
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes()
}

/// A connection that is kept alive, and opened again when it is needed.
pub(crate) struct Line {
    to: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Line {
    pub(crate) fn to(to: SocketAddr) -> Self {
        Self { to, stream: None }
    }

    /// Sends a request and reads the answer.
    pub(crate) fn call(&mut self, request: &[u8]) -> Outcome {
        if self.send(request) {
            self.answer()
        } else {
            Outcome::Silent
        }
    }

    /// Sends a request; false if that failed.
    pub(crate) fn send(&mut self, request: &[u8]) -> bool {
        if self.stream.is_none() {
            self.stream = self.connect().ok().map(BufReader::new);
        }
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let sent = stream.get_mut().write_all(request).is_ok();
        if !sent {
            self.stream = None;
        }
        sent
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect_timeout(&self.to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Reads the answer to what was sent.
    pub(crate) fn answer(&mut self) -> Outcome {
        let Some(mut stream) = self.stream.take() else {
            return Outcome::Silent;
        };
        let began = match stream.fill_buf() {
            Ok(bytes) => !bytes.is_empty(),
            Err(error) => {
                let patience = error.kind() != io::ErrorKind::WouldBlock;
                assert!(patience, "no answer in {PATIENCE:?}");
                false
            }
        };
        if !began {
            return Outcome::Silent;
        }
        match read(&mut stream) {
            Some((answer, close)) => {
                if !close {
                    self.stream = Some(stream);
                }
                Outcome::Answered(answer)
            }
            None => Outcome::Cut,
        }
    }
}

/// An answer, and whether the connection ends with it; `None` if it is not whole.
fn read(stream: &mut BufReader<TcpStream>) -> Option<(Answer, bool)> {
    let status_line = line(stream)?;
    let status = status_line.split(' ').nth(1)?.parse().ok()?;
    let (mut length, mut close, mut retry_after) = (0, false, None);
    loop {
        let line = line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "retry-after" => retry_after = Some(value.trim().to_owned()),
            "connection" => close = value.trim().eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let answer = Answer {
        status,
        retry_after,
        body,
    };
    Some((answer, close))
}

fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    line.strip_suffix("\r\n").map(str::to_owned)
}
