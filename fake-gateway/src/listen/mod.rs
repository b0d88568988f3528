//! The fake gateway on a real socket: loopback only, for tests and examples.
//!
//! One lock holds the machine; it is held for one call at a time and never across an await. Each connection has a task
//! of its own and a bounded queue of what it is to write: a client that does not read loses its connection, and nobody
//! else notices.

mod connection;
mod shared;

use crate::config::FakeConfig;
use crate::faults::Target;
use crate::gateway::FakeGateway;
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
    /// Listens on a free port of 127.0.0.1. The config's `resume_url` becomes this server's own.
    ///
    /// # Errors
    /// What binding the port gives.
    pub async fn start(mut config: FakeConfig) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let url = format!("ws://{address}");
        config.resume_url.clone_from(&url);
        let shared = Arc::new(Shared::new(config));
        let accept = tokio::spawn(accept(listener, Arc::clone(&shared)));
        let tick = tokio::spawn(tick(Arc::clone(&shared)));
        Ok(Self { shared, address, url, tasks: [accept, tick] })
    }

    /// Where it listens, for a client: `ws://127.0.0.1:…`, without path and query.
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

    /// Accepts nobody any more, closes every connection with 1001, and gives clients two seconds to answer.
    pub async fn stop(self) {
        let [accept, _] = &self.tasks;
        accept.abort();
        self.handle().with(|gateway, now| {
            gateway.close(now, Target::All, Some(CloseCode::GOING_AWAY), "The fake gateway stops.");
        });
        // Who does not answer in time is cut by the drop.
        let _ = timeout(STOP, self.shared.until(shared::State::is_idle)).await;
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
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

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Some((connection, orders, killed)) = shared.open() {
                    tokio::spawn(connection::serve(stream, connection, orders, killed, Arc::clone(&shared)));
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
