//! No trace of the machine a file was written on: the repository must build and read the same
//! everywhere.

use crate::tree::{File, Finding, assert_tidy, text_files};

/// What may not be written in any file, in pieces so that this file does not break its own rule.
fn words() -> Vec<String> {
    let paths: [&[&str]; 3] = [&["/wo", "rk/"], &["/ro", "ot/"], &["/tmp/bash", "_jobs"]];
    let hosts: [&[&str]; 7] = [
        &["https://crates", ".io"],
        &["https://static.", "crates.io"],
        &["index.", "crates.io"],
        &["pypi", ".org"],
        &["files.python", "hosted.org"],
        &["registry.", "npmjs.org"],
        &["deb.", "debian.org"],
    ];
    paths
        .iter()
        .chain(&hosts)
        .map(|pieces| pieces.concat())
        .collect()
}

/// How the lock file names the default registry; written by cargo, the same on every machine.
const LOCK_FILE_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn no_file_tells_where_it_was_made() {
    assert_tidy(breaches(text_files()));
}

fn breaches(files: &[File]) -> Vec<Finding> {
    let words = words();
    let mut findings = Vec::new();
    for file in files {
        for (line, number) in file.text.lines().zip(1..) {
            if file.path == "Cargo.lock" && line.contains(LOCK_FILE_SOURCE) {
                continue;
            }
            let line = line.to_ascii_lowercase();
            for word in words.iter().filter(|word| stands_in(&line, word)) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("`{word}` is a path of one machine or a package registry host"),
                ));
            }
        }
    }
    findings
}

/// A path counts only where it begins: `$HOME/work/` and `docs/work/` name other places.
fn stands_in(line: &str, word: &str) -> bool {
    let begins_anew = |before: &str| {
        !before.ends_with(|last: char| last.is_ascii_alphanumeric() || "._-~*})".contains(last))
    };
    line.match_indices(word)
        .any(|(at, _)| !word.starts_with('/') || line.get(..at).is_some_and(begins_anew))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    #[test]
    fn every_word_is_found_at_its_line() {
        for word in words() {
            for text in [
                format!("a\nsee {word}x"),
                format!("a\n\"{word}\""),
                format!("a\n{word}"),
                format!("a\n{}", word.to_uppercase()),
            ] {
                let found = breaches(&[sample("docs/a.md", &text)]);
                assert!(
                    found
                        .iter()
                        .any(|finding| finding.line == 2 && finding.message.contains(&word)),
                    "{text}"
                );
            }
        }
        assert_eq!(
            breaches(&[sample("a.txt", &["file://", "/wo", "rk/x"].concat())]).len(),
            1
        );
    }

    #[test]
    fn other_places_and_the_lock_file_pass() {
        for text in [
            "$HOME/work/x",
            "docs/work/x",
            "the work/life room",
            "/var/lib/sessile/",
            "../root/x",
            "crates on the registry",
            "/tmp/x",
        ] {
            assert_eq!(breaches(&[sample("docs/a.md", text)]), [], "{text}");
        }
        let source = format!("source = \"{LOCK_FILE_SOURCE}\"");
        assert_eq!(breaches(&[sample("Cargo.lock", &source)]), []);
        let other = format!(
            "source = \"sparse+https://{}/\"",
            ["index.", "crates.io"].concat()
        );
        assert_eq!(breaches(&[sample("Cargo.lock", &other)]).len(), 1);
    }
}
