//! The fake gateway on a virtual clock, a story a test.

mod faults;
mod record;
mod rules;
mod sessions;
mod world;
