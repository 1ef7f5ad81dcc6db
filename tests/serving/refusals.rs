//! What would put secrets on a network in clear, or show a key to others, does not start. Source: ASVS 12.2.1, 12.3.1.

use crate::rig::{Place, connect, text};
use crate::tls::Pair;

const EVERYWHERE: [&str; 2] = ["--listen", "0.0.0.0:0"];
const ADMIN_EVERYWHERE: [&str; 2] = ["--admin-listen", "0.0.0.0:0"];

#[test]
fn in_clear_only_this_machine_and_a_declared_proxy_are_served() {
    let place = Place::new();
    let pair = Pair::new();
    let (certificate, key) = pair.write(&place, "pair");
    let tls = [
        "--tls-certificate",
        text(&certificate),
        "--tls-key",
        text(&key),
    ];
    let refused = |arguments: &[&str], config: &str, words: &str| {
        let (code, said) = place.gives_up(arguments, config);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    refused(&EVERYWHERE, "", "in clear");
    refused(&ADMIN_EVERYWHERE, "", "in clear");
    refused(
        &ADMIN_EVERYWHERE,
        "trusted_proxies = [\"192.0.2.1\"]",
        "in clear",
    );
    refused(&tls[..2], "", "tls.key");
    refused(&tls[2..], "", "tls.certificate");
    refused(&[&["--dev"], &tls[..]].concat(), "", "development mode");
    place
        .serve(&EVERYWHERE, "trusted_proxies = [\"192.0.2.1\"]")
        .stop();
    let all = [&EVERYWHERE[..], &ADMIN_EVERYWHERE, &tls].concat();
    let server = place.serve(&all, "");
    // Both are encrypted then.
    for port in [
        server.public.port(),
        server.admin.parse::<std::net::SocketAddr>().unwrap().port(),
    ] {
        let mut stream = pair.connect(([127, 0, 0, 1], port).into());
        let answer = crate::rig::ask(&mut stream, "GET", "/nowhere", "", "");
        assert_eq!(answer.status, 404);
        assert!(
            answer
                .head
                .contains("strict-transport-security: max-age=31536000"),
            "{answer:?}"
        );
    }
    server.stop();
    // On loopback administration stays as it is.
    let server = place.serve(&tls, "");
    assert_eq!(
        server.administer("GET", "/admin/v1/accounts", "").status,
        200
    );
    drop(connect(server.public));
    server.stop();
}

#[test]
fn a_certificate_that_cannot_be_used_is_said_and_named() {
    let place = Place::new();
    let (pair, other) = (Pair::new(), Pair::new());
    let (certificate, key) = pair.write(&place, "pair");
    let (_, foreign) = other.write(&place, "other");
    let open = place.write("open.key", &pair.key, 0o640);
    let nothing = place.write("nothing", "no PEM\n", 0o600);
    let missing = place.path("missing");
    for (certificate, key, words) in [
        (&certificate, &open, "open.key has mode 0640"),
        (&certificate, &foreign, "cannot be used with the key"),
        (&certificate, &nothing, "nothing holds no private key"),
        (&nothing, &key, "nothing holds no certificate"),
        (&missing, &key, "missing"),
        (&certificate, &missing, "missing"),
    ] {
        let arguments = [
            "--tls-certificate",
            text(certificate),
            "--tls-key",
            text(key),
        ];
        let (code, said) = place.gives_up(&arguments, "");
        assert!(
            code == Some(2) && said.contains(words),
            "{words}: {code:?} {said}"
        );
        assert!(!said.contains("PRIVATE KEY"), "{said}");
    }
}
