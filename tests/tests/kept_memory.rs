//! The memory of keeping few of many events: their own bytes, whatever came between.
//!
//! `PORTCULLIS_KEPT=100000 cargo test --release -p portcullis-tests --test kept_memory -- --nocapture` keeps as many.

use bytes::Bytes;
use portcullis::codec::{Format, Inflater};
use portcullis::machine::{Action, Config, Event, EventFilter, Input};
use portcullis::{Dispatch, Message};
use portcullis_tests::memory::{Asked, Counting, asked, note_anew};
use portcullis_tests::pair::{INFLATERS, formats};
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The test keeps one event out of this many.
const ONE_IN: u64 = 50;
/// After this many events the machine has counted all names, and its scratch has grown.
const WARM: u64 = 10 * ONE_IN;

/// How many events are sent.
fn events() -> u64 {
    std::env::var("PORTCULLIS_KEPT").map_or(1000, |count| count.parse().expect("PORTCULLIS_KEPT is a number"))
}

/// An event of 600 bytes.
fn event(sequence: u64) -> Message {
    let name = if sequence.is_multiple_of(ONE_IN) { "MESSAGE_CREATE" } else { "TYPING_START" };
    let words: Vec<String> = (0..50).map(|index| format!("{:010}", (sequence + index) * 7_919)).collect();
    frames::dispatch(name, sequence, &format!(r#"{{"id":"{sequence}","content":"{}"}}"#, words.concat()))
}

/// A copy in its own memory, as from a socket.
fn received(message: &Message) -> Message {
    match message {
        Message::Text(bytes) => Message::Text(Bytes::copy_from_slice(bytes)),
        Message::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
    }
}

/// Sends the events, and keeps some of those that come out. Returns the number that came out, and the memory.
fn kept(format: Format, config: Config, wanted: fn(&Dispatch) -> bool) -> (Vec<Dispatch>, Asked) {
    let mut pair = Pair::online(format, config);
    let packed = (2..WARM + events()).map(|sequence| {
        let event = event(sequence);
        pair.packer.message(core::str::from_utf8(event.bytes()).unwrap())
    });
    let packed: Vec<Message> = packed.collect();
    let (connection, now, machine) = (pair.rig.connection(), pair.rig.now, &mut pair.rig.machine);
    let mut kept = Vec::with_capacity(packed.len());
    for (index, message) in packed.iter().enumerate() {
        if index as u64 + 2 == WARM {
            kept.clear();
            note_anew();
        }
        for action in machine.handle(now, Input::Message(connection, received(message))) {
            if let Action::Event(Event::Dispatch(dispatch)) = action
                && wanted(&dispatch)
            {
                kept.push(dispatch);
            }
        }
    }
    let asked = asked();
    assert_eq!(kept.len() as u64, events() / ONE_IN, "{format:?}");
    (kept, asked)
}

fn payload_bytes(kept: &[Dispatch]) -> usize {
    kept.iter().map(|dispatch| dispatch.frame().len()).sum()
}

fn every_choice() -> impl Iterator<Item = (Format, Option<Inflater>)> {
    formats().into_iter().flat_map(|format| INFLATERS.map(|inflater| (format, inflater)))
}

#[test]
fn one_event_in_fifty_that_the_filter_lets_through_costs_its_own_bytes() {
    let events = EventFilter::only(["MESSAGE_CREATE"]);
    for (format, inflater) in every_choice() {
        let (kept, asked) = kept(format, Config { events: events.clone(), inflater, ..prompt() }, |_| true);
        let bytes = payload_bytes(&kept);
        println!("{format:?} {inflater:?}: {bytes} bytes of payload kept, {} live", asked.live);
        assert!(asked.live.cast_unsigned() <= bytes + bytes / 2, "{format:?} {inflater:?}: {asked:?} for {bytes}");
        if format != Format::default() {
            // The messages' memory is the socket's. The machine allocates nothing for a filtered event.
            let came = kept.len() * ONE_IN as usize;
            assert_eq!(asked.count - came, kept.len(), "{format:?} {inflater:?}: {asked:?}");
        }
    }
}

#[test]
fn one_event_in_fifty_that_the_application_keeps_costs_its_own_bytes() {
    for (format, inflater) in every_choice() {
        let wanted = |dispatch: &Dispatch| dispatch.name() == "MESSAGE_CREATE";
        let (kept, asked) = kept(format, Config { inflater, ..prompt() }, wanted);
        let bytes = payload_bytes(&kept);
        println!("{format:?} {inflater:?}: {bytes} bytes of payload kept, {} live", asked.live);
        assert!(asked.live.cast_unsigned() <= bytes + bytes / 2, "{format:?} {inflater:?}: {asked:?} for {bytes}");
    }
}
