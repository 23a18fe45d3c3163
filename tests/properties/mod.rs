//! What must hold for any input, tried on many. `PROPTEST_CASES` asks for more, `PROPTEST_RNG_SEED` for others.

mod abnf;
mod names;
mod parsers;
mod signatures;
mod siwe;
mod tokens;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestCaseResult, TestRunner};

/// Tries `property` on `cases` inputs, the same ones in each run unless the environment asks for others.
fn holds<S: Strategy<Value: Debug>>(cases: u32, inputs: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    TestRunner::new(config).run(inputs, property).unwrap_or_else(|fault| panic!("{fault}"));
}
