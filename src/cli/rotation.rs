//! `keys rotate`, `keys rotate-sealing` and what they did: keys that follow others, without a restart.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::client::AdminClient;

/// Path of the signing keys.
const SIGNING: &str = "signing-keys";
/// Path of the sealing keys.
const SEALING: &str = "sealing-keys";

/// What is asked of a node about the keys that it signs and seals by.
#[derive(Debug, Subcommand)]
pub enum RotationCommand {
    /// Have a new key sign tokens: published first, so that nobody's token is refused.
    Rotate {
        /// RS256, ES256 or EdDSA [default: each one that has a key].
        #[arg(long)]
        algorithm: Option<String>,
        /// The old keys are in wrong hands: refuse their tokens at once, and sign by the new ones at once.
        #[arg(long)]
        compromised: bool,
    },
    /// List the keys that sign tokens, and where each is on its way.
    ListSigning,
    /// Have the node read its sealing key file again, and seal by the first key in it from now on.
    RotateSealing,
    /// List the sealing keys of the node, and which ones it still needs.
    ListSealing,
}

/// Runs it.
pub fn run(node: &AdminClient, command: RotationCommand) -> anyhow::Result<Value> {
    match command {
        RotationCommand::Rotate {
            algorithm,
            compromised,
        } => {
            let mut body = json!({"compromised": compromised});
            if let (Some(algorithm), Some(body)) = (algorithm, body.as_object_mut()) {
                body.insert("algorithm".into(), algorithm.into());
            }
            node.ask(Method::POST, &[SIGNING, "rotate"], &[], Some(body))
        }
        RotationCommand::ListSigning => node.ask(Method::GET, &[SIGNING], &[], None),
        RotationCommand::RotateSealing => node.ask(Method::POST, &[SEALING, "rotate"], &[], None),
        RotationCommand::ListSealing => node.ask(Method::GET, &[SEALING], &[], None),
    }
}
