//! Where bytes from outside are read, as functions of bytes: each is fed generated input in every `./check`
//! (`generated`) and, under its own name, by the fuzzer (`fuzz/`). One property stands here once.
//!
//! A target panics if its property is broken, and says otherwise what became of the input, so that whoever
//! feeds it sees that both sides were reached. It must not depend on what it was fed before.

pub(crate) mod bodies;
pub(crate) mod directory;
pub(crate) mod files;
pub(crate) mod forwarded;
pub(crate) mod headers;
pub(crate) mod jsonrpc;
pub(crate) mod paths;
pub(crate) mod payloads;
pub(crate) mod round_trips;
pub(crate) mod segments;
pub(crate) mod service;
pub(crate) mod templates;
pub(crate) mod tokens;

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// It was taken for what it claims to be.
    Taken,
    /// It was refused.
    Refused,
    /// It was no input: too short to say what is to be done.
    Idle,
}

impl Fate {
    pub(crate) fn of(taken: bool) -> Self {
        if taken { Self::Taken } else { Self::Refused }
    }
}

/// A target, and what its inputs are made of.
pub(crate) struct Target {
    /// Its name: of its module, its file in `fuzz/fuzz_targets/`, and its folder in `fuzz/corpus/`.
    pub(crate) name: &'static str,
    pub(crate) run: fn(&[u8]) -> Fate,
    /// How many inputs `./check` makes.
    pub(crate) cases: u32,
    /// Texts that mean something to it.
    pub(crate) words: &'static [&'static str],
}

/// Every target.
pub(crate) const ALL: [Target; 13] = [
    Target {
        name: "bodies",
        run: bodies::run,
        cases: 6_000,
        words: bodies::WORDS,
    },
    Target {
        name: "files",
        run: files::run,
        cases: 3_000,
        words: &["SESSMAN\n", "SESSIMG\n", "SESSLOG\n", "SESSEAL\n"],
    },
    Target {
        name: "directory",
        run: directory::run,
        cases: 400,
        words: &["SESSMAN\n", "SESSIMG\n", "SESSLOG\n"],
    },
    Target {
        name: "forwarded",
        run: forwarded::run,
        cases: 4_000,
        words: forwarded::WORDS,
    },
    Target {
        name: "headers",
        run: headers::run,
        cases: 4_000,
        words: headers::WORDS,
    },
    Target {
        name: "jsonrpc",
        run: jsonrpc::run,
        cases: 6_000,
        words: jsonrpc::WORDS,
    },
    Target {
        name: "paths",
        run: paths::run,
        cases: 600,
        words: &["%2f", "%2F", "..", "//", ";", "?", "#", "%00", "%"],
    },
    Target {
        name: "payloads",
        run: payloads::run,
        cases: 12_000,
        words: &["$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA"],
    },
    Target {
        name: "round_trips",
        run: round_trips::run,
        cases: 40_000,
        words: &[],
    },
    Target {
        name: "segments",
        run: segments::run,
        cases: 6_000,
        words: &["SESSLOG\n", "SESSEAL\n"],
    },
    Target {
        name: "service",
        run: service::run,
        cases: 500,
        words: service::WORDS,
    },
    Target {
        name: "templates",
        run: templates::run,
        cases: 1_500,
        words: templates::WORDS,
    },
    Target {
        name: "tokens",
        run: tokens::run,
        cases: 2_000,
        words: tokens::WORDS,
    },
];
