//! The fake gateway on a virtual clock, a story a test.

mod sessions;
mod world;
