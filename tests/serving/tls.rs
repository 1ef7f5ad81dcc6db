//! Encryption, with clients that speak it, and with one that should not be served.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::process::Signal;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use crate::rig::{Place, Server, answer, ask, connect, request, text};

/// A certificate for localhost, and its key.
pub(crate) struct Pair {
    der: CertificateDer<'static>,
    certificate: String,
    /// In PEM.
    pub(crate) key: String,
}

const FAILED: &str = "sessile_connections_handshakes_failed_total";

pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Pair {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self {
            der: made.cert.der().clone(),
            certificate: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }

    /// Writes both files: their paths.
    pub(crate) fn write(&self, place: &Place, name: &str) -> (PathBuf, PathBuf) {
        (
            place.write(&format!("{name}.crt"), &self.certificate, 0o644),
            place.write(&format!("{name}.key"), &self.key, 0o600),
        )
    }

    /// A connection that trusts this one only.
    pub(crate) fn connect(&self, to: SocketAddr) -> Stream {
        let client = client(&[&self.der], &[&TLS13, &TLS12], &[]);
        shake(connect(to), client).unwrap()
    }
}

fn client(
    trusted: &[&CertificateDer<'static>],
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in trusted {
        roots.add((*certificate).clone()).unwrap();
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    Arc::new(config)
}

fn shake(mut stream: TcpStream, client: Arc<ClientConfig>) -> std::io::Result<Stream> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(client, name).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// A place, a pair, and a server that shows it.
fn served(config: &str) -> (Place, Pair, Server) {
    let place = Place::new();
    let pair = Pair::new();
    let (certificate, key) = pair.write(&place, "pair");
    let server = place.serve(
        &[
            "--tls-certificate",
            text(&certificate),
            "--tls-key",
            text(&key),
        ],
        config,
    );
    (place, pair, server)
}

/// A session of a new account, by administration.
fn session(server: &Server) -> String {
    let made = server.administer(
        "POST",
        "/admin/v1/accounts",
        r#"{"username":"alice","password":"password-1"}"#,
    );
    assert_eq!(made.status, 200, "{made:?}");
    let wanted = r#"{"username":"alice","surface":"mollybet"}"#;
    let issued = server
        .administer("POST", "/admin/v1/sessions", wanted)
        .json();
    issued["sessions"][0]["secret"].as_str().unwrap().to_owned()
}

fn count(server: &Server, name: &str) -> u64 {
    let metrics = server.administer("GET", "/metrics", "").body;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap().parse().unwrap()
}

/// Waits until so many handshakes have failed: they are counted after their connection is closed.
fn failed(server: &Server, wanted: u64) {
    while count(server, FAILED) < wanted {
        std::thread::yield_now();
    }
    assert_eq!(count(server, FAILED), wanted);
}

#[test]
fn both_versions_are_spoken_and_http_1_1_is_all_there_is_inside() {
    let (_place, pair, server) = served("");
    let session = session(&server);
    let held = format!("session: {session}\r\n");
    for version in [&TLS12, &TLS13] {
        for (offered, agreed) in [
            (&[][..], None),
            (&["http/1.1"], Some(&b"http/1.1"[..])),
            (&["h2", "http/1.1"], Some(b"http/1.1")),
        ] {
            let client = client(&[&pair.der], &[version], offered);
            let mut stream = shake(connect(server.public), client).unwrap();
            assert_eq!(stream.conn.protocol_version(), Some(version.version));
            assert_eq!(stream.conn.alpn_protocol(), agreed, "{offered:?}");
            for _ in 0..3 {
                let answer = ask(&mut stream, "GET", "/auth/verify", &held, "");
                assert_eq!(answer.status, 200, "{answer:?}");
                assert!(
                    answer
                        .head
                        .contains("strict-transport-security: max-age=31536000")
                );
            }
        }
        let before = count(&server, FAILED);
        let only_h2 = client(&[&pair.der], &[version], &["h2"]);
        assert!(shake(connect(server.public), only_h2).is_err());
        failed(&server, before + 1);
    }
    // A browser's cookie is for encrypted connections only, and its tokens say where they come from.
    let mut stream = pair.connect(server.public);
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    let body = "identifier=alice&password=password-1";
    let answer = ask(&mut stream, "POST", "/v1/client/sign_ins", form, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let cookie = answer
        .head
        .lines()
        .find(|line| line.starts_with("set-cookie: __client="));
    assert!(
        cookie.is_some_and(|cookie| cookie.contains("; secure")),
        "{answer:?}"
    );
    // Failures are counted, and nobody writes a line for each.
    assert!(!server.said().contains("handshake"), "{}", server.said());
    server.stop();
}

#[test]
fn what_is_older_or_no_tls_at_all_is_not_served() {
    let (_place, pair, server) = served("");
    let session = session(&server);
    // A client's hello of TLS 1.1, complete, with suites that were good then.
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x14, 0x00, 0x35, 1, 0, 0, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let record = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
    let mut stream = connect(server.public);
    stream.write_all(&record).unwrap();
    let mut said = Vec::new();
    // A reset is a close, too.
    drop(stream.read_to_end(&mut said));
    // An alert, and a fatal one.
    let alert = (said.first(), said.get(5));
    assert_eq!(alert, (Some(&21), Some(&2)), "{said:?}");
    let logout = format!("session: {session}\r\n");
    let logout = request("DELETE", &format!("/v1/sessions/{session}/"), &logout, "");
    let mut stream = connect(server.public);
    stream.write_all(logout.as_bytes()).unwrap();
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said));
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    let held = format!("session: {session}\r\n");
    let mut stream = pair.connect(server.public);
    assert_eq!(
        ask(&mut stream, "GET", "/auth/verify", &held, "").status,
        200
    );
    failed(&server, 2);
    server.stop();
}

#[test]
fn a_handshake_that_takes_too_long_is_closed_and_so_is_whoever_reads_nothing() {
    let (_place, pair, server) =
        served("[limits]\nhead_timeout = \"100ms\"\nwrite_timeout = \"100ms\"\n");
    let session = session(&server);
    let mut said = Vec::new();
    drop(connect(server.public).read_to_end(&mut said));
    let mut begun = connect(server.public);
    begun.write_all(&[22, 3, 1, 0, 200, 1, 0]).unwrap();
    drop(begun.read_to_end(&mut said));
    assert!(said.is_empty(), "{said:?}");
    failed(&server, 2);
    let mut stream = pair.connect(server.public);
    let held = format!("session: {session}\r\n");
    let requests = request("GET", "/auth/verify", &held, "")
        .replace("content-length: 0\r\n", "")
        .repeat(100);
    let mut sent = 0;
    while stream.write_all(requests.as_bytes()).is_ok() {
        sent += requests.len();
        assert!(sent < 64 << 20, "{sent} bytes were taken and nothing read");
    }
    server.stop();
}

#[test]
fn a_certificate_is_replaced_without_a_lost_request_and_a_bad_one_is_not_taken() {
    let (place, first, server) = served("");
    let second = Pair::new();
    let session = session(&server);
    let held = format!("session: {session}\r\n");
    let both = client(&[&first.der, &second.der], &[&TLS13, &TLS12], &[]);
    let (over, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let to = server.public;
    let callers: Vec<_> = (0..3)
        .map(|_| {
            let (over, asked) = (over.clone(), asked.clone());
            let (both, held) = (both.clone(), held.clone());
            std::thread::spawn(move || {
                let text = request("GET", "/auth/verify", &held, "");
                while !over.load(Ordering::Relaxed) {
                    let mut stream = shake(connect(to), both.clone()).unwrap();
                    for _ in 0..5 {
                        stream.write_all(text.as_bytes()).unwrap();
                        assert_eq!(answer(&mut stream).unwrap().status, 200);
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    let mut kept = pair_stream(&both, to);
    let shown = |both: &Arc<ClientConfig>| {
        let stream = pair_stream(both, to);
        stream
            .conn
            .peer_certificates()
            .unwrap()
            .first()
            .unwrap()
            .clone()
            .into_owned()
    };
    for round in 0..10 {
        let next = if round % 2 == 0 { &second } else { &first };
        next.write(&place, "pair");
        server.signal(Signal::HUP);
        while shown(&both) != next.der {
            std::thread::yield_now();
        }
    }
    // Round 9 left the first one in place; what comes now is none.
    place.write("pair.key", "nothing", 0o600);
    server.signal(Signal::HUP);
    server.says("the certificate stays as it was");
    assert_eq!(shown(&both), first.der);
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.join().unwrap();
    }
    assert_eq!(ask(&mut kept, "GET", "/auth/verify", &held, "").status, 200);
    assert!(asked.load(Ordering::Relaxed) > 0);
    failed(&server, 0);
    server.stop();
}

fn pair_stream(client: &Arc<ClientConfig>, to: SocketAddr) -> Stream {
    shake(connect(to), client.clone()).unwrap()
}

#[test]
fn the_command_line_asks_an_encrypted_listener_by_its_certificate() {
    let place = Place::new();
    let pair = Pair::new();
    let (certificate, key) = pair.write(&place, "pair");
    let tls = [
        "--tls-certificate",
        text(&certificate),
        "--tls-key",
        text(&key),
    ];
    let server = place.serve(&[&tls[..], &["--admin-listen", "0.0.0.0:0"]].concat(), "");
    let port = server.admin.parse::<SocketAddr>().unwrap().port();
    let owner = place.path("owner");
    let asked = |ca: &[&str]| {
        let mut command = place.binary("");
        command.args([
            "account",
            "list",
            "--admin",
            &format!("https://localhost:{port}"),
        ]);
        command.args(["--admin-token-file", text(&owner)]).args(ca);
        command.output().unwrap().status.code()
    };
    assert_eq!(asked(&["--admin-ca", text(&certificate)]), Some(0));
    assert_eq!(
        asked(&[]),
        Some(2),
        "a certificate that nobody knows is believed"
    );
    server.stop();
}
