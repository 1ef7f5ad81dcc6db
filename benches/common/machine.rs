//! The circumstances of a run, as they belong beside its figures.

use std::fmt;
use std::process::Command;

use serde::Serialize;

/// Where, when and of what.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    commit: String,
    date: String,
    command: String,
    cores: usize,
    load_average: String,
}

impl Machine {
    /// Reads the circumstances now; what cannot be read is `unknown`. `bench` is the target that runs.
    pub(crate) fn read(bench: &str) -> Self {
        let mut commit = output("git", &["rev-parse", "--short=12", "HEAD"]);
        let changes = output("git", &["status", "--porcelain", "--untracked-files=no"]);
        if !matches!(changes.as_str(), "" | "unknown") {
            commit.push_str(" with changes");
        }
        let given: Vec<String> = std::env::args()
            .skip(1)
            .filter(|argument| argument != "--bench")
            .collect();
        let command = format!("cargo bench --bench {bench} -- {}", given.join(" "));
        Self {
            commit,
            date: output("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]),
            command: command.trim_end_matches([' ', '-']).to_owned(),
            cores: cores(),
            load_average: std::fs::read_to_string("/proc/loadavg")
                .ok()
                .and_then(|text| text.split_whitespace().next().map(str::to_owned))
                .unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

/// Processors of this machine.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl fmt::Display for Machine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "command: {}", self.command)?;
        writeln!(out, "commit:  {}", self.commit)?;
        writeln!(out, "date:    {}", self.date)?;
        writeln!(
            out,
            "host:    {} cores, load average {} at the start",
            self.cores, self.load_average
        )
    }
}

/// One line of what a command prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
