//! Drives the pure engine without actors: route, decide, apply the parts in order, keep them all.
//!
//! Invariant: the log holds every part that was ever applied, so a world rebuilt from it is what a
//! restart would recover.

use sessile::engine::command::{Command, Decider};
use sessile::engine::decide::{Decision, Outcome};
use sessile::engine::digest;
use sessile::engine::directory::Directory;
use sessile::engine::event::{Part, SlotEvent};
use sessile::engine::facts;
use sessile::engine::image::DirectoryImage;
use sessile::engine::slot::SlotNumber;
use sessile::engine::sweep;
use sessile::engine::world::World;
use sessile::session::activity::Touch;
use sessile::session::id::SessionId;
use sessile::session::time::Timestamp;

use crate::names::install_key;

/// A node without a disk.
pub(crate) struct Driver {
    pub(crate) world: World,
    directory: Directory,
    log: Vec<Part>,
}

impl Driver {
    pub(crate) fn new() -> Self {
        Self {
            world: World::new(install_key()),
            directory: Directory::default(),
            log: Vec::new(),
        }
    }

    /// Decides a command where it belongs, without applying what follows.
    pub(crate) fn decide(&mut self, command: &Command, limited: bool, now: Timestamp) -> Outcome {
        match command.decider(limited) {
            Decider::Shard(_) => facts::decide_in_slot(&self.world, command, now),
            Decider::Directory => {
                facts::decide_in_directory(&self.world, &mut self.directory, command, now)
            }
        }
    }

    /// Decides a command and applies what follows.
    pub(crate) fn ask(&mut self, command: &Command, limited: bool, now: Timestamp) -> Outcome {
        let outcome = self.decide(command, limited, now);
        if let Ok(Decision { parts, .. }) = &outcome {
            parts.iter().for_each(|part| self.apply(part));
        }
        outcome
    }

    /// Logs and applies one part, as its owner would.
    pub(crate) fn apply(&mut self, part: &Part) {
        self.log.push(part.clone());
        self.world.apply(part, None);
        if let Part::Directory(event) = part {
            self.directory.apply(event);
        }
    }

    /// Ends what is due in a slot, at most `max` at a time until nothing is; returns the events.
    pub(crate) fn sweep_due(
        &mut self,
        slot: SlotNumber,
        now: Timestamp,
        max: usize,
    ) -> Vec<SlotEvent> {
        let mut events = Vec::new();
        loop {
            let swept = sweep::due(&self.world, slot, now, max);
            events.extend(self.apply_slot_events(swept.parts));
            if !swept.more {
                break;
            }
        }
        let loose = sweep::loose(&self.world, slot, now, max);
        events.extend(self.apply_slot_events(loose));
        events
    }

    /// What a sweep of the clients of a slot decides, without applying it.
    pub(crate) fn decide_clients(&self, slot: SlotNumber, now: Timestamp, max: usize) -> Vec<Part> {
        sweep::clients(&self.world, slot, now, max)
    }

    /// Sweeps the clients of a slot, at most `max` at once; returns the events.
    pub(crate) fn sweep_clients(
        &mut self,
        slot: SlotNumber,
        now: Timestamp,
        max: usize,
    ) -> Vec<SlotEvent> {
        let parts = self.decide_clients(slot, now, max);
        self.apply_slot_events(parts)
    }

    /// Ends everything dead in a slot; returns the events.
    pub(crate) fn sweep_all(&mut self, slot: SlotNumber, now: Timestamp) -> Vec<SlotEvent> {
        let swept = sweep::all(&self.world, slot, now);
        self.apply_slot_events(swept.parts)
    }

    /// Logs the activity of a slot, at most `max` sessions; returns what was logged.
    pub(crate) fn log_activity(
        &mut self,
        slot: SlotNumber,
        max: usize,
    ) -> Vec<(SessionId, Timestamp)> {
        let part = sweep::activity(&self.world, slot, max);
        let events = self.apply_slot_events(part.into_iter().collect());
        let lists = events.into_iter().filter_map(|event| match event {
            SlotEvent::SessionsActive(list) => Some(list),
            _ => None,
        });
        lists.flatten().collect()
    }

    /// Forgets counts of failures that are over, as the directory's tick does.
    pub(crate) fn sweep_guesses(&mut self, now: Timestamp) {
        let part = self.directory.sweep_guesses(&self.world, now);
        part.iter().for_each(|part| self.apply(part));
    }

    /// Forgets everything and recovers it from the log. Fails if the state digest is another one.
    ///
    /// The images of the slots and of the directory must give the same state as the log.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        let before = digest::of(&self.world);
        let pictured = digest::of(&self.restored());
        super::ensure!(
            before == pictured,
            "digest {before:x} became {pictured:x} over its images"
        );
        let old = std::mem::replace(self, Self::new());
        old.log.iter().for_each(|part| self.apply(part));
        let after = digest::of(&self.world);
        super::ensure!(
            before == after,
            "digest {before:x} became {after:x} over a restart"
        );
        Ok(())
    }

    /// The world as its images tell it.
    fn restored(&self) -> World {
        let world = World::new(self.world.install_key.clone());
        for number in SlotNumber::from(0) {
            let (Some(from), Some(to)) = (self.world.slot_at(number), world.slot_at(number)) else {
                continue;
            };
            let image = from.read().image();
            to.write().restore(image.clone(), Timestamp::from_ms(0));
            assert_eq!(to.read().image().len(), image.len());
        }
        let mut directory = Directory::default();
        let image = DirectoryImage::of(&self.world, &self.directory);
        image.clone().restore(&world, &mut directory);
        assert_eq!(DirectoryImage::of(&world, &directory), image);
        world
    }

    /// Every part that was ever applied.
    pub(crate) fn into_log(self) -> Vec<Part> {
        self.log
    }

    pub(crate) fn is_live(&self, id: SessionId, now: Timestamp) -> bool {
        self.world
            .with_session(id, now, Touch::No, |view| view.is_some())
    }

    pub(crate) fn touch(&self, id: SessionId, now: Timestamp) -> bool {
        self.world
            .with_session(id, now, Touch::Yes, |view| view.is_some())
    }

    fn apply_slot_events(&mut self, parts: Vec<Part>) -> Vec<SlotEvent> {
        parts.iter().for_each(|part| self.apply(part));
        let events = parts.into_iter().filter_map(|part| match part {
            Part::Slot(_, event) => Some(event),
            Part::Directory(_) => None,
        });
        events.collect()
    }
}
