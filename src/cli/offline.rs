//! Flags of the commands on a data directory that is not asked through a node.

use std::path::PathBuf;

use clap::Args;

use super::args::{DATA_DIR, NodeArguments};

/// `check …`
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The data directory; nobody may be serving it.
    pub dir: PathBuf,
    /// Cut the newest segment of the log at a bad record that whole records follow, which are lost; they are kept in
    /// DIR/log-cut-SEQUENCE. Nothing else is ever changed.
    #[arg(long)]
    pub repair_tail: bool,
}

/// `inspect …`
#[derive(Debug, Args)]
pub struct InspectArguments {
    /// The data directory; nobody may be serving it.
    pub dir: PathBuf,
    /// Only the log.
    #[arg(long, conflicts_with = "images")]
    pub log: bool,
    /// Only the images.
    #[arg(long)]
    pub images: bool,
}

/// `backup …`
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// The new directory; it must not be there yet.
    pub out: PathBuf,
    /// The data directory, served or not.
    #[arg(long, env = "SESSILE_DATA_DIR", value_name = "DIR", default_value = DATA_DIR)]
    pub data_dir: PathBuf,
    /// The node that serves it, if one does [default: that of DIR/dev-credentials.json].
    #[command(flatten)]
    pub node: NodeArguments,
}

/// `restore …`
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// A backup, or any data directory that nobody serves. It stays as it is.
    pub backup: PathBuf,
    /// The new data directory; it must be empty, or not be there yet.
    #[arg(long, env = "SESSILE_DATA_DIR", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Leave out sessions, hand-off tokens and browsers' clients: everybody logs in again. A session that was ended
    /// since the backup, by a logout or because it was stolen, would live again otherwise.
    #[arg(
        long,
        required_unless_present = "keep_sessions",
        conflicts_with = "keep_sessions"
    )]
    pub end_sessions: bool,
    /// Keep sessions as they were, those included that were ended since the backup.
    #[arg(long)]
    pub keep_sessions: bool,
    /// The sealing key is lost: lock accounts with a second factor and take it from them (they are listed), leave out
    /// signing keys (the node makes new ones), and go on with the key of --sealing-key-file.
    #[arg(long, requires = "sealing_key_file")]
    pub without_sealed: bool,
    /// The new sealing key, for --without-sealed.
    #[arg(long, env = "SESSILE_SEALING_KEY_FILE", value_name = "FILE")]
    pub sealing_key_file: Option<PathBuf>,
}
