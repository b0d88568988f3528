//! How much a peer may send, and how much memory it may occupy.

/// The bounds of a connection. Each is checked before memory is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The most bytes the payload of a data frame may have: 16 MiB by default. It is checked as soon as the frame's
    /// header has arrived.
    pub frame: usize,
    /// The most bytes a message may have, all fragments together: 16 MiB by default. The memory that stores a message
    /// until its last byte has arrived never grows beyond this.
    pub message: usize,
    /// The most fragments a message may have: 131,072 by default, twice what the largest test of the Autobahn suite
    /// sends (4 MiB by 64 bytes).
    pub fragments: u32,
    /// The most fragments of a message that may be empty: 1,024 by default. An empty fragment costs a peer two bytes
    /// and does not count towards `message`.
    pub empty_fragments: u32,
    /// How many bytes are allocated because a frame's header announces them: 64 KiB by default. A frame up to this size
    /// that arrives in several reads is one allocation; the memory of a larger frame doubles as its bytes arrive.
    pub reserve: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame: 16 << 20, message: 16 << 20, fragments: 1 << 17, empty_fragments: 1 << 10, reserve: 64 << 10 }
    }
}
