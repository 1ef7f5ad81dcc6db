//! Who may name whom: `session <- engine <- actors <- http <- app`, with `durability` beside
//! `engine`, and surfaces as rooms.

use std::collections::BTreeSet;

use crate::paths::{Named, paths};
use crate::tree::{File, Finding, assert_tidy, rust_files};

/// For each room below `src/`, the other rooms of this crate it may name. Tests inside a room
/// follow the same rule.
#[rustfmt::skip]
const ROOMS: &[(&str, &[&str])] = &[
    // The rules: pure.
    ("session",     &[]),
    ("engine",      &["session"]),
    // Ports, and what `app` hands in.
    ("clock",       &["session"]),
    ("entropy",     &[]),
    ("geo",         &[]),
    ("memory",      &[]),
    ("priority",    &[]),
    ("together",    &[]),
    ("faults",      &[]),
    ("config",      &["session"]),
    ("telemetry",   &["session", "config"]),
    // What happened becomes durable; bytes on disk.
    ("journal",     &["session", "engine"]),
    ("durability",  &["session", "engine", "journal", "clock", "entropy", "faults"]),
    // Proofs of identity.
    ("credentials", &["session", "engine", "clock", "entropy", "priority"]),
    ("tokens",      &["session", "engine", "clock", "entropy"]),
    // Who did what: told at the door, written beside the log.
    ("audit",       &["session", "engine", "credentials", "clock", "durability"]),
    // The one door (`trait Engine`), and the actors behind it.
    ("door",        &["session", "engine", "credentials", "tokens", "entropy", "audit"]),
    ("actors",      &["session", "engine", "door", "journal", "credentials", "tokens", "clock", "entropy", "faults", "audit", "together"]),
    // The surfaces know the door, and neither the actors nor the disk behind it.
    ("http",        &["session", "engine", "door", "credentials", "tokens", "geo", "edge", "audit", "together"]),
    // Between the sockets and HTTP: it knows no surface.
    ("edge",        &["session", "clock"]),
    // The operator's side.
    ("dev",         &["session", "engine", "door", "credentials", "durability", "entropy", "config"]),
    ("cli",         &["config"]),
    // A client like any other: it loads a node over sockets, and asks its administration as the command line does.
    ("bench",       &["cli", "clock", "entropy"]),
];

/// The composition root, the way from arguments to it, and the crate root: they may name every room.
const FREE: &[&str] = &["app", "lib", "run"];

/// The only files of `src/http` that may name a surface from outside: the list of mounted surfaces,
/// and the listener.
const MOUNTS: &[&str] = &["src/http.rs", "src/http/mod.rs", "src/http/server.rs"];

/// What `src/main.rs` may name besides its own items: the library, and the allocator of the
/// process.
const MAIN_MAY_NAME: &[&str] = &["sessile", "std", "mimalloc"];

#[test]
fn a_room_names_only_the_rooms_it_may() {
    assert_tidy(breaches_of_rooms(&rust_files(&["src"])));
}

#[test]
fn a_surface_names_no_other_surface() {
    assert_tidy(breaches_of_surfaces(&rust_files(&["src"])));
}

#[test]
fn main_only_calls_the_library() {
    assert_tidy(breaches_of_main(&rust_files(&["src"])));
}

/// `src/engine/shard.rs` and `src/engine.rs` are in `engine`.
fn room_of(path: &str) -> Option<&str> {
    let inner = path.strip_prefix("src/")?;
    inner.split('/').next()?.split('.').next()
}

fn breaches_of_rooms(files: &[&File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path != "src/main.rs") {
        let Some(room) = room_of(&file.path).filter(|room| !FREE.contains(room)) else {
            continue;
        };
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            findings.push(Finding::new(
                &file.path,
                0,
                format!("room `{room}` is not in ROOMS: add a line that says what it may name"),
            ));
            continue;
        };
        // A use of an import that names a room adds nothing to the import itself.
        let wanted = |named: &&Named| named.begins_with(&["crate"]) && named.imported < 2;
        for named in paths(file).iter().filter(wanted) {
            let message = match named.segment(1) {
                None if named.glob => {
                    "`crate::*` brings every room within reach: name what is needed".to_owned()
                }
                // `crate` alone reaches nothing; a macro of this crate has no room.
                None => continue,
                Some(_) if named.call && named.segment(2).is_none() => continue,
                Some(other) if other == room || allowed.contains(&other) => continue,
                Some(other) => format!(
                    "`{room}` may not name `{}`: {}",
                    named.text(),
                    reason(room, allowed, other)
                ),
            };
            findings.push(Finding::new(&file.path, named.line, message));
        }
    }
    findings
}

fn reason(room: &str, allowed: &[&str], other: &str) -> String {
    if !FREE.contains(&other) && !ROOMS.iter().any(|(name, _)| *name == other) {
        return format!("`{other}` is no room in ROOMS; name a thing by the room it lives in");
    }
    match allowed {
        [] => format!("`{room}` knows no other room"),
        _ => format!("besides itself it knows only {}", allowed.join(", ")),
    }
}

/// The folder below `src/http/` that a file stands in.
fn surface_of(path: &str) -> Option<&str> {
    let (folder, _) = path.strip_prefix("src/http/")?.split_once('/')?;
    Some(folder)
}

fn breaches_of_surfaces(files: &[&File]) -> Vec<Finding> {
    let surfaces: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| surface_of(&file.path))
        .collect();
    let breach = |file: &File, named: &Named| {
        if named.glob && named.segments == ["crate", "http"] {
            return Some(
                "`crate::http::*` brings every surface within reach: name what is needed"
                    .to_owned(),
            );
        }
        let other = named
            .segment(2)
            .filter(|_| named.begins_with(&["crate", "http"]) && named.imported < 3)?;
        if !surfaces.contains(other) || surface_of(&file.path) == Some(other) {
            return None;
        }
        Some(match surface_of(&file.path) {
            Some(own) => format!(
                "surface `{own}` may not name surface `{other}`: put what both need directly below src/http/"
            ),
            None => format!(
                "shared code may not name surface `{other}`: only {} may",
                MOUNTS.join(", ")
            ),
        })
    };
    let mut findings = Vec::new();
    for file in files
        .iter()
        .filter(|file| file.is_in("src/http") && !MOUNTS.contains(&file.path.as_str()))
    {
        let breaches = paths(file)
            .into_iter()
            .filter_map(|named| Some((named.line, breach(file, &named)?)));
        findings.extend(breaches.map(|(line, message)| Finding::new(&file.path, line, message)));
    }
    findings
}

fn breaches_of_main(files: &[&File]) -> Vec<Finding> {
    let Some(main) = files.iter().find(|file| file.path == "src/main.rs") else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for line in modules_declared(main) {
        findings.push(Finding::new(
            &main.path,
            line,
            "`mod` in main.rs: modules belong to the library",
        ));
    }
    for named in paths(main) {
        let Some(root) = named.segment(0) else {
            continue;
        };
        let is_crate =
            !root.starts_with(|first: char| first.is_uppercase()) && !NO_CRATES.contains(&root);
        if is_crate && !MAIN_MAY_NAME.contains(&root) {
            let message = format!(
                "main.rs may not name `{}`: it calls the library and gives the exit code",
                named.text()
            );
            findings.push(Finding::new(&main.path, named.line, message));
        }
    }
    findings
}

/// Lower-case words that may begin a path and are no crate: the built-in types, and the tools that
/// attributes speak to.
#[rustfmt::skip]
const NO_CRATES: &[&str] = &[
    "clippy", "rustfmt", "bool", "char", "str", "f32", "f64",
    "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
];

fn modules_declared(file: &File) -> Vec<usize> {
    let tokens = crate::source::tokens(&file.text);
    tokens
        .iter()
        .filter(|token| token.is("mod"))
        .map(|token| token.line)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }

    fn rooms(path: &str, text: &str) -> Vec<usize> {
        lines(&breaches_of_rooms(&[&sample(path, text)]))
    }

    fn surfaces(path: &str, text: &str) -> Vec<usize> {
        let other = sample("src/http/xdata/mod.rs", "");
        let shared = sample("src/http/jsonrpc.rs", "");
        lines(&breaches_of_surfaces(&[
            &other,
            &shared,
            &sample(path, text),
        ]))
    }

    fn main(text: &str) -> Vec<usize> {
        lines(&breaches_of_main(&[&sample("src/main.rs", text)]))
    }

    #[test]
    fn the_table_names_each_room_once_and_knows_every_room_it_allows() {
        let names: Vec<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        for (name, allowed) in ROOMS {
            assert!(
                allowed
                    .iter()
                    .all(|other| names.contains(other) && other != name),
                "{name}"
            );
        }
    }

    #[test]
    fn the_great_directions_hold_in_the_table() {
        let may = |room: &str, other: &str| {
            ROOMS
                .iter()
                .any(|(name, allowed)| *name == room && allowed.contains(&other))
        };
        let upwards = [
            ("session", "engine"),
            ("session", "actors"),
            ("session", "http"),
            ("engine", "actors"),
            ("engine", "http"),
            ("actors", "http"),
        ];
        for (room, other) in upwards {
            assert!(!may(room, other), "{room} -> {other}");
        }
        for hidden in ["actors", "durability", "journal"] {
            assert!(!may("http", hidden), "http -> {hidden}");
        }
    }

    #[test]
    fn what_a_room_may_name_passes() {
        for (path, text) in [
            (
                "src/engine/shard.rs",
                "use crate::session::Id; use super::slot; use crate::engine::a;",
            ),
            (
                "src/engine/shard.rs",
                "use std::fmt; use other::actors::x; // crate::actors::x",
            ),
            (
                "src/engine/shard.rs",
                "const A: &str = \"crate::actors::x\"; pub(crate) struct B;",
            ),
            ("src/engine/tests.rs", "use super::*;"),
            (
                "src/session.rs",
                "macro_rules! m { () => { crate::ensure!(1) } }",
            ),
            ("src/app.rs", "use crate::{actors, http, journal};"),
            ("src/lib.rs", "pub use crate::actors::Shard;"),
        ] {
            assert_eq!(rooms(path, text), [], "{path}: {text}");
        }
    }

    #[test]
    fn what_a_room_may_not_name_is_found_in_every_spelling() {
        for (path, text) in [
            ("src/session/id.rs", "\nuse crate::engine::Shard;"),
            (
                "src/engine/shard.rs",
                "use crate::{session::{id, token},\n actors::{self as a}};",
            ),
            ("src/engine/shard.rs", "use crate::{\n{{actors::Shard}}};"),
            ("src/engine/mod.rs", "\nuse super::http;"),
            (
                "src/engine/slot/table.rs",
                "\nfn f() { super::super::super::clock::now() }",
            ),
            (
                "src/engine/shard.rs",
                "mod tests {\n use super::super::super::actors::x; }",
            ),
            (
                "src/engine/shard.rs",
                "#[cfg(test)] mod tests {\n use crate::actors::x; }",
            ),
            ("src/engine/shard.rs", "\nuse crate::*;"),
            (
                "src/engine/shard.rs",
                "use crate as me;\nfn f() { me::actors::x() }",
            ),
            (
                "src/http/mollybet/login.rs",
                "\nuse crate::actors::handle::Handle;",
            ),
            ("src/http/mod.rs", "\nuse crate::journal;"),
            ("src/http/mod.rs", "\nuse crate::durability::x;"),
            ("src/cli/mod.rs", "\nuse crate::app;"),
        ] {
            assert_eq!(rooms(path, text), [2], "{path}: {text}");
        }
    }

    #[test]
    fn a_breach_is_told_once_where_it_is_imported() {
        let text = "\nuse crate::engine::Shard;\nfn f() { Shard::new(); Shard::new() }";
        assert_eq!(rooms("src/session/id.rs", text), [2]);
    }

    #[test]
    fn names_lifted_to_the_crate_root_do_not_hide_their_room() {
        let findings = breaches_of_rooms(&[&sample("src/engine/shard.rs", "use crate::Shard;")]);
        assert!(
            findings
                .iter()
                .any(|found| found.message.contains("no room in ROOMS"))
        );
    }

    #[test]
    fn a_room_without_a_line_in_the_table_is_found() {
        assert_eq!(rooms("src/helpers/mod.rs", ""), [0]);
    }

    #[test]
    fn surfaces_share_what_stands_beside_them() {
        for (path, text) in [
            (
                "src/http/mollybet/mod.rs",
                "use super::jsonrpc; use crate::http::mollybet::model;",
            ),
            ("src/http/mollybet/mod.rs", "mod tests { use super::*; }"),
            ("src/http/mollybet/xdata.rs", "use super::xdata;"),
            (
                "src/http/mod.rs",
                "use self::xdata::routes; use crate::http::xdata;",
            ),
        ] {
            assert_eq!(surfaces(path, text), [], "{path}: {text}");
        }
    }

    #[test]
    fn a_surface_that_names_another_is_found() {
        for (path, text) in [
            (
                "src/http/mollybet/login.rs",
                "\nuse crate::http::xdata::model;",
            ),
            (
                "src/http/mollybet/login.rs",
                "\nuse super::super::{jsonrpc, xdata};",
            ),
            (
                "src/http/mollybet/login.rs",
                "use crate::http;\nfn f() { http::xdata::open() }",
            ),
            ("src/http/mollybet/mod.rs", "\nuse super::*;"),
            ("src/http/credentials.rs", "\nuse super::xdata::Key;"),
        ] {
            assert_eq!(surfaces(path, text), [2], "{path}: {text}");
        }
    }

    #[test]
    fn main_is_held_to_the_library() {
        for text in [
            "use std::process::{self, ExitCode}; fn main() { process::exit(u8::MAX) }",
            "#[global_allocator] static A: mimalloc::MiMalloc = mimalloc::MiMalloc;",
            "#[expect(clippy::exit)] fn main() -> ExitCode { ExitCode::from(sessile::cli::run()) }",
        ] {
            assert_eq!(main(text), [], "{text}");
        }
        for text in [
            "mod app;",
            "use clap::Parser;",
            "actix_web::rt::run()",
            "crate::x::y()",
        ] {
            assert_eq!(main(&format!("\n{text}")), [2], "{text}");
        }
        assert_eq!(breaches_of_main(&[]), []);
    }
}
