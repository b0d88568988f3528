//! Many shards as one stream.

mod auto;
mod fixed;
mod ready;

use crate::driver::{Buffer, CommandHandle, Driver, Events, Pump, Sender};
use crate::identify::SharedIdentify;
use crate::runtime::Runtime;
pub use auto::AutoError;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use futures_core::Stream;
use portcullis::dialect::{Dialect, ShardId};
use portcullis::machine::{SendError, Session, Shutdown};
use portcullis::{Discord, Event};
use ready::{Ready, ShardWaker};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;

/// A shard as a set sees it: a [`Driver`], which lives while the set is polled, or the [`Events`] of one that lives in
/// a task of its own.
pub trait Member: Stream<Item = Event> + Unpin {
    /// The gateway's dialect.
    type Dialect: Dialect;

    /// A handle to it.
    fn sender(&self) -> Sender<Self::Dialect>;

    /// The session as of the last event that was taken of it.
    fn session(&self) -> Option<Session>;
}

impl<D: Dialect, R: Runtime> Member for Driver<D, R> {
    type Dialect = D;

    fn sender(&self) -> Sender<D> {
        self.sender()
    }

    fn session(&self) -> Option<Session> {
        self.session()
    }
}

impl<D: Dialect> Member for Events<D> {
    type Dialect = D;

    fn sender(&self) -> Sender<D> {
        self.sender().clone()
    }

    fn session(&self) -> Option<Session> {
        self.session()
    }
}

/// Which shard of a set. No other one of the set ever has the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey(u64);

/// Many shards as one stream of their events: a fleet in one task.
///
/// It is fair: shards that have events are served in rotation, one event each, so that a flooded shard delays another's
/// event by at most one event of each shard. It is cancel-safe, as [`Driver`] is, and an idle shard costs no CPU.
/// Shards can be added and removed at any time.
///
/// When one shard ends, by a fatal close code for example, the others live on. `Event::Ended` with its key reports it,
/// and the application decides what to do about its share of the guilds.
///
/// A set of [`Driver`]s sends heartbeats only while it is polled; [`split`](Self::split) gives each shard a task of its
/// own.
///
/// ```
/// # use portcullis::dialect::ShardId;
/// # use portcullis::dialect::discord::Intents;
/// # use portcullis::{Discord, Event};
/// # use portcullis_runtime::{Builder, Driver, Runtime, ShardSet, SharedIdentify};
/// # async fn run<R: Runtime>(runtime: R, identify: SharedIdentify) -> Result<(), Box<dyn std::error::Error>> {
/// let mut shards = ShardSet::new();
/// for id in 0..16 {
///     let shard = ShardId::new(id, 16)?;
///     // The shards of a bot share one identify queue.
///     let builder = Builder::new(runtime.clone(), "a.bot.token", Intents::GUILDS).identify(&identify);
///     shards.add(builder.shard(shard).build()?);
/// }
/// while let Some((key, event)) = shards.next_event().await {
///     if let Event::Ended(reason) = event {
///         println!("{key:?} is over: {reason}");
///         shards.remove(key);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct ShardSet<M> {
    members: BTreeMap<ShardKey, Slot<M>>,
    ready: Arc<Ready>,
    next: u64,
    /// Those that have not ended.
    alive: usize,
    identify: Option<SharedIdentify>,
}

/// Shards that live in tasks of their own, as one stream: what [`ShardSet::split`] makes.
pub type SplitShardSet<D = Discord> = ShardSet<Events<D>>;

struct Slot<M> {
    shard: M,
    id: Option<ShardId>,
    queued: Arc<ShardWaker>,
    waker: Waker,
    is_over: bool,
}

/// How many shards that give no event are polled, one after the other, before the set yields to other tasks: a set has
/// up to thousands of them, and all may be woken at once.
const POLLS_MAX: u32 = 256;

impl<M: Member> ShardSet<M> {
    /// No shards yet.
    #[must_use]
    pub fn new() -> Self {
        Self { members: BTreeMap::new(), ready: Arc::default(), next: 0, alive: 0, identify: None }
    }

    /// The identify queue of a set that a [`Builder`](crate::Builder) made: for shards that are added later, and to be
    /// [exported](SharedIdentify::export). `None` where the shards have gates of the application's own.
    #[must_use]
    pub const fn identify(&self) -> Option<&SharedIdentify> {
        self.identify.as_ref()
    }

    /// Adds a shard. It connects when the set is polled.
    pub fn add(&mut self, shard: M) -> ShardKey {
        let key = ShardKey(self.next);
        self.next += 1;
        self.alive += 1;
        let queued = ShardWaker::queued(key, &self.ready);
        let waker = Waker::from(Arc::clone(&queued));
        let id = shard.sender().shard();
        self.members.insert(key, Slot { shard, id, queued, waker, is_over: false });
        key
    }

    /// Takes a shard out, alive or ended. Drop it, and its session can be resumed for a few minutes.
    pub fn remove(&mut self, key: ShardKey) -> Option<M> {
        let slot = self.members.remove(&key)?;
        self.alive -= usize::from(!slot.is_over);
        Some(slot.shard)
    }

    /// A shard of the set: one that has ended stays until it is removed, so that it can be asked why, and for its
    /// session.
    #[must_use]
    pub fn get(&self, key: ShardKey) -> Option<&M> {
        Some(&self.members.get(&key)?.shard)
    }

    /// Which of the gateway's shards a key stands for; `None` where the gateway has none.
    #[must_use]
    pub fn shard(&self, key: ShardKey) -> Option<ShardId> {
        self.members.get(&key)?.id
    }

    /// The shard that is sent the events of a guild, and takes its commands: for its voice states, and for requests
    /// about it. `None` if the set has none that lives. Of several, as in the middle of a change of their count, it is
    /// the one that was added first.
    ///
    /// ```
    /// use portcullis::dialect::discord::UpdateVoiceState;
    /// # use portcullis_runtime::{Events, ShardSet};
    ///
    /// # fn leave(shards: &ShardSet<Events>, guild_id: u64) -> Result<(), Box<dyn std::error::Error>> {
    /// if let Some((_, shard)) = shards.for_guild(guild_id) {
    ///     shard.sender().update_voice_state(UpdateVoiceState::leave(guild_id))?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn for_guild(&self, guild_id: u64) -> Option<(ShardKey, &M)> {
        let is_of_guild = |id: ShardId| ShardId::of_guild(guild_id, id.count()).is_ok_and(|shard| shard == id);
        let mut living = self.members.iter().filter(|(_, slot)| !slot.is_over);
        let (key, slot) = living.find(|(_, slot)| slot.id.is_some_and(is_of_guild))?;
        Some((*key, &slot.shard))
    }

    /// All shards, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (ShardKey, &M)> {
        self.members.iter().map(|(key, slot)| (*key, &slot.shard))
    }

    /// How many shards there are, those that have ended among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The next event of any shard; `None` when all have ended, until another is added.
    pub async fn next_event(&mut self) -> Option<(ShardKey, Event)> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The poll form of [`next_event`](Self::next_event).
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<(ShardKey, Event)>> {
        self.ready.wake_by(cx);
        for _ in 0..POLLS_MAX {
            if self.alive == 0 {
                return Poll::Ready(None);
            }
            let Some(key) = self.ready.next() else { return Poll::Pending };
            // A shard that was removed may still be in the queue.
            let Some(slot) = self.members.get_mut(&key).filter(|slot| !slot.is_over) else { continue };
            slot.queued.leave_queue();
            match Pin::new(&mut slot.shard).poll_next(&mut Context::from_waker(&slot.waker)) {
                Poll::Pending => {}
                Poll::Ready(Some(event)) => {
                    // It may have more events, after one of each other shard.
                    slot.queued.enqueue();
                    return Poll::Ready(Some((key, event)));
                }
                Poll::Ready(None) => {
                    slot.is_over = true;
                    self.alive -= 1;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Queues a command with every shard that lives, and gives each shard's result.
    pub fn broadcast(
        &self,
        command: &<M::Dialect as Dialect>::Command,
    ) -> Vec<(ShardKey, Result<CommandHandle, SendError>)>
    where
        <M::Dialect as Dialect>::Command: Clone,
    {
        let living = self.members.iter().filter(|(_, slot)| !slot.is_over);
        living.map(|(key, slot)| (*key, slot.shard.sender().send(command.clone()))).collect()
    }

    /// Asks every shard to end. Keep calling [`next_event`](Self::next_event) until it gives `None`.
    pub fn shutdown(&self, shutdown: Shutdown) {
        for slot in self.members.values() {
            slot.shard.sender().shutdown(shutdown);
        }
    }

    /// The sessions as of the last events that were taken: what a later run resumes from. Shards without one are left
    /// out.
    pub fn sessions(&self) -> impl Iterator<Item = (ShardKey, Session)> {
        self.members.iter().filter_map(|(key, slot)| Some((*key, slot.shard.session()?)))
    }
}

impl<D: Dialect, R: Runtime> ShardSet<Driver<D, R>> {
    /// Gives each shard a buffer and a task of its own, in which it sends heartbeats even when its events are not
    /// taken. Keys stay.
    ///
    /// ```
    /// use portcullis::Discord;
    /// # use portcullis_runtime::{Buffer, Driver, Pump, Runtime, ShardSet, SplitShardSet};
    ///
    /// # fn run<R: Runtime>(shards: ShardSet<Driver<Discord, R>>, spawn: impl Fn(String, Pump<Discord, R>)) {
    /// let shards: SplitShardSet = shards.split(Buffer::default(), |pump| {
    ///     let name = pump.shard().map_or_else(|| "shard".to_owned(), |shard| format!("shard {shard}"));
    ///     spawn(name, pump);
    /// });
    /// // Each shard can be asked for its state.
    /// for (_, shard) in shards.iter() {
    ///     println!("{:?} {:?}", shard.phase(), shard.latency());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn split(self, settings: impl Into<Buffer>, mut spawn: impl FnMut(Pump<D, R>)) -> ShardSet<Events<D>> {
        let settings = settings.into();
        let mut set = ShardSet {
            members: BTreeMap::new(),
            ready: Arc::default(),
            next: self.next,
            alive: self.alive,
            identify: self.identify,
        };
        for (key, Slot { shard, id, is_over, .. }) in self.members {
            let (pump, shard) = shard.split(settings);
            spawn(pump);
            let queued = ShardWaker::queued(key, &set.ready);
            let waker = Waker::from(Arc::clone(&queued));
            set.members.insert(key, Slot { shard, id, queued, waker, is_over });
        }
        set
    }
}

impl<M: Member> Stream for ShardSet<M> {
    type Item = (ShardKey, Event);

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_event(cx)
    }
}

// Nothing in it is pinned in place: members are `Unpin`.
impl<M> Unpin for ShardSet<M> {}

impl<M: Member> Default for ShardSet<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Member> Extend<M> for ShardSet<M> {
    fn extend<I: IntoIterator<Item = M>>(&mut self, shards: I) {
        for shard in shards {
            self.add(shard);
        }
    }
}

impl<M: Member> FromIterator<M> for ShardSet<M> {
    fn from_iter<I: IntoIterator<Item = M>>(shards: I) -> Self {
        let mut set = Self::new();
        set.extend(shards);
        set
    }
}

impl<M> fmt::Debug for ShardSet<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardSet")
            .field("shards", &self.members.len())
            .field("alive", &self.alive)
            .finish_non_exhaustive()
    }
}
