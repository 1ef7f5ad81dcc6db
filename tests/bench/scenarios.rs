//! Each scenario and surface against a node, for a second.

use crate::node::Place;
use crate::rig::{Bench, Ran, number};

/// Little, and soon over.
const SMALL: &str =
    "--sessions 200 --accounts 3 --duration 1s --rate 200 --connections 4 --warmup 0s";

fn small(bench: &Bench, arguments: &str) -> Ran {
    bench.run(&format!("{arguments} {SMALL}"))
}

#[test]
fn every_surface_is_verified_at_a_rate_and_as_fast_as_it_goes() {
    let bench = Bench::new();
    for surface in ["gateway", "mollybet", "i3d", "clerk", "xdata"] {
        let ran = small(&bench, &format!("verify --surface {surface}"));
        ran.went_well();
        assert_eq!(ran.op("verify")["due"], 200, "{surface}");
        assert_eq!(ran.figures["seeded"]["sessions"], 200, "{surface}");
        assert_eq!(ran.figures["surface"], surface);
        let closed = "--closed --pipeline 4 --requests 500";
        let ran = small(&bench, &format!("verify --surface {surface} {closed}"));
        ran.went_well();
        assert_eq!(ran.op("verify")["due"], 500, "{surface}");
        assert_eq!(ran.figures["sending"]["limited_by"], "closed-loop");
    }
    assert_eq!(bench.accounts(), [""; 0], "something is left behind");
}

#[test]
fn sessions_are_opened_by_contract_or_by_trusted_issue() {
    let bench = Bench::new();
    for surface in ["xdata", "mollybet", "i3d", "clerk"] {
        let ran = small(&bench, &format!("open --surface {surface}"));
        ran.went_well();
        assert_eq!(ran.op("open")["answered"], 200, "{surface}");
    }
}

#[test]
fn a_mix_has_its_shares_and_ends_what_it_opened() {
    let bench = Bench::new();
    for surface in ["xdata", "gateway", "i3d", "clerk"] {
        let ran = small(
            &bench,
            &format!("mix --shares 60,20,20 --surface {surface}"),
        );
        ran.went_well();
        assert_eq!(ran.figures["totals"]["due"], 200, "{surface}");
        assert_eq!(ran.op("open")["due"], 40, "{surface}");
        // Where nothing was opened yet, a verification stands in.
        let closed = number(&ran.op("close")["due"]);
        assert!((20..=40).contains(&closed), "{surface}: {closed}");
    }
    let closed = small(&bench, "mix --surface xdata --closed --requests 300");
    closed.went_well();
    let refused = small(&bench, "mix --surface mollybet --closed");
    assert_eq!(refused.code, Some(2), "{}", refused.errors);
}

#[test]
fn logins_are_told_apart_and_verification_goes_on_beside_them() {
    let bench = Bench::new();
    let logins = "--logins 60 --login-connections 8 --login-accounts 3";
    let ran = small(&bench, &format!("login-storm {logins}"));
    ran.went_well();
    let login = ran.op("login");
    assert_eq!(
        login["due"], 40,
        "60 a second, from a third of the second on"
    );
    let names: Vec<_> = login["outcomes"].as_array().unwrap().iter().collect();
    assert_eq!(names[0]["name"], "opened");
    assert!(number(&names[0]["count"]) > 0);
    let phases = ran.op("verify")["phases"].as_array().unwrap();
    assert_eq!(
        (&phases[0]["name"], &phases[1]["name"]),
        (&"quiet".into(), &"storm".into())
    );
    // Wrong passwords are wrong, or too many.
    let ran = small(&bench, &format!("login-storm {logins} --wrong 100"));
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    ran.adds_up();
    assert_eq!(ran.op("login")["outcomes"][0]["count"], 0);
    assert!(number(&ran.op("login")["outcomes"][1]["count"]) > 0);
}

#[test]
fn a_wave_expires_and_every_session_of_it_is_dead_afterwards() {
    let bench = Bench::new();
    let ran = small(&bench, "expiry-wave --wave 700");
    ran.went_well();
    assert_eq!(ran.op("expired")["outcomes"][0]["count"], 700);
    let phases = ran.op("verify")["phases"].as_array().unwrap();
    let names: Vec<_> = phases
        .iter()
        .map(|phase| phase["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["before", "during", "after"]);
    assert!(
        phases
            .iter()
            .all(|phase| number(&phase["latency"]["count"]) > 0)
    );
}

#[test]
fn connections_are_closed_and_opened_again_and_no_request_is_lost() {
    let bench = Bench::new();
    let ran = small(&bench, "reconnect-storm --every 200ms");
    ran.went_well();
    let renewed = number(&ran.figures["sending"]["renewed"]);
    assert!(renewed >= 4, "{renewed}");
    let connected = number(&ran.figures["sending"]["connected"]);
    assert!(connected > renewed, "{connected} of {renewed}");
}

#[test]
fn batches_speak_of_many_sessions_each() {
    let bench = Bench::new();
    let ran = small(&bench, "bulk --surface xdata --batch 20");
    ran.went_well();
    assert_eq!(ran.op("batch")["items"], 20);
    assert_eq!(ran.op("batch")["answered"], 200);
    for refused in [
        "bulk --surface mollybet",
        "bulk --surface xdata --batch 101",
    ] {
        assert_eq!(small(&bench, refused).code, Some(2), "{refused}");
    }
}

#[test]
fn curves_and_table_are_written() {
    let bench = Bench::new();
    let svg = bench.path("curves.svg");
    let ran = small(&bench, &format!("verify --plot {}", svg.display()));
    ran.went_well();
    let text = std::fs::read_to_string(&svg).unwrap();
    let document = roxmltree::Document::parse(&text).unwrap();
    let texts: Vec<_> = document
        .descendants()
        .filter_map(|node| node.text())
        .collect();
    assert!(
        texts.iter().any(|text| text.trim() == "verify: answered"),
        "{texts:?}"
    );
    for word in ["verify", "answered/s", "p99.9", "this program:"] {
        assert!(ran.shown.contains(word), "{word} is not in {}", ran.shown);
    }
    assert!(
        ran.errors.contains("at most 200 requests in"),
        "{}",
        ran.errors
    );
}

#[test]
fn a_development_node_needs_no_flags() {
    let place = Place::new();
    let here = place.path("here");
    let data = here.join("snapshots/live");
    std::fs::create_dir_all(here.join("snapshots")).unwrap();
    let mut command = place.binary("");
    command
        .args(["serve", "--dev", "--listen", "127.0.0.1:0"])
        .args(["--admin-listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data);
    let node = place.started(command);
    let mut command = place.binary("");
    command.current_dir(&here).args(["bench", "verify"]);
    command.args([
        "--duration",
        "1s",
        "--rate",
        "100",
        "--warmup",
        "0s",
        "--sessions",
        "50",
    ]);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    node.stop();
}
