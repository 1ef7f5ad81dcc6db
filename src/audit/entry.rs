//! What a line says, and how it is written.

use std::net::IpAddr;

use compact_str::CompactString;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::chain::{Link, end_line};
use super::text;
use crate::session::id::{AccountId, ClientId, SessionId};

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Ok,
    /// It was decided against.
    Refused,
    /// It could not be done, or not be made durable.
    Failed,
}

/// An account, as people know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Its number.
    pub user_id: u64,
    /// Its name; absent if the account is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<CompactString>,
}

impl Person {
    /// The account at this place, of this name.
    #[must_use]
    pub fn new(id: AccountId, username: Option<&str>) -> Self {
        Self {
            user_id: id.user_id(),
            username: username.map(CompactString::new),
        }
    }
}

/// Who did it: behind an impersonation, whoever began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[expect(missing_docs, reason = "each field says what names it")]
pub enum Actor {
    /// Somebody who has shown nothing yet.
    Unknown,
    /// An account by a session.
    Account {
        #[serde(flatten)]
        person: Person,
    },
    /// Whoever is logged in on a client, or wants to be.
    Client {
        client: ClientId,
        #[serde(flatten)]
        person: Option<Person>,
    },
    /// The account of an API key.
    Key {
        key: Option<CompactString>,
        #[serde(flatten)]
        person: Option<Person>,
    },
    /// The holder of an admin token.
    Operator {
        role: &'static str,
        token: CompactString,
    },
    /// The node of its own accord.
    Node,
}

/// One line, but for its number, its time and its hash.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// What was asked or happened.
    pub what: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Who did it.
    pub actor: Actor,
    /// The accounts of an impersonation, whoever began it first, the one whose session acted last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<Person>,
    /// Whose affairs it concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Person>,
    /// The name that somebody gave who was not let in by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<CompactString>,
    /// Where it came in: a surface, `admin`, `node`.
    pub surface: &'static str,
    /// The end user's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<CompactString>,
    /// The page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<CompactString>,
    /// The session by which it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// What it was about, by public ids and names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<CompactString>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub detail: Map<String, Value>,
}

impl Entry {
    /// Something that the node did of its own accord.
    #[must_use]
    pub fn of_node(what: &'static str) -> Self {
        Self {
            what,
            outcome: Outcome::Ok,
            reason: None,
            actor: Actor::Node,
            chain: Vec::new(),
            on_behalf_of: None,
            named: None,
            surface: "node",
            address: None,
            user_agent: None,
            page: None,
            session: None,
            about: Vec::new(),
            detail: Map::new(),
        }
    }

    /// The same with more to say.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.say(name, value);
        self
    }

    /// Says one thing more.
    pub fn say(&mut self, name: &str, value: impl Into<Value>) {
        self.detail.insert(name.to_owned(), value.into());
    }

    /// Adds what it was about.
    pub fn about(&mut self, thing: impl ToString) {
        self.about.push(thing.to_string().into());
    }

    /// Appends the line that follows `before`, written at `wall_ms`.
    #[must_use]
    pub fn write(&self, wall_ms: u64, before: &Link, out: &mut Vec<u8>) -> Link {
        let at = i64::try_from(wall_ms).unwrap_or(i64::MAX);
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX);
        let number = before.number + 1;
        let mut body = format!("{{\"n\":{number},\"at\":\"{at:.3}\",").into_bytes();
        let from = body.len();
        // It cannot fail: every key of a map is a string, and memory takes what is written.
        let _ = text::write(&mut body, self);
        // Its braces are those of the whole line.
        if from < body.len() {
            body.remove(from);
            body.pop();
        }
        let link = end_line(before, &mut body);
        out.append(&mut body);
        link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_with_number_time_and_hash() {
        let entry = Entry::of_node("node.start").with("version", "1");
        let mut out = Vec::new();
        let first = entry.write(1_764_210_600_007, &Link::START, &mut out);
        let second = entry.write(1_764_210_601_000, &first, &mut out);
        assert_eq!((first.number, second.number), (1, 2));
        let lines: Vec<Value> = std::str::from_utf8(&out)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["at"], "2025-11-27T02:30:00.007Z");
        assert_eq!(lines[1]["at"], "2025-11-27T02:30:01.000Z");
        assert_eq!(lines[1]["n"], 2);
        assert_eq!(lines[0]["actor"]["kind"], "node");
        assert_eq!(lines[0]["detail"]["version"], "1");
        assert_eq!(lines[1]["hash"], second.to_string());
    }
}
