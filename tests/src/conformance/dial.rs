//! Ways in which opening a connection fails.

use super::stage::settings;
use super::{Fake, Host, Lab, Stage, patiently};
use crate::millis;
use core::time::Duration;
use portcullis::Event;
use portcullis::machine::{Cause, ConnectFailure, EndReason, Fault, Phase, Timer};
use portcullis_runtime::{Runtime, Tls};
use socket2::{Domain, Socket, Type};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

/// How a shard's first attempt ends: a wait and its cause, or the end of the shard.
pub(super) async fn first_attempt<H: Host>(
    lab: &Lab<H::Runtime>,
    url: String,
    tls: Tls,
) -> Result<(Duration, Cause), EndReason> {
    let mut shard = settings::<H>(lab, url).tls(tls).build().unwrap();
    loop {
        match patiently::<H, _>(shard.next_event()).await {
            Some(Event::Reconnecting { after, cause, .. }) => return Ok((after, cause)),
            Some(Event::Ended(reason)) => return Err(reason),
            Some(_) => {}
            None => panic!("it ended without a reason"),
        }
    }
}

/// A server that reads a request and gives a fixed answer to one connection.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        let _ = stream.write_all(answer);
        // Reads what the client sends next; otherwise a reset could discard the answer.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        while stream.read(&mut request).is_ok_and(|read| read > 0) {}
    });
    format!("ws://{address}")
}

async fn refused_with<H: Host>(answer: &'static [u8]) -> Result<(Duration, Cause), EndReason> {
    first_attempt::<H>(&Lab::default(), answering(answer), Tls::default()).await
}

/// A port that is bound, and has no listener.
struct Closed(Socket);

impl Closed {
    fn bind() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        Self(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap().as_socket().unwrap()
    }
}

/// An address that answers no connect: its listener's backlog of one is full, and it accepts none.
struct BlackHole {
    listener: Socket,
    _taken: TcpStream,
}

impl BlackHole {
    fn dig() -> Self {
        let Closed(listener) = Closed::bind();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let taken = TcpStream::connect(address).unwrap();
        Self { listener, _taken: taken }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }
}

/// No listener.
pub async fn a_closed_port_refuses<H: Host>() {
    let closed = Closed::bind();
    let url = format!("ws://{}", closed.address());
    let (_, cause) = first_attempt::<H>(&Lab::default(), url, Tls::default()).await.unwrap();
    assert_eq!(cause, Cause::ConnectRefused);
}

/// No answer: the machine's deadline ends the attempt.
pub async fn a_black_hole_is_given_up<H: Host>() {
    let hole = BlackHole::dig();
    let mut stage = Stage::<H>::with(Fake::start(), |settings| settings.gateway(format!("ws://{}", hole.address())));
    stage.reach(Phase::Connecting).await;
    stage.leap_to_deadline();
    let gave_up = |event: &Event| if let Event::Reconnecting { cause, .. } = event { Some(*cause) } else { None };
    assert_eq!(stage.until(gave_up).await, Cause::TimedOut(Timer::Connect));
}

/// One of two addresses does not answer: the driver tries the other one 250 ms later, and uses it.
pub async fn a_second_address_is_tried_beside_a_black_hole<H: Host>() {
    let hole = BlackHole::dig();
    let fake = Fake::start();
    let url = format!("ws://gateway.test:{}", fake.address.port());
    let mut stage = Stage::<H>::with(fake, |settings| settings.gateway(url));
    stage.lab.name("gateway.test", [hole.address(), stage.fake.address]);
    stage.reach(Phase::Connecting).await;
    stage.lab.leap(millis(250));
    stage.come_online().await;
    assert_eq!(stage.shard.machine().health().counts.connections, 1);
}

/// A name without an address; and `localhost`, which the runtime resolves.
pub async fn a_name_that_nobody_has_is_told<H: Host>() {
    let lab = Lab::<H::Runtime>::default();
    lab.name("gateway.test", []);
    let (_, cause) = first_attempt::<H>(&lab, "ws://gateway.test".to_owned(), Tls::default()).await.unwrap();
    assert_eq!(cause, Cause::ConnectName);

    for host in ["localhost", "127.0.0.1"] {
        let resolved = patiently::<H, _>(lab.resolve(host, 7)).await.unwrap();
        assert!(resolved.contains(&SocketAddr::from((Ipv4Addr::LOCALHOST, 7))), "{host}: {resolved:?}");
    }
    let resolved = patiently::<H, _>(lab.resolve("::1", 7)).await.unwrap();
    assert_eq!(resolved, ["[::1]:7".parse().unwrap()]);
}

/// Statuses, and what the machine makes of them.
pub async fn a_status_is_told_and_a_retry_after_is_waited_for<H: Host>() {
    let failure = ConnectFailure::Http { status: 401, retry_after: None };
    let unauthorized = refused_with::<H>(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(unauthorized, Err(EndReason::ConnectRefused { failure }));

    let (_, cause) = refused_with::<H>(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\nbanned").await.unwrap();
    assert_eq!(cause, Cause::ConnectHttp(403));

    let limited = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n";
    let (after, cause) = refused_with::<H>(limited).await.unwrap();
    assert_eq!(cause, Cause::ConnectHttp(429));
    assert!(after >= Duration::from_secs(77), "{after:?}");

    let dated = b"HTTP/1.1 503 Unavailable\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n";
    let (after, cause) = refused_with::<H>(dated).await.unwrap();
    assert_eq!(cause, Cause::ConnectHttp(503));
    assert!(after < Duration::from_secs(77), "{after:?}");
}

/// A redirect: the shard reports the location and does not follow it.
pub async fn found_13_a_redirect_tells_its_location<H: Host>() {
    let answer = b"HTTP/1.1 301 Moved Permanently\r\nLocation: wss://elsewhere.test/?a=b\r\nContent-Length: 0\r\n\r\n";
    let lab = Lab::<H::Runtime>::default();
    let mut shard = settings::<H>(&lab, answering(answer)).build().unwrap();
    loop {
        match patiently::<H, _>(shard.next_event()).await.expect("it ended") {
            Event::Connecting { .. } => {}
            Event::Faulted(Fault::Redirected { status: 301, location }) => {
                assert_eq!(location.as_str(), "wss://elsewhere.test/");
                return;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Answers that are not a WebSocket handshake.
pub async fn an_answer_that_is_no_upgrade_is_a_fault_of_protocol<H: Host>() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
    ] {
        let (_, cause) = refused_with::<H>(answer).await.unwrap();
        assert_eq!(cause, Cause::ConnectProtocol, "{}", answer.escape_ascii());
    }
}
