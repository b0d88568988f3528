//! The other end: enough of a gateway to let a shard live.

use super::Memory;
use super::pipe::Pipe;
use async_tungstenite::tungstenite::handshake::MidHandshake;
use async_tungstenite::tungstenite::handshake::server::{NoCallback, ServerHandshake};
use async_tungstenite::tungstenite::protocol::frame::CloseFrame;
use async_tungstenite::tungstenite::{Error, HandshakeError, Message, WebSocket, accept};
use std::io::Write as _;

/// What the gateway does, and what it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Manners {
    /// It never answers the upgrade.
    Deaf,
    /// It says no Hello.
    Mute,
    /// It sends no Ready.
    Stalling,
    /// It calls the session of an Identify invalid.
    Refusing,
    /// All as it should.
    Good,
}

enum Line {
    Upgrading(MidHandshake<ServerHandshake<Pipe, NoCallback>>),
    Open(WebSocket<Pipe>),
    Closed,
}

pub(crate) struct Gateway {
    memory: Memory,
    line: Line,
    pub(crate) manners: Manners,
    /// What the shard sent, heartbeats left out: texts, and close frames as `close 4000`.
    pub(crate) heard: Vec<String>,
    pub(crate) pings: Vec<Vec<u8>>,
    pub(crate) beats: usize,
    pub(crate) is_acking: bool,
    sequence: u64,
}

const HELLO: &str = r#"{"op":10,"d":{"heartbeat_interval":41250}}"#;

impl Gateway {
    pub(crate) fn new(memory: &Memory) -> Self {
        let (heard, pings) = (Vec::new(), Vec::new());
        let (memory, line, manners) = (memory.clone(), Line::Closed, Manners::Good);
        Self { memory, line, manners, heard, pings, beats: 0, is_acking: true, sequence: 0 }
    }

    /// Does what there is to do. `false` if there was nothing.
    pub(crate) fn step(&mut self) -> bool {
        let arrived = self.memory.world().arrived.pop();
        if let Some(pipe) = arrived {
            self.line = match accept(pipe) {
                Err(HandshakeError::Interrupted(upgrade)) => Line::Upgrading(upgrade),
                Ok(socket) => self.open(socket),
                Err(HandshakeError::Failure(error)) => panic!("{error}"),
            };
            return true;
        }
        match core::mem::replace(&mut self.line, Line::Closed) {
            Line::Upgrading(upgrade) if self.manners == Manners::Deaf => {
                self.line = Line::Upgrading(upgrade);
                false
            }
            Line::Upgrading(upgrade) => match upgrade.handshake() {
                Ok(socket) => {
                    self.line = self.open(socket);
                    true
                }
                Err(HandshakeError::Interrupted(upgrade)) => {
                    self.line = Line::Upgrading(upgrade);
                    false
                }
                Err(HandshakeError::Failure(_)) => true,
            },
            Line::Open(socket) => self.listen(socket),
            Line::Closed => false,
        }
    }

    fn open(&mut self, mut socket: WebSocket<Pipe>) -> Line {
        if self.manners > Manners::Mute {
            socket.send(Message::text(HELLO)).unwrap();
        }
        Line::Open(socket)
    }

    fn listen(&mut self, mut socket: WebSocket<Pipe>) -> bool {
        match socket.read() {
            Ok(message) => {
                self.hear(&mut socket, message);
                self.line = Line::Open(socket);
                true
            }
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.line = Line::Open(socket);
                false
            }
            Err(_) => true,
        }
    }

    fn hear(&mut self, socket: &mut WebSocket<Pipe>, message: Message) {
        match message {
            Message::Text(text) if text.starts_with(r#"{"op":1,"#) => {
                self.beats += 1;
                if self.is_acking {
                    socket.send(Message::text(r#"{"op":11}"#)).unwrap();
                }
            }
            Message::Text(text) => {
                if text.starts_with(r#"{"op":2,"#) {
                    self.identified(socket);
                } else if text.starts_with(r#"{"op":6,"#) && self.manners > Manners::Stalling {
                    self.send(socket, "RESUMED", "null");
                }
                self.heard.push(text.to_string());
            }
            Message::Pong(bytes) => self.pings.push(bytes.to_vec()),
            Message::Close(frame) => {
                self.heard.push(format!("close {}", frame.map_or(0, |frame| u16::from(frame.code))));
            }
            Message::Binary(_) | Message::Ping(_) | Message::Frame(_) => panic!("{message}"),
        }
    }

    fn identified(&mut self, socket: &mut WebSocket<Pipe>) {
        match self.manners {
            Manners::Good => {
                self.sequence = 0;
                self.send(socket, "READY", r#"{"session_id":"abc","resume_gateway_url":"ws://127.0.0.1:9"}"#);
            }
            Manners::Refusing => socket.send(Message::text(r#"{"op":9,"d":false}"#)).unwrap(),
            Manners::Deaf | Manners::Mute | Manners::Stalling => {}
        }
    }

    fn send(&mut self, socket: &mut WebSocket<Pipe>, name: &str, data: &str) {
        self.sequence += 1;
        let frame = format!(r#"{{"t":"{name}","s":{},"op":0,"d":{data}}}"#, self.sequence);
        socket.send(Message::text(frame)).unwrap();
    }

    /// Sends an event. `false` if there is no connection.
    pub(crate) fn dispatch(&mut self, name: &str) -> bool {
        self.tell(name, "{}")
    }

    /// Sends an event with this data. `false` if there is no connection.
    pub(crate) fn tell(&mut self, name: &str, data: &str) -> bool {
        self.with_socket(|gateway, socket| gateway.send(socket, name, data))
    }

    pub(crate) fn raw(&mut self, message: Message) -> bool {
        self.with_socket(|_, socket| socket.send(message).unwrap())
    }

    pub(crate) fn close(&mut self, code: u16) -> bool {
        self.with_socket(|_, socket| {
            socket.send(Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() }))).unwrap();
        })
    }

    /// Sends bytes that may be no frame.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        assert!(self.with_socket(|_, socket| socket.get_mut().write_all(bytes).unwrap()));
    }

    /// Sends bytes without end, behind what else it sends.
    pub(crate) fn flood(&self, bytes: &[u8]) {
        let Some(pipe) = self.pipe() else { panic!("there is no connection to flood") };
        pipe.flood(bytes);
    }

    /// Cuts the line.
    pub(crate) fn cut(&mut self) {
        self.line = Line::Closed;
    }

    /// The pipe, to look at and to release.
    pub(crate) fn pipe(&self) -> Option<&Pipe> {
        match &self.line {
            Line::Upgrading(upgrade) => Some(upgrade.get_ref().get_ref()),
            Line::Open(socket) => Some(socket.get_ref()),
            Line::Closed => None,
        }
    }

    fn with_socket(&mut self, deed: impl FnOnce(&mut Self, &mut WebSocket<Pipe>)) -> bool {
        match core::mem::replace(&mut self.line, Line::Closed) {
            Line::Open(mut socket) => {
                deed(self, &mut socket);
                self.line = Line::Open(socket);
                true
            }
            line => {
                self.line = line;
                false
            }
        }
    }
}
