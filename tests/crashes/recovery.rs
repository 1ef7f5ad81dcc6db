//! Recovery itself: killed over and over, with other shards, from an older generation, by two at once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sessile::durability::storage::faulty::{Choose, Seed};

use crate::book::machine_ms;
use crate::rounds::Length;
use crate::server::{How, Place, Server};
use crate::writers::{ACCOUNTS, Cast};

/// Sessions of all surfaces on a fresh node, some ended, in two generations and a log behind them.
fn fill(server: &Server, steps: usize) {
    let cast = Cast::make(server);
    for step in 0..steps {
        let surface = ["mollybet", "clerk", "i3d"][step % 3];
        let (name, ..) = ACCOUNTS[step % ACCOUNTS.len()];
        let body = json!({"username": name, "surface": surface, "count": 200});
        let opened = server.administer("POST", "/admin/v1/sessions", &body);
        for session in opened["sessions"].as_array().unwrap().iter().step_by(20) {
            let path = format!("/admin/v1/sessions/{}", session["id"].as_str().unwrap());
            server.administer("DELETE", &path, &Value::Null);
        }
        cast.fill_xdata(server, 50);
        if step == steps / 3 || step == steps * 2 / 3 {
            server.administer("POST", "/admin/v1/snapshot", &Value::Null);
        }
    }
}

/// A copy of a data directory, beside it.
fn copied(place: &Place, name: &str) -> PathBuf {
    let to = place.beside(name);
    copy(&place.data, &to);
    to
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn whatever_interrupts_a_recovery_and_however_many_shards_the_state_is_the_same() {
    let length = Length::or_short(10);
    let place = Place::new();
    let server = place.start(How::default());
    fill(&server, 15);
    let digest = server.digest();
    server.kill();

    let mut seed = Seed(length.seed);
    let mut early = 0;
    for _ in 0..length.rounds {
        let time = Duration::from_millis(1 + seed.below(100) as u64);
        early += u64::from(place.spawn(How::default()).kill_within(time));
    }
    for (shards, clean) in [(1, false), (2, false), (3, true), (7, false), (16, false)] {
        let server = place.start(How {
            shards,
            ..How::default()
        });
        assert_eq!(server.digest(), digest, "{shards} shards");
        if clean {
            server.stop();
        } else {
            server.kill();
        }
    }
    println!(
        "{} kills of a recovery from seed {}, {early} of them before it served; 5 numbers of shards: \
         one digest",
        length.rounds, length.seed
    );
}

#[test]
fn an_older_generation_stands_in_for_a_damaged_one_and_it_is_said() {
    let place = Place::new();
    let server = place.start(How::default());
    fill(&server, 6);
    let digest = server.digest();
    server.kill();
    let images = |data: &Path| {
        let mut names: Vec<PathBuf> = fs::read_dir(data.join("shards"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        names
    };
    let of_newest = images(&place.data).split_off(images(&place.data).len() / 2);
    assert_eq!(of_newest.len(), 3, "an image of each shard, and one more");
    for (at, image) in of_newest.iter().enumerate() {
        let data = copied(&place, &format!("copy-{at}"));
        let name = image.file_name().unwrap().to_str().unwrap();
        let image = data.join("shards").join(name);
        let mut bytes = fs::read(&image).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&image, bytes).unwrap();
        let server = place.spawn_on(&data, How::default()).served().unwrap();
        assert_eq!(server.digest(), digest, "{name}");
        let said = server.errors();
        assert!(
            said.contains("a generation of images cannot be read") && said.contains(name),
            "{said}"
        );
        server.kill();
    }
}

#[test]
fn of_two_processes_on_one_directory_the_second_gives_up() {
    let place = Place::new();
    let server = place.start(How::default());
    let digest = server.digest();
    let mut slowest_ms = 0;
    for _ in 0..3 {
        let began = machine_ms();
        let (status, said) = place.spawn(How::default()).ended();
        slowest_ms = slowest_ms.max(machine_ms() - began);
        assert_eq!(status.code(), Some(3), "{said}");
        assert!(said.contains("data"), "{said}");
    }
    assert_eq!(server.digest(), digest, "the first one serves");
    server.kill();
    println!("the second process was gone after {slowest_ms} ms at most");
}
