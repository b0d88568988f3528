//! How much a peer may send.

/// The bounds of what a connection holds and of what it takes. All are checked before memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The most bytes the payload of a data frame may have: 16 MiB by default. It is checked as soon as the frame's header
    /// is there.
    pub frame: usize,
    /// The most bytes a message may have, all its fragments together: 16 MiB by default. The memory that holds a message
    /// until its last byte is there never grows beyond this.
    pub message: usize,
    /// The most fragments a message may have: 131,072 by default, twice what the largest test of the Autobahn suite sends
    /// (4 MiB by 64 bytes).
    pub fragments: u32,
    /// The most fragments of a message that may be empty: 1,024 by default. They cost a peer two bytes each, and the
    /// message does not grow by them.
    pub empty_fragments: u32,
    /// How many bytes are reserved on the word of a frame's header alone: 64 KiB by default. A frame up to this size that
    /// comes in several reads takes one allocation; a larger one doubles its memory as its bytes come.
    pub reserve: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frame: 16 << 20, message: 16 << 20, fragments: 1 << 17, empty_fragments: 1 << 10, reserve: 64 << 10 }
    }
}
