//! The two ends of a connection, as types: the compiler knows which end masks its frames.

use core::fmt::Debug;

/// One end of a connection: [`Client`] or [`Server`].
///
/// A client masks every frame that it sends and a server masks none. *(source: RFC 6455 §5.1)*
pub trait Role: sealed::Sealed + Copy + Debug + 'static {
    /// What a frame of this end is masked with: 4 bytes for a client, nothing for a server.
    ///
    /// A client generates a new mask for each frame from a strong source of randomness, so that no peer or script can predict the
    /// bytes on the network. *(source: RFC 6455 §5.3, §10.3)*
    type Mask: Copy + Debug;
}

/// The end that opened the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Client;

/// The end that accepted the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Server;

impl Role for Client {
    type Mask = [u8; 4];
}

impl Role for Server {
    type Mask = ();
}

/// Whether the frames of one end are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Masking {
    /// As a client's are.
    Masked,
    /// As a server's are.
    Unmasked,
}

pub(crate) mod sealed {
    use super::{Client, Masking, Role, Server};

    /// What the crate needs from a role. Other crates cannot add one.
    pub trait Sealed {
        /// Whether the frames of the other end must be masked.
        const PEER: Masking;

        /// The mask of a frame of this end.
        fn key(mask: <Self as Role>::Mask) -> Option<[u8; 4]>
        where
            Self: Role;
    }

    impl Sealed for Client {
        const PEER: Masking = Masking::Unmasked;

        fn key(mask: [u8; 4]) -> Option<[u8; 4]> {
            Some(mask)
        }
    }

    impl Sealed for Server {
        const PEER: Masking = Masking::Masked;

        fn key((): ()) -> Option<[u8; 4]> {
            None
        }
    }
}
