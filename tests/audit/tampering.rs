//! Whatever is done to the files is found, with its file and line; what a crash leaves is told apart from that.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::stream::{Place, USUAL, clock, numbered};

/// A stream of three days, five lines and a head each.
fn three_days() -> (Place, Vec<PathBuf>) {
    let (place, clock) = (Place::new(), clock());
    for day in 0..3 {
        let audit = place.audit(USUAL, &clock);
        for number in 0..5 {
            audit.tell(numbered(day * 5 + number));
        }
        audit.finish();
        clock.advance_ms(86_400_000);
    }
    let files = place.files();
    assert_eq!(files.len(), 3);
    assert!(place.flaws().is_empty());
    let report = place.report();
    assert_eq!((report.files, report.lines, report.first), (3, 18, 1));
    assert_eq!(report.last.unwrap().number, 18);
    (place, files)
}

fn lines_of(file: &PathBuf) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn write(file: &PathBuf, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(file, text).unwrap();
}

/// The findings after `tamper` was done to the lines of the file in this place.
fn found(at: usize, tamper: impl FnOnce(&mut Vec<String>)) -> Vec<(usize, u64, String)> {
    let (place, files) = three_days();
    let mut lines = lines_of(&files[at]);
    tamper(&mut lines);
    write(&files[at], &lines);
    let of = |name: &str| {
        let place = files
            .iter()
            .position(|file| name.ends_with(file.file_name().unwrap().to_str().unwrap()));
        place.unwrap()
    };
    let flaws = place.flaws().into_iter();
    flaws
        .map(|(file, line, what)| (of(&file), line, what))
        .collect()
}

#[test]
fn a_line_that_was_changed_is_found_in_every_file() {
    for at in 0..3 {
        for line in 0..6 {
            let flaws = found(at, |lines| {
                lines[line] = lines[line].replacen("\"node\"", "\"note\"", 1);
            });
            let told = u64::try_from(line).unwrap() + 1;
            assert_eq!(flaws.len(), 1, "{flaws:?}");
            assert_eq!((flaws[0].0, flaws[0].1), (at, told), "{flaws:?}");
            assert!(flaws[0].2.contains("not what was written"), "{flaws:?}");
        }
    }
}

#[test]
fn every_byte_of_a_line_counts() {
    let (place, files) = three_days();
    let good = fs::read(&files[1]).unwrap();
    for at in 0..good.len() - 1 {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&files[1], &bytes).unwrap();
        assert!(!place.flaws().is_empty(), "byte {at}");
    }
    fs::write(&files[1], &good).unwrap();
    assert!(place.flaws().is_empty());
}

#[test]
fn a_line_that_is_gone_doubled_or_in_another_place_is_found() {
    // From the middle, the beginning and the end of a file.
    let flaws = found(1, |lines| drop(lines.remove(2)));
    assert_eq!((flaws[0].0, flaws[0].1), (1, 3));
    assert!(
        flaws[0].2.contains("lines 9 to 9 before it are missing"),
        "{flaws:?}"
    );
    let flaws = found(1, |lines| drop(lines.remove(0)));
    assert_eq!((flaws[0].0, flaws[0].1), (1, 1), "{flaws:?}");
    let flaws = found(1, |lines| drop(lines.pop()));
    assert_eq!((flaws[0].0, flaws[0].1), (2, 1), "{flaws:?}");
    assert!(
        flaws[0].2.contains("lines 12 to 12 before it are missing"),
        "{flaws:?}"
    );
    let flaws = found(1, |lines| lines.insert(3, lines[2].clone()));
    assert_eq!((flaws[0].0, flaws[0].1), (1, 4), "{flaws:?}");
    let flaws = found(1, |lines| lines.swap(2, 3));
    assert_eq!((flaws[0].0, flaws[0].1), (1, 3), "{flaws:?}");
    let flaws = found(1, |lines| lines.insert(3, "{\"n\":9}".to_owned()));
    assert_eq!((flaws[0].0, flaws[0].1), (1, 4), "{flaws:?}");
    assert!(
        flaws[0].2.contains("no line of an audit stream"),
        "{flaws:?}"
    );
    // A whole new line, well made, still hangs on nothing.
    let flaws = found(1, |lines| {
        lines[2] = lines[2].replace("\"number\":6", "\"number\":7")
    });
    assert_eq!((flaws[0].0, flaws[0].1), (1, 3), "{flaws:?}");
}

#[test]
fn a_line_written_anew_with_its_hash_is_found_by_the_next_one() {
    use sessile::audit::chain::{Stated, end_line};
    let flaws = found(1, |lines| {
        let before = Stated::read(lines[1].as_bytes()).unwrap().link;
        let forged = Stated::read(lines[2].as_bytes()).unwrap().body;
        let mut forged = String::from_utf8(forged.to_vec())
            .unwrap()
            .replace("ok", "no")
            .into_bytes();
        end_line(&before, &mut forged);
        lines[2] = String::from_utf8(forged).unwrap().trim_end().to_owned();
    });
    assert_eq!((flaws[0].0, flaws[0].1), (1, 4), "{flaws:?}");
}

#[test]
fn a_file_that_is_gone_or_stands_for_another_is_found() {
    let (place, files) = three_days();
    let kept = fs::read(&files[1]).unwrap();
    fs::remove_file(&files[1]).unwrap();
    let flaws = place.flaws();
    assert!(flaws[0].0.ends_with("-20260103.jsonl"), "{flaws:?}");
    assert!(
        flaws[0].2.contains("lines 7 to 12 before it are missing"),
        "{flaws:?}"
    );
    fs::write(&files[1], &kept).unwrap();
    fs::set_permissions(&files[1], fs::Permissions::from_mode(0o600)).unwrap();
    assert!(place.flaws().is_empty());
    // The oldest ones may be gone when their time is over, and then a line says so.
    fs::remove_file(&files[0]).unwrap();
    let flaws = place.flaws();
    assert!(
        flaws[0].2.contains("no line says that their time was over"),
        "{flaws:?}"
    );
    fs::write(&files[0], &kept).unwrap();
    fs::set_permissions(&files[0], fs::Permissions::from_mode(0o600)).unwrap();
    assert!(!place.flaws().is_empty());
    fs::write(files[0].with_file_name("notes.txt"), "x").unwrap();
    let named = place.flaws();
    assert!(
        named.iter().any(|(file, ..)| file == "audit/notes.txt"),
        "{named:?}"
    );
}

#[test]
fn a_file_that_others_can_read_or_that_is_a_link_is_found() {
    let (place, files) = three_days();
    fs::set_permissions(&files[1], fs::Permissions::from_mode(0o644)).unwrap();
    assert!(place.flaws()[0].2.contains("0644"));
    fs::set_permissions(&files[1], fs::Permissions::from_mode(0o600)).unwrap();
    let elsewhere = files[1]
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("elsewhere");
    fs::rename(&files[1], &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &files[1]).unwrap();
    assert!(place.flaws()[0].2.contains("symbolic link"));
}

#[test]
fn files_are_for_their_owner_only() {
    let (_place, files) = three_days();
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for file in &files {
        assert_eq!(mode(file), 0o600);
    }
    assert_eq!(mode(&files[0].parent().unwrap().to_owned()), 0o700);
}

#[test]
fn a_torn_tail_is_cut_at_every_byte_and_told_and_the_chain_goes_on() {
    let (place, files) = three_days();
    let good = fs::read(&files[2]).unwrap();
    let last = good[..good.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for cut in last + 1..good.len() {
        fs::write(&files[2], &good[..cut]).unwrap();
        let report = place.report();
        assert!(report.flaws.is_empty(), "{cut}: {report}");
        let (_, torn) = report.torn.unwrap();
        assert_eq!(
            (torn.offset, torn.bytes),
            (last as u64, (cut - last) as u64)
        );
    }
    fs::write(&files[2], &good[..good.len() - 9]).unwrap();
    let clock = clock();
    clock.advance_ms(2 * 86_400_000);
    let audit = place.audit(USUAL, &clock);
    audit.tell(numbered(99));
    audit.finish();
    let report = place.report();
    assert!(report.flaws.is_empty() && report.torn.is_none(), "{report}");
    let lines = place.all_lines();
    let told = lines
        .iter()
        .find(|line| line["what"] == "audit.cut")
        .unwrap();
    assert_eq!(told["detail"]["bytes"], (good.len() - 9 - last) as u64);
    assert_eq!(lines.last().unwrap()["detail"]["number"], 99);
    assert_eq!(lines.last().unwrap()["n"], 19);
}

#[test]
fn zeros_that_power_left_are_a_torn_tail_with_what_stands_behind_them() {
    let (place, files) = three_days();
    let mut bytes = fs::read(&files[2]).unwrap();
    let ends: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    for byte in &mut bytes[ends[2] + 20..ends[3] + 20] {
        *byte = 0;
    }
    fs::write(&files[2], &bytes).unwrap();
    let report = place.report();
    assert!(report.flaws.is_empty(), "{report}");
    let (_, torn) = report.torn.unwrap();
    assert_eq!((torn.offset, torn.lines), (ends[2] as u64 + 1, 1));
    // In an older file it is damage.
    let mut older = fs::read(&files[1]).unwrap();
    let at = older.len() / 2;
    older[at] = 0;
    fs::write(&files[1], &older).unwrap();
    let flaws = place.flaws();
    assert!(flaws[0].0.ends_with("-20260102.jsonl"), "{flaws:?}");
}

#[test]
fn a_stream_that_was_damaged_goes_on_in_a_new_file_and_the_damage_stays_found() {
    let (place, files) = three_days();
    let mut lines = lines_of(&files[2]);
    lines[3] = lines[3].replacen("\"node\"", "\"note\"", 1);
    write(&files[2], &lines);
    let clock = clock();
    clock.advance_ms(2 * 86_400_000);
    for number in 0..2 {
        let audit = place.audit(USUAL, &clock);
        audit.tell(numbered(100 + number));
        audit.finish();
    }
    let flaws = place.flaws();
    assert_eq!(flaws.len(), 1, "{flaws:?}");
    assert_eq!(flaws[0].1, 4);
    let told = place.all_lines();
    let damaged = told.iter().filter(|line| line["what"] == "audit.damaged");
    assert_eq!(damaged.count(), 1);
    assert_eq!(place.files().len(), 4);
}

#[test]
fn files_are_removed_when_their_time_is_over_and_what_is_left_verifies() {
    let (place, files) = three_days();
    let clock = clock();
    clock.advance_ms(32 * 86_400_000);
    let audit = place.audit(USUAL, &clock);
    audit.tell(numbered(7));
    audit.finish();
    // Begun on the first and the second day, at 30 days each; the third is kept for another day.
    let left = place.files();
    assert!(!files[0].exists() && !files[1].exists());
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(place.flaws().is_empty(), "{:?}", place.flaws());
    let lines = place.all_lines();
    let removed = lines
        .iter()
        .find(|line| line["what"] == "audit.removed")
        .unwrap();
    assert_eq!(
        (&removed["detail"]["through"], &removed["detail"]["files"]),
        (&12.into(), &2.into())
    );
    // One more than the line says is one too many.
    fs::remove_file(&left[0]).unwrap();
    assert!(
        place.flaws()[0]
            .2
            .contains("lines 1 to 18 before it are missing")
    );
}
