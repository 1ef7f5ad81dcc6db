//! Encryption: TLS 1.2 and 1.3 with one certificate, which can be read again while connections go on.
//!
//! Only HTTP/1.1 is agreed upon. Invariants: a key that others can read is not used; what cannot be read leaves the
//! certificate before in place; no key is in any error or `Debug`. Source: OWASP ASVS 12.1.1, 12.2.1, C16.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// The longest file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The one protocol inside.
const HTTP_1_1: &[u8] = b"http/1.1";

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("{0}: {1}: check tls.certificate and tls.key")]
    File(PathBuf, io::Error),
    /// Others may read the key.
    #[error("{0} has mode {1:04o}, so others can reach it: chmod 0600 it")]
    Mode(PathBuf, u32),
    /// There is nothing in a file of what it is to hold.
    #[error("{0} holds no {1} in PEM")]
    Nothing(PathBuf, &'static str),
    /// They do not belong together, or are of a kind that is not known.
    #[error("the certificate {0} cannot be used with the key {1}: {2}")]
    Unusable(PathBuf, PathBuf, rustls::Error),
}

/// The certificate of the listeners.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads a certificate with its chain, and its key, both in PEM.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(read(certificate, key)?),
        })
    }

    /// Reads the same files again, for connections that are yet to come.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = read(&self.certificate, &self.key)?;
        self.current.store(Arc::new(read));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load_full())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Tls({})", self.certificate.display())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<ServerConfig, TlsError> {
    let shown = whole(certificate, false)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&shown)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    if chain.is_empty() {
        return Err(TlsError::Nothing(certificate.to_owned(), "certificate"));
    }
    let secret = whole(key, true)?;
    let secret = PrivateKeyDer::from_pem_slice(&secret)
        .map_err(|_| TlsError::Nothing(key.to_owned(), "private key"))?;
    let unusable = |error| TlsError::Unusable(certificate.to_owned(), key.to_owned(), error);
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(config)
}

/// A file's contents, gone from memory when they are dropped.
fn whole(path: &Path, is_secret: bool) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let failed = |error| TlsError::File(path.to_owned(), error);
    // A pipe without a writer would hold the start up for ever.
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = File::options();
    let options = std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true), nonblock);
    let file = options.open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let mode = about.mode() & 0o7777;
    if is_secret && mode & 0o077 != 0 {
        return Err(TlsError::Mode(path.to_owned(), mode));
    }
    if about.len() > FILE_BYTES_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    // With its whole room at once: growing would leave a copy of the key behind.
    let room = usize::try_from(about.len()).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}
