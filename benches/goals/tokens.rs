//! Clerk's token call, RS256, against bare signatures by the same library on as many threads (G16).
//!
//! So many sessions are asked in turn that none is asked twice within a second: each call costs a signature. Then few
//! are asked over and over; and one on one connection, whose tokens are looked at: one signature a second.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::common::admin::{ACCOUNT, Admin, PER_CALL_OF_CLIENTS};
use crate::common::answer::{Answer, Asker};
use crate::common::goals::{Row, grouped};
use crate::common::machine;
use crate::common::rotation::{self, Candidate};
use crate::common::servers::Server;
use crate::common::wrk::{Load, Window};
use crate::{CONNECTIONS, Size, WINDOW_S, room};

/// Sessions, if nothing else is said: several times what is signed in a second, and fewer than tokens are kept.
const SESSIONS: u64 = 16_384;
/// Sessions that are asked before anything is measured, each for a token of its own.
const LOOKED_AT: usize = 256;
/// How long the first token may take: the signing key is made after the start.
const KEY_WITHIN: Duration = Duration::from_secs(30);
/// How long one session is asked over and over.
const REPEATED_FOR: Duration = Duration::from_secs(5);

pub(crate) fn run(size: &Size) -> Result<Vec<Row>> {
    let room = room()?;
    let server = Server::sessile(room.path(), machine::cores(), &[])?;
    let admin = Admin::of(&server, room.path())?;
    admin.make_owner()?;
    let sessions = size.count(SESSIONS);
    let body = |count| json!({"username": ACCOUNT, "surface": "clerk", "count": count});
    let drawn = admin.open(sessions, PER_CALL_OF_CLIENTS, sessions, body, |session| {
        format!("{} {}", session.id, session.secret)
    })?;
    let requests: Vec<_> = drawn.iter().map(|session| token_call(session)).collect();

    let mut asker = Asker::connect(server.listen)?;
    let first = requests.first().context("no sessions")?;
    let answer = first_token(&mut asker, first)?;
    let looked_at = requests.iter().take(LOOKED_AT);
    let tokens: HashSet<_> = looked_at
        .map(|request| Token::in_answer(&asker.ask(request)?).map(|token| token.jwt))
        .collect::<Result<_>>()?;
    ensure!(
        tokens.len() == requests.len().min(LOOKED_AT),
        "two sessions have one token"
    );

    let signed_bytes = tokens.iter().next().map_or(0, |jwt| jwt.len());
    let pair = RsaKeyPair::generate(KeySize::Rsa2048);
    let pair = pair.ok().context("no key for bare signatures")?;
    let threads = machine::cores().saturating_sub(1).max(1);
    let (address, bytes) = (server.listen, answer.wire_bytes);
    let wide = Load::prepare(room.path(), "wide", &requests, CONNECTIONS, 1)?;
    let few = requests.get(..CONNECTIONS).context("too few sessions")?;
    let narrow = Load::prepare(room.path(), "narrow", few, CONNECTIONS, 1)?;
    let mut candidates = vec![
        Candidate::new("signed calls", vec![&server], |seconds| {
            wide.apply(address, seconds, bytes)
        }),
        Candidate::new("repeated calls", vec![&server], |seconds| {
            narrow.apply(address, seconds, bytes)
        }),
        Candidate::new("bare signatures", vec![], |seconds| {
            bare(&pair, threads, signed_bytes, seconds)
        }),
    ];
    rotation::rotate(&mut candidates, size.rounds(8), WINDOW_S);
    rotation::print(&candidates);
    let [signed, repeated, bare] = candidates.as_slice() else {
        anyhow::bail!("a candidate is missing");
    };
    let rate = signed.rate().map_or(0.0, |rate| rate.upper_quartile);
    ensure!(
        rate * 2.0 < requests.len() as f64,
        "{rate:.0} calls a second reach a session twice in one: say more --sessions"
    );
    let again = Again::ask(&mut asker, first)?;
    Ok(vec![
        Row::ratio_at_least(
            "G16",
            format!(
                "Clerk's token call, each signed by RS256, of bare signatures on as many threads ({threads})"
            ),
            signed.rate_over(bare)?,
            0.95,
        ),
        Row::beside(
            "G16",
            format!("the same calls of {} sessions over and over", few.len()),
            repeated.rate_over(bare)?.to_string(),
        ),
        Row::at_most(
            "G16",
            format!(
                "{} calls in a row for one session, in {} seconds of the clock: signatures beyond one a second",
                grouped(again.calls as f64),
                again.seconds
            ),
            again.tokens.saturating_sub(again.seconds) as f64,
            0.0,
            "",
        ),
    ])
}

/// The call for one session, as it goes over the wire: id and secret, a blank between them.
fn token_call(session: &str) -> Vec<u8> {
    let (id, secret) = session.split_once(' ').unwrap_or_default();
    format!(
        "POST /v1/client/sessions/{id}/tokens HTTP/1.1\r\nHost: localhost\r\nAuthorization: {secret}\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// The answer with the first token, once there is a key that signs.
fn first_token(asker: &mut Asker, request: &[u8]) -> Result<Answer> {
    let began = Instant::now();
    loop {
        let answer = asker.ask(request)?;
        if answer.status == 200 {
            return Ok(answer);
        }
        ensure!(
            began.elapsed() < KEY_WITHIN,
            "no token: {}: {:.300}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// A token, and the second that it says it is of.
struct Token {
    jwt: String,
    second: u64,
}

impl Token {
    fn in_answer(answer: &Answer) -> Result<Self> {
        ensure!(answer.status == 200, "no token: {}", answer.status);
        let body: Value = serde_json::from_slice(&answer.body)?;
        let jwt = body.pointer("/jwt").and_then(Value::as_str);
        let jwt = jwt.context("an answer without a token")?;
        let mut parts = jwt.split('.');
        let mut part = || -> Result<Value> {
            let part = URL_SAFE_NO_PAD.decode(parts.next().unwrap_or_default())?;
            Ok(serde_json::from_slice(&part)?)
        };
        let (header, claims) = (part()?, part()?);
        ensure!(
            header.pointer("/alg").and_then(Value::as_str) == Some("RS256"),
            "not RS256: {header}"
        );
        let second = claims.pointer("/iat").and_then(Value::as_u64);
        Ok(Self {
            jwt: jwt.to_owned(),
            second: second.context("a token of no time")?,
        })
    }
}

/// What came of asking for one session's token over and over.
struct Again {
    calls: usize,
    /// Different tokens, hence signatures.
    tokens: usize,
    /// Different seconds of which they were.
    seconds: usize,
}

impl Again {
    fn ask(asker: &mut Asker, request: &[u8]) -> Result<Self> {
        let (mut tokens, mut seconds) = (HashSet::new(), HashSet::new());
        let (began, mut calls) = (Instant::now(), 0);
        while began.elapsed() < REPEATED_FOR {
            let token = Token::in_answer(&asker.ask(request)?)?;
            tokens.insert(token.jwt);
            seconds.insert(token.second);
            calls += 1;
        }
        Ok(Self {
            calls,
            tokens: tokens.len(),
            seconds: seconds.len(),
        })
    }
}

/// Signs so many bytes over and over on so many threads, with a key of 2,048 bits that was parsed once.
fn bare(pair: &RsaKeyPair, threads: usize, bytes: usize, seconds: u64) -> Result<Window> {
    let message = vec![b'a'; bytes];
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds);
    let signed = thread::scope(|scope| {
        let one = || -> Result<u64> {
            let (random, mut count) = (SystemRandom::new(), 0);
            let mut signature = vec![0; pair.public_modulus_len()];
            while Instant::now() < until {
                pair.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature)
                    .ok()
                    .context("a signature")?;
                count += 1;
            }
            Ok(count)
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        let counts = all
            .into_iter()
            .map(|one| one.join().ok().context("a thread panicked")?);
        counts.sum::<Result<u64>>()
    })?;
    Ok(Window {
        requests: signed as f64,
        seconds: began.elapsed().as_secs_f64(),
    })
}
