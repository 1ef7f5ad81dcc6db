//! A node, a run against it, and whether its figures add up.

use std::net::SocketAddr;

use serde_json::Value;

use crate::node::{Place, Server, text};

/// A node and what stays of it.
pub(crate) struct Bench {
    place: Place,
    pub(crate) node: Server,
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) errors: String,
    pub(crate) shown: String,
    /// Null if nothing was measured.
    pub(crate) figures: Value,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let node = place.serve(&[], "");
        Self::of(place, node)
    }

    /// A node that was started otherwise.
    pub(crate) fn of(place: Place, node: Server) -> Self {
        Self { place, node }
    }

    /// `bench` with these arguments, separated by blanks, against the node.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.run_at(self.node.public, arguments)
    }

    /// The same with the public listener somewhere else.
    pub(crate) fn run_at(&self, public: SocketAddr, arguments: &str) -> Ran {
        let admin = format!("http://{}", self.node.admin);
        let token = self.place.path("owner");
        let node = ["--admin", &admin, "--admin-token-file", text(&token)];
        self.run_by(&format!("http://{public}"), &node, arguments)
    }

    /// The same with listeners that are spoken to in another way.
    pub(crate) fn run_by(&self, url: &str, node: &[&str], arguments: &str) -> Ran {
        let json = self.place.path("figures.json");
        // It may be there from a run before.
        let _ = std::fs::remove_file(&json);
        let mut command = self.place.binary("");
        command
            .arg("bench")
            .args(arguments.split(' '))
            .args(["--url", url])
            .args(node)
            .arg("--json")
            .arg(&json);
        let output = command.output().unwrap();
        let figures = std::fs::read(&json).map(|bytes| serde_json::from_slice(&bytes).unwrap());
        Ran {
            code: output.status.code(),
            errors: String::from_utf8(output.stderr).unwrap(),
            shown: String::from_utf8(output.stdout).unwrap(),
            figures: figures.unwrap_or_default(),
        }
    }

    /// A file beside the node's.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.place.path(name)
    }

    /// Names of the accounts that are there.
    pub(crate) fn accounts(&self) -> Vec<String> {
        let answer = self
            .node
            .administer("GET", "/admin/v1/accounts?limit=1000", "");
        let listed = answer.json();
        let accounts = listed["accounts"].as_array().unwrap().iter();
        accounts
            .map(|account| account["username"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Ran {
    /// It went well, and its figures add up.
    #[track_caller]
    pub(crate) fn went_well(&self) -> &Self {
        assert_eq!(
            self.code,
            Some(0),
            "{}\n{}",
            self.errors,
            self.figures["totals"]
        );
        self.adds_up();
        let totals = &self.figures["totals"];
        assert_eq!(totals["answered"], totals["due"]);
        assert!(number(&totals["answered"]) > 0);
        self
    }

    /// The operation of this name.
    #[track_caller]
    pub(crate) fn op(&self, name: &str) -> &Value {
        let ops = self.figures["operations"].as_array();
        let ops = ops.unwrap_or_else(|| panic!("no figures: {}", self.errors));
        let found = ops.iter().find(|op| op["name"] == name);
        found.unwrap_or_else(|| panic!("no operation {name}"))
    }

    /// How many of an operation failed in this way.
    pub(crate) fn failures(&self, op: &str, kind: &str) -> u64 {
        let failures = self.op(op)["failures"].as_array().unwrap();
        let of_kind = failures.iter().filter(|failure| failure["kind"] == kind);
        of_kind.map(|failure| number(&failure["count"])).sum()
    }

    /// Latencies of an operation that were at least so long.
    pub(crate) fn slower_than(&self, op: &str, us: u64) -> u64 {
        let histogram = self.op(op)["histogram"].as_array().unwrap();
        let slow = histogram.iter().filter(|step| number(&step[0]) >= us);
        slow.map(|step| number(&step[1])).sum()
    }

    /// Every figure agrees with the others.
    #[track_caller]
    pub(crate) fn adds_up(&self) {
        assert_eq!(self.figures["version"], 1, "{}", self.errors);
        let ops = self.figures["operations"].as_array().unwrap();
        for name in ["due", "sent", "unsent", "answered", "failed", "unanswered"] {
            let sum: u64 = ops.iter().map(|op| number(&op[name])).sum();
            assert_eq!(sum, number(&self.figures["totals"][name]), "{name}");
        }
        for op in ops {
            let of = |name: &str| number(&op[name]);
            let sum = |list: &str, member: &str| -> u64 {
                let list = op[list].as_array().unwrap().iter();
                list.map(|item| number(&item[member])).sum()
            };
            assert_eq!(of("due"), of("sent") + of("unsent"), "{op}");
            let told = of("answered") + of("failed") + of("unanswered");
            assert_eq!(of("sent"), told, "{op}");
            assert_eq!(sum("outcomes", "count"), of("answered"), "{op}");
            assert_eq!(sum("failures", "count"), of("failed"), "{op}");
            assert_eq!(sum("over_time", "due"), of("due"), "{op}");
            assert_eq!(sum("over_time", "answered"), of("answered"), "{op}");
            let given_up = of("unsent") + of("unanswered");
            assert_eq!(sum("over_time", "failed"), of("failed") + given_up, "{op}");
            assert_eq!(number(&op["service"]["count"]), of("answered"), "{op}");
            let name = op["name"].as_str().unwrap();
            let latencies = number(&op["latency"]["count"]);
            let timeouts = self.failures(name, "timeout");
            assert_eq!(latencies, of("answered") + given_up + timeouts, "{op}");
            assert_eq!(self.slower_than(name, 0), latencies, "{op}");
            let phases = op["phases"].as_array().unwrap().iter();
            let phases: u64 = phases.map(|phase| number(&phase["latency"]["count"])).sum();
            assert_eq!(phases, latencies, "{op}");
        }
        let bound = number(&self.figures["bound"]["requests"]);
        assert!(number(&self.figures["totals"]["sent"]) <= bound);
    }
}

/// A whole number that must be there.
#[track_caller]
pub(crate) fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no whole number: {value}"))
}
