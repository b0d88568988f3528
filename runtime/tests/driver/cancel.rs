//! `next_event()` dropped at every point of every write.

use crate::memory::{Memory, Pipe};
use crate::stage::Stage;
use portcullis::dialect::RawCommand;
use portcullis::dialect::discord::Command;
use portcullis::machine::{CommandId, Outcome, Phase, Shutdown};
use portcullis::{CloseCode, CloseReason, Event};
use std::collections::BTreeMap;

fn command(number: u32) -> Command {
    Command::Raw(RawCommand::new(&BTreeMap::from([("op", 99), ("n", number)])).unwrap())
}

/// A story with a write of each kind: the upgrade, an Identify, two commands and a close frame. The socket takes
/// `allowance` bytes and then nothing for a while, in which the shard is polled again and again.
fn story(allowance: usize) -> (Stage, bool) {
    let memory = Memory::new();
    memory.world().allowance = allowance;
    let mut stage = Stage::with(memory, |builder| builder);
    drop(stage.shard.send(command(1)).unwrap());
    let mut was_blocked = false;
    for act in 0..3 {
        stage.run_until_idle();
        if stage.gateway.pipe().is_some_and(Pipe::is_blocking) {
            was_blocked = true;
            // Polled for nothing, and asked for more meanwhile: what is read is still handed out.
            let heard = stage.gateway.heard.len();
            for _ in 0..3 {
                stage.poll();
            }
            assert_eq!(stage.gateway.heard.len(), heard);
            stage.gateway.pipe().unwrap().release();
            assert!(stage.alarm.take(), "the write that goes on wakes the shard");
            while stage.poll() == crate::stage::Step::Event {}
            stage.run_until_idle();
        }
        match act {
            0 => {
                drop(stage.shard.send(command(2)).unwrap());
                assert!(stage.gateway.dispatch("ONE") && stage.gateway.dispatch("TWO"));
            }
            1 => stage.shard.shutdown(Shutdown::KeepSession),
            _ => {}
        }
    }
    stage.run_until_idle();
    (stage, was_blocked)
}

#[test]
fn nothing_is_lost_and_nothing_comes_twice_wherever_a_write_blocks() {
    let mut allowance = 0;
    loop {
        let (stage, was_blocked) = story(allowance);
        assert_eq!(stage.taken(), ["READY", "ONE", "TWO"], "{allowance}");
        let heard: Vec<&str> = stage.gateway.heard.iter().map(|text| text.get(..14).unwrap_or(text)).collect();
        assert_eq!(heard, [r#"{"op":2,"d":{""#, r#"{"n":1,"op":99"#, r#"{"n":2,"op":99"#, "close 4000"], "{allowance}");
        let outcomes: Vec<_> = stage.events.iter().filter(|event| matches!(event, Event::Command(..))).collect();
        let sent = [CommandId(0), CommandId(1)].map(|id| Event::Command(id, Outcome::Sent));
        assert_eq!(outcomes, sent.iter().collect::<Vec<_>>(), "{allowance}");
        assert!(stage.is_over && stage.shard.session().is_some(), "{allowance}");
        if !was_blocked {
            break;
        }
        allowance += 1;
    }
    assert!(allowance > 350, "all writes together are longer than {allowance} bytes");
}

#[test]
fn events_are_handed_out_while_a_write_is_blocked() {
    let memory = Memory::new();
    let mut stage = Stage::with(memory, |builder| builder);
    stage.reach(Phase::Active);
    stage.gateway.pipe().unwrap().block();
    drop(stage.shard.send(command(1)).unwrap());
    stage.run_until_idle();
    assert!(stage.gateway.pipe().unwrap().is_blocking());
    assert!(stage.gateway.dispatch("ONE"));
    stage.run_until_idle();
    assert_eq!(stage.taken(), ["READY", "ONE"]);

    // A write that never ends costs the connection; the command's fate is not known.
    stage.gateway.pipe().unwrap().block();
    stage.until(|stage| stage.events.iter().any(|event| matches!(event, Event::Command(..))));
    assert!(stage.events.contains(&Event::Command(CommandId(0), Outcome::Unknown)), "{:?}", stage.events);
    stage.reach(Phase::Active);
    assert_eq!(stage.taken(), ["READY", "ONE", "RESUMED"]);
}

#[test]
fn what_was_read_before_a_broken_write_is_handed_out_first() {
    let mut stage = Stage::new();
    stage.reach(Phase::Active);
    assert!(stage.gateway.dispatch("ONE") && stage.gateway.close(4004));
    stage.gateway.cut();
    drop(stage.shard.send(command(1)).unwrap());
    stage.run_until_idle();
    assert_eq!(stage.taken(), ["READY", "ONE"]);
    let closed = stage.events.iter().find_map(|event| match event {
        Event::Closed { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(closed.as_ref().and_then(CloseReason::code), Some(CloseCode(4004)));
    assert!(stage.is_over, "4004 is final");
}
