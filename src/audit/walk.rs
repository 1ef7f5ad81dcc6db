//! Reading the lines of a file, and telling what a crash left from what somebody did.
//!
//! Behind a bad line it goes on with what the next one says of itself, so that one change is one finding. What is
//! bad at the end of the newest file is a **torn tail** if it is what a crash leaves: a line without its line
//! feed, or bytes that were never written (zeros, which no line has), and whatever stands behind them.

use super::chain::{LINE_BYTES_MAX, Link, Stated};

/// Findings beyond so many are not looked for.
pub const FLAWS_MAX: usize = 1_000;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Which line of its file, counted from 1.
    pub line: u64,
    /// Where it begins.
    pub offset: u64,
    /// What is wrong with it.
    pub what: String,
}

/// What a crash left of lines that nobody was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// Whole lines in it.
    pub lines: u64,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The last line, as it says of itself.
    pub(super) link: Option<Link>,
    /// The number of the first line.
    pub(super) first: Option<u64>,
    /// Lines.
    pub(super) lines: u64,
    pub(super) flaws: Vec<Flaw>,
    pub(super) torn: Option<Torn>,
}

/// Reads a file that follows `before`, if that is known. Only the newest one may have a torn tail. `show` sees
/// every line.
pub(super) fn walk(
    bytes: &[u8],
    before: Option<Link>,
    newest: bool,
    mut show: impl FnMut(&Stated<'_>),
) -> Walked {
    let mut walked = Walked {
        link: before,
        ..Walked::default()
    };
    let (mut at, mut number) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        number += 1;
        let feed = rest.iter().position(|byte| *byte == b'\n');
        let line = rest.get(..feed.unwrap_or(rest.len())).unwrap_or_default();
        let fits = feed.is_some() && line.len() <= LINE_BYTES_MAX;
        let offset = at as u64;
        match Stated::read(line).filter(|_| fits) {
            Some(stated) => {
                if let Some(what) = walked.judge(&stated, number == 1) {
                    walked.tell(number, offset, what);
                }
                walked.first = walked.first.or(Some(stated.link.number));
                walked.link = Some(stated.link);
                walked.lines += 1;
                show(&stated);
            }
            None if newest && (feed.is_none() || line.contains(&0)) => {
                let whole = rest.split_inclusive(|byte| *byte == b'\n');
                let whole = whole.filter_map(|line| Stated::read(line.strip_suffix(b"\n")?));
                walked.torn = Some(Torn {
                    offset,
                    bytes: rest.len() as u64,
                    lines: whole.count() as u64,
                });
                break;
            }
            None => {
                let what = if feed.is_none() {
                    "the file ends within it"
                } else {
                    "it is no line of an audit stream"
                };
                walked.tell(number, offset, what.to_owned());
            }
        }
        at += line.len() + 1;
    }
    walked
}

impl Walked {
    fn tell(&mut self, line: u64, offset: u64, what: String) {
        if self.flaws.len() < FLAWS_MAX {
            self.flaws.push(Flaw { line, offset, what });
        }
    }

    /// What is wrong with a line that follows what was read so far.
    fn judge(&self, stated: &Stated<'_>, first: bool) -> Option<String> {
        let Link { number, .. } = stated.link;
        let mut before = self.link;
        if first {
            let Some(hash) = stated.anchor() else {
                return Some(
                    "the first line of a file says what it hangs on: it is gone".to_owned(),
                );
            };
            match before {
                // Files before it may have been removed when their time was over.
                None => {
                    let number = number.saturating_sub(1);
                    before = Some(Link { number, hash });
                }
                Some(before) if before.hash != hash && number <= before.number + 1 => {
                    return Some("it does not hang on the last line of the file before".to_owned());
                }
                Some(_) => {}
            }
        }
        // Behind a bad first line nothing is known.
        let before = before?;
        let expected = before.number + 1;
        if number > expected {
            Some(format!(
                "lines {expected} to {} before it are missing",
                number - 1
            ))
        } else if number < expected {
            Some(format!(
                "it is line {number}, where line {expected} should be"
            ))
        } else if before.next(stated.body).hash != stated.link.hash {
            Some("it is not what was written, or the line before it is not".to_owned())
        } else {
            None
        }
    }
}
