//! A start on an empty directory, as it is served for real, and the size of what is shipped (G17).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::common::goals::Row;
use crate::common::machine;
use crate::common::servers::{self, Server};
use crate::common::stats::Spread;
use crate::{Size, room};

const BINARY: &str = env!("CARGO_BIN_EXE_sessile");

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = room()?;
    let key = room.path().join("sealing-key");
    let made = Command::new(BINARY)
        .args(["keys", "new-sealing-key"])
        .arg(&key)
        .stdout(Stdio::null())
        .status()?;
    ensure!(made.success(), "no sealing key was made");
    // The first one reads the program from disk.
    let mut took = Vec::new();
    for nth in 0..=size.rounds(20) {
        let own = room.path().join(format!("start-{nth}"));
        std::fs::create_dir_all(&own)?;
        let mut command = servers::serve(&own, machine::cores());
        command.arg("--sealing-key-file").arg(&key);
        let began = Instant::now();
        let server = Server::announced(command, own.join("sessile.log"))?;
        let ms = began.elapsed().as_secs_f64() * 1e3;
        drop(server);
        if nth > 0 {
            took.push(ms);
        }
    }
    let took = Spread::of(took).context("no starts")?;
    Ok(vec![
        Row::ratio_at_most("G17", "start on an empty directory, in ms", took, 50.0),
        stripped(room.path())?,
    ])
}

fn stripped(room: &Path) -> Result<Row> {
    let what = "size of the stripped binary";
    let copy: PathBuf = room.join("sessile");
    std::fs::copy(BINARY, &copy)?;
    let stripped = Command::new("strip").arg(&copy).status();
    if !stripped.is_ok_and(|status| status.success()) {
        return Ok(Row::not_run(
            "G17",
            what,
            "strip is missing: apt-get install binutils",
        ));
    }
    let bytes = std::fs::metadata(&copy)?.len() as f64;
    Ok(Row::at_most("G17", what, bytes / 1e6, 16.0, " MB"))
}
