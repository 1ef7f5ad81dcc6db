//! A server that answers wrongly, or late, between the load and a node: nothing of it goes unseen.

use std::time::Duration;

use crate::proxy::{Proxy, Spoiling};
use crate::rig::{Bench, Ran, number};

const SMALL: &str =
    "--sessions 100 --accounts 3 --duration 1s --rate 200 --connections 4 --warmup 0s";

fn lied_to(surface: &str, spoiling: Spoiling) -> (Ran, u64) {
    let bench = Bench::new();
    let proxy = Proxy::before(bench.node.public, spoiling);
    let ran = bench.run_at(
        proxy.address,
        &format!("verify --surface {surface} {SMALL}"),
    );
    ran.adds_up();
    assert_eq!(ran.code, Some(1), "{}", ran.errors);
    (ran, proxy.spoilt())
}

#[test]
fn another_identity_is_found_each_time() {
    for surface in ["gateway", "mollybet"] {
        let (ran, spoilt) = lied_to(surface, Spoiling::Identity);
        assert!(spoilt > 10, "{spoilt}");
        assert_eq!(ran.failures("verify", "identity"), spoilt, "{surface}");
        assert_eq!(number(&ran.figures["totals"]["failed"]), spoilt);
    }
}

#[test]
fn another_status_is_found_each_time() {
    let (ran, spoilt) = lied_to("gateway", Spoiling::Status);
    assert_eq!(ran.failures("verify", "status"), spoilt);
    assert_eq!(ran.op("verify")["failures"][0]["status"], 500);
}

#[test]
fn an_answer_that_breaks_off_is_found_each_time() {
    let (ran, spoilt) = lied_to("gateway", Spoiling::Cut);
    assert_eq!(ran.failures("verify", "cut"), spoilt);
    assert_eq!(number(&ran.figures["totals"]["failed"]), spoilt);
}

#[test]
fn what_is_no_answer_is_found_each_time() {
    let (ran, spoilt) = lied_to("gateway", Spoiling::Noise);
    assert_eq!(ran.failures("verify", "malformed"), spoilt);
}

/// Coordinated omission: whoever waits for an answer before he asks again sees a stall once; those who would have asked
/// meanwhile all feel it.
#[test]
fn a_stall_is_felt_by_everybody_who_would_have_asked_meanwhile() {
    const STALL: Duration = Duration::from_secs(2);
    let bench = Bench::new();
    let proxy = Proxy::before(bench.node.public, Spoiling::Stall(STALL));
    let load = "--sessions 100 --accounts 3 --duration 4s --rate 200 --connections 4 --warmup 0s";
    let ran = bench.run_at(proxy.address, &format!("verify {load}"));
    ran.went_well();
    assert_eq!(ran.op("verify")["due"], 800);
    // 400 were due during the stall: half of them more than a second before its end.
    assert!(ran.slower_than("verify", 100_000) >= 370);
    assert!(ran.slower_than("verify", 1_000_000) >= 190);
    assert!(ran.slower_than("verify", 1_800_000) >= 35);
    let latency = &ran.op("verify")["latency"];
    assert!(number(&latency["p99_us"]) >= 1_800_000, "{latency}");
    assert!(number(&latency["max_us"]) >= 1_950_000, "{latency}");
    // All but those that were under way when it began found no connection, and it is told whose fault that was.
    let waited = &ran.figures["sending"]["waited_for_connection"];
    assert!(number(&waited["count"]) >= 370, "{waited}");
}

#[test]
fn no_answer_in_time_is_a_failure_with_its_time() {
    let bench = Bench::new();
    let proxy = Proxy::before(bench.node.public, Spoiling::Stall(Duration::from_secs(3)));
    let load = "--sessions 100 --accounts 3 --duration 1s --rate 200 --connections 4 --warmup 0s";
    let ran = bench.run_at(proxy.address, &format!("verify {load} --timeout 500ms"));
    ran.adds_up();
    assert_eq!(ran.code, Some(1), "{}", ran.errors);
    assert!(ran.failures("verify", "timeout") > 0);
    assert!(number(&ran.op("verify")["latency"]["max_us"]) >= 500_000);
    let totals = &ran.figures["totals"];
    // It ended when it had to, with requests that nobody could take.
    assert!(number(&totals["unsent"]) > 0, "{totals}");
}
