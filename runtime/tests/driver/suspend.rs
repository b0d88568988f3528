//! A host that sleeps: the machine's clock stood still, the connection is long gone.

use crate::memory::Memory;
use crate::stage::{Stage, Step};
use core::time::Duration;
use portcullis::Event;
use portcullis::machine::{Fault, Phase};
use portcullis_runtime::HostSleep;

const HOURS: Duration = Duration::from_secs(2 * 3600);

/// The host sleeps, and the shard is woken by whatever wakes it.
fn sleep(stage: &mut Stage, span: Duration) -> Vec<Event> {
    let seen = stage.events.len();
    stage.memory.world().slept += span;
    while stage.poll() == Step::Event {}
    stage.events.split_off(seen)
}

fn is_suspended(event: &Event) -> bool {
    matches!(event, Event::Faulted(Fault::Suspended { .. }))
}

#[test]
fn scenario_78_a_link_that_slept_two_hours_is_left_at_once_and_resumed() {
    let mut stage = Stage::new();
    stage.reach(Phase::Active);
    let told = sleep(&mut stage, HOURS);
    assert_eq!(told.first(), Some(&Event::Faulted(Fault::Suspended { span: HOURS })));
    assert_eq!(told.iter().filter(|event| is_suspended(event)).count(), 1);
    assert_eq!(stage.shard.phase(), Phase::Backoff);
    stage.reach(Phase::Active);
    assert!(stage.gateway.heard.iter().any(|frame| frame.starts_with(r#"{"op":6,"#)), "{:?}", stage.gateway.heard);
    // It is told once: what was slept before does not count again.
    assert!(sleep(&mut stage, Duration::ZERO).is_empty());
    assert_eq!(stage.shard.phase(), Phase::Active);
}

#[test]
fn a_nap_shorter_than_the_interval_costs_no_link() {
    let mut stage = Stage::new();
    stage.reach(Phase::Active);
    assert_eq!(sleep(&mut stage, Duration::from_secs(40)), []);
    assert_eq!(stage.shard.phase(), Phase::Active);
}

#[test]
fn what_was_slept_before_the_shard_was_made_is_none_of_its_business() {
    let memory = Memory::new();
    memory.world().slept = HOURS;
    let mut stage = Stage::with(memory, |builder| builder);
    stage.reach(Phase::Active);
    assert!(!stage.events.iter().any(is_suspended));
}

#[test]
fn a_shard_that_ignores_sleep_finds_its_link_dead_by_its_heart_alone() {
    let mut stage = Stage::with(Memory::new(), |builder| builder.host_sleep(HostSleep::Ignored));
    stage.reach(Phase::Active);
    assert_eq!(sleep(&mut stage, HOURS), []);
    assert_eq!(stage.shard.phase(), Phase::Active);
}
