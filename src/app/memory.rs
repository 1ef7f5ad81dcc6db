//! The watch over memory: ten times a second what the process holds is compared with what it may, and the
//! engine is told whether there is room for more.

use std::time::Duration;

use super::Failure;
use crate::actors::handle::EngineHandle;
use crate::config::limits::MemoryLimit;
use crate::memory::ceiling::{CEILING_BYTES_MIN, Ceiling, LOOK_EVERY_MS};
use crate::memory::{available, resident_bytes};

/// The ceiling in bytes; `None` if nothing is known of the memory of this machine.
pub(super) fn ceiling_bytes(limit: MemoryLimit) -> Result<Option<u64>, Failure> {
    let bytes = match limit {
        MemoryLimit::Bytes(bytes) => Some(bytes),
        MemoryLimit::Percent(percent) => {
            available::bytes().map(|available| available / 100 * u64::from(percent))
        }
    };
    match bytes {
        Some(bytes) if bytes < CEILING_BYTES_MIN => Err(Failure::Configuration(format!(
            "limits.memory: {bytes} bytes are too few for any session: it takes at least {CEILING_BYTES_MIN}"
        ))),
        bytes => Ok(bytes),
    }
}

/// Watches from now on. Must be called inside an actix system.
pub(super) fn watch(engine: EngineHandle, ceiling_bytes: Option<u64>) {
    let Some(bytes) = ceiling_bytes else {
        tracing::warn!("limits.memory is not kept: this system does not say what memory there is");
        return;
    };
    actix::spawn(async move {
        let mut ceiling = Ceiling::new(bytes);
        let mut looks = tokio::time::interval(Duration::from_millis(LOOK_EVERY_MS));
        let mut refused = false;
        loop {
            looks.tick().await;
            let Some(resident) = resident_bytes() else {
                continue;
            };
            let judged = ceiling.look(resident, || engine.things());
            engine.tell_memory(resident, bytes, judged.refuses);
            if judged.sweep {
                engine.sweep_soon();
            }
            if judged.refuses != refused {
                refused = judged.refuses;
                tell(refused, resident, &ceiling, engine.things());
            }
        }
    });
}

fn tell(refused: bool, resident: u64, ceiling: &Ceiling, things: u64) {
    let soft = ceiling.soft_bytes();
    if refused {
        tracing::warn!(
            resident,
            soft,
            things,
            "memory is full: grants are refused until sessions end; raise limits.memory, or let sessions live shorter"
        );
    } else {
        tracing::info!(
            resident,
            soft,
            things,
            "there is room in memory again: grants go on"
        );
    }
}
