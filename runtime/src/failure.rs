//! What went wrong, in the machine's words: by kind, never by text.

#[cfg(feature = "tungstenite")]
use async_tungstenite::tungstenite::Error as WireError;
#[cfg(feature = "tungstenite")]
use async_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use core::error::Error;
use core::time::Duration;
use futures_rustls::rustls;
#[cfg(feature = "tungstenite")]
use http::HeaderValue;
#[cfg(feature = "tungstenite")]
use http::header::{LOCATION, RETRY_AFTER};
use portcullis::CloseReason;
use portcullis::machine::{ConnectFailure, IoFailure, Location, TlsFailure};
use std::io::{self, ErrorKind};

/// Why there is no TCP connection.
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
        _ => ConnectFailure::Io(of_io(error)),
    }
}

/// Why no name was resolved: a resolver needs sockets, too.
pub(crate) fn of_resolve(error: &io::Error) -> ConnectFailure {
    match of_io(error) {
        failure @ (IoFailure::TooManyFiles | IoFailure::OutOfMemory) => ConnectFailure::Io(failure),
        _ => ConnectFailure::Name,
    }
}

/// Why a TLS handshake failed.
pub(crate) fn of_tls(error: &io::Error) -> TlsFailure {
    use rustls::{Error as TlsError, InvalidMessage};
    let Some(tls) = tls_error(error) else {
        return match of_io(error) {
            IoFailure::HungUp => TlsFailure::HungUp,
            _ => TlsFailure::Other,
        };
    };
    match tls {
        TlsError::InvalidCertificate(error) => of_certificate(error),
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            TlsFailure::NotTls
        }
        TlsError::PeerIncompatible(_) | TlsError::NoApplicationProtocol => TlsFailure::Incompatible,
        TlsError::AlertReceived(alert) => TlsFailure::Alert(u8::from(*alert)),
        _ => TlsFailure::Other,
    }
}

fn of_certificate(error: &rustls::CertificateError) -> TlsFailure {
    use rustls::CertificateError as Error;
    match error {
        // A wrong issuer that has the name of a trusted one fails by its signature.
        Error::UnknownIssuer | Error::BadSignature => TlsFailure::UnknownIssuer,
        Error::NotValidForName | Error::NotValidForNameContext { .. } => TlsFailure::NameMismatch,
        Error::Expired | Error::ExpiredContext { .. } => TlsFailure::Expired,
        Error::NotValidYet | Error::NotValidYetContext { .. } => TlsFailure::NotYetValid,
        Error::Revoked => TlsFailure::Revoked,
        _ => TlsFailure::BadCertificate,
    }
}

fn of_io(error: &io::Error) -> IoFailure {
    if code(error).is_some_and(|code| TOO_MANY_FILES.contains(&code)) {
        return IoFailure::TooManyFiles;
    }
    match error.kind() {
        ErrorKind::PermissionDenied => IoFailure::PermissionDenied,
        ErrorKind::OutOfMemory => IoFailure::OutOfMemory,
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => IoFailure::HungUp,
        _ => IoFailure::Other,
    }
}

/// The system's error code, also of an error that a runtime has wrapped: async-std does so.
fn code(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let around: &(dyn Error + 'static) = error.get_ref()?;
        core::iter::successors(Some(around), |error| (*error).source())
            .find_map(|error| error.downcast_ref::<io::Error>()?.raw_os_error())
    })
}

/// `ENFILE` and `EMFILE`, which are alike on all of them.
#[cfg(unix)]
const TOO_MANY_FILES: [i32; 2] = [23, 24];
/// `WSAEMFILE`.
#[cfg(not(unix))]
const TOO_MANY_FILES: [i32; 1] = [10_024];

/// Why the upgrade failed, if reading or writing did.
pub(crate) fn of_upgrade(error: &io::Error) -> ConnectFailure {
    match error.kind() {
        _ if tls_error(error).is_some() => ConnectFailure::Tls(of_tls(error)),
        ErrorKind::UnexpectedEof => ConnectFailure::Protocol,
        _ => ConnectFailure::Io(of_io(error)),
    }
}

/// How an open connection ended whose reading or writing failed.
pub(crate) fn of_stream(error: &io::Error) -> CloseReason {
    match error.kind() {
        _ if tls_error(error).is_some() => CloseReason::Tls,
        // The TCP stream ended without a TLS close_notify. Many servers end so; it is the end of the stream all the
        // same.
        ErrorKind::UnexpectedEof => CloseReason::Eof,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => CloseReason::Reset,
        _ => CloseReason::Io,
    }
}

/// Why the upgrade failed.
#[cfg(feature = "tungstenite")]
pub(crate) fn of_handshake(error: &WireError) -> ConnectFailure {
    match error {
        WireError::Http(response) => {
            let header = |name| response.headers().get(name).map(HeaderValue::as_bytes);
            of_status(response.status().as_u16(), header(LOCATION), header(RETRY_AFTER))
        }
        WireError::Tls(_) => ConnectFailure::Tls(TlsFailure::Other),
        WireError::Io(error) => of_upgrade(error),
        _ => ConnectFailure::Protocol,
    }
}

/// What a status other than 101 says, and its headers `Location` and `Retry-After`.
pub(crate) fn of_status(status: u16, location: Option<&[u8]>, retry_after: Option<&[u8]>) -> ConnectFailure {
    if let 301 | 302 | 303 | 307 | 308 = status
        && let Some(location) = location.and_then(Location::new)
    {
        return ConnectFailure::Redirect { status, location };
    }
    ConnectFailure::Http { status, retry_after: retry_after.and_then(seconds) }
}

/// How an open connection ended that gave an error.
#[cfg(feature = "tungstenite")]
pub(crate) fn of_connection(error: &WireError) -> CloseReason {
    match error {
        WireError::ConnectionClosed
        | WireError::AlreadyClosed
        | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Eof,
        WireError::Tls(_) => CloseReason::Tls,
        WireError::Io(error) => of_stream(error),
        WireError::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
            CloseReason::TooLarge { limit: *max_size }
        }
        WireError::WriteBufferFull(_) => CloseReason::Io,
        _ => CloseReason::Protocol,
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
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
        assert_eq!((of_stream(&tls), of_upgrade(&tls)), (CloseReason::Tls, ConnectFailure::Tls(TlsFailure::Other)));
        assert_eq!(of_stream(&ErrorKind::ConnectionReset.into()), CloseReason::Reset);
        assert_eq!(of_stream(&ErrorKind::UnexpectedEof.into()), CloseReason::Eof);
        assert_eq!(of_stream(&ErrorKind::Other.into()), CloseReason::Io);
        assert_eq!(of_upgrade(&ErrorKind::UnexpectedEof.into()), ConnectFailure::Protocol);
        assert_eq!(of_upgrade(&ErrorKind::ConnectionReset.into()), ConnectFailure::Io(IoFailure::HungUp));
    }

    #[cfg(feature = "tungstenite")]
    #[test]
    fn an_error_of_tungstenites_is_told_by_its_kind() {
        assert_eq!(of_connection(&WireError::Io(ErrorKind::ConnectionReset.into())), CloseReason::Reset);
        assert_eq!(of_connection(&WireError::Utf8("x".into())), CloseReason::Protocol);
    }

    #[test]
    fn an_unreachable_host_counts_as_refused() {
        for kind in [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable] {
            assert_eq!(of_connect(&kind.into()), ConnectFailure::Refused);
        }
        assert_eq!(of_connect(&ErrorKind::TimedOut.into()), ConnectFailure::TimedOut);
        let forbidden = ConnectFailure::Io(IoFailure::PermissionDenied);
        assert_eq!(of_connect(&ErrorKind::PermissionDenied.into()), forbidden);
    }

    #[test]
    fn found_13_too_many_open_files_are_told_as_such_whoever_puts_words_around_them() {
        #[derive(Debug)]
        struct Verbose(io::Error);
        impl core::fmt::Display for Verbose {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("could not connect")
            }
        }
        impl Error for Verbose {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        for code in TOO_MANY_FILES {
            let plain = || io::Error::from_raw_os_error(code);
            let verbose = io::Error::new(plain().kind(), Verbose(plain()));
            for error in [plain(), verbose] {
                assert_eq!(of_connect(&error), ConnectFailure::Io(IoFailure::TooManyFiles));
                assert_eq!(of_resolve(&error), ConnectFailure::Io(IoFailure::TooManyFiles));
            }
        }
        assert_eq!(of_resolve(&ErrorKind::NotFound.into()), ConnectFailure::Name);
    }

    #[test]
    fn found_13_a_redirect_tells_where_to() {
        assert_eq!(of_status(301, None, None), ConnectFailure::Http { status: 301, retry_after: None });
        let (there, bare) = (b"wss://elsewhere.example/?token=x", b"wss://elsewhere.example/");
        let location = Location::new(bare).unwrap();
        assert_eq!(of_status(308, Some(there), None), ConnectFailure::Redirect { status: 308, location });
        assert_eq!(of_status(304, Some(there), None), ConnectFailure::Http { status: 304, retry_after: None });
    }

    #[test]
    fn a_retry_after_is_read_in_seconds_only() {
        assert_eq!(seconds(b" 7 "), Some(Duration::from_secs(7)));
        for value in [&b"-1"[..], b"1.5", b"Wed, 21 Oct 2026 07:28:00 GMT", b"", b"\xff", b"99999999999999999999"] {
            assert_eq!(seconds(value), None, "{value:?}");
        }
    }
}
