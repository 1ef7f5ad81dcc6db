//! The tokens of the admin listener, from files: each a secret that was drawn by chance, and nobody else's to read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::Failure;
use crate::config::AdminTokenFile;
use crate::entropy::is_made_up;
use crate::http::admin::Role;

/// A shorter one may be guessed.
const TOKEN_BYTES_MIN: usize = 32;
/// A longer one is no token.
const TOKEN_BYTES_MAX: u64 = 4_096;

/// Reads them: the name, the token and the role of each. Errors name the file and what is wrong with it, and never what is in it.
pub(super) fn read(files: &[AdminTokenFile]) -> Result<Vec<(String, String, Role)>, Failure> {
    let one = |file: &AdminTokenFile| {
        let token = token_in(&file.path).map_err(|what| {
            Failure::Configuration(format!("admin token file {}: {what}", file.path.display()))
        })?;
        // The role was checked when the configuration was read.
        let role = Role::parse(&file.role).unwrap_or(Role::Read);
        Ok((file.name.clone(), token, role))
    };
    files.iter().map(one).collect()
}

fn token_in(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    // A pipe without a writer would hold the start up for ever.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = File::options();
    let file = options
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "it has mode {mode:04o}, so others can reach it: chmod 0600 it"
        ));
    }
    let mut text = String::new();
    let mut bounded = file.take(TOKEN_BYTES_MAX);
    bounded.read_to_string(&mut text).map_err(failed)?;
    let token = text.trim();
    if token.len() < TOKEN_BYTES_MIN {
        return Err(format!("a token has at least {TOKEN_BYTES_MIN} characters"));
    }
    if is_made_up(token.as_bytes()) {
        return Err(
            "it holds a sample, which anybody may know: draw a token by chance, for instance \
                    with `openssl rand -hex 32`"
                .into(),
        );
    }
    Ok(token.to_owned())
}
