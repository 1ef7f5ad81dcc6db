//! Few open files: connections wait, and the log does not. Source: F23, O6.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use crate::rig::{Place, answer, ask, connect, request};

/// How many open files a process has.
fn open_files(pid: rustix::process::Pid) -> u64 {
    let path = format!("/proc/{}/fd", pid.as_raw_nonzero());
    std::fs::read_dir(path).unwrap().count() as u64
}

#[test]
fn connections_take_no_files_from_the_log() {
    let place = Place::new();
    let server = place.serve_after("ulimit -n 160", &[], "");
    let made = server.administer("POST", "/admin/v1/accounts", r#"{"username":"alice"}"#);
    assert_eq!(made.status, 200, "{made:?}");
    // Far more than there is room for, each in the middle of a body, so that none is idle.
    let begun = "POST /v1/sessions/ HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n";
    let mut open: Vec<TcpStream> = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(server.public);
        // Whoever is turned away may be gone already.
        let _ = stream.write_all(begun.as_bytes());
        open.push(stream);
    }
    for at in 0..20 {
        let body = format!(r#"{{"username":"user-{at}"}}"#);
        let made = server.administer("POST", "/admin/v1/accounts", &body);
        assert_eq!(made.status, 200, "{made:?}");
    }
    let written = server.administer("POST", "/admin/v1/snapshot", "");
    assert_eq!(written.status, 200, "{written:?}");
    let turned_away = open.iter_mut().filter_map(|stream| {
        stream.set_nonblocking(true).unwrap();
        let mut said = [0; 12];
        let read = stream.read(&mut said).ok()?;
        said.get(..read).map(<[u8]>::to_vec)
    });
    let turned_away: Vec<_> = turned_away.collect();
    assert!(turned_away.len() > 200, "{}", turned_away.len());
    assert!(
        turned_away
            .iter()
            .all(|said| said.is_empty() || said == b"HTTP/1.1 503")
    );
    drop(open);
    // And there is room again.
    let served = (0..10_000).any(|_| {
        let mut stream = connect(server.public);
        let verify = request("GET", "/auth/verify", "", "");
        stream.write_all(verify.as_bytes()).is_ok()
            && answer(&mut stream).is_ok_and(|answer| answer.status == 401)
    });
    assert!(served);
    server.stop();
}

#[test]
fn where_there_are_none_left_a_connection_waits_and_is_served_when_there_are() {
    let place = Place::new();
    let server = place.serve(&[], "");
    let mut kept = connect(server.public);
    assert_eq!(ask(&mut kept, "GET", "/auth/verify", "", "").status, 401);
    let mut admin = TcpStream::connect(&server.admin).unwrap();
    let bearer = format!("authorization: Bearer {}\r\n", crate::rig::OWNER);
    assert_eq!(
        ask(&mut admin, "GET", "/admin/v1/accounts", &bearer, "").status,
        200
    );
    // What the server took for itself at its start, and no connection that is about to be closed.
    let most = getrlimit(Resource::Nofile).maximum;
    let usual = Rlimit {
        current: most,
        maximum: most,
    };
    let none = Rlimit {
        current: Some(open_files(server.pid())),
        ..usual
    };
    prlimit(Some(server.pid()), Resource::Nofile, none).unwrap();
    let mut waiting = connect(server.public);
    waiting
        .write_all(request("GET", "/auth/verify", "", "").as_bytes())
        .unwrap();
    server.says("Error accepting connection");
    // Whoever is there is served, and what changes is on disk.
    for at in 0..20 {
        assert_eq!(ask(&mut kept, "GET", "/auth/verify", "", "").status, 401);
        let body = format!(r#"{{"username":"user-{at}"}}"#);
        let made = ask(&mut admin, "POST", "/admin/v1/accounts", &bearer, &body);
        assert_eq!(made.status, 200, "{made:?}");
    }
    prlimit(Some(server.pid()), Resource::Nofile, usual).unwrap();
    assert_eq!(answer(&mut waiting).unwrap().status, 401);
    server.stop();
}

#[test]
fn what_the_process_may_not_have_is_not_promised() {
    let place = Place::new();
    let refused = |first: &str, config: &str| {
        let output = place.command(first, &[], config).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("too few open files"), "{said}");
    };
    refused("ulimit -n 160", "[limits]\nconnections = 100\n");
    refused("ulimit -n 64", "");
    place
        .serve_after("ulimit -n 160", &[], "[limits]\nconnections = 40\n")
        .stop();
    // What it may take by itself, it takes.
    let server = place.serve_after("ulimit -Sn 64", &[], "");
    server.stop();
}
