//! Claims that can be checked: what `docs/SECURITY.md` says is shown by a test is shown by one that exists.
//!
//! A test is named as a code span `path.rs::function`, a whole file as `path`. The last cell of a row of a table
//! whose last column is `shown by` is its evidence: at least one test, file or link, or a word that admits there
//! is none.

use std::collections::BTreeSet;

use crate::markdown::{first_cell, prose, targets};
use crate::source::{Kind, tokens};
use crate::tree::{File, Finding, assert_tidy, root, text_files};

const DOCUMENT: &str = "docs/SECURITY.md";
/// What a row says that has nothing to show; what follows says why.
const ADMISSIONS: [&str; 3] = ["not met:", "in part:", "n/a:"];
/// The last column of a table of claims.
const SHOWN: &str = "shown by";
/// The cases that were taken from others' incidents: C1 to this one.
const CASES: u32 = 22;

#[test]
fn the_security_document_names_tests_that_exist() {
    let document = text_files().iter().find(|file| file.path == DOCUMENT);
    let document = document.unwrap_or_else(|| panic!("there is no {DOCUMENT}"));
    assert_tidy(breaches(document, text_files(), &|path| {
        root().join(path).exists()
    }));
}

fn breaches(document: &File, files: &[File], exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut cases = BTreeSet::new();
    // Of the table that is read: whether its rows are claims.
    let mut claims = None;
    let mut find = |line, message| findings.push(Finding::new(&document.path, line, message));
    for (line, text) in prose(&document.text) {
        for span in spans(text) {
            if let Some(message) = wrong(span, files, exists) {
                find(line, message);
            }
        }
        let cells: Vec<_> = cells(text);
        let Some(last) = cells.last() else {
            claims = None;
            continue;
        };
        // The first row of a table names its columns, the second draws a line.
        let Some(claimed) = claims else {
            claims = Some(*last == SHOWN);
            continue;
        };
        if !claimed || last.starts_with("---") {
            continue;
        }
        let shown = spans(last).any(is_place) || !targets(last).is_empty();
        let admitted = ADMISSIONS.iter().any(|word| last.starts_with(word));
        if !shown && !admitted {
            let words = ADMISSIONS.map(|word| format!("`{word}`")).join(", ");
            let message = format!(
                "the last cell shows nothing: name a test, a file or a document, or begin with {words}"
            );
            find(line, message);
        }
        if let Some(case) = first_cell(text).and_then(case_of) {
            cases.insert(case);
            let tested = spans(last).any(|span| span.contains("::"));
            if !tested && !admitted {
                find(line, format!("C{case} names no test"));
            }
        }
    }
    for case in (1..=CASES).filter(|case| !cases.contains(case)) {
        find(0, format!("C{case} has no row"));
    }
    findings
}

/// What is wrong with a code span, if it names a place.
fn wrong(span: &str, files: &[File], exists: &dyn Fn(&str) -> bool) -> Option<String> {
    if !is_place(span) {
        return None;
    }
    let (path, function) = match span.split_once("::") {
        Some((path, function)) => (path, Some(function)),
        None => (span, None),
    };
    let path = path.split_whitespace().next().unwrap_or(path);
    if !exists(path) {
        return Some(format!("`{span}`: there is no {path}"));
    }
    let function = function?;
    let file = files.iter().find(|file| file.path == path);
    let known = file.is_some_and(|file| has_test(file, function));
    (!known).then(|| format!("`{span}`: {path} has no such test"))
}

/// Whether a code span names a place in this repository.
fn is_place(span: &str) -> bool {
    let rooms = [
        "tests/",
        "src/",
        "fuzz/",
        "docs/",
        "snapshots/",
        "./",
        "deny.toml",
    ];
    rooms.iter().any(|room| span.starts_with(room))
}

/// Whether a file defines a function of this name, itself or by a macro that lists `name: function;`.
fn has_test(file: &File, function: &str) -> bool {
    let tokens = tokens(&file.text);
    tokens.windows(3).any(|three| {
        let [before, name, behind] = three else {
            return false;
        };
        let named = name.kind == Kind::Word && name.text == function;
        named && (before.is("fn") || (before.is(":") && behind.is(";")))
    })
}

/// The code spans of a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The cells of a table row; nothing for any other line.
fn cells(line: &str) -> Vec<&str> {
    let bare = line.trim();
    let inside = bare.strip_prefix('|').and_then(|row| row.strip_suffix('|'));
    inside.map_or_else(Vec::new, |row| row.split('|').map(str::trim).collect())
}

/// The number of `C12`.
fn case_of(cell: &str) -> Option<u32> {
    cell.strip_prefix('C')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn found(rows: &str) -> Vec<String> {
        let head = "| id | what | shown by |\n|---|---|---|\n";
        let others: String = (1..=CASES)
            .map(|case| format!("| C{case} | x | `tests/a.rs::b` |\n"))
            .collect();
        let document = sample(DOCUMENT, &format!("{head}{rows}\n\n{head}{others}"));
        let tests = [
            sample(
                "tests/a.rs",
                "#[test]\nfn b() {}\nfed! { x: made_by_a_macro; }",
            ),
            sample("docs/b.md", ""),
        ];
        let exists = |path: &str| tests.iter().any(|file| file.path == path);
        let findings = breaches(&document, &tests, &exists);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_exists_is_taken_and_an_admission_needs_no_test() {
        for row in [
            "| 1 | a | `tests/a.rs::b` |",
            "| 1 | a | `tests/a.rs::made_by_a_macro` |",
            "| 1 | a | `docs/b.md`, and `/auth/verify` |",
            "| 1 | a | [there](b.md) |",
            "| 1 | a | not met: nobody asked |",
            "| 1 | a | n/a: there is none |",
            "Text names `tests/a.rs::b`, too.",
            "\n| who | can |\n|---|---|\n| he | nothing |",
        ] {
            assert_eq!(found(row), [""; 0], "{row}");
        }
    }

    #[test]
    fn what_does_not_exist_or_shows_nothing_is_found() {
        for (row, wanted) in [
            ("| 1 | a | `tests/a.rs::c` |", "has no such test"),
            ("| 1 | a | `tests/c.rs::b` |", "there is no tests/c.rs"),
            ("| 1 | a | `tests/c.rs` |", "there is no tests/c.rs"),
            ("| 1 | a | it is so |", "shows nothing"),
            ("| 1 | a | `word` |", "shows nothing"),
            ("Text names `src/none.rs`.", "there is no src/none.rs"),
            ("| C7 | a | `docs/b.md` |", "C7 names no test"),
        ] {
            let found = found(row);
            assert!(
                found.len() == 1 && found[0].contains(wanted),
                "{row}: {found:?}"
            );
        }
        let none = breaches(&sample(DOCUMENT, ""), &[], &|_| true);
        assert_eq!(none.len(), usize::try_from(CASES).unwrap());
    }
}
