//! Commands to the pure engine: the input is the seed by which `tests/model` draws its operations, and after
//! each of them the engine and the model of plain maps agree.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../tests/model/client_effects.rs"]
mod client_effects;
#[path = "../../tests/model/client_rules.rs"]
mod client_rules;
#[path = "../../tests/model/client_watch.rs"]
mod client_watch;
#[path = "../../tests/model/commands.rs"]
mod commands;
#[path = "../../tests/model/driver.rs"]
mod driver;
#[path = "../../tests/model/effects.rs"]
mod effects;
#[path = "../../tests/model/generators.rs"]
mod generators;
#[path = "../../tests/model/logins.rs"]
mod logins;
#[path = "../../tests/model/model.rs"]
mod model;
#[path = "../../tests/model/names.rs"]
mod names;
#[path = "../../tests/model/operations.rs"]
mod operations;
#[path = "../../tests/model/room.rs"]
mod room;
#[path = "../../tests/model/rules.rs"]
mod rules;
#[path = "../../tests/model/stage.rs"]
mod stage;
#[path = "../../tests/model/trial.rs"]
mod trial;
#[path = "../../tests/model/upkeep.rs"]
mod upkeep;
#[path = "../../tests/model/watch.rs"]
mod watch;

/// As in `tests/model`: ends the comparison with a text.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use ensure;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::generators::{Theme, runs};
use crate::stage::Limits;
use crate::trial::{Setup, Trial};

/// Operations of the longest run.
const OPERATIONS_MAX: usize = 120;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(([first, second], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let themes = [
        Theme::Everything,
        Theme::Limits,
        Theme::Impersonation,
        Theme::Standing,
        Theme::Clients,
    ];
    let limit = Some(u32::from(second % 4)).filter(|limit| *limit > 0);
    let setup = Setup {
        limits: Limits {
            mollybet: limit,
            xdata: limit.filter(|_| second & 4 != 0),
            i3d: limit,
            clerk: limit.filter(|_| second & 8 != 0),
        },
        watch_every: [1, 4, 25][usize::from(second >> 4) % 3],
    };
    let theme = themes[usize::from(*first) % themes.len()];
    let chance = TestRng::from_seed(RngAlgorithm::ChaCha, blake3::hash(rest).as_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), chance);
    let Ok(tree) = runs(theme, OPERATIONS_MAX).new_tree(&mut runner) else {
        return;
    };
    if let Err(failure) = Trial::play(setup, &tree.current()).map(|_| ()) {
        panic!("{failure}");
    }
});
