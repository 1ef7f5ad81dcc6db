//! SIGKILL, and SIGTERM, under sixteen writers.

use crate::rounds::{Campaign, Fault, Length};
use crate::server::How;

fn mode(mode: &'static str) -> How {
    How {
        mode,
        ..How::default()
    }
}

#[test]
fn a_kill_in_mode_sync_loses_nothing_and_revives_nothing() {
    Campaign::new(
        "kills, sync",
        mode("sync"),
        Fault::Kill,
        Length::or_short(4),
    )
    .run();
}

#[test]
fn a_kill_in_mode_balanced_loses_nothing_and_revives_nothing() {
    let length = Length::or_short(4);
    Campaign::new("kills, balanced", mode("balanced"), Fault::Kill, length).run();
}

#[test]
fn a_kill_in_mode_snapshot_ends_every_session_and_keeps_accounts() {
    let length = Length::or_short(3);
    Campaign::new("kills, snapshot", mode("snapshot"), Fault::Kill, length).run();
}

#[test]
fn a_stop_in_mode_snapshot_keeps_every_session() {
    let length = Length::or_short(1);
    Campaign::new(
        "stops, snapshot",
        mode("snapshot"),
        Fault::Terminate,
        length,
    )
    .run();
}

#[test]
fn a_stop_under_load_cuts_no_answer_and_loses_nothing() {
    let length = Length::or_short(1);
    Campaign::new("stops, sync", mode("sync"), Fault::Terminate, length).run();
}

#[test]
fn a_panic_of_an_owner_or_at_the_disk_ends_the_process_and_loses_nothing() {
    let length = Length::or_short(6);
    Campaign::new("panics, sync", mode("sync"), Fault::Panic, length).run();
}

/// By `tests/campaigns/syscall-faults`, which brings the program that makes calls fail.
#[test]
fn a_failed_call_is_never_followed_by_a_false_acknowledgement() {
    if std::env::var_os("CRASHES_FAULTS").is_some() {
        let length = Length::or_short(1);
        Campaign::new("failed calls, sync", mode("sync"), Fault::Call, length).run();
    }
}
