//! Faults that hostile peers, fuzzing and others' programs brought to light in codecs, dialects and filters: one test or
//! more a number of the list they were written down in.

mod foreign_guilds;
mod gateway_url;
mod kept_text;
mod linear;
mod misspelt;
mod presences;
mod shapes;
mod zstd_frames;

use portcullis_tests::memory::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
