//! A shard without async: one thread, `std::net` and `tungstenite`. `cargo run -p portcullis-runtime --example blocking`.
//!
//! `drive` and `wait` are the whole driver; each arm of the first is what an action obliges a driver to. The one timer is
//! the socket's time-out: until the machine's deadline. `main` joins a fake gateway, loses its connection, resumes, beats, and
//! leaves.

use core::time::Duration;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{ConnectFailure, EndReason, Shutdown};
use portcullis::url::GatewayUrl;
use portcullis::{
    Action, CloseCode, CloseFrame, CloseReason, Config, ConnectionId, Discord, Event, GatewayMachine, Input, Message,
};
use portcullis_fake::{FakeConfig, FakeServer, Target};
use portcullis_runtime::{Clock, draw_seed};
use std::collections::VecDeque;
use std::error::Error;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::thread;
use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::CloseFrame as WireClose;
use tungstenite::protocol::{Message as WireMessage, WebSocket};
use tungstenite::{Error as WireError, Utf8Bytes};

type Wire = Option<(ConnectionId, WebSocket<TcpStream>)>;

/// Drives a machine to its end. `hear` is the application; it answers when it has heard enough.
fn drive(machine: &mut GatewayMachine, mut hear: impl FnMut(Event) -> Option<Shutdown>) {
    let (clock, mut wire, mut inputs) = (Clock::start(), Wire::None, VecDeque::from([Input::Start]));
    while let Some(until) = machine.deadline().or((!inputs.is_empty()).then_some(clock.now())) {
        let input = inputs.pop_front().unwrap_or_else(|| wait(&mut wire, until - clock.now()));
        let mut enough = None;
        for action in machine.handle(clock.now(), input) {
            match (action, &mut wire) {
                (Action::Connect { connection, url, .. }, wire) => match dial(&url) {
                    Ok(socket) => {
                        *wire = Some((connection, socket));
                        inputs.push_back(Input::Opened(connection));
                    }
                    Err(failure) => inputs.push_back(Input::ConnectFailed(connection, failure)),
                },
                // It blocks until the socket has the message whole, or its time-out ends the connection.
                (Action::Send { connection, message }, Some((_, socket))) => match socket.send(to_wire(message)) {
                    Ok(()) => inputs.push_back(Input::Sent(connection)),
                    Err(error) => inputs.push_back(Input::Closed(connection, close_reason_of(&error))),
                },
                // `Closed` follows, from the read.
                (Action::Close { code, reason, .. }, Some((_, socket))) => {
                    let _ = socket.close(Some(WireClose { code: code.0.into(), reason: reason.into() }));
                }
                (Action::Abort { .. }, wire) => *wire = None,
                // A bot of one shard that starts now and then. Those of many ask an `IdentifyQueue`.
                (Action::RequestIdentify { connection }, _) => inputs.push_back(Input::IdentifyGranted(connection)),
                // Discord's tokens do not expire: it is never asked.
                (Action::RequestToken { .. }, _) => inputs.push_back(Input::TokenDenied(None)),
                (Action::Event(event), _) => enough = hear(event).or(enough),
                (Action::Send { .. } | Action::Close { .. }, None)
                | (Action::ReleaseIdentify { .. } | Action::Wait { .. }, _) => {}
            }
        }
        if let Some(shutdown) = enough {
            machine.shutdown(clock.now(), shutdown);
        }
    }
}

/// What the socket says until the time is over, or that it said nothing.
fn wait(wire: &mut Wire, patience: Duration) -> Input {
    let Some((connection, socket)) = wire else {
        thread::sleep(patience);
        return Input::Tick;
    };
    // Zero would be "for ever". A socket that takes no time-out is broken: the read says so.
    let _ = socket.get_ref().set_read_timeout(Some(patience.max(Duration::from_millis(1))));
    let (connection, reason) = match socket.read() {
        Ok(WireMessage::Text(text)) => return Input::Message(*connection, Message::Text(text.into())),
        Ok(WireMessage::Binary(bytes)) => return Input::Message(*connection, Message::Binary(bytes)),
        Ok(WireMessage::Ping(_) | WireMessage::Pong(_) | WireMessage::Frame(_)) => return Input::TickUnread,
        // Only this says that there was nothing to read.
        Err(WireError::Io(error)) if is_time_out(error.kind()) => return Input::Tick,
        Ok(WireMessage::Close(frame)) => {
            let _ = socket.flush(); // our answer; whether it left is the peer's concern
            let frame = frame.map_or_else(CloseFrame::default, |frame| CloseFrame {
                code: Some(CloseCode(frame.code.into())),
                reason: frame.reason.as_str().into(),
            });
            (*connection, CloseReason::Frame(frame))
        }
        Err(error) => (*connection, close_reason_of(&error)),
    };
    *wire = None;
    Input::Closed(connection, reason)
}

/// Opens a WebSocket, in the clear only: with TLS the stream is a `rustls::StreamOwned`, and no more is different.
fn dial(url: &GatewayUrl) -> Result<WebSocket<TcpStream>, ConnectFailure> {
    let stream = TcpStream::connect((url.host(), url.port())).map_err(|_| ConnectFailure::Refused)?;
    let ready = stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(Duration::from_secs(10))));
    ready.map_err(|_| ConnectFailure::Io)?;
    let (socket, _) = tungstenite::client(url.as_str(), stream).map_err(|_| ConnectFailure::Protocol)?;
    Ok(socket)
}

fn to_wire(message: Message) -> WireMessage {
    match message {
        Message::Text(bytes) => Utf8Bytes::try_from(bytes).map_or_else(|_| unreachable!("JSON"), WireMessage::Text),
        Message::Binary(bytes) => WireMessage::Binary(bytes),
    }
}

fn is_time_out(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn close_reason_of(error: &WireError) -> CloseReason {
    match error {
        WireError::ConnectionClosed
        | WireError::AlreadyClosed
        | WireError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseReason::Eof,
        WireError::Io(_) => CloseReason::Io,
        _ => CloseReason::Protocol,
    }
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
