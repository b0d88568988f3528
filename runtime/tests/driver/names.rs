//! Lookups of names that the shards of an application share.

use crate::memory::{Alarm, Memory};
use core::future::Future as _;
use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;
use portcullis::Discord;
use portcullis::dialect::discord::Intents;
use portcullis::machine::{Cause, Config, Phase, Timeouts};
use portcullis_runtime::{Builder, Driver, Network};
use std::sync::Arc;
use std::task::Waker;

type Shard = Driver<Discord, Memory>;

fn shard(memory: &Memory, network: &Network) -> Shard {
    let timeouts = Timeouts { connect: Duration::from_secs(60), ..Timeouts::default() };
    let builder = Builder::new(memory.clone(), "a.bot.token", Intents::GUILDS).gateway("ws://gateway.invalid:9");
    builder.network(network.clone()).config(Config { timeouts, ..Config::default() }).build().unwrap()
}

/// Lets a shard go on as far as it can, with a waker of its own.
fn poll(shard: &mut Shard, alarm: &Arc<Alarm>) {
    let waker = Waker::from(Arc::clone(alarm));
    while let Poll::Ready(Some(_)) = pin!(shard.next_event()).poll(&mut Context::from_waker(&waker)) {}
}

struct Fleet {
    memory: Memory,
    network: Network,
    shards: Vec<(Shard, Arc<Alarm>)>,
}

impl Fleet {
    fn of(count: usize) -> Self {
        let (memory, network) = (Memory::new(), Network::default());
        memory.resolve_names(false);
        let mut fleet = Self { memory, network, shards: Vec::new() };
        (0..count).for_each(|_| fleet.add());
        fleet
    }

    fn add(&mut self) {
        let (mut shard, alarm) = (shard(&self.memory, &self.network), Arc::new(Alarm::default()));
        poll(&mut shard, &alarm);
        self.shards.push((shard, alarm));
    }

    /// Polls the shards that were woken, until none is.
    fn run_until_idle(&mut self) {
        while self.shards.iter_mut().filter(|(_, alarm)| alarm.take()).map(|(shard, alarm)| poll(shard, alarm)).count()
            > 0
        {}
    }

    fn asked(&self) -> usize {
        self.memory.world().asked.len()
    }

    fn connected(&self) -> usize {
        core::iter::from_fn(|| self.memory.accept()).count()
    }
}

#[test]
fn a_thousand_shards_share_one_lookup() {
    let mut fleet = Fleet::of(1000);
    assert_eq!((fleet.asked(), fleet.connected()), (1, 0));
    fleet.memory.resolve_names(true);
    fleet.run_until_idle();
    assert_eq!((fleet.asked(), fleet.connected()), (1, 1000));
    assert_eq!(fleet.memory.world().asked, ["gateway.invalid"]);
}

#[test]
fn an_answer_is_good_for_ten_seconds() {
    let mut fleet = Fleet::of(1);
    fleet.memory.resolve_names(true);
    fleet.run_until_idle();
    fleet.memory.pass(Duration::from_millis(9999));
    fleet.add();
    assert_eq!((fleet.asked(), fleet.connected()), (1, 2));
    fleet.memory.pass(Duration::from_millis(1));
    fleet.add();
    assert_eq!((fleet.asked(), fleet.connected()), (2, 1));
}

#[test]
fn who_asked_first_may_leave() {
    let mut fleet = Fleet::of(3);
    fleet.shards.remove(0);
    fleet.memory.resolve_names(true);
    fleet.run_until_idle();
    assert_eq!((fleet.asked(), fleet.connected()), (1, 2));
}

#[test]
fn when_all_have_left_the_next_looks_the_name_up_again() {
    let mut fleet = Fleet::of(3);
    fleet.shards.clear();
    fleet.add();
    assert_eq!(fleet.asked(), 2);
    fleet.memory.resolve_names(true);
    fleet.run_until_idle();
    assert_eq!(fleet.connected(), 1);
}

#[test]
fn no_dial_joins_a_lookup_that_hangs() {
    let mut fleet = Fleet::of(1);
    fleet.memory.pass(Duration::from_millis(4999));
    fleet.add();
    assert_eq!(fleet.asked(), 1);
    fleet.memory.pass(Duration::from_millis(1));
    fleet.add();
    fleet.add();
    assert_eq!(fleet.asked(), 2);
    fleet.memory.resolve_names(true);
    fleet.run_until_idle();
    assert_eq!(fleet.connected(), 4);
}

#[test]
fn a_name_that_is_not_found_is_not_remembered() {
    let mut fleet = Fleet::of(2);
    let addresses = core::mem::take(&mut fleet.memory.world().addresses);
    fleet.memory.resolve_names(true);
    fleet.run_until_idle();
    for (shard, _) in &fleet.shards {
        assert_eq!(shard.phase(), Phase::Backoff);
        assert_eq!(shard.explain().last().map(|made| made.cause), Some(Cause::ConnectName));
    }
    fleet.memory.world().addresses = addresses;
    fleet.add();
    assert_eq!((fleet.asked(), fleet.connected()), (2, 1));
}

#[test]
fn addresses_that_lead_nowhere_are_forgotten() {
    let mut fleet = Fleet::of(1);
    let addresses = fleet.memory.world().addresses.clone();
    fleet.memory.world().refusing = addresses;
    fleet.memory.resolve_names(true);
    fleet.run_until_idle();
    fleet.memory.world().refusing.clear();
    fleet.add();
    assert_eq!((fleet.asked(), fleet.connected()), (2, 1));
}

#[test]
fn networks_of_their_own_share_nothing() {
    let mut fleet = Fleet::of(1);
    fleet.network = Network::default();
    fleet.add();
    assert_eq!(fleet.asked(), 2);
}
