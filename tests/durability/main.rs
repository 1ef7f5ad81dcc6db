//! The bytes on disk against a disk that forgets, tears, refuses and decays.
//!
//! No sleeps, no real disk but where it is named; whatever fails here fails again with the seed it
//! prints.
//!
//! | module | promise | figures |
//! |---|---|---|
//! | `crashes` | no state that a power cut can leave is refused or lacks what was acknowledged (F7) | 20,000 sampled states; without any one of the syncs the suite fails |
//! | `damage` | what decayed is refused, or is the last batch and said to be cut (F8–F11) | every offset, every byte, 1,000 tails |
//! | `refusals` | a failed call is never followed by a false acknowledgement (F13, F14, F17) | every position |
//! | `groups` | one sync, many acknowledgements, in order | |
//! | `manifests` | a manifest is whole or refused | every byte |
//! | `memory` | arbitrary bytes cost no more than twice their length | |
//! | `decay` | a whole directory, two generations and a log: refused, made good, or the last batch cut and said so (F8, F9, F11, F12, F20) | `tests/campaigns/decay`: every byte |
//! | `forgery` | an image whose lengths lie costs 1 MiB and twice the file at most | every offset |
//! | `served` | who may serve a directory, and what a mode leaves for the next one | |
//! | `keys` | sealing keys follow each other; a power cut in between leaves what both open (F29) | every call |
//! | `real` | the same log on real files | |

#[cfg(test)]
#[expect(dead_code, reason = "calls are counted elsewhere")]
mod counting;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod decay;
#[cfg(test)]
mod forgery;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod real;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod served;
#[cfg(test)]
mod whole;
