//! The most that may pile up, or come at once.

/// The most that may pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Commands that wait, and outcomes of commands that the caller has not taken: 256.
    pub outbox: usize,
    /// Standing commands, by key: 256.
    pub standing: usize,
    /// Bytes of an incoming message: 128 MiB. Real ones have been met with tens of MB.
    pub message: usize,
    /// Bytes of a payload once inflated: 128 MiB. Above, the connection is left and its session kept. A stream's window comes on
    /// top: 32 KiB for zlib, at most 8 MiB for zstd, whose library holds it.
    pub inflated: usize,
    /// Payloads in one message, and actions that come of them: 4,096. Real ones have one. Above, the connection is left and its
    /// session kept.
    pub payloads: usize,
    /// Bytes of events that the caller has not taken: 256 MiB. Above, the connection is dropped and its session kept.
    pub undrained: usize,
    /// Event names that are counted by name: 256. The rest is counted as one, and so are names above 128 bytes.
    pub event_names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outbox: 256,
            standing: 256,
            message: 128 << 20,
            inflated: 128 << 20,
            payloads: 4096,
            undrained: 256 << 20,
            event_names: 256,
        }
    }
}
