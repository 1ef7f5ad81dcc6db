//! The state of a node on its way from disk, and the replay that completes it.
//!
//! Invariants: a part is applied to its place (a slot, the directory) if that place has not reached its
//! record yet, and then all parts of the record for that place are; so a place may have been taken from
//! an image at any moment, each at another one (R11).

use std::sync::Arc;

use super::directory::Directory;
use super::event::{DirectoryEvent, Part, SlotEvent};
use super::image::{DirectoryImage, SlotImage};
use super::replay::Steps;
use super::slot::SlotNumber;
use super::world::{SharedWorld, World};
use crate::session::time::Timestamp;
use crate::session::token::InstallKey;

/// What the owners begin with.
pub struct State {
    /// What will be published.
    pub world: SharedWorld,
    /// What the directory alone knows.
    pub directory: Directory,
}

impl State {
    /// Nothing; secrets are digested with this key.
    #[must_use]
    pub fn empty(install_key: InstallKey) -> Self {
        Self {
            world: Arc::new(World::new(install_key)),
            directory: Directory::default(),
        }
    }

    /// What follows from records in their order, the first of which has the sequence 1.
    #[must_use]
    pub fn of_history<'a>(
        install_key: InstallKey,
        records: impl IntoIterator<Item = &'a Vec<Part>>,
    ) -> Self {
        let mut state = Self::empty(install_key);
        for (record, sequence) in records.into_iter().zip(1..) {
            state.replay(sequence, record);
        }
        state
    }

    /// Puts a piece of a slot's image where it belongs; a slot may have several, of one position.
    pub fn restore_slot(
        &mut self,
        number: SlotNumber,
        image: SlotImage,
        position: u64,
        now: Timestamp,
    ) {
        self.world.restore(number, image, position, now);
    }

    /// Puts a piece of the directory's image where it belongs; there may be several, of one position.
    pub fn restore_directory(&mut self, image: DirectoryImage, position: u64) {
        image.restore(&self.world, &mut self.directory);
        self.directory.reached(position);
    }

    /// Everything up to this sequence is in every place now.
    pub fn reached_everywhere(&mut self, sequence: u64) {
        SlotNumber::from(0).for_each(|number| self.reached(number, sequence));
        self.directory.reached(sequence);
    }

    /// Applies the parts of a record to those places that have not reached it.
    pub fn replay(&mut self, sequence: u64, parts: &[Part]) {
        let mut steps = Steps::default();
        steps.begin(sequence);
        let (mut grants, mut directory) = (0, Vec::new());
        for part in parts {
            match part {
                Part::Slot(number, SlotEvent::SessionOpened(opened)) => {
                    steps.grant((*opened.grant).clone());
                    steps.opened(*number, opened.id, opened.at, grants);
                    grants += 1;
                }
                Part::Slot(number, event) => steps.event(*number, event.clone()),
                Part::Directory(event) => directory.push(event.clone()),
            }
        }
        self.world.replay(&mut steps);
        self.replay_directory(sequence, directory);
    }

    /// Applies what a record says of the directory, all of it, if the directory has not reached the record.
    pub fn replay_directory(
        &mut self,
        sequence: u64,
        events: impl IntoIterator<Item = DirectoryEvent>,
    ) {
        let behind = self.directory.position() < sequence;
        let mut any = false;
        for event in events {
            any = true;
            if behind {
                self.directory.apply(&event);
                self.world.apply(&Part::Directory(event), None);
            }
        }
        if any {
            self.directory.reached(sequence);
        }
    }

    /// Forgets every session, hand-off token and browser's client: none of them is known to be what it was.
    pub fn end_all_sessions(&mut self) {
        for number in SlotNumber::from(0) {
            if let Some(slot) = self.world.slot_at(number) {
                let mut slot = slot.write();
                *slot = slot.without_sessions();
            }
        }
        self.directory.forget_listings();
    }

    fn reached(&self, number: SlotNumber, sequence: u64) {
        if let Some(slot) = self.world.slot_at(number) {
            slot.write().reached(sequence);
        }
    }
}
