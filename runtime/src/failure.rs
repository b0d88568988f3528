//! What went wrong, in the machine's words: by kind, never by text.

use async_tungstenite::tungstenite::Error as WireError;
use async_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use core::error::Error;
use core::time::Duration;
use futures_rustls::rustls;
use portcullis::CloseReason;
use portcullis::machine::ConnectFailure;
use std::io::{self, ErrorKind};

/// Why no TCP connection came about.
pub(crate) fn of_connect(error: &io::Error) -> ConnectFailure {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::AddrNotAvailable => ConnectFailure::Refused,
        ErrorKind::TimedOut => ConnectFailure::TimedOut,
        _ => ConnectFailure::Io,
    }
}

/// Why the upgrade failed.
pub(crate) fn of_handshake(error: &WireError) -> ConnectFailure {
    match error {
        WireError::Http(response) => ConnectFailure::Http {
            status: response.status().as_u16(),
            retry_after: response.headers().get("retry-after").and_then(|value| seconds(value.as_bytes())),
        },
        WireError::Io(error) if is_tls(error) => ConnectFailure::Tls,
        WireError::Tls(_) => ConnectFailure::Tls,
        WireError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => ConnectFailure::Protocol,
        WireError::Io(_) => ConnectFailure::Io,
        _ => ConnectFailure::Protocol,
    }
}

/// How an open connection ended that gave an error.
pub(crate) fn of_connection(error: &WireError) -> CloseReason {
    match error {
        WireError::ConnectionClosed
        | WireError::AlreadyClosed
        | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Eof,
        WireError::Io(error) if is_tls(error) => CloseReason::Tls,
        WireError::Tls(_) => CloseReason::Tls,
        WireError::Io(error) => match error.kind() {
            // TLS without its own farewell: the stream's end all the same.
            ErrorKind::UnexpectedEof => CloseReason::Eof,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => CloseReason::Reset,
            _ => CloseReason::Io,
        },
        WireError::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
            CloseReason::TooLarge { limit: *max_size }
        }
        WireError::WriteBufferFull(_) => CloseReason::Io,
        _ => CloseReason::Protocol,
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

/// The seconds of a `Retry-After`. Its other form, a date, would need a calendar, and the gateway does not send it.
fn seconds(value: &[u8]) -> Option<Duration> {
    str::from_utf8(value).ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_tls_is_told_from_one_of_the_socket() {
        let tls = io::Error::new(ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(of_connection(&WireError::Io(tls)), CloseReason::Tls);
        assert_eq!(of_connection(&WireError::Io(ErrorKind::ConnectionReset.into())), CloseReason::Reset);
        assert_eq!(of_connection(&WireError::Io(ErrorKind::UnexpectedEof.into())), CloseReason::Eof);
        assert_eq!(of_connection(&WireError::Io(ErrorKind::Other.into())), CloseReason::Io);
        assert_eq!(of_connection(&WireError::Utf8("x".into())), CloseReason::Protocol);
    }

    #[test]
    fn an_unreachable_host_counts_as_refused() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable] {
            assert_eq!(of_connect(&kind.into()), ConnectFailure::Refused);
        }
        assert_eq!(of_connect(&ErrorKind::TimedOut.into()), ConnectFailure::TimedOut);
        assert_eq!(of_connect(&ErrorKind::PermissionDenied.into()), ConnectFailure::Io);
    }

    #[test]
    fn a_retry_after_is_read_in_seconds_only() {
        assert_eq!(seconds(b" 7 "), Some(Duration::from_secs(7)));
        for value in [&b"-1"[..], b"1.5", b"Wed, 21 Oct 2026 07:28:00 GMT", b"", b"\xff", b"99999999999999999999"] {
            assert_eq!(seconds(value), None, "{value:?}");
        }
    }
}
