//! The head of an HTTP message, as it arrives: finds its end and rejects invalid characters.
//!
//! Each byte is examined once, whatever the segmentation, so the work is linear. `httparse` parses the head once it is
//! complete. It accepts lines that end with a bare LF and, in places, folded lines; RFC 9112 allows a recipient to
//! reject both, and this scan does, so that no intermediary can disagree with us about where a line ends.
//!
//! # Invariants
//! * `clean`: the stored bytes contain no control characters except tabs and the CR LF of each line.

use super::HEADERS_MAX;
use super::error::HeadError;
use super::headers::Headers;
use alloc::vec::Vec;
use core::fmt;
use httparse::{EMPTY_HEADER, Error, Status};

/// A head that is arriving.
pub(super) struct Head {
    bytes: Vec<u8>,
    scan: Scan,
    /// How many more bytes may arrive.
    room: usize,
    limit: usize,
}

/// Which part of the head the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scan {
    /// Before the request line, where a server skips empty lines. *(source: RFC 9112 §2.2)*
    BeforeRequest,
    /// After the CR of such a line.
    BeforeRequestCr,
    /// The constant first bytes of an answer, of which this many have arrived. Anything else is not HTTP and fails at
    /// once, without waiting for the end of a head.
    Start(u8),
    InLine,
    /// After the CR of a line.
    LineCr,
    AtLineStart,
    /// After the CR of the empty line.
    EndCr,
    Over,
}

/// Whose head it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    Request,
    Response,
}

/// The first line of a head.
pub(super) enum StartLine {
    Request { method: Vec<u8>, target: Vec<u8>, minor: u8 },
    Response { status: u16, minor: u8 },
}

impl Head {
    pub(super) const fn new(side: Side, limit: usize) -> Self {
        let scan = match side {
            Side::Request => Scan::BeforeRequest,
            Side::Response => Scan::Start(0),
        };
        Self { bytes: Vec::new(), scan, room: limit, limit }
    }

    /// Consumes bytes up to the end of the head and returns how many. [`is_whole`](Self::is_whole) says whether the end
    /// was reached.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<usize, HeadError> {
        let mut kept_from = 0;
        let mut taken = 0;
        for byte in input {
            if self.scan == Scan::Over {
                break;
            }
            self.room = self.room.checked_sub(1).ok_or(HeadError::TooLong { limit: self.limit })?;
            self.scan = self.scan.after(*byte)?;
            taken += 1;
            if self.scan == Scan::BeforeRequest {
                kept_from = taken;
            }
        }
        if !matches!(self.scan, Scan::BeforeRequest | Scan::BeforeRequestCr) {
            self.bytes.extend_from_slice(&input[kept_from..taken]);
        }
        Ok(taken)
    }

    /// Whether the empty line has arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.scan == Scan::Over
    }

    /// Starts the next head, which shares its limit with this one.
    pub(super) fn next(&mut self) {
        self.bytes.clear();
        self.scan = Scan::Start(0);
    }

    pub(super) fn parse(&self, side: Side) -> Result<(StartLine, Headers), HeadError> {
        let mut fields = [EMPTY_HEADER; HEADERS_MAX];
        match side {
            Side::Request => {
                let mut request = httparse::Request::new(&mut fields);
                let status = request.parse(&self.bytes).map_err(of_httparse)?;
                let (Status::Complete(_), Some(method), Some(target), Some(minor)) =
                    (status, request.method, request.path, request.version)
                else {
                    return Err(HeadError::FirstLine);
                };
                let line = StartLine::Request { method: method.into(), target: target.into(), minor };
                Ok((line, Headers::of(request.headers)))
            }
            Side::Response => {
                let mut response = httparse::Response::new(&mut fields);
                let parsed = response.parse(&self.bytes).map_err(of_httparse)?;
                let (Status::Complete(_), Some(status), Some(minor)) = (parsed, response.code, response.version) else {
                    return Err(HeadError::FirstLine);
                };
                Ok((StartLine::Response { status, minor }, Headers::of(response.headers)))
            }
        }
    }
}

/// Prints the size, never the bytes: a header may contain a secret.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl Scan {
    /// Which part of the head the byte after this one belongs to.
    const fn after(self, byte: u8) -> Result<Self, HeadError> {
        Ok(match (self, byte) {
            (Self::Start(at), _) => match START.split_at(at as usize).1 {
                [expected, ..] if byte != *expected => return Err(HeadError::FirstLine),
                [_, _, ..] => Self::Start(at + 1),
                [_] | [] => Self::InLine,
            },
            (Self::BeforeRequest, b'\r') => Self::BeforeRequestCr,
            (Self::BeforeRequestCr, b'\n') => Self::BeforeRequest,
            (Self::InLine, b'\r') => Self::LineCr,
            (Self::LineCr, b'\n') => Self::AtLineStart,
            (Self::AtLineStart, b'\r') => Self::EndCr,
            (Self::EndCr, b'\n') => Self::Over,
            // obs-fold: the line continues the one before it.
            (Self::AtLineStart, b' ' | b'\t') => return Err(HeadError::Line),
            (Self::BeforeRequest | Self::InLine | Self::AtLineStart, b'\t' | b' '..=b'~' | 0x80..) => Self::InLine,
            _ => return Err(HeadError::Line),
        })
    }
}

const START: &[u8] = b"HTTP/1.";

fn of_httparse(error: Error) -> HeadError {
    match error {
        Error::TooManyHeaders => HeadError::TooManyHeaders { limit: HEADERS_MAX },
        Error::HeaderName | Error::HeaderValue => HeadError::Header,
        Error::NewLine | Error::Status | Error::Token | Error::Version => HeadError::FirstLine,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(side: Side, text: &str, piece: usize) -> Result<(usize, bool, Vec<u8>), HeadError> {
        let mut head = Head::new(side, 1000);
        let mut total = 0;
        for piece in text.as_bytes().chunks(piece) {
            total += head.take(piece)?;
        }
        Ok((total, head.is_whole(), head.bytes.clone()))
    }

    #[test]
    fn a_head_ends_at_its_empty_line_however_it_comes() {
        for size in 1..40 {
            let answer = "HTTP/1.1 101 X\r\nA: b\r\n\r\nabc\r\n\r\nd";
            assert_eq!(read(Side::Response, answer, size), Ok((24, true, answer.as_bytes()[..24].to_vec())));
            let request = "\r\n\r\nGET / HTTP/1.1\r\n\r\nabc";
            assert_eq!(read(Side::Request, request, size), Ok((22, true, request.as_bytes()[4..22].to_vec())));
        }
    }

    #[test]
    fn what_rfc_9112_lets_a_recipient_refuse_is_refused() {
        for text in [
            "HTTP/1.1 101 X\nA: b\r\n\r\n",
            "HTTP/1.1 101 X\r\nA: b\n\n",
            "HTTP/1.1 101 X\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 101 X\r\nA: b\r\n c\r\n\r\n",
            "HTTP/1.1 101 X\r\n A: b\r\n\r\n",
            "HTTP/1.1 101 X\r\nA: b\0\r\n\r\n",
            "HTTP/1.1 101 X\r\nA: \u{7f}\r\n\r\n",
            "HTTP/1.1 101 X\r\n\rA\r\n\r\n",
        ] {
            assert_eq!(read(Side::Response, text, 7), Err(HeadError::Line), "{text:?}");
        }
    }

    #[test]
    fn the_limit_is_exact_and_shared_by_all_heads() {
        let head = b"HTTP/1.1 100 C\r\n\r\n";
        let mut exact = Head::new(Side::Response, 2 * head.len());
        assert_eq!(exact.take(head), Ok(head.len()));
        exact.next();
        assert_eq!(exact.take(head), Ok(head.len()));
        exact.next();
        assert_eq!(exact.take(head), Err(HeadError::TooLong { limit: 2 * head.len() }));
    }
}
