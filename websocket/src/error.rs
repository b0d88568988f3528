//! What a peer can do wrong with frames, and what a caller can do wrong.

use crate::close::CloseCode;

/// The peer broke the protocol or exceeded a limit: the connection has failed.
///
/// [`Connection`](crate::Connection) answers with a close frame that has the code [`close_code`](Self::close_code).
/// *(source: RFC 6455 §7.1.7)*
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit is set, and no extension was negotiated. *(source: RFC 6455 §5.2)*
    #[error("the frame sets the reserved bits {bits:03b}, and no extension was negotiated")]
    ReservedBits {
        /// RSV1, RSV2 and RSV3, the first as the highest of three bits.
        bits: u8,
    },
    /// The opcode is reserved. *(source: RFC 6455 §5.2)*
    #[error("the frame has the reserved opcode {opcode}")]
    ReservedOpcode {
        /// The opcode: 3 to 7, or 11 to 15.
        opcode: u8,
    },
    /// A control frame is fragmented. *(source: RFC 6455 §5.5)*
    #[error("a control frame is fragmented")]
    FragmentedControl,
    /// A control frame has more than 125 bytes. *(source: RFC 6455 §5.5)*
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A length is not written in the fewest bytes. *(source: RFC 6455 §5.2)*
    #[error("a frame's length is not written in the fewest bytes")]
    LengthNotMinimal,
    /// The highest of the 64 bits of a length is set. *(source: RFC 6455 §5.2)*
    #[error("a frame's length is 2^63 or more")]
    LengthOverflow,
    /// A server sent a masked frame. *(source: RFC 6455 §5.1)*
    #[error("the server sent a masked frame")]
    Masked,
    /// A client sent a frame without a mask. *(source: RFC 6455 §5.1)*
    #[error("the client sent a frame without a mask")]
    Unmasked,
    /// A continuation without a message that it continues. *(source: RFC 6455 §5.4)*
    #[error("a continuation frame continues no message")]
    UnexpectedContinuation,
    /// A new message before the last fragment of another. *(source: RFC 6455 §5.4)*
    #[error("a message begins before the one before it has ended")]
    ExpectedContinuation,
    /// A text message is not UTF-8. *(source: RFC 6455 §8.1)*
    #[error("a text message is not valid utf-8")]
    Utf8,
    /// A close frame has one byte, which is half a code. *(source: RFC 6455 §5.5.1)*
    #[error("a close frame has one byte, which is half a close code")]
    CloseLength,
    /// A close frame has a code that no endpoint may send. *(source: RFC 6455 §7.4)*
    #[error("a close frame has the code {code}, which no endpoint may send")]
    CloseCode {
        /// The code, as received.
        code: CloseCode,
    },
    /// The reason in a close frame is not UTF-8. *(source: RFC 6455 §5.5.1)*
    #[error("the reason of a close frame (code {code}) is not valid utf-8")]
    CloseReason {
        /// The code before the reason, as received.
        code: CloseCode,
    },
    /// A frame is larger than [`Limits::frame`](crate::Limits::frame).
    #[error("a frame of {len} bytes, the limit is {limit}")]
    FrameTooLarge {
        /// How many bytes its header announced.
        len: u64,
        /// The most bytes a frame may have.
        limit: usize,
    },
    /// A message is larger than [`Limits::message`](crate::Limits::message).
    #[error("a message above {limit} bytes")]
    MessageTooLarge {
        /// The most bytes a message may have.
        limit: usize,
    },
    /// A message has more fragments than [`Limits::fragments`](crate::Limits::fragments), or more empty ones than
    /// [`Limits::empty_fragments`](crate::Limits::empty_fragments).
    #[error("a message of more than {limit} fragments")]
    TooManyFragments {
        /// The limit that was exceeded.
        limit: u32,
    },
}

impl Violation {
    /// The code to fail the connection with: 1002 for a protocol error, 1007 for invalid text, 1009 for a message that
    /// is too big or has too many fragments. *(source: RFC 6455 §7.4.1)*
    #[must_use]
    pub const fn close_code(&self) -> CloseCode {
        match self {
            Self::ReservedBits { .. }
            | Self::ReservedOpcode { .. }
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::LengthNotMinimal
            | Self::LengthOverflow
            | Self::Masked
            | Self::Unmasked
            | Self::UnexpectedContinuation
            | Self::ExpectedContinuation
            | Self::CloseLength
            | Self::CloseCode { .. } => CloseCode::PROTOCOL_ERROR,
            Self::Utf8 | Self::CloseReason { .. } => CloseCode::INVALID_PAYLOAD,
            Self::FrameTooLarge { .. } | Self::MessageTooLarge { .. } | Self::TooManyFragments { .. } => {
                CloseCode::TOO_BIG
            }
        }
    }
}

/// Why a frame was not written. Nothing was appended to the buffer and the connection is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// This end has sent its close frame, or owes one: no other frame may follow. *(source: RFC 6455 §5.5.1)*
    #[error("the connection is closing: no frame may follow the close frame")]
    Closing,
    /// The payload of a ping or pong is too long. *(source: RFC 6455 §5.5)*
    #[error("the payload of a control frame is {len} bytes long, the most is {max}")]
    ControlTooLong {
        /// How many bytes it has.
        len: usize,
        /// The most it may have: 125, or 123 for the reason of a close frame.
        max: usize,
    },
    /// The code may not be sent. *(source: RFC 6455 §7.4)*
    #[error("the close code {code} may not be sent: take 1000 to 1003, 1007 to 1014, or 3000 to 4999")]
    CloseCode {
        /// The code.
        code: CloseCode,
    },
    /// A message in fragments has not ended. *(source: RFC 6455 §5.4)*
    #[error("a message in fragments has not ended: send its last fragment first")]
    FragmentsOpen,
    /// There is no message that the fragment continues. *(source: RFC 6455 §5.4)*
    #[error("the fragment continues no message: send a first one before")]
    NoFragmentsOpen,
}
