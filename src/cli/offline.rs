//! Flags of the commands on a data directory that is not asked through a node.

use std::path::PathBuf;

use clap::Args;

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
