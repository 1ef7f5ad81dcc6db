//! The paths a source file names, resolved as far as the file itself can tell.
//!
//! `crate::`, `self::` and `super::` are resolved against the place of the file and its inline
//! modules, `use` groups are unfolded, and a path that begins with an imported name gets that
//! import's full path. What comes in by a glob is not followed; a rule sees the glob itself.

use std::collections::HashMap;

use crate::source::{Kind, Token, tokens};
use crate::tree::File;

/// A path as named at one place. A path into this crate begins with `crate`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// `use a::b::*`: the segments are `a`, `b`.
    pub(crate) glob: bool,
    /// `a::b!`: a macro.
    pub(crate) call: bool,
    /// How many of the segments come from an import, which is listed itself.
    pub(crate) imported: usize,
}

impl Named {
    pub(crate) fn begins_with(&self, wanted: &[&str]) -> bool {
        self.segments.len() >= wanted.len()
            && self
                .segments
                .iter()
                .zip(wanted)
                .all(|(segment, wanted)| segment == wanted)
    }

    pub(crate) fn segment(&self, index: usize) -> Option<&str> {
        self.segments.get(index).map(String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        self.segments.join("::") + if self.glob { "::*" } else { "" }
    }
}

/// Every path with at least two segments, and every import whatever its length, in the order of the
/// file.
pub(crate) fn paths(file: &File) -> Vec<Named> {
    let tokens = tokens(&file.text);
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        depth: 0,
        module: module_of(&file.path),
        inline: Vec::new(),
        imports: HashMap::new(),
        found: Vec::new(),
    };
    // Twice, because an import may stand below the place that uses it; the second round knows all
    // of them.
    reader.read();
    reader.at = 0;
    reader.found.clear();
    reader.read();
    reader.found
}

/// The module a file holds: `src/http/ops/mod.rs` is `crate::http::ops`, `src/lib.rs` is `crate`.
fn module_of(path: &str) -> Vec<String> {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    let mut module = vec!["crate".to_owned()];
    module.extend(inner.split('/').map(str::to_owned));
    if matches!(inner, "lib" | "main") || inner.ends_with("/mod") {
        module.pop();
    }
    module
}

struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    /// Open braces.
    depth: usize,
    module: Vec<String>,
    /// For each inline module that is open, the depth outside it.
    inline: Vec<usize>,
    imports: HashMap<String, Vec<String>>,
    found: Vec<Named>,
}

impl<'a> Reader<'a> {
    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.at + ahead).copied()
    }

    fn sees(&self, ahead: usize, text: &str) -> bool {
        self.peek(ahead).is_some_and(|token| token.is(text))
    }

    fn sees_word(&self, ahead: usize) -> bool {
        self.peek(ahead)
            .is_some_and(|token| token.kind == Kind::Word)
    }

    fn read(&mut self) {
        let mut before: Option<Token<'a>> = None;
        while let Some(token) = self.peek(0) {
            let start = self.at;
            if token.is("{") {
                self.depth += 1;
                self.at += 1;
            } else if token.is("}") {
                self.depth = self.depth.saturating_sub(1);
                if self
                    .inline
                    .pop_if(|outside| *outside == self.depth)
                    .is_some()
                {
                    self.module.pop();
                }
                self.at += 1;
            } else if token.is("mod") && self.sees_word(1) && self.sees(2, "{") {
                self.inline.push(self.depth);
                self.module
                    .extend(self.peek(1).map(|name| name.text.to_owned()));
                self.at += 2;
            } else if token.is("use") && !self.sees(1, "<") {
                self.at += 1;
                self.import(&[], false);
            } else if token.kind == Kind::Word && !before.is_some_and(|before| before.is("::")) {
                self.path(token.line, false);
            } else if token.is("::")
                && !before.is_some_and(|before| before.kind == Kind::Word || before.is(">"))
            {
                self.at += 1;
                self.path(token.line, true);
            }
            self.at = self.at.max(start + 1);
            before = self.tokens.get(self.at - 1).copied();
        }
    }

    /// Reads `a::b::c` at the current place, outside an import.
    fn path(&mut self, line: usize, global: bool) {
        let mut segments = Vec::new();
        while let Some(token) = self.peek(0).filter(|token| token.kind == Kind::Word) {
            segments.push(token.text.to_owned());
            self.at += 1;
            if !(self.sees(0, "::") && self.sees_word(1)) {
                break;
            }
            self.at += 1;
        }
        if segments.len() > 1 {
            let call = self.sees(0, "!") && !self.sees(1, "=");
            let first = segments.first().filter(|_| !global);
            let imported = first
                .and_then(|first| self.imports.get(first))
                .map_or(0, Vec::len);
            let segments = self.resolve(segments, global);
            self.found.push(Named {
                segments,
                line,
                glob: false,
                call,
                imported,
            });
        }
    }

    /// Reads one branch of an import, up to but not including the `,`, `}` or `;` that ends it.
    fn import(&mut self, prefix: &[String], mut global: bool) {
        let mut segments = prefix.to_vec();
        let mut alias = None;
        let mut line = 0;
        while let Some(token) = self.peek(0) {
            if line == 0 {
                line = token.line;
            }
            if token.is("as") {
                alias = self.peek(1).map(|name| name.text.to_owned());
                self.at += 2;
            } else if token.kind == Kind::Word {
                segments.push(token.text.to_owned());
                self.at += 1;
            } else if token.is("::") {
                global |= segments.is_empty();
                self.at += 1;
            } else if token.is("*") {
                self.at += 1;
                let segments = self.resolve(segments, global);
                self.found.push(Named {
                    segments,
                    line,
                    glob: true,
                    call: false,
                    imported: 0,
                });
                return;
            } else if token.is("{") {
                self.at += 1;
                self.group(&segments, global);
                return;
            } else {
                break;
            }
        }
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "self") {
            segments.pop();
        }
        if segments.is_empty() {
            return;
        }
        let segments = self.resolve(segments, global);
        if let Some(name) = alias.or_else(|| segments.last().cloned()) {
            self.imports.insert(name, segments.clone());
        }
        self.found.push(Named {
            segments,
            line,
            glob: false,
            call: false,
            imported: 0,
        });
    }

    fn group(&mut self, prefix: &[String], global: bool) {
        while let Some(token) = self.peek(0) {
            if token.is("}") {
                self.at += 1;
                return;
            }
            let start = self.at;
            if !token.is(",") {
                self.import(prefix, global);
            }
            self.at = self.at.max(start + 1);
        }
    }

    fn resolve(&self, segments: Vec<String>, global: bool) -> Vec<String> {
        let mut given = segments.into_iter().peekable();
        let mut resolved = match given.peek().map(String::as_str) {
            _ if global => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            Some(first) => match self.imports.get(first) {
                Some(import) => {
                    given.next();
                    import.clone()
                }
                None => Vec::new(),
            },
            None => Vec::new(),
        };
        for segment in given {
            match segment.as_str() {
                "self" => {}
                "super" => {
                    resolved.pop();
                }
                _ => resolved.push(segment),
            }
        }
        resolved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn named(path: &str, text: &str) -> Vec<String> {
        paths(&sample(path, text)).iter().map(Named::text).collect()
    }

    #[test]
    fn groups_are_unfolded() {
        let text = "use crate::{engine::{self, shard::Shard as S}, session, http::*};\nuse ::std::{fs, io};";
        let wanted = [
            "crate::engine",
            "crate::engine::shard::Shard",
            "crate::session",
            "crate::http::*",
            "std::fs",
            "std::io",
        ];
        assert_eq!(named("src/actors/shard.rs", text), wanted);
    }

    #[test]
    fn relative_paths_are_resolved_against_file_and_inline_module() {
        assert_eq!(
            named(
                "src/http/ops/mod.rs",
                "use super::jsonrpc; use self::model::A;"
            ),
            ["crate::http::jsonrpc", "crate::http::ops::model::A"]
        );
        assert_eq!(
            named(
                "src/http/ops/health.rs",
                "fn f() { super::super::xdata::g() }"
            ),
            ["crate::http::xdata::g"]
        );
        assert_eq!(
            named("src/engine.rs", "use super::session::Id;"),
            ["crate::session::Id"]
        );
        let text = "mod tests { use super::*; mod deep { use super::super::a; } } use super::b;";
        assert_eq!(
            named("src/engine/shard.rs", text),
            [
                "crate::engine::shard::*",
                "crate::engine::shard::a",
                "crate::engine::b"
            ]
        );
    }

    #[test]
    fn a_name_that_was_imported_stands_for_its_whole_path() {
        assert_eq!(
            named("src/a.rs", "fn f() { time::Instant::now() } use std::time;"),
            ["std::time::Instant::now", "std::time"]
        );
        assert_eq!(
            named("src/a.rs", "use crate::http as h; fn f() { h::xdata::g() }"),
            ["crate::http", "crate::http::xdata::g"]
        );
        assert_eq!(
            named("src/a.rs", "use crate as me; fn f() { me::actors::g() }"),
            ["crate", "crate::actors::g"]
        );
    }

    #[test]
    fn paths_are_seen_in_every_position() {
        assert_eq!(
            named(
                "src/a.rs",
                "fn f(x: Vec<crate::b::C>) -> <crate::d::E as F>::G {}"
            ),
            ["crate::b::C", "crate::d::E"]
        );
        assert_eq!(
            named(
                "src/a.rs",
                "pub(in crate::b) struct C; macro_rules! m { () => { $crate::d::e() } }"
            ),
            ["crate::b", "crate::d::e"]
        );
        assert_eq!(
            named(
                "src/a.rs",
                "#[derive(crate::b::C)] fn f() { ::std::fs::read(g::<u8>::h()) }"
            ),
            ["crate::b::C", "std::fs::read"]
        );
        assert_eq!(
            named(
                "src/a.rs",
                "fn f<'a>() -> impl G + use<'a> { crate::b::c() }"
            ),
            ["crate::b::c"]
        );
    }

    #[test]
    fn comments_strings_and_unfinished_imports_do_no_harm() {
        assert_eq!(
            named(
                "src/a.rs",
                "// use crate::b;\n/* crate::c::d */ const E: &str = \"crate::f::g\";"
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            named("src/a.rs", "use crate::{b, {c"),
            ["crate::b", "crate::c"]
        );
        assert_eq!(
            named("src/a.rs", "use ;use {,};use ="),
            Vec::<String>::new()
        );
    }

    #[test]
    fn a_file_cut_anywhere_is_read_to_its_end() {
        let text =
            "use a::{self, b::*, c as d}; mod e { /* f */ fn g<'h>() { r#\"i\"# '\\'' é } } //";
        for (at, _) in text.char_indices() {
            let (before, after) = text.split_at(at);
            assert!(paths(&sample("src/a.rs", before)).len() < 9);
            assert!(paths(&sample("src/a.rs", after)).len() < 9);
        }
    }

    #[test]
    fn a_path_tells_how_much_of_it_an_import_gave() {
        let found = paths(&sample(
            "src/a.rs",
            "use b::c::D; fn f() { D::e() + b::c::g() + ::D::h() }",
        ));
        assert_eq!(
            found.iter().map(|named| named.imported).collect::<Vec<_>>(),
            [0, 3, 0, 0]
        );
    }

    #[test]
    fn a_path_carries_its_line_and_whether_it_is_a_macro() {
        let found = paths(&sample(
            "src/a.rs",
            "use crate::{\n    b::C,\n};\ncrate::d::e!();\n",
        ));
        assert_eq!(
            found
                .iter()
                .map(|named| (named.line, named.call))
                .collect::<Vec<_>>(),
            [(2, false), (4, true)]
        );
    }
}
