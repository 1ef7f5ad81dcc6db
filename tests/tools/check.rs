//! `sessile check`, and the one thing that it changes.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;

use sessile::durability::codec::CODEC;
use sessile::durability::format::Origin;
use sessile::durability::manifest::Manifest;
use sessile::durability::reading::survey::survey;
use sessile::durability::storage::os::OsStorage;

use crate::rig::{
    KEY, Said, Scratch, copy, crashed, files, flip, images, on, segments, set_mode, start,
};

fn check(scratch: &Scratch, directory: &Path) -> Said {
    let before = files(directory);
    let said = on(scratch, "check", directory, &[]);
    assert_eq!(files(directory), before, "looking changed something");
    said
}

/// Where the records of a segment begin, and a mark whether each was written after a sync.
fn records(segment: &Path) -> Vec<(usize, bool)> {
    let bytes = std::fs::read(segment).unwrap();
    let (mut at, mut found) = (1_024, Vec::new());
    while let Some(head) = bytes.get(at..at + 20)
        && head[4] != 0
    {
        found.push((at, head[5] == 1));
        at += 24 + u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
    }
    found
}

#[test]
fn what_is_good_is_counted_and_a_torn_tail_is_no_damage() {
    let scratch = Scratch::new();
    let (data, ..) = crashed(&scratch);
    let said = check(&scratch, &data);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    for line in [
        "generation 2: position ",
        "generation 1: position ",
        "4 files",
        "a start would succeed, from generation 2\n",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert!(!said.out.contains("torn"), "{}", said.out);
    assert!(!said.out.contains("a start ends all"), "{}", said.out);

    // What looks for more than a start does finds nothing where a start does not.
    let storage = OsStorage::look(&data).unwrap();
    let manifest = Manifest::load(&storage).unwrap().unwrap();
    let origin = Origin {
        instance: manifest.instance,
        codec: CODEC,
    };
    let more = |from| survey(&storage, origin, from, &mut |_| Ok(()));
    for from in [
        1,
        manifest.log_needed_from(),
        manifest.generations[0].position + 1,
    ] {
        assert!(more(from).is_empty(), "{from}: {:?}", more(from));
    }

    let newest = segments(&data).pop().unwrap();
    let (last, _) = *records(&newest).last().unwrap();
    flip(&newest, last + 22);
    let said = check(&scratch, &data);
    assert_eq!(said.code, 0, "{said:?}");
    let name = newest.file_name().unwrap().to_str().unwrap();
    let tail = format!("torn tail: log/{name} at byte {last}: ");
    assert!(said.out.contains(&tail), "{}", said.out);
    assert!(start(&data, KEY).is_ok());
    assert!(more(manifest.log_needed_from()).is_empty());
}

#[test]
fn a_directory_that_is_not_to_be_looked_at_is_refused() {
    let scratch = Scratch::new();
    let (data, ..) = crashed(&scratch);
    let refused = |directory: &Path, word: &str| {
        for command in ["check", "inspect"] {
            let said = on(&scratch, command, directory, &[]);
            assert_eq!(said.code, 3, "{command}: {said:?}");
            assert!(said.err.contains(word), "{command}, {word}: {said:?}");
            assert_eq!(said.out, "", "{command}");
        }
    };
    refused(&scratch.path("none"), "No such file");
    let file = scratch.path("file");
    std::fs::write(&file, "").unwrap();
    refused(&file, "not a directory");
    let link = scratch.path("link");
    symlink(&data, &link).unwrap();
    refused(&link, "symbolic link");
    refused(&scratch.path("link/"), "symbolic link");

    let lock = File::create(data.join("lock")).unwrap();
    lock.lock().unwrap();
    refused(&data, "served by another process");
    drop(lock);
    set_mode(&data, 0o750);
    refused(&data, "chmod 0700");
    set_mode(&data, 0o700);
    let manifest = data.join("manifest");
    set_mode(&manifest, 0o644);
    refused(&data, "chmod 0600");
    set_mode(&manifest, 0o600);

    let whole = std::fs::read(&manifest).unwrap();
    let mut newer = whole.clone();
    newer[8] = 9;
    let body = newer.len() - 32;
    let digest = *blake3::hash(&newer[..body]).as_bytes();
    newer[body..].copy_from_slice(&digest);
    std::fs::write(&manifest, &newer).unwrap();
    refused(&data, "use the newer one");
    newer[20] ^= 1;
    std::fs::write(&manifest, &newer).unwrap();
    refused(&data, "manifest is damaged");
    std::fs::remove_file(&manifest).unwrap();
    refused(&data, "no manifest");
}

#[test]
fn every_damage_is_named_with_its_place_and_what_to_do() {
    let scratch = Scratch::new();
    let (data, ..) = crashed(&scratch);
    // Two images of the newer generation, two places in the log, one of them in an old segment.
    let named = |path: &Path| {
        let file = path.strip_prefix(&data).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let newer: Vec<_> = images(&data).into_iter().rev().take(2).collect();
    for image in &newer {
        flip(image, 522);
    }
    let said = check(&scratch, &data);
    assert_eq!(said.code, 3, "{said:?}");
    for image in &newer {
        let line = format!("damage: {} at byte 512: ", named(image));
        assert!(said.out.contains(&line), "{line}: {}", said.out);
    }
    assert!(
        said.out.contains("generation 1 would stand in"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("succeed, from generation 1"),
        "{}",
        said.out
    );
    assert_eq!(start(&data, KEY).unwrap().generation, Some(1));

    let logs = segments(&data);
    let old = &logs[logs.len() - 2];
    let places: Vec<_> = records(old).into_iter().map(|(at, _)| at).collect();
    let wanted = [places[places.len() - 4], places[places.len() - 1]];
    for at in wanted {
        flip(old, at + 8);
    }
    let said = check(&scratch, &data);
    assert_eq!(said.code, 3, "{said:?}");
    for at in wanted {
        let line = format!("damage: {} at byte {at}: ", named(old));
        assert!(said.out.contains(&line), "{line}: {}", said.out);
    }
    assert!(
        said.out.contains("a start would be refused"),
        "{}",
        said.out
    );
    assert!(said.err.contains("nothing was changed"), "{}", said.err);
    assert!(start(&data, KEY).is_err());

    std::fs::remove_file(&newer[0]).unwrap();
    let said = check(&scratch, &data);
    let line = format!("damage: {} at byte 0: opening", named(&newer[0]));
    assert!(said.out.contains(&line), "{line}: {}", said.out);
}

/// For every byte of the images and of the log that is needed: a start that is refused is damage here, and
/// what is good here starts.
#[test]
fn the_verdict_is_that_of_a_start() {
    let scratch = Scratch::new();
    let (data, _, digest) = crashed(&scratch);
    let mut tally = [0; 2];
    for (nth, path) in images(&data).into_iter().chain(segments(&data)).enumerate() {
        let len = std::fs::read(&path).unwrap().len();
        // The last byte, too: of the newest segment that is room, where there is nothing to damage.
        let places = (0..7).map(|part| (len * part / 7 + nth * 13) % len);
        for (part, at) in places.chain([len - 1]).enumerate() {
            let damaged = scratch.path("damaged");
            copy(&data, &damaged);
            let same = damaged.join(path.strip_prefix(&data).unwrap());
            flip(&same, at);
            let said = check(&scratch, &damaged);
            let found = start(&damaged, KEY);
            assert_eq!(
                said.out.contains("a start would succeed"),
                found.is_ok(),
                "{} {part}: {said:?}",
                path.display()
            );
            if said.code == 0 && !said.out.contains("torn tail") {
                assert_eq!(found.unwrap().digest, digest, "{}", path.display());
            }
            tally[usize::from(said.code == 0)] += 1;
            std::fs::remove_dir_all(&damaged).unwrap();
        }
    }
    println!("{} damaged, {} good", tally[0], tally[1]);
    assert!(tally[0] > 20 && tally[1] > 0, "{tally:?}");
}

#[test]
fn the_tail_is_cut_at_a_bad_record_and_nothing_else_is() {
    let scratch = Scratch::new();
    let (data, ..) = crashed(&scratch);
    let repair = |directory: &Path| on(&scratch, "check", directory, &["--repair-tail"]);
    let before = files(&data);
    let said = repair(&data);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("nothing was changed"), "{said:?}");
    assert_eq!(files(&data), before);

    let newest = segments(&data).pop().unwrap();
    let all = records(&newest);
    let nth = (0..all.len())
        .rev()
        .find(|nth| all[nth + 1..].iter().any(|(_, synced)| *synced))
        .unwrap();
    let (at, _) = all[nth];
    let bytes = std::fs::read(&newest).unwrap();
    let sequence = u64::from_le_bytes(bytes[at + 8..at + 16].try_into().unwrap());
    flip(&newest, at + 21);
    let said = on(&scratch, "check", &data, &[]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.out.contains("--repair-tail"), "{said:?}");
    assert!(start(&data, KEY).is_err());
    let damaged = scratch.path("damaged");
    copy(&data, &damaged);

    let said = repair(&data);
    assert_eq!(said.code, 0, "{said:?}");
    let lost = all.len() - nth - 1;
    let line = format!("record {sequence}, which is bad; {lost} whole records behind it are lost");
    assert!(said.out.contains(&line), "{line}: {said:?}");
    let kept = data.join(format!("log-cut-{sequence}"));
    let cut = std::fs::read(&kept).unwrap();
    let mut whole = std::fs::read(&newest).unwrap();
    assert_eq!(whole.len(), at);
    whole.extend_from_slice(&cut);
    flip_back(&mut whole, at + 21);
    assert_eq!(whole[..], bytes[..whole.len()]);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let started = start(&data, KEY).unwrap();
    assert_eq!(started.last, sequence - 1);
    assert_eq!(on(&scratch, "check", &data, &[]).code, 0);

    // The same damage with another one beside it stays as it is.
    type Damage<'a> = &'a dyn Fn(&Path);
    let elsewhere: [Damage<'_>; 3] = [
        &|directory| flip(&images(directory)[0], 700),
        &|directory| flip(&segments(directory).pop().unwrap(), 40),
        &|directory| std::fs::write(directory.join(format!("log-cut-{sequence}")), "mine").unwrap(),
    ];
    for damage in elsewhere {
        let other = scratch.path("other");
        copy(&damaged, &other);
        damage(&other);
        let before = files(&other);
        let said = repair(&other);
        assert_eq!(said.code, 3, "{said:?}");
        assert_eq!(files(&other), before, "{said:?}");
        std::fs::remove_dir_all(&other).unwrap();
    }
}

fn flip_back(bytes: &mut [u8], at: usize) {
    bytes[at] ^= 4;
}
