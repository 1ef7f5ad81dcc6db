//! Runs a test over random values, each from a seed of its own that a failure names.

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Gives `test` one value per seed. A failing value is made smaller before it is shown.
pub(crate) fn each<S>(
    name: &str,
    cases: u64,
    values: &S,
    test: impl Fn(S::Value) -> Result<(), String>,
) where
    S: Strategy,
    S::Value: Debug,
{
    let seeds = match setting("SESSILE_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..setting("SESSILE_MODEL_CASES").unwrap_or(cases),
    };
    for seed in seeds {
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(seed.to_le_bytes())
            .for_each(|(to, from)| *to = from);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config {
            cases: 1,
            failure_persistence: None,
            max_shrink_iters: 20_000,
            ..Config::default()
        };
        let outcome = TestRunner::new_with_rng(config, rng)
            .run(values, |value| test(value).map_err(TestCaseError::fail));
        if let Err(failure) = outcome {
            panic!(
                "seed {seed}: {failure}\nagain: SESSILE_MODEL_SEED={seed} cargo test --test model {name}"
            );
        }
    }
}

/// A number from the environment.
pub(crate) fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
