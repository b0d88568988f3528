//! Work and memory are linear in the bytes received.

use portcullis::codec::{Compression, Encoding, Format, Scratch};
use portcullis::machine::{Config, Input, Phase};
use portcullis_tests::memory::{asked, note_anew};
use portcullis_tests::pair::INFLATERS;
use portcullis_tests::rig::prompt;
use portcullis_tests::{Pair, Rig, frames};
use serde::de::IgnoredAny;

fn streams() -> Vec<Format> {
    let compressions = [Compression::ZlibStream, Compression::ZstdStream];
    let encodings = [Encoding::Json, Encoding::Etf];
    encodings
        .into_iter()
        .flat_map(|encoding| compressions.map(|compression| Format { compression, encoding }))
        .collect()
}

#[test]
fn found_29_a_payload_in_small_messages_costs_no_copy_of_it_a_message() {
    let words: Vec<String> = (0..120_000_u64).map(|word| format!("{} ", word * 7_919)).collect();
    let event = frames::dispatch("MESSAGE_CREATE", 2, &format!(r#"{{"content":"{}"}}"#, words.concat()));
    let len = event.bytes().len();
    for (format, inflater) in streams().into_iter().flat_map(|format| INFLATERS.map(|inflater| (format, inflater))) {
        let mut pair = Pair::online(format, Config { inflater, ..prompt() });
        let packed = pair.pack(&event);
        pair.rig.scratch = Some(Scratch::default());
        let pieces: Vec<Vec<u8>> = packed.chunks(1 << 10).map(<[u8]>::to_vec).collect();
        assert!(pieces.len() > 150, "{} pieces", pieces.len());
        note_anew();
        for piece in pieces {
            pair.give(piece);
        }
        let total = asked().total;
        assert_eq!(pair.rig.dispatches.len(), 2);
        // Each copy to a longer memory asks for it: doubling, the payload's own memory, and what the rig keeps.
        assert!(total < 16 * len, "{total} bytes were asked for, for {len}, in {format:?} by {inflater:?}");
    }
}

#[test]
fn found_37_a_ready_of_many_keys_costs_no_memory_for_each() {
    let keys = (0..200_000).map(|key| format!(r#""k{key}":0,"#)).collect::<Vec<_>>().concat();
    let data = format!(r#"{{{keys}"session_id":"5e551011","resume_gateway_url":"wss://gateway-x.discord.gg"}}"#);
    for data in [data.clone(), format!(r#"{data},"later":1"#)] {
        let mut rig = Rig::in_phase(Phase::Identifying, prompt());
        let ready = frames::dispatch("READY", 1, &data);
        let input = Input::Message(rig.connection(), ready);
        note_anew();
        rig.machine.handle(rig.now, input).for_each(drop);
        let peak = asked().peak;
        assert_eq!(rig.machine.phase(), Phase::Active);
        let session = rig.machine.session().unwrap();
        assert_eq!(session.id(), Some("5e551011"));
        assert!(session.resume_url().is_some());
        assert!(peak < 64 << 10, "{peak} bytes at once for a READY of {}", data.len());
    }
}

#[test]
fn found_37_a_dispatch_of_many_keys_is_decoded_without_memory_for_each() {
    let keys = (0..200_000).map(|key| format!(r#","k{key}":0"#)).collect::<Vec<_>>().concat();
    let mut rig = Rig::online(prompt());
    rig.message(frames::text(format!(r#"{{"t":"A","s":3,"op":0,"d":{{"a":1}}{keys}}}"#)));
    let dispatch = rig.dispatches.last().unwrap();
    note_anew();
    dispatch.decode::<IgnoredAny>().unwrap();
    let peak = asked().peak;
    assert!(peak < 64 << 10, "{peak} bytes at once");
}
