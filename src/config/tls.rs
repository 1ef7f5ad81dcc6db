//! `[tls]`: the certificate that is shown, and its key.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;

/// Files of the certificate, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate, and those that lead from it to one that clients know.
    pub certificate: PathBuf,
    /// Its private key, readable by its owner only.
    pub key: PathBuf,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsSection {
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

impl TlsConfig {
    /// Both files, or neither.
    pub(crate) fn of(
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Result<Option<Self>, ConfigError> {
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError("tls.key: a certificate needs its key".into())),
            (None, Some(_)) => Err(ConfigError(
                "tls.certificate: a key needs its certificate".into(),
            )),
        }
    }
}
