//! `sessile inspect`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rig::{HASH, PKCS8, SEED, Scratch, crashed, files, flip, images, on, segments};

fn lines(out: &str) -> Vec<Value> {
    out.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn types(lines: &[Value]) -> BTreeSet<&str> {
    lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect()
}

#[test]
fn everything_is_shown_but_no_secret() {
    let scratch = Scratch::new();
    let (data, secrets, _) = crashed(&scratch);
    let before = files(&data);
    let said = on(&scratch, "inspect", &data, &[]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(files(&data), before, "looking changed something");
    let all = lines(&said.out);
    let wanted = [
        "account",
        "client",
        "directory",
        "handoff",
        "key",
        "listing",
        "manifest",
        "record",
        "session",
        "signing_key",
        "template",
    ];
    assert_eq!(types(&all), wanted.into_iter().collect());
    let of = |kind: &str| {
        all.iter()
            .filter(|line| line["type"] == kind)
            .collect::<Vec<_>>()
    };
    let session = of("session")[0];
    assert!(session["session"].as_str().unwrap().starts_with("sess_"));
    assert!(
        of("client")[0]["client"]
            .as_str()
            .unwrap()
            .starts_with("client_")
    );
    let sequences: Vec<_> = of("record")
        .iter()
        .map(|line| line["sequence"].as_u64().unwrap())
        .collect();
    assert!(sequences.windows(2).all(|pair| pair[0] + 1 == pair[1]));
    let events: BTreeSet<_> = of("record")
        .iter()
        .flat_map(|line| line["parts"].as_array().unwrap())
        .map(|part| part["event"].as_str().unwrap())
        .collect();
    for event in [
        "account_put",
        "step_spent",
        "key_created",
        "template_put",
        "sessions_listed",
        "session_opened",
        "session_ended",
        "handoff_issued",
        "handoff_redeemed",
        "client_opened",
        "client_secret_set",
        "sign_in_started",
        "sign_in_guessed",
    ] {
        assert!(events.contains(event), "{event}: {events:?}");
    }

    // Nothing that was a secret, nor what is made of one, in any of the usual spellings.
    assert!(secrets.len() > 20);
    let sealed: Vec<Vec<u8>> = vec![SEED.to_vec(), PKCS8.to_vec(), HASH.as_bytes().to_vec()];
    let told = secrets.iter().map(|secret| secret.as_bytes().to_vec());
    for secret in told.chain(sealed) {
        assert_absent(&said.out, &secret);
    }
    // Digests of secrets are 32 bytes: no run of digits nor list of numbers is as long but those of files.
    let digests = |line: &Value| line["type"] != "manifest";
    for line in all.iter().filter(|line| digests(line)) {
        let text = line.to_string();
        let longest = text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(str::len)
            .max();
        assert!(longest < Some(40), "{text}");
        assert!(!has_list_of_numbers(line), "{text}");
    }
    assert!(!said.out.contains("argon2"));
}

fn assert_absent(out: &str, secret: &[u8]) {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let plain = String::from_utf8(secret.to_vec()).unwrap();
    for spelling in [
        plain,
        hex,
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ] {
        assert!(!out.contains(&spelling), "{spelling}");
    }
}

fn has_list_of_numbers(value: &Value) -> bool {
    match value {
        Value::Array(list) => {
            let numbers = list.iter().filter(|value| value.is_number()).count();
            numbers > 8 || list.iter().any(has_list_of_numbers)
        }
        Value::Object(object) => object.values().any(has_list_of_numbers),
        _ => false,
    }
}

#[test]
fn one_of_both_can_be_asked_for_and_damage_ends_it() {
    let scratch = Scratch::new();
    let (data, ..) = crashed(&scratch);
    let log = lines(&on(&scratch, "inspect", &data, &["--log"]).out);
    assert_eq!(types(&log), ["manifest", "record"].into_iter().collect());
    let only = lines(&on(&scratch, "inspect", &data, &["--images"]).out);
    assert!(!types(&only).contains("record") && types(&only).contains("session"));
    let both = on(&scratch, "inspect", &data, &["--images", "--log"]);
    assert_eq!(both.code, 2);

    let newest = segments(&data).pop().unwrap();
    flip(&newest, 1_024 + 21);
    let cut = on(&scratch, "inspect", &data, &["--log"]);
    assert_eq!(cut.code, 3, "{}", cut.err);
    assert!(cut.err.contains("at byte 1024"), "{}", cut.err);
    let shown = lines(&cut.out);
    assert!(shown.len() > 1 && shown.len() < log.len());
    assert_eq!(shown[..], log[..shown.len()]);

    // The images before the damaged one are shown.
    flip(&images(&data)[1], 700);
    let cut = on(&scratch, "inspect", &data, &["--images"]);
    assert_eq!(cut.code, 3, "{}", cut.err);
    assert!(types(&lines(&cut.out)).contains("session"));
}
