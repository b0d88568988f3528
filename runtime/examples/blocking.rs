//! A shard without async: one thread, `std::net` and `tungstenite`.
//! `cargo run -p portcullis-runtime --example blocking`.
//!
//! `drive` and `wait` are the whole driver; each arm of the first is what an action obliges a driver to. The one timer
//! is the socket's time-out: until the machine's deadline. `main` joins a fake gateway, loses its connection, resumes,
//! beats, and leaves.

use core::time::Duration;
use portcullis::dialect::discord::Intents;
use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, SessionStartLimit};
use portcullis::machine::{ConnectFailure, ConnectLimits, EndReason, IoFailure, Phase, Shutdown, Timeouts, TlsFailure};
use portcullis::url::{GatewayUrl, Scheme};
use portcullis::{
    Action, CloseCode, CloseFrame, CloseReason, Config, ConnectionId, Discord, Event, GatewayMachine, Input, Message,
    Timestamp,
};
use portcullis_fake::{FakeConfig, FakeServer, Target};
use portcullis_runtime::{Clock, draw_seed};
use std::collections::VecDeque;
use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::thread;
use std::time::Instant;
use tungstenite::Error as WsError;
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame as WsClose, Frame};
use tungstenite::protocol::{Message as WsMessage, WebSocket, WebSocketConfig};

type Connection = Option<(ConnectionId, WebSocket<Timed>)>;

/// Drives a machine to its end. `hear` is the application; it answers when it has heard enough.
pub(crate) fn drive(machine: &mut GatewayMachine, mut hear: impl FnMut(Event) -> Option<Shutdown>) {
    let (clock, mut current, mut inputs) = (Clock::start(), Connection::None, VecDeque::from([Input::Start]));
    let timeouts = machine.config().timeouts;
    let mut permits = IdentifyQueue::new(clock.now(), SessionStartLimit::default(), QueueConfig::default());
    while let Some(until) = machine.deadline().or((!inputs.is_empty()).then_some(clock.now())) {
        let input = inputs.pop_front().unwrap_or_else(|| wait(&mut current, until - clock.now()));
        let (now, mut enough) = (clock.now(), None);
        for action in machine.handle(now, input) {
            match (action, &mut current) {
                (Action::Connect { connection, url, limits }, current) => match dial(&url, limits, timeouts) {
                    Ok(socket) => {
                        *current = Some((connection, socket));
                        inputs.push_back(Input::Opened(connection));
                    }
                    Err(failure) => inputs.push_back(Input::ConnectFailed(connection, failure)),
                },
                // It blocks until the socket has the message whole. Where it fails there is no answer: why the
                // connection is gone is told by the read, behind what came before, and a connection that takes nothing
                // is the machine's to find.
                (Action::Send { connection, message }, Some((_, socket))) => {
                    if socket.send(to_tungstenite(message)).is_ok() && socket.get_ref().writes == Writes::Sound {
                        inputs.push_back(Input::Sent(connection));
                    }
                }
                // `Closed` follows, from the read.
                (Action::Close { code, reason, .. }, Some((_, socket))) => {
                    let _ = socket.close(Some(WsClose { code: code.0.into(), reason: reason.into() }));
                }
                (Action::Abort { .. }, current) => *current = None,
                (Action::RequestIdentify { connection }, _) => inputs.push_back(permit(&mut permits, now, connection)),
                (Action::ReleaseIdentify { connection }, _) => permits.give_back(now, permit_of(connection)),
                // Discord's tokens do not expire: it is never asked.
                (Action::RequestToken { .. }, _) => inputs.push_back(Input::TokenDenied(None)),
                (Action::Event(event), _) => enough = hear(event).or(enough),
                (Action::Send { .. } | Action::Close { .. }, None) | (Action::Wait { .. }, _) => {}
            }
        }
        if let (Phase::Identifying, Some((connection, _))) = (machine.phase(), &current) {
            permits.spent(now, permit_of(*connection));
        }
        // The next input does it, which is a tick if the socket has nothing.
        if let Some(shutdown) = enough {
            machine.shutdown(clock.now(), shutdown);
        }
    }
}

/// What the socket says until the time is over, or that it said nothing.
fn wait(current: &mut Connection, patience: Duration) -> Input {
    let Some((connection, socket)) = current else {
        thread::sleep(patience);
        return Input::Tick;
    };
    socket.get_mut().until = Instant::now() + patience;
    let (connection, reason) = match socket.read() {
        Ok(WsMessage::Text(text)) => return Input::Message(*connection, Message::Text(text.into())),
        Ok(WsMessage::Binary(bytes)) => return Input::Message(*connection, Message::Binary(bytes)),
        Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_)) => return Input::TickUnread,
        // Only where there was nothing to read may the machine judge the silence.
        Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
            return if socket.get_ref().reads == Reads::Dry { Input::Tick } else { Input::TickUnread };
        }
        Ok(WsMessage::Close(frame)) => {
            let _ = socket.flush(); // our answer; whether it left is the peer's concern
            let frame = frame.map_or_else(CloseFrame::default, |frame| CloseFrame {
                code: Some(CloseCode(frame.code.into())),
                reason: frame.reason.as_str().into(),
            });
            (*connection, CloseReason::Frame(frame))
        }
        Err(error) => (*connection, close_reason_of(&error)),
    };
    *current = None;
    Input::Closed(connection, reason)
}

/// A socket whose reads together end in time, and whose writes do not fail: a peer that closes and hangs up has said
/// why, and that is still to be read when a write finds the socket broken.
pub(crate) struct Timed {
    stream: TcpStream,
    until: Instant,
    reads: Reads,
    writes: Writes,
}

/// What the last read found.
#[derive(PartialEq, Eq)]
enum Reads {
    Some,
    Dry,
}

#[derive(PartialEq, Eq)]
enum Writes {
    Sound,
    /// Part of a frame may have left: nothing can follow it.
    Broken,
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        // When the time is over one more look is taken at a socket that was dry, none at one that has more and more.
        if left.is_zero() && self.reads == Reads::Some {
            return Err(ErrorKind::WouldBlock.into());
        }
        // Zero would be "for ever".
        self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let read = self.stream.read(buf);
        self.reads = Reads::Some;
        read.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                self.reads = Reads::Dry;
                ErrorKind::WouldBlock.into()
            }
            _ => error,
        })
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.writes == Writes::Sound
            && let Ok(len) = self.stream.write(buf)
        {
            return Ok(len);
        }
        self.writes = Writes::Broken;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a WebSocket within the machine's own time for it, as nothing can end it from outside. In the clear only: with
/// TLS the stream is a `rustls::StreamOwned` over a `Timed`, and no more is different.
fn dial(url: &GatewayUrl, limits: ConnectLimits, timeouts: Timeouts) -> Result<WebSocket<Timed>, ConnectFailure> {
    if url.scheme() == Scheme::Wss {
        return Err(ConnectFailure::Tls(TlsFailure::Other));
    }
    let until = Instant::now() + timeouts.connect;
    let stream = connect(url, until)?;
    let ready = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(timeouts.write)));
    ready.map_err(|_| ConnectFailure::Io(IoFailure::Other))?;
    let stream = Timed { stream, until, reads: Reads::Dry, writes: Writes::Sound };
    let most = Some(limits.message);
    let config = WebSocketConfig::default().max_message_size(most).max_frame_size(most);
    match tungstenite::client::client_with_config(url.as_str(), stream, Some(config)) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Interrupted(_)) => Err(ConnectFailure::TimedOut),
        Err(HandshakeError::Failure(WsError::Http(answer))) => {
            let seconds =
                answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let retry_after = seconds.map(Duration::from_secs);
            Err(ConnectFailure::Http { status: answer.status().as_u16(), retry_after })
        }
        Err(HandshakeError::Failure(WsError::Io(_))) => Err(ConnectFailure::Io(IoFailure::Other)),
        Err(HandshakeError::Failure(_)) => Err(ConnectFailure::Protocol),
    }
}

/// Tries the host's addresses one after the other, each for its share of the time. A lookup takes what the system gives
/// it: a program that minds makes it in another thread.
fn connect(url: &GatewayUrl, until: Instant) -> Result<TcpStream, ConnectFailure> {
    let addresses = (url.host(), url.port()).to_socket_addrs().map_err(|_| ConnectFailure::Name)?;
    let (mut addresses, mut failure) = (addresses.collect::<VecDeque<_>>(), ConnectFailure::Name);
    while let Some(address) = addresses.pop_front() {
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(1 + addresses.len()).unwrap_or(u32::MAX);
        failure = match TcpStream::connect_timeout(&address, share.max(Duration::from_millis(1))) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::TimedOut => ConnectFailure::TimedOut,
            Err(_) => ConnectFailure::Refused,
        };
    }
    Err(failure)
}

/// As it is: what the machine writes is not checked for UTF-8 once more.
fn to_tungstenite(message: Message) -> WsMessage {
    WsMessage::Frame(match message {
        Message::Text(bytes) => Frame::message(bytes, OpCode::Data(Data::Text), true),
        Message::Binary(bytes) => Frame::message(bytes, OpCode::Data(Data::Binary), true),
    })
}

fn close_reason_of(error: &WsError) -> CloseReason {
    match error {
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Eof,
        WsError::Io(error) if error.kind() == ErrorKind::ConnectionReset => CloseReason::Reset,
        WsError::Io(_) => CloseReason::Io,
        WsError::Capacity(CapacityError::MessageTooLong { max_size, .. }) => CloseReason::TooLarge { limit: *max_size },
        _ => CloseReason::Protocol,
    }
}

/// A permit for a shard that is alone. The shards of one bot share a queue, and get their permits when it has an
/// answer.
fn permit(permits: &mut IdentifyQueue, now: Timestamp, connection: ConnectionId) -> Input {
    let is_queued = permits.ask(now, permit_of(connection), 0).is_ok();
    if is_queued && permits.answers(now).contains(&Answer::Granted(permit_of(connection))) {
        return Input::IdentifyGranted(connection);
    }
    let wait = permits.deadline().map_or(Duration::from_secs(5), |until| until - now);
    permits.give_back(now, permit_of(connection));
    Input::IdentifyDenied(connection, wait)
}

fn permit_of(connection: ConnectionId) -> PermitId {
    PermitId(connection.0.into())
}

fn main() -> Result<(), Box<dyn Error>> {
    // The fake gateway is on tokio, in a thread of its own. It asks for a beat a second.
    let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = FakeConfig { heartbeat_interval: Duration::from_secs(1), ..FakeConfig::default() };
    let fake = elsewhere.block_on(FakeServer::start(config))?;
    // The word to leave: an event, when three beats were answered.
    let (gateway, beats) = (fake.handle(), fake.handle());
    elsewhere.spawn(async move {
        beats.until(|gateway| gateway.counters().acks >= 3).await;
        beats.with(|gateway, now| gateway.dispatch(now, Target::All, "CHANNEL_CREATE", "{}"));
    });

    let discord = Discord::new("a.fake.token", Intents::GUILDS)?.with_gateway(fake.url())?;
    let mut machine = GatewayMachine::new(discord, Config::default(), draw_seed())?;
    drive(&mut machine, |event| {
        println!("{event:?}");
        match event {
            Event::Ready(_) => {
                gateway.with(|gateway, now| gateway.drop_connections(now, Target::All));
                None
            }
            Event::Dispatch(dispatch) if dispatch.name() == "CHANNEL_CREATE" => Some(Shutdown::EndSession),
            _ => None,
        }
    });
    let (counts, breaches) = (machine.health().counts, gateway.with(|gateway, _| gateway.breaches().count()));
    if machine.end_reason() != Some(&EndReason::Shutdown) || counts.resumes != 1 || breaches > 0 {
        return Err(format!("it went wrong: {machine:?}, {breaches} rules broken").into());
    }
    println!("one resume, {} beats, no rule broken", counts.beats_acked);
    Ok(())
}
