//! Rows and cases: every row of a contract has a case, and every case names rows that exist.
//!
//! A row is a line `| M-12 | …` of a table in `docs/surfaces/<surface>.md`. A case is a `#[test]` below
//! `tests/contract/<surface>/` (or in `tests/contract/<surface>.rs`) whose first statement is
//! `rows!("M-12", …);`. The macro also prints the ids, so that a failing case shows which rows it is
//! about: `tests/breakage` reads them there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Names the rows that a case is about; the first statement of the case.
macro_rules! rows {
    ($($id:literal),+ $(,)?) => {
        println!("rows: {}", [$($id),+].join(" "))
    };
}

const DOCUMENTS: &str = "docs/surfaces";
const CASES: &str = "tests/contract";
const MUTATIONS: &str = "tests/breakage.d";
/// This file, where the macro's name stands for other reasons.
const HERE: &str = "tests/contract/rows.rs";
/// The pieces of the patterns, apart so that no pattern is found in this file's own text.
const TEST: &str = "#[test]";
const CALL: &str = "rows!(";

/// A text and its path below the repository.
struct File {
    path: String,
    text: String,
}

/// What a file of cases holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    cases: usize,
    rows: BTreeSet<String>,
    faults: Vec<String>,
}

#[test]
fn every_row_has_a_case_and_every_case_a_row() {
    let documents = files(DOCUMENTS, "md");
    let cases = files(CASES, "rs");
    let (counts, faults) = judge(&documents, &cases);
    for (surface, rows, cases) in counts {
        println!("{surface}: {rows} rows, {cases} cases");
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// A mutation of `tests/breakage` whose text is gone shows here, and not only when they are all run.
#[test]
fn every_mutation_fits_the_source_and_names_rows() {
    let rows: BTreeSet<String> = files(DOCUMENTS, "md")
        .iter()
        .flat_map(|document| row_ids(&document.text))
        .collect();
    let mut faults = Vec::new();
    for list in files(MUTATIONS, "toml") {
        let entries: toml::Table = toml::from_str(&list.text).unwrap();
        for (entry, number) in entries["mutation"].as_array().unwrap().iter().zip(1..) {
            let field = |name: &str| entry[name].as_str().unwrap();
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(field("file"));
            let text = fs::read_to_string(path).unwrap_or_default();
            let count = text.matches(field("find")).count();
            if count != 1 {
                let file = field("file");
                let fault = format!("its text stands {count} times in {file}");
                faults.push(format!("{}: mutation {number}: {fault}", list.path));
            }
            let named = entry["rows"].as_array().unwrap();
            for id in named.iter().map(|id| id.as_str().unwrap()) {
                if !rows.contains(id) {
                    faults.push(format!(
                        "{}: mutation {number}: there is no row {id}",
                        list.path
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// Rows and cases of each surface, and everything that is wrong.
fn judge(documents: &[File], cases: &[File]) -> (Vec<(String, usize, usize)>, Vec<String>) {
    let mut faults = Vec::new();
    let mut documented: BTreeMap<String, &str> = BTreeMap::new();
    for document in documents {
        for id in row_ids(&document.text) {
            documented.insert(id, &document.path);
        }
    }
    let surfaces: Vec<String> = documents.iter().map(|file| stem(&file.path)).collect();
    let mut cases_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for file in cases.iter().filter(|file| file.path != HERE) {
        let surface = surfaces.iter().find(|surface| is_of(&file.path, surface));
        let found = scan(file, surface.is_some());
        faults.extend(found.faults);
        for id in &found.rows {
            if !documented.contains_key(id) {
                faults.push(format!("{}: there is no row {id}", file.path));
            }
        }
        named.extend(found.rows);
        *cases_of
            .entry(surface.map_or("", String::as_str))
            .or_default() += found.cases;
    }
    for (id, document) in &documented {
        if !named.contains(id) {
            faults.push(format!("{document}: row {id} has no case"));
        }
    }
    let count = |surface: &String| {
        let path = format!("{DOCUMENTS}/{surface}.md");
        let rows = documented.values().filter(|d| **d == path).count();
        let cases = cases_of.get(surface.as_str()).copied().unwrap_or_default();
        (surface.clone(), rows, cases)
    };
    (surfaces.iter().map(count).collect(), faults)
}

/// The ids in the first cells of the tables of a document.
fn row_ids(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut ids = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        let cell = line
            .strip_prefix('|')
            .and_then(|rest| rest.split_once('|'))
            .map(|(cell, _)| cell.trim().trim_matches('`'));
        ids.extend(cell.filter(|c| !fenced && is_id(c)).map(str::to_owned));
    }
    ids
}

/// `M-12`: one capital letter and a number.
fn is_id(text: &str) -> bool {
    let Some((letter, number)) = text.split_once('-') else {
        return false;
    };
    letter.len() == 1
        && letter.bytes().all(|b| b.is_ascii_uppercase())
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// Reads the cases of a file. `strict`: each must name rows.
fn scan(file: &File, strict: bool) -> Found {
    let mut found = Found::default();
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let mut allowed = BTreeSet::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, l)| **l == TEST) {
        found.cases += 1;
        let signature = (at..lines.len()).find(|&n| lines[n].starts_with("fn "));
        let Some(signature) = signature else { continue };
        let name = lines[signature].trim_start_matches("fn ");
        let name = name.split('(').next().unwrap_or_default();
        match lines.get(signature + 1) {
            Some(first) if first.starts_with(CALL) => {
                allowed.insert(signature + 1);
                let call = lines[signature + 1..].join(" ");
                let call = call.split(')').next().unwrap_or_default();
                let ids = call.split('"').skip(1).step_by(2).map(str::to_owned);
                found.rows.extend(ids);
            }
            _ if strict => found.faults.push(format!(
                "{}:{}: {name} does not begin with {CALL}…)",
                file.path,
                signature + 1
            )),
            _ => {}
        }
    }
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with(CALL) && !allowed.contains(&at) {
            found.faults.push(format!(
                "{}:{}: {CALL}…) is not the first statement of a test",
                file.path,
                at + 1
            ));
        }
    }
    found
}

fn stem(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name).to_owned()
}

/// Whether a file of cases belongs to a surface.
fn is_of(path: &str, surface: &str) -> bool {
    path.strip_prefix(CASES)
        .and_then(|rest| rest.strip_prefix('/')?.strip_prefix(surface))
        .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// The files below a directory of the repository whose names end in `.extension`, in order.
fn files(directory: &str, extension: &str) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{directory}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if path.ends_with(&format!(".{extension}")) {
                let text = fs::read_to_string(entry.path()).unwrap();
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn sample(path: &str, text: &str) -> File {
    File {
        path: path.into(),
        text: text.into(),
    }
}

#[test]
fn complete_cases_pass_and_are_counted() {
    let documents = [sample(
        "docs/surfaces/a.md",
        "| id | rule |\n|---|---|\n| M-1 | x |\n| M-2 | y |\n```\n| M-3 | code |\n```\n",
    )];
    let cases = [
        sample(
            "tests/contract/a/b.rs",
            &format!("{TEST}\nfn one() {{\n    {CALL}\"M-1\", \"M-2\");\n}}\n"),
        ),
        sample(
            "tests/contract/other.rs",
            &format!("{TEST}\nfn free() {{}}\n"),
        ),
    ];
    let (counts, faults) = judge(&documents, &cases);
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(counts, [("a".to_owned(), 2, 1)]);
}

#[test]
fn missing_cases_unknown_rows_and_calls_out_of_place_are_found() {
    let documents = [sample("docs/surfaces/a.md", "| M-1 | x |\n| M-2 | y |\n")];
    let text = format!(
        "{TEST}\nfn one() {{\n    {CALL}\n        \"M-1\",\n        \"M-9\",\n    );\n}}\n\
         {TEST}\nfn two() {{\n    let x = 1;\n    {CALL}\"M-1\");\n}}\n"
    );
    let (_, faults) = judge(&documents, &[sample("tests/contract/a.rs", &text)]);
    let wanted = [
        "tests/contract/a.rs:9: two does not begin with rows!(…)",
        "tests/contract/a.rs:11: rows!(…) is not the first statement of a test",
        "tests/contract/a.rs: there is no row M-9",
        "docs/surfaces/a.md: row M-2 has no case",
    ];
    assert_eq!(faults, wanted);
}
