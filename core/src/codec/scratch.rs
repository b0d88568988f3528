//! Memory that a driver lends to its machines.

use alloc::vec::Vec;
use core::fmt;

/// Memory to decompress payloads in. [`GatewayMachine::handle_with`](crate::machine::GatewayMachine::handle_with) lends it to one
/// machine after another. It grows to the size of the largest payload, up to a mebibyte; nothing in it is read after a call.
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
    /// For decompressed payloads.
    pub(super) output: Vec<u8>,
    /// For the JSON of terms.
    pub(super) json: Vec<u8>,
}

/// Prints its size, never its bytes.
impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} bytes)", self.output.capacity() + self.json.capacity())
    }
}
