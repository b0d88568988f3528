//! The fake gateway on a real socket: loopback only, for tests and examples.
//!
//! One lock holds the machine; it is held for one call at a time and never across an await. Each connection has a task
//! of its own and a bounded queue of what it is to write: a client that does not read loses its connection, and the
//! other clients do not notice.

mod connection;
mod http;
mod reader;
mod replies;
mod shared;
mod tls;
mod writer;

pub use shared::Observer;
pub use tls::Identity;

use crate::config::FakeConfig;
use crate::faults::Target;
use crate::gateway::FakeGateway;
use crate::script::Script;
use core::time::Duration;
use portcullis::{CloseCode, Timestamp};
use shared::Shared;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// How long a stop waits for clients to answer its close frames.
const STOP: Duration = Duration::from_secs(2);
/// How long to wait after a failed accept: out of file descriptors, mostly.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Where and how a [`FakeServer`] listens. Start from [`Listen::default`].
#[derive(Debug, Default)]
pub struct Listen {
    /// The port of 127.0.0.1. Default 0: any free one.
    pub port: u16,
    /// With which certificate; `None`, the default, is without TLS.
    pub identity: Option<Identity>,
    /// What it plays from the start. Its settings have no effect here: [`Script::configure`] is for them.
    pub script: Option<Script>,
    /// Who is told of all that happens. Default: no observer.
    pub observer: Option<Observer>,
}

impl FakeGateway {
    /// Starts a server with the default config on a free port of 127.0.0.1.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use portcullis_fake::{FakeGateway, Target};
    ///
    /// let server = FakeGateway::start().await?;
    /// let url = server.url(); // for the client under test
    /// server.handle().with(|gateway, now| gateway.reconnect(now, Target::All));
    /// # assert!(url.starts_with("ws://127.0.0.1:"));
    /// # std::io::Result::Ok(()) })?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// What binding a port gives.
    pub async fn start() -> io::Result<FakeServer> {
        FakeServer::start(FakeConfig::default()).await
    }
}

/// A fake gateway that listens on the loopback interface. Dropped, it cuts all its connections.
///
/// ```
/// use portcullis_fake::{FakeConfig, FakeServer, Target};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let server = FakeServer::start(FakeConfig::default()).await?;
/// assert!(server.url().starts_with("ws://127.0.0.1:"));
/// let handle = server.handle();
/// handle.with(|gateway, _| gateway.stop_acking(Target::All));
/// server.stop().await;
/// # std::io::Result::Ok(()) })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct FakeServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    url: String,
    tasks: [JoinHandle<()>; 2],
}

impl FakeServer {
    /// Listens on a free port of 127.0.0.1. The config's `url` and `resume_url` become this server's own.
    ///
    /// # Errors
    /// What binding the port gives.
    pub async fn start(config: FakeConfig) -> io::Result<Self> {
        Self::start_with(config, Listen::default()).await
    }

    /// Listens as `listen` says. The config's `url` and `resume_url` become this server's own.
    ///
    /// # Errors
    /// What binding the port gives: [`io::ErrorKind::AddrInUse`] when another program listens there.
    pub async fn start_with(mut config: FakeConfig, listen: Listen) -> io::Result<Self> {
        let Listen { port, identity, script, observer } = listen;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let scheme = if identity.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{address}");
        config.url.clone_from(&url);
        config.resume_url.clone_from(&url);
        let mut gateway = FakeGateway::new(config);
        if observer.is_some() {
            gateway.watch();
        }
        if let Some(script) = script {
            gateway.play(Timestamp::ZERO, script);
        }
        let shared = Arc::new(Shared::new(gateway, observer));
        // A script may have something to do before any client comes.
        shared.with(|_, _| ());
        let accept = tokio::spawn(accept(listener, identity, Arc::clone(&shared)));
        let tick = tokio::spawn(tick(Arc::clone(&shared)));
        Ok(Self { shared, address, url, tasks: [accept, tick] })
    }

    /// Where it listens, for a client: `ws://127.0.0.1:…` or `wss://…`, without path and query.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A handle to the machine, cheap to clone.
    #[must_use]
    pub fn handle(&self) -> FakeHandle {
        FakeHandle { shared: Arc::clone(&self.shared) }
    }

    /// Accepts no client any more, closes every connection with 1001, and gives clients two seconds to answer.
    pub async fn stop(self) {
        let [accept, _] = &self.tasks;
        accept.abort();
        self.shared.stop();
        self.handle().with(|gateway, now| {
            gateway.close(now, Target::All, Some(CloseCode::GOING_AWAY), "The fake gateway stops.");
        });
        // A client that does not answer in time is cut by the drop.
        let _ = timeout(STOP, self.shared.until(shared::State::is_idle)).await;
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.shared.stop();
        self.shared.cut_all();
    }
}

/// Controls a [`FakeServer`] from anywhere.
#[derive(Clone, Debug)]
pub struct FakeHandle {
    shared: Arc<Shared>,
}

impl FakeHandle {
    /// Does something with the machine, with the time it is now, and carries out at once what comes of it.
    ///
    /// The machine is locked meanwhile: a deed that calls this again waits for ever.
    pub fn with<R>(&self, deed: impl FnOnce(&mut FakeGateway, Timestamp) -> R) -> R {
        self.shared.with(deed)
    }

    /// Waits until the machine is as the condition wants it, which is looked at after every input.
    pub async fn until(&self, condition: impl Fn(&FakeGateway) -> bool) {
        self.shared.until(|state| condition(&state.gateway)).await;
    }
}

async fn accept(listener: TcpListener, identity: Option<Identity>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Some(socket) = shared.socket() {
                    tokio::spawn(connection::serve(stream, identity.clone(), socket));
                }
            }
            Err(_) => sleep(ACCEPT_AGAIN).await,
        }
    }
}

/// Calls the machine when something is due, and looks again when that changed.
async fn tick(shared: Arc<Shared>) {
    loop {
        shared.due().await;
        shared.with(|_, _| ());
    }
}
