//! What is loaded: where a listener is, and whether it may be loaded at all.
//!
//! Invariant: nothing but this machine's loopback is loaded unless the caller said that he may.

use std::fmt;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use reqwest::Url;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// How long a listener may take to be found there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A listener.
#[derive(Clone)]
pub(super) struct Target {
    /// What was said, for people.
    pub(super) shown: String,
    /// What its requests say as `Host`.
    pub(super) host: String,
    /// What its paths begin with: nothing, or what a proxy wants before them.
    pub(super) prefix: String,
    /// Where it is.
    pub(super) place: Place,
    /// How it is encrypted, if it is.
    pub(super) tls: Option<Secured>,
}

/// Where a listener is.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a socket of this machine.
    Unix(PathBuf),
}

/// What an encrypted connection begins with.
#[derive(Clone)]
pub(super) struct Secured {
    pub(super) name: ServerName<'static>,
    pub(super) config: Arc<ClientConfig>,
}

impl Target {
    /// Reads `http://…`, `https://…` or `unix:/PATH`.
    ///
    /// Errors: it is none of these or cannot be found; it is not on this machine's loopback, and `remote` is false; it is
    /// encrypted, and there is no `ca` by which it could be known.
    pub(super) fn parse(said: &str, ca: Option<&Path>, remote: bool) -> anyhow::Result<Self> {
        if let Some(path) = said.strip_prefix("unix:") {
            return Ok(Self {
                shown: said.to_owned(),
                host: "localhost".into(),
                prefix: String::new(),
                place: Place::Unix(path.into()),
                tls: None,
            });
        }
        let url = Url::parse(said).with_context(|| format!("{said} is not a URL"))?;
        let encrypted = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => bail!("{said}: say http://HOST:PORT or https://HOST:PORT"),
        };
        let name = url
            .host_str()
            .with_context(|| format!("{said} names no host"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let found = (bare, port)
            .to_socket_addrs()
            .with_context(|| format!("{said} cannot be found"))?;
        let mut found: Vec<SocketAddr> = found.collect();
        // A name of this machine may have an address that nobody listens on: the older kind first.
        found.sort_by_key(SocketAddr::is_ipv6);
        let address = *found
            .first()
            .with_context(|| format!("{said} has no address"))?;
        ensure!(
            remote || address.ip().is_loopback(),
            "{said} is not on this machine ({address}): load only what is yours, and say --allow-remote then"
        );
        let tls = match (encrypted, ca) {
            (false, _) => None,
            (true, None) => bail!("{said}: say by which certificate it is known, with --ca FILE"),
            (true, Some(ca)) => Some(Secured::of(bare, ca)?),
        };
        let host = match url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        Ok(Self {
            shown: said.to_owned(),
            host,
            prefix: url.path().trim_end_matches('/').to_owned(),
            place: Place::Tcp(address),
            tls,
        })
    }
}

impl Target {
    /// Looks whether somebody listens there, and whether he is known.
    ///
    /// Errors: nobody does, or his certificate is another one.
    pub(super) fn answers(&self) -> anyhow::Result<()> {
        let nobody = || format!("nobody listens at {}: is the node running?", self.shown);
        let address = match &self.place {
            Place::Tcp(address) => address,
            Place::Unix(path) => return UnixStream::connect(path).map(drop).with_context(nobody),
        };
        let mut stream =
            TcpStream::connect_timeout(address, CONNECT_WITHIN).with_context(nobody)?;
        let Some(secured) = &self.tls else {
            return Ok(());
        };
        stream.set_read_timeout(Some(CONNECT_WITHIN))?;
        let mut tls = ClientConnection::new(secured.config.clone(), secured.name.clone())?;
        while tls.is_handshaking() {
            tls.complete_io(&mut stream)
                .with_context(|| format!("{} is not known by --ca", self.shown))?;
        }
        Ok(())
    }
}

impl Secured {
    fn of(name: &str, ca: &Path) -> anyhow::Result<Self> {
        let file = || format!("{}: --ca", ca.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).with_context(file)? {
            roots
                .add(certificate.with_context(file)?)
                .with_context(file)?;
        }
        ensure!(!roots.is_empty(), "{}: it holds no certificate", file());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            name: ServerName::try_from(name.to_owned())?,
            config: Arc::new(config),
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Target({})", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_taken_and_anything_else_must_be_allowed() {
        for said in [
            "http://127.0.0.1:8080",
            "http://[::1]:9",
            "http://127.9.9.9",
        ] {
            assert!(Target::parse(said, None, false).is_ok(), "{said}");
        }
        for said in ["http://192.0.2.1:8080", "http://[2001:db8::1]:80"] {
            let refused = Target::parse(said, None, false).unwrap_err();
            assert!(refused.to_string().contains("--allow-remote"), "{refused}");
            assert!(Target::parse(said, None, true).is_ok(), "{said}");
        }
    }

    #[test]
    fn what_is_no_listener_is_refused() {
        for said in ["", "127.0.0.1:8080", "ftp://127.0.0.1/", "http://"] {
            assert!(Target::parse(said, None, true).is_err(), "{said}");
        }
        let unknown = Target::parse("https://127.0.0.1:1", None, false).unwrap_err();
        assert!(unknown.to_string().contains("--ca"), "{unknown}");
    }

    #[test]
    fn a_prefix_of_a_proxy_and_the_host_are_kept() {
        let target = Target::parse("http://127.0.0.1:81/auth/", None, false).unwrap();
        assert_eq!(
            (target.host.as_str(), target.prefix.as_str()),
            ("127.0.0.1:81", "/auth")
        );
        let plain = Target::parse("http://127.0.0.1:81", None, false).unwrap();
        assert_eq!(plain.prefix, "");
    }
}
