//! Rust source as tokens, without comments and with string literals kept closed: what stands in
//! either never breaks a rule.
//!
//! Not a full lexer: it knows just enough to say where comments, literals, words and `::` begin and
//! end.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword; a raw identifier without its `r#`.
    Word,
    /// A string, character, number or lifetime. Rules do not look inside.
    Literal,
    /// `::`, or any other single character.
    Mark,
}

/// A token and the line it begins on, counted from 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }
}

/// Cuts source text into tokens. Unterminated comments and literals reach to the end of the text.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (length, kind) = measure(rest, first);
        let (token, tail) = rest.split_at(length);
        if let Some(kind) = kind {
            found.push(Token {
                kind,
                text: token
                    .strip_prefix("r#")
                    .filter(|_| kind == Kind::Word)
                    .unwrap_or(token),
                line,
            });
        }
        line += token.matches('\n').count();
        rest = tail;
    }
    found
}

/// The lines on which a sequence of tokens, written as source text, begins.
pub(crate) fn lines_with(tokens: &[Token<'_>], pattern: &str) -> Vec<usize> {
    let pattern = self::tokens(pattern);
    let matches = |window: &[Token<'_>]| {
        window
            .iter()
            .zip(&pattern)
            .all(|(token, wanted)| token.is(wanted.text))
    };
    tokens
        .windows(pattern.len().max(1))
        .filter(|window| matches(window))
        .filter_map(|window| window.first())
        .map(|token| token.line)
        .collect()
}

/// Length in bytes of what stands at the start of `rest`, and its kind; no kind for blanks and
/// comments.
fn measure(rest: &str, first: char) -> (usize, Option<Kind>) {
    if first.is_whitespace() {
        return (first.len_utf8(), None);
    }
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), None);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), None);
    }
    if let Some(length) = literal(rest) {
        return (length, Some(Kind::Literal));
    }
    if let Some(length) = word(rest.strip_prefix("r#").unwrap_or(rest)) {
        let prefix = if rest.starts_with("r#") { 2 } else { 0 };
        return (prefix + length, Some(Kind::Word));
    }
    if rest.starts_with("::") {
        return (2, Some(Kind::Mark));
    }
    (first.len_utf8(), Some(Kind::Mark))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(tail) = rest.get(at..) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            match tail.chars().next() {
                Some(other) => at += other.len_utf8(),
                None => break,
            }
        }
    }
    rest.len()
}

/// Length of the string, character, lifetime or number at the start of `rest`.
fn literal(rest: &str) -> Option<usize> {
    let marked = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let mark = rest.len() - marked.len();
    if let Some(raw) = marked.strip_prefix('r') {
        let quoted = raw.trim_start_matches('#');
        if let Some(body) = quoted.strip_prefix('"') {
            let hashes = raw.len() - quoted.len();
            let end = format!("\"{}", "#".repeat(hashes));
            return Some(
                body.find(&end)
                    .map_or(rest.len(), |at| mark + 1 + hashes + 1 + at + end.len()),
            );
        }
    }
    if marked.starts_with('"') || (mark == 1 && rest.starts_with("b'")) {
        return Some(mark + quoted(marked));
    }
    if let Some(body) = rest.strip_prefix('\'') {
        let mut characters = body.chars();
        let (first, second) = (characters.next(), characters.next());
        if first == Some('\\') || second == Some('\'') {
            return Some(quoted(rest));
        }
        return Some(1 + word(body).unwrap_or(0));
    }
    if rest.starts_with(|first: char| first.is_ascii_digit()) {
        return Some(
            rest.find(|other: char| other != '_' && !other.is_ascii_alphanumeric())
                .unwrap_or(rest.len()),
        );
    }
    None
}

/// Length of a literal that ends at the next quote like its first character, backslashes shielding
/// what follows them.
fn quoted(rest: &str) -> usize {
    let mut characters = rest.char_indices();
    let Some((_, quote)) = characters.next() else {
        return 0;
    };
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + quote.len_utf8();
        }
    }
    rest.len()
}

fn word(rest: &str) -> Option<usize> {
    let begins = |first: char| first == '_' || first.is_alphabetic();
    let goes_on = |other: char| other == '_' || other.is_alphanumeric();
    rest.starts_with(begins)
        .then(|| rest.find(|other| !goes_on(other)).unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text)
            .into_iter()
            .filter(|token| token.kind == Kind::Word)
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn comments_hold_no_words() {
        assert_eq!(
            words("a // b\nc /* d /* e */ f */ g //! h\n/// i\nj"),
            ["a", "c", "g", "j"]
        );
        assert_eq!(words("a /* never closed"), ["a"]);
    }

    #[test]
    fn literals_hold_no_words() {
        assert_eq!(
            words(r##"a "b \" c" d r"e \" f r#"g " h"# i b"j" k c"l" m br#"n"# o"##),
            ["a", "d", "f", "i", "k", "m", "o"]
        );
        assert_eq!(
            words(r"a 'b' c '\'' d '\u{1F600}' e b'f' g 'é' h"),
            ["a", "c", "d", "e", "g", "h"]
        );
        assert_eq!(words("a \"// b\" c"), ["a", "c"]);
        assert_eq!(words("a \"never closed"), ["a"]);
    }

    #[test]
    fn lifetimes_are_no_characters_and_numbers_no_words() {
        assert_eq!(
            words("fn f<'a>(x: &'a str) -> &'static str"),
            ["fn", "f", "x", "str", "str"]
        );
        assert_eq!(words("1_000u64 + 0xfe .. 2"), Vec::<&str>::new());
    }

    #[test]
    fn words_that_begin_like_a_literal_stay_words() {
        assert_eq!(
            words("r b br c rand r#type crate b2"),
            ["r", "b", "br", "c", "rand", "type", "crate", "b2"]
        );
    }

    #[test]
    fn lines_are_counted_through_comments_and_literals() {
        let text = "/* 1\n2 */ a\n\"3\n4\" b\n// 5\nc";
        let lines: Vec<usize> = tokens(text)
            .iter()
            .filter(|token| token.kind == Kind::Word)
            .map(|token| token.line)
            .collect();
        assert_eq!(lines, [2, 4, 6]);
    }

    #[test]
    fn a_sequence_is_found_whatever_blanks_stand_in_it() {
        let found = tokens("x\n# [ /* why */ ignore ]\n#[ignored]\n\"#[ignore]\"");
        assert_eq!(lines_with(&found, "#[ignore"), [2]);
        assert_eq!(lines_with(&found, "todo!("), Vec::<usize>::new());
        assert_eq!(lines_with(&[], "todo!("), Vec::<usize>::new());
    }
}
