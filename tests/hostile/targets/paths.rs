//! Paths: each has one reading. A session's path in any spelling is either that path or another one, never
//! a neighbour of it; and no answer repeats what the path held.

use std::fmt::Write as _;

use arbitrary::Unstructured;

use super::Fate;
use super::service::{NODE, Said, say};

/// What is done to a path.
pub(crate) fn run(bytes: &[u8]) -> Fate {
    match made(&mut Unstructured::new(bytes)) {
        Ok(fate) => fate,
        Err(_) => Fate::Idle,
    }
}

fn made(input: &mut Unstructured<'_>) -> arbitrary::Result<Fate> {
    let node = &*NODE;
    let plain = format!("/v1/sessions/{}/", node.session);
    let mut spelled = Vec::new();
    // Whether everything that was done is another spelling of the same.
    let mut same = true;
    for byte in plain.bytes() {
        match input.int_in_range(0..=90).unwrap_or(90) {
            0 => {
                let mut text = String::new();
                let upper = input.arbitrary()?;
                let written = if upper {
                    write!(text, "%{byte:02X}")
                } else {
                    write!(text, "%{byte:02x}")
                };
                assert!(written.is_ok(), "a string takes everything");
                // An escaped slash does not separate.
                same &= byte != b'/';
                spelled.extend_from_slice(text.as_bytes());
            }
            1 => {
                let length = input.int_in_range(1..=3)?;
                let odd: Vec<u8> = input.bytes(length)?.to_vec();
                // What ends a request line ends the test, too.
                spelled.extend(
                    odd.into_iter()
                        .map(|byte| if byte <= b' ' { b'~' } else { byte }),
                );
                spelled.push(byte);
                same = false;
            }
            2 => same = false,
            3 => {
                spelled.push(byte.to_ascii_uppercase());
                same &= !byte.is_ascii_lowercase();
            }
            _ => spelled.push(byte),
        }
    }
    let mut request = b"GET ".to_vec();
    request.extend_from_slice(&spelled);
    let head = format!(
        " HTTP/1.1\r\nhost: test\r\nsession: {}\r\nx-sessile-touch: no\r\nconnection: close\r\n\r\n",
        node.session
    );
    request.extend_from_slice(head.as_bytes());
    let mut said = say(node.public(), &request);
    if said.answers.is_empty() {
        // At some thousands of connections a second one may be turned away before it is read.
        said = say(node.public(), &request);
    }
    let Said { answers, text } = said;
    let [answer] = answers.as_slice() else {
        panic!("{} answers to one request", answers.len());
    };
    assert!(*answer < 500, "{answer}: {text}");
    let secret = &node.session;
    assert!(!text.contains(secret.as_str()), "the path is repeated");
    if same {
        assert_eq!(
            *answer,
            200,
            "{}: {text}",
            String::from_utf8_lossy(&spelled)
        );
    } else if *answer == 200 {
        // It was changed, and is the path all the same: only if nothing that counts was.
        let read = String::from_utf8_lossy(&spelled).into_owned();
        let path = read.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or(path);
        let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let slashes = path.matches('/').count();
        let wanted = plain.strip_suffix('/').unwrap_or(&plain);
        assert_eq!(
            (&*decoded, slashes),
            (wanted, 3),
            "another path was taken for it"
        );
    }
    Ok(Fate::of(*answer == 200))
}
