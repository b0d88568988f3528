//! Both ends over real sockets, a thread a connection:
//!
//! ```text
//! cargo run -p portcullis-websocket --example echo -- serve
//! cargo run -p portcullis-websocket --example echo -- ask 127.0.0.1:PORT
//! ```
//!
//! `serve` prints its address and echoes what comes; `ask` sends messages to an echo server and compares. The loop of either is
//! the same: read, receive until there is nothing more, write what is owed.

use portcullis_websocket::handshake::{
    ClientHandshake, ClientRequest, HandshakeLimits, Progress, Scheme, ServerHandshake,
};
use portcullis_websocket::{Client, CloseCode, Connection, Event, Fragment, Input, Limits, MessageKind, Phase, Server};
use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve"] => serve(),
        ["ask", address] => ask(address.parse()?),
        _ => Err("say `serve`, or `ask` and an address".into()),
    }
}

fn serve() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    for stream in listener.incoming() {
        let stream = stream?;
        thread::spawn(move || {
            if let Err(error) = echo(stream) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

/// Serves one client.
fn echo(mut stream: TcpStream) -> Outcome<()> {
    let (mut buffer, mut out) = (vec![0; 64 << 10], Vec::new());
    let mut handshake = ServerHandshake::new(HandshakeLimits::default());
    let (mut start, mut end) = loop {
        let len = read(&mut stream, &mut buffer)?;
        match handshake.receive(&buffer[..len]) {
            Ok(Progress::More) => {}
            Ok(Progress::Done { outcome, consumed }) => {
                let protocol = outcome.protocols().next();
                outcome.accept(protocol, &[], &mut out)?;
                break (consumed, len);
            }
            Err(rejection) => {
                rejection.encode(&mut out);
                stream.write_all(&out)?;
                return Err(rejection.into());
            }
        }
    };
    let mut connection = Connection::<Server>::new(Limits::default());
    loop {
        let mut input = Input::new(&mut buffer[start..end]);
        loop {
            match connection.receive(&mut input) {
                Ok(Some(Event::Message(message))) => {
                    connection.send(message.kind(), message.payload(), (), &mut out)?;
                }
                Ok(Some(Event::Ping(_) | Event::Pong(_) | Event::Close(_))) => {}
                Ok(None) => break,
                Err(violation) => eprintln!("{violation}"),
            }
            while connection.write_owed((), &mut out).is_some() {}
            // Before the next one: what is echoed is not gathered.
            stream.write_all(&out)?;
            out.clear();
        }
        while connection.write_owed((), &mut out).is_some() {}
        stream.write_all(&out)?;
        out.clear();
        if connection.phase() == Phase::Closed {
            return Ok(());
        }
        (start, end) = (0, read(&mut stream, &mut buffer)?);
    }
}

/// Asks an echo server, and compares.
fn ask(address: SocketAddr) -> Outcome<()> {
    let mut stream = TcpStream::connect(address)?;
    let (mut buffer, mut out) = (vec![0; 64 << 10], Vec::new());
    let request = ClientRequest::new(Scheme::Ws, &address.ip().to_string(), address.port(), "/")?;
    let mut handshake = ClientHandshake::start(&request, random(), HandshakeLimits::default(), &mut out);
    stream.write_all(&out)?;
    out.clear();
    let (mut start, mut end) = loop {
        let len = read(&mut stream, &mut buffer)?;
        if let Progress::Done { consumed, .. } = handshake.receive(&buffer[..len])? {
            break (consumed, len);
        }
    };
    let mut connection = Connection::<Client>::new(Limits::default());
    let messages: Vec<String> = [0, 1, 125, 126, 65_535, 65_536, 1 << 20].map(|len| "x".repeat(len)).into();
    let mut left = messages.iter();
    let mut expected = say(&mut connection, left.next(), &mut out)?;
    loop {
        stream.write_all(&out)?;
        out.clear();
        let mut input = Input::new(&mut buffer[start..end]);
        while let Some(event) = connection.receive(&mut input)? {
            match event {
                Event::Message(message) if *expected == *message.payload().as_ref() => {
                    if expected == FRAGMENTS.concat().as_bytes() {
                        connection.send_close(Some((CloseCode(4001), "enough")), random(), &mut out)?;
                    } else {
                        expected = say(&mut connection, left.next(), &mut out)?;
                    }
                }
                Event::Message(_) => return Err("something else came back".into()),
                Event::Ping(_) | Event::Pong(_) => {}
                Event::Close(close) if close.code() == Some(CloseCode(4001)) => {
                    println!("all came back");
                    return Ok(());
                }
                Event::Close(close) => return Err(format!("{close:?} came too early").into()),
            }
        }
        while connection.write_owed(random(), &mut out).is_some() {}
        stream.write_all(&out)?;
        out.clear();
        (start, end) = (0, read(&mut stream, &mut buffer)?);
    }
}

/// Writes the next message, the last one in fragments with a ping in between, and gives what has to come back.
fn say(connection: &mut Connection<Client>, message: Option<&String>, out: &mut Vec<u8>) -> Outcome<Vec<u8>> {
    if let Some(message) = message {
        connection.send_text(message, random(), out)?;
        return Ok(message.clone().into_bytes());
    }
    let [first, middle, last] = FRAGMENTS.map(str::as_bytes);
    connection.send_fragment(Fragment::First(MessageKind::Text), first, random(), out)?;
    connection.send_ping(b"still there?", random(), out)?;
    connection.send_fragment(Fragment::Middle, middle, random(), out)?;
    connection.send_fragment(Fragment::Last, last, random(), out)?;
    Ok(FRAGMENTS.concat().into_bytes())
}

const FRAGMENTS: [&str; 3] = ["κό", "", "σμε 𝄞"];

fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> Outcome<usize> {
    match stream.read(buffer)? {
        0 => Err("the peer hung up without a close frame".into()),
        len => Ok(len),
    }
}

/// Strong randomness is the caller's to bring.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("the system gives no randomness: {error}"));
    bytes
}
