//! Where a chunked body ends. The framework decodes it; here it is only followed, and what no client needs is refused:
//! long extensions, long trailers, sizes beyond any body, lines that do not end with CR and LF.
//! Source: RFC 9112 §7.1, C15.

use super::heads::Scanned;
use super::refusal::Refusal;

/// The longest line with a chunk's size, extensions included.
const SIZE_LINE_BYTES_MAX: u16 = 256;
/// The longest trailer, all lines together.
const TRAILER_BYTES_MAX: u16 = 1 << 10;
/// The most that is taken in of one body, framing included: surfaces refuse theirs before, and what is left is read to
/// be thrown away.
const BYTES_MAX: u64 = 4 << 20;

/// A chunked body that is coming.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Of the chunk that is coming: its size, then what is left of it.
    left: u64,
    /// Bytes of the line, or the trailer, so far.
    line: u16,
    /// Bytes so far.
    bytes: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// The first digit of a size.
    #[default]
    Size,
    Digits,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// A line behind the last chunk.
    Line,
    Trailer,
    TrailerLf,
    LastLf,
}

impl Chunks {
    /// Looks at the next bytes.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> Scanned {
        const REFUSED: Scanned = Scanned::Refused(Refusal::Malformed);
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            self.at = match self.at {
                At::Size | At::Digits if byte.is_ascii_hexdigit() => {
                    let digit = char::from(byte).to_digit(16).unwrap_or_default();
                    self.left = (self.left << 4) | u64::from(digit);
                    self.line += 1;
                    if self.left > BYTES_MAX || self.line > SIZE_LINE_BYTES_MAX {
                        return REFUSED;
                    }
                    At::Digits
                }
                At::Digits | At::Extension if byte == b'\r' => At::SizeLf,
                At::Digits if !matches!(byte, b';' | b' ' | b'\t') => return REFUSED,
                At::Digits | At::Extension => {
                    self.line += 1;
                    if self.line > SIZE_LINE_BYTES_MAX || (byte.is_ascii_control() && byte != b'\t')
                    {
                        return REFUSED;
                    }
                    At::Extension
                }
                At::SizeLf if byte == b'\n' => {
                    self.line = 0;
                    if self.left == 0 { At::Line } else { At::Data }
                }
                At::Data => {
                    let here = bytes.len() - (at - 1);
                    let taken = self.left.min(here as u64);
                    self.left -= taken;
                    // No more than there are bytes here.
                    at += usize::try_from(taken).unwrap_or(here) - 1;
                    if self.left == 0 { At::DataCr } else { At::Data }
                }
                At::DataCr if byte == b'\r' => At::DataLf,
                At::DataLf if byte == b'\n' => At::Size,
                At::Line if byte == b'\r' => At::LastLf,
                At::Trailer if byte == b'\r' => At::TrailerLf,
                At::Line | At::Trailer => {
                    self.line += 1;
                    if self.line > TRAILER_BYTES_MAX || byte == b'\n' {
                        return REFUSED;
                    }
                    At::Trailer
                }
                At::TrailerLf if byte == b'\n' => At::Line,
                At::LastLf if byte == b'\n' => return Scanned::End(at),
                At::Size | At::SizeLf | At::DataCr | At::DataLf | At::TrailerLf | At::LastLf => {
                    return REFUSED;
                }
            };
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > BYTES_MAX {
            REFUSED
        } else {
            Scanned::More
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: Scanned = Scanned::Refused(Refusal::Malformed);

    /// Scanned whole, and byte by byte: the same.
    fn scan(text: &str) -> Scanned {
        let whole = Chunks::default().scan(text.as_bytes());
        let mut chunks = Chunks::default();
        let mut single = Scanned::More;
        for (at, byte) in text.bytes().enumerate() {
            single = match chunks.scan(&[byte]) {
                Scanned::More => continue,
                Scanned::End(_) => Scanned::End(at + 1),
                refused => refused,
            };
            break;
        }
        assert_eq!(single, whole, "{text:?}");
        whole
    }

    #[test]
    fn a_body_ends_behind_its_last_chunk() {
        for body in [
            "0\r\n\r\n",
            "000\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n1;a=b\r\nx\r\n0\r\n\r\n",
            "1 \r\nx\r\n0\r\n\r\n",
            "2\r\n\r\n\r\n0\r\na: b\r\nc: d\r\n\r\n",
        ] {
            assert_eq!(scan(body), Scanned::End(body.len()), "{body:?}");
            let more = format!("{body}GET / HTTP/1.1\r\n\r\n");
            assert_eq!(scan(&more), Scanned::End(body.len()), "{more:?}");
            let (cut, _) = body.split_at(body.len() - 1);
            assert_eq!(scan(cut), Scanned::More, "{cut:?}");
        }
    }

    #[test]
    fn odd_framing_is_refused() {
        for body in [
            "\r\n",
            "x\r\n",
            "-1\r\n",
            "+1\r\n",
            "0x1\r\n",
            "1\nx",
            "1\rx",
            "1\r\nxy\r\n",
            "1\r\nx\n",
            "1\r\nx\rx",
            "0\r\n\n",
            "0\r\na: b\n",
            "0\r\n\rx",
            "1;a=\n",
            "1;\0\r\n",
            "ffffffffffffffff\r\n",
            "10000000000000001\r\n",
            "400001\r\n",
        ] {
            assert_eq!(scan(body), REFUSED, "{body:?}");
        }
    }

    #[test]
    fn what_no_client_needs_is_refused() {
        let extension = format!("1;{}\r\n", "x".repeat(255));
        assert_eq!(scan(&extension), REFUSED);
        let zeros = format!("{}1\r\n", "0".repeat(256));
        assert_eq!(scan(&zeros), REFUSED);
        let trailer = format!("0\r\na: {}\r\n\r\n", "x".repeat(1_022));
        assert_eq!(scan(&trailer), REFUSED);
        let mut chunks = Chunks::default();
        let chunk = "1\r\nx\r\n".repeat(1 << 16);
        let scanned = std::iter::repeat_with(|| chunks.scan(chunk.as_bytes()));
        let fitting = scanned.take_while(|found| *found == Scanned::More).count();
        assert_eq!(fitting, 10);
    }
}
