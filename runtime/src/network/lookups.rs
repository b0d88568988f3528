//! Shared lookups of names: dials of one host that come together wait for one lookup, and dials that come a moment
//! later reuse its answer. Without it a thousand shards that lose their connections together would send a thousand
//! queries at once.
//!
//! # Invariants
//! * `one-clock`: the lookups have a clock of their own, the first asker's, since each driver's may have another
//!   origin.
//! * `no-stale-join`: no dial joins a lookup that hangs. A dial that comes late begins a lookup of its own.

use super::failed::FailedAddresses;
use crate::failure;
use crate::runtime::Runtime;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use futures_util::future::{FutureExt as _, Shared, WeakShared};
use portcullis::Timestamp;
use portcullis::machine::ConnectFailure;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How long an answer is reused: long enough for shards that lost their connections together, short enough for a host
/// that moves to another address.
const VALID_FOR: Duration = Duration::from_secs(10);
/// How long dials join a lookup that has no answer yet. Resolvers ask again after 5 s (`resolv.conf`, `timeout`): a
/// lookup that takes longer has lost a query, and another one may be faster.
const JOIN_MAX: Duration = Duration::from_secs(5);
/// More names than an application dials in that time. Further names are looked up each time.
const NAMES_MAX: usize = 256;

type Answer = Result<Arc<[SocketAddr]>, ConnectFailure>;
type Lookup = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;
type Name = (String, u16);

#[derive(Default)]
pub(crate) struct Lookups {
    clock: OnceLock<Clock>,
    names: Mutex<BTreeMap<Name, Known>>,
    failed: Mutex<FailedAddresses>,
}

enum Known {
    /// A weak reference: the dials that wait hold the lookup, and the last one drops it.
    Underway {
        lookup: WeakShared<Lookup>,
        since: Timestamp,
    },
    Answered {
        addresses: Arc<[SocketAddr]>,
        since: Timestamp,
    },
}

impl Known {
    fn is_valid(&self, now: Timestamp) -> bool {
        match self {
            Self::Underway { lookup, since } => now - *since < JOIN_MAX && lookup.upgrade().is_some(),
            Self::Answered { since, .. } => now - *since < VALID_FOR,
        }
    }
}

impl Lookups {
    /// The addresses of a host: at least one.
    pub(crate) async fn resolve<R: Runtime>(self: &Arc<Self>, runtime: &R, host: &str, port: u16) -> Answer {
        let lookup = {
            let now = self.now(runtime);
            let mut names = self.lock();
            names.retain(|_, known| known.is_valid(now));
            let name = (host.to_owned(), port);
            let underway = match names.get(&name) {
                Some(Known::Answered { addresses, .. }) => return Ok(Arc::clone(addresses)),
                Some(Known::Underway { lookup, .. }) => lookup.upgrade(),
                None => None,
            };
            underway.unwrap_or_else(|| {
                let lookup = self.begin(runtime, name.clone());
                if names.len() < NAMES_MAX
                    && let Some(lookup) = lookup.downgrade()
                {
                    names.insert(name, Known::Underway { lookup, since: now });
                }
                lookup
            })
        };
        lookup.await
    }

    /// No address took a connection: the next dial looks the name up again.
    pub(crate) fn forget(&self, host: &str, port: u16) {
        let name = (host.to_owned(), port);
        let mut names = self.lock();
        if let Some(Known::Answered { .. }) = names.get(&name) {
            names.remove(&name);
        }
    }

    /// Those of the addresses that did not fail lately, and those that did, the oldest failure first.
    pub(crate) fn split_by_failure(&self, addresses: &[SocketAddr]) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let Some(clock) = self.clock.get() else { return (addresses.to_vec(), Vec::new()) };
        self.lock_failed().split_by_failure(addresses, clock())
    }

    /// The address accepted a connection, and then failed.
    pub(crate) fn note_failed(&self, address: SocketAddr) {
        // The address came of a lookup, which set the clock.
        let Some(clock) = self.clock.get() else { return };
        self.lock_failed().note(address, clock());
    }

    /// A message came from the address.
    pub(crate) fn note_alive(&self, address: SocketAddr) {
        self.lock_failed().forget(address);
    }

    fn lock_failed(&self) -> MutexGuard<'_, FailedAddresses> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin<R: Runtime>(self: &Arc<Self>, runtime: &R, name: Name) -> Shared<Lookup> {
        let found = runtime.resolve(&name.0, name.1);
        let (lookups, runtime) = (Arc::downgrade(self), runtime.clone());
        let lookup: Lookup = Box::pin(async move {
            let answer = match found.await {
                Ok(addresses) if !addresses.is_empty() => Ok(Arc::from(addresses)),
                Ok(_) => Err(ConnectFailure::Name),
                Err(error) => Err(failure::of_resolve(&error)),
            };
            if let Some(lookups) = lookups.upgrade() {
                lookups.note(&runtime, name, &answer);
            }
            answer
        });
        lookup.shared()
    }

    /// A failure is not kept: each dial that got it backs off by itself, and looks the name up again.
    fn note<R: Runtime>(&self, runtime: &R, name: Name, answer: &Answer) {
        let since = self.now(runtime);
        let mut names = self.lock();
        match answer {
            Ok(addresses) if names.contains_key(&name) => {
                names.insert(name, Known::Answered { addresses: Arc::clone(addresses), since });
            }
            Ok(_) => {}
            Err(_) => {
                names.remove(&name);
            }
        }
    }

    fn now<R: Runtime>(&self, runtime: &R) -> Timestamp {
        let clock = self.clock.get_or_init(|| {
            let runtime = runtime.clone();
            Box::new(move || runtime.now())
        });
        clock()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Known>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
