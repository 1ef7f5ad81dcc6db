//! Documents that can be trusted: links lead to files, decision records are complete, rows of the
//! contracts have lasting ids.

use std::collections::BTreeMap;

use crate::markdown::{first_cell, heading, prose, targets};
use crate::tree::{File, Finding, assert_tidy, root, text_files};

const ADR_ROOM: &str = "docs/adr";
const ADR_INDEX: &str = "docs/adr/README.md";
/// Each begins a heading of every decision record.
const ADR_HEADINGS: &[&str] = &["Context", "Decision", "Consequences"];
const SURFACES_ROOM: &str = "docs/surfaces";

#[test]
fn relative_links_lead_to_files() {
    assert_tidy(breaches_of_links(&markdown_files(), &|path| {
        root().join(path).exists()
    }));
}

#[test]
fn decision_records_are_numbered_listed_and_complete() {
    assert_tidy(breaches_of_records(&markdown_files()));
}

#[test]
fn rows_of_the_contracts_have_ids_without_gaps() {
    assert_tidy(breaches_of_rows(&markdown_files()));
}

fn markdown_files() -> Vec<&'static File> {
    text_files()
        .iter()
        .filter(|file| file.path.ends_with(".md"))
        .collect()
}

fn breaches_of_links(files: &[&File], exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (line, text) in prose(&file.text) {
            for target in targets(text).iter().filter(|target| is_relative(target)) {
                let path = target
                    .split(['#', '?'])
                    .next()
                    .unwrap_or_default()
                    .replace("%20", " ");
                let message = match resolve(&file.path, &path) {
                    Some(resolved) if exists(&resolved) => continue,
                    Some(resolved) => format!("link to `{target}`: there is no {resolved}"),
                    None => format!("link to `{target}` leaves the repository"),
                };
                findings.push(Finding::new(&file.path, line, message));
            }
        }
    }
    findings
}

/// Neither `https://…` or `mailto:…`, nor a place in the same document.
fn is_relative(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    let has_scheme = scheme.is_some_and(|scheme| {
        scheme
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "+-.".contains(character))
    });
    !has_scheme && !target.starts_with('#') && !target.starts_with("//") && !target.is_empty()
}

/// The path below the repository that a link in `from` leads to; `None` if it climbs out. A leading
/// `/` stands for the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let (folder, _) = from.rsplit_once('/').unwrap_or_default();
    let start = if target.starts_with('/') { "" } else { folder };
    let mut parts = Vec::new();
    for part in start.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn breaches_of_records(files: &[&File]) -> Vec<Finding> {
    let in_room = |file: &&&File| {
        file.path
            .strip_prefix(ADR_ROOM)
            .is_some_and(|rest| rest.starts_with('/'))
            && file.path != ADR_INDEX
    };
    let index = files
        .iter()
        .find(|file| file.path == ADR_INDEX)
        .map(|file| file.text.as_str());
    let mut findings = Vec::new();
    let mut numbers: BTreeMap<u32, &str> = BTreeMap::new();
    for file in files.iter().filter(in_room) {
        let path = file.path.as_str();
        let name = path.rsplit('/').next().unwrap_or(path);
        match record_number(name) {
            None => findings.push(Finding::new(
                path,
                0,
                "is not named NNNN-title.md, lower case with hyphens",
            )),
            Some(number) => {
                if let Some(other) = numbers.insert(number, path) {
                    findings.push(Finding::new(path, 0, format!("has the number of {other}")));
                }
            }
        }
        match index {
            None => findings.push(Finding::new(
                path,
                0,
                format!("there is no {ADR_INDEX} to list it"),
            )),
            Some(index) if !index.contains(name) => findings.push(Finding::new(
                path,
                0,
                format!("is not listed in {ADR_INDEX}"),
            )),
            Some(_) => {}
        }
        let headings: Vec<&str> = prose(&file.text)
            .into_iter()
            .filter_map(|(_, line)| heading(line))
            .collect();
        for wanted in ADR_HEADINGS
            .iter()
            .filter(|wanted| !headings.iter().any(|heading| heading.starts_with(**wanted)))
        {
            findings.push(Finding::new(path, 0, format!("has no heading `{wanted}`")));
        }
    }
    for ((number, path), expected) in numbers.iter().zip(1..) {
        if *number != expected {
            findings.push(Finding::new(
                path,
                0,
                format!("number {number:04} follows a gap: {expected:04} is missing"),
            ));
            break;
        }
    }
    findings
}

fn record_number(name: &str) -> Option<u32> {
    let (digits, title) = name.strip_suffix(".md")?.split_once('-')?;
    let is_number = digits.len() == 4 && digits.chars().all(|character| character.is_ascii_digit());
    let is_title = !title.is_empty()
        && title.chars().all(|character| {
            character == '-' || character.is_ascii_lowercase() || character.is_ascii_digit()
        });
    digits.parse().ok().filter(|_| is_number && is_title)
}

fn breaches_of_rows(files: &[&File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut rows: BTreeMap<(char, u32), (&str, usize)> = BTreeMap::new();
    for file in files.iter().filter(|file| {
        file.path
            .strip_prefix(SURFACES_ROOM)
            .is_some_and(|rest| rest.starts_with('/'))
    }) {
        for (line, text) in prose(&file.text) {
            let Some((letter, number)) = first_cell(text).and_then(row_id) else {
                continue;
            };
            if let Some((other, other_line)) = rows.get(&(letter, number)) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    format!("row {letter}-{number} stands already at {other}:{other_line}"),
                ));
            } else {
                rows.insert((letter, number), (&file.path, line));
            }
        }
    }
    let mut expected: BTreeMap<char, u32> = BTreeMap::new();
    for ((letter, number), (path, line)) in &rows {
        let next = expected.entry(*letter).or_insert(1);
        if number != next {
            findings.push(Finding::new(
                path,
                *line,
                format!("row {letter}-{number} follows a gap: {letter}-{next} is missing"),
            ));
        }
        *next = number + 1;
    }
    findings
}

/// `M-12`: one capital letter and a number.
fn row_id(cell: &str) -> Option<(char, u32)> {
    let (letter, number) = cell.split_once('-')?;
    let mut letters = letter.chars();
    let first = letters.next().filter(char::is_ascii_uppercase)?;
    let is_id = letters.next().is_none()
        && !number.is_empty()
        && number.chars().all(|character| character.is_ascii_digit());
    number
        .parse()
        .ok()
        .filter(|_| is_id)
        .map(|number| (first, number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    const RECORD: &str = "# 1. Title\n## Context\n## Decision\n## Consequences, good and bad\n";

    fn messages(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "[a](b.md) [c](../README.md#top) [d](#here) [e](https://example.org/x) [f](mailto:a@example.org)\n[g](/docs/b.md) [h](./)\n```\n[i](none.md)\n```\n`[j](none.md)`";
        let exists = |path: &str| ["docs/b.md", "README.md", "docs"].contains(&path);
        assert_eq!(
            breaches_of_links(&[&sample("docs/a.md", text)], &exists),
            []
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let text = "[a](none.md)\n![b](img/none.svg)\n[c]: ../none.md\n[d](../../outside.md)";
        let found = breaches_of_links(&[&sample("docs/a.md", text)], &|_| false);
        let wanted = [
            "docs/a.md:1: link to `none.md`: there is no docs/none.md",
            "docs/a.md:2: link to `img/none.svg`: there is no docs/img/none.svg",
            "docs/a.md:3: link to `../none.md`: there is no none.md",
            "docs/a.md:4: link to `../../outside.md` leaves the repository",
        ];
        assert_eq!(messages(&found), wanted);
    }

    #[test]
    fn complete_records_pass() {
        let index = sample(ADR_INDEX, "- [1](0001-first.md)\n- [2](0002-second-try.md)");
        let records = [
            sample("docs/adr/0001-first.md", RECORD),
            sample("docs/adr/0002-second-try.md", RECORD),
        ];
        assert_eq!(breaches_of_records(&[&index, &records[0], &records[1]]), []);
        assert_eq!(breaches_of_records(&[]), []);
        assert_eq!(breaches_of_records(&[&sample("docs/other.md", "")]), []);
    }

    #[test]
    fn records_that_are_misnamed_doubled_unlisted_or_incomplete_are_found() {
        let index = sample(
            ADR_INDEX,
            "0001-first.md 0001-again.md 0003-third.md First.md",
        );
        let bad = [
            sample("docs/adr/0001-first.md", RECORD),
            sample("docs/adr/0001-again.md", RECORD),
            sample(
                "docs/adr/0003-third.md",
                "# x\n## Context\n```\n## Decision\n```\n",
            ),
            sample("docs/adr/First.md", RECORD),
            sample("docs/adr/0004-unlisted.md", RECORD),
        ];
        let mut files: Vec<&File> = bad.iter().collect();
        files.push(&index);
        let wanted = [
            "docs/adr/0001-again.md: has the number of docs/adr/0001-first.md",
            "docs/adr/0003-third.md: has no heading `Decision`",
            "docs/adr/0003-third.md: has no heading `Consequences`",
            "docs/adr/First.md: is not named NNNN-title.md, lower case with hyphens",
            "docs/adr/0004-unlisted.md: is not listed in docs/adr/README.md",
            "docs/adr/0003-third.md: number 0003 follows a gap: 0002 is missing",
        ];
        assert_eq!(messages(&breaches_of_records(&files)), wanted);
        assert_eq!(breaches_of_records(&[&bad[0]]).len(), 1, "no index");
    }

    #[test]
    fn rows_without_gaps_pass_whatever_their_order() {
        let first = sample(
            "docs/surfaces/mollybet.md",
            "| id | what |\n|---|---|\n| M-2 | b |\n| `M-1` | a |\n| x-9 | no id |\n```\n| M-1 | code |\n```",
        );
        let second = sample(
            "docs/surfaces/xdata.md",
            "| M-3 | c |\n| X-1 | a |\nX-7 in a sentence",
        );
        assert_eq!(
            breaches_of_rows(&[&first, &second, &sample("docs/other.md", "| M-1 | a |")]),
            []
        );
    }

    #[test]
    fn doubled_rows_and_gaps_are_found() {
        let first = sample(
            "docs/surfaces/a.md",
            "| M-1 | a |\n| M-1 | b |\n| M-4 | c |",
        );
        let second = sample("docs/surfaces/b.md", "| M-4 | d |\n| X-2 | e |");
        let wanted = [
            "docs/surfaces/a.md:2: row M-1 stands already at docs/surfaces/a.md:1",
            "docs/surfaces/b.md:1: row M-4 stands already at docs/surfaces/a.md:3",
            "docs/surfaces/a.md:3: row M-4 follows a gap: M-2 is missing",
            "docs/surfaces/b.md:2: row X-2 follows a gap: X-1 is missing",
        ];
        assert_eq!(messages(&breaches_of_rows(&[&first, &second])), wanted);
    }
}
