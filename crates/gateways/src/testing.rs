//! What the tests of this crate share.

use proptest::test_runner::{Config, RngSeed};

/// So many cases of a property, the same ones at every run.
pub(crate) fn repeatable(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(20_260_310),
        failure_persistence: None,
        ..Config::default()
    }
}
