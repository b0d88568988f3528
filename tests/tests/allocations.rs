//! Allocations of a machine in its steady state: none for a dispatch, a tick or an acknowledgement.

use bytes::Bytes;
use portcullis::machine::{Action, Config, Event, EventFilter, Input};
use portcullis::{ConnectionId, GatewayMachine, Message, Timestamp};
use portcullis_tests::memory::{Counting, asked};
use portcullis_tests::rig::config;
use portcullis_tests::{Rig, frames, millis, seconds};
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<R>(deed: impl FnOnce() -> R) -> usize {
    let before = asked().count;
    black_box(deed());
    asked().count - before
}

/// An active machine that has counted its first event by name, and its connection.
fn steady() -> (GatewayMachine, ConnectionId, Timestamp) {
    let mut rig = Rig::online(config());
    rig.message(frames::message_create(3));
    let (connection, now) = (rig.connection(), rig.now);
    (rig.machine, connection, now)
}

fn drain(machine: &mut GatewayMachine, now: Timestamp, input: Input) -> usize {
    machine.handle(now, input).map(|action| drop(black_box(action))).count()
}

/// A message of 2 KB in its own memory, as from a socket.
fn message_of_2_kb(sequence: u64) -> Message {
    let content = "x".repeat(1900);
    let data = format!(r#"{{"type":0,"id":"1","content":"{content}","channel_id":"2","author":{{"id":"3"}}}}"#);
    let Message::Text(frame) = frames::dispatch("MESSAGE_CREATE", sequence, &data) else { unreachable!() };
    assert!((2000..2100).contains(&frame.len()), "{} bytes", frame.len());
    Message::Text(Bytes::copy_from_slice(&frame))
}

#[test]
fn a_dispatch_allocates_nothing() {
    let (mut machine, connection, mut now) = steady();
    let messages: Vec<Message> = (4..1004).map(message_of_2_kb).collect();
    let mut dispatches = 0;
    let count = allocations(|| {
        for message in messages {
            now = now + millis(1);
            for action in machine.handle(now, Input::Message(connection, message)) {
                if let Action::Event(Event::Dispatch(dispatch)) = action {
                    dispatches += u64::from(dispatch.name() == "MESSAGE_CREATE" && dispatch.sequence().is_some());
                }
            }
        }
    });
    assert_eq!((dispatches, count), (1000, 0));
}

#[test]
fn an_event_that_is_filtered_allocates_nothing() {
    let config = Config { events: EventFilter::only(["MESSAGE_DELETE", "TYPING_START"]), ..config() };
    let mut rig = Rig::online(config);
    rig.message(frames::message_create(3));
    let (connection, now, mut machine) = (rig.connection(), rig.now, rig.machine);
    let messages: Vec<Message> = (4..1004).map(message_of_2_kb).collect();
    let count = allocations(|| {
        for message in messages {
            drain(&mut machine, now, Input::Message(connection, message));
        }
    });
    assert_eq!((machine.health().counts.filtered, count), (1002, 0));
}

#[test]
fn a_duplicate_and_an_unknown_frame_allocate_nothing() {
    let (mut machine, connection, now) = steady();
    let messages: Vec<Message> = (0..100).map(|_| message_of_2_kb(2)).collect();
    let unknown: Vec<Message> = (0..100).map(|_| frames::text(r#"{"t":null,"s":null,"op":99,"d":null}"#)).collect();
    let count = allocations(|| {
        for message in messages.into_iter().chain(unknown) {
            drain(&mut machine, now, Input::Message(connection, message));
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn ticks_allocate_nothing() {
    let (mut machine, _, mut now) = steady();
    let count = allocations(|| {
        for _ in 0..300 {
            now = now + millis(100);
            drain(&mut machine, now, Input::Tick);
            drain(&mut machine, now, Input::TickUnread);
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn a_beat_allocates_its_frame_and_its_acknowledgement_nothing() {
    let (mut machine, connection, mut now) = steady();
    let acks: Vec<Message> = (0..100).map(|_| frames::ack()).collect();
    let (mut beats, mut answers) = (0, 0);
    for ack in acks {
        now = now + seconds(40);
        beats += allocations(|| drain(&mut machine, now, Input::Tick));
        answers += allocations(|| drain(&mut machine, now, Input::Sent(connection)));
        answers += allocations(|| drain(&mut machine, now, Input::Message(connection, ack)));
    }
    assert_eq!(machine.health().counts.beats_acked, 101);
    assert_eq!(answers, 0);
    assert!(beats <= 100 * 2, "{beats} allocations for 100 beats");
}
