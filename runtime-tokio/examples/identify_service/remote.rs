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
pub(crate) struct Remote(Arc<Mutex<Inner>>);

struct Inner {
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
        let inner = Arc::new(Mutex::new(Inner { line: None, questions: 0, open: BTreeMap::new() }));
        let weak = Arc::downgrade(&inner);
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
        Self(inner)
    }

    pub(crate) fn gate(&self) -> RemoteGate {
        RemoteGate { remote: self.clone(), permit: None }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, reply: Reply) {
        let (Reply::Granted { question } | Reply::Exhausted { question, .. } | Reply::Later { question, .. }) = reply;
        let mut inner = self.lock();
        let Some(open) = inner.open.get_mut(&question) else { return };
        open.reply = Some(reply);
        let waker = open.waker.take();
        drop(inner);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The connection is gone, and the service has withdrawn what waited: every shard asks again.
    fn lose(&self) {
        let mut inner = self.lock();
        inner.line = None;
        let open: Vec<u32> = inner.open.keys().copied().collect();
        drop(inner);
        for question in open {
            self.hear(Reply::Later { question, after: AGAIN });
        }
    }
}

/// Writes what is asked and reads what is replied, until the connection ends or all clones and gates are gone.
async fn converse(inner: &Weak<Mutex<Inner>>, service: SocketAddr) -> io::Result<()> {
    let (read, mut write) = TcpStream::connect(service).await?.into_split();
    let (line, mut asks) = mpsc::unbounded_channel();
    let Some(remote) = inner.upgrade().map(Remote) else { return Ok(()) };
    remote.lock().line = Some(line);
    drop(remote);
    let mut lines = BufReader::new(read).lines();
    loop {
        tokio::select! {
            ask = asks.recv() => match ask {
                Some(ask) => write.write_all(ask.to_string().as_bytes()).await?,
                None => return Ok(()),
            },
            line = lines.next_line() => match (line?.as_deref().and_then(Reply::parse), inner.upgrade().map(Remote)) {
                (Some(reply), Some(remote)) => remote.hear(reply),
                _ => return Ok(()),
            },
        }
    }
}

impl Inner {
    /// False if there is no connection to the service.
    fn say(&self, ask: Ask) -> bool {
        self.line.as_ref().is_some_and(|line| line.send(ask).is_ok())
    }
}

/// One shard's gate.
pub(crate) struct RemoteGate {
    remote: Remote,
    /// The connection whose question, or whose permit, this is.
    permit: Option<(ConnectionId, u32)>,
}

impl RemoteGate {
    fn end(&mut self, connection: ConnectionId, last: impl FnOnce(u32) -> Ask) {
        if let Some((_, question)) = self.permit.take_if(|(of, _)| *of == connection) {
            let mut inner = self.remote.lock();
            inner.open.remove(&question);
            inner.say(last(question));
        }
    }
}

impl IdentifyGate for RemoteGate {
    fn ask(&mut self, connection: ConnectionId, shard: Option<ShardId>) {
        let mut inner = self.remote.lock();
        inner.questions += 1;
        let question = inner.questions;
        let is_heard = inner.say(Ask::Permit { question, shard: shard.map_or(0, ShardId::id) });
        let reply = (!is_heard).then_some(Reply::Later { question, after: AGAIN });
        inner.open.insert(question, Question { reply, waker: None });
        self.permit = Some((connection, question));
    }

    fn give_back(&mut self, connection: ConnectionId) {
        self.end(connection, |question| Ask::Back { question });
    }

    fn spent(&mut self, connection: ConnectionId) {
        self.end(connection, |question| Ask::Spent { question });
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<GateAnswer> {
        let Some((connection, question)) = self.permit else { return Poll::Pending };
        let mut inner = self.remote.lock();
        let Some(open) = inner.open.get_mut(&question) else { return Poll::Pending };
        let Some(reply) = open.reply.take() else {
            open.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        Poll::Ready(match reply {
            Reply::Granted { .. } => {
                inner.open.remove(&question);
                GateAnswer::Granted(connection)
            }
            Reply::Exhausted { resets_in, .. } => GateAnswer::Exhausted(connection, resets_in),
            Reply::Later { after, .. } => {
                inner.open.remove(&question);
                self.permit = None;
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
        if let Some((connection, _)) = self.permit {
            self.give_back(connection);
        }
    }
}
