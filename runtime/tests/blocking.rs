//! The example `blocking` against gateways that fail: it does what the embedding page asks of a driver.
#![expect(clippy::unwrap_used, reason = "helpers are test code as well")]

#[path = "../examples/blocking.rs"]
#[allow(dead_code, reason = "it is an example, with a main of its own")]
mod blocking;

use core::time::Duration;
use portcullis::dialect::discord::{Command, Intents, RequestGuildMembers};
use portcullis::machine::{Cause, Config, ConnectFailure, EndReason, Limits, Shutdown, Timeouts, TlsFailure};
use portcullis::{CloseCode, CloseReason, Discord, Event, GatewayMachine, Seed};
use socket2::SockRef;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tungstenite::protocol::frame::coding::CloseCode as WireCode;
use tungstenite::protocol::{CloseFrame as WireClose, Message as WireMessage, WebSocket};

fn machine_for(url: &str, config: Config) -> GatewayMachine {
    let discord = Discord::new("a.fake.token", Intents::GUILDS | Intents::GUILD_MEMBERS).unwrap();
    GatewayMachine::new(discord.with_gateway(url).unwrap(), config, Seed(7)).unwrap()
}

/// A machine, and a gateway in a thread of its own to whose first connection this is done.
fn machine(config: Config, serve: impl FnOnce(TcpStream) + Send + 'static) -> (GatewayMachine, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let machine = machine_for(&format!("ws://{}", listener.local_addr().unwrap()), config);
    (machine, thread::spawn(move || serve(listener.accept().unwrap().0)))
}

/// Drives the machine until it has ended, or is about to connect again, and gives its events.
fn events(machine: &mut GatewayMachine) -> Vec<Event> {
    let mut events = Vec::new();
    blocking::drive(machine, |event| {
        let leave = matches!(event, Event::Reconnecting { .. }).then_some(Shutdown::EndSession);
        events.push(event);
        leave
    });
    events
}

/// Why it was to connect again.
fn reconnecting(events: &[Event]) -> Option<Cause> {
    events.iter().find_map(|event| match event {
        Event::Reconnecting { cause, .. } => Some(*cause),
        _ => None,
    })
}

/// Reads a request up to its empty line, and answers it.
fn answer(mut stream: TcpStream, answer: &str) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        request.extend_from_slice(&byte);
    }
    stream.write_all(answer.as_bytes()).unwrap();
}

fn text(socket: &mut WebSocket<TcpStream>, text: &'static str) {
    socket.send(WireMessage::text(text)).unwrap();
}

const HELLO: &str = r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#;
const READY: &str = r#"{"t":"READY","s":1,"op":0,"d":{"session_id":"5e551011"}}"#;

#[test]
fn found_19_a_401_ends_the_shard() {
    let (mut machine, gateway) = machine(Config::default(), |stream| {
        answer(stream, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    });
    events(&mut machine);
    let failure = ConnectFailure::Http { status: 401, retry_after: None };
    assert_eq!(machine.end_reason(), Some(&EndReason::ConnectRefused { failure }));
    gateway.join().unwrap();
}

#[test]
fn found_19_a_429_tells_how_long_to_wait() {
    let (mut machine, gateway) = machine(Config::default(), |stream| {
        answer(stream, "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n");
    });
    let events = events(&mut machine);
    assert_eq!(reconnecting(&events), Some(Cause::ConnectHttp(429)));
    let waits_long = |event: &Event| matches!(event, Event::Reconnecting { after, .. } if after.as_secs() >= 77);
    assert!(events.iter().any(waits_long), "{events:?}");
    gateway.join().unwrap();
}

#[test]
fn found_19_a_gateway_that_is_silent_in_the_handshake_is_given_up() {
    let timeouts = Timeouts { connect: Duration::from_millis(100), ..Timeouts::default() };
    // It hangs up when the client has.
    let (mut machine, gateway) = machine(Config { timeouts, ..Config::default() }, |mut stream| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    assert_eq!(reconnecting(&events(&mut machine)), Some(Cause::ConnectTimedOut));
    gateway.join().unwrap();
}

#[test]
fn found_19_wss_is_never_spoken_to_in_the_clear() {
    // It speaks TLS nowhere, so it does not even connect.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let timeouts = Timeouts { connect: Duration::from_millis(100), ..Timeouts::default() };
    let mut machine =
        machine_for(&format!("wss://{}", listener.local_addr().unwrap()), Config { timeouts, ..Config::default() });
    assert_eq!(reconnecting(&events(&mut machine)), Some(Cause::ConnectTls(TlsFailure::Other)));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn found_19_a_message_above_the_limit_is_refused_by_its_header() {
    let limits = Limits { message: 1024, ..Limits::default() };
    let (mut machine, gateway) = machine(Config { limits, ..Config::default() }, |stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        // A frame of 2,048 bytes is announced, and does not come.
        let stream = socket.get_mut();
        stream.write_all(&[0x81, 126, 0x08, 0x00]).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let events = events(&mut machine);
    let close_reasons: Vec<_> = events.iter().filter(|event| matches!(event, Event::Closed { .. })).collect();
    assert!(
        matches!(close_reasons[..], [Event::Closed { reason: CloseReason::TooLarge { limit: 1024 }, .. }]),
        "{close_reasons:?} of {events:?}"
    );
    gateway.join().unwrap();
}

#[test]
fn found_19_a_close_frame_that_waits_is_reported_where_a_write_failed() {
    let (tell, told) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let (mut machine, gateway) = machine(Config::default(), move |stream| {
        // What is written leaves at once, so that the reset comes behind it.
        stream.set_nodelay(true).unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        text(&mut socket, HELLO);
        socket.read().unwrap();
        text(&mut socket, READY);
        // The shard is in the middle of its actions when it is closed and cut off, a ping before it.
        may_go_on.recv().unwrap();
        socket.send(WireMessage::Ping("are you there?".into())).unwrap();
        let code = WireCode::from(4004);
        socket.close(Some(WireClose { code, reason: "Authentication failed.".into() })).unwrap();
        SockRef::from(socket.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
        drop(socket);
        tell.send(()).unwrap();
    });
    // The command leaves in the call that gives Ready, by a socket that takes nothing any more.
    machine.send(portcullis::Timestamp::ZERO, Command::RequestGuildMembers(RequestGuildMembers::all(7))).unwrap();
    let mut events = Vec::new();
    blocking::drive(&mut machine, |event| {
        if let Event::Ready(_) = event {
            go_on.send(()).unwrap();
            told.recv().unwrap();
        }
        let leave = matches!(event, Event::Reconnecting { .. }).then_some(Shutdown::EndSession);
        events.push(event);
        leave
    });
    let end = machine.end_reason();
    assert!(matches!(end, Some(EndReason::Refused { code: CloseCode(4004), .. })), "{end:?}, {events:?}");
    gateway.join().unwrap();
}
