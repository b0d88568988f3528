//! The memory of inflating: one allocation of the payload's size for each message, and never more than the limit.

use portcullis::codec::{Format, Inflater};
use portcullis::machine::{Action, Config, Event, Input, Limits};
use portcullis::{Message, Timestamp};
use portcullis_tests::memory::{Counting, asked, note_anew, sizes};
use portcullis_tests::pack::{MZFlush, bomb};
use portcullis_tests::pair::{INFLATERS, compressed, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames, seconds};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Every format that compresses, with every inflater.
fn choices() -> impl Iterator<Item = (Format, Option<Inflater>)> {
    let formats = formats().into_iter().filter(compressed);
    formats.flat_map(|format| INFLATERS.map(|inflater| (format, inflater)))
}

/// A payload of 2 KB.
fn message_create(sequence: u64) -> Message {
    let words: Vec<String> = (0..190_u64).map(|index| format!("{:010}", (index + sequence) * 7_919)).collect();
    let content = words.concat();
    frames::dispatch("MESSAGE_CREATE", sequence, &format!(r#"{{"id":"1","content":"{content}"}}"#))
}

#[test]
fn an_inflated_message_costs_one_allocation_of_its_size() {
    for (format, inflater) in choices() {
        let mut pair = Pair::online(format, Config { inflater, ..prompt() });
        // The machine has counted the name, and its scratch has grown.
        for sequence in 2..300 {
            pair.say(&message_create(sequence));
        }
        let (connection, now) = (pair.rig.connection(), pair.rig.now);
        for sequence in 300..400 {
            let bytes = pair.pack(&message_create(sequence));
            let input = Input::Message(connection, Message::Binary(bytes.into()));
            note_anew();
            let mut taken = None;
            for action in pair.rig.machine.handle(now, input) {
                if let Action::Event(Event::Dispatch(dispatch)) = action {
                    taken = Some(dispatch);
                }
            }
            let (sizes, dispatch) = (sizes(), taken.expect("a dispatch"));
            assert_eq!(sizes, [dispatch.frame().len()], "{format:?} {inflater:?}, {sequence}");
        }
    }
}

#[test]
fn a_quiet_link_gives_its_scratch_back() {
    for (format, inflater) in choices() {
        let mut pair = Pair::online(format, Config { inflater, ..Config::default() });
        pair.say(&frames::dispatch("GUILD_CREATE", 2, &format!(r#""{}""#, "x".repeat(300_000))));
        pair.rig.dispatches.clear();
        let before = asked().live;
        pair.rig.ack_beats().advance(seconds(41));
        let given_back = before - asked().live;
        assert!((200_000..2_000_000).contains(&given_back), "{format:?} {inflater:?}: {given_back} bytes");
        pair.say(&frames::message_create(3));
        assert_eq!(pair.rig.dispatches.len(), 1);
    }
}

#[test]
fn scenario_59_a_bomb_takes_no_more_memory_than_the_limit() {
    const LIMIT: usize = 16 << 20;
    for (format, inflater) in choices() {
        let bomb = bomb(format, MZFlush::Sync, 1 << 30);
        let config = Config { limits: Limits { inflated: LIMIT, ..Limits::default() }, inflater, ..prompt() };
        let mut pair = Pair::open(format, config);
        let (connection, now) = (pair.rig.connection(), Timestamp::ZERO);
        let input = Input::Message(connection, Message::Binary(bomb.into()));
        note_anew();
        let faults =
            pair.rig.machine.handle(now, input).filter(|action| matches!(action, Action::Event(Event::Faulted(_))));
        assert_eq!(faults.count(), 1);
        let peak = asked().peak.cast_unsigned();
        println!("{format:?} {inflater:?}: {peak} bytes at the peak, the limit is {LIMIT}");
        // While the scratch grows for the last time, its old memory (a quarter at most) and its new one exist together.
        assert!(peak <= LIMIT / 4 * 5 + (64 << 10), "{format:?} {inflater:?}: {peak} bytes");
    }
}
