//! Listeners that are spoken to in another way: encrypted, and by a socket of this machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::node::{Place, text};
use crate::rig::Bench;

const SMALL: &str =
    "--sessions 100 --accounts 3 --duration 1s --rate 200 --connections 4 --warmup 0s";

/// A node whose surfaces are encrypted, and whose administration is a socket.
fn secured() -> Bench {
    let place = Place::new();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = place.write("pair.crt", &pair.cert.pem(), 0o644);
    let key = place.write("pair.key", &pair.signing_key.serialize_pem(), 0o600);
    let room = place.path("run");
    fs::create_dir_all(&room).unwrap();
    fs::set_permissions(&room, Permissions::from_mode(0o755)).unwrap();
    let admin = format!("unix:{}", text(&room.join("admin.sock")));
    let node = place.serve(
        &[
            "--tls-certificate",
            text(&certificate),
            "--tls-key",
            text(&key),
            "--admin-listen",
            &admin,
        ],
        "",
    );
    Bench::of(place, node)
}

#[test]
fn an_encrypted_node_is_loaded_and_so_is_a_socket() {
    let bench = secured();
    let url = format!("https://localhost:{}", bench.node.public.port());
    let admin = ["--admin", &bench.node.admin];
    let certificate = bench.path("pair.crt");
    let known = format!("--ca {} {SMALL}", text(&certificate));
    for scenario in [
        "verify",
        "verify --closed --pipeline 4 --requests 300",
        "reconnect-storm --every 300ms",
        "mix --surface mollybet --shares 60,20,20",
    ] {
        let ran = bench.run_by(&url, &admin, &format!("{scenario} {known}"));
        ran.went_well();
    }
}

#[test]
fn a_node_that_is_not_known_is_not_loaded() {
    let bench = secured();
    let url = format!("https://localhost:{}", bench.node.public.port());
    let admin = ["--admin", &bench.node.admin];
    let unnamed = bench.run_by(&url, &admin, &format!("verify {SMALL}"));
    assert_eq!(unnamed.code, Some(2), "{}", unnamed.errors);
    assert!(unnamed.errors.contains("--ca"), "{}", unnamed.errors);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other_ca = bench.path("other.crt");
    fs::write(&other_ca, other.cert.pem()).unwrap();
    let arguments = format!("verify --ca {} {SMALL}", text(&other_ca));
    let stranger = bench.run_by(&url, &admin, &arguments);
    assert_eq!(stranger.code, Some(2), "{}", stranger.errors);
    assert!(
        stranger.errors.contains("not known by --ca"),
        "{}",
        stranger.errors
    );
}
