//! The same bytes for `tungstenite`: it must report the same, but for the differences listed here with their reasons.

use super::{End, Heard, LIMITS, heard};
use portcullis_websocket::{Client, CloseCode, Limits, Server, Violation};
use std::io::{self, Read, Write};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// A permitted difference, and which side is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// We refuse an invalid frame at the first byte that shows the violation, `tungstenite` when the frame is complete.
    /// *(RFC 6455 §8.1 and §7.1.7 allow both; the Autobahn suite, 6.4, calls the former "fail fast")*
    AtOnce,
    /// We refuse a length that is not in the fewest bytes. *(RFC 6455 §5.2: the minimal number MUST be used)*
    LengthNotMinimal,
    /// We report an invalid close code as received, `tungstenite` reports 1002.
    CodeAsItCame,
    /// We accept 1014, Bad Gateway, which is registered with IANA; `tungstenite` does not know it.
    BadGateway,
    /// The reason of a close frame is not UTF-8: we report the frame and answer 1007; `tungstenite` returns an error.
    ReasonNotText,
}

/// The first byte is the role, the rest is a stream for both.
///
/// # Panics
/// If they differ in a way that is not listed.
pub fn websocket_differential(bytes: &[u8]) {
    let [role, stream @ ..] = bytes else { return };
    if let Err(problem) = compared(*role, stream) {
        panic!("{problem}");
    }
}

/// How the two differ, if they do.
///
/// # Errors
/// What both reported, if the difference is not a listed one.
pub fn compared(role: u8, stream: &[u8]) -> Result<Option<Difference>, String> {
    let (ours, theirs, role) = match role & 1 {
        0 => (ours::<Client>(stream), theirs(Role::Client, stream), Role::Client),
        _ => (ours::<Server>(stream), theirs(Role::Server, stream), Role::Server),
    };
    let same = ours.iter().zip(&theirs).take_while(|(ours, theirs)| **theirs == Told::of(ours)).count();
    let problem = || Err(format!("we heard {ours:?}, and tungstenite {theirs:?}"));
    match (&ours[same..], &theirs[same..]) {
        ([], []) => Ok(None),
        // `tungstenite` fails as soon as the frame is complete.
        ([Heard::Failed(_)], []) if fails_when_whole(role, stream, theirs.len()) => Ok(Some(Difference::AtOnce)),
        // A control frame whose length has more bytes than one is too long, or not minimal.
        ([Heard::Failed(Violation::LengthNotMinimal | Violation::ControlTooLong)], _) => {
            Ok(Some(Difference::LengthNotMinimal))
        }
        ([Heard::Close(Some(CloseCode(1014)), ..)], [Told::Close(Some(1002)) | Told::Failed]) => {
            Ok(Some(Difference::BadGateway))
        }
        ([Heard::Close(_, _, Some(Violation::CloseCode { .. }))], [Told::Close(Some(1002))]) => {
            Ok(Some(Difference::CodeAsItCame))
        }
        ([Heard::Close(_, reason, Some(_))], [Told::Failed]) if core::str::from_utf8(reason).is_err() => {
            Ok(Some(Difference::ReasonNotText))
        }
        _ => problem(),
    }
}

/// What `tungstenite` reports, as far as it can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    Failed,
}

impl Told {
    fn of(heard: &Heard) -> Self {
        match heard.clone() {
            Heard::Text(bytes) => Self::Text(bytes),
            Heard::Binary(bytes) => Self::Binary(bytes),
            Heard::Ping(bytes) => Self::Ping(bytes),
            Heard::Pong(bytes) => Self::Pong(bytes),
            Heard::Close(code, ..) => Self::Close(code.map(|code| code.0)),
            Heard::Failed(_) => Self::Failed,
        }
    }
}

/// `tungstenite` does not count fragments.
fn ours<R: End>(stream: &[u8]) -> Vec<Heard> {
    heard::<R>(Limits { fragments: u32::MAX, empty_fragments: u32::MAX, ..LIMITS }, &[stream]).0
}

fn theirs(role: Role, stream: &[u8]) -> Vec<Told> {
    let config = WebSocketConfig::default().max_frame_size(Some(LIMITS.frame)).max_message_size(Some(LIMITS.message));
    let mut socket = WebSocket::from_raw_socket(Memory(stream), role, Some(config));
    let mut told = Vec::new();
    loop {
        told.push(match socket.read() {
            Ok(Message::Text(text)) => Told::Text(text.as_bytes().to_vec()),
            Ok(Message::Binary(bytes)) => Told::Binary(bytes.to_vec()),
            Ok(Message::Ping(bytes)) => Told::Ping(bytes.to_vec()),
            Ok(Message::Pong(bytes)) => Told::Pong(bytes.to_vec()),
            Ok(Message::Close(close)) => Told::Close(close.map(|close| close.code.into())),
            Ok(Message::Frame(_)) => unreachable!("frames are not read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return told,
            Err(_) => Told::Failed,
        });
        if matches!(told.last(), Some(Told::Close(_) | Told::Failed)) {
            return told;
        }
    }
}

/// Whether `tungstenite` fails when the incomplete frame continues, and reports nothing before that.
fn fails_when_whole(role: Role, stream: &[u8], before: usize) -> bool {
    let more = [stream, &[0; 2 * LIMITS.message]].concat();
    let told = theirs(role, &more);
    told.len() == before + 1 && told.last() == Some(&Told::Failed)
}

/// A stream that would block at its end, and accepts all writes.
struct Memory<'a>(&'a [u8]);

impl Read for Memory<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.read(buffer)
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
