//! What a thread does with its connections: it sends what is due where there is room, and hears and judges answers.

use super::Worker;
use crate::bench::ask::{Failure, Verdict};
use crate::bench::line::{Asked, Awaiting, Came, State};
use crate::bench::plan::Work;
use crate::bench::poll::Ready;
use crate::bench::reply::Reply;
use crate::bench::tally::Story;
use crate::clock::monotonic_ns;

/// Sessions opened by this run that are kept for later requests to end.
const OPENED_MAX: usize = 65_536;

impl Worker<'_> {
    /// Sends what is due, as far as there is room on connections.
    pub(super) fn send(&mut self, now: u64) {
        for at in 0..self.lanes.len() {
            while let Some((number, due)) = self.takes(at, now) {
                self.send_one(at, number, due, now);
            }
        }
        while let Some(number) = self.dirty.pop() {
            self.flush(number, now);
        }
    }

    /// A connection with room, if there is something to send: its number, and when that was due.
    fn takes(&mut self, at: usize, now: u64) -> Option<(usize, u64)> {
        let lane = self.lanes.get_mut(at)?;
        let due = lane.to_send(self.start, self.end, now)?;
        while let Some(number) = lane.free.pop_front() {
            let line = self.lines.get_mut(number)?;
            let room = line.state == State::Up && !line.renew && line.asked.len() < lane.depth;
            if std::mem::take(&mut line.listed) && room {
                return Some((number, due));
            }
        }
        None
    }

    fn send_one(&mut self, at: usize, number: usize, due: u64, now: u64) {
        let (Some(lane), Some(line)) = (self.lanes.get_mut(at), self.lines.get_mut(number)) else {
            return;
        };
        let mut op = usize::from(lane.op(lane.sent));
        let open = lane.is_open();
        if open && lane.sent < lane.noticed_before {
            self.tally.sending.waited.record_ns(now - due);
        }
        let mut work = self.plan.ops.get(op).map(|op| &op.work);
        if let Some(Work::Close(closer)) = work {
            if let Some(opened) = self.opened.pop_front() {
                let (request, awaited) = closer(&opened);
                let awaiting = Awaiting::Closing(awaited);
                let sent = now;
                line.ask(
                    &request,
                    Asked {
                        op,
                        due,
                        sent,
                        awaiting,
                    },
                );
                work = None;
            } else {
                // Nothing is there to end yet: the first operation stands in.
                if open {
                    self.tally.stands_in(op, 0, due - self.start);
                }
                op = 0;
                work = self.plan.ops.first().map(|op| &op.work);
            }
        }
        if !open {
            self.tally.due(op, now - self.start);
        }
        if let Some(Work::Drawn(book)) = work {
            let cursor = self.cursors.get_mut(op);
            let drawn = cursor.map_or(0, |cursor| {
                let drawn = *cursor;
                *cursor = (drawn + 1) % book.len().max(1);
                drawn
            });
            let awaiting = Awaiting::Drawn(drawn);
            let sent = now;
            line.ask(
                book.request(drawn),
                Asked {
                    op,
                    due,
                    sent,
                    awaiting,
                },
            );
        }
        lane.sent += 1;
        self.in_flight += 1;
        self.tally.sent(op);
        if self.dirty.last() != Some(&number) {
            self.dirty.push(number);
        }
        if line.asked.len() < lane.depth {
            line.listed = true;
            // In front, so that what goes over one connection goes in one piece.
            lane.free.push_front(number);
        }
    }

    fn flush(&mut self, number: usize, now: u64) {
        let Some(line) = self.lines.get_mut(number) else {
            return;
        };
        let flushed = line.flush();
        let changed = flushed.and_then(|()| match line.wanted() {
            Some((wire, interest)) => self.poll.change(wire, number, interest),
            None => Ok(()),
        });
        if changed.is_err() {
            self.lost(number, Failure::Cut, now);
        }
    }

    pub(super) fn happened(&mut self, event: Ready) {
        let now = monotonic_ns();
        let Some(line) = self.lines.get_mut(event.number) else {
            return;
        };
        match line.state {
            State::Down { .. } => {}
            State::Connecting { .. } => match line.arrive(event.readable) {
                Ok(false) => self.flush(event.number, now),
                Ok(true) => {
                    self.tally.sending.connected += 1;
                    self.flush(event.number, now);
                    self.list(event.number);
                }
                Err(_) => self.refused(event.number, now),
            },
            State::Up => {
                if event.readable {
                    self.hear(event.number, now);
                }
                if event.writable {
                    self.flush(event.number, now);
                }
            }
        }
    }

    /// Reads answers.
    fn hear(&mut self, number: usize, now: u64) {
        let Some(line) = self.lines.get_mut(number) else {
            return;
        };
        let (came, plan) = (line.read(), self.plan);
        loop {
            let Some(line) = self.lines.get_mut(number) else {
                return;
            };
            let ops = &plan.ops;
            let judge =
                |asked: &Asked, reply: &Reply<'_>| match (&asked.awaiting, ops.get(asked.op)) {
                    (Awaiting::Closing(awaited), _) => awaited.judge(reply),
                    (Awaiting::Drawn(drawn), Some(op)) => match &op.work {
                        Work::Drawn(book) => book.judge(*drawn, reply),
                        Work::Close(_) => Verdict::Failed(Failure::Malformed),
                    },
                    (Awaiting::Drawn(_), None) => Verdict::Failed(Failure::Malformed),
                };
            match line.answer(judge) {
                Ok(None) => break,
                Ok(Some((asked, verdict, closes))) => {
                    self.judged(&asked, verdict, now);
                    if closes {
                        return self.lost(number, Failure::Cut, now);
                    }
                }
                Err(()) => return self.lost(number, Failure::Malformed, now),
            }
        }
        match came {
            Ok(Came::Bytes) => self.list(number),
            Ok(Came::End) | Err(_) => self.lost(number, Failure::Cut, now),
        }
    }

    fn judged(&mut self, asked: &Asked, verdict: Verdict, now: u64) {
        self.in_flight -= 1;
        let story = self.story(asked, now);
        match verdict {
            Verdict::Outcome(outcome) => self.tally.answered(asked.op, outcome, story),
            Verdict::Opened(opened) => {
                self.tally.answered(asked.op, 0, story);
                if self.opened.len() < OPENED_MAX {
                    self.opened.push_back(opened);
                }
            }
            Verdict::Failed(failure) => self.tally.failed(asked.op, failure, story),
        }
    }

    pub(super) fn story(&self, asked: &Asked, over: u64) -> Story {
        Story {
            due: asked.due.saturating_sub(self.start),
            sent: asked.sent.saturating_sub(self.start),
            over: over.saturating_sub(self.start),
        }
    }

    /// A connection has room again.
    fn list(&mut self, number: usize) {
        let Some(line) = self.lines.get_mut(number) else {
            return;
        };
        let Some(lane) = self.lanes.get_mut(line.lane) else {
            return;
        };
        if !line.listed && line.state == State::Up && line.asked.len() < lane.depth {
            line.listed = true;
            lane.free.push_back(number);
        }
    }

    /// A connection is over: so is what was asked on it.
    pub(super) fn lost(&mut self, number: usize, why: Failure, now: u64) {
        let Some(line) = self.lines.get_mut(number) else {
            return;
        };
        self.incomplete = true;
        // One that was closed before it was of any use is not begun again at once.
        let retry_at = if line.useful {
            now
        } else {
            now + super::RETRY_NS
        };
        let mut why = why;
        for asked in line.close(retry_at) {
            self.in_flight -= 1;
            let late = now >= asked.sent + self.plan.timeout_ns;
            let failure = if late { Failure::Timeout } else { why };
            let story = self.story(&asked, now);
            self.tally.failed(asked.op, failure, story);
            // What came was the answer to the first one only.
            why = Failure::Cut;
        }
    }
}
