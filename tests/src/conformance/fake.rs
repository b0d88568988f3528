//! The fake gateway on a thread of its own, whatever runtime the shard is on.

use portcullis_fake::{FakeConfig, FakeGateway, FakeHandle, FakeServer, Limits, Listen, Target, Timestamp, Tolerance};
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// A fake gateway. When it is dropped it cuts all its connections, and its thread ends.
#[derive(Debug)]
pub struct Fake {
    /// The handle to it.
    pub handle: FakeHandle,
    /// Where it listens, as a URL.
    pub url: String,
    /// Where it listens.
    pub address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Two guilds, no limits, and patience with clients whose clock leaps.
pub fn config() -> FakeConfig {
    FakeConfig { guilds: 2, limits: Limits::Lifted, tolerance: Tolerance::Unlimited, ..FakeConfig::default() }
}

impl Fake {
    /// One with [`config`].
    pub fn start() -> Self {
        Self::start_with(config(), Listen::default())
    }

    /// One that listens as `listen` says.
    pub fn start_with(config: FakeConfig, listen: Listen) -> Self {
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = FakeServer::start_with(config, listen).await.unwrap();
                tell.send((server.handle(), server.url().to_owned(), server.address())).unwrap();
                // An error says that the other end was dropped, which is the end as well.
                let _ = ended.await;
            });
        };
        let thread = thread::Builder::new().name("fake gateway".to_owned()).spawn(serve).unwrap();
        let (handle, url, address) = told.recv().unwrap();
        Self { handle, url, address, end: Some(end), thread: Some(thread) }
    }

    /// Calls the gateway.
    pub fn with<R>(&self, deed: impl FnOnce(&mut FakeGateway, Timestamp) -> R) -> R {
        self.handle.with(deed)
    }

    /// Dispatches a `MESSAGE_CREATE` with this content to all sessions, and returns their number.
    pub fn say(&self, content: &str) -> usize {
        let json = format!(r#"{{"content":"{content}"}}"#);
        self.with(|gateway, now| gateway.dispatch(now, Target::All, "MESSAGE_CREATE", &json))
    }

    /// How many heartbeats it has received.
    pub fn heartbeats(&self) -> u64 {
        self.with(|gateway, _| gateway.counters().heartbeats)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // The thread printed its own panic; a second panic here would hide the case's.
            let _ = thread.join();
        }
    }
}
