//! JSON that no terminal and no reader of lines takes for anything but text.
//!
//! serde_json escapes quotation marks, backslashes and the control characters below U+0020. Here everything else
//! is escaped, too, that moves a cursor, ends a line or turns the direction of writing.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// Appends a value as JSON.
///
/// Errors: none that an entry can cause; writing to memory does not fail.
pub(super) fn write<T: Serialize>(out: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(
        out,
        Plain(CompactFormatter),
    ))
}

struct Plain(CompactFormatter);

impl Formatter for Plain {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, odd) in fragment.char_indices().filter(|(_, c)| is_odd(*c)) {
            writer.write_all(fragment.get(plain..at).unwrap_or_default().as_bytes())?;
            let mut units = [0; 2];
            for unit in odd.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + odd.len_utf8();
        }
        let rest = fragment.get(plain..).unwrap_or_default();
        self.0.write_string_fragment(writer, rest)
    }
}

/// Controls (C0, DEL, C1), line and paragraph separators, marks and overrides of direction, and what is invisible.
fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_a_cursor_or_ends_a_line_is_escaped_and_reads_back() {
        let odd = "a\r\n\u{0}\u{1b}[2J\u{7f}\u{85}\u{9b}31m\u{2028}\u{2029}\u{202e}\u{feff}é\"\\\u{1f600}";
        let mut out = Vec::new();
        write(&mut out, &odd).unwrap();
        let text = std::str::from_utf8(&out).unwrap();
        assert!(!text.chars().any(is_odd), "{text:?}");
        assert!(text.contains("é") && text.contains('\u{1f600}'));
        assert_eq!(serde_json::from_str::<String>(text).unwrap(), odd);
    }
}
