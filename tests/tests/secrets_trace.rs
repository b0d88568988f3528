//! Invariant 12, with real sockets: a shard that connects, identifies and receives its session logs no secret at any level of
//! `log` or `tracing`, in any crate.

#![allow(clippy::unwrap_used)]

use portcullis::Event;
use portcullis::dialect::discord::Intents;
use portcullis_tokio::Shard;
use portcullis_websocket::handshake::{HandshakeLimits, Progress, ServerHandshake};
use portcullis_websocket::{CloseCode, Connection, Event as Heard, Input, Limits, Server};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use tracing::field::{Field, Visit};
use tracing::{Metadata, span};

const TOKEN: &str = "hush.the.token";
const HEADER: &str = "hush-the-header";
const SESSION: &str = "hush-the-session";

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(line: String) {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        note(format!("log {} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

struct Tracer;

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn core::fmt::Debug) {
        self.0 += &format!(" {field}={value:?}");
    }
}

impl tracing::Subscriber for Tracer {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields(format!("span {}", attributes.metadata().target()));
        attributes.record(&mut fields);
        note(fields.0);
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut fields = Fields("record".to_owned());
        values.record(&mut fields);
        note(fields.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(format!("event {}", event.metadata().target()));
        event.record(&mut fields);
        note(fields.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// A gateway of one connection, without a line of logging: Hello, READY to what identifies, and the end.
fn serve(mut stream: TcpStream) -> String {
    let mut handshake = ServerHandshake::new(HandshakeLimits::default());
    let mut buffer = [0; 4096];
    let mut out = Vec::new();
    loop {
        let len = stream.read(&mut buffer).unwrap();
        if let Progress::Done { outcome, .. } = handshake.receive(&buffer[..len]).unwrap() {
            assert_eq!(outcome.headers().get("authorization"), Some(HEADER.as_bytes()));
            outcome.accept(None, &[], &mut out).unwrap();
            break;
        }
    }
    let mut connection = Connection::<Server>::new(Limits::default());
    connection.send_text(r#"{"op":10,"d":{"heartbeat_interval":41250}}"#, (), &mut out).unwrap();
    let mut identify = String::new();
    loop {
        stream.write_all(&out).unwrap();
        out.clear();
        let len = stream.read(&mut buffer).unwrap();
        let mut input = Input::new(&mut buffer[..len]);
        while let Some(event) = connection.receive(&mut input).unwrap() {
            match event {
                Heard::Message(message) => {
                    message.as_text().unwrap().clone_into(&mut identify);
                    let url = format!("ws://127.0.0.1:9/{SESSION}");
                    let ready = format!(r#"{{"session_id":"{SESSION}","resume_gateway_url":"{url}"}}"#);
                    let ready = format!(r#"{{"t":"READY","s":1,"op":0,"d":{ready}}}"#);
                    connection.send_text(&ready, (), &mut out).unwrap();
                    connection.send_close(Some((CloseCode(4004), "over")), (), &mut out).unwrap();
                }
                Heard::Close(_) => return identify,
                Heard::Ping(_) | Heard::Pong(_) => {}
            }
        }
    }
}

#[tokio::test]
async fn found_36_no_crate_logs_a_secret_at_any_level() {
    log::set_logger(&Logger).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    tracing::subscriber::set_global_default(Tracer).unwrap();
    log::trace!("this is heard");

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let gateway = thread::spawn(move || serve(listener.accept().unwrap().0));
    let mut shard =
        Shard::builder(TOKEN, Intents::GUILDS).gateway(url).header("authorization", HEADER).build().unwrap();
    let mut was_ready = false;
    while let Some(event) = shard.next_event().await {
        was_ready |= matches!(event, Event::Ready(_));
    }
    assert!(was_ready && gateway.join().unwrap().contains(TOKEN));

    let lines = LINES.lock().unwrap();
    assert!(lines.iter().any(|line| line.ends_with("this is heard")), "the logger is there");
    assert!(lines.iter().any(|line| line.contains("portcullis")), "and the tracer: {lines:#?}");
    for secret in [TOKEN, HEADER, SESSION] {
        let told: Vec<_> = lines.iter().filter(|line| line.contains(secret)).collect();
        assert_eq!(told, Vec::<&String>::new());
    }
}
