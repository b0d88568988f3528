//! The service: one queue, and a line protocol to it on the loopback interface.

use crate::words::{Ask, Reply};
use core::time::Duration;
use portcullis::Timestamp;
use portcullis::identify::{Answer, IdentifyQueue, PermitId, QueueConfig, SessionStartLimit};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// No line of ours is longer: what is, ends its connection.
const LINE_MAX: u64 = 64;
/// Replies that may wait for a process that does not read. Above, it is cut off.
const REPLIES_MAX: usize = 1024;

/// A service that runs until it is dropped.
pub(crate) struct Service {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Service {
    /// Listens on a free port of the loopback interface, where no other host can ask.
    pub(crate) async fn start(limit: SessionStartLimit, config: QueueConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, task: tokio::spawn(serve(listener, limit, config)) })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What came of a connection.
enum News {
    Arrived(TcpStream),
    Said(u32, Ask),
    Gone(u32),
}

/// The queue, and the processes that ask it.
struct Server {
    queue: IdentifyQueue,
    origin: Instant,
    processes: BTreeMap<u32, mpsc::Sender<Reply>>,
    /// Questions that wait, by process: they are withdrawn with it. A permit that is out when its process dies may be
    /// used or not: it counts as used when its lease is over.
    waiting: BTreeMap<PermitId, u32>,
}

async fn serve(listener: TcpListener, limit: SessionStartLimit, config: QueueConfig) {
    let origin = Instant::now();
    let queue = IdentifyQueue::new(Timestamp::ZERO, limit, config);
    let mut server = Server { queue, origin, processes: BTreeMap::new(), waiting: BTreeMap::new() };
    let (tell, mut told) = mpsc::channel(64);
    let mut arrived = 0;
    loop {
        // A clock for the queue: ours, that began with it.
        let due = server.queue.deadline().map(|at| origin + Duration::from_nanos(at.as_nanos()));
        let news = tokio::select! {
            Ok((stream, _)) = listener.accept() => Some(News::Arrived(stream)),
            news = told.recv() => news,
            () = sleep_until(due.unwrap_or(origin)), if due.is_some() => None,
        };
        match news {
            Some(News::Arrived(stream)) => {
                arrived += 1;
                let (replies, to_write) = mpsc::channel(REPLIES_MAX);
                server.processes.insert(arrived, replies);
                tokio::spawn(converse(arrived, stream, to_write, tell.clone()));
            }
            Some(News::Said(process, ask)) => server.hear(process, ask),
            Some(News::Gone(process)) => server.forget(process),
            None => {}
        }
        server.answer();
    }
}

impl Server {
    fn now(&self) -> Timestamp {
        Timestamp::since_start(self.origin.elapsed())
    }

    fn hear(&mut self, process: u32, ask: Ask) {
        let now = self.now();
        match ask {
            Ask::Permit { question, shard } => {
                let id = id(process, question);
                match self.queue.ask(now, id, shard) {
                    Ok(()) => _ = self.waiting.insert(id, process),
                    Err(_) => self.reply(process, Reply::Later { question, after: Duration::from_secs(30) }),
                }
            }
            Ask::Back { question } => {
                self.waiting.remove(&id(process, question));
                self.queue.give_back(now, id(process, question));
            }
            Ask::Spent { question } => self.queue.spent(now, id(process, question)),
        }
    }

    fn answer(&mut self) {
        let now = self.now();
        for answer in self.queue.answers(now) {
            let (Answer::Granted(id) | Answer::Exhausted { id, .. }) = answer;
            let (process, question) = asker(id);
            match answer {
                Answer::Granted(_) => {
                    self.waiting.remove(&id);
                    self.reply(process, Reply::Granted { question });
                }
                Answer::Exhausted { resets_in, .. } => self.reply(process, Reply::Exhausted { question, resets_in }),
            }
        }
    }

    fn reply(&mut self, process: u32, reply: Reply) {
        // Who does not read, or is gone, is forgotten when its conversation ends, which this brings about.
        if self.processes.get(&process).is_some_and(|replies| replies.try_send(reply).is_err()) {
            self.processes.remove(&process);
        }
    }

    fn forget(&mut self, process: u32) {
        let now = self.now();
        self.processes.remove(&process);
        let Self { waiting, queue, .. } = self;
        waiting.retain(|id, of| {
            if *of == process {
                queue.give_back(now, *id);
            }
            *of != process
        });
    }
}

/// One number for the questions of all processes.
fn id(process: u32, question: u32) -> PermitId {
    PermitId((u64::from(process) << 32) | u64::from(question))
}

/// Whose number that is: the process and its question.
fn asker(PermitId(number): PermitId) -> (u32, u32) {
    let half = |half: u64| u32::try_from(half & u64::from(u32::MAX)).unwrap_or_default();
    (half(number >> 32), half(number))
}

/// Reads a process's lines and writes the replies, until one of both ends.
async fn converse(process: u32, stream: TcpStream, mut replies: mpsc::Receiver<Reply>, tell: mpsc::Sender<News>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    let reading = async {
        let mut line = String::new();
        while (&mut lines).take(LINE_MAX).read_line(&mut line).await.is_ok_and(|len| len > 0) {
            let Some(ask) = Ask::parse(&line).filter(|_| line.ends_with('\n')) else { return };
            if tell.send(News::Said(process, ask)).await.is_err() {
                return;
            }
            line.clear();
        }
    };
    let writing = async {
        while let Some(reply) = replies.recv().await {
            if write.write_all(reply.to_string().as_bytes()).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
    // This fails when the service is gone, which is fine.
    let _ = tell.send(News::Gone(process)).await;
}
