//! The surfaces' fast path: what they answer on the spot, with what holds for every answer.
//!
//! What is answered the surfaces say themselves, by the list in the room's head; this file must never know a surface, a path or a
//! header of one.

use actix_web::web::Data;

use super::entry::every_answer;
use super::surroundings::Surroundings;
use crate::door::Engine;
use crate::edge::fast::{FastPath, Frame, Request};

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
}

impl<E: Engine> FastPath for Surfaces<E> {
    fn answer(&self, request: &Request<'_>, frame: Frame<'_>, out: &mut Vec<u8>) -> bool {
        let ready = super::fast(request, &self.engine, &self.surroundings);
        if let Some(ready) = &ready {
            ready.send(&self.common, frame, out);
        }
        ready.is_some()
    }
}
