//! The shards, on one thread.

use super::args::Args;
use super::tally::{DrainError, Goal, Progress, Tally};
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use portcullis::dialect::ShardId;
use portcullis::identify::{QueueConfig, SessionStartLimit};
use portcullis::{Discord, Event};
use portcullis_runtime::{BuildError, Builder, Driver, Runtime, SharedIdentify};
use std::rc::Rc;

/// How many shards may be on their way to Ready at once: a listener's queue is short.
const UNREADY_MAX: u32 = 128;

type Life = Pin<Box<dyn Future<Output = ()>>>;

pub(crate) struct Fleet<R: Runtime> {
    settings: Builder<R>,
    shards: u32,
    begun: u32,
    tally: Rc<Tally>,
    lives: Lives,
}

/// One shard is polled as a user's program does it; what many cost on top is theirs.
enum Lives {
    One(Option<Life>),
    Many(FuturesUnordered<Life>),
}

impl<R: Runtime> Fleet<R> {
    /// # Errors
    /// When a shard cannot be made of the arguments.
    pub(crate) fn new(runtime: &R, args: Args) -> Result<Self, BuildError> {
        let Args { url, compression, token, intents, shards, events, until, .. } = args;
        // A bucket for each shard, and a day without end.
        let limit = SessionStartLimit {
            max_concurrency: shards,
            total: u32::MAX,
            remaining: u32::MAX,
            ..SessionStartLimit::default()
        };
        let identify = SharedIdentify::new(runtime, limit, QueueConfig::default());
        let settings = Builder::new(runtime.clone(), token, intents).gateway(url).compression(compression);
        let settings = settings.identify(&identify);
        settings.clone().build()?;
        Ok(Self {
            settings,
            shards,
            begun: 0,
            tally: Rc::new(Tally::new(shards, Goal { events, until })),
            lives: if shards == 1 { Lives::One(None) } else { Lives::Many(FuturesUnordered::new()) },
        })
    }

    /// Takes what comes until the goal is reached.
    pub(crate) async fn drain(&mut self) -> Result<String, DrainError> {
        poll_fn(|cx| {
            loop {
                self.begin();
                let polled = self.poll(cx);
                if let Some(outcome) = self.tally.take() {
                    return Poll::Ready(outcome);
                }
                if polled.is_pending() && !self.may_begin() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Keeps the shards online until the time is over.
    pub(crate) async fn hold(&mut self, time: R::Sleep) {
        let mut time = pin!(time);
        poll_fn(|cx| {
            if time.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            while self.poll(cx).is_ready() {}
            Poll::Pending
        })
        .await;
    }

    fn may_begin(&self) -> bool {
        self.begun < self.shards && self.begun - self.tally.shards_ready().min(self.begun) < UNREADY_MAX
    }

    fn begin(&mut self) {
        while self.may_begin() {
            let Ok(id) = ShardId::new(self.begun, self.shards) else { return };
            self.begun += 1;
            let shard = match self.settings.clone().shard(id).build() {
                Ok(shard) => shard,
                Err(error) => unreachable!("the first shard could be made, {id} not: {error}"),
            };
            let life = Box::pin(live(shard, id.id(), Rc::clone(&self.tally)));
            match &mut self.lives {
                Lives::One(one) => *one = Some(life),
                Lives::Many(many) => many.push(life),
            }
        }
    }

    /// Ready when a shard has ended; pending when none has anything to do, or none is left.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.lives {
            Lives::One(life) => {
                let Some(polled) = life.as_mut().map(|life| life.as_mut().poll(cx)) else { return Poll::Pending };
                if polled.is_ready() {
                    *life = None;
                }
                polled
            }
            Lives::Many(lives) => match lives.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => Poll::Ready(()),
                Poll::Ready(None) | Poll::Pending => Poll::Pending,
            },
        }
    }
}

/// A shard from its first connection to its end.
async fn live<R: Runtime>(mut shard: Driver<Discord, R>, id: u32, tally: Rc<Tally>) {
    let mut progress = Progress::default();
    while let Some(event) = shard.next_event().await {
        match event {
            Event::Dispatch(dispatch) => tally.dispatch(dispatch.name(), &mut progress),
            Event::Ready(_) => tally.ready(&mut progress),
            Event::Reconnecting { after, cause, .. } => {
                tally.lost(&mut progress);
                if !tally.is_over() {
                    eprintln!("drain: shard {id} connects again in {:.1} s: {cause}", after.as_secs_f64());
                }
            }
            Event::Ended(reason) => tally.ended(id, reason, &mut progress),
            _ => {}
        }
    }
}
