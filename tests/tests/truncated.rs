//! Streams that lose the last bytes of a message (scenario 58): no invalid payload comes out, and the messages that follow show
//! the loss.

use portcullis::Message;
use portcullis::codec::{Compression, Encoding, Format, Inflater};
use portcullis::machine::{Config, Phase};
use portcullis_tests::pair::INFLATERS;
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, frames};
use serde::de::IgnoredAny;

/// How many messages follow the one that was cut.
const MORE: u64 = 40;

fn cases() -> impl Iterator<Item = (Encoding, Option<Inflater>, u64)> {
    let kinds = INFLATERS.into_iter().flat_map(|inflater| (0..6).map(move |kind| (inflater, kind)));
    [Encoding::Json, Encoding::Etf]
        .into_iter()
        .flat_map(move |encoding| kinds.clone().map(move |(inflater, kind)| (encoding, inflater, kind)))
}

/// A dispatch with `kind` squared keys, which differ.
fn said(sequence: u64, kind: u64) -> Message {
    let words =
        (0..kind * kind).map(|word| format!(r#""{:x}":{},"#, word * 77_773 + sequence, sequence * (word + 7919)));
    let data = format!("{{{}\"id\":\"{sequence}\"}}", words.collect::<String>());
    frames::dispatch("MESSAGE_CREATE", sequence, &data)
}

#[test]
fn scenario_58_a_cut_message_is_found_and_no_half_of_it_handed_out() {
    let mut late = Vec::new();
    for (encoding, inflater, kind) in cases() {
        let format = Format { compression: Compression::ZlibStream, encoding };
        for cut in 1..24 {
            let mut pair = Pair::online(format, Config { inflater, ..prompt() });
            let mut message = pair.pack(&said(2, kind));
            message.truncate(message.len().saturating_sub(cut));
            pair.give(message);
            let mut sequence = 3;
            while pair.rig.machine.phase() == Phase::Active && sequence < 3 + MORE {
                pair.say(&said(sequence, kind));
                sequence += 1;
            }
            for dispatch in &pair.rig.dispatches {
                assert!(
                    dispatch.decode::<IgnoredAny>().is_ok(),
                    "{encoding:?} {inflater:?} {kind} cut by {cut}: {dispatch:?}"
                );
            }
            if pair.rig.machine.phase() == Phase::Active && pair.rig.dispatches.len() < sequence as usize - 1 {
                late.push((encoding, inflater, kind, cut, pair.rig.dispatches.len()));
            }
        }
    }
    assert_eq!(late, []);
}
