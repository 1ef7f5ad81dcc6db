//! The surfaces' fast path: what they answer on the spot, with what holds for every answer.
//!
//! Requests that came together are answered in turns ([`crate::together`]): while one waits for memory the others go on. What is
//! answered the surfaces say themselves, by the list in the room's head; this file must never know a surface, a path or a
//! header of one.

use std::pin::pin;

use actix_web::web::Data;
use futures_util::FutureExt;

use super::entry::every_answer;
use super::ready::Ready;
use super::surroundings::Surroundings;
use crate::door::Engine;
use crate::edge::fast::{Asked, FastPath, TOGETHER_MAX};
use crate::together::together;

/// Answers for one worker.
pub struct Surfaces<E> {
    engine: E,
    surroundings: Data<Surroundings>,
    /// The lines of every answer.
    common: Vec<u8>,
}

impl<E: Engine> Surfaces<E> {
    /// Those over this engine, for connections that are encrypted or not.
    pub fn new(engine: E, surroundings: Data<Surroundings>, encrypted: bool) -> Self {
        let mut common = Vec::new();
        for (name, value) in every_answer(encrypted) {
            let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
            common.extend_from_slice(&line.concat());
        }
        Self {
            engine,
            surroundings,
            common,
        }
    }

    /// The answer to one, if there is one.
    async fn ready(&self, asked: Option<&Asked<'_>>) -> Option<Ready> {
        super::fast(&asked?.request, &self.engine, &self.surroundings).await
    }

    fn send(&self, ready: Option<Ready>, asked: &mut Asked<'_>) {
        if let Some(ready) = ready {
            ready.send(&self.common, asked.frame, asked.out);
            asked.answered = true;
        }
    }
}

impl<E: Engine> FastPath for Surfaces<E> {
    fn answer(&self, asked: &mut [Asked<'_>]) {
        if let [one] = asked {
            let ready = self.ready(Some(one)).now_or_never().flatten();
            return self.send(ready, one);
        }
        for some in asked.chunks_mut(TOGETHER_MAX) {
            let mut answers = [const { None }; TOGETHER_MAX];
            {
                // Those whose place is empty are done at once.
                let ready = |place: usize| self.ready(some.get(place));
                let all: [_; TOGETHER_MAX] = [
                    pin!(ready(0)),
                    pin!(ready(1)),
                    pin!(ready(2)),
                    pin!(ready(3)),
                    pin!(ready(4)),
                    pin!(ready(5)),
                    pin!(ready(6)),
                    pin!(ready(7)),
                ];
                together(all, |place, answer| {
                    if let Some(ready) = answers.get_mut(place) {
                        *ready = answer;
                    }
                });
            }
            for (asked, ready) in some.iter_mut().zip(answers) {
                self.send(ready, asked);
            }
        }
    }
}
