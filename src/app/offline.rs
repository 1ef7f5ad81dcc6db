//! The commands on a data directory: what was asked on the command line, what is said about it, in which words.
//!
//! Source: `docs/OPERATING.md`.

use std::io::{BufWriter, Write};

use super::Failure;
use crate::cli::offline::{CheckArguments, InspectArguments};
use crate::durability::tools::check;
use crate::durability::tools::inspect::{self, Shown};
use crate::durability::tools::repair;

/// Writes to standard output; one that nobody reads any more is no failure.
fn say(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::Internal(
            anyhow::Error::new(error).context("standard output"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Runs `check`.
pub fn check(asked: &CheckArguments) -> Result<(), Failure> {
    let examined = if asked.repair_tail {
        let (repaired, examined) = repair::repair_tail(&asked.dir)?;
        say(&repaired.map_or_else(
            || "nothing is damaged, and nothing was changed\n".to_owned(),
            |repaired| repaired.to_string(),
        ))?;
        examined
    } else {
        check::check(&asked.dir)?
    };
    say(&examined.to_string())?;
    match examined.findings.len() {
        0 => Ok(()),
        damaged => Err(Failure::Damage(format!(
            "{} is damaged in {damaged} places, named above; nothing was changed",
            asked.dir.display()
        ))),
    }
}

/// Runs `inspect`.
pub fn inspect(asked: &InspectArguments) -> Result<(), Failure> {
    let shown = Shown {
        images: !asked.log,
        log: !asked.images,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    Ok(inspect::inspect(&asked.dir, shown, &mut out)?)
}
