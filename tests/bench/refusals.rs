//! What is not loaded, and bounds that are kept.

use crate::rig::{Bench, number};

#[track_caller]
fn refused(bench: &Bench, arguments: &str, word: &str) {
    let ran = bench.run(arguments);
    assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.errors);
    assert!(ran.errors.contains(word), "{arguments}: {}", ran.errors);
    assert!(ran.figures.is_null(), "{arguments}");
    assert_eq!(bench.accounts(), [""; 0], "{arguments}");
}

#[test]
fn what_is_out_of_bounds_is_refused_by_name_and_nothing_is_made() {
    let bench = Bench::new();
    for (arguments, word) in [
        ("verify --rate 0", "--rate"),
        ("verify --rate 2000000", "--rate"),
        ("verify --rate NaN", "--rate"),
        ("verify --duration 25h", "--duration"),
        ("verify --timeout 61s", "--timeout"),
        ("verify --connections 0", "--connections"),
        ("verify --connections 16000000", "--connections"),
        ("verify --threads 65", "--threads"),
        ("verify --pipeline 65", "--pipeline"),
        ("verify --sessions 0", "--sessions"),
        ("verify --accounts 0", "--accounts"),
        ("verify --requests 0", "--requests"),
        ("verify --name a/b", "--name"),
        ("login-storm --wrong 101", "--wrong"),
        ("expiry-wave --wave 0", "--wave"),
        ("mix --shares 1,2,3", "--shares"),
        ("storm", "storm"),
        ("verify --surface soap", "--surface"),
    ] {
        refused(&bench, arguments, word);
    }
}

#[test]
fn only_this_machine_is_loaded_unless_it_is_said() {
    let bench = Bench::new();
    let owner = bench.path("owner");
    let owner = owner.display();
    let far = ["http://192.0.2.1:80", "http://[2001:db8::1]:80"];
    for (url, admin) in [
        (far[0], format!("http://{}", bench.node.admin)),
        (far[1], format!("http://{}", bench.node.admin)),
        (&*format!("http://{}", bench.node.public), far[0].to_owned()),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sessile"));
        command.args(["bench", "verify", "--url", url, "--admin", &admin]);
        command.args(["--admin-token-file", &owner.to_string()]);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{url} {admin}: {errors}");
        assert!(errors.contains("--allow-remote"), "{url} {admin}: {errors}");
    }
    assert_eq!(bench.accounts(), [""; 0]);
}

#[test]
fn nobody_listening_and_no_node_are_told_apart_from_wrong_answers() {
    let bench = Bench::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let ran = bench.run_at(address, "verify");
    assert_eq!(ran.code, Some(2), "{}", ran.errors);
    assert!(ran.errors.contains("nobody listens"), "{}", ran.errors);
}

#[test]
fn a_run_ends_at_its_requests_and_at_its_time() {
    let bench = Bench::new();
    let few = "--sessions 10 --accounts 1 --connections 2 --warmup 0s";
    let ran = bench.run(&format!(
        "verify {few} --requests 7 --rate 1000 --duration 1s"
    ));
    ran.went_well();
    assert_eq!(number(&ran.figures["totals"]["due"]), 7);
    assert_eq!(number(&ran.figures["bound"]["requests"]), 7);
    let ran = bench.run(&format!("verify {few} --rate 50 --duration 500ms"));
    ran.went_well();
    assert_eq!(number(&ran.figures["totals"]["due"]), 25);
}
