//! References that can be followed: every rule (`R3`, `I4`), decision (`ADR 5`) and contract row
//! (`M-12`) that a comment in `src` names is written down in `docs/`.

use std::collections::BTreeSet;

use crate::markdown::first_cell;
use crate::tree::{File, Finding, assert_tidy, rust_files, text_files};

#[test]
fn a_rule_that_is_named_is_written_down() {
    let documents = text_files()
        .iter()
        .filter(|file| file.path.starts_with("docs/"));
    let known = ids(&documents.collect::<Vec<_>>());
    assert_tidy(breaches(&rust_files(&["src"]), &known));
}

/// First cells of all tables, and the numbers of the decision records.
fn ids(documents: &[&File]) -> BTreeSet<String> {
    let cells = documents
        .iter()
        .flat_map(|file| file.text.lines())
        .filter_map(first_cell);
    let records = documents
        .iter()
        .filter_map(|file| file.path.strip_prefix("docs/adr/0"));
    let records = records.filter_map(|name| name.split('-').next()?.parse::<u32>().ok());
    cells
        .map(str::to_owned)
        .chain(records.map(|number| format!("ADR {number}")))
        .collect()
}

fn breaches(files: &[&File], known: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (at, line) in file.text.lines().enumerate() {
            let Some((_, comment)) = line.split_once("//") else {
                continue;
            };
            for id in named(comment) {
                if !known.contains(&id) {
                    let message = format!("names {id}, which no table or record in docs/ has");
                    findings.push(Finding::new(&file.path, at + 1, message));
                }
            }
        }
    }
    findings
}

/// `R` or `I` and a number, `M-`, `X-`, `V-`, `C-` or `G-` and a number, `ADR` and a number.
fn named(comment: &str) -> Vec<String> {
    let words: Vec<_> = comment
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| !word.is_empty())
        .collect();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let mut found = Vec::new();
    for (word, next) in words.iter().zip(words.iter().skip(1).chain([&""])) {
        let prefixes = ["R", "I", "M-", "X-", "V-", "C-", "G-"];
        if prefixes
            .iter()
            .any(|p| word.strip_prefix(p).is_some_and(number))
        {
            found.push((*word).to_owned());
        }
        if *word == "ADR" && number(next) {
            found.push(format!("ADR {next}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_other_words() {
        assert_eq!(
            named("see R3, (I4), C-3 and M-12; ADR 5."),
            ["R3", "I4", "C-3", "M-12", "ADR 5"]
        );
        assert_eq!(
            named("RFC 6238, SHA-1, R, I am, C3, C, X-Sessile-Touch, ADR"),
            [""; 0]
        );
    }

    #[test]
    fn what_is_not_written_down_is_found() {
        let file = File {
            path: "src/a.rs".into(),
            text: "// R1\n/// R2\nfn r3() {}\n".into(),
        };
        let known = BTreeSet::from(["R1".to_owned()]);
        assert_eq!(breaches(&[&file], &known).len(), 1);
    }
}
