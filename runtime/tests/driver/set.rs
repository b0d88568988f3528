//! Many shards in one task.

use crate::memory::{Alarm, Gateway, Memory};
use core::future::Future as _;
use core::num::NonZeroUsize;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use futures_core::Stream;
use portcullis::dialect::discord::{Command, Intents, Presence, Status};
use portcullis::machine::{Outcome, Session, Shutdown};
use portcullis::{Discord, Event, Seed};
use portcullis_runtime::{Builder, Driver, Events, Member, Pump, Sender, ShardKey, ShardSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

type Shard = Driver<Discord, Memory>;

fn shard(memory: &Memory) -> Shard {
    let builder = Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).gateway("ws://127.0.0.1:9");
    builder.seed(Seed(7)).build().unwrap()
}

/// A set of shards, each with a world of its own.
struct Fleet<M> {
    set: ShardSet<M>,
    gateways: Vec<Gateway>,
    alarm: Arc<Alarm>,
    heard: Vec<(ShardKey, Event)>,
    has_ended: bool,
}

impl<M: Member> Fleet<M> {
    fn of(set: ShardSet<M>, gateways: Vec<Gateway>) -> Self {
        let alarm = Arc::new(Alarm::default());
        Waker::from(Arc::clone(&alarm)).wake();
        Self { set, gateways, alarm, heard: Vec::new(), has_ended: false }
    }

    /// One `next_event()`, polled once and dropped.
    fn poll(&mut self) -> Poll<Option<(ShardKey, Event)>> {
        let waker = Waker::from(Arc::clone(&self.alarm));
        pin!(self.set.next_event()).poll(&mut Context::from_waker(&waker))
    }

    /// Polls when woken, as an executor does, until both sides have nothing more to do.
    fn settle(&mut self) {
        loop {
            let was_woken = self.alarm.take();
            if was_woken {
                loop {
                    match self.poll() {
                        Poll::Ready(Some(heard)) => self.heard.push(heard),
                        Poll::Ready(None) => {
                            self.has_ended = true;
                            break;
                        }
                        Poll::Pending => break,
                    }
                }
            }
            let moved = self.gateways.iter_mut().fold(false, |moved, gateway| gateway.step() | moved);
            if !moved && !was_woken {
                return;
            }
        }
    }

    fn hear(&mut self) -> Vec<(ShardKey, Event)> {
        self.settle();
        core::mem::take(&mut self.heard)
    }
}

fn fleet(shards: usize) -> (Fleet<Shard>, Vec<ShardKey>) {
    let worlds: Vec<_> = (0..shards).map(|_| Memory::new()).collect();
    let mut set = ShardSet::new();
    let keys = worlds.iter().map(|memory| set.add(shard(memory))).collect();
    (Fleet::of(set, worlds.iter().map(Gateway::new).collect()), keys)
}

fn dispatches(heard: &[(ShardKey, Event)]) -> Vec<ShardKey> {
    heard.iter().filter(|(_, event)| matches!(event, Event::Dispatch(_))).map(|(key, _)| *key).collect()
}

#[test]
fn a_flooding_shard_delays_no_others_event_by_more_than_one_of_each() {
    let (mut fleet, keys) = fleet(3);
    let ready = fleet.hear();
    assert_eq!(ready.iter().filter(|(_, event)| matches!(event, Event::Ready(_))).count(), 3);
    for _ in 0..50 {
        fleet.gateways[0].dispatch("FLOOD");
    }
    fleet.gateways[1].dispatch("ONE");
    fleet.gateways[2].dispatch("ONE");
    let order = dispatches(&fleet.hear());
    assert_eq!(order.len(), 52);
    assert_eq!(&order[..4], [keys[0], keys[1], keys[2], keys[0]]);
}

#[test]
fn shards_come_and_go_and_the_set_is_over_when_all_have_ended() {
    let (mut fleet, keys) = fleet(2);
    fleet.hear();
    let memory = Memory::new();
    let late = fleet.set.add(shard(&memory));
    fleet.gateways.push(Gateway::new(&memory));
    let heard = fleet.hear();
    assert!(heard.iter().any(|(key, event)| *key == late && matches!(event, Event::Ready(_))), "{heard:?}");
    assert_eq!(fleet.set.len(), 3);

    // A shard that is taken out lives on by itself, and is heard no more in the set.
    let taken = fleet.set.remove(keys[0]).unwrap();
    fleet.gateways[0].dispatch("ONE");
    assert_eq!(fleet.hear(), []);
    assert_eq!(fleet.set.remove(keys[0]).map(|_| ()), None);
    drop(taken);

    fleet.set.shutdown(Shutdown::KeepSession);
    let ended = fleet.hear().into_iter().filter(|(_, event)| matches!(event, Event::Ended(_)));
    assert_eq!(ended.map(|(key, _)| key).collect::<Vec<_>>(), [keys[1], late]);
    assert!(fleet.has_ended);
    assert_eq!(fleet.set.sessions().map(|(key, _)| key).collect::<Vec<_>>(), [keys[1], late]);
    assert!(fleet.set.get(late).unwrap().end_reason().is_some());

    let memory = Memory::new();
    let new = fleet.set.add(shard(&memory));
    fleet.gateways.push(Gateway::new(&memory));
    assert!(new > late, "no key comes twice");
    assert!(fleet.hear().iter().any(|(key, event)| *key == new && matches!(event, Event::Ready(_))));
}

#[test]
fn a_command_to_all_is_answered_by_each() {
    let (mut fleet, keys) = fleet(3);
    fleet.hear();
    let command = Command::UpdatePresence(Presence::new(Status::Idle));
    let tickets = fleet.set.broadcast(&command);
    assert_eq!(tickets.iter().map(|(key, _)| *key).collect::<Vec<_>>(), keys);
    fleet.hear();
    for (_, ticket) in tickets {
        assert_eq!(pin!(ticket.unwrap()).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Outcome::Sent));
    }
}

#[test]
fn shards_that_live_in_tasks_of_their_own_are_one_stream_as_well() {
    let (mut fleet, keys) = fleet(3);
    fleet.hear();
    let mut pumps: Vec<Pump<Discord, Memory>> = Vec::new();
    let set = fleet.set.split(NonZeroUsize::new(10).unwrap(), |pump| pumps.push(pump));
    let mut fleet: Fleet<Events> = Fleet::of(set, fleet.gateways);
    for (gateway, count) in fleet.gateways.iter_mut().zip([5, 1, 1]) {
        for _ in 0..count {
            gateway.dispatch("ONE");
        }
    }
    for pump in &mut pumps {
        assert!(Pin::new(pump).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let order = dispatches(&fleet.hear());
    assert_eq!(order, [keys[0], keys[1], keys[2], keys[0], keys[0], keys[0], keys[0]]);
}

/// A shard that counts how often it is polled.
struct Counted {
    shard: Shard,
    polls: Arc<AtomicUsize>,
}

impl Stream for Counted {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        self.shard.poll_event(cx)
    }
}

impl Member for Counted {
    type Dialect = Discord;

    fn sender(&self) -> Sender {
        self.shard.sender()
    }

    fn session(&self) -> Option<Session> {
        self.shard.session()
    }
}

#[test]
fn a_shard_with_nothing_to_do_is_not_polled() {
    let polls = Arc::new(AtomicUsize::new(0));
    let worlds: Vec<_> = (0..100).map(|_| Memory::new()).collect();
    let count = |memory| Counted { shard: shard(memory), polls: Arc::clone(&polls) };
    let set = worlds.iter().map(count).collect();
    let mut fleet = Fleet::of(set, worlds.iter().map(Gateway::new).collect());
    fleet.hear();
    polls.store(0, Ordering::Relaxed);
    fleet.gateways[42].dispatch("ONE");
    assert_eq!(dispatches(&fleet.hear()).len(), 1);
    // Once for the event, once to find that there is no more.
    assert_eq!(polls.load(Ordering::Relaxed), 2);
}
