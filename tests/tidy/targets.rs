//! Two ways to feed one function: every fuzz target calls what `./check` feeds, under the same name, and has a
//! corpus. `fuzz/` is a workspace of its own, which nothing here builds.

use std::collections::BTreeSet;

use crate::source::tokens;
use crate::tree::{File, Finding, assert_tidy, root, text_files};

const LIST: &str = "tests/hostile/targets/mod.rs";
const MANIFEST: &str = "fuzz/Cargo.toml";
const TARGETS: &str = "fuzz/fuzz_targets/";
const CORPUS: &str = "fuzz/corpus";
/// The target that is fed to `tests/model`, and so is not in the list.
const OF_THE_MODEL: &str = "commands";

#[test]
fn every_fuzz_target_calls_what_the_tests_feed() {
    assert_tidy(breaches(text_files(), &|target| {
        let folder = root().join(CORPUS).join(target);
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }));
}

fn breaches(files: &[File], corpus: &dyn Fn(&str) -> usize) -> Vec<Finding> {
    let text = |path: &str| {
        let file = files.iter().find(|file| file.path == path);
        file.map_or("", |file| file.text.as_str())
    };
    let listed: BTreeSet<String> = text(LIST)
        .lines()
        .filter_map(|line| line.trim().strip_prefix("name: \"")?.strip_suffix("\","))
        .map(str::to_owned)
        .chain([OF_THE_MODEL.to_owned()])
        .collect();
    let mut findings = Vec::new();
    let mut find = |path: &str, message: String| findings.push(Finding::new(path, 0, message));
    for file in files.iter().filter(|file| file.path.starts_with(TARGETS)) {
        let name = file.path.strip_prefix(TARGETS).unwrap_or_default();
        let name = name.strip_suffix(".rs").unwrap_or(name);
        if !listed.contains(name) {
            find(&file.path, format!("{LIST} has no target {name}"));
        }
    }
    for name in &listed {
        let path = format!("{TARGETS}{name}.rs");
        let source = text(&path);
        if source.is_empty() {
            find(&path, "there is no such fuzz target".into());
            continue;
        }
        let call = match name.as_str() {
            OF_THE_MODEL => "Trial::play".to_owned(),
            name => format!("targets::{name}::run"),
        };
        if crate::source::lines_with(&tokens(source), &call).is_empty() {
            find(&path, format!("does not call {call}"));
        }
        let bin = format!("path = \"fuzz_targets/{name}.rs\"");
        if !text(MANIFEST).contains(&bin) {
            find(MANIFEST, format!("has no binary with {bin}"));
        }
        if corpus(name) == 0 {
            find(&format!("{CORPUS}/{name}"), "holds no input".into());
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn files(of_a: &str) -> Vec<File> {
        vec![
            sample(LIST, "    Target {\n        name: \"a\",\n    },\n"),
            sample("fuzz/fuzz_targets/a.rs", of_a),
            sample("fuzz/fuzz_targets/commands.rs", "Trial::play(x)"),
            sample(
                MANIFEST,
                "path = \"fuzz_targets/a.rs\"\npath = \"fuzz_targets/commands.rs\"\n",
            ),
        ]
    }

    #[test]
    fn a_target_that_calls_its_function_and_has_a_corpus_passes() {
        let files = files("fuzz_target!(|b| { targets::a::run(b); });");
        assert_eq!(breaches(&files, &|_| 1), []);
        assert_eq!(breaches(&files, &|name| usize::from(name != "a")).len(), 1);
    }

    #[test]
    fn what_is_missing_or_calls_something_else_is_found() {
        assert_eq!(breaches(&files("targets::b::run(x)"), &|_| 1).len(), 1);
        assert_eq!(breaches(&files("// targets::a::run(x)"), &|_| 1).len(), 1);
        let mut without = files("targets::a::run(x)");
        without.remove(1);
        assert_eq!(breaches(&without, &|_| 1).len(), 1);
        let mut more = files("targets::a::run(x)");
        more.push(sample("fuzz/fuzz_targets/c.rs", "targets::c::run(x)"));
        assert_eq!(breaches(&more, &|_| 1).len(), 1);
    }
}
