//! A reader by `docs/FORMAT.md` alone. It shares no code with the one that serves; what it reads of the
//! golden log it shows as words, which must be the words for the events that were written.

use std::fmt::Write;

use sessile::engine::event::{DirectoryEvent, Grant, Part, SlotEvent};
use sessile::session::guessing::{Counted, GuessKind};

use crate::golden::bytes_of;
use crate::sample::records;

/// Bytes that are read from the front.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk::<N>().expect("more bytes");
        self.0 = rest;
        *taken
    }

    fn n1(&mut self) -> u64 {
        u64::from(self.take::<1>()[0])
    }

    fn n2(&mut self) -> u64 {
        u64::from(u16::from_le_bytes(self.take()))
    }

    fn n4(&mut self) -> u64 {
        u64::from(u32::from_le_bytes(self.take()))
    }

    fn n8(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    fn hex<const N: usize>(&mut self) -> String {
        hex(&self.take::<N>())
    }

    fn text(&mut self) -> String {
        let bytes: Vec<u8> = self.list(|c| c.take::<1>()[0]);
        String::from_utf8(bytes).unwrap()
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let len = self.n8();
        (0..len).map(|_| each(self)).collect()
    }

    fn option<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        match self.n1() {
            0 => None,
            1 => Some(some(self)),
            other => panic!("{other} is neither there nor missing"),
        }
    }

    fn grant(&mut self) -> String {
        let fixed = [
            self.n4(),
            self.n4(),
            self.n1(),
            self.n1(),
            self.n4(),
            self.n8(),
        ];
        let client_type = self.text();
        let key = self.option(Self::n4);
        let more = self.option(|c| {
            let (client, parent) = (c.option(Self::hex::<16>), c.option(Self::hex::<16>));
            let chain = c.list(Self::n4);
            let address = c.option(|c| match c.n4() {
                0 => hex(&c.take::<4>()),
                1 => hex(&c.take::<16>()),
                other => panic!("address {other}"),
            });
            let (agent, attributes) = (c.option(Self::text), c.option(Self::text));
            format!("{client:?} {parent:?} {chain:?} {address:?} {agent:?} {attributes:?}")
        });
        format!("{fixed:?} {client_type} {key:?} {more:?}")
    }

    /// The words for a slot event, and whether it is one that words were written for.
    fn slot_event(&mut self, grants: &[String]) -> String {
        let case = self.n4();
        let id = if case == 3 {
            String::new()
        } else {
            self.hex::<16>()
        };
        match case {
            0 => {
                let at = self.n8();
                let place = usize::try_from(self.n4()).unwrap();
                format!("opened {id} {at} {}", grants[place])
            }
            1 => format!("ended {id} {} {}", self.n8(), self.n1()),
            2 => format!("restamped {id} {}", self.n4()),
            3 => format!("active {:?}", self.list(|c| (c.hex::<16>(), c.n8()))),
            4 => {
                let (session, generation) = (self.hex::<16>(), self.n4());
                format!(
                    "issued {id} {session} {generation} {} {}",
                    self.n8(),
                    self.n8()
                )
            }
            5 => format!("redeemed {id} {}", self.n4()),
            6 => format!("dropped {id}"),
            7 => format!("client {id} {}", self.n8()),
            8 => format!("secret {id} {} {}", self.n8(), self.hex::<32>()),
            9 => {
                let (login, account, generation) = (self.hex::<16>(), self.n4(), self.n4());
                let (factors, remember) = (self.n1(), self.n1() == 1);
                let (started, expires, guesses) = (self.n8(), self.n8(), self.n1());
                format!(
                    "login {id} {login} {account} {generation} {factors} {remember} {started} {expires} {guesses}"
                )
            }
            10 => format!("guessed {id} {}", self.hex::<16>()),
            11 => format!("login dropped {id} {}", self.hex::<16>()),
            12 => format!("selected {id} {}", self.hex::<16>()),
            13 => format!("forgotten {id} {}", self.hex::<16>()),
            14 => format!("client forgotten {id} {}", self.n8()),
            15 => format!("client destroyed {id} {}", self.n8()),
            other => panic!("slot event {other}"),
        }
    }

    fn directory_event(&mut self) -> String {
        match self.n4() {
            0 => format!("account {}", self.account()),
            1 => format!("account deleted {}", self.n4()),
            2 => format!("step {} {}", self.n4(), self.n8()),
            3 => {
                let (id, kind, name, secret) =
                    (self.n4(), self.n1(), self.text(), self.hex::<32>());
                let (account, generation) = (self.option(Self::n4), self.n4());
                let (expiry, networks) = (self.option(Self::n8), self.list(Self::text));
                format!(
                    "key {id} {kind} {name} {secret} {account:?} {generation} {expiry:?} {networks:?}"
                )
            }
            4 => format!("key deleted {}", self.n4()),
            5 => {
                let (kid, algorithm) = (self.text(), self.n1());
                let sealed = self.list(Self::n1);
                let (created, signs_from) = (self.n8(), self.n8());
                let expires = self.option(Self::n8);
                format!(
                    "signing key {kid} {algorithm} {} {created} {signs_from} {expires:?}",
                    sealed.len() - 37
                )
            }
            6 => {
                let (name, claims) = (self.text(), self.text());
                format!(
                    "template {name} {claims} {} {} {}",
                    self.n4(),
                    self.n4(),
                    self.n1()
                )
            }
            7 => format!("template deleted {}", self.text()),
            8 => {
                let (account, surface) = (self.n4(), self.n1());
                let (opened, dropped) = (self.list(Self::hex::<16>), self.list(Self::hex::<16>));
                format!("listed {account} {surface} {opened:?} {dropped:?}")
            }
            9 => format!("signing key replaced {} {}", self.text(), self.n8()),
            10 => format!("signing key withdrawn {}", self.text()),
            11 => format!("guess failed {} {:?}", self.n8(), self.list(Self::counted)),
            12 => {
                let (at, cleared) = (self.n8(), self.list(Self::counted));
                let relieved = self.list(Self::counted);
                let known = self.option(|c| (c.n4(), c.hex::<16>()));
                format!("guesses forgiven {at} {cleared:?} {relieved:?} {known:?}")
            }
            13 => {
                let (at, counts) = (self.n8(), self.list(Self::counted));
                format!(
                    "guesses forgotten {at} {counts:?} {:?}",
                    self.list(Self::n4)
                )
            }
            other => panic!("directory event {other}"),
        }
    }

    fn counted(&mut self) -> (u64, String) {
        (self.n1(), self.hex::<16>())
    }

    fn account(&mut self) -> String {
        let (id, name, subject, generation) =
            (self.n4(), self.text(), self.option(Self::text), self.n4());
        let password = self.option(Self::text);
        let seed = self.option(|c| c.list(Self::n1).len() - 37);
        let (step, client_type) = (self.n8(), self.text());
        let (group, managed) = (self.option(Self::text), self.list(Self::text));
        let agent = self.option(Self::n4);
        let flags = [self.n1(), self.n1(), self.n1()].map(|flag| flag == 1);
        let (expiry, limit) = (self.option(Self::n8), self.option(Self::n4));
        let mut profile = vec![self.text(), self.n1().to_string()];
        profile.extend((0..5).map(|_| self.text()));
        profile.push(self.n2().to_string());
        profile.push(format!("{:?}", self.option(Self::text)));
        profile.extend((0..2).map(|_| self.text()));
        let details = self.option(|c| {
            let kind = c.n4();
            let company: Vec<_> = (0..3).map(|_| c.option(Self::text)).collect();
            let texts: Vec<_> = (0..8).map(|_| c.text()).collect();
            let unconfirmed = (c.option(Self::text), c.n4(), c.option(Self::n4));
            let phones: Vec<_> = (0..2).map(|_| c.option(Self::text)).collect();
            let language = c.n4();
            let abuse = c.option(Self::text);
            let agreed: Vec<_> = (0..4).map(|_| c.option(Self::n4)).collect();
            format!("{kind} {company:?} {texts:?} {unconfirmed:?} {phones:?} {language} {abuse:?} {agreed:?} {}", c.n4())
        });
        let billing = self.option(|c| {
            let texts: Vec<_> = (0..7).map(|_| c.text()).collect();
            let optional: Vec<_> = (0..3).map(|_| c.option(Self::text)).collect();
            format!("{texts:?} {optional:?} {:?}", [c.n4(), c.n4(), c.n4()])
        });
        let times = (self.n8(), self.n8());
        let mut words = format!(
            "{id} {name} {subject:?} {generation} {password:?} {seed:?} {step} {client_type} "
        );
        write!(
            words,
            "{group:?} {managed:?} {agent:?} {flags:?} {expiry:?} {limit:?} {profile:?} "
        )
        .unwrap();
        // The cause comes last.
        write!(words, "{details:?} {billing:?} {times:?} {}", self.n1()).unwrap();
        words
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Segments, records, parts: the words for every part in the golden log, record by record.
fn golden_log() -> Vec<(u64, Vec<String>)> {
    let mut records = Vec::new();
    for (_, bytes) in bytes_of("log") {
        assert_eq!(&bytes[..8], b"SESSLOG\n");
        let end = u64::from_le_bytes(bytes[512 + 16..512 + 24].try_into().unwrap());
        let mut cursor = Cursor(&bytes[1_024..usize::try_from(end).unwrap()]);
        while !cursor.0.is_empty() {
            let (len, kind) = (usize::try_from(cursor.n4()).unwrap(), cursor.n1());
            assert_eq!(kind, 1);
            cursor.take::<3>();
            let sequence = cursor.n8();
            cursor.n4();
            let mut payload = Cursor(&cursor.0[..len]);
            cursor.0 = &cursor.0[len + 4..];
            payload.n8();
            let grants = payload.list(Cursor::grant);
            let parts = payload.list(|c| match c.n4() {
                0 => {
                    let slot = c.n2();
                    format!("{slot}: {}", c.slot_event(&grants))
                }
                1 => c.directory_event(),
                other => panic!("part {other}"),
            });
            assert_eq!(payload.0, [0_u8; 0], "record {sequence}");
            records.push((sequence, parts));
        }
    }
    records
}

fn grant_words(grant: &Grant) -> String {
    let lifetime = grant.lifetime;
    let fixed = [
        u64::from(grant.account.0),
        u64::from(grant.generation),
        grant.surface as u64,
        u64::from(grant.factors.bits()),
        u64::from(lifetime.idle_timeout_ms),
        lifetime.absolute.ms(),
    ];
    let client = grant.client.map(|id| hex(id.as_bytes()));
    let parent = grant.parent.map(|id| hex(id.as_bytes()));
    let chain: Vec<_> = grant.chain.iter().map(|account| account.0).collect();
    let address = grant.address.map(|address| match address {
        std::net::IpAddr::V4(v4) => hex(&v4.octets()),
        std::net::IpAddr::V6(v6) => hex(&v6.octets()),
    });
    let plain = client.is_none() && parent.is_none() && chain.is_empty() && address.is_none();
    let (agent, attributes) = (&grant.user_agent, &grant.attributes);
    let more = (!plain)
        .then(|| format!("{client:?} {parent:?} {chain:?} {address:?} {agent:?} {attributes:?}"));
    let key = grant.key.map(|key| key.0);
    format!("{fixed:?} {} {key:?} {more:?}", grant.client_type.as_str())
}

/// The words for a part as it was written; `None` for an account, whose words are compared in part.
fn words(part: &Part) -> Option<String> {
    let (slot, event) = match part {
        Part::Slot(number, event) => (number.get(), event),
        Part::Directory(event) => return directory_words(event),
    };
    let words = match event {
        SlotEvent::SessionOpened(opened) => {
            let (id, grant) = (hex(opened.id.as_bytes()), grant_words(&opened.grant));
            format!("opened {id} {} {grant}", opened.at.ms())
        }
        SlotEvent::SessionEnded(id, at, reason) => {
            format!("ended {} {} {}", hex(id.as_bytes()), at.ms(), *reason as u8)
        }
        SlotEvent::SessionRestamped(id, generation) => {
            format!("restamped {} {generation}", hex(id.as_bytes()))
        }
        SlotEvent::SessionsActive(list) => {
            let list: Vec<_> = list
                .iter()
                .map(|(id, at)| (hex(id.as_bytes()), at.ms()))
                .collect();
            format!("active {list:?}")
        }
        SlotEvent::HandoffIssued(id, token) => {
            let (id, session) = (hex(id.as_bytes()), hex(token.session.as_bytes()));
            let (issued, expires) = (token.issued.ms(), token.expires.ms());
            format!(
                "issued {id} {session} {} {issued} {expires}",
                token.generation
            )
        }
        SlotEvent::HandoffRedeemed(id, by) => format!("redeemed {} {}", hex(id.as_bytes()), by.0),
        SlotEvent::HandoffDropped(id) => format!("dropped {}", hex(id.as_bytes())),
        SlotEvent::ClientOpened(id, at) => format!("client {} {}", hex(id.as_bytes()), at.ms()),
        SlotEvent::ClientSecretSet(id, at, secret) => {
            format!(
                "secret {} {} {}",
                hex(id.as_bytes()),
                at.ms(),
                hex(secret.as_bytes())
            )
        }
        SlotEvent::SignInStarted(id, login) => {
            let (id, which, account) = (
                hex(id.as_bytes()),
                hex(login.id.as_bytes()),
                login.account.0,
            );
            let (started, expires) = (login.started.ms(), login.expires.ms());
            let (factors, remember) = (login.factors.bits(), login.remember);
            let (generation, guesses) = (login.generation, login.guesses);
            format!(
                "login {id} {which} {account} {generation} {factors} {remember} {started} {expires} {guesses}"
            )
        }
        SlotEvent::SignInGuessed(id, login) => {
            format!("guessed {} {}", hex(id.as_bytes()), hex(login.as_bytes()))
        }
        SlotEvent::SignInDropped(id, login) => {
            format!(
                "login dropped {} {}",
                hex(id.as_bytes()),
                hex(login.as_bytes())
            )
        }
        SlotEvent::SessionSelected(id, session) => {
            format!(
                "selected {} {}",
                hex(id.as_bytes()),
                hex(session.as_bytes())
            )
        }
        SlotEvent::SessionForgotten(id, session) => {
            format!(
                "forgotten {} {}",
                hex(id.as_bytes()),
                hex(session.as_bytes())
            )
        }
        SlotEvent::ClientForgotten(id, at) => {
            format!("client forgotten {} {}", hex(id.as_bytes()), at.ms())
        }
        SlotEvent::ClientDestroyed(id, at) => {
            format!("client destroyed {} {}", hex(id.as_bytes()), at.ms())
        }
    };
    Some(format!("{slot}: {words}"))
}

fn counted(counts: &[Counted]) -> Vec<(usize, String)> {
    let number = |of: &Counted| GuessKind::ALL.iter().position(|kind| *kind == of.kind);
    let words = |of: &Counted| (number(of).unwrap() + 1, hex(of.mark.as_bytes()));
    counts.iter().map(words).collect()
}

fn directory_words(event: &DirectoryEvent) -> Option<String> {
    Some(match event {
        DirectoryEvent::AccountPut(..) => return None,
        DirectoryEvent::AccountDeleted(id) => format!("account deleted {}", id.0),
        DirectoryEvent::StepSpent(id, step) => format!("step {} {step}", id.0),
        DirectoryEvent::KeyCreated(id, key) => {
            let kind = sessile::session::key::KeyKind::ALL
                .iter()
                .position(|kind| *kind == key.kind);
            let (kind, secret) = (kind.unwrap() + 1, hex(key.secret.as_bytes()));
            let account = key.account.map(|account| account.0);
            let expiry = key.expires_at.map(|at| at.ms());
            let networks: Vec<_> = key.networks.iter().map(ToString::to_string).collect();
            let (name, generation) = (&key.name, key.generation);
            format!(
                "key {} {kind} {name} {secret} {account:?} {generation} {expiry:?} {networks:?}",
                id.0
            )
        }
        DirectoryEvent::KeyDeleted(id) => format!("key deleted {}", id.0),
        DirectoryEvent::SigningKeyAdded(key) => {
            let algorithm = sessile::session::jwt::SigningAlgorithm::ALL;
            let algorithm = algorithm.iter().position(|a| *a == key.algorithm).unwrap() + 1;
            format!(
                "signing key {} {algorithm} {} {} {} {:?}",
                key.kid,
                key.pkcs8.len(),
                key.created.ms(),
                key.signs_from.ms(),
                key.expires.map(|at| at.ms())
            )
        }
        DirectoryEvent::SigningKeyReplaced(kid, expires) => {
            format!("signing key replaced {kid} {}", expires.ms())
        }
        DirectoryEvent::SigningKeyWithdrawn(kid) => format!("signing key withdrawn {kid}"),
        DirectoryEvent::TemplatePut(template) => format!(
            "template {} {} {} {} 2",
            template.name(),
            template.claims(),
            template.lifetime_s(),
            template.allowed_clock_skew_s()
        ),
        DirectoryEvent::TemplateDeleted(name) => format!("template deleted {name}"),
        DirectoryEvent::SessionsListed {
            account,
            surface,
            opened,
            dropped,
        } => {
            let ids = |ids: &[sessile::session::id::SessionId]| {
                ids.iter().map(|id| hex(id.as_bytes())).collect::<Vec<_>>()
            };
            let (opened, dropped) = (ids(opened), ids(dropped));
            format!(
                "listed {} {} {opened:?} {dropped:?}",
                account.0, *surface as u8
            )
        }
        DirectoryEvent::GuessFailed { at, counts } => {
            format!("guess failed {} {:?}", at.ms(), counted(counts))
        }
        DirectoryEvent::GuessesForgiven {
            at,
            cleared,
            relieved,
            known,
        } => {
            let (cleared, relieved) = (counted(cleared), counted(relieved));
            let known = known.map(|(id, mark)| (id.0, hex(mark.as_bytes())));
            format!(
                "guesses forgiven {} {cleared:?} {relieved:?} {known:?}",
                at.ms()
            )
        }
        DirectoryEvent::GuessesForgotten {
            at,
            counts,
            accounts,
        } => {
            let accounts: Vec<_> = accounts.iter().map(|id| id.0).collect();
            let counts = counted(counts);
            format!("guesses forgotten {} {counts:?} {accounts:?}", at.ms())
        }
    })
}

#[test]
fn the_golden_log_says_what_was_written() {
    let read = golden_log();
    let sequences: Vec<_> = read.iter().map(|(sequence, _)| *sequence).collect();
    assert!(
        sequences
            .iter()
            .zip(sequences.iter().skip(1))
            .all(|(a, b)| a + 1 == *b)
    );
    // Its oldest segments were trimmed; records without parts are the marks of generations.
    let read: Vec<_> = read
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .collect();
    let written = records();
    let written = &written[written.len() - read.len()..];
    let mut compared = 0;
    for ((sequence, read), written) in read.iter().zip(written) {
        assert_eq!(read.len(), written.len(), "record {sequence}");
        for (read, part) in read.iter().zip(written) {
            match words(part) {
                Some(words) => assert_eq!(*read, words, "record {sequence}"),
                None => panic!("no account is in what was left of the log"),
            }
            compared += 1;
        }
    }
    println!("{compared} events in {} records", read.len());
    assert!(compared >= 30);
}

#[test]
fn the_golden_images_hold_the_accounts_field_by_field() {
    let (_, bytes) = bytes_of("shards")
        .into_iter()
        .find(|(name, _)| name.contains("2-dir"))
        .unwrap();
    assert_eq!(&bytes[..8], b"SESSIMG\n");
    assert_eq!(&bytes[bytes.len() - 48..bytes.len() - 40], b"SESSEND\n");
    let mut cursor = Cursor(&bytes[512..bytes.len() - 48]);
    let mut kinds = Vec::new();
    let mut ada = String::new();
    while !cursor.0.is_empty() {
        let (len, kind) = (usize::try_from(cursor.n4()).unwrap(), cursor.n1());
        cursor.take::<15>();
        let mut payload = Cursor(&cursor.0[..len]);
        if kind == 4 {
            // An account in an image has no cause behind it.
            let mut with_cause = payload.0.to_vec();
            with_cause.push(0);
            let mut account = Cursor(&with_cause);
            let words = account.account();
            assert_eq!(account.0, [0_u8; 0]);
            if words.starts_with("1 ") {
                ada = words;
            }
        } else if kind == 9 {
            let tallies = payload.list(|c| (c.counted(), [c.n4(), c.n4()], [c.n8(), c.n8()]));
            let mark = "02".repeat(16);
            let times = [1_790_000_000_128, 1_790_000_000_128];
            // Somebody was let in, so the failures of the strangers are no longer consecutive.
            let expected = [
                ((1, mark.clone()), [1, 0], times),
                ((6, mark), [1, 1], times),
            ];
            assert_eq!(tallies, expected);
        } else if kind == 10 {
            let known = payload.list(|c| (c.n4(), c.list(|c| (c.hex::<16>(), c.n8()))));
            let seen = ("41".repeat(16), 1_790_000_000_129);
            assert_eq!(known, [(2, vec![seen])]);
        } else if kind == 3 {
            assert_eq!((payload.n8() > 0, payload.n4(), payload.n4()), (true, 4, 4));
        }
        kinds.push(kind);
        cursor.0 = &cursor.0[len + 4..];
    }
    assert_eq!(kinds, [3, 4, 4, 4, 5, 5, 5, 6, 6, 7, 9, 10]);
    let expected = concat!(
        r#"1 Ada Löve Some("idp|ada") 7 Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA") Some(20) 59666668 website "#,
        r#"Some("engineers") ["demo", "staff"] Some(0) [true, true, true] Some(1790000009123) Some(12) "#,
        r#"["ada@example.org", "1", "", "", "", "", "", "20", "Some(\"2027-01-31\")", "{\"a\":1}", "{}"] "#,
    );
    assert!(ada.starts_with(expected), "{ada}");
    for part in [
        "Engines",
        "[Some(1), None, None, None] 0",
        "Ülm",
        "[0, 0, 3]",
        "(1790000000123, 1790000000127)",
    ] {
        assert!(ada.contains(part), "{part}: {ada}");
    }
}
