//! Faults in codecs, dialects and filters, found with hostile peers, fuzzing and other programs: one test or more for each
//! number of the list.

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
