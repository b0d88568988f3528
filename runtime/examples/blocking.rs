//! A shard without async: one thread, `std::net` and `tungstenite`. `cargo run -p portcullis-runtime --example blocking`.
//!
//! `Shard::run` is the loop, and each arm of its `match` is what an action obliges a driver to. The one timer is the
//! socket's time-out: until the machine's deadline. `main` joins a fake gateway, loses its link, resumes, beats, and
//! leaves.

use core::time::Duration;
use portcullis::dialect::discord::Intents;
use portcullis::identify::{Answer, IdentifyQueue, Rules, StartLimit, TicketId};
use portcullis::machine::{ConnectFailure, ConnectLimits, EndReason, Phase, Shutdown};
use portcullis::url::{GatewayUrl, Scheme};
use portcullis::{
    Action, CloseCode, CloseFrame, Closure, Config, Discord, Event, GatewayMachine, Input, LinkId, Message, Timestamp,
};
use portcullis_fake::{FakeConfig, FakeServer, Target};
use portcullis_runtime::draw_seed;
use std::collections::VecDeque;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::thread;
use std::time::Instant;
use tungstenite::error::{CapacityError, Error as WireError, ProtocolError};
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{CloseFrame as WireClose, Frame};
use tungstenite::protocol::{Message as WireMessage, WebSocket, WebSocketConfig};

struct Shard {
    machine: GatewayMachine,
    origin: Instant,
    wire: Option<Wire>,
    /// One shard's own. Those of one bot share one.
    turns: IdentifyQueue,
}

struct Wire {
    link: LinkId,
    socket: WebSocket<TcpStream>,
    write: Write,
}

#[derive(PartialEq)]
enum Write {
    Settled,
    Underway,
}

impl Shard {
    /// Drives the machine to its end. `hear` is the application.
    fn run(&mut self, mut hear: impl FnMut(&mut GatewayMachine, Timestamp, Event)) {
        let mut inputs = VecDeque::from([Input::Start]);
        loop {
            let input = match (inputs.pop_front(), self.machine.deadline()) {
                (Some(input), _) => input,
                (None, Some(until)) => self.wait(until),
                (None, None) => return,
            };
            let now = self.now();
            // Taken all at once, so that the machine is free while they are carried out.
            let actions: Vec<_> = self.machine.handle(now, input).collect();
            for action in actions {
                match action {
                    Action::Connect { link, url, limits } => inputs.push_back(self.connect(link, &url, limits)),
                    Action::Send { link, message } => self.send(link, message),
                    Action::Close { link, code, reason } => self.close(link, code, reason),
                    Action::Abort { link } => drop(self.wire.take_if(|wire| wire.link == link)),
                    Action::AskIdentify { link } => inputs.push_back(self.ask(now, link)),
                    Action::ReturnIdentify { link } => self.turns.give_back(now, ticket(link)),
                    // Discord's tokens do not expire: it is never asked.
                    Action::AskToken { .. } => inputs.push_back(Input::TokenDenied(None)),
                    Action::Event(event) => hear(&mut self.machine, now, event),
                    // `deadline()` says the same.
                    Action::Wait { .. } => {}
                }
            }
            if let (Phase::Identifying, Some(wire)) = (self.machine.phase(), &self.wire) {
                self.turns.spent(now, ticket(wire.link));
            }
        }
    }

    /// What happens first: the write is done, a message comes, or the time is over.
    fn wait(&mut self, until: Timestamp) -> Input {
        let Some(wire) = &mut self.wire else {
            thread::sleep(until - self.now());
            return Input::Tick;
        };
        let patience = until - Timestamp::since_start(self.origin.elapsed());
        set_timeouts(wire.socket.get_ref(), patience);
        if wire.write == Write::Underway {
            match wire.socket.flush() {
                Err(error) if is_time_out(&error) => return Input::TickUnread,
                Err(_) => wire.write = Write::Settled, // the end is told by the read, behind what came before it
                Ok(()) => {
                    wire.write = Write::Settled;
                    return Input::Sent(wire.link);
                }
            }
        }
        let (link, read) = (wire.link, wire.socket.read());
        let closure = match read {
            Ok(WireMessage::Text(text)) => return Input::Message(link, Message::Text(text.into())),
            Ok(WireMessage::Binary(bytes)) => return Input::Message(link, Message::Binary(bytes)),
            Ok(WireMessage::Ping(_) | WireMessage::Pong(_) | WireMessage::Frame(_)) => return Input::TickUnread,
            // Only this says that there was nothing to read.
            Err(error) if is_time_out(&error) => return Input::Tick,
            Ok(WireMessage::Close(frame)) => {
                let _ = wire.socket.flush(); // our answer; whether it left is the peer's concern
                Closure::Frame(frame.map_or_else(CloseFrame::default, |frame| CloseFrame {
                    code: Some(CloseCode(frame.code.into())),
                    reason: frame.reason.as_str().into(),
                }))
            }
            Err(error) => closure_of(&error),
        };
        self.wire = None;
        Input::Closed(link, closure)
    }

    fn connect(&mut self, link: LinkId, url: &GatewayUrl, limits: ConnectLimits) -> Input {
        let patience = self.machine.deadline().map_or(Duration::ZERO, |until| until - self.now());
        match dial(url, limits, patience) {
            Ok(socket) => {
                self.wire = Some(Wire { link, socket, write: Write::Settled });
                Input::Opened(link)
            }
            Err(failure) => Input::ConnectFailed(link, failure),
        }
    }

    /// Begins to send. No other write is underway: the machine waits for `Sent`.
    fn send(&mut self, link: LinkId, message: Message) {
        let Some(wire) = self.wire.as_mut().filter(|wire| wire.link == link) else { return };
        let frame = match message {
            Message::Text(bytes) => Frame::message(bytes, OpCode::Data(Data::Text), true),
            Message::Binary(bytes) => Frame::message(bytes, OpCode::Data(Data::Binary), true),
        };
        // What it did not write at once, or why it cannot, is the flush's to find.
        let _ = wire.socket.write(WireMessage::Frame(frame));
        wire.write = Write::Underway;
    }

    /// Goes on reading afterwards: `Closed` follows from there.
    fn close(&mut self, link: LinkId, code: CloseCode, reason: &'static str) {
        if let Some(wire) = self.wire.as_mut().filter(|wire| wire.link == link) {
            let _ = wire.socket.close(Some(WireClose { code: code.0.into(), reason: reason.into() }));
        }
    }

    fn ask(&mut self, now: Timestamp, link: LinkId) -> Input {
        let is_queued = self.turns.ask(now, ticket(link), 0).is_ok();
        if is_queued && self.turns.answers(now).contains(&Answer::Granted(ticket(link))) {
            return Input::IdentifyGranted(link);
        }
        let wait = self.turns.deadline().map_or(Duration::from_secs(5), |until| until - now);
        self.turns.give_back(now, ticket(link));
        Input::IdentifyDenied(link, wait)
    }

    fn now(&self) -> Timestamp {
        Timestamp::since_start(self.origin.elapsed())
    }
}

/// Opens a WebSocket, in the clear only. With TLS the stream is a `rustls::StreamOwned`, and no more is different.
fn dial(url: &GatewayUrl, limits: ConnectLimits, patience: Duration) -> Result<WebSocket<TcpStream>, ConnectFailure> {
    if url.scheme() == Scheme::Wss {
        return Err(ConnectFailure::Tls);
    }
    let mut addresses = (url.host(), url.port()).to_socket_addrs().map_err(|_| ConnectFailure::Name)?;
    let reached = addresses.find_map(|address| TcpStream::connect_timeout(&address, patience).ok());
    let stream = reached.ok_or(ConnectFailure::Refused)?;
    stream.set_nodelay(true).map_err(|_| ConnectFailure::Io)?;
    set_timeouts(&stream, patience);
    let most = Some(limits.message);
    let config = WebSocketConfig::default().max_message_size(most).max_frame_size(most);
    match tungstenite::client::client_with_config(url.as_str(), stream, Some(config)) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Interrupted(_)) => Err(ConnectFailure::TimedOut),
        Err(HandshakeError::Failure(WireError::Http(answer))) => Err(ConnectFailure::Http {
            status: answer.status().as_u16(),
            retry_after: answer
                .headers()
                .get("retry-after")
                .and_then(|value| value.to_str().ok()?.parse().ok())
                .map(Duration::from_secs),
        }),
        Err(HandshakeError::Failure(WireError::Io(_))) => Err(ConnectFailure::Io),
        Err(HandshakeError::Failure(_)) => Err(ConnectFailure::Protocol),
    }
}

/// For reads and writes. Zero would be "for ever".
fn set_timeouts(stream: &TcpStream, patience: Duration) {
    let patience = Some(patience.max(Duration::from_millis(1)));
    // A socket that takes no time-out is broken: the next read says so.
    let _ = stream.set_read_timeout(patience).and_then(|()| stream.set_write_timeout(patience));
}

fn is_time_out(error: &WireError) -> bool {
    matches!(error, WireError::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

fn closure_of(error: &WireError) -> Closure {
    match error {
        WireError::ConnectionClosed
        | WireError::AlreadyClosed
        | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Closure::Eof,
        WireError::Io(error) if error.kind() == ErrorKind::ConnectionReset => Closure::Reset,
        WireError::Io(_) => Closure::Io,
        WireError::Capacity(CapacityError::MessageTooLong { max_size, .. }) => Closure::TooLarge { limit: *max_size },
        _ => Closure::Protocol,
    }
}

fn ticket(link: LinkId) -> TicketId {
    TicketId(link.0.into())
}

fn main() -> Result<(), Box<dyn Error>> {
    // The fake gateway is on tokio, in a thread of its own. It asks for a beat a second.
    let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = FakeConfig { heartbeat_interval: Duration::from_secs(1), ..FakeConfig::default() };
    let fake = elsewhere.block_on(FakeServer::start(config))?;
    let gateway = fake.handle();
    // The word to leave: an event, when three beats were answered.
    let beats = fake.handle();
    elsewhere.spawn(async move {
        beats.until(|gateway| gateway.counters().acks >= 3).await;
        beats.with(|gateway, now| gateway.dispatch(now, Target::All, "CHANNEL_CREATE", "{}"));
    });

    let discord = Discord::new("a.fake.token", Intents::GUILDS)?.with_gateway(fake.url())?;
    let machine = GatewayMachine::new(discord, Config::default(), draw_seed())?;
    let turns = IdentifyQueue::new(Timestamp::ZERO, StartLimit::default(), Rules::default());
    let mut shard = Shard { machine, origin: Instant::now(), wire: None, turns };
    shard.run(|machine, now, event| {
        println!("{now} {event:?}");
        match event {
            Event::Ready(_) => drop(gateway.with(|gateway, now| gateway.drop_connections(now, Target::All))),
            // What was asked for is done by the tick that comes next.
            Event::Dispatch(dispatch) if dispatch.name() == "CHANNEL_CREATE" => {
                machine.shutdown(now, Shutdown::EndSession);
            }
            _ => {}
        }
    });
    for transition in shard.machine.explain() {
        println!("{transition}");
    }
    let (counts, breaches) = (shard.machine.health().counts, gateway.with(|gateway, _| gateway.breaches().count()));
    if shard.machine.end_reason() != Some(&EndReason::Shutdown) || counts.resumes != 1 || breaches > 0 {
        return Err(format!("it went wrong: {:?}, {breaches} rules broken", shard.machine).into());
    }
    println!("one resume, {} beats, no rule broken", counts.beats_acked);
    Ok(())
}
