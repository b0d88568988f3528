//! The machine in the `select!` loop of an application, which has sockets, timers and a clock of its own:
//! `cargo run -p portcullis-runtime --example select_loop`.
//!
//! Nothing is spawned, and the driver of this crate is not used: the loop in `run` takes its place. All that is
//! underway is in `current`, none of it in a future, so that a branch which loses the race has lost nothing. `main`
//! joins a fake gateway, sends a command, loses its connection, resumes, and leaves.

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{TokioAdapter, client_async_with_config};
use async_tungstenite::tungstenite::error::{CapacityError, Error as WsError, ProtocolError};
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame as WsClose, Frame};
use async_tungstenite::tungstenite::protocol::{Message as WsMessage, WebSocketConfig};
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use futures_core::Stream as _;
use futures_sink::Sink as _;
use portcullis::dialect::discord::{Command, Intents, Presence, Status};
use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, SessionStartLimit};
use portcullis::machine::{ConnectFailure, ConnectLimits, EndReason, IoFailure, Outcome, Phase, Shutdown, TlsFailure};
use portcullis::url::{GatewayUrl, Scheme};
use portcullis::{
    Action, CloseCode, CloseFrame, CloseReason, Config, ConnectionId, Discord, Event, GatewayMachine, Input, Message,
    Timestamp,
};
use portcullis_fake::{FakeGateway, FakeHandle, Target};
use portcullis_runtime::draw_seed;
use std::collections::VecDeque;
use std::error::Error;
use std::io::ErrorKind;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, interval, sleep_until};

/// The application's one loop.
async fn run(machine: &mut GatewayMachine, gateway: &FakeHandle) -> Result<(), Box<dyn Error>> {
    let origin = Instant::now();
    let clock = || Timestamp::since_start(origin.elapsed());
    let (ask, mut asked) = mpsc::channel::<Command>(16);
    let mut every = interval(Duration::from_millis(250));
    let mut permits = IdentifyQueue::new(clock(), SessionStartLimit::default(), QueueConfig::default());
    let (mut current, mut inputs) = (Connection::None, VecDeque::from([Input::Start]));
    loop {
        let input = match (inputs.pop_front(), machine.deadline()) {
            (Some(input), _) => input,
            (None, None) => return Ok(()),
            // In this order: what the application sends comes first, so that a gateway's flood does not starve it, and
            // the timer comes last: it goes off only when the socket had nothing, which is what `Tick` says.
            (None, Some(deadline)) => tokio::select! {
                biased;
                _ = every.tick() => {
                    println!("{} … {}, and whatever else an application does", clock(), machine.phase());
                    continue;
                }
                Some(command) = asked.recv(), if machine.room() > 0 => {
                    machine.send(clock(), command)?;
                    Input::TickUnread
                }
                input = poll_fn(|cx| current.poll(cx)) => input,
                () = sleep_until(origin + Duration::from_nanos(deadline.as_nanos())) => Input::Tick,
            },
        };
        let now = clock();
        let actions: Vec<_> = machine.handle(now, input).collect();
        for action in actions {
            match action {
                Action::Connect { connection, url, limits } => {
                    current = Connection::Dialing(connection, Box::pin(dial(url, limits)));
                }
                Action::Send { connection, message } => current.start(connection, to_tungstenite(message)),
                Action::Close { connection, code, reason } => {
                    let frame = WsClose { code: code.0.into(), reason: reason.into() };
                    current.start(connection, WsMessage::Close(Some(frame)));
                }
                Action::Abort { connection } => current.abort(connection),
                Action::RequestIdentify { connection } => inputs.push_back(permit(&mut permits, now, connection)),
                Action::ReleaseIdentify { connection } => permits.give_back(now, permit_of(connection)),
                // Discord's tokens do not expire: it is never asked.
                Action::RequestToken { .. } => inputs.push_back(Input::TokenDenied(None)),
                Action::Event(event) => {
                    println!("{now} {event:?}");
                    on_event(&event, machine, now, &ask, gateway)?;
                }
                // `deadline()` says the same.
                Action::Wait { .. } => {}
            }
        }
        if let (Phase::Identifying, Some(connection)) = (machine.phase(), current.connection()) {
            permits.spent(now, permit_of(connection));
        }
    }
}

/// What the application makes of an event. It does not wait here: that would be a wait of the whole loop.
fn on_event(
    event: &Event,
    machine: &mut GatewayMachine,
    now: Timestamp,
    ask: &mpsc::Sender<Command>,
    gateway: &FakeHandle,
) -> Result<(), Box<dyn Error>> {
    match event {
        Event::Ready(_) => ask.try_send(Command::UpdatePresence(Presence::new(Status::Idle)))?,
        Event::Command(_, Outcome::Sent) => {
            gateway.with(|gateway, now| gateway.drop_connections(now, Target::All));
        }
        // What was asked for is done by the tick that comes next: it is due at once.
        Event::Resumed(_) => machine.shutdown(now, Shutdown::EndSession),
        _ => {}
    }
    Ok(())
}

type Socket = WebSocketStream<TokioAdapter<TcpStream>>;
type Dial = Pin<Box<dyn Future<Output = Result<Socket, ConnectFailure>>>>;

/// The one connection there is, and all that is underway on it.
enum Connection {
    None,
    Dialing(ConnectionId, Dial),
    Open { connection: ConnectionId, socket: Box<Socket>, write: Write },
}

enum Write {
    Idle,
    ToStart(WsMessage),
    ToFlush,
    /// The machine needs no answer to it.
    ToFlushClose,
}

impl Connection {
    /// What happens first: the dial is done, the write is done, a message comes. The next call continues where this one
    /// was left.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        if let Self::Dialing(connection, dial) = self {
            let (connection, dialed) = (*connection, ready!(dial.as_mut().poll(cx)));
            let (current, input) = match dialed {
                Ok(socket) => {
                    let socket = Box::new(socket);
                    (Self::Open { connection, socket, write: Write::Idle }, Input::Opened(connection))
                }
                Err(failure) => (Self::None, Input::ConnectFailed(connection, failure)),
            };
            *self = current;
            return Poll::Ready(input);
        }
        let Self::Open { connection, socket, write } = self else { return Poll::Pending };
        let connection = *connection;
        let mut pinned = Pin::new(&mut **socket);
        // A write that fails is told by the read, behind what came before it.
        if let Write::ToStart(_) = write
            && pinned.as_mut().poll_ready(cx).is_ready()
            && let Write::ToStart(message) = core::mem::replace(write, Write::Idle)
        {
            let underway = match message {
                WsMessage::Close(_) => Write::ToFlushClose,
                _ => Write::ToFlush,
            };
            if pinned.as_mut().start_send(message).is_ok() {
                *write = underway;
            }
        }
        if let Write::ToFlush | Write::ToFlushClose = write
            && let Poll::Ready(flushed) = pinned.as_mut().poll_flush(cx)
            && let (Write::ToFlush, Ok(())) = (core::mem::replace(write, Write::Idle), flushed)
        {
            return Poll::Ready(Input::Sent(connection));
        }
        let reason = match ready!(pinned.as_mut().poll_next(cx)) {
            Some(Ok(WsMessage::Text(text))) => {
                return Poll::Ready(Input::Message(connection, Message::Text(text.into())));
            }
            Some(Ok(WsMessage::Binary(bytes))) => {
                return Poll::Ready(Input::Message(connection, Message::Binary(bytes)));
            }
            // A flood of them must not keep the loop from what is due.
            Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_))) => {
                return Poll::Ready(Input::TickUnread);
            }
            Some(Ok(WsMessage::Close(frame))) => {
                let _ = pinned.as_mut().poll_flush(cx); // our answer; whether it left is the peer's concern
                CloseReason::Frame(frame.map_or_else(CloseFrame::default, |frame| CloseFrame {
                    code: Some(CloseCode(frame.code.into())),
                    reason: frame.reason.as_str().into(),
                }))
            }
            Some(Err(error)) => close_reason_of(&error),
            None => CloseReason::Eof,
        };
        *self = Self::None;
        Poll::Ready(Input::Closed(connection, reason))
    }

    /// No other write is underway: the machine waits for `Sent`.
    fn start(&mut self, of: ConnectionId, message: WsMessage) {
        if let Self::Open { connection, write, .. } = self
            && *connection == of
        {
            *write = Write::ToStart(message);
        }
    }

    fn abort(&mut self, of: ConnectionId) {
        if self.connection() == Some(of) {
            *self = Self::None;
        }
    }

    fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::None => None,
            Self::Dialing(connection, _) | Self::Open { connection, .. } => Some(*connection),
        }
    }
}

/// The machine times it, with an `Abort`.
async fn dial(url: GatewayUrl, limits: ConnectLimits) -> Result<Socket, ConnectFailure> {
    if url.scheme() == Scheme::Wss {
        return Err(ConnectFailure::Tls(TlsFailure::Other)); // an application's own TLS stands here
    }
    let stream = TcpStream::connect((url.host(), url.port())).await.map_err(|_| ConnectFailure::Refused)?;
    stream.set_nodelay(true).map_err(|_| ConnectFailure::Io(IoFailure::Other))?;
    let most = Some(limits.message);
    let config = WebSocketConfig::default().max_message_size(most).max_frame_size(most);
    match client_async_with_config(url.as_str(), stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Http(answer)) => {
            let seconds =
                answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let retry_after = seconds.map(Duration::from_secs);
            Err(ConnectFailure::Http { status: answer.status().as_u16(), retry_after })
        }
        Err(WsError::Io(_)) => Err(ConnectFailure::Io(IoFailure::Other)),
        Err(_) => Err(ConnectFailure::Protocol),
    }
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

/// As it is: what the machine writes is not checked for UTF-8 once more.
fn to_tungstenite(message: Message) -> WsMessage {
    WsMessage::Frame(match message {
        Message::Text(bytes) => Frame::message(bytes, OpCode::Data(Data::Text), true),
        Message::Binary(bytes) => Frame::message(bytes, OpCode::Data(Data::Binary), true),
    })
}

/// A permit for a shard that is alone. The shards of one bot share a queue.
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
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let fake = FakeGateway::start().await?;
        let gateway = fake.handle();
        let discord = Discord::new("a.fake.token", Intents::GUILDS)?.with_gateway(fake.url())?;
        let mut machine = GatewayMachine::new(discord, Config::default(), draw_seed())?;
        run(&mut machine, &gateway).await?;
        let resumes = machine.health().counts.resumes;
        let breaches = gateway.with(|gateway, _| gateway.breaches().count());
        if machine.end_reason() != Some(&EndReason::Shutdown) || resumes != 1 || breaches > 0 {
            return Err(format!("it went wrong: {machine:?}, {breaches} rules broken").into());
        }
        println!("one resume, no rule broken");
        Ok(())
    })
}
