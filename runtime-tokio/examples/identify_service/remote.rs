//! A process's side: gates for its shards, over one connection to the service.

use crate::words::{Ask, Reply};
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use portcullis::ConnectionId;
use portcullis::dialect::ShardId;
use portcullis_tokio::{GateAnswer, IdentifyGate};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// How long to wait for a service that is gone, before it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// A connection to the service, which is opened again when it is lost. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote(Arc<Mutex<Desk>>);

struct Desk {
    /// Where asks are written; `None` while there is no connection.
    line: Option<mpsc::UnboundedSender<Ask>>,
    questions: u32,
    open: BTreeMap<u32, Question>,
}

#[derive(Default)]
struct Question {
    reply: Option<Reply>,
    waker: Option<Waker>,
}

impl Remote {
    /// Connects in a task of its own, which ends when all clones and gates are gone.
    pub(crate) fn connect(service: SocketAddr) -> Self {
        let desk = Arc::new(Mutex::new(Desk { line: None, questions: 0, open: BTreeMap::new() }));
        let weak = Arc::downgrade(&desk);
        tokio::spawn(async move {
            while weak.strong_count() > 0 {
                // A service that was not there is as good as one that went away: shards ask again.
                let _ = converse(&weak, service).await;
                if let Some(remote) = weak.upgrade().map(Self) {
                    remote.lose();
                }
                sleep(AGAIN).await;
            }
        });
        Self(desk)
    }

    pub(crate) fn gate(&self) -> RemoteGate {
        RemoteGate { remote: self.clone(), turn: None }
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, reply: Reply) {
        let (Reply::Granted { question } | Reply::Exhausted { question, .. } | Reply::Later { question, .. }) = reply;
        let mut desk = self.lock();
        let Some(open) = desk.open.get_mut(&question) else { return };
        open.reply = Some(reply);
        let waker = open.waker.take();
        drop(desk);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The connection is gone, and the service has withdrawn what waited: every shard asks again.
    fn lose(&self) {
        let mut desk = self.lock();
        desk.line = None;
        let open: Vec<u32> = desk.open.keys().copied().collect();
        drop(desk);
        for question in open {
            self.hear(Reply::Later { question, after: AGAIN });
        }
    }
}

/// Writes what is asked and reads what is replied, until the connection ends or nobody asks any more.
async fn converse(desk: &Weak<Mutex<Desk>>, service: SocketAddr) -> io::Result<()> {
    let (read, mut write) = TcpStream::connect(service).await?.into_split();
    let (line, mut asks) = mpsc::unbounded_channel();
    let Some(remote) = desk.upgrade().map(Remote) else { return Ok(()) };
    remote.lock().line = Some(line);
    drop(remote);
    let mut lines = BufReader::new(read).lines();
    loop {
        tokio::select! {
            ask = asks.recv() => match ask {
                Some(ask) => write.write_all(ask.to_string().as_bytes()).await?,
                None => return Ok(()),
            },
            line = lines.next_line() => match (line?.as_deref().and_then(Reply::parse), desk.upgrade().map(Remote)) {
                (Some(reply), Some(remote)) => remote.hear(reply),
                _ => return Ok(()),
            },
        }
    }
}

impl Desk {
    /// False if nobody can hear it.
    fn say(&self, ask: Ask) -> bool {
        self.line.as_ref().is_some_and(|line| line.send(ask).is_ok())
    }
}

/// One shard's gate.
pub(crate) struct RemoteGate {
    remote: Remote,
    /// The connection whose question, or whose turn, this is.
    turn: Option<(ConnectionId, u32)>,
}

impl RemoteGate {
    fn end(&mut self, connection: ConnectionId, last: impl FnOnce(u32) -> Ask) {
        if let Some((_, question)) = self.turn.take_if(|(of, _)| *of == connection) {
            let mut desk = self.remote.lock();
            desk.open.remove(&question);
            desk.say(last(question));
        }
    }
}

impl IdentifyGate for RemoteGate {
    fn ask(&mut self, connection: ConnectionId, shard: Option<ShardId>) {
        let mut desk = self.remote.lock();
        desk.questions += 1;
        let question = desk.questions;
        let is_heard = desk.say(Ask::Turn { question, shard: shard.map_or(0, ShardId::id) });
        let reply = (!is_heard).then_some(Reply::Later { question, after: AGAIN });
        desk.open.insert(question, Question { reply, waker: None });
        self.turn = Some((connection, question));
    }

    fn give_back(&mut self, connection: ConnectionId) {
        self.end(connection, |question| Ask::Back { question });
    }

    fn spent(&mut self, connection: ConnectionId) {
        self.end(connection, |question| Ask::Spent { question });
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<GateAnswer> {
        let Some((connection, question)) = self.turn else { return Poll::Pending };
        let mut desk = self.remote.lock();
        let Some(open) = desk.open.get_mut(&question) else { return Poll::Pending };
        let Some(reply) = open.reply.take() else {
            open.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        Poll::Ready(match reply {
            Reply::Granted { .. } => {
                desk.open.remove(&question);
                GateAnswer::Granted(connection)
            }
            Reply::Exhausted { resets_in, .. } => GateAnswer::Exhausted(connection, resets_in),
            Reply::Later { after, .. } => {
                desk.open.remove(&question);
                self.turn = None;
                GateAnswer::Later(connection, after)
            }
        })
    }

    fn wait(&self) -> Option<Duration> {
        // Each reply wakes the shard.
        None
    }
}

impl Drop for RemoteGate {
    fn drop(&mut self) {
        if let Some((connection, _)) = self.turn {
            self.give_back(connection);
        }
    }
}
