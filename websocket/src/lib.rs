//! WebSocket ([RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)) without I/O: bytes in, messages out, for clients and
//! servers.
//!
//! The crate opens no socket, reads no clock, generates no random numbers and logs nothing. You read bytes from your
//! stream, pass them to a [`Connection`], and write what it appends to your buffer. So it runs on any runtime or none,
//! in a test without a network, and in a fuzzer.
//!
//! # A whole conversation
//!
//! A client and a server in memory: two buffers stand for the network.
//!
//! ```
//! use portcullis_websocket::handshake::*;
//! use portcullis_websocket::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
//!
//! // The client asks. You generate the key: 16 random bytes, new for each connection.
//! let request = ClientRequest::new(Scheme::Ws, "chat.example", 80, "/room")?;
//! let mut asking = ClientHandshake::start(&request, *b"16 random bytes!", HandshakeLimits::default(), &mut to_server);
//!
//! // The server answers. Bytes may arrive in pieces of any size; those after the head belong to the frames.
//! let mut answering = ServerHandshake::new(HandshakeLimits::default());
//! match answering.receive(&to_server) {
//!     Ok(Progress::Done { outcome, consumed }) => {
//!         assert_eq!(outcome.target(), "/room");
//!         outcome.accept(None, &[], &mut to_client)?;
//!         to_server.drain(..consumed);
//!     }
//!     Ok(Progress::More) => unreachable!("the whole request is there"),
//!     Err(rejection) => rejection.encode(&mut to_client), // 400, 405, 426, 431 or 505; then close
//! }
//! let Progress::Done { consumed, .. } = asking.receive(&to_client)? else { unreachable!("the whole answer is there") };
//! to_client.drain(..consumed);
//!
//! // From here on both are connections. A client passes a mask with each frame, four random bytes; a server passes `()`.
//! let (mut client, mut server) = (Connection::<Client>::new(Limits::default()), Connection::<Server>::new(Limits::default()));
//! client.send_text("hello", [7, 1, 9, 4], &mut to_server)?;
//! client.send_ping(b"there?", [3, 3, 8, 1], &mut to_server)?;
//! client.send_close(Some((CloseCode::NORMAL, "bye")), [5, 0, 2, 6], &mut to_server)?;
//!
//! // The loop of an endpoint: receive until `None`, then write what this end owes.
//! let mut input = Input::new(&mut to_server);
//! while let Some(event) = server.receive(&mut input)? {
//!     match event {
//!         Event::Message(message) => server.send(message.kind(), message.payload(), (), &mut to_client)?,
//!         Event::Ping(_) => assert_eq!(server.write_owed((), &mut to_client), Some(Owed::Pong)),
//!         Event::Pong(_) => {}
//!         Event::Close(close) => assert_eq!(close.code(), Some(CloseCode::NORMAL)),
//!     }
//! }
//! while server.write_owed((), &mut to_client).is_some() {}
//! assert_eq!(server.phase(), Phase::Closed);
//!
//! let mut input = Input::new(&mut to_client);
//! let mut heard = Vec::new();
//! while let Some(event) = client.receive(&mut input)? {
//!     heard.push(format!("{event:?}"));
//! }
//! assert_eq!(heard, [
//!     "Message(Text(5 bytes))",
//!     "Pong(6 bytes)",
//!     "Close(Close { code: Some(CloseCode(1000)), reason: \"\" })",
//! ]);
//! assert_eq!(client.phase(), Phase::Closed);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//!
//! * **Any segmentation.** However the bytes are split, the events are the same.
//! * **No memory when idle.** Between messages a connection is a struct of less than 256 bytes. [`Connection::receive`]
//!   always consumes its whole input, so one read buffer serves all connections of a thread.
//! * **One copy.** A frame that is complete in the read buffer is lent from there ([`Payload::is_lent`]), unmasked in
//!   place; keeping it is one allocation of exactly its size. A message that arrives in several reads or fragments is
//!   assembled in its own allocation, which you get without another copy.
//! * **Bounds.** [`Limits`] bounds frames, messages and fragments, each checked before memory is allocated. At most one
//!   pong is owed, however many pings arrived. A handshake's head is bounded in bytes and in lines. The work is linear
//!   in the bytes.
//! * **The RFC's rules, both ways.** Reserved bits and opcodes, non-minimal lengths, missing and forbidden masks,
//!   fragments out of order, fragmented or too long control frames, text that is not UTF-8 (found at the first bad
//!   byte): each is a [`Violation`], answered with its code of §7.4.1. This end does not write such frames: see
//!   [`SendError`].
//! * **The peer's close code.** It is reported as received, even 999 or 5000; [`Close::violation`] says what is wrong
//!   with it.
//! * **No panic** on any input, and no unsafe code.
//!
//! # What it leaves to you
//!
//! * **Sockets, TLS, timeouts.** You decide how long to wait for the answer to a close frame.
//! * **Randomness.** You pass masks and keys from a strong source. *(source: RFC 6455 §10.3)*
//! * **Back pressure.** A peer that sends requests but reads no answers grows your write buffer: write it out before
//!   you receive more. The connection itself owes at most one pong and one close frame.
//! * **Extensions.** There are none: permessage-deflate is not offered, and a server that uses it all the same is
//!   refused. HTTP/2 and HTTP/3 (RFC 8441, RFC 9220) have another handshake; [`Connection`] can be used behind it.
//!
//! # Features
//!
//! `std`, on by default, lets the UTF-8 check choose the processor's vector instructions at run time. It changes no
//! behaviour.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod assembly;
mod close;
mod connection;
mod decoder;
mod error;
mod event;
pub mod frame;
pub mod handshake;
mod input;
mod limits;
mod role;
mod utf8;

pub use close::{Close, CloseCode};
pub use connection::{Connection, Fragment, Owed, Phase};
pub use decoder::Decoder;
pub use error::{SendError, Violation};
pub use event::{Event, Message, MessageKind, Payload};
pub use input::Input;
pub use limits::Limits;
pub use role::{Client, Role, Server};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
