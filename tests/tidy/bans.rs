//! Words that may stand only where they belong.
//!
//! A pattern with `::` in it is a path: it is found however it was imported, and so is a glob that
//! brings it within reach. Any other pattern is a sequence of tokens.

use crate::paths::paths;
use crate::source::{lines_with, tokens};
use crate::tree::{File, Finding, assert_tidy, rust_files};

/// A ban: what is banned, where, and why.
struct Ban {
    words: &'static [&'static str],
    /// Rooms and directories the ban covers, without suffix.
    within: &'static [&'static str],
    /// Files the words belong to.
    home: &'static [&'static str],
    /// Files that break the ban for a reason, given beside each in a comment. One that no longer
    /// needs to is found, too.
    exceptions: &'static [&'static str],
    why: &'static str,
}

#[rustfmt::skip]
const PURE: Ban = Ban {
    words: &[
        "async", "await", "tokio", "actix", "actix_web", "tracing", "getrandom", "rand",
        "Instant", "SystemTime", "std::time::SystemTime", "std::time::Instant",
        "std::fs", "std::thread", "std::process", "std::env",
        "std::net::TcpStream", "std::net::TcpListener", "std::net::UdpSocket", "std::net::ToSocketAddrs",
        "println!", "eprintln!", "print!", "eprint!",
    ],
    within: &["src/session", "src/engine"],
    home: &[],
    exceptions: &[],
    why: "no I/O, clock, randomness, async or logging here: time and random bytes come in commands",
};

const ENCODING: Ban = Ban {
    words: &["bincode"],
    within: &["src", "tests", "benches"],
    home: &["src/durability/codec.rs"],
    exceptions: &[],
    why: "one file names the encoding crate, so that replacing it is a change of one file",
};

const UNBOUNDED_SEND: Ban = Ban {
    words: &["do_send"],
    within: &["src"],
    home: &[],
    // Only an actor's own ticks may stand here.
    exceptions: &[],
    why: "it ignores the mailbox capacity: use `try_send`, and answer 503 when it is full",
};

const UNSAFE: Ban = Ban {
    words: &["unsafe"],
    within: &["src", "tests", "benches"],
    home: &[],
    // Each with the `#[expect(unsafe_code, reason = "…")]` it needs anyway.
    // The counting allocator of a test: there is no other way to be one.
    exceptions: &["tests/durability/counting.rs"],
    why: "unsafe code stays in listed files",
};

const UNFINISHED: Ban = Ban {
    words: &["#[ignore", "todo!(", "unimplemented!(", "dbg!("],
    within: &["src", "tests", "benches"],
    home: &[],
    exceptions: &[],
    why: "nothing unfinished or switched off is kept; finish it, or take it out and open an issue",
};

#[test]
fn session_and_engine_stay_pure() {
    assert_tidy(breaches(&PURE, &rust_files(PURE.within)));
}

#[test]
fn the_encoding_crate_is_named_in_the_codec_only() {
    assert_tidy(breaches(&ENCODING, &rust_files(ENCODING.within)));
}

#[test]
fn nothing_is_sent_past_the_bound_of_a_mailbox() {
    assert_tidy(breaches(
        &UNBOUNDED_SEND,
        &rust_files(UNBOUNDED_SEND.within),
    ));
}

#[test]
fn unsafe_code_stays_in_listed_files() {
    assert_tidy(breaches(&UNSAFE, &rust_files(UNSAFE.within)));
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    assert_tidy(breaches(&UNFINISHED, &rust_files(UNFINISHED.within)));
}

fn breaches(ban: &Ban, files: &[&File]) -> Vec<Finding> {
    let covered = files
        .iter()
        .filter(|file| ban.within.iter().any(|room| file.is_in(room)));
    let mut findings = Vec::new();
    for file in covered.filter(|file| !ban.home.contains(&file.path.as_str())) {
        let found = ban.words.iter().flat_map(|word| {
            lines_that_name(file, word)
                .into_iter()
                .map(move |line| (line, word))
        });
        let found: Vec<Finding> = found
            .map(|(line, word)| Finding::new(&file.path, line, format!("`{word}`: {}", ban.why)))
            .collect();
        match (
            ban.exceptions.contains(&file.path.as_str()),
            found.is_empty(),
        ) {
            (false, _) => findings.extend(found),
            (true, false) => {}
            (true, true) => findings.push(Finding::new(
                &file.path,
                0,
                format!(
                    "no longer needs its exception from the ban on {:?}",
                    ban.words
                ),
            )),
        }
    }
    findings
}

fn lines_that_name(file: &File, word: &str) -> Vec<usize> {
    if !word.contains("::") {
        return lines_with(&tokens(&file.text), word);
    }
    let banned: Vec<&str> = word.split("::").collect();
    let reaches = |segments: &[String]| {
        segments
            .iter()
            .zip(&banned)
            .all(|(segment, banned)| segment == banned)
    };
    let names = paths(file)
        .into_iter()
        .filter(|named| named.begins_with(&banned) || (named.glob && reaches(&named.segments)));
    names.map(|named| named.line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::sample;

    fn lines(ban: &Ban, path: &str, text: &str) -> Vec<usize> {
        let mut lines: Vec<usize> = breaches(ban, &[&sample(path, text)])
            .iter()
            .map(|finding| finding.line)
            .collect();
        lines.dedup();
        lines
    }

    #[test]
    fn pure_code_passes() {
        for good in [
            "//! No async, no tokio. println!()",
            "use std::net::{IpAddr, Ipv4Addr}; use std::time::Duration; use std::fmt::{self, Write};",
            "let randomness = \"rand\"; /* std::fs */ #[derive(Debug)] struct Awaiting;",
        ] {
            assert_eq!(lines(&PURE, "src/session/id.rs", good), [], "{good}");
            assert_eq!(lines(&PURE, "src/engine.rs", good), [], "{good}");
        }
    }

    #[test]
    fn impure_code_is_found_in_every_spelling() {
        for bad in [
            "pub async fn f() {}",
            "fn f() { g().await }",
            "use tokio::sync::mpsc;",
            "actix::spawn(f)",
            "use std::{fmt, fs};",
            "use std::time::{Duration, SystemTime};",
            "use std::time as t; fn f() { t::SystemTime::now() }",
            "use std::time::*;",
            "use std::net::{IpAddr, TcpStream};",
            "use std::net::*;",
            "fn f(x: ::std::fs::File) {}",
            "std::thread::sleep(d)",
            "use std::thread;",
            "tracing::info!(\"x\")",
            "eprintln!(\"x\")",
            "println ! (\"x\")",
            "let x: [u8; 4] = rand::random();",
            "getrandom::fill(&mut x)",
        ] {
            let text = format!("\n{bad}");
            assert_eq!(lines(&PURE, "src/engine/shard.rs", &text), [2], "{bad}");
            assert_eq!(lines(&PURE, "src/actors/shard.rs", &text), [], "{bad}");
        }
    }

    #[test]
    fn the_encoding_crate_has_one_home() {
        let bad = "\nuse bincode::config;";
        assert_eq!(lines(&ENCODING, "src/durability/codec.rs", bad), []);
        assert_eq!(
            lines(&ENCODING, "src/durability/record.rs", "//! Not bincode."),
            []
        );
        assert_eq!(lines(&ENCODING, "src/durability/record.rs", bad), [2]);
        assert_eq!(lines(&ENCODING, "tests/formats.rs", bad), [2]);
    }

    #[test]
    fn unbounded_sends_are_found() {
        let path = "src/actors/shard.rs";
        assert_eq!(
            lines(&UNBOUNDED_SEND, path, "address.try_send(Tick) // do_send"),
            []
        );
        assert_eq!(lines(&UNBOUNDED_SEND, path, "\naddress.do_send(Tick)"), [2]);
    }

    #[test]
    fn unsafe_code_is_found() {
        assert_eq!(
            lines(
                &UNSAFE,
                "src/lib.rs",
                "#![deny(unsafe_code)] //! Not unsafe."
            ),
            []
        );
        for bad in [
            "fn f() { unsafe { g() } }",
            "unsafe impl Sync for A {}",
            "#[unsafe(no_mangle)]",
        ] {
            assert_eq!(
                lines(&UNSAFE, "tests/a/main.rs", &format!("\n{bad}")),
                [2],
                "{bad}"
            );
        }
    }

    #[test]
    fn unfinished_work_is_found() {
        for good in [
            "// todo!()",
            "let ignore = \"#[ignore]\";",
            "f(dbg, todo)",
            "#[ignored]",
        ] {
            assert_eq!(lines(&UNFINISHED, "src/a.rs", good), [], "{good}");
        }
        for bad in [
            "#[test] #[ignore = \"slow\"]",
            "todo!()",
            "unimplemented!(\"x\")",
            "dbg!(1)",
        ] {
            assert_eq!(
                lines(&UNFINISHED, "benches/a.rs", &format!("\n{bad}")),
                [2],
                "{bad}"
            );
        }
    }

    #[test]
    fn an_exception_that_is_no_longer_needed_is_found() {
        let ban = Ban {
            exceptions: &["src/actors/ticker.rs"],
            ..UNBOUNDED_SEND
        };
        assert_eq!(
            lines(&ban, "src/actors/ticker.rs", "address.do_send(Tick)"),
            []
        );
        assert_eq!(
            lines(&ban, "src/actors/ticker.rs", "address.try_send(Tick)"),
            [0]
        );
        assert_eq!(
            lines(&ban, "src/actors/shard.rs", "address.do_send(Tick)"),
            [1]
        );
    }
}
