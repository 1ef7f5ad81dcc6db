//! The shape of a source file: it says what it is for, and it is short.

use crate::source::{Token, tokens};
use crate::tree::{File, Finding, assert_tidy, rust_files};

/// Lines with words in the `//!` head of a room: what it is for, what it must never know.
const HEAD_LINES_MIN_OF_ROOM: usize = 2;
/// Lines with words in the `//!` head of any other file.
const HEAD_LINES_MIN: usize = 1;

/// Lines of a file before its test module. Past this, look for the second subject, and split if it
/// can be named.
const LINES_MAX: usize = 450;
/// At least half of the files stay within this.
const LINES_USUAL: usize = 230;
/// Files that may be longer, each with its reason in a comment. One that no longer needs to is
/// found, too.
const LONG: &[&str] = &[];

#[test]
fn every_file_says_what_it_is_for() {
    assert_tidy(breaches_of_heads(&rust_files(&["src"])));
}

#[test]
fn no_file_is_long_and_half_of_them_are_short() {
    assert_tidy(breaches_of_sizes(&rust_files(&["src"]), LONG));
}

fn breaches_of_heads(files: &[&File]) -> Vec<Finding> {
    let breach = |file: &&File| {
        let wanted = if file.path.ends_with("/mod.rs") {
            HEAD_LINES_MIN_OF_ROOM
        } else {
            HEAD_LINES_MIN
        };
        let head = file.text.lines().map_while(|line| line.strip_prefix("//!"));
        let found = head.filter(|line| !line.trim().is_empty()).count();
        let message = format!(
            "begins with {found} line(s) of `//!`, {wanted} are wanted: say what it is for"
        );
        (found < wanted).then(|| Finding::new(&file.path, 1, message))
    };
    files.iter().filter_map(breach).collect()
}

fn breaches_of_sizes(files: &[&File], long: &[&str]) -> Vec<Finding> {
    let sizes: Vec<(&str, usize)> = files
        .iter()
        .filter(|file| !is_test_file(&file.path))
        .map(|file| (file.path.as_str(), production_lines(&file.text)))
        .collect();
    let mut findings = Vec::new();
    for (path, lines) in &sizes {
        let (line, message) = match (*lines > LINES_MAX, long.contains(path)) {
            (true, false) => {
                let message =
                    format!("{lines} lines before the tests, at most {LINES_MAX}: split it");
                (LINES_MAX + 1, message)
            }
            (false, true) => (
                0,
                format!("{lines} lines: no longer needs its place in LONG"),
            ),
            (true, true) | (false, false) => continue,
        };
        findings.push(Finding::new(path, line, message));
    }
    let usual = sizes
        .iter()
        .filter(|(_, lines)| *lines <= LINES_USUAL)
        .count();
    if usual * 2 < sizes.len() {
        findings.push(Finding::new(
            "src",
            0,
            format!(
                "only {usual} of {} files have at most {LINES_USUAL} lines; at least half should",
                sizes.len()
            ),
        ));
    }
    findings
}

/// Files that are tests as a whole, declared by `#[cfg(test)] mod tests;`.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Lines before the first inline module under `#[cfg(test)]`; all lines if there is none.
fn production_lines(text: &str) -> usize {
    let tokens = tokens(text);
    (0..tokens.len())
        .find_map(|at| test_module_at(tokens.get(at..)?))
        .map_or_else(|| text.lines().count(), |line| line - 1)
}

/// The line of `#[cfg(test)]` if the tokens begin with it and an inline module follows, other
/// attributes and `pub` between them or not.
fn test_module_at(tokens: &[Token<'_>]) -> Option<usize> {
    let (head, mut rest) = tokens.split_at_checked(7)?;
    if !head
        .iter()
        .zip(["#", "[", "cfg", "(", "test", ")", "]"])
        .all(|(token, wanted)| token.is(wanted))
    {
        return None;
    }
    while rest.first().is_some_and(|token| token.is("#")) {
        let end = rest.iter().position(|token| token.is("]"))?;
        rest = rest.get(end + 1..)?;
    }
    let module = rest
        .iter()
        .take_while(|token| !token.is("{") && !token.is(";"))
        .any(|token| token.is("mod"));
    let inline = rest
        .iter()
        .find(|token| token.is("{") || token.is(";"))
        .is_some_and(|token| token.is("{"));
    (module && inline)
        .then(|| head.first().map(|token| token.line))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    #[test]
    fn a_room_has_a_head_of_two_lines_and_any_other_file_one() {
        let good = [
            sample("src/a/mod.rs", "//! One.\n//!\n//! Two.\nfn f() {}"),
            sample("src/a/b.rs", "//! One.\nfn f() {}"),
        ];
        assert_eq!(breaches_of_heads(&good.each_ref()), []);
        for bad in ["", "fn f() {}", "\n//! One.", "// One.", "#![x]\n//! One."] {
            assert_eq!(
                breaches_of_heads(&[&sample("src/a.rs", bad)]).len(),
                1,
                "{bad}"
            );
        }
        let short = sample("src/a/mod.rs", "//! One.\n//!\nfn f() {}");
        assert_eq!(breaches_of_heads(&[&short]).len(), 1);
    }

    #[test]
    fn lines_are_counted_up_to_the_test_module() {
        assert_eq!(production_lines("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(
            production_lines("a\n#[cfg(test)]\n#[allow(x)]\npub(crate) mod tests {\n}\n"),
            1
        );
        assert_eq!(production_lines("a\n#[cfg(test)]\nmod tests;\nb\n"), 4);
        assert_eq!(production_lines("#[cfg(test)]\nuse a::b;\nfn f() {}\n"), 3);
        assert_eq!(
            production_lines("// #[cfg(test)] mod tests {\nfn f() {}\n"),
            2
        );
        assert_eq!(production_lines("#[cfg(not(test))]\nmod a {\n}\n"), 3);
        assert_eq!(production_lines(""), 0);
    }

    #[test]
    fn long_files_are_found_and_tests_do_not_count() {
        let long = sample("src/a.rs", &"x\n".repeat(LINES_MAX + 1));
        let short = sample(
            "src/b.rs",
            &format!(
                "x\n#[cfg(test)]\nmod tests {{\n{}}}",
                "x\n".repeat(LINES_MAX)
            ),
        );
        let tests = sample("src/b/tests.rs", &"x\n".repeat(LINES_MAX + 1));
        let found = breaches_of_sizes(&[&long, &short, &tests], &[]);
        assert_eq!(
            found
                .iter()
                .map(|finding| finding.path.as_str())
                .collect::<Vec<_>>(),
            ["src/a.rs"]
        );
        assert_eq!(breaches_of_sizes(&[&long, &short], &["src/a.rs"]), []);
        assert_eq!(breaches_of_sizes(&[&short], &["src/b.rs"]).len(), 1);
    }

    #[test]
    fn half_of_the_files_must_be_short() {
        let [first, second] =
            ["src/a.rs", "src/b.rs"].map(|path| sample(path, &"x\n".repeat(LINES_USUAL + 1)));
        let [third, fourth] =
            ["src/c.rs", "src/d.rs"].map(|path| sample(path, &"x\n".repeat(LINES_USUAL)));
        assert_eq!(
            breaches_of_sizes(&[&first, &second, &third, &fourth], &[]),
            []
        );
        assert_eq!(breaches_of_sizes(&[&first, &second, &third], &[]).len(), 1);
        assert_eq!(breaches_of_sizes(&[], &[]), []);
    }
}
