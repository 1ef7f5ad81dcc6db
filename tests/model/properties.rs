//! Random runs, each about something else. The engine and the model agree after every operation.

use proptest::prelude::*;

use crate::generators::{Theme, runs};
use crate::seeds;
use crate::stage::Limits;
use crate::trial::{Setup, Trial};

/// Operations of the longest run; half as many on average.
const OPERATIONS_MAX: u64 = 300;

fn setup() -> impl Strategy<Value = Setup> {
    let mollybet = prop_oneof![Just(Some(1)), Just(Some(2)), Just(Some(3)), Just(None)];
    let xdata = prop_oneof![Just(None), Just(Some(2))];
    let watch_every = prop_oneof![Just(1_usize), Just(4), Just(25)];
    (mollybet, xdata, watch_every).prop_map(|(mollybet, xdata, watch_every)| Setup {
        limits: Limits {
            mollybet,
            xdata,
            i3d: mollybet,
            clerk: xdata,
        },
        watch_every,
    })
}

fn agree(name: &str, cases: u64, theme: Theme) {
    let max = seeds::setting("SESSILE_MODEL_OPERATIONS").unwrap_or(OPERATIONS_MAX);
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    let values = (setup(), runs(theme, max));
    seeds::each(name, cases, &values, |(setup, operations)| {
        Trial::play(setup, &operations).map(|_| ())
    });
}

#[test]
fn engine_and_model_agree_on_everything() {
    agree(
        "engine_and_model_agree_on_everything",
        100,
        Theme::Everything,
    );
}

#[test]
fn engine_and_model_agree_on_limits() {
    agree("engine_and_model_agree_on_limits", 80, Theme::Limits);
}

#[test]
fn engine_and_model_agree_on_impersonation() {
    agree(
        "engine_and_model_agree_on_impersonation",
        80,
        Theme::Impersonation,
    );
}

#[test]
fn engine_and_model_agree_on_clients() {
    agree("engine_and_model_agree_on_clients", 120, Theme::Clients);
}

#[test]
fn engine_and_model_agree_on_changing_accounts() {
    agree(
        "engine_and_model_agree_on_changing_accounts",
        80,
        Theme::Standing,
    );
}
