//! Memory that is lent.

use alloc::vec::Vec;
use core::fmt;

/// Memory to unpack payloads in, lent to one machine after another by
/// [`GatewayMachine::handle_with`](crate::machine::GatewayMachine::handle_with). It grows to the largest payload of up to
/// a mebibyte, and holds nothing between two calls that anyone reads.
///
/// ```
/// use portcullis::codec::Scratch;
/// use portcullis::dialect::discord::Intents;
/// use portcullis::{Config, Discord, GatewayMachine, Input, Seed, Timestamp};
///
/// let mut scratch = Scratch::default();
/// for seed in 0..2 {
///     let discord = Discord::new("a.bot.token", Intents::GUILDS)?;
///     let mut machine = GatewayMachine::new(discord, Config::default(), Seed(seed))?;
///     for action in machine.handle_with(Timestamp::ZERO, Input::Start, &mut scratch) {
///         println!("{action:?}");
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct Scratch {
    /// For what is inflated.
    pub(super) output: Vec<u8>,
    /// For terms that are read into JSON.
    pub(super) json: Vec<u8>,
}

/// Prints its size, never what was in it.
impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} bytes)", self.output.capacity() + self.json.capacity())
    }
}
