//! The walk over JSON text: where tokens, members and elements begin and end.
//!
//! It must never decide what is JSON: [`super::json::parse`] walks a body before `serde_json` has judged it. On text
//! that is not JSON a walk yields nonsense, but it moves forward with every token and ends. It keeps no stack and
//! allocates nothing.

use std::fmt;

use memchr::memchr2;

/// One step of a walk. Commas, colons and white space between tokens are passed over.
pub(super) enum Token<'a> {
    /// `{` or `[`
    Open,
    /// `}` or `]`
    Close,
    /// A string with a colon behind it, quotation marks included.
    Key(&'a str),
    /// Any other string, a number, `true`, `false` or `null`.
    Scalar(&'a str),
}

/// Every token of a text, in order.
#[derive(Clone)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What is left, from the next token on.
    fn trimmed(&mut self) -> &'a str {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        let skipped = self.rest.bytes().take_while(is_between).count();
        self.rest = self.rest.get(skipped..).unwrap_or_default();
        self.rest
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.trimmed();
        let first = *text.as_bytes().first()?;
        let length = match first {
            b'{' | b'[' | b'}' | b']' => 1,
            b'"' => string_length(text.as_bytes()),
            _ => text.bytes().position(ends_scalar).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at_checked(length)?;
        self.rest = rest;
        Some(match first {
            b'{' | b'[' => Token::Open,
            b'}' | b']' => Token::Close,
            b'"' if rest.trim_ascii_start().starts_with(':') => Token::Key(token),
            _ => Token::Scalar(token),
        })
    }
}

/// The values directly inside one array or object, each with its name, still quoted, if it has one.
#[derive(Clone, Debug)]
pub(super) struct Children<'a> {
    tokens: Tokens<'a>,
}

impl<'a> Children<'a> {
    /// Those of the one array or object that `text` is; of any other text, none.
    pub(super) fn of(text: &'a str) -> Self {
        let mut tokens = Tokens::of(text);
        // The opening bracket, or all there is.
        tokens.next();
        Self { tokens }
    }

    /// The whole value that begins with `first` at the head of `start`.
    fn value(&mut self, start: &'a str, first: &Token<'a>) -> Option<&'a str> {
        let mut depth = usize::from(matches!(first, Token::Open));
        while depth > 0 {
            match self.tokens.next()? {
                Token::Open => depth += 1,
                Token::Close => depth -= 1,
                Token::Key(_) | Token::Scalar(_) => {}
            }
        }
        start.get(..start.len() - self.tokens.rest.len())
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = (Option<&'a str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.tokens.trimmed();
        match self.tokens.next()? {
            Token::Close => None,
            Token::Key(name) => {
                let start = self.tokens.trimmed();
                let first = self.tokens.next()?;
                Some((Some(name), self.value(start, &first)?))
            }
            first => Some((None, self.value(start, &first)?)),
        }
    }
}

/// The length of the string that opens `bytes`, both quotation marks included; all of it if the string never ends.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(tail) = bytes.get(at..) {
        match memchr2(b'"', b'\\', tail) {
            None => break,
            Some(offset) if tail.get(offset) == Some(&b'"') => return at + offset + 1,
            // A backslash and the byte it escapes, which may itself be a quotation mark.
            Some(offset) => at += offset + 2,
        }
    }
    bytes.len()
}

fn ends_scalar(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"'
    )
}

/// Without the text, which may hold a secret.
impl fmt::Debug for Tokens<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Tokens({} bytes left)", self.rest.len())
    }
}
