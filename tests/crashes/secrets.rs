//! No secret that was ever handed out or sent is in a file of the data directory, whatever it is written
//! in; the credentials of development mode are in their one file (I9, I10).

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sessile::clock;
use sessile::durability::log::{LogSettings, Mode};
use sessile::durability::recovery::Progress;
use sessile::durability::sealing::SealingKeys;
use sessile::durability::storage::os::OsStorage;
use sessile::durability::store::{Found, StoreSettings};
use sessile::entropy::SystemEntropy;

use crate::rounds::busy;
use crate::server::{How, Place, TOKEN};
use crate::wire::{Line, request};

/// What a pattern begins with, by which it is looked up.
const KEY_BYTES: usize = 8;

/// Looks for many byte strings at once.
#[derive(Default)]
struct Finder {
    /// By their first bytes: the whole, and whose it is.
    patterns: HashMap<[u8; KEY_BYTES], Vec<(Vec<u8>, usize)>>,
    names: Vec<String>,
}

impl Finder {
    /// A secret by what it is called, never by itself: as text and, if the text is a number in any of
    /// the usual spellings, as that.
    fn add(&mut self, name: &str, secret: &str) {
        self.add_bytes(name, secret.as_bytes());
        for bytes in [
            from_hex(&secret.replace('-', "")),
            URL_SAFE_NO_PAD.decode(secret).ok(),
            from_base32(secret),
        ]
        .into_iter()
        .flatten()
        {
            self.add_bytes(name, &bytes);
        }
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) {
        let whose = self.names.len();
        self.names.push(name.to_owned());
        for pattern in spellings(bytes) {
            let key = *pattern.first_chunk().expect("a secret is not that short");
            self.patterns.entry(key).or_default().push((pattern, whose));
        }
    }

    /// What stands in these bytes, by name.
    fn find(&self, bytes: &[u8]) -> Vec<&str> {
        let mut found = Vec::new();
        for (at, window) in bytes.windows(KEY_BYTES).enumerate() {
            let key: &[u8; KEY_BYTES] = window.first_chunk().unwrap();
            if key == &[0; KEY_BYTES] {
                continue;
            }
            for (pattern, whose) in self.patterns.get(key).into_iter().flatten() {
                if bytes[at..].starts_with(pattern) {
                    found.push(self.names[*whose].as_str());
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Raw, hexadecimal, and base64 in both alphabets, wherever in a longer text it begins.
fn spellings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        bytes.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for before in 0..3_usize {
        let shifted = [&[0; 2][..before.min(2)], bytes].concat();
        // Digits that hold nothing but bits of these bytes.
        let (from, until) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            all.push(alphabet.encode(&shifted).as_bytes()[from..until].to_vec());
        }
    }
    all
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    let bytes = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]);
    bytes.map(|byte| u8::try_from(byte).ok()).collect()
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.chars() {
        let digit = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter)?;
        bits = bits << 5 | u32::try_from(digit).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

/// All files below a directory.
fn files(directory: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found);
        } else {
            let name = entry.path().to_string_lossy().into_owned();
            found.push((name, fs::read(entry.path()).unwrap()));
        }
    }
}

/// The private halves of the signing keys of a directory that nobody serves.
fn private_halves(place: &Place) -> Vec<Vec<u8>> {
    let key = SealingKeys::read(&place.beside("state").join("sessile/sealing-key")).unwrap();
    let settings = StoreSettings {
        log: LogSettings::new(Mode::Sync),
        development: true,
        accept_clock: false,
        revive: false,
        rows: 2,
    };
    let found = Found::read(
        Arc::new(OsStorage::open(&place.data).unwrap()),
        &settings,
        key,
        Arc::new(SystemEntropy),
        clock::wall(),
        &Progress::default(),
    );
    let keys = found.unwrap().recovered.state.world.jwts.signing_keys();
    keys.iter().map(|key| key.pkcs8.to_vec()).collect()
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let seed = [
        0xfb, 0xef, 0xbe, 0xff, 0x00, 0x10, 0x83, 0x10, 0x51, 0x87, 0x20, 0x92,
    ];
    let mut finder = Finder::default();
    finder.add_bytes("seed", &seed);
    finder.add("password", "correct-horse-7");
    let mut texts: Vec<Vec<u8>> = spellings(b"correct-horse-7");
    for before in 0..5 {
        let text = [&vec![b'x'; before][..], &seed[..], b"xyz"].concat();
        texts.push(STANDARD_NO_PAD.encode(&text).into_bytes());
        texts.push(URL_SAFE_NO_PAD.encode(&text).into_bytes());
        texts.push(text);
    }
    for text in texts {
        assert_eq!(
            finder.find(&text).len(),
            1,
            "{}",
            String::from_utf8_lossy(&text)
        );
    }
    assert!(finder.find(b"correct-horse-8, and nothing else").is_empty());
    assert_eq!(from_base32("MZXW6YTB"), Some(b"fooba".to_vec()));
}

#[test]
fn no_secret_is_in_a_file_of_the_data_directory_but_the_development_credentials() {
    let place = Place::new();
    let server = place.start(How {
        dev: true,
        ..How::default()
    });
    let mut finder = Finder::default();
    finder.add("admin token", TOKEN);
    // Passwords, seeds and keys that are made and used.
    let password = "a-password-that-is-looked-for-1";
    let make = |path: &str, body: &Value| server.administer("POST", path, body);
    make(
        "/admin/v1/accounts",
        &json!({"username": "ann", "password": password}),
    );
    finder.add("password", password);
    let login = json!({"username": "ann", "password": password}).to_string();
    let login = request("POST", "/v1/sessions/", &[], &login);
    let answer = Line::to(server.public).call(&login).whole();
    finder.add("session by password", text(&answer.json()["data"]));
    let seed = make("/admin/v1/accounts/ann/totp", &Value::Null);
    finder.add("one-time-password seed", text(&seed["totp_secret"]));
    for kind in ["xdata", "i3d", "i3d-guest"] {
        let body = match kind {
            "i3d-guest" => json!({"kind": kind}),
            _ => json!({"kind": kind, "username": "ann"}),
        };
        let key = make("/admin/v1/keys", &body);
        finder.add("key", text(&key["secret"]));
    }
    let issued = json!({"username": "bob", "surface": "clerk"});
    let clerk = make("/admin/v1/sessions", &issued);
    let clerk = &clerk["sessions"][0];
    let cookie = format!("__client={}", text(&clerk["secret"]));
    let path = format!("/v1/client/sessions/{}/tokens", text(&clerk["id"]));
    let minted = Line::to(server.public).call(&request("POST", &path, &[("cookie", &cookie)], ""));
    finder.add("token", text(&minted.whole().json()["jwt"]));
    finder.add("client", text(&clerk["secret"]));
    // Keys of which some are in images, and one in the log alone.
    const ROTATE: &str = "/admin/v1/signing-keys/rotate";
    make(ROTATE, &Value::Null);
    make(ROTATE, &json!({"algorithm": "EdDSA"}));
    make("/admin/v1/snapshot", &Value::Null);
    make(ROTATE, &json!({"algorithm": "ES256"}));

    // A busy minute, and its end without a word: images of before, a log of since.
    let (shares, server_said) = busy(server);
    for share in &shares {
        for session in &share.sessions {
            finder.add(session.surface.name(), &session.secret);
        }
        for handoff in &share.handoffs {
            finder.add("hand-off token", &handoff.token);
        }
    }
    // What development mode made, and the key of this user.
    let credentials = place.data.join("dev-credentials.json");
    let credentials_bytes = fs::read(&credentials).unwrap();
    let made: Value = serde_json::from_slice(&credentials_bytes).unwrap();
    finder.add("development admin token", text(&made["admin_token"]));
    for account in made["accounts"].as_array().unwrap() {
        finder.add("development password", text(&account["password"]));
        if let Some(seed) = account["totp_secret"].as_str() {
            finder.add("development seed", seed);
        }
    }
    for key in made["i3d"]["guest_keys"].as_array().unwrap() {
        finder.add("development guest key", text(key));
    }
    for key in made["xdata"]["keys"].as_array().unwrap() {
        finder.add("development key pair", text(&key["secret"]));
    }
    finder.add(
        "development account key",
        text(&made["i3d"]["account_keys"]["alice"]),
    );
    let sealing_key = fs::read(place.beside("state").join("sessile/sealing-key")).unwrap();
    match std::str::from_utf8(&sealing_key) {
        Ok(key) => finder.add("sealing key", key.trim()),
        Err(_) => finder.add_bytes("sealing key", &sealing_key),
    }

    // Only who has the sealing key knows the private halves.
    let halves = private_halves(&place);
    assert_eq!(halves.len(), 4);
    for half in &halves {
        finder.add_bytes("private key", half);
        finder.add_bytes("private key", &half[half.len() - 32..]);
    }

    let mut found = Vec::new();
    files(&place.data, &mut found);
    found.push(("standard error".into(), server_said.into_bytes()));
    let (mut bytes, names) = (0, finder.names.len());
    for (name, contents) in &found {
        let secrets = finder.find(contents);
        bytes += contents.len();
        if *name == credentials.to_string_lossy() {
            let made = finder
                .names
                .iter()
                .filter(|name| name.starts_with("development"));
            for kind in made {
                assert!(secrets.contains(&kind.as_str()), "{kind} is where it is");
            }
        } else {
            assert!(secrets.is_empty(), "{name}: {secrets:?}");
        }
    }
    assert!(found.iter().any(|(name, _)| name.ends_with(".image")));
    println!(
        "{names} secrets, in 9 spellings each, are in none of {} files of {bytes} bytes",
        found.len()
    );
}
