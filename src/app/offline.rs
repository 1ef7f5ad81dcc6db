//! The commands on a data directory: what was asked on the command line, what is said about it, in which words.
//!
//! Source: `docs/OPERATING.md`.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::Failure;
use crate::audit::verify;
use crate::cli::admin;
use crate::cli::client::AdminClient;
use crate::cli::offline::{BackupArguments, CheckArguments, InspectArguments, RestoreArguments};
use crate::durability::directory::LookedAt;
use crate::durability::sealing::SealingKeys;
use crate::durability::storage::StorageError;
use crate::durability::storage::os::OsStorage;
use crate::durability::tools::backup::{self, Holder};
use crate::durability::tools::check;
use crate::durability::tools::inspect::{self, Shown};
use crate::durability::tools::repair;
use crate::durability::tools::restore::{self, Without};
use crate::entropy::SystemEntropy;

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
    let flaws = audit(&asked.dir)?;
    match examined.findings.len() + flaws {
        0 => Ok(()),
        damaged => Err(Failure::Damage(format!(
            "{} is damaged in {damaged} places, named above; nothing was changed",
            asked.dir.display()
        ))),
    }
}

/// Verifies the audit stream of a data directory that nobody serves, and says what is bad in it: how many places.
fn audit(dir: &Path) -> Result<usize, Failure> {
    let _unserved = LookedAt::open(dir)?;
    let refused = |error: StorageError| Failure::Tool(error.into());
    let storage = OsStorage::look(dir).map_err(refused)?;
    let Some(report) = verify::examine(&storage).map_err(refused)? else {
        say("audit: there is no stream\n")?;
        return Ok(0);
    };
    say(&report.to_string())?;
    Ok(report.flaws.len())
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

/// Runs `backup`.
pub fn backup(asked: BackupArguments) -> Result<(), Failure> {
    let wrong = |error: anyhow::Error| Failure::Configuration(format!("{error:#}"));
    let BackupArguments {
        out,
        data_dir,
        node,
    } = asked;
    let holder = backup::holder(&data_dir)?;
    let written = match holder {
        Holder::Node => {
            let node = AdminClient::find_in(&data_dir, node);
            let answer = node
                .and_then(|node| admin::snapshot_for_backup(&node))
                .map_err(wrong)?;
            let number = answer.get("generation").and_then(Value::as_u64);
            let number = number.ok_or_else(|| {
                wrong(anyhow::anyhow!(
                    "the node did not say which generation it wrote"
                ))
            });
            Some(number?)
        }
        Holder::Us(_) => None,
    };
    let copied = backup::backup(&data_dir, &out, &holder, written)?;
    say(&format!(
        "{}: generation {}, up to record {}, {} bytes of images; everything was read again\n",
        out.display(),
        copied.generation.unwrap_or_default(),
        copied.last,
        copied.bytes,
    ))
}

/// Runs `restore`.
pub fn restore(asked: RestoreArguments) -> Result<(), Failure> {
    let key = asked.sealing_key_file.filter(|_| asked.without_sealed);
    let key = key.map(|file| SealingKeys::read(&file)).transpose();
    let key = key.map_err(|error| Failure::Configuration(error.to_string()))?;
    let without = Without {
        sessions: asked.end_sessions,
        sealed: key.map(|key| (key, Arc::new(SystemEntropy) as _)),
    };
    let restored = restore::restore(&asked.backup, &asked.data_dir, without)?;
    let copied = restored.copied;
    let generation = copied
        .generation
        .map_or("no generation".to_owned(), |number| {
            format!("generation {number}")
        });
    say(&format!(
        "{}: {generation}, up to record {}; everything was read again\n",
        asked.data_dir.display(),
        copied.last,
    ))?;
    if asked.without_sealed {
        let keys = restored.signing_keys;
        say(&format!(
            "signing keys left out, of those the images and the log had: {keys}\n"
        ))?;
        for username in restored.suspended {
            say(&format!("locked, without its second factor: {username}\n"))?;
        }
    }
    Ok(())
}
