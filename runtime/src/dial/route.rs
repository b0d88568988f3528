//! Which addresses a connection's success or failure is attributed to.

use super::race::Candidate;
use crate::network::Lookups;
use crate::runtime::Runtime;
use portcullis::machine::ConnectFailure;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The way of one connection, from the first address that is tried to the first message that comes.
pub(crate) struct Route {
    lookups: Arc<Lookups>,
    /// Those that are being tried, then the one that was taken. None behind a proxy, whose address has done its part.
    answerable: Mutex<Vec<SocketAddr>>,
}

impl Route {
    pub(crate) fn new(lookups: &Arc<Lookups>) -> Arc<Self> {
        Arc::new(Self { lookups: Arc::clone(lookups), answerable: Mutex::default() })
    }

    /// The addresses of a host, those last that failed lately.
    pub(super) async fn resolve<R: Runtime>(
        &self,
        runtime: &R,
        host: &str,
        port: u16,
    ) -> Result<Vec<Candidate>, ConnectFailure> {
        let addresses = self.lookups.resolve(runtime, host, port).await?;
        let (fresh, failed) = self.lookups.split_by_failure(&addresses);
        Ok(super::race::candidates(&fresh, &failed))
    }

    /// No address of the host takes a connection: none of them failed behind it, and they may be others by now.
    pub(super) fn not_reached(&self, host: &str, port: u16) {
        self.lock().clear();
        self.lookups.forget(host, port);
    }

    /// A connection to an address is tried, beside others perhaps.
    pub(super) fn trying(&self, address: SocketAddr) {
        self.lock().push(address);
    }

    /// This one took it.
    pub(super) fn connected(&self, address: SocketAddr) {
        *self.lock() = vec![address];
    }

    /// The proxy has opened the tunnel: what comes now is not from its address.
    pub(super) fn tunnelled(&self) {
        self.lock().clear();
    }

    /// A message has come: the address works.
    pub(crate) fn proven(&self) {
        self.lock().drain(..).for_each(|address| self.lookups.note_alive(address));
    }

    /// The connection failed before a message came: the next attempt tries other addresses first.
    pub(crate) fn failed(&self) {
        self.lock().drain(..).for_each(|address| self.lookups.note_failed(address));
    }

    /// As [`failed`](Self::failed), if another address may do better.
    pub(super) fn failed_with(&self, failure: &ConnectFailure) {
        match failure {
            // These statuses are about us, not about the address: another one answers the same. And without a TCP
            // connection no address failed behind one.
            ConnectFailure::Http { status: 401 | 403 | 429, .. }
            | ConnectFailure::Proxy { status: Some(_) }
            | ConnectFailure::Name
            | ConnectFailure::Refused => {}
            _ => self.failed(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<SocketAddr>> {
        self.answerable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
