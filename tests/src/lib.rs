//! The tools of the tests that cross crates: a machine driven by hand ([`Rig`]), client and server on one virtual
//! clock ([`World`]), and their runs as text ([`story`]).

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod etf;
pub mod fleet;
pub mod frames;
pub mod fuzz;
pub mod memory;
pub mod pack;
pub mod pair;
pub mod rig;
pub mod story;
pub mod toy;
pub mod walk;
pub mod world;

pub use fleet::Fleet;
pub use pair::Pair;
pub use rig::Rig;
pub use story::Story;
pub use world::World;

use core::time::Duration;

/// `count` seconds.
#[must_use]
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// `count` milliseconds.
#[must_use]
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Compiles README's code with the tests, and runs it where it can.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
